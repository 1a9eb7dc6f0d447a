// How each store is opened. Another peer is another store_NAME.cc, a line here and in store.cc, and a
// BENCH_WITH_... definition from CMakeLists.txt, because its package may be absent.
#ifndef BLITZDB_BENCH_STORES_H
#define BLITZDB_BENCH_STORES_H

#include "store.h"

namespace bench {

std::unique_ptr<Store> open_blitzdb(const Plan &plan);
std::unique_ptr<Store> open_tiny_dbm(const Plan &plan);
std::unique_ptr<Store> open_cache_dbm(const Plan &plan);
std::unique_ptr<Store> open_baby_dbm(const Plan &plan);
std::unique_ptr<Store> open_libcuckoo(const Plan &plan);
std::unique_ptr<Store> open_libcuckoo_with_strings(const Plan &plan);
std::unique_ptr<Store> open_map_with_locks(const Plan &plan);
std::unique_ptr<Store> open_lmdb(const Plan &plan);
std::unique_ptr<Store> open_rocksdb(const Plan &plan);

} // namespace bench

#endif
