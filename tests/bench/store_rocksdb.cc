// RocksDB held in one memtable that is never flushed, without its log; what few files it has are in memory
// too.
//
// The memtable is the hash table of linked lists with two buckets per item, which fits point reads best (with
// half of that, or with the hash table of skip lists, GETs were 10 to 30 % slower). It allows one writer at a
// time. Updates are made in place: otherwise each SET would add a version to the memtable, which here never
// leaves it. A deletion still adds a mark: under churn this store grows. An expiry is that of DBWithTTL, one
// for all keys, checked when tables are compacted.
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/memtablerep.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/utilities/db_ttl.h>

#include "stores.h"

namespace bench {
namespace {

using rocksdb::PinnableSlice;
using rocksdb::Slice;

void check(const rocksdb::Status &status) {
    if (!status.ok())
        give_up("RocksDB: " + status.ToString());
}

Slice slice_of(std::string_view bytes) {
    return {bytes.data(), bytes.size()};
}

class RocksSession : public Session {
  public:
    explicit RocksSession(rocksdb::DB *db) : db_(db) {
        writing_.disableWAL = true;
    }

    void set(std::string_view key, std::string_view value) override {
        check(db_->Put(writing_, slice_of(key), slice_of(value)));
    }
    bool get(std::string_view key, char *value_out, size_t value_size) override {
        PinnableSlice &value = values_[0];
        value.Reset();
        rocksdb::Status status = db_->Get(reading_, db_->DefaultColumnFamily(), slice_of(key), &value);
        return found(status, value, value_out, value_size);
    }
    // RocksDB does not say whether a deleted key was there.
    bool del(std::string_view key) override {
        check(db_->Delete(writing_, slice_of(key)));
        return true;
    }

    size_t get_many(const Batch &wanted, size_t count) override {
        for (size_t i = 0; i < count; i++) {
            keys_[i] = slice_of(wanted.key_view(i));
            values_[i].Reset();
        }
        db_->MultiGet(reading_, db_->DefaultColumnFamily(), count, keys_, values_, statuses_);
        size_t all = 0;
        for (size_t i = 0; i < count; i++)
            all +=
                found(statuses_[i], values_[i], static_cast<char *>(wanted.values[i]), wanted.value_sizes[i]);
        return all;
    }
    void set_many(const Batch &changed, size_t count) override {
        changes_.Clear();
        add_sets(changed, count);
        check(db_->Write(writing_, &changes_));
    }
    void replace_many(const Batch &gone, const Batch &fresh, size_t count) override {
        changes_.Clear();
        for (size_t i = 0; i < count; i++)
            check(changes_.Delete(slice_of(gone.key_view(i))));
        add_sets(fresh, count);
        check(db_->Write(writing_, &changes_));
    }

  private:
    static bool found(const rocksdb::Status &status, const PinnableSlice &value, char *value_out,
                      size_t value_size) {
        if (status.IsNotFound())
            return false;
        check(status);
        copy_out({value.data(), value.size()}, value_out, value_size);
        return true;
    }
    void add_sets(const Batch &batch, size_t count) {
        for (size_t i = 0; i < count; i++)
            check(changes_.Put(slice_of(batch.key_view(i)), slice_of(batch.value_view(i))));
    }

    rocksdb::DB *db_;
    rocksdb::ReadOptions reading_;
    rocksdb::WriteOptions writing_;
    rocksdb::WriteBatch changes_;
    Slice keys_[Batch::MAX];
    PinnableSlice values_[Batch::MAX];
    rocksdb::Status statuses_[Batch::MAX];
};

class RocksStore : public Store {
  public:
    explicit RocksStore(const Plan &plan) : env_(rocksdb::NewMemEnv(rocksdb::Env::Default())) {
        constexpr size_t NEVER = size_t(1) << 44;
        constexpr int HOUR = 3600;
        rocksdb::Options options;
        options.env = env_.get();
        options.create_if_missing = true;
        options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(plan.key_size));
        options.memtable_factory.reset(rocksdb::NewHashLinkListRepFactory(plan.items * 2));
        options.allow_concurrent_memtable_write = false;
        options.inplace_update_support = true;
        options.write_buffer_size = NEVER;
        options.stats_dump_period_sec = 0;
        options.stats_persist_period_sec = 0;
        if (plan.expiring) {
            rocksdb::DBWithTTL *db = nullptr;
            check(rocksdb::DBWithTTL::Open(options, "/bench", &db, HOUR));
            db_.reset(db);
        } else {
            rocksdb::DB *db = nullptr;
            check(rocksdb::DB::Open(options, "/bench", &db));
            db_.reset(db);
        }
    }
    std::unique_ptr<Session> session() override {
        return std::make_unique<RocksSession>(db_.get());
    }

  private:
    std::unique_ptr<rocksdb::Env> env_;
    std::unique_ptr<rocksdb::DB> db_;
};

} // namespace

std::unique_ptr<Store> open_rocksdb(const Plan &plan) {
    return std::make_unique<RocksStore>(plan);
}

} // namespace bench
