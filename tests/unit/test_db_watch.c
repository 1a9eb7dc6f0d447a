/* Who wants to know about keys is told of those that come to be, expire or are evicted, in their order, and
 * of nothing else. The clock is the test's. */
#include <stdio.h>

#include "db_fixture.h"

/* What was told, as text: "0+a" is key a made in keyspace 0, "-" expired, "!" evicted. */
static char told[64 * 1024];

static void note(void *user, unsigned keyspace, const void *key, size_t key_size, unsigned event) {
    static const char signs[] = {
        [BLITZDB_KEY_CREATED] = '+', [BLITZDB_KEY_EXPIRED] = '-', [BLITZDB_KEY_EVICTED] = '!'};
    size_t used = strlen(told);
    cr_assert_eq(user, told);
    snprintf(told + used, sizeof told - used, "%u%c%.*s ", keyspace, signs[event], (int)key_size,
             (const char *)key);
}

static void open_watched(void) {
    disk = mem_env_create(1);
    blitzdb_options options = fixture_options();
    options.shard_count = 1;
    cr_assert_eq(blitzdb_open(NULL, &options, &db), BLITZDB_OK);
    told[0] = '\0';
    cr_assert_eq(blitzdb_watch_keys(db, note, told), BLITZDB_OK);
}

TestSuite(db_watch, .init = open_watched, .fini = fixture_close);

static void set(blitzdb *to, const char *key, int64_t ttl_ms) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = ttl_ms;
    cr_assert_eq(blitzdb_set_with(to, key, strlen(key), "value", 5, &options), BLITZDB_OK);
}

/* A key is new once: neither another value nor its deletion is told. */
Test(db_watch, tells_of_a_key_that_is_made) {
    set(db, "a", 0);
    set(db, "a", 0);
    cr_assert_eq(blitzdb_set(db, "a", 1, "12345", 5), BLITZDB_OK);
    cr_assert_eq(blitzdb_del(db, "a", 1), BLITZDB_OK);
    set(db, "a", 0);

    cr_assert_str_eq(told, "0+a 0+a ");
}

/* An expired key that a write replaces has gone, and another one has come. */
Test(db_watch, tells_of_an_expired_key_before_what_replaces_it) {
    set(db, "a", 100);
    mem_env_advance_ms(disk, 101);
    set(db, "a", 0);

    cr_assert_str_eq(told, "0+a 0-a 0+a ");
}

/* The upkeep finds what expired. */
Test(db_watch, tells_of_an_expired_key_that_is_swept) {
    set(db, "a", 100);
    set(db, "b", 0);
    mem_env_advance_ms(disk, 101);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(blitzdb_pump(db, NULL), BLITZDB_OK);

    cr_assert_str_eq(told, "0+a 0+b 0-a ");
}

/* The number of the keyspace is the one it is selected by, after an exchange, too. */
Test(db_watch, tells_the_selected_keyspace) {
    blitzdb *third;
    cr_assert_eq(blitzdb_keyspace(db, 3, &third), BLITZDB_OK);
    set(third, "a", 100);
    cr_assert_eq(blitzdb_swap_keyspaces(db, 3, 7), BLITZDB_OK);
    mem_env_advance_ms(disk, 101);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(blitzdb_pump(db, NULL), BLITZDB_OK);

    cr_assert_str_eq(told, "3+a 7-a ");
}

/* At the memory limit a write removes others. */
Test(db_watch, tells_of_an_evicted_key) {
    cr_assert_eq(blitzdb_set_memory_limit(db, 64 * 1024, BLITZDB_EVICTION_ALLKEYS_RANDOM), BLITZDB_OK);
    char key[16];
    for (int i = 0; i < 4000; i++) {
        snprintf(key, sizeof key, "key%d", i);
        set(db, key, 0);
    }
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    uint64_t evicted = 0;
    for (const char *at = told; (at = strchr(at, '!')) != NULL; at++)
        evicted++;

    cr_assert_gt(evicted, 0);
    cr_assert(evicted == stats.evicted || strlen(told) + 16 > sizeof told);
}

/* A write that fails makes no key, and nobody is told any more after NULL. */
Test(db_watch, tells_nothing_else) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = BLITZDB_IF_PRESENT;
    cr_assert_eq(blitzdb_set_with(db, "a", 1, "v", 1, &options), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(blitzdb_watch_keys(db, NULL, NULL), BLITZDB_OK);
    set(db, "a", 0);

    cr_assert_str_eq(told, "");
}
