/**
 * @file
 * @brief A whole run of blitzdb-benchmark: connect, fill, warm up, measure.
 */
#ifndef BLITZDB_BENCHMARK_RUN_H
#define BLITZDB_BENCHMARK_RUN_H

#include "benchmark_histogram.h"
#include "benchmark_process.h"
#include "benchmark_worker.h"

/** What came out of it. Everything but the fields that say otherwise belongs to the measured phase. */
struct run_result {
    uint64_t operations, scheduled; /**< scheduled: with a rate, commands that were due */
    double seconds;                 /**< from the first send to the last reply */
    struct histogram latency;
    struct reply_counts counts;
    struct totals totals;
    double own_cpu_seconds;

    uint64_t filled_keys; /**< before, if asked for */
    double fill_seconds;

    bool server_known;               /**< a pid was given; only then the rest counts */
    struct process_meter server;     /**< spent in the phase */
    uint64_t server_start_resident;  /**< before the first connection */
    uint64_t server_filled_resident; /**< after the filling, before the idle connections */
    uint64_t server_idle_resident;   /**< with the idle connections, before the phase */
    uint64_t server_resident;        /**< after the phase */
};

/** Carries out what the settings say; false with an error. Ends early, with results so far, after run_stop().
 */
bool run_benchmark(const struct settings *settings, struct run_result *result, char error[ERROR_SIZE]);

/** May be called by a signal handler. */
void run_stop(void);

#endif
