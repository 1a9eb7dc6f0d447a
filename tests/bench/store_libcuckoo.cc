// libcuckoo's concurrent map from string to string, with room reserved for all items, in two ways: with keys
// handed over as std::string, as its examples do, and as views. Lookups take any type that can be hashed and
// compared like a key; without a string, which would be allocated, a GET is up to twice as fast.
#include <functional>

#include <libcuckoo/cuckoohash_map.hh>

#include "stores.h"

namespace bench {
namespace {

using Map = libcuckoo::cuckoohash_map<std::string, std::string, std::hash<std::string_view>, std::equal_to<>>;

// `Handed` is what a caller has in hand: a view of its own bytes, or a string.
template <class Handed> class CuckooSession : public Session {
  public:
    explicit CuckooSession(Map &map) : map_(map) {
    }
    void set(std::string_view key, std::string_view value) override {
        map_.insert_or_assign(Handed(key), value);
    }
    bool get(std::string_view key, char *value_out, size_t value_size) override {
        return map_.find_fn(
            Handed(key), [=](const std::string &value) { copy_out(value, value_out, value_size); });
    }
    bool del(std::string_view key) override {
        return map_.erase(Handed(key));
    }

  private:
    Map &map_;
};

} // namespace

std::unique_ptr<Store> open_libcuckoo(const Plan &plan) {
    return std::make_unique<StoreOf<Map, CuckooSession<std::string_view>>>(plan.items);
}

std::unique_ptr<Store> open_libcuckoo_with_strings(const Plan &plan) {
    return std::make_unique<StoreOf<Map, CuckooSession<std::string>>>(plan.items);
}

} // namespace bench
