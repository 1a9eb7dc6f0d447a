#include "durable.h"

#include <atomic>
#include <cstddef>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {
namespace {

std::atomic<unsigned long long> syncs{0};

int sync_counted(long number, int fd) {
    syncs.fetch_add(1, std::memory_order_relaxed);
    return static_cast<int>(syscall(number, fd));
}

} // namespace

unsigned long long syncs_so_far() {
    return syncs.load();
}

std::vector<DurableContest> known_durable_contests() {
    DurableContest sync{"sync", "every SET on disk before the call returns", {}};
    sync.stores.push_back({"BlitzDB", open_blitzdb_always});
#ifdef BENCH_WITH_LMDB
    sync.stores.push_back({"LMDB", open_durable_lmdb});
#endif
#ifdef BENCH_WITH_ROCKSDB
    sync.stores.push_back({"RocksDB", open_durable_rocksdb});
#endif
#ifdef BENCH_WITH_SQLITE
    sync.stores.push_back({"SQLite", open_durable_sqlite});
#endif
    sync.stores.push_back({"(file)", open_plain_file});
    return {sync,
            {"interval",
             "BlitzDB with its log against BlitzDB in memory only",
             {{"interval", open_blitzdb_interval},
              {"memory", open_blitzdb_memory},
              {"none", open_blitzdb_none}}}};
}

std::vector<std::string> absent_durable_packages() {
    std::vector<std::string> packages;
#ifndef BENCH_WITH_LMDB
    packages.push_back("LMDB (liblmdb-dev)");
#endif
#ifndef BENCH_WITH_ROCKSDB
    packages.push_back("RocksDB (librocksdb-dev)");
#endif
#ifndef BENCH_WITH_SQLITE
    packages.push_back("SQLite (libsqlite3-dev)");
#endif
    return packages;
}

} // namespace bench

// The program's own functions come before those of the C library, for the libraries it loads as well.
extern "C" {

int fdatasync(int fd) {
    return bench::sync_counted(SYS_fdatasync, fd);
}

int fsync(int fd) {
    return bench::sync_counted(SYS_fsync, fd);
}

int msync(void *address, size_t size, int flags) {
    if ((flags & MS_SYNC) != 0)
        bench::syncs.fetch_add(1, std::memory_order_relaxed);
    return static_cast<int>(syscall(SYS_msync, address, size, flags));
}
}
