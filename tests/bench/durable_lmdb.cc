// LMDB as it is durable by default: a transaction for every SET, synced by its commit. Commits do not share
// syncs. Without a writable map, which was measured to be slower here.
#include <lmdb.h>

#include "durable.h"

namespace bench {
namespace {

void check(int result) {
    if (result != MDB_SUCCESS)
        give_up(std::string("LMDB: ") + mdb_strerror(result));
}

MDB_val value_of(std::string_view bytes) {
    return {bytes.size(), const_cast<char *>(bytes.data())};
}

class LmdbStore : public DurableStore {
  public:
    explicit LmdbStore(const std::string &folder) {
        constexpr size_t MAP_SIZE = size_t(16) << 30; // only what is written takes room
        check(mdb_env_create(&env_));
        check(mdb_env_set_mapsize(env_, MAP_SIZE));
        check(mdb_env_open(env_, folder.c_str(), MDB_NOTLS, 0600));
        MDB_txn *txn = begin();
        check(mdb_dbi_open(txn, nullptr, 0, &dbi_));
        check(mdb_txn_commit(txn));
    }
    ~LmdbStore() override {
        mdb_env_close(env_);
    }
    std::unique_ptr<DurableWriter> writer() override {
        return std::make_unique<Writer>(this);
    }
    void fill(const std::vector<std::string> &keys, std::string_view value) override {
        MDB_txn *txn = begin();
        for (const std::string &key : keys)
            put(txn, key, value);
        check(mdb_txn_commit(txn));
    }

  private:
    class Writer : public DurableWriter {
      public:
        explicit Writer(LmdbStore *store) : store_(store) {
        }
        void set(std::string_view key, std::string_view value) override {
            MDB_txn *txn = store_->begin();
            store_->put(txn, key, value);
            check(mdb_txn_commit(txn));
        }

      private:
        LmdbStore *store_;
    };

    MDB_txn *begin() {
        MDB_txn *txn = nullptr;
        check(mdb_txn_begin(env_, nullptr, 0, &txn));
        return txn;
    }
    void put(MDB_txn *txn, std::string_view key, std::string_view value) {
        MDB_val key_bytes = value_of(key), value_bytes = value_of(value);
        check(mdb_put(txn, dbi_, &key_bytes, &value_bytes, 0));
    }

    MDB_env *env_ = nullptr;
    MDB_dbi dbi_ = 0;
};

} // namespace

std::unique_ptr<DurableStore> open_durable_lmdb(const std::string &folder) {
    return std::make_unique<LmdbStore>(folder);
}

} // namespace bench
