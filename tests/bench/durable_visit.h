// One visit of bench_durable: some threads write to one store for a moment.
#ifndef BLITZDB_BENCH_DURABLE_VISIT_H
#define BLITZDB_BENCH_DURABLE_VISIT_H

#include "durable.h"

namespace bench {

// What all visits have in common.
struct WritePlan {
    size_t keys;
    size_t value_size;
    double seconds;
};

// Per operation, but for the first.
struct WriteCost {
    double rate;         // operations per second, all threads together
    double processor_us; // of the process, in the store, in the system and in threads of the store
    double kernel_us;    // of that: in the system
    double machine_us;   // of the whole machine: also what the system does elsewhere, and others' work
    double syncs;
    double switches; // of threads that had to wait
};

// The key of an item as every store gets it.
std::string durable_key(size_t item);

// Visits with another number choose other keys.
WriteCost run_write_visit(DurableStore *store, const WritePlan &plan, unsigned threads, unsigned number);

} // namespace bench

#endif
