// SQLite with a write-ahead log that every commit syncs (synchronous=FULL). All threads share one connection
// behind a lock: SQLite has one writer at a time, and connections of their own would find it busy and sleep.
#include <mutex>

#include <sqlite3.h>

#include "durable.h"

namespace bench {
namespace {

class SqliteStore : public DurableStore {
  public:
    explicit SqliteStore(const std::string &folder) {
        check(sqlite3_open((folder + "/database").c_str(), &db_));
        run("PRAGMA journal_mode=WAL");
        run("PRAGMA synchronous=FULL");
        run("CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
        check(sqlite3_prepare_v2(db_, "INSERT OR REPLACE INTO entries VALUES (?, ?)", -1, &insert_, nullptr));
    }
    ~SqliteStore() override {
        sqlite3_finalize(insert_);
        sqlite3_close(db_);
    }
    std::unique_ptr<DurableWriter> writer() override {
        return std::make_unique<Writer>(this);
    }
    void fill(const std::vector<std::string> &keys, std::string_view value) override {
        run("BEGIN");
        for (const std::string &key : keys)
            set(key, value);
        run("COMMIT");
    }

  private:
    class Writer : public DurableWriter {
      public:
        explicit Writer(SqliteStore *store) : store_(store) {
        }
        void set(std::string_view key, std::string_view value) override {
            std::lock_guard<std::mutex> one(store_->mutex_);
            store_->set(key, value);
        }

      private:
        SqliteStore *store_;
    };

    void check(int result) {
        if (result != SQLITE_OK)
            give_up(std::string("SQLite: ") + sqlite3_errmsg(db_));
    }
    void run(const char *statement) {
        check(sqlite3_exec(db_, statement, nullptr, nullptr, nullptr));
    }
    void set(std::string_view key, std::string_view value) {
        check(sqlite3_bind_blob(insert_, 1, key.data(), static_cast<int>(key.size()), SQLITE_STATIC));
        check(sqlite3_bind_blob(insert_, 2, value.data(), static_cast<int>(value.size()), SQLITE_STATIC));
        sqlite3_step(insert_);
        check(sqlite3_reset(insert_)); // tells how the step ended
    }

    std::mutex mutex_;
    sqlite3 *db_ = nullptr;
    sqlite3_stmt *insert_ = nullptr;
};

} // namespace

std::unique_ptr<DurableStore> open_durable_sqlite(const std::string &folder) {
    return std::make_unique<SqliteStore>(folder);
}

} // namespace bench
