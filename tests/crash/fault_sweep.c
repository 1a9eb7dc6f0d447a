/**
 * @file
 * @brief Fails every allocation and every file call of a scenario through the whole public API, one after the
 * other.
 *
 * The scenario opens a database, writes in every way, reads in every way, takes snapshots, closes and opens
 * again. It runs once for each call that can fail and each way to fail: once or for good, no memory, each of
 * nine errors, with a part of a write left behind, with a part of what was to be read. Each run checks that
 *
 *   - a call answers as always, or with the status of the fault; reads do not care about the disk;
 *   - a call that failed for lack of memory changed nothing, and works when it is made again;
 *   - a call whose log record could not be written or synced is there or not, but as a whole, and what the
 *     database shows is what the model says;
 *   - after a power failure, and after closing and opening, everything that was acknowledged as durable is
 * there, and what is there is a prefix of the calls; once the fault has struck, that is looked at after each
 * call;
 *   - when there is room again, writing works; after a failed sync it does not, until a snapshot or a reopen;
 *   - nothing leaks, neither memory nor files, also when opening fails, and nothing hangs.
 *
 * An EINTR or EAGAIN of the environment is a failure like any other: the POSIX one repeats what can be
 * repeated by itself, so the library need not guess which calls those are.
 *
 * Usage: fault_sweep [seed]. The seed feeds the environment's random bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/mem_env.h"
#include "../support/operation.h"
#include "../support/reading.h"

/** States kept since the last durable one. */
#define CHAIN_MAX 80
/** Violations printed in full. */
#define REPORTS_MAX 20
/** A run takes milliseconds; after this time it hangs. */
#define HANGS_AFTER_S 120

/** What a file call answers. */
static const int errors[] = {EIO, ENOSPC, EDQUOT, EROFS, EINTR, EAGAIN, EMFILE, EACCES, ENOMEM};
#define ERRORS (sizeof(errors) / sizeof(errors[0]))

/** How the database is opened. */
struct setup {
    const char *name;
    const char *path;
    uint32_t flags;
    uint32_t durability;
};

static const struct setup setups[] = {
    {"always", "db", 0, BLITZDB_DURABILITY_ALWAYS},
    {"interval", "db", 0, BLITZDB_DURABILITY_INTERVAL},
    {"no log", "db", BLITZDB_OPEN_NO_LOG, BLITZDB_DURABILITY_DEFAULT},
    {"memory only", NULL, 0, BLITZDB_DURABILITY_DEFAULT},
};

/** One run of the scenario. */
struct sweep {
    const struct setup *setup;
    struct mem_env_fault fault;
    struct mem_env *env;
    blitzdb *db;
    struct model model;            /**< what the database shows */
    struct model chain[CHAIN_MAX]; /**< [0] is durable, then the states after each later change */
    size_t chain_count;
    bool is_over;   /**< the fault stays away from now on */
    bool is_broken; /**< a violation was found: the rest of the run proves nothing */
};

static struct {
    uint64_t memory_points;
    uint64_t file_points;
    uint64_t applied;
    uint64_t lost;        /**< acknowledged and gone, or invented */
    uint64_t not_on_disk; /**< acknowledged as durable and gone when the power failed */
    uint64_t violations;  /**< of all kinds, these included */
    uint64_t seed;
} totals;

static bool is_memory_fault(const struct sweep *sweep) {
    return sweep->fault.call == MEM_CALL_ANY_MEMORY;
}

static void violation(struct sweep *sweep, const char *what, blitzdb_status status) {
    const struct mem_env_fault *fault = &sweep->fault;
    if (!sweep->is_broken && totals.violations++ < REPORTS_MAX) {
        struct mem_env_trace_entry hit = mem_env_fault_hit(sweep->env);
        (void)fprintf(
            stderr, "%s: status %s; setup %s, %s call %" PRIu64 " (%s %s) fails %s with errno %d, part %d\n",
            what, blitzdb_status_name(status), sweep->setup->name, mem_env_call_name(fault->call), fault->nth,
            mem_env_call_name(hit.call), hit.path, fault->for_good ? "for good" : "once", fault->error,
            (int)fault->part);
    }
    sweep->is_broken = true;
}

static void operation_violation(struct sweep *sweep, const char *what, blitzdb_status status,
                                const struct operation *operation) {
    bool is_new = !sweep->is_broken;
    violation(sweep, what, status);
    if (is_new && totals.violations <= REPORTS_MAX) {
        (void)fprintf(stderr, "  in ");
        operation_print(operation, stderr);
    }
}

static void pause_fault(const struct sweep *sweep) {
    mem_env_disarm(sweep->env);
}

static void resume_fault(const struct sweep *sweep) {
    if (!sweep->is_over)
        mem_env_rearm(sweep->env);
}

/** Whether a status is what the fault explains. */
static bool is_explained(const struct sweep *sweep, blitzdb_status status) {
    if (mem_env_faults(sweep->env) == 0)
        return false;
    if (is_memory_fault(sweep))
        return status == BLITZDB_NO_MEMORY;
    int error = sweep->fault.error;
    if (error == EAGAIN && mem_env_fault_hit(sweep->env).call == MEM_CALL_LOCK)
        return status == BLITZDB_LOCKED; /* that is what a lock answers that another process holds */
    if (status == BLITZDB_LOG_FAILED || ((error == ENOMEM || error == EMFILE) && status == BLITZDB_NO_MEMORY))
        return true;
    return status == (error == ENOSPC || error == EDQUOT ? BLITZDB_NO_SPACE : BLITZDB_IO);
}

/* States */

/** Everything the database shows now is durable. */
static void chain_reset(struct sweep *sweep) {
    for (size_t i = 0; i < sweep->chain_count; i++)
        model_deinit(&sweep->chain[i]);
    model_copy(&sweep->chain[0], &sweep->model);
    sweep->chain_count = 1;
}

static void adopt(struct sweep *sweep, const struct model *state, bool is_durable) {
    model_copy(&sweep->model, state);
    if (is_durable)
        chain_reset(sweep);
    else if (sweep->chain_count < CHAIN_MAX)
        model_copy(&sweep->chain[sweep->chain_count++], state);
}

static bool shows(const struct sweep *sweep, blitzdb *db, const struct model *expected) {
    return model_matches(expected, db, mem_env_now_ms(sweep->env));
}

/** Whether an acknowledged operation, which leads to a state, is on disk now. What changes nothing proves
 * nothing. */
static bool makes_durable(const struct sweep *sweep, const struct operation *operation,
                          const struct model *after) {
    if (operation->kind == OPERATION_SNAPSHOT)
        return true;
    if ((sweep->setup->flags & BLITZDB_OPEN_NO_LOG) != 0)
        return false;
    bool is_change = !model_equal(&sweep->model, after, mem_env_now_ms(sweep->env));
    return operation->kind == OPERATION_SYNC ||
           (is_change && sweep->setup->durability == BLITZDB_DURABILITY_ALWAYS);
}

/* Power failures */

static blitzdb_status open_database(const struct sweep *sweep, const struct mem_env *env, blitzdb **db_out) {
    blitzdb_options options = {.struct_size = sizeof(options)};
    options.flags = sweep->setup->flags;
    options.durability = sweep->setup->durability;
    options.shard_count = 4;
    options.log_segment_bytes = 4096;
    options.env = mem_env_table(env);
    return blitzdb_open(sweep->setup->path, &options, db_out);
}

/** Finds what an opened database shows among the states that it may show, and takes that over. */
static void adopt_chain(struct sweep *sweep, blitzdb *db, uint64_t *counter, const char *what) {
    for (size_t i = sweep->chain_count; i > 0; i--) {
        if (shows(sweep, db, &sweep->chain[i - 1])) {
            model_copy(&sweep->model, &sweep->chain[i - 1]);
            return;
        }
    }
    *counter += !sweep->is_broken;
    violation(sweep, what, BLITZDB_OK);
}

/** Takes the power away, in a copy, and looks at what is left. */
static void check_power_loss(struct sweep *sweep) {
    static const enum mem_env_damage damages[] = {MEM_DAMAGE_DROPPED, MEM_DAMAGE_APPLIED};
    for (size_t i = 0; i < 2 && mem_env_crash_count(sweep->env, damages[i]) > 0; i++) {
        struct mem_env *image = mem_env_crash(sweep->env, damages[i], 0);
        struct model kept = {0};
        blitzdb *db = NULL;
        blitzdb_status status = open_database(sweep, image, &db);
        if (status != BLITZDB_OK) {
            violation(sweep, "recovery after a power failure fails", status);
        } else {
            model_copy(&kept, &sweep->model);
            adopt_chain(sweep, db, &totals.not_on_disk,
                        "something is lost or invented after a power failure");
            model_copy(&sweep->model, &kept);
            (void)blitzdb_close(db);
        }
        model_deinit(&kept);
        mem_env_destroy(image);
    }
}

static void before_change(void *user, enum mem_env_call call, const char *path) {
    (void)call;
    (void)path;
    check_power_loss(user);
}

/* Operations */

/** Looks at what an operation that failed has done, and takes that over. */
static void look_after_failure(struct sweep *sweep, const struct operation *operation, blitzdb_status status,
                               const struct model *after) {
    if (!is_explained(sweep, status))
        operation_violation(sweep, "wrong status", status, operation);
    pause_fault(sweep);
    if (!shows(sweep, sweep->db, &sweep->model)) {
        if (is_memory_fault(sweep) || !shows(sweep, sweep->db, after))
            operation_violation(sweep, "a failed call changed something", status, operation);
        adopt(sweep, after, false);
        totals.applied++;
    }
    resume_fault(sweep);
}

/** Makes one operation; when it fails for lack of memory that comes back, makes it again. */
static void do_operation(struct sweep *sweep, const struct operation *operation) {
    struct model after = {0};
    model_copy(&after, &sweep->model);
    blitzdb_status expected = operation_apply(&after, operation, mem_env_now_ms(sweep->env));
    if (operation->kind == OPERATION_SNAPSHOT && sweep->setup->path == NULL)
        expected = BLITZDB_UNSUPPORTED;
    bool is_watched = operation->kind == OPERATION_SNAPSHOT && mem_env_faults(sweep->env) > 0;
    mem_env_before_change(sweep->env, is_watched ? before_change : NULL, sweep);
    blitzdb_status status = operation_run(sweep->db, operation);
    mem_env_before_change(sweep->env, NULL, NULL);
    if (status != expected) {
        look_after_failure(sweep, operation, status, &after);
        bool is_over = is_memory_fault(sweep) && !sweep->fault.for_good;
        status = is_over ? operation_run(sweep->db, operation) : status;
        if (is_over && status != expected)
            operation_violation(sweep, "the second try failed too", status, operation);
    }
    if (status == expected)
        adopt(sweep, &after, status == BLITZDB_OK && makes_durable(sweep, operation, &after));
    model_deinit(&after);
    if (mem_env_faults(sweep->env) > 0 && sweep->setup->path != NULL && !is_memory_fault(sweep))
        check_power_loss(sweep);
}

static struct operation sized(struct operation operation, size_t value_size) {
    operation.steps[0].value_size = value_size;
    return operation;
}

static struct operation expiring(struct operation operation, int64_t ttl_ms) {
    operation.steps[0].expire_at_ms = MEM_ENV_START_MS + ttl_ms;
    return operation;
}

static void do_writes(struct sweep *sweep) {
    const struct operation operations[] = {
        operation_single(STEP_SET, 0, "a", "first"),
        operation_single(STEP_SET, 0, "a", "second"),
        sized(operation_single(STEP_SET, 0, "large", "large "), 3000),
        expiring(operation_single(STEP_SET, 1, "b", "expires"), 60000),
        operation_single(STEP_INCREMENT, 0, "n", ""),
        operation_single(STEP_INCREMENT, 0, "n", ""),
        operation_single(STEP_INCREMENT_DOUBLE, 0, "d", ""),
        sized(operation_single(STEP_APPEND, 0, "large", "more "), 2000),
        operation_single(STEP_APPEND, 0, "new", "text"),
        expiring(operation_single(STEP_EXPIRE_AT, 0, "a", ""), 50000),
        operation_single(STEP_PERSIST, 0, "a", ""),
        operation_joined(OPERATION_BATCH, operation_single(STEP_SET, 0, "p", "1"),
                         operation_single(STEP_INCREMENT, 1, "q", "")),
        operation_joined(OPERATION_BATCH, operation_single(STEP_SET, 0, "x", "1"),
                         operation_single(STEP_CHECK_PRESENT, 0, "none", "")),
        operation_joined(OPERATION_BATCH, operation_single(STEP_APPEND, 0, "p", "2"),
                         operation_single(STEP_DEL, 1, "q", "")),
        operation_joined(OPERATION_TXN, operation_single(STEP_SET, 0, "t", "1"),
                         operation_single(STEP_DEL, 0, "new", "")),
        operation_joined(OPERATION_ABORTED_TXN, operation_single(STEP_SET, 0, "t", "2"),
                         operation_single(STEP_DEL, 0, "a", "")),
        {.kind = OPERATION_SNAPSHOT},
        operation_single(STEP_DEL, 0, "t", ""),
        operation_single(STEP_DEL, 0, "t", ""),
        sized(operation_single(STEP_SET, 2, "large", "z "), 3000),
        {.kind = OPERATION_SWAP_KEYSPACES, .step_count = 2, .steps = {[1] = {.keyspace = 1}}},
        operation_single(STEP_SET, 2, "gone", "text"),
        {.kind = OPERATION_FLUSH_KEYSPACE, .step_count = 1, .steps = {{.keyspace = 2}}},
        {.kind = OPERATION_SYNC},
        sized(operation_single(STEP_SET, 3, "large", "y "), 3000),
        {.kind = OPERATION_PUMP},
        {.kind = OPERATION_SNAPSHOT},
        operation_single(STEP_SET, 0, "last", "text"),
    };
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        do_operation(sweep, &operations[i]);
}

/** Writes whose results come back through pointers. */
static void do_results(struct sweep *sweep) {
    blitzdb_key key = {"result", 6, 0};
    for (unsigned i = 0; i < 2; i++) {
        void *old = NULL;
        size_t old_size = 0;
        blitzdb_set_options options = {
            .struct_size = sizeof(options), .old_value_out = &old, .old_size_out = &old_size};
        struct model after = {0};
        struct operation operation = operation_single(STEP_SET, 0, "result", "text");
        model_copy(&after, &sweep->model);
        bool was_there = model_find(&after, &key, 1) != NULL;
        (void)operation_apply(&after, &operation, 1);
        blitzdb_status status = blitzdb_set_with(sweep->db, key.data, key.size, "text", 4, &options);
        if (status != BLITZDB_OK) {
            blitzdb_free(sweep->db, old); /* handed out as well if only the sync failed */
            look_after_failure(sweep, &operation, status, &after);
        } else {
            if ((old != NULL) != was_there || (was_there && (old_size != 4 || memcmp(old, "text", 4) != 0)))
                operation_violation(sweep, "wrong old value", status, &operation);
            blitzdb_free(sweep->db, old);
            adopt(sweep, &after, makes_durable(sweep, &operation, &after));
        }
        model_deinit(&after);
    }
}

/** Every reading call; nothing here may depend on the disk. */
static void do_reads(struct sweep *sweep) {
    struct reading reading = {.db = sweep->db,
                              .model = &sweep->model,
                              .now_ms = mem_env_now_ms(sweep->env),
                              .may_lack_memory = is_memory_fault(sweep)};
    const char *wrong = reading_check_key(&reading, &(blitzdb_key){"large", 5, 0});
    wrong = wrong == NULL ? reading_check_key(&reading, &(blitzdb_key){"none", 4, 0}) : wrong;
    wrong = wrong == NULL ? reading_check_database(&reading) : wrong;
    if (wrong != NULL)
        violation(sweep, wrong, reading.status);
    blitzdb_status status = blitzdb_set_memory_limit(sweep->db, 0, BLITZDB_EVICTION_NONE);
    if (status != BLITZDB_OK)
        violation(sweep, "set_memory_limit", status);
}

static blitzdb_status log_status(const struct sweep *sweep) {
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    blitzdb_status status = blitzdb_stats(sweep->db, &stats);
    return status == BLITZDB_OK ? (blitzdb_status)stats.log_status : status;
}

/** Whether the fault was a write for which there was no room: it passes. */
static bool is_passing(const struct sweep *sweep) {
    int error = sweep->fault.error;
    return mem_env_fault_hit(sweep->env).call == MEM_CALL_WRITE &&
           (error == ENOSPC || error == EDQUOT || error == ENOMEM || error == EMFILE);
}

/**
 * Writes without the fault: where it passes, or never touched the log, that works. A log that has failed
 * takes nothing, and tells, until a snapshot that is reported as done makes up for it.
 */
static void do_writes_again(struct sweep *sweep) {
    struct operation operation = operation_single(STEP_SET, 0, "room", "text");
    blitzdb_status status = log_status(sweep);
    if (status == BLITZDB_LOG_FAILED && is_passing(sweep) && !sweep->fault.for_good)
        violation(sweep, "the log has failed for lack of room", status);
    if (status == BLITZDB_LOG_FAILED) {
        status = operation_run(sweep->db, &operation);
        if (status != BLITZDB_LOG_FAILED)
            violation(sweep, "a failed log takes a write", status);
        status = operation_run(sweep->db, &(struct operation){.kind = OPERATION_SNAPSHOT});
        if (status != BLITZDB_OK && status != BLITZDB_LOG_FAILED)
            violation(sweep, "wrong status of a snapshot with a failed log", status);
        if (status != BLITZDB_OK)
            return;
        chain_reset(sweep);
    }
    struct model after = {0};
    model_copy(&after, &sweep->model);
    (void)operation_apply(&after, &operation, mem_env_now_ms(sweep->env));
    status = operation_run(sweep->db, &operation);
    if (status != BLITZDB_OK)
        violation(sweep, "writing does not work again", status);
    adopt(sweep, &after, makes_durable(sweep, &operation, &after));
    model_deinit(&after);
}

/* Opening and closing */

static void check_leaks(struct sweep *sweep) {
    if (mem_env_live_memory(sweep->env) != 0 || mem_env_open_files(sweep->env) != 0)
        violation(sweep, "memory or a file leaks", BLITZDB_OK);
}

/** Opens; after a failure that the fault explains, without the fault. */
static void do_open(struct sweep *sweep) {
    sweep->db = NULL;
    blitzdb_status status = open_database(sweep, sweep->env, &sweep->db);
    if (status != BLITZDB_OK) {
        if (!is_explained(sweep, status))
            violation(sweep, "wrong status of open", status);
        check_leaks(sweep);
        pause_fault(sweep);
        status = open_database(sweep, sweep->env, &sweep->db);
        resume_fault(sweep);
    }
    if (status != BLITZDB_OK) {
        violation(sweep, "open fails without the fault", status);
        sweep->db = NULL;
    }
}

static void do_close(struct sweep *sweep) {
    blitzdb_status status = blitzdb_close(sweep->db);
    bool has_log = sweep->setup->path != NULL && (sweep->setup->flags & BLITZDB_OPEN_NO_LOG) == 0;
    /* Closing needs no memory to keep its promise. */
    if (status != BLITZDB_OK && (!is_explained(sweep, status) || is_memory_fault(sweep)))
        violation(sweep, "wrong status of close", status);
    if (status == BLITZDB_OK && has_log)
        chain_reset(sweep);
    sweep->db = NULL;
    check_leaks(sweep);
}

static void do_reopen(struct sweep *sweep) {
    do_close(sweep);
    do_open(sweep);
    if (sweep->db == NULL)
        return;
    if (sweep->setup->path == NULL) {
        model_deinit(&sweep->model);
    } else {
        pause_fault(sweep);
        adopt_chain(sweep, sweep->db, &totals.lost, "something is lost or invented after opening again");
        resume_fault(sweep);
    }
    chain_reset(sweep);
}

/* Sweeps */

/** The fault that is tried, for the watchdog. */
static struct mem_env_fault watched;

static void bark(int signal) {
    (void)signal;
    /* Nobody else runs: the library is stuck in a call, and the program ends here. */
    (void)fprintf(stderr, "hangs: 1, %s call %" PRIu64 " fails %s with errno %d, part %d\n",
                  mem_env_call_name(watched.call), watched.nth, watched.for_good ? "for good" : "once",
                  watched.error, (int)watched.part);
    _exit(1);
}

static void begin(struct sweep *sweep, const struct setup *setup, const struct mem_env_fault *fault) {
    *sweep = (struct sweep){.setup = setup, .fault = *fault, .chain_count = 1};
    sweep->env = mem_env_create(totals.seed);
    watched = *fault;
    (void)alarm(HANGS_AFTER_S);
}

static void end(struct sweep *sweep) {
    for (size_t i = 0; i < sweep->chain_count; i++)
        model_deinit(&sweep->chain[i]);
    model_deinit(&sweep->model);
    mem_env_destroy(sweep->env);
}

static void run_scenario(struct sweep *sweep) {
    do_open(sweep);
    if (sweep->db == NULL)
        return;
    do_writes(sweep);
    do_results(sweep);
    do_reads(sweep);
    pause_fault(sweep);
    do_writes_again(sweep);
    if (sweep->setup->path != NULL)
        check_power_loss(sweep);
    resume_fault(sweep);
    do_reopen(sweep);
    if (sweep->db == NULL)
        return;
    do_reads(sweep);
    do_operation(sweep, &(struct operation){.kind = OPERATION_FLUSH_ALL});
    sweep->is_over = true;
    pause_fault(sweep);
    do_reopen(sweep);
    if (sweep->db != NULL) {
        struct operation operation = operation_single(STEP_SET, 0, "end", "text");
        do_operation(sweep, &operation);
        do_reads(sweep);
        do_close(sweep);
    }
}

/** Runs the scenario with one fault; answers whether it came to that call at all. */
static bool run_fault(const struct setup *setup, const struct mem_env_fault *fault) {
    static struct sweep sweep;
    begin(&sweep, setup, fault);
    mem_env_fail(sweep.env, fault);
    run_scenario(&sweep);
    bool has_fired = mem_env_faults(sweep.env) > 0;
    end(&sweep);
    return has_fired;
}

static void sweep_calls(struct mem_env_fault fault, uint64_t *points) {
    for (size_t i = 0; i < sizeof(setups) / sizeof(setups[0]); i++)
        for (fault.nth = 1; run_fault(&setups[i], &fault); fault.nth++)
            (*points)++;
}

/* A failed sync */

/** After the n-th sync failed: no write any more, all reads, and after a reopen everything acknowledged. */
static bool run_failed_sync(uint64_t nth, int error) {
    static struct sweep sweep;
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = nth, .error = error};
    begin(&sweep, &setups[0], &fault);
    do_open(&sweep);
    mem_env_fail(sweep.env, &fault);
    for (unsigned i = 0; i < 8; i++) {
        char key[8];
        (void)snprintf(key, sizeof(key), "k%u", i);
        struct operation operation = sized(operation_single(STEP_SET, 0, key, key), 1000);
        bool has_failed = mem_env_faults(sweep.env) > 0;
        do_operation(&sweep, &operation);
        blitzdb_status status = operation_run(sweep.db, &(struct operation){.kind = OPERATION_SYNC});
        if (has_failed && (status != BLITZDB_LOG_FAILED || operation_run(sweep.db, &operation) != status))
            violation(&sweep, "work goes on after a failed sync", status);
        do_reads(&sweep);
    }
    bool has_failed = mem_env_faults(sweep.env) > 0;
    if (has_failed && log_status(&sweep) != BLITZDB_LOG_FAILED)
        violation(&sweep, "the statistics do not tell of the failed sync", log_status(&sweep));
    check_power_loss(&sweep);
    do_reopen(&sweep);
    do_reads(&sweep);
    check_power_loss(&sweep); /* what was found is on disk, also what the failed sync had not saved */
    do_writes_again(&sweep);
    check_power_loss(&sweep);
    do_close(&sweep);
    end(&sweep);
    return has_failed;
}

/** All file calls with every error, writes and reads also with a part of what was asked. */
static void sweep_files(bool for_good) {
    for (size_t i = 0; i < ERRORS; i++) {
        struct mem_env_fault file = {.call = MEM_CALL_ANY_FILE, .error = errors[i], .for_good = for_good};
        sweep_calls(file, &totals.file_points);
    }
    for (unsigned part = MEM_PART_ONE_BYTE; part <= MEM_PART_ALL_BUT_ONE; part++) {
        struct mem_env_fault file = {.call = MEM_CALL_WRITE, .error = EIO, .for_good = for_good};
        file.part = (enum mem_env_part)part;
        sweep_calls(file, &totals.file_points);
        file.error = ENOSPC;
        sweep_calls(file, &totals.file_points);
        file.error = EIO;
        file.call = MEM_CALL_READ;
        sweep_calls(file, &totals.file_points);
    }
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = bark};
    totals.seed = rng_seed(argc > 1 ? argv[1] : NULL);
    (void)printf("seed %" PRIu64 "\n", totals.seed);
    (void)sigaction(SIGALRM, &action, NULL);
    mem_env_keep_mappings();
    for (unsigned for_good = 0; for_good < 2; for_good++) {
        struct mem_env_fault memory = {.call = MEM_CALL_ANY_MEMORY, .for_good = for_good == 1};
        sweep_calls(memory, &totals.memory_points);
        sweep_files(for_good == 1);
    }
    uint64_t syncs = 0;
    for (size_t i = 0; i < ERRORS; i++)
        for (uint64_t nth = 1; run_failed_sync(nth, errors[i]); nth++)
            syncs++;
    (void)printf("allocations failed %" PRIu64 ", I/O faults %" PRIu64 " (and syncs %" PRIu64
                 "), failed calls found applied %" PRIu64 "\n",
                 totals.memory_points, totals.file_points, syncs, totals.applied);
    (void)printf("acknowledged but lost %" PRIu64 ", reported OK but not written %" PRIu64
                 ", hangs 0, violations %" PRIu64 "\n",
                 totals.lost, totals.not_on_disk, totals.violations);
    return totals.violations == 0 && syncs > 0 ? 0 : 1;
}
