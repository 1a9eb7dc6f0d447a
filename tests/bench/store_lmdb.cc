// LMDB, its file in RAM: in /dev/shm, which is memory, or else in TMPDIR.
//
// As its manual recommends where nothing must survive: no sync, a writable map (no copies of pages), memory
// not cleared, and a read transaction per thread that is renewed instead of made anew. A batch is one
// transaction. The folder is removed as soon as it is open, so that nothing stays behind however the program
// ends.
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include <lmdb.h>

#include "stores.h"

namespace bench {
namespace {

void check(int result) {
    if (result != MDB_SUCCESS)
        give_up(std::string("LMDB: ") + mdb_strerror(result));
}

MDB_val value_of(std::string_view bytes) {
    return {bytes.size(), const_cast<char *>(bytes.data())};
}

struct Environment {
    MDB_env *env = nullptr;
    MDB_dbi dbi = 0;
};

class LmdbSession : public Session {
  public:
    explicit LmdbSession(const Environment &environment) : env_(environment.env), dbi_(environment.dbi) {
        check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &reading_));
        mdb_txn_reset(reading_);
    }
    ~LmdbSession() override {
        mdb_txn_abort(reading_);
    }

    void set(std::string_view key, std::string_view value) override {
        MDB_txn *txn = begin_writing();
        put(txn, key, value);
        check(mdb_txn_commit(txn));
    }
    bool get(std::string_view key, char *value_out, size_t value_size) override {
        check(mdb_txn_renew(reading_));
        bool found = look_up(key, value_out, value_size);
        mdb_txn_reset(reading_);
        return found;
    }
    bool del(std::string_view key) override {
        MDB_txn *txn = begin_writing();
        bool found = remove(txn, key);
        check(mdb_txn_commit(txn));
        return found;
    }

    size_t get_many(const Batch &wanted, size_t count) override {
        check(mdb_txn_renew(reading_));
        size_t found = 0;
        for (size_t i = 0; i < count; i++)
            found +=
                look_up(wanted.key_view(i), static_cast<char *>(wanted.values[i]), wanted.value_sizes[i]);
        mdb_txn_reset(reading_);
        return found;
    }
    void set_many(const Batch &changed, size_t count) override {
        MDB_txn *txn = begin_writing();
        put_all(txn, changed, count);
        check(mdb_txn_commit(txn));
    }
    void replace_many(const Batch &gone, const Batch &fresh, size_t count) override {
        MDB_txn *txn = begin_writing();
        for (size_t i = 0; i < count; i++)
            remove(txn, gone.key_view(i));
        put_all(txn, fresh, count);
        check(mdb_txn_commit(txn));
    }

  private:
    MDB_txn *begin_writing() {
        MDB_txn *txn = nullptr;
        check(mdb_txn_begin(env_, nullptr, 0, &txn));
        return txn;
    }
    void put(MDB_txn *txn, std::string_view key, std::string_view value) {
        MDB_val key_bytes = value_of(key), value_bytes = value_of(value);
        check(mdb_put(txn, dbi_, &key_bytes, &value_bytes, 0));
    }
    void put_all(MDB_txn *txn, const Batch &batch, size_t count) {
        for (size_t i = 0; i < count; i++)
            put(txn, batch.key_view(i), batch.value_view(i));
    }
    bool remove(MDB_txn *txn, std::string_view key) {
        MDB_val key_bytes = value_of(key);
        int result = mdb_del(txn, dbi_, &key_bytes, nullptr);
        if (result != MDB_NOTFOUND)
            check(result);
        return result == MDB_SUCCESS;
    }
    bool look_up(std::string_view key, char *value_out, size_t value_size) {
        MDB_val key_bytes = value_of(key), value;
        int result = mdb_get(reading_, dbi_, &key_bytes, &value);
        if (result == MDB_NOTFOUND)
            return false;
        check(result);
        copy_out({static_cast<const char *>(value.mv_data), value.mv_size}, value_out, value_size);
        return true;
    }

    MDB_env *env_;
    MDB_dbi dbi_;
    MDB_txn *reading_ = nullptr;
};

class LmdbStore : public Store {
  public:
    explicit LmdbStore(const Plan &plan) {
        check(mdb_env_create(&environment_.env));
        check(mdb_env_set_mapsize(environment_.env, map_size(plan)));
        std::string folder = make_folder();
        check(mdb_env_open(environment_.env, folder.c_str(),
                           MDB_NOSYNC | MDB_WRITEMAP | MDB_NOMEMINIT | MDB_NORDAHEAD | MDB_NOTLS, 0600));
        std::filesystem::remove_all(folder);
        MDB_txn *txn = nullptr;
        check(mdb_txn_begin(environment_.env, nullptr, 0, &txn));
        check(mdb_dbi_open(txn, nullptr, 0, &environment_.dbi));
        check(mdb_txn_commit(txn));
    }
    ~LmdbStore() override {
        mdb_env_close(environment_.env);
    }
    std::unique_ptr<Session> session() override {
        return std::make_unique<LmdbSession>(environment_);
    }

  private:
    // Only the pages that are written take memory; the map itself may be far too large.
    static size_t map_size(const Plan &plan) {
        constexpr size_t SPARE = size_t(1) << 30;
        return SPARE + plan.items * (plan.key_size + plan.value_size + 64) * 4;
    }
    static std::string make_folder() {
        const char *temporary = std::getenv("TMPDIR");
        std::string folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : temporary ? temporary : "/tmp";
        folder += "/blitzdb-bench-XXXXXX";
        if (mkdtemp(folder.data()) == nullptr)
            give_up("cannot make " + folder);
        return folder;
    }

    Environment environment_;
};

} // namespace

std::unique_ptr<Store> open_lmdb(const Plan &plan) {
    return std::make_unique<LmdbStore>(plan);
}

} // namespace bench
