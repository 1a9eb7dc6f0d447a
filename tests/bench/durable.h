// What bench_durable measures: a store on the disk as one that writes sees it, whichever it is.
//
// A DurableStore is opened in a folder of its own. A thread asks it for a writer, which holds what that
// thread should keep between calls. Each durable_NAME.cc says how its store is set up; another peer is
// another such file and a line in durable.cc.
#ifndef BLITZDB_BENCH_DURABLE_H
#define BLITZDB_BENCH_DURABLE_H

#include "store.h"

namespace bench {

// One thread's way to write.
class DurableWriter {
  public:
    virtual ~DurableWriter() = default;
    // Returns when the store keeps its promise about this value.
    virtual void set(std::string_view key, std::string_view value) = 0;
};

class DurableStore {
  public:
    virtual ~DurableStore() = default;
    virtual std::unique_ptr<DurableWriter> writer() = 0;
    // Sets all keys to the value and syncs, faster than one by one.
    virtual void fill(const std::vector<std::string> &keys, std::string_view value) = 0;
    // Syncs what was promised for later, so that it is counted where it was caused.
    virtual void settle() {
    }
};

struct KnownDurable {
    std::string name;
    std::unique_ptr<DurableStore> (*open)(const std::string &folder);
};

// Who competes, the one that all others are compared with first.
struct DurableContest {
    std::string name;
    std::string about;
    std::vector<KnownDurable> stores;
};
std::vector<DurableContest> known_durable_contests();
std::vector<std::string> absent_durable_packages();

// BlitzDB: synced before a call returns; synced once a second by its own thread; logged and never synced by
// itself; without a file.
std::unique_ptr<DurableStore> open_blitzdb_always(const std::string &folder);
std::unique_ptr<DurableStore> open_blitzdb_interval(const std::string &folder);
std::unique_ptr<DurableStore> open_blitzdb_none(const std::string &folder);
std::unique_ptr<DurableStore> open_blitzdb_memory(const std::string &folder);
// Peers that sync before a call returns.
std::unique_ptr<DurableStore> open_durable_lmdb(const std::string &folder);
std::unique_ptr<DurableStore> open_durable_rocksdb(const std::string &folder);
std::unique_ptr<DurableStore> open_durable_sqlite(const std::string &folder);
// No database at all: one write and one sync after the other. What the disk can do without sharing syncs.
std::unique_ptr<DurableStore> open_plain_file(const std::string &folder);

// Syncs that any code of the process asked the system for (fdatasync, fsync, msync) since it began. LMDB's
// second sync per commit is not in it: it writes its meta page through a descriptor that syncs by itself.
unsigned long long syncs_so_far();

} // namespace bench

#endif
