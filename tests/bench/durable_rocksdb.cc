// RocksDB with WriteOptions::sync: concurrent writers share a sync. Old log files are used again, so that a
// sync need not record a new size of the file; all else is at its defaults.
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "durable.h"

namespace bench {
namespace {

void check(const rocksdb::Status &status) {
    if (!status.ok())
        give_up("RocksDB: " + status.ToString());
}

rocksdb::Slice slice_of(std::string_view bytes) {
    return {bytes.data(), bytes.size()};
}

class RocksWriter : public DurableWriter {
  public:
    explicit RocksWriter(rocksdb::DB *db) : db_(db) {
        writing_.sync = true;
    }
    void set(std::string_view key, std::string_view value) override {
        check(db_->Put(writing_, slice_of(key), slice_of(value)));
    }

  private:
    rocksdb::DB *db_;
    rocksdb::WriteOptions writing_;
};

class RocksStore : public DurableStore {
  public:
    explicit RocksStore(const std::string &folder) {
        constexpr size_t LOGS_KEPT = 4;
        rocksdb::Options options;
        options.create_if_missing = true;
        options.recycle_log_file_num = LOGS_KEPT;
        rocksdb::DB *db = nullptr;
        check(rocksdb::DB::Open(options, folder, &db));
        db_.reset(db);
    }
    std::unique_ptr<DurableWriter> writer() override {
        return std::make_unique<RocksWriter>(db_.get());
    }
    void fill(const std::vector<std::string> &keys, std::string_view value) override {
        rocksdb::WriteBatch batch;
        for (const std::string &key : keys)
            check(batch.Put(key, slice_of(value)));
        rocksdb::WriteOptions writing;
        writing.sync = true;
        check(db_->Write(writing, &batch));
    }

  private:
    std::unique_ptr<rocksdb::DB> db_;
};

} // namespace

std::unique_ptr<DurableStore> open_durable_rocksdb(const std::string &folder) {
    return std::make_unique<RocksStore>(folder);
}

} // namespace bench
