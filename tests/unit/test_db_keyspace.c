/* Whole keyspaces: counting, flushing, exchanging, and a random key. */
#include "db_fixture.h"

static blitzdb *first, *second;

static void setup(void) {
    fixture_open();
    cr_assert_eq(blitzdb_keyspace(db, 1, &first), BLITZDB_OK);
    cr_assert_eq(blitzdb_keyspace(db, 2, &second), BLITZDB_OK);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        cr_assert_eq(set_text(first, key, "one"), BLITZDB_OK);
        if (i < 10)
            cr_assert_eq(set_text(second, key, "two"), BLITZDB_OK);
    }
}

TestSuite(db_keyspace, .init = setup, .fini = fixture_close);

/** Opens again and finds the handles anew. */
static void reopen(void) {
    blitzdb_options options = fixture_options();
    fixture_reopen(&options);
    cr_assert_eq(blitzdb_keyspace(db, 1, &first), BLITZDB_OK);
    cr_assert_eq(blitzdb_keyspace(db, 2, &second), BLITZDB_OK);
}

Test(db_keyspace, count) {
    uint64_t keys, expiring;
    cr_assert_eq(blitzdb_expire(first, "k1", 2, 1000), BLITZDB_OK);
    cr_assert_eq(blitzdb_count(first, &keys, &expiring), BLITZDB_OK);
    cr_assert(keys == 100 && expiring == 1);
    cr_assert_eq(blitzdb_persist(first, "k1", 2), BLITZDB_OK);
    cr_assert_eq(blitzdb_count(first, &keys, &expiring), BLITZDB_OK);
    cr_assert_eq(expiring, 0);
    cr_assert_eq(count_keys(db), 0);
}

/* Flushing one keyspace gives the memory of its part of the tables back at once, though another one has keys.
 */
Test(db_keyspace, flush_one_shrinks_tables) {
    blitzdb *other;
    cr_assert_eq(blitzdb_keyspace(db, 1, &other), BLITZDB_OK);
    cr_assert_eq(set_text(other, "key", "stays"), BLITZDB_OK);
    for (uint32_t key = 0; key < 20000; key++)
        cr_assert_eq(blitzdb_set(db, &key, sizeof key, "1", 1), BLITZDB_OK);
    blitzdb_stats_info full = BLITZDB_STATS_INFO_INIT, flushed = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(db, &full), BLITZDB_OK);

    cr_assert_eq(blitzdb_flush_keyspace(db), BLITZDB_OK);
    cr_assert_eq(blitzdb_stats(db, &flushed), BLITZDB_OK);
    cr_assert_lt(flushed.table_bytes, full.table_bytes / 10);
    cr_assert_str_eq(get_text(other, "key"), "stays");
}

/* Flushing one keyspace leaves the others, now and after a reopen. */
Test(db_keyspace, flush_one) {
    cr_assert_eq(blitzdb_flush_keyspace(first), BLITZDB_OK);
    cr_assert_eq(count_keys(first), 0);
    cr_assert_eq(count_keys(second), 10);
    reopen();
    cr_assert_eq(count_keys(first), 0);
    cr_assert_eq(count_keys(second), 10);
    cr_assert_eq(blitzdb_flush_keyspace(second), BLITZDB_OK, "the last keyspace with keys");
    cr_assert_eq(set_text(second, "again", "x"), BLITZDB_OK);
    cr_assert_eq(count_keys(second), 1);
}

Test(db_keyspace, flush_all) {
    cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
    cr_assert_eq(set_text(first, "after", "x"), BLITZDB_OK);
    reopen();
    cr_assert_eq(count_keys(first), 1);
    cr_assert_eq(count_keys(second), 0);
}

/* Exchanged keyspaces stay exchanged: for handles that are open, for later writes, and after a reopen. */
Test(db_keyspace, swap) {
    cr_assert_eq(blitzdb_swap_keyspaces(db, 1, 2), BLITZDB_OK);
    cr_assert_str_eq(get_text(first, "k1"), "two");
    cr_assert_eq(set_text(first, "new", "x"), BLITZDB_OK);
    cr_assert_eq(count_keys(first), 11);
    reopen();
    cr_assert_eq(count_keys(first), 11);
    cr_assert_str_eq(get_text(second, "k1"), "one");
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    reopen();
    cr_assert_eq(count_keys(first), 11);
    cr_assert_eq(blitzdb_swap_keyspaces(db, 1, 1), BLITZDB_OK);
    cr_assert_eq(blitzdb_swap_keyspaces(db, 2, 1), BLITZDB_OK);
    cr_assert_str_eq(get_text(first, "k1"), "one");
    cr_assert_eq(blitzdb_swap_keyspaces(db, 1, 16), BLITZDB_INVALID);
}

/* A random key is one of the keyspace's, many draws find many keys, and an empty keyspace has none. */
Test(db_keyspace, random_key) {
    bool seen[10] = {false};
    void *key;
    size_t size;
    for (int i = 0; i < 400; i++) {
        cr_assert_eq(blitzdb_random_key(second, &key, &size), BLITZDB_OK);
        cr_assert(size == 2 && ((char *)key)[0] == 'k');
        seen[((char *)key)[1] - '0'] = true;
        blitzdb_free(db, key);
    }
    int distinct = 0;
    for (int i = 0; i < 10; i++)
        distinct += seen[i];
    cr_assert_geq(distinct, 8, "only %d of 10 keys in 400 draws", distinct);
    cr_assert_eq(blitzdb_random_key(db, &key, &size), BLITZDB_NOT_FOUND);
}
