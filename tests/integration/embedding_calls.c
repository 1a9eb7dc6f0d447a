/** Every public call once, for the programs that make them in uncomfortable places. */
#include "embedding.h"

#include <stdio.h>
#include <stdlib.h>

void embedding_expect(int fact, const char *what) {
    if (!fact) {
        (void)fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static void check(blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK)
        (void)fprintf(stderr, "%s\n", blitzdb_status_name(status));
    embedding_expect(status == BLITZDB_OK, what);
}

blitzdb *embedding_open(const char *path) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *db = NULL;
    options.background = BLITZDB_BACKGROUND_THREAD;
    check(blitzdb_open(path, &options, &db), "open");
    return db;
}

enum { MANY = 500 };

static void run_open_close(const struct embedding *embedding) {
    blitzdb *db = embedding_open(embedding->other);
    check(blitzdb_set(db, "k", 1, "v", 1), "set in another database");
    check(blitzdb_close(db), "close");
    db = embedding_open(embedding->other);
    check(blitzdb_del(db, "k", 1), "it is there after recovery");
    check(blitzdb_close(db), "close again");
    check(blitzdb_open(NULL, NULL, &db), "open in memory");
    check(blitzdb_close(db), "close one in memory");
}

static void run_set(const struct embedding *embedding) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    void *old = NULL;
    size_t old_size = 0;
    options.durability = BLITZDB_DURABILITY_ALWAYS;
    options.old_value_out = &old;
    options.old_size_out = &old_size;
    check(blitzdb_set(embedding->db, "k", 1, "1", 1), "set");
    check(blitzdb_set_with(embedding->db, "k", 1, "1", 1, &options), "set with options");
    blitzdb_free(embedding->db, old);
}

static void run_numbers(const struct embedding *embedding) {
    check(blitzdb_increment(embedding->db, "n", 1, 1, NULL), "increment");
    check(blitzdb_increment_double(embedding->db, "d", 1, 0.25, NULL), "increment a double");
}

static void run_append(const struct embedding *embedding) {
    check(blitzdb_append(embedding->db, "text", 4, "abc", 3, NULL), "append");
}

static void see(void *user, const blitzdb_view_entry *entry) {
    *(size_t *)user += entry->value_size;
}

static void run_get(const struct embedding *embedding) {
    char byte;
    void *copy;
    size_t size = 0;
    const void *keys[] = {"g"};
    const size_t sizes[] = {1};
    check(blitzdb_set(embedding->db, "g", 1, "v", 1), "set");
    check(blitzdb_get(embedding->db, "g", 1, &byte, 1, NULL), "get");
    check(blitzdb_exists(embedding->db, "g", 1), "exists");
    check(blitzdb_get_alloc(embedding->db, "g", 1, &copy, &size), "get with memory");
    blitzdb_free(embedding->db, copy);
    check(blitzdb_view(embedding->db, 1, keys, sizes, see, &size), "view");
    check(blitzdb_random_key(embedding->db, &copy, &size), "random key");
    blitzdb_free(embedding->db, copy);
}

/** Keys that lie in every shard, in one call; the arrays are not on the stack, which may be small. */
static void run_many(const struct embedding *embedding) {
    struct lists {
        uint32_t keys[MANY];
        const void *names[MANY];
        size_t name_sizes[MANY];
        void *buffers[MANY];
        size_t sizes[MANY];
        blitzdb_status statuses[MANY];
        size_t seen;
    } *lists = calloc(1, sizeof(*lists));
    blitzdb_batch *batch = NULL;
    embedding_expect(lists != NULL, "allocate");
    check(blitzdb_batch_create(embedding->db, &batch), "create a batch");
    check(blitzdb_batch_select(batch, 2), "select in a batch");
    check(blitzdb_batch_set(batch, "x", 1, "1", 1, NULL), "add a set");
    check(blitzdb_batch_increment(batch, "x", 1, 1), "add an increment");
    check(blitzdb_batch_append(batch, "x", 1, "0", 1), "add an append");
    check(blitzdb_batch_expire_at(batch, "x", 1, 0), "add an expiry");
    check(blitzdb_batch_check_present(batch, "x", 1), "add a check");
    check(blitzdb_batch_check_absent(batch, "y", 1), "add another check");
    check(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_ALWAYS, NULL), "commit");
    blitzdb_batch_clear(batch);
    for (uint32_t i = 0; i < MANY; i++) {
        lists->keys[i] = i;
        lists->names[i] = &lists->keys[i];
        lists->name_sizes[i] = sizeof(i);
        check(blitzdb_batch_set(batch, &i, sizeof(i), "v", 1, NULL), "add a set");
    }
    check(blitzdb_batch_commit(batch, 0, NULL), "commit a large batch");
    blitzdb_batch_clear(batch);
    blitzdb *other = NULL;
    check(blitzdb_keyspace(embedding->db, 2, &other), "keyspace");
    blitzdb_prefetch(other, MANY, lists->names, lists->name_sizes);
    check(blitzdb_mget(other, MANY, lists->names, lists->name_sizes, lists->buffers, (size_t[MANY]){0},
                       lists->sizes, lists->statuses),
          "mget");
    embedding_expect(lists->statuses[MANY - 1] == BLITZDB_BUFFER_TOO_SMALL, "a large batch is there");
    check(blitzdb_view(other, MANY, lists->names, lists->name_sizes, see, &lists->seen), "view");
    for (uint32_t i = 0; i < MANY; i++)
        check(blitzdb_batch_del(batch, &i, sizeof(i)), "add a deletion");
    embedding_expect(blitzdb_batch_count(batch) == MANY, "count a batch");
    check(blitzdb_batch_commit(batch, 0, NULL), "commit deletions");
    blitzdb_batch_destroy(batch);
    free(lists);
}

static void run_expiry(const struct embedding *embedding) {
    int64_t time_ms;
    check(blitzdb_set(embedding->db, "e", 1, "v", 1), "set");
    check(blitzdb_expire(embedding->db, "e", 1, 1000000), "expire");
    check(blitzdb_ttl(embedding->db, "e", 1, &time_ms), "ttl");
    check(blitzdb_expire_at(embedding->db, "e", 1, time_ms + INT64_C(4000000000000), 0), "expire at");
    check(blitzdb_expire_time(embedding->db, "e", 1, &time_ms), "expire time");
    blitzdb_key_info info = BLITZDB_KEY_INFO_INIT;
    check(blitzdb_inspect(embedding->db, "e", 1, &info), "inspect");
    check(blitzdb_persist(embedding->db, "e", 1), "persist");
    check(blitzdb_del(embedding->db, "e", 1), "delete");
}

static void run_txn(const struct embedding *embedding) {
    blitzdb_key keys[] = {{"a", 1, 0}, {"b", 1, 0}};
    blitzdb_txn *txn = NULL;
    const void *value;
    size_t size;
    check(blitzdb_txn_begin(embedding->db, keys, 2, &txn), "begin");
    check(blitzdb_txn_set(txn, 0, "v", 1, 0), "set in a transaction");
    check(blitzdb_txn_get(txn, 0, &value, &size, NULL), "get in a transaction");
    check(blitzdb_txn_expire_at(txn, 0, 0), "expire in a transaction");
    check(blitzdb_txn_set(txn, 1, "v", 1, 0), "set in a transaction");
    check(blitzdb_txn_del(txn, 1), "delete in a transaction");
    check(blitzdb_txn_commit(txn, BLITZDB_DURABILITY_ALWAYS), "commit a transaction");
    check(blitzdb_txn_begin(embedding->db, keys, 2, &txn), "begin");
    blitzdb_txn_abort(txn);
}

static void visit(void *user, const blitzdb_scan_entry *entry) {
    *(size_t *)user += entry->key_size;
}

static void run_walk(const struct embedding *embedding) {
    uint64_t cursor = 0;
    size_t seen = 0;
    blitzdb_iterator *iterator = NULL;
    blitzdb_scan_entry entry;
    check(blitzdb_scan(embedding->db, &cursor, "*", 1, 100, visit, &seen), "scan");
    check(blitzdb_iterator_create(embedding->db, "*[a-z]*", 7, &iterator), "create an iterator");
    while (blitzdb_iterator_next(iterator, &entry) == BLITZDB_OK)
        seen++;
    blitzdb_iterator_destroy(iterator);
}

static void run_keyspaces(const struct embedding *embedding) {
    uint64_t keys;
    blitzdb *other;
    check(blitzdb_keyspace(embedding->db, 3, &other), "keyspace");
    check(blitzdb_with_durability(other, BLITZDB_DURABILITY_ALWAYS, &other), "durability");
    check(blitzdb_set(other, "k", 1, "v", 1), "set in a keyspace");
    check(blitzdb_swap_keyspaces(embedding->db, 3, 4), "swap");
    check(blitzdb_flush_keyspace(other), "flush");
    check(blitzdb_count(other, &keys, NULL), "count");
}

static void run_upkeep(const struct embedding *embedding) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    check(blitzdb_set(embedding->db, "k", 1, "v", 1), "set");
    embedding_expect(blitzdb_log_position(embedding->db) > 0, "the log has a position");
    check(blitzdb_write_out(embedding->db), "write out");
    check(blitzdb_sync(embedding->db), "sync");
    embedding_expect(blitzdb_durable_position(embedding->db) > 0, "the log is durable");
    check(blitzdb_pump(embedding->db, NULL), "pump");
    check(blitzdb_set_memory_limit(embedding->db, 0, 0), "memory limit");
    check(blitzdb_stats(embedding->db, &stats), "stats");
    embedding_expect(blitzdb_version_number() > 0 && blitzdb_version()[0] != '\0', "version");
    embedding_expect(blitzdb_status_text(BLITZDB_OK)[0] != '\0', "text of a status");
}

static void run_snapshot(const struct embedding *embedding) {
    blitzdb_error error;
    blitzdb_status status = blitzdb_snapshot_cancel(embedding->db);
    embedding_expect(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND, "cancel no snapshot");
    check(blitzdb_snapshot(embedding->db, &error), "snapshot");
}

static void run_check(const struct embedding *embedding) {
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    blitzdb *db = embedding_open(embedding->other);
    check(blitzdb_close(db), "close");
    check(blitzdb_verify(embedding->other, NULL, &result), "verify");
}

const struct embedding_call embedding_calls[] = {
    {"open and close", run_open_close},
    {"set", run_set},
    {"numbers", run_numbers},
    {"append", run_append},
    {"get", run_get},
    {"many keys", run_many},
    {"expiry", run_expiry},
    {"transaction", run_txn},
    {"walk", run_walk},
    {"keyspaces", run_keyspaces},
    {"upkeep", run_upkeep},
    {"snapshot", run_snapshot},
    {"verify", run_check},
};

const unsigned embedding_call_count = sizeof embedding_calls / sizeof embedding_calls[0];
