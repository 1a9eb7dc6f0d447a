/**
 * @file
 * @brief When each command of an open loop should be sent.
 *
 * A rate is kept by a plan, not by pauses: command number n of all threads is due n / rate seconds after the
 * beginning, and of T threads number t has the commands t, t + T, t + 2T and so on. Latencies are counted
 * from that moment, so a server that stops for a second is charged with every command that should have been
 * sent meanwhile, not with the one that happened to wait (no coordinated omission).
 */
#ifndef BLITZDB_BENCHMARK_SCHEDULE_H
#define BLITZDB_BENCHMARK_SCHEDULE_H

#include <stdint.h>

struct schedule {
    uint64_t begin_ns;
    uint64_t rate; /**< of all threads, per second */
    uint64_t next; /**< number of this thread's next command among those of all threads */
    uint64_t threads;
    uint64_t left; /**< commands of this thread that were not taken yet */
};

/** How many commands of all threads are due in a time. */
uint64_t schedule_total(uint64_t rate, uint64_t duration_ns);

/** The plan of one thread for its share of `total` commands; `rate` is 1 to 10^9. */
void schedule_init(struct schedule *schedule, uint64_t begin_ns, uint64_t rate, uint64_t thread,
                   uint64_t threads, uint64_t total);

/** When the next command is due; UINT64_MAX if there is none left. */
uint64_t schedule_due(const struct schedule *schedule);

/** Takes the next command; there must be one. */
void schedule_take(struct schedule *schedule);

#endif
