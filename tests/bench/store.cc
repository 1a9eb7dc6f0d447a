#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stores.h"

namespace bench {

void give_up(const std::string &text) {
    std::fprintf(stderr, "bench: %s\n", text.c_str());
    std::exit(1);
}

Batch::Batch(size_t key_size, size_t value_size) : keys_(MAX * key_size), values_(MAX * value_size, 'v') {
    for (size_t i = 0; i < MAX; i++) {
        keys[i] = keys_.data() + i * key_size;
        values[i] = values_.data() + i * value_size;
        key_sizes[i] = key_size;
        value_sizes[i] = value_size;
    }
}

size_t Session::get_many(const Batch &, size_t) {
    give_up("this store has no batches");
}

void Session::set_many(const Batch &, size_t) {
    give_up("this store has no batches");
}

void Session::replace_many(const Batch &, const Batch &, size_t) {
    give_up("this store has no batches");
}

void copy_out(std::string_view value, char *value_out, size_t value_size) {
    if (value.size() != value_size)
        give_up("a value came back with another size");
    std::memcpy(value_out, value.data(), value_size);
}

std::vector<KnownStore> known_stores() {
    std::vector<KnownStore> stores{{"BlitzDB", true, true, open_blitzdb}};
#ifdef BENCH_WITH_TKRZW
    stores.push_back({"TinyDBM", false, false, open_tiny_dbm});
    stores.push_back({"CacheDBM", false, false, open_cache_dbm});
    stores.push_back({"BabyDBM", false, false, open_baby_dbm});
#endif
#ifdef BENCH_WITH_LIBCUCKOO
    stores.push_back({"libcuckoo", false, false, open_libcuckoo});
    stores.push_back({"cuckoo-str", false, false, open_libcuckoo_with_strings});
#endif
    stores.push_back({"map+locks", false, false, open_map_with_locks});
#ifdef BENCH_WITH_LMDB
    stores.push_back({"LMDB", true, false, open_lmdb});
#endif
#ifdef BENCH_WITH_ROCKSDB
    stores.push_back({"RocksDB", true, true, open_rocksdb});
#endif
    return stores;
}

std::vector<std::string> absent_packages() {
    std::vector<std::string> packages;
#ifndef BENCH_WITH_TKRZW
    packages.push_back("TinyDBM, CacheDBM, BabyDBM (libtkrzw-dev)");
#endif
#ifndef BENCH_WITH_LIBCUCKOO
    packages.push_back("libcuckoo (libcuckoo-dev)");
#endif
#ifndef BENCH_WITH_LMDB
    packages.push_back("LMDB (liblmdb-dev)");
#endif
#ifndef BENCH_WITH_ROCKSDB
    packages.push_back("RocksDB (librocksdb-dev)");
#endif
    return packages;
}

} // namespace bench
