/* Scans and iterators of several threads while the tables under them grow and shrink: whatever is there
 * throughout a whole walk is seen, whatever was gone before it is not, and every entry is whole.
 *
 * Each thread walks, and between any two steps of its walk it sets or deletes keys of its own, so that the
 * tables split and merge many times during every walk, also under a single processor. Arguments: walks per
 * thread (default 60), seed. */
#include "lock.h"
#include "rng.h"
#include "stamp.h"

enum { KEPT_KIND, GONE_KIND, CHURNED_KIND };
enum { WORKERS = 4, KEPT = 300, CHURNED = 4000, STEP_MAX = 60, CHANGES_MAX = 120 };

static unsigned walks = 60;

struct worker {
    blitzdb *db;
    unsigned number;
    struct rng rng;
    bool grows;
    bool is_there[CHURNED];
    uint32_t there;
    uint64_t version;
    unsigned visits[KEPT]; /* in this walk */
    uint64_t table_min, table_max;
    struct bzd_thread thread;
};

static void set_key(blitzdb *db, uint32_t key, uint64_t version) {
    struct stamped value;
    size_t size = stamp_write(&value, key, 0, version);
    check(blitzdb_set(db, &key, sizeof(key), &value, size), "set");
}

static void note_tables(struct worker *worker) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    check(blitzdb_stats(worker->db, &stats), "stats");
    if (worker->table_min == 0 || stats.table_bytes < worker->table_min)
        worker->table_min = stats.table_bytes;
    if (stats.table_bytes > worker->table_max)
        worker->table_max = stats.table_bytes;
}

/** Sets or deletes some keys: long phases in one direction, with exceptions. */
static void change_some(struct worker *worker) {
    for (uint64_t left = rng_below(&worker->rng, CHANGES_MAX); left > 0; left--) {
        uint32_t number = (uint32_t)rng_below(&worker->rng, CHURNED);
        uint32_t key = stamp_key(CHURNED_KIND, worker->number * CHURNED + number);
        bool sets = worker->grows != (rng_below(&worker->rng, 16) == 0);
        if (worker->is_there[number] == sets)
            continue;
        if (sets)
            set_key(worker->db, key, ++worker->version);
        else
            check(blitzdb_del(worker->db, &key, sizeof(key)), "delete");
        worker->is_there[number] = sets;
        worker->there += sets ? 1 : -1u;
    }
    if (worker->there > CHURNED * 3 / 4)
        worker->grows = false;
    else if (worker->there < CHURNED / 8)
        worker->grows = true;
    note_tables(worker);
}

static void visit(void *user, const blitzdb_scan_entry *entry) {
    struct worker *worker = user;
    uint32_t key;
    expect(entry->key_size == sizeof(key), "a key has its size");
    memcpy(&key, entry->key, sizeof(key));
    (void)stamp_read(entry->value, entry->value_size, key);
    expect(key >> 24 != GONE_KIND, "a key that was deleted before is not seen");
    if (key >> 24 == KEPT_KIND)
        worker->visits[key]++;
}

static void walk_by_scan(struct worker *worker) {
    uint64_t cursor = 0;
    do {
        size_t count = 1 + rng_below(&worker->rng, STEP_MAX);
        check(blitzdb_scan(worker->db, &cursor, NULL, 0, count, visit, worker), "scan");
        change_some(worker);
    } while (cursor != 0);
}

static void walk_by_iterator(struct worker *worker) {
    blitzdb_iterator *iterator = NULL;
    blitzdb_scan_entry entry;
    blitzdb_status status;
    check(blitzdb_iterator_create(worker->db, NULL, 0, &iterator), "create an iterator");
    while ((status = blitzdb_iterator_next(iterator, &entry)) == BLITZDB_OK) {
        visit(worker, &entry);
        if (rng_below(&worker->rng, STEP_MAX) == 0)
            change_some(worker);
    }
    expect(status == BLITZDB_NOT_FOUND, "an iterator comes to its end");
    blitzdb_iterator_destroy(iterator);
}

static void work(void *argument) {
    struct worker *worker = argument;
    for (unsigned i = 0; i < walks; i++) {
        memset(worker->visits, 0, sizeof(worker->visits));
        if ((i + worker->number) % 2 == 0)
            walk_by_scan(worker);
        else
            walk_by_iterator(worker);
        for (unsigned number = 0; number < KEPT; number++)
            expect(worker->visits[number] > 0, "a walk sees every key that is there throughout");
    }
}

/** Keys that stay, and others that are gone before anybody looks. */
static blitzdb *open_database(void) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.shard_count = 2;
    blitzdb *db = NULL;
    check(blitzdb_open(NULL, &options, &db), "open");
    for (uint32_t number = 0; number < KEPT; number++) {
        uint32_t gone = stamp_key(GONE_KIND, number);
        set_key(db, stamp_key(KEPT_KIND, number), 1);
        set_key(db, gone, 1);
        check(blitzdb_del(db, &gone, sizeof(gone)), "delete");
    }
    return db;
}

int main(int argc, char **argv) {
    static struct worker workers[WORKERS];
    if (argc > 1)
        walks = (unsigned)strtoul(argv[1], NULL, 10);
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    blitzdb *db = open_database();
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.db = db, .number = i, .rng = {seed + i}, .grows = true};
        check(bzd_thread_start(&workers[i].thread, work, &workers[i]), "start a thread");
    }
    uint64_t table_min = UINT64_MAX, table_max = 0, keys = 0, there = KEPT;
    for (unsigned i = 0; i < WORKERS; i++) {
        bzd_thread_join(&workers[i].thread);
        there += workers[i].there;
        table_min = workers[i].table_min < table_min ? workers[i].table_min : table_min;
        table_max = workers[i].table_max > table_max ? workers[i].table_max : table_max;
    }
    expect(table_max >= 2 * table_min, "the tables grew and shrank");
    check(blitzdb_count(db, &keys, NULL), "count");
    expect(keys == there, "every key is there that should be");
    check(blitzdb_close(db), "close");
    printf("%u threads, %u walks each, tables of %llu to %llu bytes\n", WORKERS, walks,
           (unsigned long long)table_min, (unsigned long long)table_max);
    return 0;
}
