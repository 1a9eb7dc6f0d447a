
#include <errno.h>

#include "power_internal.h"

static const char directory[] = "db";

/** The letters that are added where a sync fails. */
enum { LETTER_SET = 0, LETTER_REOPEN = 7, SYNCS_THAT_FAIL = 5 };

blitzdb_status power_open(const struct power_state *run, const struct mem_env *env, blitzdb_error *error,
                          blitzdb **db_out) {
    blitzdb_options options = {.struct_size = sizeof(options)};
    options.flags = run->flags;
    options.durability = run->mode->durability;
    options.shard_count = 2;
    options.log_segment_bytes = POWER_SEGMENT_BYTES;
    options.env = mem_env_table(env);
    options.error = error;
    return blitzdb_open(directory, &options, db_out);
}

static void report_status(struct power_state *run, const char *what, blitzdb_status status,
                          const blitzdb_error *error) {
    struct power_sight sight = {run, MEM_DAMAGE_APPLIED, 0};
    power_report_status(&sight, what, status, error);
}

static bool has_log(const struct power_state *run) {
    return (run->flags & BLITZDB_OPEN_NO_LOG) == 0;
}

/** Whether a sync has failed since the last open, so that other answers are right. */
static bool has_failed(const struct power_state *run) {
    return mem_env_faults(run->env) > 0 && !run->is_healed;
}

/** Whether everything up to an acknowledged operation is on disk now. */
static bool makes_durable(const struct power_state *run, size_t i) {
    const struct operation *operation = &run->operations[i];
    uint32_t durability = operation->durability != 0 ? operation->durability : run->mode->durability;
    if (!has_log(run) || operation->kind == OPERATION_SNAPSHOT)
        return operation->kind == OPERATION_SNAPSHOT;
    if (operation->kind == OPERATION_PUMP ||
        (power_letters[run->letters[i]].wait_ms > 0 && durability == BLITZDB_DURABILITY_INTERVAL))
        return run->mode->durability != BLITZDB_DURABILITY_NONE;
    return !operation_is_write(operation) || durability == BLITZDB_DURABILITY_ALWAYS;
}

/** Takes over what the database shows after a call that failed: the state before it or the one after it. */
static void settle_failure(struct power_state *run, size_t i) {
    struct model found = {0};
    int64_t now_ms = mem_env_now_ms(run->env);
    blitzdb_status status = model_read_database(&found, run->db);
    if (status != BLITZDB_OK)
        report_status(run, "reading failed", status, &(blitzdb_error){0});
    else if (model_equal(&found, &run->states[i], now_ms))
        model_copy(&run->states[i + 1], &run->states[i]);
    else if (!model_equal(&found, &run->states[i + 1], now_ms))
        report_status(run, "a failed call is half done", status, &(blitzdb_error){0});
    model_deinit(&found);
}

/** What is there after a reopen: all, or what was on disk if there is no log, or what a failed log has left.
 */
static void settle_reopen(struct power_state *run, size_t i, bool was_logged) {
    struct model found = {0};
    int64_t now_ms = mem_env_now_ms(run->env);
    size_t first = was_logged && !has_failed(run) ? i : run->durable;
    size_t last = was_logged ? i : run->durable;
    blitzdb_status status = model_read_database(&found, run->db);
    while (last > first && !model_equal(&found, &run->states[last], now_ms))
        last--;
    if (status != BLITZDB_OK || !model_equal(&found, &run->states[last], now_ms))
        report_status(run, "another state after opening again", status, &(blitzdb_error){0});
    model_copy(&run->states[i + 1], &run->states[last]);
    model_deinit(&found);
}

/** Closes and opens. What was written may be found while that goes on, and must be found from then on. */
static void reopen(struct power_state *run, size_t i) {
    blitzdb_error error = {0};
    bool was_logged = has_log(run);
    model_copy(&run->states[i + 1], was_logged ? &run->states[i] : &run->states[run->durable]);
    run->issued = i + 1;
    blitzdb_status status = blitzdb_close(run->db);
    run->db = NULL;
    if (status != BLITZDB_OK && !has_failed(run))
        report_status(run, "closing failed", status, &error);
    if (status == BLITZDB_OK && was_logged)
        run->durable = i;
    if (run->mode->switches)
        run->flags ^= BLITZDB_OPEN_NO_LOG;
    status = power_open(run, run->env, &error, &run->db);
    if (status != BLITZDB_OK && has_failed(run)) /* that open met the failing sync: there is only one */
        status = power_open(run, run->env, &error, &run->db);
    if (status != BLITZDB_OK) {
        report_status(run, "opening again failed", status, &error);
        return;
    }
    settle_reopen(run, i, was_logged);
    run->is_healed = has_failed(run);
    run->durable = i + 1;
    run->may_be_kept[i + 1] = true;
}

/** Makes the i-th operation and notes what must survive from now on. */
static void advance(struct power_state *run, size_t i) {
    const struct operation *operation = &run->operations[i];
    mem_env_advance_ms(run->env, power_letters[run->letters[i]].wait_ms);
    if (power_letters[run->letters[i]].reopens) {
        reopen(run, i);
        return;
    }
    model_copy(&run->states[i + 1], &run->states[i]);
    blitzdb_status expected = operation_apply(&run->states[i + 1], operation, mem_env_now_ms(run->env));
    run->issued = i + 1;
    run->may_be_kept[i + 1] = has_log(run) || operation->kind == OPERATION_SNAPSHOT;
    blitzdb_status status = operation_run(run->db, operation);
    if (run->mode->writes_out && status == expected && blitzdb_write_out(run->db) != BLITZDB_OK)
        status = BLITZDB_IO;
    /* What changed nothing, a set whose expiry is past among it, is as durable as what was before it. */
    bool has_effect = status == BLITZDB_OK &&
                      (!operation_is_write(operation) ||
                       !model_equal(&run->states[i], &run->states[i + 1], mem_env_now_ms(run->env)));
    if (status == expected && makes_durable(run, i) && (has_effect || run->durable == i))
        run->durable = i + 1;
    else if (status != expected && has_failed(run))
        settle_failure(run, i);
    else if (status != expected)
        report_status(run, "an operation answered wrongly", status, &(blitzdb_error){0});
}

static void before_change(void *user, enum mem_env_call call, const char *path) {
    (void)call;
    (void)path;
    struct power_state *run = user;
    if (run->is_exploring || mem_env_faults(run->env) > 0)
        power_explore(run);
}

/** Whether the call takes a durability of its own. */
static bool takes_durability(const struct operation *operation) {
    return operation->kind == OPERATION_BATCH || operation->kind == OPERATION_TXN ||
           operation->kind == OPERATION_SECTION ||
           (operation->kind == OPERATION_SINGLE && operation->steps[0].kind == STEP_SET);
}

static void add(struct power_state *run, unsigned letter) {
    size_t i = run->count++;
    run->letters[i] = letter;
    run->operations[i] = power_operation(letter, i);
    if (run->mode->mixes && i % 2 == 1 && takes_durability(&run->operations[i]))
        run->operations[i].durability = BLITZDB_DURABILITY_ALWAYS;
}

static void begin(struct power_state *run, const struct power_spec *spec, struct power_counts *counts) {
    *run = (struct power_state){.spec = spec, .counts = counts, .mode = &power_modes[spec->mode]};
    run->rng.state = spec->seed;
    run->flags = run->mode->flags;
    run->may_be_kept[0] = true;
    for (size_t i = 0; i < spec->length; i++)
        add(run, spec->letters[i]);
    if (run->mode->fails_sync) {
        add(run, LETTER_REOPEN);
        add(run, LETTER_SET);
    }
    run->env = mem_env_create(rng_next(&run->rng));
    mem_env_before_change(run->env, before_change, run);
}

/** Arms the failing sync: which one is drawn from the seed. */
static void arm(struct power_state *run) {
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .error = EIO};
    fault.nth = 1 + rng_below(&run->rng, SYNCS_THAT_FAIL);
    if (run->mode->fails_sync)
        mem_env_fail(run->env, &fault);
}

/** Closes; what was written is durable then, and nothing but removals may still wait for the disk. */
static void end(struct power_state *run) {
    run->is_exploring = true;
    blitzdb_status status = blitzdb_close(run->db);
    if (status != BLITZDB_OK && !has_failed(run))
        report_status(run, "closing failed", status, &(blitzdb_error){0});
    if (status == BLITZDB_OK && has_log(run)) {
        run->durable = run->count;
        if (mem_env_pending_writes(run->env) > 0)
            report_status(run, "something written is not on disk after a clean close", status,
                          &(blitzdb_error){0});
    }
    power_explore(run);
}

void power_run(const struct power_spec *spec, struct power_counts *counts) {
    static struct power_state run;
    blitzdb_error error = {0};
    begin(&run, spec, counts);
    counts->sequences++;
    run.is_exploring = spec->length == 0;
    blitzdb_status status = power_open(&run, run.env, &error, &run.db);
    if (status != BLITZDB_OK)
        report_status(&run, "opening an empty directory failed", status, &error);
    arm(&run);
    for (size_t i = 0; run.db != NULL && i < run.count; i++) {
        run.is_exploring = i + 1 >= spec->length;
        advance(&run, i);
    }
    if (run.db != NULL)
        end(&run);
    for (size_t i = 0; i <= run.count; i++)
        model_deinit(&run.states[i]);
    mem_env_destroy(run.env);
}
