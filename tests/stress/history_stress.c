/* Every public operation from several threads at once, on a database that grows, shrinks, expires, evicts and
 * takes snapshots, with a thread that pumps. ThreadSanitizer watches; what each thread did is compared with
 * what is there, in the end and at every step, so that lost updates and torn reads are found as well:
 *
 * - shared: pairs of keys that change together, by transactions and batches on condition. The version of a
 * pair is the number of commits; no reader sees halves, an older version than before, or than was finished
 * before.
 * - owned: keys that one thread changes. It knows what is there; tables grow and shrink.
 * - fodder: keys that expire and are evicted. What is there is whole.
 * - swapped: keys in two keyspaces that are exchanged and emptied.
 * - numbers: counters and a list of appended records.
 *
 * Arguments: operations per thread (default 3000), seed. */
#include <stdatomic.h>

#include "lock.h"
#include "rng.h"
#include "stamp.h"
#include "tally.h"
#include "tmpdir.h"

enum { SHARED, OWNED, FODDER, SWAPPED, SWAPPED_TOO, NUMBERS, SPACES };
enum { WORKERS = 6, PAIRS = 8, OWNED_KEYS = 500, FODDER_KEYS = 5000, SWAPPED_KEYS = 200 };
#define LIMIT ((uint64_t)600 * 1000)

static unsigned operations = 3000;

/** A pair's version after a commit that has returned. */
static _Atomic uint64_t finished[PAIRS];
static _Atomic unsigned working;

struct worker {
    blitzdb *spaces[SPACES];
    unsigned number;
    struct rng rng;
    bool grows;
    uint32_t owned_count;
    uint64_t owned[OWNED_KEYS]; /* version of each key, 0: absent */
    uint64_t version;
    uint64_t seen[PAIRS];    /* newest version that was read */
    uint64_t commits[PAIRS]; /* changes of this thread that were acknowledged */
    struct tally tally;
    uint64_t refused; /* writes that met the memory limit */
    struct bzd_thread thread;
};

static bool chance(struct worker *worker, unsigned one_in) {
    return rng_below(&worker->rng, one_in) == 0;
}

/** Whether a write was done; the memory limit may refuse it. */
static bool is_done(struct worker *worker, blitzdb_status status, const char *what) {
    if (status == BLITZDB_MEMORY_LIMIT) {
        worker->refused++;
        return false;
    }
    check(status, what);
    return true;
}

/* Shared pairs */

static uint32_t pair_key(unsigned pair, unsigned half) {
    return stamp_key(SHARED, pair * 2 + half);
}

/** Notes what was read of a pair; `finished_before` was known before the read began. */
static void see_version(struct worker *worker, unsigned pair, uint64_t version, uint64_t finished_before) {
    expect(version >= worker->seen[pair], "a thread never sees an older version than before");
    expect(version >= finished_before, "a read sees what was finished before it");
    worker->seen[pair] = version;
}

static void finish_commit(struct worker *worker, unsigned pair, uint64_t version) {
    worker->commits[pair]++;
    uint64_t known = atomic_load(&finished[pair]);
    while (known < version && !atomic_compare_exchange_weak(&finished[pair], &known, version))
        ;
}

static void change_by_txn(struct worker *worker) {
    unsigned pair = (unsigned)rng_below(&worker->rng, PAIRS);
    uint32_t names[2] = {pair_key(pair, 0), pair_key(pair, 1)};
    blitzdb_key keys[2] = {{&names[0], sizeof(names[0]), SHARED}, {&names[1], sizeof(names[1]), SHARED}};
    uint64_t before = atomic_load(&finished[pair]);
    uint64_t versions[2];
    blitzdb_txn *txn = NULL;
    check(blitzdb_txn_begin(worker->spaces[SHARED], keys, 2, &txn), "begin");
    for (unsigned i = 0; i < 2; i++) {
        const void *value = NULL;
        size_t size = 0;
        int64_t expire_at_ms = -1;
        check(blitzdb_txn_get(txn, i, &value, &size, &expire_at_ms), "read in a transaction");
        versions[i] = stamp_read(value, size, names[i]).version;
        expect(expire_at_ms == 0, "a shared key does not expire");
    }
    expect(versions[0] == versions[1], "a transaction sees whole pairs");
    see_version(worker, pair, versions[0], before);
    for (unsigned i = 0; i < 2; i++) {
        struct stamped value;
        size_t size = stamp_write(&value, names[i], worker->number, versions[i] + 1);
        check(blitzdb_txn_set(txn, i, &value, size, 0), "write in a transaction");
    }
    if (chance(worker, 8)) {
        check(blitzdb_txn_del(txn, 1), "delete in a transaction");
        check(blitzdb_txn_expire_at(txn, 0, 1), "expire in a transaction");
        blitzdb_txn_abort(txn);
        return;
    }
    unsigned durability = chance(worker, 64) ? BLITZDB_DURABILITY_ALWAYS : BLITZDB_DURABILITY_DEFAULT;
    if (is_done(worker, blitzdb_txn_commit(txn, durability), "commit a transaction"))
        finish_commit(worker, pair, versions[0] + 1);
}

/** Reads all pairs at one moment. */
static void read_pairs(struct worker *worker, struct stamped values[PAIRS * 2]) {
    uint32_t names[PAIRS * 2];
    const void *keys[PAIRS * 2];
    void *buffers[PAIRS * 2];
    size_t key_sizes[PAIRS * 2], buffer_sizes[PAIRS * 2], sizes[PAIRS * 2];
    blitzdb_status statuses[PAIRS * 2];
    uint64_t before[PAIRS];
    for (unsigned i = 0; i < PAIRS * 2; i++) {
        names[i] = pair_key(i / 2, i % 2);
        keys[i] = &names[i];
        key_sizes[i] = sizeof(names[i]);
        buffers[i] = &values[i];
        buffer_sizes[i] = sizeof(values[i]);
        before[i / 2] = atomic_load(&finished[i / 2]);
    }
    blitzdb_prefetch(worker->spaces[SHARED], PAIRS * 2, keys, key_sizes);
    check(blitzdb_mget(worker->spaces[SHARED], PAIRS * 2, keys, key_sizes, buffers, buffer_sizes, sizes,
                       statuses),
          "mget");
    for (unsigned i = 0; i < PAIRS * 2; i++) {
        check(statuses[i], "mget of a shared key");
        expect(stamp_read(&values[i], sizes[i], names[i]).version == values[i - i % 2].stamp.version,
               "mget sees whole pairs");
        see_version(worker, i / 2, values[i].stamp.version, before[i / 2]);
    }
}

/** Changes a pair if nobody has since it was read. */
static void change_by_batch(struct worker *worker) {
    struct stamped values[PAIRS * 2];
    read_pairs(worker, values);
    unsigned pair = (unsigned)rng_below(&worker->rng, PAIRS);
    uint64_t version = values[pair * 2].stamp.version + 1;
    blitzdb_batch *batch = NULL;
    check(blitzdb_batch_create(worker->spaces[OWNED], &batch), "create a batch");
    check(blitzdb_batch_del(batch, "none", 4), "add a deletion");
    blitzdb_batch_clear(batch);
    check(blitzdb_batch_select(batch, SHARED), "select in a batch");
    for (unsigned i = 0; i < 2; i++) {
        const struct stamped *old = &values[pair * 2 + i];
        struct stamped value;
        uint32_t key = pair_key(pair, i);
        size_t size = stamp_write(&value, key, worker->number, version);
        blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
        options.condition = BLITZDB_IF_EQUAL;
        options.expected = old;
        options.expected_size = stamp_size(&old->stamp);
        check(blitzdb_batch_check_present(batch, &key, sizeof(key)), "add a check");
        check(blitzdb_batch_set(batch, &key, sizeof(key), &value, size, &options), "add a set");
        check(blitzdb_batch_expire_at(batch, &key, sizeof(key), 0), "add an expiry");
    }
    check(blitzdb_batch_check_absent(batch, "none", 4), "add a check");
    expect(blitzdb_batch_count(batch) == 7, "a batch counts its changes");
    size_t failed_index = 0;
    blitzdb_status status = blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, &failed_index);
    blitzdb_batch_destroy(batch);
    if (status == BLITZDB_CONDITION_FAILED)
        expect(failed_index == 1, "the first set of a batch that comes too late fails");
    else if (is_done(worker, status, "commit a batch"))
        finish_commit(worker, pair, version);
}

struct viewed {
    uint32_t names[2];
    uint64_t versions[2];
};

static void view_half(void *user, const blitzdb_view_entry *entry) {
    struct viewed *viewed = user;
    expect(entry->value != NULL && entry->expire_at_ms == 0, "a shared key is viewed");
    viewed->versions[entry->index] =
        stamp_read(entry->value, entry->value_size, viewed->names[entry->index]).version;
}

/** Reads a pair in place, then one of it with a copy. */
static void read_pair(struct worker *worker) {
    unsigned pair = (unsigned)rng_below(&worker->rng, PAIRS);
    struct viewed viewed = {{pair_key(pair, 0), pair_key(pair, 1)}, {0, 0}};
    const void *keys[2] = {&viewed.names[0], &viewed.names[1]};
    const size_t sizes[2] = {sizeof(viewed.names[0]), sizeof(viewed.names[1])};
    uint64_t before = atomic_load(&finished[pair]);
    check(blitzdb_view(worker->spaces[SHARED], 2, keys, sizes, view_half, &viewed), "view");
    expect(viewed.versions[0] == viewed.versions[1], "view sees whole pairs");
    see_version(worker, pair, viewed.versions[0], before);

    void *copy = NULL;
    size_t size = 0;
    before = atomic_load(&finished[pair]);
    check(blitzdb_get_alloc(worker->spaces[SHARED], keys[1], sizes[1], &copy, &size), "get_alloc");
    see_version(worker, pair, stamp_read(copy, size, viewed.names[1]).version, before);
    blitzdb_free(worker->spaces[SHARED], copy);
    check(blitzdb_exists(worker->spaces[SHARED], keys[0], sizes[0]), "a shared key exists");
}

static void read_all_pairs(struct worker *worker) {
    struct stamped values[PAIRS * 2];
    read_pairs(worker, values);
}

/* Owned keys */

/** Sets an owned key on a condition that this thread knows to hold or not. */
static void set_owned(struct worker *worker, uint32_t number) {
    uint32_t key = stamp_key(OWNED, worker->number * OWNED_KEYS + number);
    uint64_t old = worker->owned[number];
    struct stamped value;
    size_t size = stamp_write(&value, key, worker->number, worker->version + 1);
    void *old_value = NULL;
    size_t old_size = 0;
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = (uint32_t)rng_below(&worker->rng, 3); /* any, absent, present */
    options.old_value_out = &old_value;
    options.old_size_out = &old_size;
    blitzdb_status status =
        blitzdb_set_with(worker->spaces[OWNED], &key, sizeof(key), &value, size, &options);
    bool fails = (options.condition == BLITZDB_IF_ABSENT && old != 0) ||
                 (options.condition == BLITZDB_IF_PRESENT && old == 0);
    if (status == BLITZDB_MEMORY_LIMIT) {
        worker->refused++;
        expect(old_value == NULL, "a refused set hands nothing out");
        return;
    }
    expect(status == (fails ? BLITZDB_CONDITION_FAILED : BLITZDB_OK), "a condition on an owned key");
    expect((old_value != NULL) == (old != 0), "the old value of an owned key is handed out");
    if (old != 0)
        expect(stamp_read(old_value, old_size, key).version == old, "it is the one that was written");
    blitzdb_free(worker->spaces[OWNED], old_value);
    if (fails)
        return;
    worker->owned[number] = ++worker->version;
    worker->owned_count += old == 0;
}

static void drop_owned(struct worker *worker, uint32_t number) {
    uint32_t key = stamp_key(OWNED, worker->number * OWNED_KEYS + number);
    blitzdb *db = worker->spaces[OWNED];
    blitzdb_status status;
    switch (rng_below(&worker->rng, 4)) {
    case 0:
        status = blitzdb_expire(db, &key, sizeof(key), 0);
        break;
    case 1:
        status = blitzdb_expire_at(db, &key, sizeof(key), 1, 0);
        break;
    default:
        status = blitzdb_del(db, &key, sizeof(key));
        break;
    }
    bool was_there = worker->owned[number] != 0;
    expect(status == (was_there ? BLITZDB_OK : BLITZDB_NOT_FOUND), "an owned key is dropped");
    worker->owned[number] = 0;
    worker->owned_count -= was_there;
}

/** An owned key is exactly what this thread wrote. */
static void read_owned(struct worker *worker, uint32_t number) {
    uint32_t key = stamp_key(OWNED, worker->number * OWNED_KEYS + number);
    blitzdb *db = worker->spaces[OWNED];
    bool is_there = worker->owned[number] != 0;
    blitzdb_status expected = is_there ? BLITZDB_OK : BLITZDB_NOT_FOUND;
    struct stamped value;
    size_t size = 0;
    int64_t time_ms = 7;
    expect(blitzdb_get(db, &key, sizeof(key), &value, sizeof(value), &size) == expected, "get an owned key");
    expect(!is_there || stamp_read(&value, size, key).version == worker->owned[number],
           "an owned key has the version that was written");
    expect(blitzdb_ttl(db, &key, sizeof(key), &time_ms) == expected, "ttl of an owned key");
    expect(time_ms == (is_there ? -1 : 7), "an owned key does not expire");
    expect(blitzdb_persist(db, &key, sizeof(key)) ==
               (is_there ? BLITZDB_CONDITION_FAILED : BLITZDB_NOT_FOUND),
           "persist an owned key");
}

/** Fills its keys up, then empties them again, so that tables grow and shrink. */
static void use_owned(struct worker *worker) {
    for (unsigned i = 0; i < 8; i++) {
        uint32_t number = (uint32_t)rng_below(&worker->rng, OWNED_KEYS);
        if (worker->owned_count > OWNED_KEYS * 9 / 10)
            worker->grows = false;
        else if (worker->owned_count < OWNED_KEYS / 10)
            worker->grows = true;
        if (chance(worker, 4))
            read_owned(worker, number);
        else if (worker->grows != chance(worker, 8))
            set_owned(worker, number);
        else
            drop_owned(worker, number);
    }
}

/* Fodder: may vanish at any time, but what is there is whole. */

static void write_fodder(struct worker *worker) {
    blitzdb *db = worker->spaces[FODDER];
    for (unsigned i = 0; i < 8; i++) {
        uint32_t key = stamp_key(FODDER, (uint32_t)rng_below(&worker->rng, FODDER_KEYS));
        struct stamped value;
        size_t size = stamp_write(&value, key, worker->number, ++worker->version);
        blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
        options.ttl_ms = chance(worker, 3) ? 1 + (int64_t)rng_below(&worker->rng, 20) : 60000;
        (void)is_done(worker, blitzdb_set_with(db, &key, sizeof(key), &value, size, &options), "set fodder");
        blitzdb_status status = BLITZDB_OK;
        key = stamp_key(FODDER, (uint32_t)rng_below(&worker->rng, FODDER_KEYS));
        if (chance(worker, 4))
            status = blitzdb_del(db, &key, sizeof(key));
        else if (chance(worker, 4))
            status = blitzdb_expire(db, &key, sizeof(key), 1 + (int64_t)rng_below(&worker->rng, 20));
        else if (chance(worker, 64) && blitzdb_persist(db, &key, sizeof(key)) == BLITZDB_OK)
            status = blitzdb_expire_at(db, &key, sizeof(key), INT64_C(1) << 46, BLITZDB_EXPIRE_IF_NONE);
        expect(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND || status == BLITZDB_CONDITION_FAILED,
               "change fodder");
    }
}

static void read_fodder(struct worker *worker) {
    blitzdb *db = worker->spaces[FODDER];
    uint32_t key = stamp_key(FODDER, (uint32_t)rng_below(&worker->rng, FODDER_KEYS));
    struct stamped value;
    size_t size = 0;
    int64_t time_ms = 0;
    blitzdb_status status = blitzdb_get(db, &key, sizeof(key), &value, sizeof(value), &size);
    expect(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND, "get fodder");
    if (status == BLITZDB_OK)
        (void)stamp_read(&value, size, key);
    status = blitzdb_expire_time(db, &key, sizeof(key), &time_ms);
    expect(status == BLITZDB_NOT_FOUND || (status == BLITZDB_OK && time_ms >= 0), "expiry of fodder");
    void *drawn = NULL;
    status = blitzdb_random_key(db, &drawn, &size);
    expect(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND, "draw a key");
    if (status == BLITZDB_OK) {
        expect(size == sizeof(key), "a drawn key has its size");
        memcpy(&key, drawn, sizeof(key));
        expect(key >> 24 == FODDER, "a drawn key is of its keyspace");
        blitzdb_free(db, drawn);
    }
}

static void visit_owned(void *user, const blitzdb_scan_entry *entry) {
    (void)user;
    (void)stamp_read_entry(entry, OWNED);
}

/** Walks over others' keys, in place and with copies. */
static void walk(struct worker *worker) {
    uint64_t cursor = 0;
    for (unsigned i = 0; i < 4; i++) {
        check(blitzdb_scan(worker->spaces[OWNED], &cursor, NULL, 0, 40, visit_owned, NULL), "scan");
        if (cursor == 0)
            break;
    }
    blitzdb_iterator *iterator = NULL;
    blitzdb_scan_entry entry;
    blitzdb_status status;
    check(blitzdb_iterator_create(worker->spaces[FODDER], "*", 1, &iterator), "create an iterator");
    for (unsigned i = 0; i < 200 && (status = blitzdb_iterator_next(iterator, &entry)) != BLITZDB_NOT_FOUND;
         i++) {
        check(status, "iterate");
        (void)stamp_read_entry(&entry, FODDER);
    }
    blitzdb_iterator_destroy(iterator);
}

/* Swapped keyspaces */

static void use_swapped(struct worker *worker) {
    uint32_t key = stamp_key(SWAPPED, (uint32_t)rng_below(&worker->rng, SWAPPED_KEYS));
    blitzdb *db = worker->spaces[chance(worker, 2) ? SWAPPED : SWAPPED_TOO];
    struct stamped value;
    size_t size = stamp_write(&value, key, worker->number, ++worker->version);
    (void)is_done(worker, blitzdb_set(db, &key, sizeof(key), &value, size), "set in a swapped keyspace");
    blitzdb_status status = blitzdb_get(db, &key, sizeof(key), &value, sizeof(value), &size);
    expect(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND, "get from a swapped keyspace");
    if (status == BLITZDB_OK)
        (void)stamp_read(&value, size, key);
}

/* Numbers */

static void use_numbers(struct worker *worker) {
    worker->refused += tally_add(&worker->tally, worker->spaces[NUMBERS], worker->number, chance(worker, 4));
}

static void check_numbers(blitzdb *db, const struct worker *workers) {
    struct tally tallies[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++)
        tallies[i] = workers[i].tally;
    tally_check(tallies, WORKERS, db);
}

/* Upkeep */

static void set_limit(struct worker *worker) {
    static const unsigned policies[] = {BLITZDB_EVICTION_VOLATILE_LRU, BLITZDB_EVICTION_VOLATILE_RANDOM,
                                        BLITZDB_EVICTION_VOLATILE_TTL};
    uint64_t limit = chance(worker, 4) ? 0 : LIMIT - rng_below(&worker->rng, LIMIT / 4);
    check(blitzdb_set_memory_limit(worker->spaces[0], limit, policies[rng_below(&worker->rng, 3)]), "limit");
}

static void sync_log(struct worker *worker) {
    blitzdb *db = worker->spaces[0];
    uint64_t position = blitzdb_log_position(db);
    check(blitzdb_write_out(db), "write out");
    check(blitzdb_sync(db), "sync");
    expect(blitzdb_durable_position(db) >= position, "a sync reaches what was written before");
}

static void do_upkeep(struct worker *worker) {
    blitzdb_status status = BLITZDB_OK;
    switch (rng_below(&worker->rng, 6)) {
    case 0:
        status = blitzdb_snapshot(worker->spaces[0], NULL);
        break;
    case 1:
        status = blitzdb_swap_keyspaces(worker->spaces[0], SWAPPED, SWAPPED_TOO);
        break;
    case 2:
        status = blitzdb_flush_keyspace(worker->spaces[SWAPPED]);
        break;
    case 3:
        status = chance(worker, 4) ? blitzdb_flush_keyspace(worker->spaces[FODDER]) : BLITZDB_OK;
        break;
    case 4:
        set_limit(worker);
        break;
    default:
        sync_log(worker);
        break;
    }
    expect(status == BLITZDB_OK || status == BLITZDB_BUSY || status == BLITZDB_UNSUPPORTED, "upkeep");
}

/** Does what a caller's own thread would do, as long as anybody works. */
static void pump(void *argument) {
    blitzdb *db = argument;
    uint64_t keys = 0;
    uint64_t expiring = 0;
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    while (atomic_load(&working) > 0) {
        check(blitzdb_pump(db, NULL), "pump");
        check(blitzdb_stats(db, &stats), "stats");
        check(blitzdb_count(db, &keys, &expiring), "count");
    }
}

/* Runs */

static void keep_histories(void *argument) {
    static void (*const uses[])(struct worker *) = {
        change_by_txn, change_by_batch, read_pair,   read_all_pairs, use_owned,   use_owned,
        write_fodder,  write_fodder,    read_fodder, walk,           use_swapped, use_numbers};
    struct worker *worker = argument;
    for (unsigned i = 0; i < operations; i++) {
        uses[rng_below(&worker->rng, sizeof(uses) / sizeof(uses[0]))](worker);
        if (i % 100 == 99)
            do_upkeep(worker);
    }
    atomic_fetch_sub(&working, 1);
}

static blitzdb *open_database(const char *path, uint32_t background) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.background = background;
    options.sync_interval_ms = 10;
    options.log_segment_bytes = 256 * 1024;
    options.snapshot_log_bytes = 1024 * 1024;
    options.shard_count = 8;
    blitzdb *db = NULL;
    check(blitzdb_open(path, &options, &db), "open");
    return db;
}

static void select_all(struct worker *worker, blitzdb *db) {
    for (unsigned i = 0; i < SPACES; i++)
        check(blitzdb_keyspace(db, i, &worker->spaces[i]), "select");
}

/** Lets the workers work, and a thread pump. */
static void run_workers(blitzdb *db, struct worker *workers, uint64_t seed) {
    struct bzd_thread pumping;
    atomic_store(&working, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.number = i, .rng = {seed + i}, .grows = true};
        select_all(&workers[i], db);
        check(bzd_thread_start(&workers[i].thread, keep_histories, &workers[i]), "start a thread");
    }
    check(bzd_thread_start(&pumping, pump, db), "start a thread");
    for (unsigned i = 0; i < WORKERS; i++)
        bzd_thread_join(&workers[i].thread);
    bzd_thread_join(&pumping);
}

static void check_histories(blitzdb *db, struct worker *workers) {
    uint64_t owned = 0;
    uint64_t keys = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        select_all(&workers[i], db);
        for (uint32_t number = 0; number < OWNED_KEYS; number++)
            read_owned(&workers[i], number);
        owned += workers[i].owned_count;
    }
    check(blitzdb_count(workers[0].spaces[OWNED], &keys, NULL), "count");
    expect(keys == owned, "no owned key is there that should not be");
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        uint64_t commits = 0;
        for (unsigned i = 0; i < WORKERS; i++)
            commits += workers[i].commits[pair];
        read_all_pairs(&workers[0]);
        expect(workers[0].seen[pair] == commits, "no commit is lost");
    }
    check_numbers(workers[0].spaces[NUMBERS], workers);
}

/** Makes the first values of the pairs, and fodder up to the limit: eviction begins with the first writes. */
static void fill(blitzdb *db) {
    struct stamped value;
    blitzdb *fodder = NULL;
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = 600000;
    check(blitzdb_set_memory_limit(db, LIMIT, BLITZDB_EVICTION_VOLATILE_LRU), "limit");
    for (unsigned i = 0; i < PAIRS * 2; i++) {
        uint32_t key = pair_key(i / 2, i % 2);
        size_t size = stamp_write(&value, key, 0, 0);
        atomic_store(&finished[i / 2], 0);
        check(blitzdb_set(db, &key, sizeof(key), &value, size), "set");
    }
    check(blitzdb_keyspace(db, FODDER, &fodder), "select");
    for (uint32_t number = 0; stats.evicted == 0; number++) {
        uint32_t key = stamp_key(FODDER, number);
        size_t size = stamp_write(&value, key, 0, number);
        check(blitzdb_set_with(fodder, &key, sizeof(key), &value, size, &options), "fill");
        check(blitzdb_stats(db, &stats), "stats");
    }
}

static void run_histories(const char *path, uint32_t background, uint64_t seed) {
    static struct worker workers[WORKERS];
    blitzdb *db = open_database(path, background);
    fill(db);
    run_workers(db, workers, seed);
    check_histories(db, workers);
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    check(blitzdb_stats(db, &stats), "stats");
    expect(stats.evicted > 1, "entries were evicted meanwhile");
    expect(stats.expired > 0, "expired entries were reclaimed");
    expect((stats.snapshots > 0) == (path != NULL), "snapshots were taken");
    check(blitzdb_close(db), "close");
    if (path != NULL) {
        db = open_database(path, background);
        check_histories(db, workers);
        check(blitzdb_close(db), "close");
    }
    uint64_t refused = 0;
    for (unsigned i = 0; i < WORKERS; i++)
        refused += workers[i].refused;
    printf("%s: evicted %llu, expired %llu, snapshots %llu, refused %llu\n", path == NULL ? "memory" : "disk",
           (unsigned long long)stats.evicted, (unsigned long long)stats.expired,
           (unsigned long long)stats.snapshots, (unsigned long long)refused);
}

int main(int argc, char **argv) {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    if (argc > 1)
        operations = (unsigned)strtoul(argv[1], NULL, 10);
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    tmpdir_create(&dir);
    tmpdir_join(&dir, "histories", path, sizeof(path));
    run_histories(NULL, BLITZDB_BACKGROUND_CALLER, seed);
    run_histories(path, BLITZDB_BACKGROUND_THREAD, seed + WORKERS);
    tmpdir_remove(&dir);
    return 0;
}
