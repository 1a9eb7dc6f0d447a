/** A simulated store with seeded faults, for proving that the check of histories finds them. */
#include <string.h>

#include "linear.h"

enum { THREADS_MAX = 16 };

/** A thread of the simulation: a call passes through invocation, one or two moments, and return. */
struct actor {
    struct linear_call *call; /* under way; NULL: none */
    enum linear_shape shape;
    unsigned left;         /* calls that are not invoked yet */
    unsigned moments_done; /* of the call under way */
    int64_t noted;         /* what a faulty call saw at its first moment */
};

struct simulation {
    struct rng *rng;
    const struct linear_mix *mix;
    enum linear_fault fault;
    uint64_t now;
    uint64_t number;
    int64_t values[LINEAR_KEYS_MAX];
    int64_t older[LINEAR_KEYS_MAX]; /* values before the last change */
    struct linear_step late;        /* a set that was answered and has not taken place */
    bool has_late;
    struct actor actors[THREADS_MAX];
};

static void perform(struct simulation *simulation, struct linear_step *step) {
    int64_t before = simulation->values[step->key];
    linear_perform_step(step, &simulation->values[step->key]);
    if (simulation->values[step->key] != before)
        simulation->older[step->key] = before;
}

/** Whether this call goes wrong this time. */
static bool goes_wrong(struct simulation *simulation, enum linear_fault fault) {
    return simulation->fault == fault && rng_below(simulation->rng, 4) == 0;
}

/** Carries a whole call out at one moment, as it should be. */
static void perform_all(struct simulation *simulation, struct linear_call *call) {
    int64_t before[LINEAR_KEYS_MAX];
    memcpy(before, simulation->values, sizeof before);
    for (unsigned i = 0; i < call->step_count; i++) {
        struct linear_step *step = &call->steps[i];
        perform(simulation, step);
        if (!call->rolls_back || step->outcome != LINEAR_REFUSED)
            continue;
        if (step->kind == LINEAR_REMOVE) { /* the one change of a batch that may find nothing to do */
            step->outcome = LINEAR_UNKNOWN;
            continue;
        }
        unsigned kept =
            simulation->fault == LINEAR_FAULT_HALF_ROLL_BACK ? call->steps[0].key : LINEAR_KEYS_MAX;
        for (unsigned key = 0; key < LINEAR_KEYS_MAX; key++)
            if (key != kept)
                simulation->values[key] = before[key];
        return;
    }
}

/** Lets the set that was answered take place at last, some moments later. */
static void catch_up(struct simulation *simulation) {
    if (!simulation->has_late || rng_below(simulation->rng, 16) != 0)
        return;
    perform(simulation, &simulation->late);
    simulation->has_late = false;
}

/** The faults of calls of one step that go wrong at their only moment; false: it went well. */
static bool perform_wrongly(struct simulation *simulation, struct linear_step *step) {
    int64_t *value = &simulation->values[step->key];
    if (step->kind == LINEAR_GET && goes_wrong(simulation, LINEAR_FAULT_STALE_READ)) {
        linear_perform_step(step, &simulation->older[step->key]);
        return true;
    }
    if (step->kind == LINEAR_GET && *value > 0 && goes_wrong(simulation, LINEAR_FAULT_TORN_VALUE)) {
        step->outcome = LINEAR_DONE;
        step->result = *value / 1000000 * 1000000 + 123;
        return true;
    }
    if (step->kind == LINEAR_SET && goes_wrong(simulation, LINEAR_FAULT_DROPPED_WRITE)) {
        step->outcome = LINEAR_DONE;
        return true;
    }
    if (step->kind == LINEAR_SET && !simulation->has_late &&
        goes_wrong(simulation, LINEAR_FAULT_LATE_WRITE)) {
        step->outcome = LINEAR_DONE;
        simulation->late = *step;
        simulation->has_late = true;
        return true;
    }
    if (step->kind == LINEAR_ADD && goes_wrong(simulation, LINEAR_FAULT_TWICE)) {
        perform(simulation, step);
        *value += step->argument;
        return true;
    }
    if (step->kind == LINEAR_REMOVE && goes_wrong(simulation, LINEAR_FAULT_GHOST_REMOVAL)) {
        perform(simulation, step);
        step->outcome = LINEAR_DONE;
        return true;
    }
    return false;
}

/** The faults of calls that need two moments. At the first one, whether the call goes wrong is decided. */
static bool needs_two_moments(struct simulation *simulation, const struct actor *actor) {
    const struct linear_call *call = actor->call;
    switch (actor->shape) {
    case LINEAR_SHAPE_ONE:
        return call->steps[0].kind == LINEAR_ADD && goes_wrong(simulation, LINEAR_FAULT_LOST_UPDATE);
    case LINEAR_SHAPE_OLD:
        return call->steps[1].kind != LINEAR_SET && goes_wrong(simulation, LINEAR_FAULT_LOOSE_CAS);
    case LINEAR_SHAPE_LOOK:
        return goes_wrong(simulation, LINEAR_FAULT_TORN_LOOK);
    case LINEAR_SHAPE_BATCH:
        return call->steps[1].kind == LINEAR_SET && goes_wrong(simulation, LINEAR_FAULT_TORN_BATCH);
    case LINEAR_SHAPE_CHANGE:
        break;
    }
    return false;
}

static void first_moment(struct simulation *simulation, struct actor *actor) {
    struct linear_call *call = actor->call;
    if (actor->shape == LINEAR_SHAPE_ONE)
        actor->noted = simulation->values[call->steps[0].key];
    else
        perform(simulation, &call->steps[0]);
    if (actor->shape == LINEAR_SHAPE_OLD) {
        int64_t seen = simulation->values[call->steps[1].key];
        linear_perform_step(&call->steps[1], &seen);
    }
}

static void second_moment(struct simulation *simulation, struct actor *actor) {
    struct linear_call *call = actor->call;
    struct linear_step *last = &call->steps[call->step_count - 1];
    if (actor->shape == LINEAR_SHAPE_ONE) {
        simulation->values[last->key] = actor->noted;
        perform(simulation, last);
    } else if (actor->shape == LINEAR_SHAPE_OLD) {
        if (last->outcome == LINEAR_DONE)
            simulation->values[last->key] = last->argument;
    } else {
        perform(simulation, last);
    }
}

/** Fills in what a compare-and-set expects: mostly what is there. */
static void choose_expected(struct simulation *simulation, struct linear_call *call) {
    for (unsigned i = 0; i < call->step_count; i++) {
        struct linear_step *step = &call->steps[i];
        if (step->kind == LINEAR_SET_IF_EQUAL)
            step->expected = rng_below(simulation->rng, 4) == 0 ? 1 : simulation->values[step->key];
        if (step->kind == LINEAR_SET_IF_EQUAL && step->expected == LINEAR_ABSENT)
            step->expected = 1;
    }
}

/** Lets one thread go one step on: invoke, carry out, return. */
static void advance(struct simulation *simulation, struct actor *actor, struct linear_call *next) {
    simulation->now++;
    if (actor->call == NULL) {
        actor->call = next;
        actor->shape = linear_make_up(simulation->rng, simulation->mix, simulation->number++, next);
        actor->moments_done = 0;
        actor->left--;
        next->thread = (unsigned)(actor - simulation->actors);
        next->invoked = simulation->now;
        choose_expected(simulation, next);
        return;
    }
    if (actor->moments_done == 0) {
        catch_up(simulation);
        actor->moments_done = 2;
        if (needs_two_moments(simulation, actor)) {
            actor->moments_done = 1;
            first_moment(simulation, actor);
        } else if (actor->shape != LINEAR_SHAPE_ONE || !perform_wrongly(simulation, &actor->call->steps[0])) {
            perform_all(simulation, actor->call);
        }
        return;
    }
    if (actor->moments_done == 1) {
        actor->moments_done = 2;
        second_moment(simulation, actor);
        return;
    }
    actor->call->returned = simulation->now;
    actor->call = NULL;
}

void linear_simulate(struct rng *rng, const struct linear_mix *mix, enum linear_fault fault, unsigned threads,
                     unsigned calls_each, struct linear_call *calls, struct linear_history *history_out) {
    struct simulation simulation = {.rng = rng, .mix = mix, .fault = fault};
    size_t count = 0;
    size_t all = (size_t)threads * calls_each;
    for (unsigned key = 0; key < LINEAR_KEYS_MAX; key++)
        simulation.values[key] = simulation.older[key] = history_out->initial[key] = LINEAR_ABSENT;
    for (unsigned i = 0; i < threads; i++)
        simulation.actors[i].left = calls_each;
    for (size_t under_way = 0; count < all || under_way > 0;) {
        struct actor *actor = &simulation.actors[rng_below(rng, threads)];
        bool begins = actor->call == NULL;
        if (begins && actor->left == 0)
            continue;
        advance(&simulation, actor, begins ? &calls[count] : NULL);
        count += begins;
        under_way += begins;
        under_way -= !begins && actor->call == NULL;
    }
    history_out->calls = calls;
    history_out->count = count;
}
