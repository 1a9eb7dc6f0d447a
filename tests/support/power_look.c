#include <inttypes.h>
#include <stdlib.h>

#include "power_internal.h"

/** One image in so many, divided by the images of a class, is recovered with a power failure in the middle.
 */
#define DEEP_SAMPLE 192
/** At one crash point in so many, divided likewise, the process dies before the power fails. */
#define KILL_SAMPLE 24

/** Violations up to which they are printed. */
#define REPORTS_MAX 20

/* Reports */

/** Whether the next violation is printed: one of a run, and not too many. */
static bool is_printed(const struct power_state *run) {
    return !run->spec->is_quiet && !run->is_broken && power_violations(run->counts) < REPORTS_MAX;
}

void power_report(const struct power_sight *sight, uint64_t *counter, const char *what) {
    struct power_state *run = sight->run;
    bool is_shown = is_printed(run);
    (*counter)++;
    if (!is_shown)
        return;
    run->is_broken = true;
    (void)fprintf(stderr, "%s: image %s %" PRIu64 ", %zu operations begun, %zu durable; repeat with\n  ",
                  what, mem_env_damage_name(sight->damage), sight->index, run->issued, run->durable);
    power_spec_print(run->spec, stderr);
    for (size_t i = 0; i < run->count; i++) {
        (void)fprintf(stderr, "  %zu ", i);
        operation_print(&run->operations[i], stderr);
    }
    (void)fprintf(stderr, "pending at the failure:\n");
    mem_env_print_pending(run->env, stderr);
}

void power_report_status(const struct power_sight *sight, const char *what, blitzdb_status status,
                         const blitzdb_error *error) {
    bool is_shown = is_printed(sight->run);
    power_report(sight, &sight->run->counts->failures, what);
    if (is_shown)
        (void)fprintf(stderr, "  %s: %s\n", blitzdb_status_name(status), error->text);
}

static void report_states(const struct power_sight *sight, uint64_t *counter, const char *what,
                          const struct model *expected, const struct model *found) {
    bool is_shown = is_printed(sight->run);
    power_report(sight, counter, what);
    if (is_shown && expected != NULL)
        model_print(expected, "expected");
    if (is_shown)
        model_print(found, "found");
}

/* Recovery */

/** Opens an image and reads what is there; NULL (and a report): it does not open. The caller closes. */
static blitzdb *recover(const struct power_sight *sight, struct mem_env *image, struct model *state) {
    blitzdb_error error = {0};
    blitzdb *db = NULL;
    sight->run->counts->recovered++;
    blitzdb_status status = power_open(sight->run, image, &error, &db);
    if (status != BLITZDB_OK) {
        power_report_status(sight, "recovery failed", status, &error);
        return NULL;
    }
    power_check_directory(sight, image);
    status = model_read_database(state, db);
    if (status != BLITZDB_OK)
        power_report_status(sight, "reading failed", status, &error);
    return db;
}

/** Opens an image and compares; used where the state is known in advance. */
static void recover_same(const struct power_sight *sight, struct mem_env *image, const struct model *expected,
                         const char *what) {
    struct model state = {0};
    blitzdb *db = recover(sight, image, &state);
    if (db != NULL && !model_equal(&state, expected, mem_env_now_ms(image)))
        report_states(sight, &sight->run->counts->lost, what, expected, &state);
    (void)blitzdb_close(db);
    model_deinit(&state);
}

/** Whether the state is what a batch would leave if only its first step had been applied. */
static bool is_torn(const struct power_state *run, const struct model *state, int64_t now_ms) {
    bool is_found = false;
    for (size_t i = 0; !is_found && i < run->issued; i++) {
        if (run->operations[i].step_count > 1) {
            struct operation half = run->operations[i];
            struct model torn = {0};
            half.step_count = 1;
            model_copy(&torn, &run->states[i]);
            (void)operation_apply(&torn, &half, now_ms);
            is_found = model_equal(&torn, state, now_ms);
            model_deinit(&torn);
        }
    }
    return is_found;
}

/**
 * Compares the state with every prefix that is allowed, and names what is wrong otherwise. Answers the length
 * of the longest prefix that fits.
 */
static size_t judge(const struct power_sight *sight, const struct model *state, int64_t now_ms) {
    const struct power_state *run = sight->run;
    struct power_counts *counts = run->counts;
    for (size_t i = run->issued + 1; i > run->durable; i--)
        if ((run->may_be_kept[i - 1] || i - 1 == run->durable) &&
            model_equal(state, &run->states[i - 1], now_ms))
            return i - 1;
    bool is_lost = false;
    for (size_t i = 0; i < run->durable; i++)
        is_lost = is_lost || model_equal(state, &run->states[i], now_ms);
    uint64_t *counter = &counts->phantom;
    if (is_lost)
        counter = &counts->lost;
    else if (is_torn(run, state, now_ms))
        counter = &counts->torn;
    report_states(sight, counter, is_lost ? "acknowledged operations are lost" : "no prefix gives this state",
                  &run->states[run->durable], state);
    return run->count;
}

/**
 * Goes on after a recovery: with the first operation that was undone, whose record has the size of the one
 * that was lost, so whatever stood behind that one and was not cut off would follow it again; or with a small
 * one, which fits into a segment that was about to be left.
 */
static void go_on(const struct power_sight *sight, blitzdb *db, struct model *state, size_t next,
                  int64_t now_ms) {
    struct power_state *run = sight->run;
    struct operation operation = operation_single(STEP_SET, 0, "marker", "m");
    if (next < run->count && rng_below(&run->rng, 2) == 0)
        operation = run->operations[next];
    blitzdb_status expected = operation_apply(state, &operation, now_ms);
    blitzdb_status status = operation_run(db, &operation);
    if (status == expected) {
        bool is_logged = (run->flags & BLITZDB_OPEN_NO_LOG) == 0;
        status = is_logged ? blitzdb_sync(db) : blitzdb_snapshot(db, NULL);
        expected = BLITZDB_OK;
    }
    if (status != expected)
        power_report_status(sight, "going on after the recovery failed", status, &(blitzdb_error){0});
}

/* Power failures during recovery */

/** A recovery that is watched. */
struct deep_run {
    const struct power_sight *sight;
    struct mem_env *env;
    const struct model *expected; /**< NULL: any state that the run allows */
};

static void recover_again(const struct deep_run *deep, struct mem_env *image) {
    if (deep->expected != NULL) {
        recover_same(deep->sight, image, deep->expected, "another state after a power failure in recovery");
        return;
    }
    struct model state = {0};
    blitzdb *db = recover(deep->sight, image, &state);
    if (db != NULL)
        (void)judge(deep->sight, &state, mem_env_now_ms(image));
    (void)blitzdb_close(db);
    model_deinit(&state);
}

/** Looks at one image of some classes before a call of a recovery. */
static void explore_recovery(const struct deep_run *deep) {
    static const enum mem_env_damage damages[] = {MEM_DAMAGE_DROPPED,   MEM_DAMAGE_APPLIED,
                                                  MEM_DAMAGE_PREFIX,    MEM_DAMAGE_ONE_MISSING,
                                                  MEM_DAMAGE_ONE_ALONE, MEM_DAMAGE_RANDOM};
    struct power_state *run = deep->sight->run;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        uint64_t count = mem_env_crash_count(deep->env, damages[i]);
        if (count > 0) {
            struct mem_env *image = mem_env_crash(deep->env, damages[i], rng_below(&run->rng, count));
            recover_again(deep, image);
            mem_env_destroy(image);
        }
    }
    run->counts->recovery_points++;
}

static void before_change_of_recovery(void *user, enum mem_env_call call, const char *path) {
    (void)call;
    (void)path;
    explore_recovery(user);
}

/** Recovers with the power failing before each of the calls, and leaves the database open. */
static blitzdb *recover_deep(const struct deep_run *deep, struct model *state) {
    mem_env_before_change(deep->env, before_change_of_recovery, (void *)(uintptr_t)deep);
    blitzdb *db = recover(deep->sight, deep->env, state);
    mem_env_before_change(deep->env, NULL, NULL);
    return db;
}

/** Lets the process die now and the power fail later. */
static void explore_kill(struct power_state *run) {
    struct power_sight sight = {run, MEM_DAMAGE_APPLIED, 0};
    struct model state = {0};
    struct mem_env *env = mem_env_kill(run->env);
    struct deep_run deep = {&sight, env, NULL};
    blitzdb *db = recover_deep(&deep, &state);
    if (db != NULL) {
        (void)judge(&sight, &state, mem_env_now_ms(env));
        deep.expected = &state;
        explore_recovery(&deep);
    }
    (void)blitzdb_close(db);
    model_deinit(&state);
    mem_env_destroy(env);
}

/* Images */

static bool is_new(struct power_state *run, struct mem_env *image) {
    if (run->seen_durable != run->durable || run->seen_count == POWER_SEEN_MAX) {
        run->seen_durable = run->durable;
        run->seen_count = 0;
    }
    uint64_t digest = mem_env_digest(image);
    for (size_t i = 0; i < run->seen_count; i++)
        if (run->seen[i] == digest)
            return false;
    run->seen[run->seen_count++] = digest;
    return true;
}

static void explore_image(struct power_state *run, enum mem_env_damage damage, uint64_t index) {
    struct power_sight sight = {run, damage, index};
    struct mem_env *image = mem_env_crash(run->env, damage, index);
    struct model state = {0};
    blitzdb *db = is_new(run, image) ? recover(&sight, image, &state) : NULL;
    if (db != NULL) {
        size_t length = judge(&sight, &state, mem_env_now_ms(image));
        if (rng_below(&run->rng, DEEP_SAMPLE) < run->spec->images) {
            struct mem_env *again = mem_env_crash(run->env, damage, index);
            struct model same = {0};
            (void)blitzdb_close(recover_deep(&(struct deep_run){&sight, again, &state}, &same));
            model_deinit(&same);
            mem_env_destroy(again);
        }
        if (rng_below(&run->rng, 2) == 0)
            go_on(&sight, db, &state, length, mem_env_now_ms(image));
        struct mem_env *second = mem_env_crash(image, MEM_DAMAGE_DROPPED, 0);
        recover_same(&sight, second, &state, "the second open shows another state");
        mem_env_destroy(second);
        (void)blitzdb_close(db);
    }
    model_deinit(&state);
    mem_env_destroy(image);
}

void power_explore(struct power_state *run) {
    run->counts->crash_points++;
    if (rng_below(&run->rng, KILL_SAMPLE) < run->spec->images)
        explore_kill(run);
    for (unsigned damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
        uint64_t count = mem_env_crash_count(run->env, (enum mem_env_damage)damage);
        bool is_sampled = count > run->spec->images;
        for (uint64_t i = 0; i < (is_sampled ? run->spec->images : count); i++)
            explore_image(run, (enum mem_env_damage)damage, is_sampled ? rng_below(&run->rng, count) : i);
    }
}
