// One visit: some threads work on one store for a moment, and their rates are added up.
#ifndef BLITZDB_BENCH_MEASURE_H
#define BLITZDB_BENCH_MEASURE_H

#include "store.h"
#include "workload.h"

namespace bench {

constexpr unsigned THREADS_MAX = ChurnOrder::LANES;
constexpr size_t KEY_SIZE = 16;
constexpr size_t VALUE_SIZE = 64;

// What is done during a visit. Of the last three, only those that the load needs are looked at.
struct Visit {
    Store *store;
    Load load;
    unsigned threads;
    size_t batch; // keys per call; 1: the calls for a single key
    double seconds;
    bool by_processor;
    unsigned round; // other rounds begin elsewhere in the drawn items
    const std::vector<uint32_t> *drawn;
    const ChurnOrder *order;
    ChurnState *churned;
};

struct Result {
    double rate;            // million operations per second, all threads together
    double processor_share; // of the time on the wall: less than 1 if threads waited, for locks or processors
};

Result run_visit(const Visit &visit);

// The time on the wall, or that of this thread on its processor, if others disturb the measurement.
double now_seconds(bool of_processor);

} // namespace bench

#endif
