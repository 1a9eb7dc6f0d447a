/* Eight threads on one durable database: transfers in batches, transactions, counters, scans, expiry,
 * keyspace exchanges and snapshots at once. ThreadSanitizer watches; the sums prove that every call was
 * atomic, and they are looked at again after a reopen. Argument: operations per thread (default 2000). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

#include "lock.h"
#include "rng.h"
#include "tmpdir.h"

enum { THREADS = 8, ACCOUNTS = 16, START = 1000, KEYS = 500 };

static unsigned operations = 2000;

struct worker {
    blitzdb *db;
    unsigned number;
    struct rng rng;
    int64_t counted; /* what this thread added to the shared counter */
    struct bzd_thread thread;
};

static void check(blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK) {
        fprintf(stderr, "failed: %s: %s\n", what, blitzdb_status_text(status));
        exit(1);
    }
}

static void expect(int fact, const char *what) {
    if (!fact) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static size_t account_name(char *name, unsigned number) {
    return (size_t)snprintf(name, 32, "account/%u", number);
}

/** Moves an amount from one account to another, by a batch. */
static void transfer(struct worker *worker) {
    char from[32], to[32];
    size_t from_size = account_name(from, (unsigned)rng_below(&worker->rng, ACCOUNTS));
    size_t to_size = account_name(to, (unsigned)rng_below(&worker->rng, ACCOUNTS));
    int64_t amount = (int64_t)rng_below(&worker->rng, 10);
    blitzdb_batch *batch;
    check(blitzdb_batch_create(worker->db, &batch), "create a batch");
    check(blitzdb_batch_increment(batch, from, from_size, -amount), "add to a batch");
    check(blitzdb_batch_increment(batch, to, to_size, amount), "add to a batch");
    check(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL), "commit a batch");
    blitzdb_batch_destroy(batch);
}

/** Renames nothing: reads an account in a transaction and writes the same amount back. */
static void rewrite(struct worker *worker) {
    char name[32];
    blitzdb_key key = {name, account_name(name, (unsigned)rng_below(&worker->rng, ACCOUNTS)), 0};
    blitzdb_txn *txn;
    const void *value;
    size_t size;
    check(blitzdb_txn_begin(worker->db, &key, 1, &txn), "begin");
    check(blitzdb_txn_get(txn, 0, &value, &size, NULL), "read an account");
    check(blitzdb_txn_set(txn, 0, value, size, 0), "write an account");
    if (rng_below(&worker->rng, 4) == 0)
        blitzdb_txn_abort(txn);
    else
        check(blitzdb_txn_commit(txn, BLITZDB_DURABILITY_NONE), "commit");
}

/** All accounts at one moment: their sum never changes. */
static void audit(blitzdb *db) {
    char names[ACCOUNTS][32], values[ACCOUNTS][24];
    const void *keys[ACCOUNTS];
    void *buffers[ACCOUNTS];
    size_t key_sizes[ACCOUNTS], buffer_sizes[ACCOUNTS], value_sizes[ACCOUNTS];
    blitzdb_status statuses[ACCOUNTS];
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        key_sizes[i] = account_name(names[i], i);
        keys[i] = names[i];
        buffers[i] = values[i];
        buffer_sizes[i] = sizeof values[i] - 1;
    }
    check(blitzdb_mget(db, ACCOUNTS, keys, key_sizes, buffers, buffer_sizes, value_sizes, statuses), "mget");
    int64_t sum = 0;
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        check(statuses[i], "find an account");
        values[i][value_sizes[i]] = '\0';
        sum += strtoll(values[i], NULL, 10);
    }
    expect(sum == (int64_t)ACCOUNTS * START, "the sum of all accounts is constant");
}

static void count(struct worker *worker) {
    check(blitzdb_increment(worker->db, "counter", 7, 1, NULL), "count");
    worker->counted++;
}

/** Keys that come, expire and go, in a keyspace that is exchanged with another now and then. */
static void churn(struct worker *worker) {
    char key[32];
    size_t size =
        (size_t)snprintf(key, sizeof key, "key/%llu", (unsigned long long)rng_below(&worker->rng, KEYS));
    blitzdb *other;
    check(blitzdb_keyspace(worker->db, 1 + (unsigned)rng_below(&worker->rng, 2), &other), "select");
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = 1 + (int64_t)rng_below(&worker->rng, 3);
    char value[300] = {0};
    blitzdb_status status;
    switch (rng_below(&worker->rng, 4)) {
    case 0:
        status = blitzdb_del(other, key, size);
        break;
    case 1:
        status = blitzdb_set_with(other, key, size, value, rng_below(&worker->rng, sizeof value), &options);
        break;
    default:
        status = blitzdb_set(other, key, size, value, rng_below(&worker->rng, sizeof value));
        break;
    }
    expect(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND, "churn");
}

static void note_account(void *user, const blitzdb_scan_entry *entry) {
    unsigned *seen = user;
    char name[32] = {0};
    expect(entry->key_size < sizeof name, "a key of the pattern is an account");
    memcpy(name, entry->key, entry->key_size);
    unsigned number = (unsigned)strtoul(name + strlen("account/"), NULL, 10);
    expect(number < ACCOUNTS, "an account's number is in range");
    *seen |= 1u << number;
}

/** Every account is there throughout, so every scan must return it. */
static void scan(struct worker *worker) {
    unsigned seen = 0;
    uint64_t cursor = 0;
    do
        check(blitzdb_scan(worker->db, &cursor, "account/*", 9, 50, note_account, &seen), "scan");
    while (cursor != 0);
    expect(seen == (1u << ACCOUNTS) - 1, "a scan returns every key that is there throughout");
}

static void rare(struct worker *worker) {
    blitzdb_status status = BLITZDB_OK;
    blitzdb *second;
    switch (worker->number % 4) {
    case 0:
        status = blitzdb_snapshot(worker->db, NULL);
        break;
    case 1:
        status = blitzdb_swap_keyspaces(worker->db, 1, 2);
        break;
    case 2:
        check(blitzdb_keyspace(worker->db, 2, &second), "select");
        status = blitzdb_flush_keyspace(second);
        break;
    default:
        status = blitzdb_sync(worker->db);
        break;
    }
    expect(status == BLITZDB_OK || status == BLITZDB_BUSY, "upkeep");
}

static void work(void *argument) {
    struct worker *worker = argument;
    for (unsigned i = 0; i < operations; i++) {
        uint64_t dice = rng_below(&worker->rng, 100);
        if (i % 500 == 499)
            rare(worker);
        else if (dice < 25)
            transfer(worker);
        else if (dice < 35)
            rewrite(worker);
        else if (dice < 55)
            audit(worker->db);
        else if (dice < 70)
            count(worker);
        else if (dice < 99)
            churn(worker);
        else
            scan(worker);
    }
}

static blitzdb *open_database(const char *path, uint32_t durability) {
    blitzdb_error error;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.background = BLITZDB_BACKGROUND_THREAD;
    options.durability = durability;
    options.sync_interval_ms = 10;
    options.log_segment_bytes = 64 * 1024;
    options.shard_count = 8;
    options.error = &error;
    blitzdb *db;
    blitzdb_status status = blitzdb_open(path, &options, &db);
    if (status != BLITZDB_OK)
        fprintf(stderr, "open: %s\n", error.text);
    check(status, "open");
    return db;
}

static int64_t read_counter(blitzdb *db) {
    char text[24] = {0};
    size_t size;
    check(blitzdb_get(db, "counter", 7, text, sizeof text - 1, &size), "read the counter");
    return strtoll(text, NULL, 10);
}

static void run(const char *path, uint32_t durability, uint64_t seed) {
    blitzdb *db = open_database(path, durability);
    check(blitzdb_flush_all(db), "flush");
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        char name[32];
        size_t size = account_name(name, i);
        check(blitzdb_increment(db, name, size, START, NULL), "open an account");
    }
    static struct worker workers[THREADS];
    int64_t counted = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.db = db, .number = i, .rng = {seed + i}};
        check(bzd_thread_start(&workers[i].thread, work, &workers[i]), "start a thread");
    }
    for (unsigned i = 0; i < THREADS; i++) {
        bzd_thread_join(&workers[i].thread);
        counted += workers[i].counted;
    }
    audit(db);
    expect(read_counter(db) == counted, "no increment was lost");
    check(blitzdb_close(db), "close");
    db = open_database(path, durability);
    audit(db);
    expect(read_counter(db) == counted, "no increment was lost by the log");
    check(blitzdb_close(db), "close");
    printf("durability %u: %u threads, %u operations each, counter %lld\n", durability, THREADS, operations,
           (long long)counted);
}

int main(int argc, char **argv) {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    if (argc > 1)
        operations = (unsigned)strtoul(argv[1], NULL, 10);
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    tmpdir_create(&dir);
    tmpdir_join(&dir, "data", path, sizeof path);
    run(path, BLITZDB_DURABILITY_INTERVAL, seed);
    run(path, BLITZDB_DURABILITY_ALWAYS, seed + THREADS);
    run(path, BLITZDB_DURABILITY_NONE, seed + 2 * THREADS);
    tmpdir_remove(&dir);
    return 0;
}
