/* The sweep: how far it gets, when it says that there is more, and what it leaves. The clock is the test's.
 */
#include <stdio.h>

#include "db_fixture.h"

enum {
    KEYS = 40000,
    ROUNDS_MAX = 20000,     /* far more than anything here needs: a sweep that never rests fails */
    LOOK_ROUNDS = 8,        /* rounds in which every shard of the fixture is looked into, and more */
    SLOW_PASS_ROUNDS = 400, /* rounds in which the slow passes see every bucket */
};

/* In memory: the log has no part in this. */
static void open_in_memory(void) {
    disk = mem_env_create(1);
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_open(NULL, &options, &db), BLITZDB_OK);
}

/* The same with so many shards, before there is anything in it. */
static void reopen_with_shards(uint32_t count) {
    blitzdb_options options = fixture_options();
    options.shard_count = count;
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    cr_assert_eq(blitzdb_open(NULL, &options, &db), BLITZDB_OK);
}

TestSuite(expire, .init = open_in_memory, .fini = fixture_close);

static blitzdb_stats_info stats_now(void) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    return stats;
}

static size_t make_key(char *key, size_t size, int i) {
    return (size_t)snprintf(key, size, "key%d", i);
}

/** The value of a key, so that what is left can be compared: its number in every byte. */
static void make_value(unsigned char *value, size_t size, int i) {
    memset(value, i % 251, size);
}

/** Sets one key; `ttl_ms` 0: it stays. */
static void set_one(int i, size_t value_size, int64_t ttl_ms) {
    char key[16];
    unsigned char value[2000];
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = ttl_ms;
    size_t size = make_key(key, sizeof key, i);
    make_value(value, value_size, i);
    cr_assert_eq(blitzdb_set_with(db, key, size, value, value_size, &options), BLITZDB_OK);
}

static void assert_one(int i, size_t value_size) {
    char key[16];
    unsigned char value[2000];
    unsigned char expected[2000];
    size_t found_size;
    size_t size = make_key(key, sizeof key, i);
    make_value(expected, value_size, i);
    cr_assert_eq(blitzdb_get(db, key, size, value, sizeof value, &found_size), BLITZDB_OK, "key %d", i);
    cr_assert_eq(found_size, value_size);
    cr_assert_eq(memcmp(value, expected, value_size), 0, "key %d", i);
}

static void delete_one(int i) {
    char key[16];
    size_t size = make_key(key, sizeof key, i);
    cr_assert_eq(blitzdb_del(db, key, size), BLITZDB_OK);
}

static uint32_t pump(void) {
    uint32_t next_ms;
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    return next_ms;
}

/** Pumps as a caller does who has nothing else to do; returns the rounds after which there was a rest. */
static unsigned pump_until_idle(void) {
    for (unsigned rounds = 1; rounds < ROUNDS_MAX; rounds++)
        if (pump() > 0)
            return rounds;
    cr_assert_fail("the sweep never rests");
    return 0;
}

/** Pumps until the sweep has noticed that there is something to do. */
static void pump_until_busy(void) {
    for (unsigned rounds = 0; rounds < LOOK_ROUNDS; rounds++)
        if (pump() == 0)
            return;
    cr_assert_fail("the sweep notices nothing");
}

/* All keys expire at once: the sweep notices, is busy until the last one is gone, and rests then. */
Test(expire, everything_at_once) {
    for (int i = 0; i < KEYS; i++)
        set_one(i, 64, 1000);
    mem_env_advance_ms(disk, 1000);

    pump_until_busy();
    unsigned rounds = pump_until_idle();

    cr_assert_eq(count_keys(db), 0);
    cr_assert_eq(stats_now().expired, KEYS);
    cr_assert_gt(rounds, 1, "a round is bounded: %u", rounds);
    cr_assert_lt(rounds, 200, "and not much too small: %u", rounds);
}

/* Half of them stay: these are whole, and memory and table are nearly as if the others had never been. */
Test(expire, half_at_once) {
    for (int i = 0; i < KEYS; i += 2)
        set_one(i, 64, 0);
    blitzdb_stats_info before = stats_now();
    for (int i = 1; i < KEYS; i += 2)
        set_one(i, 64, 1000);
    mem_env_advance_ms(disk, 1000);

    pump_until_busy();
    (void)pump_until_idle();

    cr_assert_eq(count_keys(db), KEYS / 2);
    cr_assert_eq(stats_now().keys_with_expiry, 0);
    for (int i = 0; i < KEYS; i += 2)
        assert_one(i, 64);
    blitzdb_stats_info after = stats_now();
    /* tables split above 5.5 entries per bucket and merge below 4 */
    cr_assert_lt(after.table_bytes * 10, before.table_bytes * 14, "%llu bytes of table, %llu before",
                 (unsigned long long)after.table_bytes, (unsigned long long)before.table_bytes);
    cr_assert_lt(after.arena_bytes * 10, before.arena_bytes * 12, "%llu bytes held, %llu before",
                 (unsigned long long)after.arena_bytes, (unsigned long long)before.arena_bytes);
}

/* Deadlines far away are looked at now and then, and do not keep anybody busy. */
Test(expire, later_deadlines_leave_it_idle) {
    for (int i = 0; i < KEYS; i++)
        set_one(i, 64, 1000000);
    (void)pump_until_idle();
    for (unsigned rounds = 0; rounds < SLOW_PASS_ROUNDS; rounds++)
        cr_assert_gt(pump(), 0, "round %u", rounds);
    cr_assert_eq(count_keys(db), KEYS);
}

/* A few keys among many are no reason for haste, but they are found in the end. */
Test(expire, few_keys_are_found_without_haste) {
    unsigned busy_rounds = 0;
    for (int i = 0; i < 4 * KEYS; i++)
        set_one(i, 10, i % KEYS == 0 ? 1000 : 1000000);
    (void)pump_until_idle();
    mem_env_advance_ms(disk, 1000);
    for (unsigned rounds = 0; rounds < SLOW_PASS_ROUNDS; rounds++)
        busy_rounds += pump() == 0;
    cr_assert_eq(count_keys(db), 4 * KEYS - 4);
    cr_assert_eq(busy_rounds, 0);
}

/* A deadline that comes while a pass is half-way: the next pass, at once, finds what lies behind the sweep.
 */
Test(expire, deadline_in_the_middle_of_a_pass) {
    reopen_with_shards(1);
    for (int i = 0; i < KEYS; i++)
        set_one(i, 64, i % 32 == 0 ? 1000 : i % 32 == 16 ? 1010 : 0);
    mem_env_advance_ms(disk, 1000);
    pump_until_busy();
    cr_assert_gt(count_keys(db), KEYS - KEYS / 32, "the pass is not over");
    mem_env_advance_ms(disk, 10);

    (void)pump_until_idle();

    cr_assert_eq(count_keys(db), KEYS - KEYS / 16);
}

/* Inserts in the middle of a pass split buckets under it; later passes leave nothing behind all the same. */
Test(expire, inserts_in_the_middle_of_a_pass) {
    for (int i = 0; i < KEYS; i++)
        set_one(i, 64, 1000);
    mem_env_advance_ms(disk, 1000);
    pump_until_busy();
    for (int i = KEYS; i < 3 * KEYS; i++) {
        set_one(i, 10, 0);
        if (i % 1000 == 0)
            (void)pump();
    }
    for (unsigned rounds = 0; rounds < SLOW_PASS_ROUNDS; rounds++)
        (void)pump();
    cr_assert_eq(stats_now().keys_with_expiry, 0);
    cr_assert_eq(count_keys(db), 2 * KEYS);
    for (int i = KEYS; i < 3 * KEYS; i++)
        assert_one(i, 10);
}

/* -- Moving together --------------------------------------------------------------------------------- */

enum { MANY = 30000, VALUE_SIZE = 2000 }; /* so much that whole regions can go */

/** Fills with many keys, and deletes all but every `kept`-th. */
static void thin_out(int kept) {
    reopen_with_shards(1);
    for (int i = 0; i < MANY; i++)
        set_one(i, VALUE_SIZE, 0);
    (void)pump_until_idle();
    for (int i = 0; i < MANY; i++)
        if (i % kept != 0)
            delete_one(i);
}

static void assert_together(int kept) {
    blitzdb_stats_info stats = stats_now();
    cr_assert_eq(stats.keys, (uint64_t)(MANY / kept));
    cr_assert_lt(stats.arena_bytes * 100, stats.entry_bytes * 120, "%llu bytes held for %llu",
                 (unsigned long long)stats.arena_bytes, (unsigned long long)stats.entry_bytes);
    for (int i = 0; i < MANY; i += kept)
        assert_one(i, VALUE_SIZE);
}

/* Half of the entries are deleted here and there: the rest is moved into fewer regions, and the others go. */
Test(expire, half_deleted_moves_together) {
    thin_out(2);
    cr_assert_gt(stats_now().arena_bytes * 10, stats_now().entry_bytes * 15, "there is something to do");

    pump_until_busy();
    unsigned rounds = pump_until_idle();

    cr_assert_gt(rounds, 1);
    assert_together(2);
    for (unsigned i = 0; i < SLOW_PASS_ROUNDS; i++)
        cr_assert_gt(pump(), 0, "nothing is left to do, round %u", i);
}

/* One in forty is left, which is a small database again. */
Test(expire, most_deleted_moves_together) {
    thin_out(40);
    for (unsigned i = 0; i < SLOW_PASS_ROUNDS; i++)
        (void)pump();
    (void)pump_until_idle();
    assert_together(40);
}

/* Writers go on while regions are emptied; every value is the last one that was set. */
Test(expire, writes_while_moving) {
    thin_out(2);
    pump_until_busy();
    for (int i = 1; i < MANY; i += 2) {
        set_one(i, VALUE_SIZE, 0);
        if (i % 101 == 0)
            (void)pump();
    }
    (void)pump_until_idle();
    assert_together(1);
}

/* Without memory for a new region the ones that were to be emptied are used again: no write is refused. */
Test(expire, no_memory_while_moving) {
    struct mem_env_fault fault = {.call = MEM_CALL_MAP, .nth = 1, .for_good = true};
    thin_out(2);
    pump_until_busy();
    mem_env_fail(disk, &fault);
    for (int i = 1; i < MANY / 16; i += 2)
        set_one(i, VALUE_SIZE, 0);
    (void)pump_until_idle();
    mem_env_disarm(disk);
    for (int i = 0; i < MANY / 16; i++)
        assert_one(i, VALUE_SIZE);
}

/* Flushing in the middle leaves nothing to do. */
Test(expire, flush_while_moving) {
    thin_out(2);
    pump_until_busy();
    cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
    (void)pump_until_idle();
    set_one(1, VALUE_SIZE, 0);
    assert_one(1, VALUE_SIZE);
    cr_assert_eq(count_keys(db), 1);
}
