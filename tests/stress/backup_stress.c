/* Copies of a database are written while threads move amounts between its accounts. Every copy opens, has all
 * accounts with a sum of nothing, and of every thread what it had done when the copy began, no more than when
 * it ended. Somebody cancels copies now and then. For databases in memory, without and with a log, without
 * and with a thread of their own. Arguments: copies of each (default 6), seed. */
#include <stdatomic.h>

#include "lock.h"
#include "rng.h"
#include "stamp.h"
#include "tmpdir.h"

enum { WORKERS = 4, ACCOUNTS = 3000 };

static unsigned copies = 6;

struct worker {
    blitzdb *db;
    unsigned number;
    struct rng rng;
    const atomic_bool *stop;
    _Atomic int64_t moves; /* finished */
    struct bzd_thread thread;
};

/** Key of a worker's own counter. */
static uint32_t counter_of(unsigned worker) {
    return ACCOUNTS + worker;
}

static void add(blitzdb_batch *batch, uint32_t account, int64_t amount) {
    check(blitzdb_batch_increment(batch, &account, sizeof(account), amount), "add to a batch");
}

static void move(struct worker *worker) {
    uint32_t from = (uint32_t)rng_below(&worker->rng, ACCOUNTS);
    uint32_t to = (uint32_t)rng_below(&worker->rng, ACCOUNTS);
    int64_t amount = (int64_t)rng_below(&worker->rng, 1000);
    blitzdb_batch *batch = NULL;
    check(blitzdb_batch_create(worker->db, &batch), "create a batch");
    add(batch, from, -amount);
    add(batch, to, amount);
    add(batch, counter_of(worker->number), 1);
    check(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL), "commit a batch");
    blitzdb_batch_destroy(batch);
    atomic_fetch_add(&worker->moves, 1);
}

static void work(void *argument) {
    struct worker *worker = argument;
    while (!atomic_load(worker->stop)) {
        move(worker);
        if (rng_below(&worker->rng, 2000) == 0)
            check(blitzdb_snapshot_cancel(worker->db), "cancel");
    }
}

static int64_t balance(blitzdb *db, uint32_t account) {
    char text[32] = {0};
    size_t size = 0;
    check(blitzdb_get(db, &account, sizeof(account), text, sizeof(text) - 1, &size), "get an account");
    return strtoll(text, NULL, 10);
}

/** What is in a copy. */
static void check_copy(const char *path, const int64_t *least, const struct worker *workers) {
    blitzdb *db = NULL;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.flags = BLITZDB_OPEN_MUST_EXIST;
    check(blitzdb_open(path, &options, &db), "open a copy");
    int64_t sum = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        sum += balance(db, i);
    expect(sum == 0, "nothing is gained or lost");
    for (unsigned i = 0; i < WORKERS; i++) {
        int64_t moves = balance(db, counter_of(i));
        expect(moves >= least[i], "what was done before the copy is in it");
        expect(moves <= atomic_load(&workers[i].moves) + 1, "and nothing that was not done");
    }
    check(blitzdb_close(db), "close a copy");
}

/** Copies the database into a new directory each time, until one is not canceled. */
static void copy_once(blitzdb *db, const struct worker *workers) {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    int64_t least[WORKERS];
    tmpdir_create(&dir);
    tmpdir_join(&dir, "copy", path, sizeof(path));
    blitzdb_status status;
    do {
        for (unsigned i = 0; i < WORKERS; i++)
            least[i] = atomic_load(&workers[i].moves);
        status = blitzdb_snapshot_to(db, path, NULL);
        expect(status == BLITZDB_OK || status == BLITZDB_CANCELED || status == BLITZDB_BUSY, "copy");
    } while (status != BLITZDB_OK);
    check_copy(path, least, workers);
    tmpdir_remove(&dir);
}

static void fill(blitzdb *db) {
    for (uint32_t i = 0; i < ACCOUNTS + WORKERS; i++)
        check(blitzdb_set(db, &i, sizeof(i), "0", 1), "open an account");
}

static void run(const char *path, blitzdb_options options, uint64_t seed) {
    static struct worker workers[WORKERS];
    atomic_bool stop = false;
    blitzdb *db = NULL;
    options.log_segment_bytes = (uint64_t)256 * 1024;
    check(blitzdb_open(path, &options, &db), "open");
    fill(db);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.db = db, .number = i, .rng = {seed + i}, .stop = &stop};

        check(bzd_thread_start(&workers[i].thread, work, &workers[i]), "start a thread");
    }
    for (unsigned i = 0; i < copies; i++) {
        copy_once(db, workers);
        if (path != NULL && i % 2 == 0) { /* between copies the own files go on as well */
            blitzdb_status status = blitzdb_snapshot(db, NULL);
            expect(status == BLITZDB_OK || status == BLITZDB_CANCELED || status == BLITZDB_BUSY, "snapshot");
        }
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < WORKERS; i++)
        bzd_thread_join(&workers[i].thread);
    check(blitzdb_close(db), "close");
}

int main(int argc, char **argv) {
    copies = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : copies;
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 6; i++) {
        static const uint32_t flags[] = {0, 0, BLITZDB_OPEN_NO_LOG};
        struct tmpdir dir;
        blitzdb_options options = BLITZDB_OPTIONS_INIT;
        options.flags = flags[i % 3];
        options.background = i < 3 ? BLITZDB_BACKGROUND_CALLER : BLITZDB_BACKGROUND_THREAD;
        options.snapshot_log_bytes = i == 4 ? (uint64_t)2 << 20 : 0; /* automatic snapshots come in between */
        tmpdir_create(&dir);
        run(i % 3 == 0 ? NULL : dir.path, options, seed);
        tmpdir_remove(&dir);
    }
    return 0;
}
