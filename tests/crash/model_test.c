/**
 * @file
 * @brief Long random runs of everything that writes, against the model, with reopening, snapshots, time
 *        passing, deaths of the process and power failures in between.
 *
 * Every operation is made on the database and on the model and must get the same answer; now and then the
 * whole contents are compared, and every reading call is tried on the keys touched. Snapshots are interrupted
 * by writes. After a death or a power failure the state must be the model after some prefix of the operations
 * that keeps all that is durable; the run goes on from that state. Every open has its own options, logs and
 * databases without one mixed.
 *
 * Usage: model_test [seed [rounds]]. A failure prints the seed, the round and the last operations.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../support/mem_env.h"
#include "../support/operation.h"
#include "../support/reading.h"

/** Operations between two syncs (or snapshots) at most: the longest history that a failure can cut. */
#define HISTORY_MAX 64
/** Operations in the middle of a snapshot at most. */
#define MEANWHILE_MAX 16
/** Operations of a round. */
#define ROUND_OPERATIONS 1500
/** Operations that a report shows. */
#define SHOWN_MAX 20

static const char directory[] = "db";

/** An operation that a power failure may undo, and when it was made. */
struct past {
    struct operation operation;
    int64_t now_ms;
};

/** One round. */
struct round {
    uint64_t seed;
    uint64_t number;
    struct rng rng;
    bool is_memory_only;
    uint32_t mode;
    blitzdb_options options;
    struct mem_env *env;
    blitzdb *db;
    struct model model;   /**< what the database shows */
    struct model durable; /**< what must survive at least */
    size_t history_count; /**< the operations between the two */
    struct past history[HISTORY_MAX + 2 * MEANWHILE_MAX];
    size_t mark; /**< operations of the history that were made before the snapshot that runs */
    uint64_t operations;
    struct past last[SHOWN_MAX]; /**< ring of the last operations, for the report */
};

static struct {
    uint64_t operations;
    uint64_t reopened;
    uint64_t power_failures;
    uint64_t meanwhile;
    uint64_t deaths;
    uint64_t undone;
} totals;

/* Reports */

static _Noreturn void fail(const struct round *round, const char *what, blitzdb_status found,
                           blitzdb_status expected) {
    (void)fprintf(stderr,
                  "seed %" PRIu64 ", round %" PRIu64 ", operation %" PRIu64 ": %s: found %s, expected %s\n",
                  round->seed, round->number, round->operations, what, blitzdb_status_name(found),
                  blitzdb_status_name(expected));
    uint64_t first = round->operations > SHOWN_MAX ? round->operations - SHOWN_MAX : 0;
    for (uint64_t i = first; i < round->operations; i++) {
        const struct past *past = &round->last[i % SHOWN_MAX];
        (void)fprintf(stderr, "  at %" PRId64 ": ", past->now_ms);
        operation_print(&past->operation, stderr);
    }
    exit(1);
}

static void expect(const struct round *round, const char *what, blitzdb_status found,
                   blitzdb_status expected) {
    if (found != expected)
        fail(round, what, found, expected);
}

static void expect_true(const struct round *round, const char *what, bool is_true) {
    if (!is_true)
        fail(round, what, BLITZDB_OK, BLITZDB_OK);
}

/* Comparing */

static void compare_all(struct round *round) {
    struct model found = {0};
    int64_t now_ms = mem_env_now_ms(round->env);
    expect(round, "reading everything", model_read_database(&found, round->db), BLITZDB_OK);
    if (!model_equal(&found, &round->model, now_ms)) {
        model_print(&found, "database");
        model_print(&round->model, "model");
        fail(round, "the contents differ", BLITZDB_OK, BLITZDB_OK);
    }
    model_deinit(&found);
}

/** Tries the reading calls on the keys of an operation, and now and then all of them. */
static void compare_readings(struct round *round, const struct operation *operation) {
    struct reading reading = {.db = round->db, .model = &round->model, .now_ms = mem_env_now_ms(round->env)};
    const char *wrong = NULL;
    for (size_t i = 0; wrong == NULL && i < operation->step_count; i++) {
        const struct step *step = &operation->steps[i];
        wrong = reading_check_key(&reading, &(blitzdb_key){step->key, strlen(step->key), step->keyspace});
    }
    if (wrong == NULL && rng_below(&round->rng, 64) == 0)
        wrong = reading_check_database(&reading);
    if (wrong != NULL)
        fail(round, wrong, reading.status, BLITZDB_OK);
}

/* Durability */

/** The first operations of the history must survive. */
static void note_durable_prefix(struct round *round, size_t count) {
    for (size_t i = 0; i < count; i++)
        (void)operation_apply(&round->durable, &round->history[i].operation, round->history[i].now_ms);
    round->history_count -= count;
    memmove(&round->history[0], &round->history[count], round->history_count * sizeof(round->history[0]));
}

/** Everything up to now must survive. */
static void note_durable(struct round *round) {
    model_copy(&round->durable, &round->model);
    round->history_count = 0;
    round->mark = 0;
}

static bool has_log(const struct round *round) {
    return (round->options.flags & BLITZDB_OPEN_NO_LOG) == 0;
}

/** Whether all is on disk after an operation that was acknowledged. What changes nothing is not synced. */
static bool is_durable_by_itself(const struct round *round, const struct operation *operation,
                                 bool is_change) {
    if (operation->kind == OPERATION_SYNC || !has_log(round))
        return has_log(round);
    bool has_own = operation->kind == OPERATION_BATCH || operation->kind == OPERATION_TXN ||
                   operation->kind == OPERATION_SECTION ||
                   (operation->kind == OPERATION_SINGLE && operation->steps[0].kind == STEP_SET);
    uint32_t durability = has_own ? operation->durability : BLITZDB_DURABILITY_DEFAULT;
    if (durability == BLITZDB_DURABILITY_DEFAULT)
        durability = round->mode;
    return is_change && durability == BLITZDB_DURABILITY_ALWAYS;
}

static void add_to_history(struct round *round, const struct operation *operation, int64_t now_ms) {
    round->history[round->history_count++] = (struct past){*operation, now_ms};
}

/** Finds the prefix of the history that the database shows, and makes it the model. */
static void adopt_recovered(struct round *round) {
    struct model found = {0};
    struct model state = {0};
    int64_t now_ms = mem_env_now_ms(round->env);
    size_t best = SIZE_MAX;
    expect(round, "reading what was recovered", model_read_database(&found, round->db), BLITZDB_OK);
    model_copy(&state, &round->durable);
    for (size_t i = 0;; i++) {
        if (model_equal(&state, &found, now_ms)) {
            best = i;
            model_copy(&round->model, &state);
        }
        if (i == round->history_count)
            break;
        (void)operation_apply(&state, &round->history[i].operation, round->history[i].now_ms);
    }
    if (best == SIZE_MAX) {
        model_print(&found, "recovered");
        model_print(&round->durable, "durable");
        model_print(&state, "newest");
        fail(round, "no prefix of the history was recovered", BLITZDB_OK, BLITZDB_OK);
    }
    totals.undone += round->history_count - best;
    model_deinit(&state);
    model_deinit(&found);
    note_durable(round);
}

/* Opening, closing, losing power */

static void choose_options(struct round *round) {
    struct rng *rng = &round->rng;
    static const uint64_t segments[] = {4096, 4096, 16384, 1 << 20};
    static const uint32_t shards[] = {1, 4, 128};
    round->options = (blitzdb_options){.struct_size = sizeof(round->options)};
    round->options.shard_count = shards[rng_below(rng, 3)];
    round->options.log_segment_bytes = segments[rng_below(rng, 4)];
    round->options.log_buffer_bytes = rng_below(rng, 2) == 0 ? 0 : 4096;
    round->options.durability = (uint32_t)rng_below(rng, BLITZDB_DURABILITY_ALWAYS + 1);
    bool is_logged = round->is_memory_only || rng_below(rng, 6) != 0;
    round->options.flags = is_logged ? 0 : BLITZDB_OPEN_NO_LOG;
    if (!is_logged && round->options.durability == BLITZDB_DURABILITY_ALWAYS) /* refused without a log */
        round->options.durability = BLITZDB_DURABILITY_INTERVAL;
    round->options.snapshot_log_bytes = rng_below(rng, 4) == 0 ? 20000 : UINT64_MAX;
    round->mode = round->options.durability;
}

static void expect_no_leak(const struct round *round) {
    expect_true(round, "nothing leaks",
                mem_env_live_memory(round->env) == 0 && mem_env_open_files(round->env) == 0);
}

/** Opens with new options; answers false if the power failed meanwhile. */
static bool try_open(struct round *round) {
    blitzdb_error error = {0};
    choose_options(round);
    round->options.env = mem_env_table(round->env);
    round->options.error = &error;
    blitzdb_status status =
        blitzdb_open(round->is_memory_only ? NULL : directory, &round->options, &round->db);
    if (status != BLITZDB_OK && mem_env_crashed(round->env)) {
        round->db = NULL;
        return false;
    }
    if (status != BLITZDB_OK)
        (void)fprintf(stderr, "%s\n", error.text);
    expect(round, "open", status, BLITZDB_OK);
    return true;
}

/** Goes on with what a failure left. */
static void go_on_with(struct round *round, struct mem_env *left) {
    (void)blitzdb_close(round->db); /* its disk is gone; what it answers means nothing */
    expect_no_leak(round);
    mem_env_destroy(round->env);
    round->env = left;
    (void)try_open(round);
    adopt_recovered(round);
}

/** Goes on with one of the images that a power failure can leave. */
static void lose_power(struct round *round) {
    enum mem_env_damage damage = MEM_DAMAGE_DROPPED;
    uint64_t count = 0;
    do {
        damage = (enum mem_env_damage)rng_below(&round->rng, MEM_DAMAGE_KINDS);
        count = mem_env_crash_count(round->env, damage);
    } while (count == 0);
    uint64_t index = damage == MEM_DAMAGE_RANDOM ? rng_next(&round->rng) : rng_below(&round->rng, count);
    totals.power_failures++;
    go_on_with(round, mem_env_crash(round->env, damage, index));
}

/** The process dies and another one opens the database; the system lives on and forgets nothing. */
static void die(struct round *round) {
    totals.deaths++;
    go_on_with(round, mem_env_kill(round->env));
}

/** Without a log the changes since some snapshot are gone, with one everything is there. */
static void reopen(struct round *round) {
    bool keeps_all = has_log(round);
    blitzdb_status status = blitzdb_close(round->db);
    round->db = NULL;
    if (mem_env_crashed(round->env)) {
        lose_power(round);
        return;
    }
    expect(round, "close", status, BLITZDB_OK);
    expect_no_leak(round);
    if (round->is_memory_only)
        model_deinit(&round->model);
    if (keeps_all || round->is_memory_only)
        note_durable(round);
    if (!try_open(round)) {
        lose_power(round);
        return;
    }
    adopt_recovered(round);
    totals.reopened++;
}

/* Operations */

static blitzdb_status expected_status(const struct round *round, const struct operation *operation,
                                      blitzdb_status from_model) {
    bool is_snapshot = operation->kind == OPERATION_SNAPSHOT;
    return is_snapshot && round->is_memory_only ? BLITZDB_UNSUPPORTED : from_model;
}

/** Makes one operation on database and model; answers false if the power failed meanwhile. */
static bool perform(struct round *round, const struct operation *operation) {
    int64_t now_ms = mem_env_now_ms(round->env);
    round->last[round->operations++ % SHOWN_MAX] = (struct past){*operation, now_ms};
    totals.operations++;
    blitzdb_status status = operation_run(round->db, operation);
    if (mem_env_crashed(round->env)) {
        /* It may have happened or not, and no later one did. */
        add_to_history(round, operation, now_ms);
        return false;
    }
    struct model before = {0};
    model_copy(&before, &round->model);
    blitzdb_status expected = operation_apply(&round->model, operation, now_ms);
    bool is_change = !model_equal(&before, &round->model, now_ms);
    model_deinit(&before);
    expect(round, "status", status, expected_status(round, operation, expected));
    add_to_history(round, operation, now_ms);
    compare_readings(round, operation);
    if (status == BLITZDB_OK && operation->kind == OPERATION_SNAPSHOT)
        note_durable_prefix(round, round->mark);
    else if (status == BLITZDB_OK && is_durable_by_itself(round, operation, is_change))
        note_durable(round);
    return true;
}

/** Writes in the middle of a snapshot: between two calls on its file no lock is held and nothing waits. */
static void write_meanwhile(void *user, enum mem_env_call call, const char *path) {
    struct round *round = user;
    (void)call;
    bool has_room = round->history_count < HISTORY_MAX + MEANWHILE_MAX;
    if (mem_env_crashed(round->env) || strstr(path, "snapshot") == NULL || !has_room)
        return;
    for (uint64_t left = rng_below(&round->rng, 4); left > 0 && !mem_env_crashed(round->env); left--) {
        struct operation operation = {0};
        do {
            operation = operation_random(&round->rng, mem_env_now_ms(round->env));
        } while (!operation_is_write(&operation));
        (void)perform(round, &operation);
        totals.meanwhile++;
    }
}

static void run_operation(struct round *round, const struct operation *operation) {
    bool is_snapshot = operation->kind == OPERATION_SNAPSHOT;
    round->mark = round->history_count;
    mem_env_before_change(round->env, is_snapshot ? write_meanwhile : NULL, round);
    bool has_power = perform(round, operation);
    mem_env_before_change(round->env, NULL, NULL);
    if (!has_power) {
        lose_power(round);
    } else if (round->history_count >= HISTORY_MAX) {
        run_operation(round,
                      &(struct operation){.kind = has_log(round) ? OPERATION_SYNC : OPERATION_SNAPSHOT});
    }
}

/** Time passes, the power fails now or soon, the database is closed and opened. */
static void disturb(struct round *round) {
    struct rng *rng = &round->rng;
    switch (rng_below(rng, 100)) {
    case 0:
        reopen(round);
        break;
    case 1:
    case 2:
        if (!round->is_memory_only)
            (rng_below(rng, 2) == 0 ? lose_power : die)(round);
        break;
    case 3:
        mem_env_crash_at(round->env, 1 + rng_below(rng, 40));
        break;
    case 4:
        compare_all(round);
        break;
    case 5:
        mem_env_advance_ms(round->env, rng_below(rng, 3000));
        break;
    default:
        if (rng_below(rng, 4) == 0)
            mem_env_advance_ms(round->env, rng_below(rng, 40));
        break;
    }
}

static void run_round(struct round *round) {
    round->env = mem_env_create(round->rng.state);
    round->is_memory_only = rng_below(&round->rng, 8) == 0;
    (void)try_open(round);
    for (unsigned i = 0; i < ROUND_OPERATIONS; i++) {
        struct operation operation = operation_random(&round->rng, mem_env_now_ms(round->env));
        run_operation(round, &operation);
        disturb(round);
    }
    mem_env_crash_at(round->env, 0);
    compare_all(round);
    reopen(round);
    expect(round, "close", blitzdb_close(round->db), BLITZDB_OK);
    mem_env_destroy(round->env);
    model_deinit(&round->model);
    model_deinit(&round->durable);
}

int main(int argc, char **argv) {
    uint64_t seed = rng_seed(argc > 1 ? argv[1] : NULL);
    struct rng mixer = {seed};
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 40;
    (void)printf("seed %" PRIu64 "\n", seed);
    for (uint64_t i = 0; i < rounds; i++) {
        static struct round round;
        round = (struct round){.seed = seed, .number = i, .rng = {rng_next(&mixer)}};
        run_round(&round);
    }
    (void)printf("operations %" PRIu64 " (%" PRIu64 " during snapshots), reopened %" PRIu64
                 ", power failures %" PRIu64 ", deaths %" PRIu64 ", operations undone by them %" PRIu64
                 ", differences 0\n",
                 totals.operations, totals.meanwhile, totals.reopened, totals.power_failures, totals.deaths,
                 totals.undone);
    return 0;
}
