/**
 * @file
 * @brief The check for linearizability is right about histories made by hand, and finds every fault of a
 * simulated store.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "../support/linear.h"

enum { A, B };

static struct linear_call calls[512];
static size_t count;

/** One call with its time and its thread; the steps follow. */
static struct linear_call *call_at(unsigned thread, uint64_t invoked, uint64_t returned) {
    struct linear_call *call = &calls[count++];
    memset(call, 0, sizeof(*call));
    call->thread = thread;
    call->invoked = invoked;
    call->returned = returned;
    return call;
}

static void step(struct linear_call *call, enum linear_kind kind, unsigned key, int64_t argument,
                 enum linear_outcome outcome, int64_t result) {
    call->steps[call->step_count++] = (struct linear_step){kind, outcome, key, argument, 0, result};
}

static void set(unsigned thread, uint64_t invoked, uint64_t returned, unsigned key, int64_t value) {
    step(call_at(thread, invoked, returned), LINEAR_SET, key, value, LINEAR_DONE, 0);
}

static void get(unsigned thread, uint64_t invoked, uint64_t returned, unsigned key, int64_t value) {
    enum linear_outcome outcome = value == LINEAR_ABSENT ? LINEAR_REFUSED : LINEAR_DONE;
    step(call_at(thread, invoked, returned), LINEAR_GET, key, 0, outcome, value);
}

static bool check(struct linear_verdict *verdict) {
    struct linear_history history = {.calls = calls, .count = count};
    for (unsigned key = 0; key < LINEAR_KEYS_MAX; key++)
        history.initial[key] = LINEAR_ABSENT;
    return linear_check(&history, verdict);
}

static bool is_linearizable(void) {
    struct linear_verdict verdict;
    return check(&verdict);
}

static void setup(void) {
    count = 0;
}

TestSuite(linear, .init = setup);

/* Nothing happened, which is as it should be. */
Test(linear, empty_history) {
    cr_assert(is_linearizable());
}

/* One call behind the other leaves one order only. */
Test(linear, calls_one_by_one) {
    get(0, 1, 2, A, LINEAR_ABSENT);
    set(1, 3, 4, A, 5);
    get(0, 5, 6, A, 5);

    cr_assert(is_linearizable());
}

/* What was replaced before the read began is gone. */
Test(linear, stale_read_is_refused) {
    struct linear_verdict verdict;
    set(0, 1, 2, A, 5);
    set(0, 3, 4, A, 6);
    get(1, 5, 6, A, 5);

    cr_assert_not(check(&verdict));
    cr_assert_eq(verdict.stuck, 2);
}

/* While a write is under way, a reader may see either value. */
Test(linear, concurrent_read_sees_either) {
    set(0, 1, 10, A, 5);
    get(1, 2, 3, A, LINEAR_ABSENT);
    get(1, 4, 5, A, 5);

    cr_assert(is_linearizable());
}

/* Once one reader has seen the new value, a later one cannot see the old one. */
Test(linear, new_then_old_is_refused) {
    set(0, 1, 10, A, 5);
    get(1, 2, 3, A, 5);
    get(2, 4, 5, A, LINEAR_ABSENT);

    cr_assert_not(is_linearizable());
}

/* Calls that touch in one moment are concurrent; one nanosecond later they are not. */
Test(linear, touching_calls_are_concurrent) {
    set(0, 1, 5, A, 5);
    get(1, 5, 6, A, LINEAR_ABSENT);
    cr_assert(is_linearizable());

    calls[1].invoked = 6;
    cr_assert_not(is_linearizable());
}

/* The order of two writes is open until two readers see it, and they must agree. */
Test(linear, readers_agree_on_the_order_of_writes) {
    set(0, 1, 4, A, 5);
    set(1, 1, 4, A, 6);
    get(2, 5, 6, A, 5);
    get(3, 7, 8, A, 5);
    cr_assert(is_linearizable());

    calls[3].steps[0].result = 6;
    cr_assert_not(is_linearizable());
}

/* Two additions that overlap cannot both begin with the same value. */
Test(linear, lost_update_is_refused) {
    step(call_at(0, 1, 5), LINEAR_ADD, A, 1, LINEAR_DONE, 1);
    step(call_at(1, 2, 6), LINEAR_ADD, A, 1, LINEAR_DONE, 2);
    cr_assert(is_linearizable());

    calls[1].steps[0].result = 1;
    cr_assert_not(is_linearizable());
}

/* Of two conditional sets that overlap, one finds the key. */
Test(linear, set_if_absent_is_done_once) {
    step(call_at(0, 1, 5), LINEAR_SET_IF_ABSENT, A, 1, LINEAR_DONE, 0);
    step(call_at(1, 2, 6), LINEAR_SET_IF_ABSENT, A, 2, LINEAR_REFUSED, 0);
    cr_assert(is_linearizable());

    calls[1].steps[0].outcome = LINEAR_DONE;
    cr_assert_not(is_linearizable());
}

/* The other conditions and removal, one behind the other. */
Test(linear, conditions_and_removal) {
    step(call_at(0, 1, 2), LINEAR_SET_IF_PRESENT, A, 1, LINEAR_REFUSED, 0);
    step(call_at(0, 3, 4), LINEAR_REMOVE, A, 0, LINEAR_REFUSED, 0);
    set(0, 5, 6, A, 3);
    struct linear_call *swap = call_at(0, 7, 8);
    step(swap, LINEAR_SET_IF_EQUAL, A, 4, LINEAR_DONE, 0);
    swap->steps[0].expected = 3;
    step(call_at(0, 9, 10), LINEAR_REMOVE, A, 0, LINEAR_DONE, 0);
    get(0, 11, 12, A, LINEAR_ABSENT);
    cr_assert(is_linearizable());

    swap->steps[0].expected = 9;
    cr_assert_not(is_linearizable());
}

/* Each key on its own is fine, but both readers cannot be right about a batch. */
Test(linear, torn_batch_is_refused) {
    struct linear_call *batch = call_at(0, 1, 9);
    step(batch, LINEAR_SET, A, 1, LINEAR_DONE, 0);
    step(batch, LINEAR_SET, B, 2, LINEAR_DONE, 0);
    get(1, 2, 3, A, 1);
    get(1, 4, 5, B, 2);
    cr_assert(is_linearizable());

    calls[2].steps[0] = (struct linear_step){.kind = LINEAR_GET, .outcome = LINEAR_REFUSED, .key = B};
    cr_assert_not(is_linearizable());
}

/* A look at two keys is at one moment. */
Test(linear, torn_look_is_refused) {
    set(0, 1, 2, A, 1);
    set(0, 3, 4, B, 2);
    struct linear_call *look = call_at(1, 0, 9);
    step(look, LINEAR_GET, A, 0, LINEAR_DONE, 1);
    step(look, LINEAR_GET, B, 0, LINEAR_REFUSED, 0);
    cr_assert(is_linearizable());

    look->steps[0].outcome = LINEAR_REFUSED;
    look->steps[1] = (struct linear_step){.kind = LINEAR_GET, .outcome = LINEAR_DONE, .key = B, .result = 2};
    cr_assert_not(is_linearizable());
}

/* A batch that is refused leaves nothing, and must have had a reason. */
Test(linear, refused_batch_leaves_nothing) {
    set(0, 1, 2, B, 7);
    struct linear_call *batch = call_at(0, 3, 4);
    batch->rolls_back = true;
    step(batch, LINEAR_SET, A, 1, LINEAR_DONE, 0);
    step(batch, LINEAR_SET_IF_ABSENT, B, 2, LINEAR_REFUSED, 0);
    get(0, 5, 6, A, LINEAR_ABSENT);
    get(0, 7, 8, B, 7);
    cr_assert(is_linearizable());

    calls[2].steps[0] =
        (struct linear_step){.kind = LINEAR_GET, .outcome = LINEAR_DONE, .key = A, .result = 1};
    cr_assert_not(is_linearizable());

    calls[2].steps[0] = (struct linear_step){.kind = LINEAR_GET, .outcome = LINEAR_REFUSED, .key = A};
    calls[0].steps[0].key = A + 5;
    cr_assert_not(is_linearizable());
}

/* A call that was never answered took place at some later moment, or not at all. */
Test(linear, unanswered_call_is_open) {
    step(call_at(0, 1, LINEAR_NEVER), LINEAR_SET, A, 5, LINEAR_UNKNOWN, 0);
    get(1, 2, 3, A, LINEAR_ABSENT);
    cr_assert(is_linearizable());

    get(1, 4, 5, A, 5);
    cr_assert(is_linearizable());

    get(1, 6, 7, A, LINEAR_ABSENT);
    cr_assert_not(is_linearizable());
}

/* The values before the first call count. */
Test(linear, initial_values) {
    struct linear_verdict verdict;
    get(0, 1, 2, A, 3);
    struct linear_history history = {.calls = calls, .count = count, .initial = {3}};
    cr_assert(linear_check(&history, &verdict));

    history.initial[A] = 4;
    cr_assert_not(linear_check(&history, &verdict));
}

/* What cannot be decided early takes every order of the calls, each set of them once: no factorial. */
Test(linear, states_are_remembered) {
    struct linear_verdict verdict;
    for (unsigned i = 0; i < 12; i++)
        set(i, 1, 100, A, 5);
    get(12, 101, 102, A, 6);

    cr_assert_not(check(&verdict));
    cr_assert_leq(verdict.states, 1 << 12);
}

/** Simulates a history and checks it. */
static bool simulate(struct rng *rng, enum linear_fault fault, bool has_many) {
    struct linear_mix mix = {.keys = 3, .has_many = has_many};
    struct linear_history history;
    struct linear_verdict verdict;
    linear_simulate(rng, &mix, fault, 8, 50, calls, &history);
    return linear_check(&history, &verdict);
}

/* A store that does everything right passes, whatever the order of events. */
Test(linear, sound_store_passes) {
    struct rng rng = {1};
    for (unsigned i = 0; i < 100; i++)
        cr_assert(simulate(&rng, LINEAR_FAULT_NONE, i % 2 == 0), "history %u", i);
}

/* Every fault shows within a few histories. */
Test(linear, every_fault_is_found) {
    struct rng rng = {2};
    for (enum linear_fault fault = LINEAR_FAULT_NONE + 1; fault < LINEAR_FAULT_COUNT; fault++) {
        bool passes = true;
        for (unsigned i = 0; i < 10 && passes; i++)
            passes = simulate(&rng, fault, true);
        cr_assert_not(passes, "fault %d", (int)fault);
    }
}
