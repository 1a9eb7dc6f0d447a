/**
 * @file
 * @brief Lets long work give way: it takes a bounded share of one processor while other threads are busy.
 *
 * The work is done in short steps. After each the processor time it took is multiplied by what others are to
 * have, and once that makes a pause worth while, it is waited for: some tenths of a millisecond of work, some
 * milliseconds of pause. As long as the other threads of the process use hardly any processor time, there are
 * no pauses; nor are there if the environment does not know processor times.
 *
 * One thread works at a time; any may change the share or wake it.
 */
#ifndef BZD_PACE_H
#define BZD_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "lock.h"

/** Share of a processor in percent, unless the caller says otherwise. */
enum { BZD_PACE_SHARE_DEFAULT = 10 };

struct bzd_pace {
    const blitzdb_env *env;
    struct bzd_mutex mutex;
    struct bzd_condition hurry;
    _Atomic unsigned share; /**< percent, 1 to 100 */
    /* used by the one who works */
    uint64_t cpu_ns;         /**< processor time of this thread at the end of the last step */
    uint64_t owed_ns;        /**< time of pauses that are due */
    uint64_t sampled_ns;     /**< when it was last looked whether others are busy */
    uint64_t sampled_cpu_ns; /**< processor time of the others then */
    bool others_are_busy;
};

blitzdb_status bzd_pace_init(struct bzd_pace *pace, const blitzdb_env *env);
void bzd_pace_deinit(struct bzd_pace *pace);

/** Begins a piece of work in this thread. */
void bzd_pace_begin(struct bzd_pace *pace);
/** Ends a step, and gives way if it is time. No lock is held. */
void bzd_pace_step(struct bzd_pace *pace);
/** Changes the share, from 1 to 100. */
void bzd_pace_set_share(struct bzd_pace *pace, unsigned percent);
/** Ends a pause early. */
void bzd_pace_wake(struct bzd_pace *pace);

#endif
