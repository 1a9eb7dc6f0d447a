/**
 * @file
 * @brief A thread's calls on a real database: makes them up, makes them, and notes for each what it answered
 * and when it began and ended.
 *
 * Values are decimal numbers, so that they can be added to. Views and transactions yield the processor while
 * they hold their locks, so that calls overlap on a machine with few processors. An answer that no call can
 * give ends the program.
 */
#ifndef BLITZDB_TESTS_LINEAR_CALLER_H
#define BLITZDB_TESTS_LINEAR_CALLER_H

#include <blitzdb/blitzdb.h>

#include "linear.h"

/** One thread. */
struct linear_caller {
    blitzdb *db;
    unsigned thread;
    struct rng rng;
    int64_t seen[LINEAR_KEYS_MAX]; /**< the value of each key as this thread saw it last */
};

/** Makes up a call (see linear_make_up()), makes it, and notes it. */
void linear_caller_call(struct linear_caller *caller, const struct linear_mix *mix, uint64_t number,
                        struct linear_call *call_out);

/** Reads one key. */
void linear_caller_read(struct linear_caller *caller, unsigned key, struct linear_call *call_out);

#endif
