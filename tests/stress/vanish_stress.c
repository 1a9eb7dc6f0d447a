/* A database in which everything may vanish at any time, used by several threads: any key may be evicted,
 * everything is flushed again and again, keyspaces are exchanged, snapshots are taken. What is there is
 * whole, and after the last flush nothing is left, here and after opening again. Arguments: operations per
 * thread (default 4000), seed. */

#include "lock.h"
#include "rng.h"
#include "stamp.h"
#include "tmpdir.h"

enum { WORKERS = 6, KEYS = 4000, SPACES = 3, BATCH = 8 };
#define LIMIT ((uint64_t)400 * 1000)

static unsigned operations = 4000;

struct worker {
    blitzdb *spaces[SPACES];
    unsigned number;
    struct rng rng;
    uint64_t version;
    struct bzd_thread thread;
};

static bool chance(struct worker *worker, unsigned one_in) {
    return rng_below(&worker->rng, one_in) == 0;
}

static blitzdb *any_space(struct worker *worker) {
    return worker->spaces[rng_below(&worker->rng, SPACES)];
}

static uint32_t any_key(struct worker *worker) {
    return stamp_key(0, (uint32_t)rng_below(&worker->rng, KEYS));
}

/** Every key of these threads can be evicted, so there is always room for another. */
static void write_some(struct worker *worker) {
    blitzdb *db = any_space(worker);
    blitzdb_batch *batch = NULL;
    check(blitzdb_batch_create(db, &batch), "create a batch");
    for (unsigned i = 0; i < BATCH; i++) {
        uint32_t key = any_key(worker);
        struct stamped value;
        size_t size = stamp_write(&value, key, worker->number, ++worker->version);
        if (chance(worker, 4))
            check(blitzdb_batch_del(batch, &key, sizeof(key)), "add a deletion");
        else if (chance(worker, 2))
            check(blitzdb_batch_set(batch, &key, sizeof(key), &value, size, NULL), "add a set");
        else
            check(blitzdb_set(db, &key, sizeof(key), &value, size), "set");
    }
    check(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL), "commit a batch");
    blitzdb_batch_destroy(batch);
}

static void view_one(void *user, const blitzdb_view_entry *entry) {
    const uint32_t *keys = user;
    if (entry->value != NULL)
        (void)stamp_read(entry->value, entry->value_size, keys[entry->index]);
}

static void read_some(struct worker *worker) {
    uint32_t names[BATCH];
    const void *keys[BATCH];
    size_t sizes[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        names[i] = any_key(worker);
        keys[i] = &names[i];
        sizes[i] = sizeof(names[i]);
    }
    check(blitzdb_view(any_space(worker), BATCH, keys, sizes, view_one, names), "view");
    void *key = NULL;
    size_t size = 0;
    blitzdb *db = any_space(worker);
    blitzdb_status status = blitzdb_random_key(db, &key, &size);
    expect(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND, "draw a key");
    if (status == BLITZDB_OK)
        blitzdb_free(db, key);
}

static void visit(void *user, const blitzdb_scan_entry *entry) {
    (void)user;
    (void)stamp_read_entry(entry, 0);
}

static void scan_some(struct worker *worker) {
    uint64_t cursor = rng_next(&worker->rng) >> rng_below(&worker->rng, 64);
    for (unsigned i = 0; i < 4; i++)
        check(blitzdb_scan(any_space(worker), &cursor, NULL, 0, 50, visit, NULL), "scan");
}

static void do_upkeep(struct worker *worker) {
    static const unsigned policies[] = {BLITZDB_EVICTION_ALLKEYS_LRU, BLITZDB_EVICTION_ALLKEYS_RANDOM};
    blitzdb *db = worker->spaces[0];
    blitzdb_status status = BLITZDB_OK;
    switch (rng_below(&worker->rng, 6)) {
    case 0:
        status = blitzdb_flush_all(db);
        break;
    case 1:
        status = blitzdb_flush_keyspace(any_space(worker));
        break;
    case 2:
        status = blitzdb_swap_keyspaces(db, 0, 1 + (unsigned)rng_below(&worker->rng, SPACES - 1));
        break;
    case 3:
        status = blitzdb_snapshot(db, NULL);
        break;
    case 4:
        status = blitzdb_set_memory_limit(db, LIMIT - rng_below(&worker->rng, LIMIT / 4),
                                          policies[rng_below(&worker->rng, 2)]);
        break;
    default:
        status = blitzdb_pump(db, NULL);
        break;
    }
    expect(status == BLITZDB_OK || status == BLITZDB_BUSY, "upkeep");
}

static void work(void *argument) {
    struct worker *worker = argument;
    for (unsigned i = 0; i < operations; i++) {
        uint64_t dice = rng_below(&worker->rng, 100);
        if (i % 200 == 199)
            do_upkeep(worker);
        else if (dice < 60)
            write_some(worker);
        else if (dice < 90)
            read_some(worker);
        else
            scan_some(worker);
    }
}

static blitzdb *open_database(const char *path) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.background = BLITZDB_BACKGROUND_THREAD;
    options.sync_interval_ms = 10;
    options.log_segment_bytes = 256 * 1024;
    options.shard_count = 8;
    options.memory_limit_bytes = LIMIT;
    options.eviction = BLITZDB_EVICTION_ALLKEYS_LRU;
    blitzdb *db = NULL;
    check(blitzdb_open(path, &options, &db), "open");
    return db;
}

int main(int argc, char **argv) {
    static struct worker workers[WORKERS];
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    if (argc > 1)
        operations = (unsigned)strtoul(argv[1], NULL, 10);
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    tmpdir_create(&dir);
    tmpdir_join(&dir, "data", path, sizeof(path));
    blitzdb *db = open_database(path);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.number = i, .rng = {seed + i}};
        for (unsigned space = 0; space < SPACES; space++)
            check(blitzdb_keyspace(db, space, &workers[i].spaces[space]), "select");
        check(bzd_thread_start(&workers[i].thread, work, &workers[i]), "start a thread");
    }
    for (unsigned i = 0; i < WORKERS; i++)
        bzd_thread_join(&workers[i].thread);
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    check(blitzdb_stats(db, &stats), "stats");
    expect(stats.evicted > 0, "entries were evicted");
    printf("evicted %llu, snapshots %llu\n", (unsigned long long)stats.evicted,
           (unsigned long long)stats.snapshots);
    check(blitzdb_flush_all(db), "flush everything");
    for (unsigned opened = 0; opened < 2; opened++) {
        check(blitzdb_stats(db, &stats), "stats");
        expect(stats.keys == 0, "nothing is left");
        check(blitzdb_close(db), "close");
        db = opened == 0 ? open_database(path) : NULL;
    }
    tmpdir_remove(&dir);
    return 0;
}
