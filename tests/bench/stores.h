// The stores that are measured: BlitzDB and its peers behind one small interface, one class each.
//
// Another peer is another class here, one line in known_stores(), and a BENCH_WITH_... definition from
// CMakeLists.txt if its package may be absent. A store is created empty, filled by one thread and then used
// by several; a GET copies the value out. What cannot go wrong in a healthy run ends the program.
#ifndef BLITZDB_BENCH_STORES_H
#define BLITZDB_BENCH_STORES_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <blitzdb/blitzdb.h>

#ifdef BENCH_WITH_TKRZW
#include <tkrzw_dbm_cache.h>
#include <tkrzw_dbm_tiny.h>
#endif
#ifdef BENCH_WITH_LIBCUCKOO
#include <libcuckoo/cuckoohash_map.hh>
#endif

namespace bench {

struct Key {
    char bytes[16];
    std::string_view view() const {
        return {bytes, sizeof bytes};
    }
};

struct Value {
    char bytes[64];
    std::string_view view() const {
        return {bytes, sizeof bytes};
    }
};

// The keys and values of one call, as a caller keeps them who asks for many keys again and again.
struct Batch {
    static constexpr size_t MAX = 64;
    Key keys[MAX];
    Value values[MAX];
    const void *key_list[MAX];
    void *buffers[MAX];
    size_t key_sizes[MAX];
    size_t value_sizes[MAX];

    Batch() {
        std::memset(values, 'v', sizeof values);
        for (size_t i = 0; i < MAX; i++) {
            key_list[i] = keys[i].bytes;
            buffers[i] = values[i].bytes;
            key_sizes[i] = sizeof(Key);
            value_sizes[i] = sizeof(Value);
        }
    }
    Batch(const Batch &) = delete;
    Batch &operator=(const Batch &) = delete;
};

[[noreturn]] inline void give_up(const std::string &text) {
    std::fprintf(stderr, "bench_store: %s\n", text.c_str());
    std::exit(1);
}

inline void copy_out(std::string_view from, Value *to) {
    if (from.size() != sizeof to->bytes)
        give_up("a value came back with another size");
    std::memcpy(to->bytes, from.data(), sizeof to->bytes);
}

// What is measured.
class Store {
  public:
    virtual ~Store() = default;
    virtual void set(const Key &key, const Value &value) = 0;
    virtual bool get(const Key &key, Value *value_out) = 0;

    // The first keys of a batch in one call, for stores that gain from it; returns how many were found.
    virtual bool has_batches() const {
        return false;
    }
    virtual size_t get_many(Batch *, size_t) {
        give_up("this store has no batches");
    }
};

class BlitzDB : public Store {
  public:
    BlitzDB() {
        check(blitzdb_open(nullptr, nullptr, &db_));
    }
    ~BlitzDB() override {
        blitzdb_close(db_);
    }
    void set(const Key &key, const Value &value) override {
        check(blitzdb_set(db_, key.bytes, sizeof key.bytes, value.bytes, sizeof value.bytes));
    }
    bool get(const Key &key, Value *value_out) override {
        size_t size = 0;
        blitzdb_status status =
            blitzdb_get(db_, key.bytes, sizeof key.bytes, value_out->bytes, sizeof value_out->bytes, &size);
        return status == BLITZDB_OK && size == sizeof value_out->bytes;
    }
    bool has_batches() const override {
        return true;
    }
    size_t get_many(Batch *batch, size_t count) override {
        size_t sizes[Batch::MAX];
        blitzdb_status statuses[Batch::MAX];
        check(blitzdb_mget(db_, count, batch->key_list, batch->key_sizes, batch->buffers, batch->value_sizes,
                           sizes, statuses));
        size_t found = 0;
        for (size_t i = 0; i < count; i++)
            found += statuses[i] == BLITZDB_OK && sizes[i] == sizeof(Value);
        return found;
    }

  private:
    static void check(blitzdb_status status) {
        if (status != BLITZDB_OK)
            give_up(std::string("BlitzDB: ") + blitzdb_status_text(status));
    }
    blitzdb *db_ = nullptr;
};

#ifdef BENCH_WITH_TKRZW
template <class Database> class Tkrzw : public Store {
  public:
    template <class... Arguments> explicit Tkrzw(Arguments... arguments) : database_(arguments...) {
    }
    void set(const Key &key, const Value &value) override {
        if (!database_.Set(key.view(), value.view()).IsOK())
            give_up("tkrzw refused a SET");
    }
    bool get(const Key &key, Value *value_out) override {
        Reader reader(value_out);
        return database_.Process(key.view(), &reader, false).IsOK() && reader.found;
    }

  private:
    // Copies in place: its Get() would allocate a string first.
    struct Reader : tkrzw::DBM::RecordProcessor {
        explicit Reader(Value *to) : value_out(to) {
        }
        std::string_view ProcessFull(std::string_view, std::string_view value) override {
            copy_out(value, value_out);
            found = true;
            return NOOP;
        }
        Value *value_out;
        bool found = false;
    };
    Database database_;
};
#endif

#ifdef BENCH_WITH_LIBCUCKOO
class Cuckoo : public Store {
  public:
    explicit Cuckoo(size_t items) : map_(items) {
    }
    void set(const Key &key, const Value &value) override {
        map_.insert_or_assign(std::string(key.view()), std::string(value.view()));
    }
    bool get(const Key &key, Value *value_out) override {
        return map_.find_fn(
            std::string(key.view()), [value_out](const std::string &value) { copy_out(value, value_out); });
    }

  private:
    libcuckoo::cuckoohash_map<std::string, std::string> map_;
};
#endif

// What many programs have instead of a database.
class ShardedMap : public Store {
  public:
    void set(const Key &key, const Value &value) override {
        Shard &shard = shard_of(key);
        std::string copy(key.view());
        std::unique_lock<std::shared_mutex> guard(shard.mutex);
        shard.map[std::move(copy)].assign(value.view());
    }
    bool get(const Key &key, Value *value_out) override {
        Shard &shard = shard_of(key);
        std::string copy(key.view());
        std::shared_lock<std::shared_mutex> guard(shard.mutex);
        auto at = shard.map.find(copy);
        if (at == shard.map.end())
            return false;
        copy_out(at->second, value_out);
        return true;
    }

  private:
    struct alignas(64) Shard {
        std::shared_mutex mutex;
        std::unordered_map<std::string, std::string> map;
    };
    static constexpr size_t SHARD_BITS = 10;
    Shard &shard_of(const Key &key) {
        return shards_[std::hash<std::string_view>()(key.view()) >> (64 - SHARD_BITS)];
    }
    std::vector<Shard> shards_{size_t(1) << SHARD_BITS};
};

struct KnownStore {
    std::string name;
    std::function<std::unique_ptr<Store>(size_t items)> create;
};

// BlitzDB first, then the peers; those that want to know the number of items in advance are told.
inline std::vector<KnownStore> known_stores() {
    std::vector<KnownStore> stores;
    stores.push_back({"BlitzDB", [](size_t) { return std::make_unique<BlitzDB>(); }});
#ifdef BENCH_WITH_TKRZW
    stores.push_back({"TinyDBM",
                      [](size_t items) {
                          return std::make_unique<Tkrzw<tkrzw::TinyDBM>>(static_cast<int64_t>(items * 2));
                      }});
    stores.push_back({"CacheDBM", [](size_t items) {
                          return std::make_unique<Tkrzw<tkrzw::CacheDBM>>(static_cast<int64_t>(items * 2),
                                                                          int64_t(64) << 30);
                      }});
#endif
#ifdef BENCH_WITH_LIBCUCKOO
    stores.push_back({"libcuckoo", [](size_t items) { return std::make_unique<Cuckoo>(items); }});
#endif
    stores.push_back({"map+locks", [](size_t) { return std::make_unique<ShardedMap>(); }});
    return stores;
}

// What this program could have measured if the package had been there when it was compiled.
inline std::vector<std::string> absent_stores() {
    std::vector<std::string> names;
#ifndef BENCH_WITH_TKRZW
    names.push_back("tkrzw (libtkrzw-dev)");
#endif
#ifndef BENCH_WITH_LIBCUCKOO
    names.push_back("libcuckoo (libcuckoo-dev)");
#endif
    return names;
}

} // namespace bench

#endif
