/**
 * @file
 * @brief Lets the power fail before every file call of a copy to another directory, and of the snapshot that
 *        replaces a failed log, in every way the simulated disk knows.
 *
 * Every write is a batch that sets three keys to the same version; some are made while the snapshot is being
 * written. Of every image is expected:
 *
 *   - the database opens and shows a version that is not older than the last one known to be durable, and not
 *     newer than the last one begun, in all three keys;
 *   - the copy is no database yet, or one with a version that is not older than the call: whole or not at
 *     all. Once the call has succeeded it is there;
 *   - what was opened can be written, and shows that after the next power failure;
 *   - for a sample, if the power fails again before any call of the recovery, the next one finds the same.
 *
 * Usage: backup_loss [images per class]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

#include "../support/mem_env.h"

/** One image in so many is recovered with a power failure in the middle. */
#define DEEP_SAMPLE 16
#define BULK_KEYS 40

static const char *const versioned_keys[] = {"a", "b", "c"};
enum { VERSIONED_KEYS = 3 };

/** What was done and found, over the whole program. */
static struct {
    uint64_t crash_points;
    uint64_t images;
    uint64_t deep;
    uint64_t violations;
    uint64_t images_per_class;
} totals;

/** A database, and what is done to it while the power may fail. */
struct world {
    const char *name;
    const char *path; /**< NULL: memory only */
    uint32_t flags;
    bool fails;  /**< its log has failed before */
    bool copies; /**< it is copied; otherwise a snapshot is taken */
};

static const struct world worlds[] = {
    {"copy with a log", "db", 0, false, true},
    {"copy without a log", "db", BLITZDB_OPEN_NO_LOG, false, true},
    {"copy from memory", NULL, 0, false, true},
    {"copy after the log failed", "db", 0, true, true},
    {"snapshot without a log", "db", BLITZDB_OPEN_NO_LOG, false, false},
    {"snapshot after the log failed", "db", 0, true, false},
};

struct run {
    const struct world *world;
    struct mem_env *env;
    blitzdb *db;
    uint64_t issued;  /**< last version begun */
    uint64_t durable; /**< oldest version that may be found in the database */
    uint64_t copied;  /**< oldest version that may be found in the copy */
    bool has_copy;    /**< the copy must be there */
    bool is_exploring;
};

static void violation(const struct run *run, const char *what, int64_t detail) {
    (void)fprintf(stderr, "%s: %s (%" PRId64 "), versions %" PRIu64 " to %" PRIu64 "\n", run->world->name,
                  what, detail, run->durable, run->issued);
    totals.violations++;
}

static void expect(const struct run *run, const char *what, blitzdb_status status) {
    if (status != BLITZDB_OK) {
        (void)fprintf(stderr, "%s: %s: %s\n", run->world->name, what, blitzdb_status_name(status));
        exit(1);
    }
}

static blitzdb_status open_in(struct mem_env *env, const char *path, uint32_t flags, blitzdb **db_out) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = mem_env_table(env);
    options.flags = flags;
    options.shard_count = 4;
    options.durability = BLITZDB_DURABILITY_NONE;
    options.log_segment_bytes = 4096;
    return blitzdb_open(path, &options, db_out);
}

/** Sets all three keys to the next version. */
static blitzdb_status write_version(blitzdb *db, uint64_t version) {
    blitzdb_batch *batch = NULL;
    blitzdb_status status = blitzdb_batch_create(db, &batch);
    for (size_t i = 0; i < VERSIONED_KEYS && status == BLITZDB_OK; i++)
        status = blitzdb_batch_set(batch, versioned_keys[i], 1, &version, sizeof(version), NULL);
    if (status == BLITZDB_OK)
        status = blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL);
    blitzdb_batch_destroy(batch);
    return status;
}

/** The version a database shows; UINT64_MAX if the keys differ or the rest is not there. */
static uint64_t read_version(blitzdb *db) {
    uint64_t version = 0;
    for (size_t i = 0; i < VERSIONED_KEYS; i++) {
        uint64_t found = 0;
        size_t size = 0;
        blitzdb_status status = blitzdb_get(db, versioned_keys[i], 1, &found, sizeof(found), &size);
        if (status != BLITZDB_OK || (i > 0 && found != version))
            return UINT64_MAX;
        version = found;
    }
    uint64_t keys = 0;
    if (blitzdb_count(db, &keys, NULL) != BLITZDB_OK || keys != BULK_KEYS + VERSIONED_KEYS)
        return UINT64_MAX;
    return version;
}

/** What is expected of one directory in an image. */
struct expectation {
    const char *path;
    uint64_t oldest;
    bool may_lack; /**< it may be no database */
};

static bool is_absent(blitzdb_status status) {
    return status == BLITZDB_NOT_FOUND || status == BLITZDB_NOT_A_DATABASE;
}

/** Opens a directory and looks; then writes, loses power and looks again. */
static void check_directory(const struct run *run, struct mem_env *image,
                            const struct expectation *expectation) {
    blitzdb *db = NULL;
    blitzdb_status status = open_in(image, expectation->path, BLITZDB_OPEN_MUST_EXIST, &db);
    if (is_absent(status) && expectation->may_lack)
        return;
    if (status != BLITZDB_OK) {
        violation(run, expectation->path, status);
        return;
    }
    uint64_t version = read_version(db);
    if (version < expectation->oldest || version > run->issued)
        violation(run, "wrong version", (int64_t)version);
    if (write_version(db, version + 1) != BLITZDB_OK || blitzdb_sync(db) != BLITZDB_OK)
        violation(run, "cannot be written", 0);
    struct mem_env *later = mem_env_crash(image, MEM_DAMAGE_DROPPED, 0);
    blitzdb *again = NULL;
    if (blitzdb_close(db) != BLITZDB_OK)
        violation(run, "cannot be closed", 0);
    status = open_in(later, expectation->path, BLITZDB_OPEN_MUST_EXIST, &again);
    if (status != BLITZDB_OK || read_version(again) != version + 1)
        violation(run, "lost after the second failure", status);
    (void)(blitzdb_close(again) == BLITZDB_OK);
    mem_env_destroy(later);
}

/** Lets the power fail again before every call of the recovery. */
static void check_interrupted(const struct run *run, enum mem_env_damage damage, uint64_t index,
                              const struct expectation *expectation) {
    bool has_crashed = true;
    for (uint64_t nth = 1; has_crashed; nth++) {
        struct mem_env *image = mem_env_crash(run->env, damage, index);
        blitzdb *db = NULL;
        mem_env_crash_at(image, nth);
        (void)(open_in(image, expectation->path, BLITZDB_OPEN_MUST_EXIST, &db) == BLITZDB_OK);
        has_crashed = mem_env_crashed(image);
        struct mem_env *dropped = mem_env_crash(image, MEM_DAMAGE_DROPPED, 0);
        struct mem_env *applied = mem_env_crash(image, MEM_DAMAGE_RANDOM, nth);
        check_directory(run, dropped, expectation);
        check_directory(run, applied, expectation);
        (void)(blitzdb_close(db) == BLITZDB_OK); /* without power nothing can be expected of it */
        mem_env_destroy(dropped);
        mem_env_destroy(applied);
        mem_env_destroy(image);
        totals.deep++;
    }
}

static void check_image(const struct run *run, enum mem_env_damage damage, uint64_t index) {
    const struct expectation expectations[] = {
        {run->world->path, run->durable, run->durable == 0},
        {"copy", run->copied, !run->has_copy},
    };
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        if (expectations[i].path == NULL)
            continue;
        struct mem_env *image = mem_env_crash(run->env, damage, index);
        check_directory(run, image, &expectations[i]);
        mem_env_destroy(image);
        if (totals.images++ % DEEP_SAMPLE == 0)
            check_interrupted(run, damage, index, &expectations[i]);
    }
}

/** Looks at what a power failure now leaves. */
static void explore(struct run *run) {
    totals.crash_points++;
    for (unsigned damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
        uint64_t count = mem_env_crash_count(run->env, (enum mem_env_damage)damage);
        uint64_t step = count / totals.images_per_class + 1;
        for (uint64_t index = 0; index < count; index += step)
            check_image(run, (enum mem_env_damage)damage, index);
    }
}

/** Somebody writes meanwhile; false: a failed log refuses it. */
static bool write_beside(struct run *run) {
    blitzdb_status status = write_version(run->db, ++run->issued);
    if (status == BLITZDB_LOG_FAILED && run->world->fails) {
        run->issued--; /* refused before it changed anything */
        return false;
    }
    expect(run, "write beside the snapshot", status);
    return true;
}

/** Before every changing call: the power fails; and sometimes somebody writes. */
static void before_call(void *user, enum mem_env_call call, const char *path) {
    struct run *run = user;
    if (!run->is_exploring)
        return;
    run->is_exploring = false;
    explore(run);
    bool is_snapshot = strstr(path, "snapshot-") != NULL;
    bool is_free = is_snapshot || strstr(path, "MANIFEST") != NULL;
    if (is_free && (call == MEM_CALL_WRITE || call == MEM_CALL_SYNC))
        write_beside(run);
    /* A log that was replaced takes writes before the old snapshot is gone. */
    if (is_snapshot && call == MEM_CALL_REMOVE && run->world->fails && write_beside(run)) {
        expect(run, "sync beside the snapshot", blitzdb_sync(run->db));
        run->durable = run->issued;
        explore(run);
    }
    run->is_exploring = true;
}

static void fill(struct run *run) {
    static const char value[100];
    for (unsigned i = 0; i < BULK_KEYS; i++)
        expect(run, "set", blitzdb_set(run->db, &i, sizeof(i), value, sizeof(value)));
    expect(run, "write", write_version(run->db, ++run->issued));
    bool has_snapshots = run->world->path != NULL;
    if (has_snapshots)
        expect(run, "snapshot", blitzdb_snapshot(run->db, NULL));
    run->durable = has_snapshots ? run->issued : 0;
    bool has_log = has_snapshots && run->world->flags == 0;
    for (unsigned i = 0; i < 3; i++)
        expect(run, "write", write_version(run->db, ++run->issued));
    expect(run, "sync", blitzdb_sync(run->db));
    run->durable = has_log ? run->issued : run->durable;
    for (unsigned i = 0; i < 3; i++) {
        expect(run, "write", write_version(run->db, ++run->issued));
        expect(run, "write out", blitzdb_write_out(run->db));
    }
}

/** Makes the next sync of the log fail; what it should have saved cannot be saved any more. */
static void fail_log(struct run *run) {
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO};
    mem_env_fail(run->env, &fault);
    if (blitzdb_sync(run->db) != BLITZDB_IO || write_version(run->db, 0) != BLITZDB_LOG_FAILED)
        violation(run, "the log should have failed", 0);
    mem_env_disarm(run->env);
}

static void end_run(struct run *run) {
    run->is_exploring = false;
    explore(run);
    if (run->world->fails && !run->world->copies) { /* the new log is a log */
        expect(run, "write", write_version(run->db, ++run->issued));
        expect(run, "sync", blitzdb_sync(run->db));
        run->durable = run->issued;
        explore(run);
    }
    mem_env_before_change(run->env, NULL, NULL);
    blitzdb_status status = blitzdb_close(run->db);
    if (status != (run->world->fails && run->world->copies ? BLITZDB_LOG_FAILED : BLITZDB_OK))
        violation(run, "close", status);
    if (mem_env_live_memory(run->env) != 0 || mem_env_open_files(run->env) != 0)
        violation(run, "something is left", mem_env_live_memory(run->env));
    mem_env_destroy(run->env);
}

static void run_world(const struct world *world) {
    struct run run = {.world = world, .env = mem_env_create(1)};
    expect(&run, "open", open_in(run.env, world->path, world->flags, &run.db));
    fill(&run);
    if (world->fails)
        fail_log(&run);
    run.copied = run.issued;
    uint64_t begun = run.issued;
    run.is_exploring = true;
    mem_env_before_change(run.env, before_call, &run);
    if (world->copies) {
        expect(&run, "copy", blitzdb_snapshot_to(run.db, "copy", NULL));
        run.has_copy = true;
    } else {
        expect(&run, "snapshot", blitzdb_snapshot(run.db, NULL));
        run.durable = run.durable > begun ? run.durable : begun;
    }
    end_run(&run);
}

int main(int argc, char **argv) {
    totals.images_per_class = argc > 1 ? strtoull(argv[1], NULL, 10) : 12;
    for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
        run_world(&worlds[i]);
    (void)printf("crash points %" PRIu64 ", images %" PRIu64 ", failures in recoveries %" PRIu64
                 ", violations %" PRIu64 "\n",
                 totals.crash_points, totals.images, totals.deep, totals.violations);
    return totals.violations == 0 && totals.images > 0 ? 0 : 1;
}
