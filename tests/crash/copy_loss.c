/**
 * @file
 * @brief Lets the power fail before every file call of a copy that fails, and of a salvage, in every way the
 * simulated disk knows: the new directory is no database, or one with everything.
 *
 * Either fails at each of its syncs in turn, those of directories included, and takes back what it has
 * written. A salvage that has succeeded is on disk. (Copies that succeed: backup_loss.)
 *
 * Usage: copy_loss [images per class]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/blitzdb.h>
#include <blitzdb/check.h>

#include "../support/mem_env.h"

static const char *const keys[] = {"a", "b", "c"};
enum { KEYS = 3, VALUE_SIZE = 2000, REPORTS_MAX = 20 };

static struct {
    uint64_t crash_points;
    uint64_t images;
    uint64_t violations;
    uint64_t images_per_class;
} totals;

/** One copy or salvage to the directory "new". */
struct run {
    const char *name;
    struct mem_env *env;
    bool is_done; /**< the call has succeeded */
};

static void violation(const struct run *run, const char *what, blitzdb_status status) {
    if (totals.violations++ < REPORTS_MAX)
        (void)fprintf(stderr, "%s: %s (%s)\n", run->name, what, blitzdb_status_name(status));
}

static blitzdb_status open_in(const struct mem_env *env, const char *path, uint32_t flags, blitzdb **db_out) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = mem_env_table(env);
    options.flags = flags;
    options.shard_count = 2;
    options.log_segment_bytes = 4096;
    return blitzdb_open(path, &options, db_out);
}

/** Whether all keys are there with their values, and nothing else. */
static bool is_whole(blitzdb *db) {
    char value[VALUE_SIZE];
    uint64_t count = 0;
    bool is_same = blitzdb_count(db, &count, NULL) == BLITZDB_OK && count == KEYS;
    for (size_t i = 0; i < KEYS && is_same; i++) {
        size_t size = 0;
        is_same = blitzdb_get(db, keys[i], 1, value, sizeof(value), &size) == BLITZDB_OK &&
                  size == VALUE_SIZE && value[0] == keys[i][0] && value[VALUE_SIZE - 1] == keys[i][0];
    }
    return is_same;
}

static void check_image(const struct run *run, struct mem_env *image) {
    blitzdb *db = NULL;
    blitzdb_status status = open_in(image, "new", BLITZDB_OPEN_MUST_EXIST, &db);
    bool is_absent = status == BLITZDB_NOT_FOUND || status == BLITZDB_NOT_A_DATABASE;
    totals.images++;
    if (is_absent && !run->is_done)
        return;
    if (status != BLITZDB_OK) {
        violation(run, "cannot be opened", status);
        return;
    }
    if (!is_whole(db))
        violation(run, "something is missing", status);
    if (blitzdb_close(db) != BLITZDB_OK)
        violation(run, "cannot be closed", status);
}

static void explore(void *user, enum mem_env_call call, const char *path) {
    const struct run *run = user;
    (void)call;
    (void)path;
    totals.crash_points++;
    for (unsigned damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
        uint64_t count = mem_env_crash_count(run->env, (enum mem_env_damage)damage);
        uint64_t step = count / totals.images_per_class + 1;
        for (uint64_t index = 0; index < count; index += step) {
            struct mem_env *image = mem_env_crash(run->env, (enum mem_env_damage)damage, index);
            check_image(run, image);
            mem_env_destroy(image);
        }
    }
}

static blitzdb *make_database(struct run *run) {
    char value[VALUE_SIZE];
    blitzdb *db = NULL;
    blitzdb_status status = open_in(run->env, "db", 0, &db);
    for (size_t i = 0; i < KEYS && status == BLITZDB_OK; i++) {
        memset(value, keys[i][0], sizeof(value));
        status = blitzdb_set(db, keys[i], 1, value, sizeof(value));
    }
    if (status != BLITZDB_OK) {
        violation(run, "the database cannot be made", status);
        exit(1);
    }
    return db;
}

/** Copies while the n-th sync of a kind fails; false: it was not reached. */
static bool run_failed_copy(enum mem_env_call call, uint64_t nth) {
    struct run run = {.name = "failed copy", .env = mem_env_create(1)};
    struct mem_env_fault fault = {.call = call, .nth = nth, .error = EIO};
    blitzdb *db = make_database(&run);
    mem_env_fail(run.env, &fault);
    mem_env_before_change(run.env, explore, &run);
    blitzdb_status status = blitzdb_snapshot_to(db, "new", NULL);
    bool has_failed = mem_env_faults(run.env) > 0;
    if ((status != BLITZDB_OK) != has_failed)
        violation(&run, "wrong status", status);
    run.is_done = status == BLITZDB_OK;
    explore(&run, MEM_CALL_KINDS, "");
    mem_env_before_change(run.env, NULL, NULL);
    (void)(blitzdb_close(db) == BLITZDB_OK); /* its log may be what has failed */
    mem_env_destroy(run.env);
    return has_failed;
}

/** Salvages while the n-th sync of a kind fails; 0: none does; false: it was not reached. */
static bool run_salvage(enum mem_env_call call, uint64_t nth) {
    struct run run = {.name = nth == 0 ? "salvage" : "failed salvage", .env = mem_env_create(1)};
    struct mem_env_fault fault = {.call = call, .nth = nth, .error = EIO};
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    options.env = mem_env_table(run.env);
    if (blitzdb_close(make_database(&run)) != BLITZDB_OK)
        violation(&run, "the database cannot be closed", BLITZDB_OK);
    if (nth > 0)
        mem_env_fail(run.env, &fault);
    mem_env_before_change(run.env, explore, &run);
    blitzdb_status status = blitzdb_salvage("db", "new", &options, NULL);
    bool has_failed = nth > 0 && mem_env_faults(run.env) > 0;
    if ((status != BLITZDB_OK) != has_failed)
        violation(&run, "wrong status", status);
    run.is_done = status == BLITZDB_OK;
    explore(&run, MEM_CALL_KINDS, "");
    mem_env_before_change(run.env, NULL, NULL);
    mem_env_destroy(run.env);
    return has_failed;
}

int main(int argc, char **argv) {
    totals.images_per_class = argc > 1 ? strtoull(argv[1], NULL, 10) : 16;
    uint64_t failed = 0;
    for (uint64_t nth = 1; run_failed_copy(MEM_CALL_SYNC, nth); nth++)
        failed++;
    for (uint64_t nth = 1; run_failed_copy(MEM_CALL_SYNC_DIR, nth); nth++)
        failed++;
    (void)run_salvage(MEM_CALL_SYNC, 0);
    for (uint64_t nth = 1; run_salvage(MEM_CALL_SYNC, nth); nth++)
        failed++;
    for (uint64_t nth = 1; run_salvage(MEM_CALL_SYNC_DIR, nth); nth++)
        failed++;
    (void)printf("failed %" PRIu64 ", crash points %" PRIu64 ", images %" PRIu64 ", violations %" PRIu64 "\n",
                 failed, totals.crash_points, totals.images, totals.violations);
    return totals.violations == 0 && failed > 0 ? 0 : 1;
}
