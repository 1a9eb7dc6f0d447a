// BlitzDB through its public header, all options but the durability at their defaults. With `interval` it has
// its background thread, which syncs; with `always` nothing is left for one to do.
#include <blitzdb/blitzdb.h>

#include "durable.h"

namespace bench {
namespace {

void check(blitzdb_status status) {
    if (status != BLITZDB_OK)
        give_up(std::string("BlitzDB: ") + blitzdb_status_text(status));
}

class BlitzWriter : public DurableWriter {
  public:
    explicit BlitzWriter(blitzdb *db) : db_(db) {
    }
    void set(std::string_view key, std::string_view value) override {
        check(blitzdb_set(db_, key.data(), key.size(), value.data(), value.size()));
    }

  private:
    blitzdb *db_;
};

class BlitzStore : public DurableStore {
  public:
    // Without a folder: in memory.
    BlitzStore(const char *folder, uint32_t durability) {
        blitzdb_options options = BLITZDB_OPTIONS_INIT;
        options.durability = durability;
        if (durability == BLITZDB_DURABILITY_INTERVAL)
            options.background = BLITZDB_BACKGROUND_THREAD;
        check(blitzdb_open(folder, &options, &db_));
    }
    ~BlitzStore() override {
        blitzdb_close(db_);
    }
    std::unique_ptr<DurableWriter> writer() override {
        return std::make_unique<BlitzWriter>(db_);
    }
    void fill(const std::vector<std::string> &keys, std::string_view value) override {
        blitzdb_batch *batch = nullptr;
        check(blitzdb_batch_create(db_, &batch));
        for (const std::string &key : keys)
            check(blitzdb_batch_set(batch, key.data(), key.size(), value.data(), value.size(), nullptr));
        check(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_ALWAYS, nullptr));
        blitzdb_batch_destroy(batch);
    }
    void settle() override {
        check(blitzdb_sync(db_));
    }

  private:
    blitzdb *db_ = nullptr;
};

} // namespace

std::unique_ptr<DurableStore> open_blitzdb_always(const std::string &folder) {
    return std::make_unique<BlitzStore>(folder.c_str(), BLITZDB_DURABILITY_ALWAYS);
}

std::unique_ptr<DurableStore> open_blitzdb_interval(const std::string &folder) {
    return std::make_unique<BlitzStore>(folder.c_str(), BLITZDB_DURABILITY_INTERVAL);
}

std::unique_ptr<DurableStore> open_blitzdb_none(const std::string &folder) {
    return std::make_unique<BlitzStore>(folder.c_str(), BLITZDB_DURABILITY_NONE);
}

std::unique_ptr<DurableStore> open_blitzdb_memory(const std::string &) {
    return std::make_unique<BlitzStore>(nullptr, BLITZDB_DURABILITY_DEFAULT);
}

} // namespace bench
