// BlitzDB through its public header, in memory, all options at their defaults; it is not told the number of
// items.
#include <blitzdb/blitzdb.h>

#include "stores.h"

namespace bench {
namespace {

constexpr int64_t HOUR_MS = 3600 * 1000;

void check(blitzdb_status status) {
    if (status != BLITZDB_OK)
        give_up(std::string("BlitzDB: ") + blitzdb_status_text(status));
}

class BlitzSession : public Session {
  public:
    BlitzSession(blitzdb *db, bool expiring) : db_(db), expiring_(expiring) {
        check(blitzdb_batch_create(db, &changes_));
    }
    ~BlitzSession() override {
        blitzdb_batch_destroy(changes_);
    }

    void set(std::string_view key, std::string_view value) override {
        if (expiring_)
            check(blitzdb_set_with(db_, key.data(), key.size(), value.data(), value.size(), &with_expiry_));
        else
            check(blitzdb_set(db_, key.data(), key.size(), value.data(), value.size()));
    }
    bool get(std::string_view key, char *value_out, size_t value_size) override {
        size_t size = 0;
        blitzdb_status status = blitzdb_get(db_, key.data(), key.size(), value_out, value_size, &size);
        return status == BLITZDB_OK && size == value_size;
    }
    bool del(std::string_view key) override {
        return blitzdb_del(db_, key.data(), key.size()) == BLITZDB_OK;
    }

    size_t get_many(const Batch &wanted, size_t count) override {
        size_t sizes[Batch::MAX];
        blitzdb_status statuses[Batch::MAX];
        check(blitzdb_mget(db_, count, wanted.keys, wanted.key_sizes, wanted.values, wanted.value_sizes,
                           sizes, statuses));
        size_t found = 0;
        for (size_t i = 0; i < count; i++)
            found += statuses[i] == BLITZDB_OK && sizes[i] == wanted.value_sizes[i];
        return found;
    }
    void set_many(const Batch &changed, size_t count) override {
        blitzdb_batch_clear(changes_);
        add_sets(changed, count);
        check(blitzdb_batch_commit(changes_, BLITZDB_DURABILITY_DEFAULT, nullptr));
    }
    void replace_many(const Batch &gone, const Batch &fresh, size_t count) override {
        blitzdb_batch_clear(changes_);
        for (size_t i = 0; i < count; i++)
            check(blitzdb_batch_del(changes_, gone.keys[i], gone.key_sizes[i]));
        add_sets(fresh, count);
        check(blitzdb_batch_commit(changes_, BLITZDB_DURABILITY_DEFAULT, nullptr));
    }

  private:
    static blitzdb_set_options one_hour() {
        blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
        options.ttl_ms = HOUR_MS;
        return options;
    }
    void add_sets(const Batch &batch, size_t count) {
        for (size_t i = 0; i < count; i++)
            check(blitzdb_batch_set(changes_, batch.keys[i], batch.key_sizes[i], batch.values[i],
                                    batch.value_sizes[i], expiring_ ? &with_expiry_ : nullptr));
    }

    blitzdb *db_;
    bool expiring_;
    blitzdb_set_options with_expiry_ = one_hour();
    blitzdb_batch *changes_ = nullptr;
};

class BlitzStore : public Store {
  public:
    explicit BlitzStore(bool expiring) : expiring_(expiring) {
        check(blitzdb_open(nullptr, nullptr, &db_));
    }
    ~BlitzStore() override {
        blitzdb_close(db_);
    }
    std::unique_ptr<Session> session() override {
        return std::make_unique<BlitzSession>(db_, expiring_);
    }
    double memory_bytes() override {
        blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
        check(blitzdb_stats(db_, &stats));
        return static_cast<double>(stats.memory_bytes);
    }

  private:
    blitzdb *db_ = nullptr;
    bool expiring_;
};

} // namespace

std::unique_ptr<Store> open_blitzdb(const Plan &plan) {
    return std::make_unique<BlitzStore>(plan.expiring);
}

} // namespace bench
