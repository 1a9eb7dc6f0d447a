// The contest over one number of items: which stores are filled at the same time, and their measurements.
//
// All stores of a group are filled first and stay. Each kind of work is measured in short rounds that visit
// every number of threads, batch and store once, so that whatever disturbs the machine for a while disturbs
// all of them. A group has a process of its own, so that its memory is gone afterwards.
#ifndef BLITZDB_BENCH_CONTEST_H
#define BLITZDB_BENCH_CONTEST_H

#include "process.h"
#include "settings.h"

namespace bench {

// One visit as it comes out of a group's process.
struct Measurement {
    uint32_t work; // index in all_work()
    uint32_t batch;
    uint32_t threads;
    uint32_t store; // index in Settings::stores
    uint32_t round;
    Result result;
};

// BlitzDB and some of the peers, by index.
using Group = std::vector<size_t>;

// As few groups as fit the memory that is available, given what each store takes (in bytes).
std::vector<Group> make_groups(const std::vector<double> &sizes, double available);

// In the process of the group: fills the stores and sends every measurement.
void run_group(const Settings &settings, uint64_t items, const Group &group, FILE *to);

} // namespace bench

#endif
