/* Which entries go: one shard, searched by hand under each policy. */
#include "victim.h"

#include "db.h"
#include "db_fixture.h"

static void open_one_shard(void) {
    fixture_open();
    blitzdb_options options = fixture_options();
    options.shard_count = 1;
    options.memory_limit_bytes = 1 << 30;
    options.eviction = BLITZDB_EVICTION_ALLKEYS_LRU;
    fixture_reopen(&options);
}

TestSuite(victim, .init = open_one_shard, .fini = fixture_close);

static struct bzd_shard *the_shard(void) {
    return &db->core->store.shards[0];
}

/** Keys `<letter>0` to `<letter>(count - 1)`; key i expires at `expire_at_ms` + i, 0: none does. */
static void set_keys(char letter, int count, int64_t expire_at_ms) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    for (int i = 0; i < count; i++) {
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "%c%d", letter, i);
        options.expire_at_ms = expire_at_ms == 0 ? 0 : expire_at_ms + i;
        cr_assert_eq(blitzdb_set_with(db, key, size, "value", 5, &options), BLITZDB_OK);
    }
}

static void read_keys(char letter, int count) {
    for (int i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "%c%d", letter, i);
        cr_assert_str_eq(get_text(db, key), "value");
    }
}

static struct bzd_search search(unsigned eviction, size_t wanted) {
    static uint64_t dice = 1;
    struct bzd_search made = {
        .eviction = eviction, .buckets_left = 1000000, .dice = dice++ << 40, .wanted = wanted};
    bzd_rwlock_write_acquire(&the_shard()->lock);
    bzd_search_shard(&made, the_shard());
    bzd_rwlock_write_release(&the_shard()->lock);
    return made;
}

/** The key of an entry; valid until the next call. */
static const char *key_of(bzd_ref ref) {
    static char text[16];
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(the_shard()->arena, ref), &entry);
    cr_assert_lt(entry.key.size, sizeof text);
    memcpy(text, entry.key.data, entry.key.size);
    text[entry.key.size] = '\0';
    return text;
}

static unsigned count_mark(void *user, bzd_ref ref, unsigned marks) {
    (void)ref;
    *(unsigned *)user += marks != 0;
    return marks;
}

/** Entries with a mark. */
static unsigned count_marked(void) {
    unsigned marked = 0;
    struct bzd_table *table = &the_shard()->table;
    uint32_t hand_bucket = table->hand_bucket;
    uint32_t hand_place = table->hand_place;
    table->hand_place = 0;
    for (table->hand_bucket = 0; table->hand_bucket < table->bucket_count;)
        bzd_table_clock(table, count_mark, &marked);
    table->hand_bucket = hand_bucket;
    table->hand_place = hand_place;
    return marked;
}

/** How many of `rounds` searches' finds have a key with this letter. */
static unsigned count_found(unsigned eviction, unsigned rounds, char letter) {
    unsigned found = 0;
    for (unsigned i = 0; i < rounds; i++) {
        struct bzd_search made = search(eviction, 1);
        found += made.count == 1 && key_of(made.refs[0])[0] == letter;
    }
    return found;
}

/* No search names an entry twice, also where the hand goes round the whole table in one search. */
Test(victim, no_entry_twice) {
    set_keys('k', 5, MEM_ENV_START_MS + 1000);
    for (unsigned eviction = BLITZDB_EVICTION_ALLKEYS_LRU; eviction <= BLITZDB_EVICTION_VOLATILE_LFU;
         eviction++) {
        struct bzd_search made = search(eviction, BZD_VICTIMS_MAX);
        cr_assert(made.count > 0 && made.count <= 5, "policy %u found %zu", eviction, made.count);
        for (size_t i = 0; i < made.count; i++)
            for (size_t k = 0; k < i; k++)
                cr_assert_neq(made.refs[i], made.refs[k], "policy %u", eviction);
    }
}

/* An empty shard has nothing to give, and asking costs nothing. */
Test(victim, empty_shard) {
    struct bzd_search made = search(BLITZDB_EVICTION_ALLKEYS_LRU, 1);
    cr_assert_eq(made.count, 0);
    cr_assert_eq(made.buckets_left, 1000000);
}

/* What was not used goes before what was; the hand goes on where it stopped, so that every entry has its
 * turn. */
Test(victim, unused_first) {
    set_keys('a', 500, 0);
    set_keys('b', 500, 0);
    read_keys('a', 500);
    bool seen[500] = {false};
    for (unsigned found = 0; found < 500;) {
        struct bzd_search made = search(BLITZDB_EVICTION_ALLKEYS_LRU, 7);
        for (size_t i = 0; i < made.count && found < 500; i++, found++) {
            const char *key = key_of(made.refs[i]);
            cr_assert_eq(key[0], 'b', "found %u", found);
            int number = (int)strtol(key + 1, NULL, 10);
            cr_assert_not(seen[number], "in one round nothing is found twice");
            seen[number] = true;
        }
    }
}

/* What was used is kept for some rounds after; LFU forgets more slowly than LRU. */
Test(victim, used_is_proven) {
    set_keys('a', 200, 0);
    const unsigned evictions[2] = {BLITZDB_EVICTION_ALLKEYS_LRU, BLITZDB_EVICTION_ALLKEYS_LFU};
    unsigned rounds[2] = {0, 0};
    for (unsigned k = 0; k < 2; k++) {
        read_keys('a', 200);
        cr_assert_eq(search(evictions[k], 1).count, 1, "a round that proves them all, and gives the weakest");
        while (count_marked() > 100) {
            (void)search(evictions[k], BZD_VICTIMS_MAX);
            rounds[k]++;
        }
    }
    cr_assert_gt(rounds[0], 1, "LRU forgets half of them in %u searches", rounds[0]);
    cr_assert_gt(rounds[1], rounds[0], "LFU takes longer: %u", rounds[1]);
}

/* If everything is in use one entry goes all the same, after a bounded look. */
Test(victim, all_in_use) {
    set_keys('a', 5000, 0);
    read_keys('a', 5000);
    struct bzd_search made = search(BLITZDB_EVICTION_ALLKEYS_LFU, 4);
    cr_assert_eq(made.count, 1);
    cr_assert_geq(made.buckets_left, 1000000 - 64);
}

/* Writing is using; without a policy that asks, nothing is marked. */
Test(victim, marks_by_policy) {
    set_keys('a', 1, 0);
    set_keys('b', 1, 0);
    set_keys('b', 1, 0);
    cr_assert_eq(count_found(BLITZDB_EVICTION_ALLKEYS_LRU, 1, 'a'), 1);

    cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_memory_limit(db, 1 << 30, BLITZDB_EVICTION_ALLKEYS_RANDOM), BLITZDB_OK);
    set_keys('a', 100, 0);
    read_keys('a', 100);
    cr_assert_gt(search(BLITZDB_EVICTION_ALLKEYS_LRU, BZD_VICTIMS_MAX).count, 10, "no hit left a mark");
    cr_assert_eq(blitzdb_set_memory_limit(db, 0, BLITZDB_EVICTION_ALLKEYS_LRU), BLITZDB_OK);
    read_keys('a', 100);
    cr_assert_gt(search(BLITZDB_EVICTION_ALLKEYS_LRU, BZD_VICTIMS_MAX).count, 10, "nor without a limit");
}

/* Policies for keys with an expiry find the one there is and spare all others. */
Test(victim, volatile_finds_the_needle) {
    set_keys('a', 3000, 0);
    set_keys('b', 1, MEM_ENV_START_MS + 1000);
    const unsigned evictions[] = {BLITZDB_EVICTION_VOLATILE_LRU, BLITZDB_EVICTION_VOLATILE_LFU,
                                  BLITZDB_EVICTION_VOLATILE_RANDOM, BLITZDB_EVICTION_VOLATILE_TTL};
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_gt(count_found(evictions[i], 100, 'b'), 0, "policy %u", evictions[i]);
        cr_assert_eq(count_found(evictions[i], 100, 'a'), 0, "policy %u", evictions[i]);
    }
    struct bzd_search made = {
        .eviction = BLITZDB_EVICTION_VOLATILE_TTL, .buckets_left = 3, .dice = 1, .wanted = 1};
    bzd_rwlock_write_acquire(&the_shard()->lock);
    bzd_search_shard(&made, the_shard());
    bzd_rwlock_write_release(&the_shard()->lock);
    cr_assert_eq(made.buckets_left, 0, "no more buckets than allowed");
}

/* Of a sample, those that expire first, in order. */
Test(victim, ttl_order) {
    set_keys('k', 20, MEM_ENV_START_MS + 1000);
    set_keys('p', 20, 0);
    struct bzd_search made = search(BLITZDB_EVICTION_VOLATILE_TTL, 3);
    cr_assert_eq(made.count, 3);
    for (size_t i = 0; i < 3; i++) {
        char expected[3] = {'k', (char)('0' + i), '\0'};
        cr_assert_str_eq(key_of(made.refs[i]), expected, "place %zu", i);
    }
    cr_assert_eq(search(BLITZDB_EVICTION_VOLATILE_TTL, BZD_VICTIMS_MAX).count, 4,
                 "a part of the sample only");
}

/* By chance every key can be found, used or not. */
Test(victim, random_finds_everything) {
    set_keys('a', 50, 0);
    set_keys('b', 50, 0);
    read_keys('a', 50);
    unsigned used = count_found(BLITZDB_EVICTION_ALLKEYS_RANDOM, 1000, 'a');
    cr_assert(used > 300 && used < 700, "%u of 1000", used);
}
