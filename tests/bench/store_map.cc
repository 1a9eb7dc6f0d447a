// What many programs have instead of a database: std::unordered_map in 1024 shards, each with a reader-writer
// lock. A thread keeps one string for the keys it looks up, so that a GET allocates nothing.
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "stores.h"

namespace bench {
namespace {

constexpr size_t SHARD_BITS = 10;

struct alignas(64) Shard {
    std::shared_mutex mutex;
    std::unordered_map<std::string, std::string> map;
};

struct Shards {
    Shard shards[size_t(1) << SHARD_BITS];

    explicit Shards(size_t items) {
        for (Shard &shard : shards)
            shard.map.reserve(items >> SHARD_BITS);
    }
    Shard &of(std::string_view key) {
        return shards[std::hash<std::string_view>()(key) >> (64 - SHARD_BITS)];
    }
};

class MapSession : public Session {
  public:
    explicit MapSession(Shards &shards) : shards_(shards) {
    }
    void set(std::string_view key, std::string_view value) override {
        Shard &shard = shards_.of(key);
        key_ = key;
        std::unique_lock<std::shared_mutex> guard(shard.mutex);
        shard.map[key_].assign(value);
    }
    bool get(std::string_view key, char *value_out, size_t value_size) override {
        Shard &shard = shards_.of(key);
        key_ = key;
        std::shared_lock<std::shared_mutex> guard(shard.mutex);
        auto at = shard.map.find(key_);
        if (at == shard.map.end())
            return false;
        copy_out(at->second, value_out, value_size);
        return true;
    }
    bool del(std::string_view key) override {
        Shard &shard = shards_.of(key);
        key_ = key;
        std::unique_lock<std::shared_mutex> guard(shard.mutex);
        return shard.map.erase(key_) == 1;
    }

  private:
    Shards &shards_;
    std::string key_;
};

} // namespace

std::unique_ptr<Store> open_map_with_locks(const Plan &plan) {
    return std::make_unique<StoreOf<Shards, MapSession>>(plan.items);
}

} // namespace bench
