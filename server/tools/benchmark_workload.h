/**
 * @file
 * @brief What all threads of blitzdb-benchmark share: the compiled commands, how often each, and the values.
 */
#ifndef BLITZDB_BENCHMARK_WORKLOAD_H
#define BLITZDB_BENCHMARK_WORKLOAD_H

#include "benchmark_request.h"

/** Constant once made. */
struct workload {
    const struct settings *settings;
    struct values values;
    struct request set, get, other;
    bool only_other;    /**< INCR or a command of the user's */
    uint64_t set_below; /**< of 2^32 choices so many are SETs */
    size_t size_max;    /**< of the largest command */
};

/** False with an error if there is no memory or the command is empty. */
bool workload_init(struct workload *workload, const struct settings *settings, char error[ERROR_SIZE]);
void workload_deinit(struct workload *workload);

/** What the next command is. */
const struct request *workload_choose(const struct workload *workload, uint64_t *random);

#endif
