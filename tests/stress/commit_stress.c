/* Eight threads commit to one log at once, each write with a durability of its own, in segments so small that
 * they are begun all the time; others write out, sync and take snapshots. What a call promised must be true
 * when it returns. In the second part a sync or a write fails under all of them: nobody may hang, nobody is
 * told OK for what is not on the disk, and reading goes on. Argument: operations per thread (default 300). */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

#include "lock.h"
#include "rng.h"
#include "tmpdir.h"

enum { THREADS = 8, FAILING_ROUNDS = 60 };

static unsigned operations = 300;

static struct {
    blitzdb_env env;
    const blitzdb_env *real;
    _Atomic int64_t syncs_left; /* until one fails; negative: none does */
    _Atomic int64_t writes_left;
} disk;

struct worker {
    blitzdb *db;
    unsigned number;
    struct rng rng;
    unsigned acknowledged; /* writes that were promised to be durable */
    struct bzd_thread thread;
};

static void expect(int fact, const char *what) {
    if (!fact) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

/** Counts a call; true if it is the one that fails. */
static bool fails(_Atomic int64_t *left) {
    return atomic_load(left) >= 0 && atomic_fetch_sub(left, 1) == 0;
}

static int failing_write(void *user, blitzdb_file *file, const void *data, size_t size, uint64_t offset) {
    (void)user;
    return fails(&disk.writes_left) ? EIO : disk.real->write_at(disk.real->user, file, data, size, offset);
}

static int failing_sync(void *user, blitzdb_file *file) {
    (void)user;
    return fails(&disk.syncs_left) ? EIO : disk.real->sync(disk.real->user, file);
}

static size_t key_of(char *key, unsigned thread, unsigned number) {
    return (size_t)snprintf(key, 32, "%u/%u", thread, number);
}

static blitzdb *open_database(const struct tmpdir *dir) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb_error error = {0};
    blitzdb *db;
    options.env = &disk.env;
    options.durability = BLITZDB_DURABILITY_NONE;
    options.log_segment_bytes = 4096;
    options.log_buffer_bytes = 4096;
    options.shard_count = 8;
    options.error = &error;
    if (blitzdb_open(dir->path, &options, &db) == BLITZDB_OK)
        return db;
    fprintf(stderr, "failed: open: %s\n", error.text);
    exit(1);
}

/** Sets a key of its own so that it is durable, and checks that it is. */
static blitzdb_status set_durably(struct worker *worker) {
    char key[32];
    size_t key_size = key_of(key, worker->number, worker->acknowledged);
    char value[300];
    size_t size = rng_below(&worker->rng, sizeof value);
    memset(value, (int)('a' + worker->number), sizeof value);
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.durability = BLITZDB_DURABILITY_ALWAYS;
    uint64_t before = blitzdb_log_position(worker->db);
    blitzdb_status status = blitzdb_set_with(worker->db, key, key_size, value, size, &options);
    if (status == BLITZDB_OK) {
        expect(blitzdb_durable_position(worker->db) > before, "a durable write is durable");
        worker->acknowledged++;
    }
    return status;
}

/** One call of some kind. */
static blitzdb_status act(struct worker *worker) {
    uint64_t position = blitzdb_log_position(worker->db);
    blitzdb_status status;
    switch (rng_below(&worker->rng, 20)) {
    case 0:
        status = blitzdb_sync(worker->db);
        expect(status != BLITZDB_OK || blitzdb_durable_position(worker->db) >= position, "sync syncs");
        return status;
    case 1:
        return blitzdb_write_out(worker->db);
    case 2:
        status = blitzdb_snapshot(worker->db, NULL);
        return status == BLITZDB_BUSY ? BLITZDB_OK : status;
    case 3:
    case 4:
    case 5:
    case 6:
        status = blitzdb_set(worker->db, "shared", 6, "not synced on its own", 21);
        return status == BLITZDB_OK ? blitzdb_write_out(worker->db) : status; /* beside a sync of others */
    default:
        return set_durably(worker);
    }
}

/** Works until a call fails, or until all operations are done. */
static void work(void *argument) {
    struct worker *worker = argument;
    for (unsigned i = 0; i < operations; i++)
        if (act(worker) != BLITZDB_OK)
            return;
}

static void run_threads(blitzdb *db, struct worker workers[THREADS], uint64_t seed) {
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.db = db, .number = i, .rng = {seed + i}};
        expect(bzd_thread_start(&workers[i].thread, work, &workers[i]) == BLITZDB_OK, "start a thread");
    }
    for (unsigned i = 0; i < THREADS; i++)
        bzd_thread_join(&workers[i].thread);
}

/** Everything acknowledged is there; returns how much that is. */
static unsigned check_acknowledged(blitzdb *db, const struct worker workers[THREADS]) {
    unsigned count = 0;
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned k = 0; k < workers[i].acknowledged; k++, count++) {
            char key[32];
            expect(blitzdb_exists(db, key, key_of(key, i, k)) == BLITZDB_OK,
                   "what was acknowledged is there");
        }
    return count;
}

static unsigned run_soundly(void) {
    struct worker workers[THREADS];
    struct tmpdir dir;
    tmpdir_create(&dir);
    blitzdb *db = open_database(&dir);
    run_threads(db, workers, 1);
    unsigned count = 0;
    for (unsigned i = 0; i < THREADS; i++)
        expect(workers[i].acknowledged > 0, "a thread wrote durably");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    db = open_database(&dir);
    count = check_acknowledged(db, workers);
    expect(blitzdb_close(db) == BLITZDB_OK, "close again");
    tmpdir_remove(&dir);
    return count;
}

/** A call fails in the middle: everybody stops by an error, and what is on disk is found again. */
static unsigned run_failing(_Atomic int64_t *left, uint64_t seed) {
    struct worker workers[THREADS];
    struct tmpdir dir;
    struct rng rng = {seed};
    tmpdir_create(&dir);
    blitzdb *db = open_database(&dir);
    atomic_store(left, (int64_t)rng_below(&rng, 100));
    run_threads(db, workers, seed);
    bool fired = atomic_load(left) < 0;
    atomic_store(left, -1);
    unsigned count = check_acknowledged(db, workers);
    (void)blitzdb_close(db); /* says what it knows of the failure */
    db = open_database(&dir);
    expect(check_acknowledged(db, workers) == count, "the reopened database is the same");
    expect(blitzdb_set(db, "k", 1, "v", 1) == BLITZDB_OK, "a reopened database takes writes");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    tmpdir_remove(&dir);
    return fired;
}

int main(int argc, char **argv) {
    if (argc > 1)
        operations = (unsigned)strtoul(argv[1], NULL, 10);
    disk.real = blitzdb_env_default();
    disk.env = *disk.real;
    disk.env.sync = failing_sync;
    disk.env.write_at = failing_write;
    atomic_init(&disk.syncs_left, -1);
    atomic_init(&disk.writes_left, -1);
    unsigned acknowledged = run_soundly();
    unsigned fired = 0;
    for (unsigned i = 0; i < FAILING_ROUNDS; i++)
        fired += run_failing(i % 2 == 0 ? &disk.syncs_left : &disk.writes_left, 100 + i);
    expect(fired > FAILING_ROUNDS / 2, "syncs and writes failed");
    printf("durable writes %u, failed logs %u, lost 0\n", acknowledged, fired);
    return 0;
}
