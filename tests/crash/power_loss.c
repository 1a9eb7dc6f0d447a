/**
 * @file
 * @brief Lets the power fail before every file call of every short sequence of operations, in every way the
 *        simulated disk knows, and looks at what recovery makes of it.
 *
 * For each sequence of up to `length` operations, in each mode, the program stops before each changing file
 * call of the last operation and of the close, and makes crash images (mem_env.h). The calls of the
 * operations before were looked at with the shorter sequences. From each image a database is opened, and
 *
 *   - opening works, and nothing temporary is left in the directory;
 *   - what is there equals the model after some prefix of the operations, and that prefix holds everything
 *     that was acknowledged as durable, so nothing is lost, invented, reordered or applied by half;
 *   - if the power fails again right after the open, or after the next operation and a sync, the next open
 *     shows that state;
 *   - for a sample, if the power fails before any call of the recovery, the next recovery finds that state;
 *   - for a sample, if at first only the process dies, and the power fails before any call of the recovery
 *     that follows or right after it, the same holds.
 *
 * Usage: power_loss [seed [length [images per class]]]. The defaults are the gate; more is for the night.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../support/mem_env.h"
#include "../support/operation.h"

/** Longest sequence. */
#define LENGTH_MAX 6
/** Number of operations that make_operation() knows. */
#define LETTERS 10
/** Digests of images remembered, so that equal images are looked at once. */
#define SEEN_MAX 4096
/** Value size that fills a log segment of the least size with two writes. */
#define LARGE_SIZE 2500
/** One image in so many is recovered with a power failure in the middle. */
#define DEEP_SAMPLE 24
/** At one crash point in so many the process dies before the power fails. */
#define KILL_SAMPLE 3

static const char directory[] = "db";

/** What was done and found, over the whole program. */
static struct {
    uint64_t crash_points;
    uint64_t recovered;
    uint64_t deep;
    uint64_t lost;
    uint64_t phantom;
    uint64_t torn;
    uint64_t failures;
    uint64_t images_per_class;
    struct rng rng;
} totals;

/** How the database is used. */
struct mode {
    const char *name;
    uint32_t durability; /**< of the database */
    bool writes_out; /**< every operation is handed to the system at once, so that many writes are pending */
};

static const struct mode modes[] = {
    {"always", BLITZDB_DURABILITY_ALWAYS, false},
    {"interval", BLITZDB_DURABILITY_INTERVAL, false},
    {"interval, written out", BLITZDB_DURABILITY_INTERVAL, true},
};

/** One sequence being run. */
struct run {
    const struct mode *mode;
    size_t count;
    struct operation operations[LENGTH_MAX];
    struct model states[LENGTH_MAX + 1]; /**< the model after so many operations */
    struct mem_env *env;
    size_t issued;  /**< operations begun */
    size_t durable; /**< operations that must survive */
    bool is_exploring;
    size_t seen_count;
    size_t seen_durable; /**< `durable` of the digests in `seen` */
    uint64_t seen[SEEN_MAX];
};

/** Which image is being looked at, for reports. */
struct sight {
    const struct run *run;
    enum mem_env_damage damage;
    uint64_t index;
};

/* Operations */

/** A single operation whose value tells the position. */
static struct operation make_single(enum step_kind kind, const char *key, size_t position, size_t size) {
    char text[OPERATION_TEXT_MAX];
    (void)snprintf(text, sizeof(text), "%s%zu ", key, position);
    struct operation operation = operation_single(kind, 0, key, text);
    operation.steps[0].value_size = size;
    return operation;
}

/** The operation of a letter; its values tell the position, so that states of different lengths differ. */
static struct operation make_operation(unsigned letter, size_t position) {
    static const enum operation_kind kinds[] = {OPERATION_FLUSH_ALL, OPERATION_SNAPSHOT, OPERATION_SYNC,
                                                OPERATION_PUMP};
    struct operation operation = {0};
    switch (letter) {
    case 0:
        return make_single(STEP_SET, "a", position, LARGE_SIZE);
    case 1:
        return make_single(STEP_DEL, "a", position, 0);
    case 2:
        return operation_joined(OPERATION_BATCH, make_single(STEP_SET, "b", position, 40),
                                make_single(STEP_SET, "a", position, LARGE_SIZE));
    case 3:
        operation = make_single(STEP_SET, "c", position, 5);
        operation.steps[0].expire_at_ms = MEM_ENV_START_MS + 1500;
        return operation;
    case 4:
        return make_single(STEP_APPEND, "a", position, LARGE_SIZE);
    case 5:
        return make_single(STEP_INCREMENT, "n", position, 0);
    default:
        operation.kind = kinds[letter - 6];
        return operation;
    }
}

/* Reports */

static void report(const struct sight *sight, const char *what) {
    const struct run *run = sight->run;
    (void)fprintf(stderr, "%s: mode %s, image %s %" PRIu64 ", %zu operations begun, %zu durable\n", what,
                  run->mode->name, mem_env_damage_name(sight->damage), sight->index, run->issued,
                  run->durable);
    for (size_t i = 0; i < run->count; i++) {
        (void)fprintf(stderr, "  %zu ", i);
        operation_print(&run->operations[i], stderr);
    }
    (void)fprintf(stderr, "pending at the failure:\n");
    mem_env_print_pending(run->env, stderr);
}

static void report_open(const struct sight *sight, const char *what, blitzdb_status status,
                        const blitzdb_error *error) {
    totals.failures++;
    report(sight, what);
    (void)fprintf(stderr, "  %s: %s\n", blitzdb_status_name(status), error->text);
}

/* Recovery */

static blitzdb_status open_database(const struct mem_env *env, const struct mode *mode, blitzdb_error *error,
                                    blitzdb **db_out) {
    blitzdb_options options = {.struct_size = sizeof(options)};
    options.durability = mode->durability;
    options.shard_count = 2;
    options.log_segment_bytes = 4096;
    options.env = mem_env_table(env);
    options.error = error;
    return blitzdb_open(directory, &options, db_out);
}

static int find_temporary(void *caller, const char *name) {
    (void)caller;
    return strstr(name, ".tmp") != NULL;
}

/** Opens an image and reads what is there; NULL (and a report): it does not open. The caller closes. */
static blitzdb *recover(const struct sight *sight, struct mem_env *image, struct model *state) {
    blitzdb_error error = {0};
    blitzdb *db = NULL;
    totals.recovered++;
    blitzdb_status status = open_database(image, sight->run->mode, &error, &db);
    if (status != BLITZDB_OK) {
        report_open(sight, "recovery failed", status, &error);
        return NULL;
    }
    const blitzdb_env *table = mem_env_table(image);
    if (table->list_dir(table->user, directory, find_temporary, NULL) != 0)
        report_open(sight, "a temporary file was left", BLITZDB_OK, &error);
    status = model_read_database(state, db);
    if (status != BLITZDB_OK)
        report_open(sight, "reading failed", status, &error);
    return db;
}

/** Opens an image and compares; used where the state is known in advance. */
static void recover_same(const struct sight *sight, struct mem_env *image, const struct model *expected,
                         const char *what) {
    struct model state = {0};
    blitzdb *db = recover(sight, image, &state);
    if (db != NULL && !model_equal(&state, expected, mem_env_now_ms(image))) {
        totals.failures++;
        report(sight, what);
        model_print(expected, "expected");
        model_print(&state, "found");
    }
    (void)blitzdb_close(db);
    model_deinit(&state);
}

/** Whether the state is what a batch would leave if only its first step had been applied. */
static bool is_torn(const struct run *run, const struct model *state, int64_t now_ms) {
    bool is_found = false;
    for (size_t i = 0; !is_found && i < run->issued; i++) {
        if (run->operations[i].kind == OPERATION_BATCH) {
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
static size_t judge(const struct sight *sight, const struct model *state, int64_t now_ms) {
    const struct run *run = sight->run;
    for (size_t i = run->issued + 1; i > run->durable; i--)
        if (model_equal(state, &run->states[i - 1], now_ms))
            return i - 1;
    bool is_lost = false;
    for (size_t i = 0; i < run->durable; i++)
        is_lost = is_lost || model_equal(state, &run->states[i], now_ms);
    if (is_lost)
        totals.lost++;
    else if (is_torn(run, state, now_ms))
        totals.torn++;
    else
        totals.phantom++;
    report(sight, is_lost ? "acknowledged operations are lost" : "no prefix gives this state");
    model_print(state, "found");
    return run->count;
}

/**
 * Goes on after a recovery: with the first operation that was undone, whose record has the size of the one
 * that was lost, so whatever stood behind that one and was not cut off would follow it again; or with a small
 * one, which fits into a segment that was about to be left.
 */
static void go_on(const struct sight *sight, blitzdb *db, struct model *state, size_t next, int64_t now_ms) {
    const struct run *run = sight->run;
    struct operation operation = operation_single(STEP_SET, 0, "marker", "m");
    if (next < run->count && rng_below(&totals.rng, 2) == 0)
        operation = run->operations[next];
    blitzdb_status expected = operation_apply(state, &operation, now_ms);
    blitzdb_status status = operation_run(db, &operation);
    if (status == expected) {
        status = blitzdb_sync(db);
        expected = BLITZDB_OK;
    }
    if (status != expected)
        report_open(sight, "going on after the recovery failed", status, &(blitzdb_error){0});
}

/* Power failures during recovery */

/** A recovery that is watched. */
struct deep_run {
    const struct sight *sight;
    struct mem_env *env;
    const struct model *expected; /**< NULL: any state that the run allows */
};

static void recover_again(const struct deep_run *deep, struct mem_env *image) {
    if (deep->expected != NULL) {
        recover_same(deep->sight, image, deep->expected, "after a power failure during recovery");
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
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        uint64_t count = mem_env_crash_count(deep->env, damages[i]);
        if (count > 0) {
            struct mem_env *image = mem_env_crash(deep->env, damages[i], rng_below(&totals.rng, count));
            recover_again(deep, image);
            mem_env_destroy(image);
        }
    }
    totals.deep++;
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
static void explore_kill(struct run *run) {
    struct sight sight = {run, MEM_DAMAGE_APPLIED, 0};
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

static bool is_new(struct run *run, struct mem_env *image) {
    if (run->seen_durable != run->durable || run->seen_count == SEEN_MAX) {
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

static void explore_image(struct run *run, enum mem_env_damage damage, uint64_t index) {
    struct sight sight = {run, damage, index};
    struct mem_env *image = mem_env_crash(run->env, damage, index);
    struct model state = {0};
    blitzdb *db = is_new(run, image) ? recover(&sight, image, &state) : NULL;
    if (db != NULL) {
        size_t length = judge(&sight, &state, mem_env_now_ms(image));
        if (rng_below(&totals.rng, DEEP_SAMPLE) == 0) {
            struct mem_env *again = mem_env_crash(run->env, damage, index);
            struct model same = {0};
            (void)blitzdb_close(recover_deep(&(struct deep_run){&sight, again, &state}, &same));
            model_deinit(&same);
            mem_env_destroy(again);
        }
        if (rng_below(&totals.rng, 2) == 0)
            go_on(&sight, db, &state, length, mem_env_now_ms(image));
        struct mem_env *second = mem_env_crash(image, MEM_DAMAGE_DROPPED, 0);
        recover_same(&sight, second, &state, "the second open shows another state");
        mem_env_destroy(second);
        (void)blitzdb_close(db);
    }
    model_deinit(&state);
    mem_env_destroy(image);
}

/** Looks at the present moment: all images of every class, or a sample of them. */
static void explore(struct run *run) {
    if (!run->is_exploring)
        return;
    totals.crash_points++;
    if (rng_below(&totals.rng, KILL_SAMPLE) == 0)
        explore_kill(run);
    for (unsigned damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
        uint64_t count = mem_env_crash_count(run->env, (enum mem_env_damage)damage);
        bool is_sampled = count > totals.images_per_class;
        for (uint64_t i = 0; i < (is_sampled ? totals.images_per_class : count); i++)
            explore_image(run, (enum mem_env_damage)damage, is_sampled ? rng_below(&totals.rng, count) : i);
    }
}

static void before_change(void *user, enum mem_env_call call, const char *path) {
    (void)call;
    (void)path;
    explore(user);
}

/* Sequences */

/** Makes the i-th operation and notes what must survive from now on. */
static void advance(struct run *run, blitzdb *db, size_t i) {
    const struct operation *operation = &run->operations[i];
    if (operation->kind == OPERATION_PUMP)
        mem_env_advance_ms(run->env, 1000);
    model_copy(&run->states[i + 1], &run->states[i]);
    blitzdb_status expected = operation_apply(&run->states[i + 1], operation, mem_env_now_ms(run->env));
    run->issued = i + 1;
    blitzdb_status status = operation_run(db, operation);
    if (run->mode->writes_out && status == expected && blitzdb_write_out(db) != BLITZDB_OK)
        status = BLITZDB_IO;
    if (status != expected) {
        struct sight sight = {run, MEM_DAMAGE_APPLIED, 0};
        report_open(&sight, "an operation answered wrongly", status, &(blitzdb_error){0});
    }
    if (run->mode->durability == BLITZDB_DURABILITY_ALWAYS || !operation_is_write(operation))
        run->durable = i + 1;
}

static void run_sequence(struct run *run) {
    blitzdb_error error = {0};
    blitzdb *db = NULL;
    run->env = mem_env_create(totals.rng.state);
    run->issued = 0;
    run->durable = 0;
    run->seen_count = 0;
    mem_env_before_change(run->env, before_change, run);
    run->is_exploring = run->count == 0;
    blitzdb_status status = open_database(run->env, run->mode, &error, &db);
    struct sight sight = {run, MEM_DAMAGE_APPLIED, 0};
    if (status != BLITZDB_OK)
        report_open(&sight, "opening an empty directory failed", status, &error);
    for (size_t i = 0; status == BLITZDB_OK && i < run->count; i++) {
        run->is_exploring = i + 1 == run->count;
        advance(run, db, i);
    }
    status = blitzdb_close(db);
    if (status != BLITZDB_OK)
        report_open(&sight, "closing failed", status, &error);
    run->durable = run->count;
    explore(run);
    for (size_t i = 0; i <= run->count; i++)
        model_deinit(&run->states[i]);
    mem_env_destroy(run->env);
}

/** Runs all sequences of one length. */
static void run_length(struct run *run, size_t length) {
    uint64_t sequences = 1;
    for (size_t i = 0; i < length; i++)
        sequences *= LETTERS;
    run->count = length;
    for (uint64_t number = 0; number < sequences; number++) {
        uint64_t rest = number;
        for (size_t i = 0; i < length; i++) {
            run->operations[i] = make_operation((unsigned)(rest % LETTERS), i);
            rest /= LETTERS;
        }
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
            run->mode = &modes[i];
            run_sequence(run);
        }
    }
}

int main(int argc, char **argv) {
    static struct run run;
    uint64_t seed = rng_seed(argc > 1 ? argv[1] : NULL);
    size_t length_max = argc > 2 ? strtoull(argv[2], NULL, 10) : 3;
    totals.images_per_class = argc > 3 ? strtoull(argv[3], NULL, 10) : 3;
    totals.rng.state = seed;
    if (length_max > LENGTH_MAX || totals.images_per_class == 0) {
        (void)fprintf(stderr, "usage: power_loss [seed [length up to %d [images per class]]]\n", LENGTH_MAX);
        return 2;
    }
    (void)printf("seed %" PRIu64 "\n", seed);
    for (size_t length = 0; length <= length_max; length++)
        run_length(&run, length);
    (void)printf("crash points explored %" PRIu64 " (and %" PRIu64
                 " in recoveries), states recovered %" PRIu64 ", lost %" PRIu64 ", phantom %" PRIu64
                 ", torn %" PRIu64 ", recovery failures %" PRIu64 "\n",
                 totals.crash_points, totals.deep, totals.recovered, totals.lost, totals.phantom, totals.torn,
                 totals.failures);
    return totals.lost + totals.phantom + totals.torn + totals.failures == 0 ? 0 : 1;
}
