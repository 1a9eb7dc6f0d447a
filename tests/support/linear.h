/**
 * @file
 * @brief Histories of concurrent calls on a few keys, and the question whether they are linearizable.
 *
 * A call has a moment of invocation and one of return. A history is linearizable if every call can be given a
 * moment between its two, so that the calls, one after the other in the order of these moments, give the
 * results that were seen. (M. Herlihy, J. Wing: "Linearizability: a correctness condition for concurrent
 * objects", TOPLAS 1990.)
 *
 * A call is a list of steps that take place at one moment, each on one key. So a call on one key, a look at
 * several (mget), a batch and a transaction are the same kind of thing:
 *
 *     thread 1    |-- GET a: 7, SET a 9 --|
 *     thread 2        |------ SET a 8, SET b 8 ------|
 *
 * The search is that of J. Wing and C. Gong ("Testing and verifying concurrent objects", JPDC 1993) with the
 * memory of G. Lowe ("Testing for linearizability", 2017): a set of calls that are placed, together with the
 * state they lead to, is looked at once. Calls that have no key in common, not even through others, are
 * checked apart from each other: a history is linearizable if each of its parts is.
 */
#ifndef BLITZDB_TESTS_LINEAR_H
#define BLITZDB_TESTS_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rng.h"

/** Keys of a history and steps of a call, at most. */
#define LINEAR_KEYS_MAX 8
#define LINEAR_STEPS_MAX 4
/** The value of a key that does not exist. */
#define LINEAR_ABSENT INT64_MIN
/** Time of return of a call that was never answered: it took place at some moment behind its invocation, or
 * not at all. All its outcomes are unknown. */
#define LINEAR_NEVER UINT64_MAX

/** What a step does to its key. */
enum linear_kind {
    LINEAR_GET,            /**< done if the key exists; `result` is its value */
    LINEAR_SET,            /**< to `argument` */
    LINEAR_SET_IF_ABSENT,  /**< done if the key did not exist */
    LINEAR_SET_IF_PRESENT, /**< done if it did */
    LINEAR_SET_IF_EQUAL,   /**< done if its value was `expected` */
    LINEAR_ADD,            /**< adds `argument`, to 0 if there is no key; `result` is the sum */
    LINEAR_REMOVE,         /**< done if there was something to remove */
};

/** What is known of how a step went. */
enum linear_outcome {
    LINEAR_UNKNOWN,
    LINEAR_DONE,
    LINEAR_REFUSED,
};

struct linear_step {
    enum linear_kind kind;
    enum linear_outcome outcome;
    unsigned key;
    int64_t argument;
    int64_t expected;
    int64_t result;
};

struct linear_call {
    unsigned thread;
    unsigned step_count;
    struct linear_step steps[LINEAR_STEPS_MAX];
    bool rolls_back; /**< a batch: a refused step undoes the steps before it and ends the call */
    uint64_t invoked;
    uint64_t returned; /**< not before `invoked`; two calls that touch in one moment are concurrent */
};

struct linear_history {
    const struct linear_call *calls; /**< in any order */
    size_t count;
    int64_t initial[LINEAR_KEYS_MAX]; /**< values before the first call */
};

/** What a check found. */
struct linear_verdict {
    bool is_linearizable;
    size_t stuck;    /**< if not: the call behind which no order goes on, in the longest one that was found */
    uint64_t states; /**< sets of calls with a state that were looked at */
    uint64_t overlaps; /**< calls that began while another one of their part was under way */
};

/** Checks a history; returns whether it is linearizable. Ends the program if memory runs out. */
bool linear_check(const struct linear_history *history, struct linear_verdict *verdict_out);

/** Writes the calls that were under way with one call, and that call, as text. */
void linear_print(FILE *to, const struct linear_history *history, size_t call);

/** Plays one step on the value of its key; false if it cannot have gone as it says. */
bool linear_play_step(const struct linear_step *step, int64_t *value);

/** Notes how a step that is carried out on `value` goes: fills outcome and result, changes the value. */
void linear_perform_step(struct linear_step *step, int64_t *value);

/** What the calls of a random history look like. */
struct linear_mix {
    unsigned keys;
    bool has_many; /**< calls on several keys as well */
};

/** A call that is made up: its steps without outcomes. Every value that is set is a new one. */
enum linear_shape {
    LINEAR_SHAPE_ONE,    /**< one step */
    LINEAR_SHAPE_OLD,    /**< a set, on a condition or not, that tells the value before: two steps */
    LINEAR_SHAPE_LOOK,   /**< a look at several keys */
    LINEAR_SHAPE_BATCH,  /**< changes that take place together or not at all */
    LINEAR_SHAPE_CHANGE, /**< a transaction: reads two keys and sets both, or removes one */
};

/** Makes up a call; `number` is different for each call of a history and below 10^9. */
enum linear_shape linear_make_up(struct rng *rng, const struct linear_mix *mix, uint64_t number,
                                 struct linear_call *call_out);

/** What a simulated store does wrong. */
enum linear_fault {
    LINEAR_FAULT_NONE,
    LINEAR_FAULT_STALE_READ,     /**< a read answers the value before the last change */
    LINEAR_FAULT_LOST_UPDATE,    /**< an addition reads at one moment and writes at another */
    LINEAR_FAULT_LOOSE_CAS,      /**< a condition is looked at before the change, not with it */
    LINEAR_FAULT_TORN_BATCH,     /**< a batch takes place in two halves */
    LINEAR_FAULT_TORN_LOOK,      /**< a look at several keys takes place in two halves */
    LINEAR_FAULT_LATE_WRITE,     /**< a set takes place after it was answered */
    LINEAR_FAULT_DROPPED_WRITE,  /**< a set is answered and never takes place */
    LINEAR_FAULT_TWICE,          /**< an addition takes place twice */
    LINEAR_FAULT_GHOST_REMOVAL,  /**< a removal of what is not there says that it was */
    LINEAR_FAULT_HALF_ROLL_BACK, /**< a batch that fails leaves its first change */
    LINEAR_FAULT_TORN_VALUE,     /**< a read answers a number nobody wrote */
    LINEAR_FAULT_COUNT,
};

/**
 * Makes a history by simulation: `threads` threads with `calls_each` calls, in a random order of invocations,
 * moments and returns, on a store with a fault. The same seed makes the same history. `calls` has room for
 * all of them.
 */
void linear_simulate(struct rng *rng, const struct linear_mix *mix, enum linear_fault fault, unsigned threads,
                     unsigned calls_each, struct linear_call *calls, struct linear_history *history_out);

#endif
