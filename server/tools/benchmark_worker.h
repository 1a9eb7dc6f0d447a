/**
 * @file
 * @brief A thread of blitzdb-benchmark with its connections: sends commands, takes replies, notes latencies.
 *
 * Closed loop (no rate): every connection sends a batch of as many commands as its pipeline is deep, waits
 * for all of their replies and sends the next. A latency is counted from the send of the batch. Open loop (a
 * rate): commands are sent when the schedule says, each on the connection that has waited longest and has
 * less on its way than its pipeline is deep; without such a connection they wait. A latency is counted from
 * the moment the command was due.
 *
 * The connections last from init to deinit; between them come phases: worker_begin(), the thread
 * worker_run(), and once it has ended, whatever stands in the worker.
 */
#ifndef BLITZDB_BENCHMARK_WORKER_H
#define BLITZDB_BENCHMARK_WORKER_H

#include <stdatomic.h>

#include "benchmark_histogram.h"
#include "benchmark_link.h"
#include "benchmark_schedule.h"
#include "benchmark_workload.h"

/** A part of a run. */
struct phase {
    bool fills;           /**< every key once, and nothing else */
    uint64_t operations;  /**< of all threads; UINT64_MAX: as many as the time allows */
    uint64_t duration_ns; /**< 0: until all operations are done */
    uint64_t rate;        /**< of all threads; 0: closed loop */
    uint64_t pipeline;
    uint64_t begin_ns;
};

/** What a thread did in a phase. */
struct totals {
    uint64_t keys; /**< that its commands named */
    uint64_t wrong_values;
    uint64_t bytes_sent, bytes_received;
    uint64_t unsent; /**< open loop: due, but given up because the server was too slow for too long */
};

struct worker {
    const struct workload *workload;
    uint64_t number;
    atomic_bool *stop; /**< shared: end early */
    struct link *links;
    size_t link_count;
    int epoll;
    char *received;
    struct request_source source;

    struct phase phase;
    uint64_t left;        /**< closed loop: commands that may still be sent */
    uint64_t outstanding; /**< without a reply */
    struct schedule schedule;
    struct link **ready; /**< a ring of the links with room in their pipelines, the longest waiting first */
    size_t ready_first, ready_count;
    struct link **unflushed;
    size_t unflushed_count;

    _Atomic uint64_t done; /**< replies; another thread may look */
    struct histogram latency;
    struct reply_counts counts;
    struct totals totals;
    char failure[ERROR_SIZE]; /**< why the phase ended; empty if it went well */
};

/** Opens the connections of thread `number`; false with a failure. */
bool worker_init(struct worker *worker, const struct workload *workload, uint64_t number, atomic_bool *stop);
void worker_deinit(struct worker *worker);

void worker_begin(struct worker *worker, const struct phase *phase);
/** A thread function; its argument is the worker. */
void *worker_run(void *worker);

/** The first of the `total` things that belong to thread `number` of `threads`. */
uint64_t worker_share_begin(uint64_t total, uint64_t number, uint64_t threads);

/** Nanoseconds of the clock all times are read from. */
uint64_t worker_now_ns(void);

#endif
