/* Transactions over named keys. */
#include "db_fixture.h"

TestSuite(db_txn, .init = fixture_open, .fini = fixture_close);

static blitzdb_txn *begin(const blitzdb_key *keys, size_t count) {
    blitzdb_txn *txn = NULL;
    cr_assert_eq(blitzdb_txn_begin(db, keys, count, &txn), BLITZDB_OK);
    return txn;
}

/* A rename: the value moves with its expiry, and both keys change as one. */
Test(db_txn, rename) {
    blitzdb_key keys[] = {{"from", 4, 0}, {"to", 2, 5}};
    const void *value;
    size_t size;
    int64_t at_ms;
    blitzdb *fifth;
    cr_assert_eq(blitzdb_keyspace(db, 5, &fifth), BLITZDB_OK);
    cr_assert_eq(set_text(db, "from", "value"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(db, "from", 4, 1000), BLITZDB_OK);

    blitzdb_txn *txn = begin(keys, 2);
    cr_assert_eq(blitzdb_txn_get(txn, 0, &value, &size, &at_ms), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_set(txn, 1, value, size, at_ms), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_del(txn, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_commit(txn, BLITZDB_DURABILITY_DEFAULT), BLITZDB_OK);

    cr_assert_eq(exists_text(db, "from"), BLITZDB_NOT_FOUND);
    cr_assert_str_eq(get_text(fifth, "to"), "value");
    cr_assert_eq(blitzdb_expire_time(fifth, "to", 2, &at_ms), BLITZDB_OK);
    cr_assert_eq(at_ms, MEM_ENV_START_MS + 1000);
}

/* What was staged is seen inside, and gone after an abort. */
Test(db_txn, abort_forgets) {
    blitzdb_key key = {"k", 1, 0};
    const void *value;
    size_t size;
    cr_assert_eq(set_text(db, "k", "old"), BLITZDB_OK);

    blitzdb_txn *txn = begin(&key, 1);
    cr_assert_eq(blitzdb_txn_set(txn, 0, "newer", 5, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_get(txn, 0, &value, &size, NULL), BLITZDB_OK);
    cr_assert(size == 5 && memcmp(value, "newer", 5) == 0);
    cr_assert_eq(blitzdb_txn_del(txn, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_get(txn, 0, &value, &size, NULL), BLITZDB_NOT_FOUND);
    blitzdb_txn_abort(txn);

    cr_assert_str_eq(get_text(db, "k"), "old");
}

/* A key that is named twice is one key. */
Test(db_txn, same_key_twice) {
    blitzdb_key keys[] = {{"k", 1, 0}, {"k", 1, 1}, {"k", 1, 0}};
    const void *value;
    size_t size;

    blitzdb_txn *txn = begin(keys, 3);
    cr_assert_eq(blitzdb_txn_set(txn, 0, "x", 1, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_get(txn, 2, &value, &size, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_get(txn, 1, &value, &size, NULL), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_OK);
    cr_assert_eq(count_keys(db), 1);
}

/* A value may be set to a part of itself, although the old block goes away. */
Test(db_txn, value_may_overlap) {
    blitzdb_key key = {"k", 1, 0};
    const void *value;
    size_t size;
    cr_assert_eq(set_text(db, "k", "abcdef"), BLITZDB_OK);

    blitzdb_txn *txn = begin(&key, 1);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(blitzdb_txn_get(txn, 0, &value, &size, NULL), BLITZDB_OK);
        cr_assert_eq(blitzdb_txn_set(txn, 0, (const char *)value + 1, size - 1, 0), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_OK);

    cr_assert_str_eq(get_text(db, "k"), "def");
}

/* Only the expiry changes: the value stays, and a past one deletes. */
Test(db_txn, expire_at) {
    blitzdb_key keys[] = {{"a", 1, 0}, {"b", 1, 0}};
    int64_t at_ms;
    cr_assert_eq(set_text(db, "a", "1"), BLITZDB_OK);

    blitzdb_txn *txn = begin(keys, 2);
    cr_assert_eq(blitzdb_txn_expire_at(txn, 0, MEM_ENV_START_MS + 5), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_expire_at(txn, 1, MEM_ENV_START_MS + 5), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_txn_expire_at(txn, 0, INT64_MAX), BLITZDB_OUT_OF_RANGE);
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_OK);
    blitzdb_options options = fixture_options();
    fixture_reopen(&options);
    cr_assert_eq(blitzdb_expire_time(db, "a", 1, &at_ms), BLITZDB_OK);
    cr_assert_eq(at_ms, MEM_ENV_START_MS + 5);
    txn = begin(keys, 1);
    cr_assert_eq(blitzdb_txn_expire_at(txn, 0, MEM_ENV_START_MS), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "a"), BLITZDB_NOT_FOUND);
}

/* Nothing staged is nothing logged. */
Test(db_txn, reading_logs_nothing) {
    blitzdb_key key = {"k", 1, 0};
    uint64_t position = blitzdb_log_position(db);
    cr_assert_eq(blitzdb_txn_commit(begin(&key, 1), BLITZDB_DURABILITY_ALWAYS), BLITZDB_OK);
    cr_assert_eq(blitzdb_log_position(db), position);
}

/* Above the memory limit a transaction may move and free, but not grow. */
Test(db_txn, memory_limit) {
    static const char large[1000];
    blitzdb_key keys[] = {{"a", 1, 0}, {"b", 1, 0}};
    const void *value;
    size_t size;
    cr_assert_eq(blitzdb_set(db, "a", 1, large, sizeof large), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_memory_limit(db, 100, BLITZDB_EVICTION_NONE), BLITZDB_OK);

    blitzdb_txn *txn = begin(keys, 2);
    cr_assert_eq(blitzdb_txn_set(txn, 1, "x", 1, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(exists_text(db, "b"), BLITZDB_NOT_FOUND);
    txn = begin(keys, 2);
    cr_assert_eq(blitzdb_txn_get(txn, 0, &value, &size, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_set(txn, 1, value, size, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_del(txn, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "b"), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_memory_limit(db, 100000, BLITZDB_EVICTION_NONE), BLITZDB_OK);
    static const char huge[200000];
    txn = begin(keys, 1);
    cr_assert_eq(blitzdb_txn_set(txn, 0, huge, sizeof huge, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_MEMORY_LIMIT, "the limit counts what is staged");
}

Test(db_txn, invalid_arguments) {
    blitzdb_key key = {"k", 1, 16};
    blitzdb_txn *txn;
    cr_assert_eq(blitzdb_txn_begin(db, &key, 1, &txn), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_txn_begin(db, &key, 0, &txn), BLITZDB_INVALID);
    key.keyspace = 0;
    txn = begin(&key, 1);
    cr_assert_eq(blitzdb_txn_del(txn, 1), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_txn_commit(txn, 77), BLITZDB_INVALID);
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK, "an invalid commit unlocks as well");
    blitzdb_txn_abort(NULL);
}
