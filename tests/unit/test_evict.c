/* The memory limit: what is let in, what is refused, and that the limit holds. */
#include "db.h"
#include "db_fixture.h"
#include "rng.h"

TestSuite(evict, .init = fixture_open, .fini = fixture_close);

/** What the limit bounds, summed up over all shards and arenas. */
static uint64_t used_bytes(void) {
    return bzd_store_used_bytes(&db->core->store);
}

static void reopen_with(uint32_t shards, uint64_t limit, unsigned eviction) {
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
    options.shard_count = shards;
    options.memory_limit_bytes = limit;
    options.eviction = eviction;
    fixture_reopen(&options);
}

/** Sets `key<number>`; `expires`: some day. */
static blitzdb_status set_number(uint64_t number, size_t value_size, bool expires) {
    static const char value[20000];
    char key[32];
    size_t size = (size_t)snprintf(key, sizeof key, "key%llu", (unsigned long long)number);
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = expires ? 1000000 + (int64_t)number : 0;
    return blitzdb_set_with(db, key, size, value, value_size, &options);
}

static uint64_t evicted(void) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    return stats.evicted;
}

/* One thread never passes the limit, not by a byte: through the growth of the tables, with entries smaller
 * than a step of theirs, under every policy. And the limit is used. */
Test(evict, one_thread_stays_within) {
    static const uint32_t shards[] = {1, 4, 128};
    for (unsigned eviction = BLITZDB_EVICTION_ALLKEYS_LRU; eviction <= BLITZDB_EVICTION_VOLATILE_LFU;
         eviction++) {
        for (unsigned i = 0; i < 3; i++) {
            uint64_t limit = 50000 + 3000 * shards[i];
            reopen_with(shards[i], limit, eviction);
            struct rng rng = {eviction};
            for (uint64_t number = 0; number < 6000; number++) {
                size_t value_size = number < 3000 ? rng_below(&rng, 8) : rng_below(&rng, 200);
                cr_assert_eq(set_number(number, value_size, true), BLITZDB_OK);
                cr_assert_leq(used_bytes(), limit, "policy %u, %u shards", eviction, shards[i]);
            }
            cr_assert_gt(used_bytes(), limit / 10 * 8, "policy %u, %u shards", eviction, shards[i]);
        }
    }
}

/* The same with values that shrink: the tables grow at the limit, because more entries fit. */
Test(evict, tables_grow_at_the_limit) {
    uint64_t limit = 400000;
    reopen_with(4, limit, BLITZDB_EVICTION_ALLKEYS_LRU);
    for (uint64_t number = 0; number < 20000; number++) {
        cr_assert_eq(set_number(number, number < 2000 ? 500 : 0, false), BLITZDB_OK);
        cr_assert_leq(used_bytes(), limit, "key %llu", (unsigned long long)number);
    }
    cr_assert_gt(count_keys(db), 7000);
}

/* Without eviction the limit holds as well, and what is refused changes nothing; reading and freeing go on.
 */
Test(evict, refused_without_eviction) {
    reopen_with(4, 60000, BLITZDB_EVICTION_NONE);
    blitzdb_status status = BLITZDB_OK;
    uint64_t keys = 0;
    while ((status = set_number(keys, 20, false)) == BLITZDB_OK) {
        cr_assert_leq(used_bytes(), 60000);
        keys++;
    }
    cr_assert_eq(status, BLITZDB_MEMORY_LIMIT);
    cr_assert_not_null(strstr(blitzdb_status_text(status), "delete or raise the limit"));
    cr_assert_gt(keys, 600);
    cr_assert_eq(count_keys(db), keys);
    cr_assert_eq(exists_text(db, "key0"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(db, "key0", 4, 1000), BLITZDB_OK, "an expiry is never refused");
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(del_text(db, key), BLITZDB_OK);
    }
    cr_assert_eq(set_number(keys, 20, false), BLITZDB_OK);
}

/* A limit that is lowered is come up to by writes that only write over values, in a database without files
 * too; and such a write counts as a use. */
Test(evict, writing_over_evicts_and_marks) {
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    cr_assert_eq(blitzdb_open(NULL, &options, &db), BLITZDB_OK);
    for (uint64_t key = 0; key < 4000; key++)
        cr_assert_eq(blitzdb_set(db, &key, sizeof key, "0123456789abcdef", 16), BLITZDB_OK);
    uint64_t limit = used_bytes() / 2;
    cr_assert_eq(blitzdb_set_memory_limit(db, limit, BLITZDB_EVICTION_ALLKEYS_LRU), BLITZDB_OK);

    for (unsigned round = 0; round < 100; round++)
        for (uint64_t key = 0; key < 100; key++)
            cr_assert_eq(blitzdb_set(db, &key, sizeof key, "fedcba9876543210", 16), BLITZDB_OK);
    cr_assert_leq(used_bytes(), limit);
    cr_assert_gt(evicted(), 1000);
    for (uint64_t key = 4000; key < 6000; key++) {
        uint64_t hot = key % 100;
        cr_assert_eq(blitzdb_set(db, &hot, sizeof hot, "FEDCBA9876543210", 16), BLITZDB_OK);
        cr_assert_eq(blitzdb_set(db, &key, sizeof key, "0123456789abcdef", 16), BLITZDB_OK);
    }
    for (uint64_t key = 0; key < 100; key++) {
        char value[16];
        size_t size;
        cr_assert_eq(blitzdb_get(db, &key, sizeof key, value, sizeof value, &size), BLITZDB_OK, "%d",
                     (int)key);
        cr_assert_eq(memcmp(value, "FEDCBA9876543210", 16), 0);
    }
}

/** Fills up to the limit; a value over one of the same size goes in all the same, one byte more does not. */
static void expect_same_size_fits(blitzdb *handle) {
    static const char value[65];
    uint64_t number = 0;
    while (blitzdb_set(handle, &number, sizeof number, value, 64) == BLITZDB_OK)
        number++;
    cr_assert_gt(number, 100);

    uint64_t first = 0;
    cr_assert_eq(blitzdb_set(handle, &first, sizeof first, value, 64), BLITZDB_OK);
    cr_assert_eq(blitzdb_set(handle, &first, sizeof first, value, 65), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(blitzdb_set(handle, &number, sizeof number, value, 64), BLITZDB_MEMORY_LIMIT);
}

/* At the limit without eviction, with and without a log. */
Test(evict, same_size_fits) {
    reopen_with(4, 50000, BLITZDB_EVICTION_NONE);
    expect_same_size_fits(db);

    blitzdb_options options = fixture_options();
    options.memory_limit_bytes = 50000;
    blitzdb *memory_only = NULL;
    cr_assert_eq(blitzdb_open(NULL, &options, &memory_only), BLITZDB_OK);
    expect_same_size_fits(memory_only);
    cr_assert_eq(blitzdb_close(memory_only), BLITZDB_OK);
}

/* Policies for keys with an expiry refuse like noeviction if there is none, in a transaction too, and take
 * the one there is. */
Test(evict, volatile_policies) {
    const unsigned evictions[] = {BLITZDB_EVICTION_VOLATILE_LRU, BLITZDB_EVICTION_VOLATILE_LFU,
                                  BLITZDB_EVICTION_VOLATILE_RANDOM, BLITZDB_EVICTION_VOLATILE_TTL};
    for (unsigned i = 0; i < 4; i++) {
        reopen_with(4, 0, BLITZDB_EVICTION_NONE);
        for (uint64_t number = 0; number < 2000; number++)
            cr_assert_eq(set_number(number, 20, false), BLITZDB_OK);
        cr_assert_eq(blitzdb_set_memory_limit(db, used_bytes() - 1, evictions[i]), BLITZDB_OK);

        cr_assert_eq(set_text(db, "new", "x"), BLITZDB_MEMORY_LIMIT);
        blitzdb_key key = {"new", 3, 0};
        blitzdb_txn *txn;
        cr_assert_eq(blitzdb_txn_begin(db, &key, 1, &txn), BLITZDB_OK);
        cr_assert_eq(blitzdb_txn_set(txn, 0, "x", 1, 0), BLITZDB_OK);
        cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_MEMORY_LIMIT);
        cr_assert_eq(count_keys(db), 2000);
        cr_assert_eq(exists_text(db, "key0"), BLITZDB_OK);

        cr_assert_eq(blitzdb_set_memory_limit(db, 0, evictions[i]), BLITZDB_OK);
        cr_assert_eq(set_number(7777, 9000, true), BLITZDB_OK);
        cr_assert_eq(blitzdb_set_memory_limit(db, used_bytes() - 1, evictions[i]), BLITZDB_OK);
        cr_assert_eq(set_text(db, "new", "x"), BLITZDB_OK, "policy %u finds the only one", evictions[i]);
        cr_assert_eq(exists_text(db, "key7777"), BLITZDB_NOT_FOUND);
        cr_assert_eq(count_keys(db), 2001);
    }
}

/* A write frees what it needs in one go, however many entries that are, and not much more. */
Test(evict, large_write) {
    uint64_t limit = 100000;
    reopen_with(4, limit, BLITZDB_EVICTION_ALLKEYS_LRU);
    for (uint64_t number = 0; number < 4000; number++)
        cr_assert_eq(set_number(number, 8, false), BLITZDB_OK);
    uint64_t keys = count_keys(db);
    uint64_t before = evicted();
    cr_assert_eq(set_number(5000, 15000, false), BLITZDB_OK);
    cr_assert_leq(used_bytes(), limit);
    cr_assert(evicted() - before > 300 && evicted() - before < keys / 2, "%llu of %llu",
              (unsigned long long)(evicted() - before), (unsigned long long)keys);
    static const char huge[200000];
    cr_assert_eq(blitzdb_set(db, "huge", 4, huge, sizeof huge), BLITZDB_MEMORY_LIMIT,
                 "larger than the limit");
}

/* A lowered limit is come up to in pieces: a write evicts at most 64 and a search's worth more than it needs.
 */
Test(evict, lowered_limit_in_pieces) {
    reopen_with(4, 0, BLITZDB_EVICTION_NONE);
    for (uint64_t number = 0; number < 5000; number++)
        cr_assert_eq(set_number(number, 8, false), BLITZDB_OK);
    uint64_t limit = used_bytes() / 2;
    cr_assert_eq(blitzdb_set_memory_limit(db, limit, BLITZDB_EVICTION_ALLKEYS_LFU), BLITZDB_OK);
    unsigned writes = 0;
    for (; used_bytes() > limit; writes++) {
        uint64_t before = evicted();
        uint64_t used_before = used_bytes();
        cr_assert_eq(set_text(db, "key1", "changed"), BLITZDB_OK);
        cr_assert_leq(evicted() - before, 64 + 4200 / 16, "bounded"); /* and the margin of 4 KiB */
        cr_assert_lt(used_bytes(), used_before, "every write brings it nearer");
    }
    cr_assert(writes > 3 && writes < 60, "%u writes", writes);
}

/* With everything in use a write still gets its room for a bounded search, and loses little. */
Test(evict, everything_in_use) {
    uint64_t limit = 300000;
    reopen_with(4, limit, BLITZDB_EVICTION_ALLKEYS_LRU);
    uint64_t number = 0;
    while (evicted() == 0)
        cr_assert_eq(set_number(number++, 100, false), BLITZDB_OK);
    for (uint64_t i = 0; i < number; i++) {
        char key[32];
        snprintf(key, sizeof key, "key%llu", (unsigned long long)i);
        (void)get_text(db, key);
    }
    uint64_t before = evicted();
    cr_assert_eq(set_number(number, 2000, false), BLITZDB_OK);
    cr_assert_lt(evicted() - before, 50);
}

/* Expiries that are added to all keys do not creep past the limit while something may be evicted. */
Test(evict, expiries_count) {
    uint64_t limit = 200000;
    reopen_with(4, limit, BLITZDB_EVICTION_ALLKEYS_LRU);
    for (uint64_t number = 0; number < 6000; number++)
        cr_assert_eq(set_number(number, 5, false), BLITZDB_OK);
    for (int i = 0; i < 6000; i++) {
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "key%d", i);
        blitzdb_status status = blitzdb_expire(db, key, size, 1000000);
        cr_assert(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND);
        cr_assert_leq(used_bytes(), limit + 64);
    }
}

/* A transaction makes room behind its commit, because only there its size is known; a batch
 * before, and piece by piece behind it for what the tables grew by. */
Test(evict, transactions_and_batches) {
    uint64_t limit = 200000;
    reopen_with(4, limit, BLITZDB_EVICTION_ALLKEYS_LRU);
    static const char value[3000];
    for (unsigned i = 0; i < 300; i++) {
        char name[16];
        blitzdb_key key = {name, (size_t)snprintf(name, sizeof name, "txn%u", i), 0};
        blitzdb_txn *txn;
        cr_assert_eq(blitzdb_txn_begin(db, &key, 1, &txn), BLITZDB_OK);
        cr_assert_eq(blitzdb_txn_set(txn, 0, value, sizeof value, 0), BLITZDB_OK);
        cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_OK);
        cr_assert_leq(used_bytes(), limit);
    }
    for (unsigned i = 0; i < 300; i++) {
        blitzdb_batch *batch;
        cr_assert_eq(blitzdb_batch_create(db, &batch), BLITZDB_OK);
        for (unsigned k = 0; k < 100; k++) {
            char name[16];
            size_t size = (size_t)snprintf(name, sizeof name, "b%u", i * 100 + k);
            cr_assert_eq(blitzdb_batch_set(batch, name, size, "x", 1, NULL), BLITZDB_OK);
        }
        cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_OK);
        blitzdb_batch_destroy(batch);
        cr_assert_leq(used_bytes(), limit + 4096, "but for what the tables grow by in one batch");
    }
}

/* What a write is measured by is what the tables take and are about to take: never less than the sum. */
Test(evict, claim_covers_the_tables) {
    reopen_with(2, 0, BLITZDB_EVICTION_NONE);
    struct rng rng = {3};
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t claimed = bzd_store_claimed_bytes(&db->core->store);
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "%llu", (unsigned long long)rng_below(&rng, 6000));
        uint64_t keys = count_keys(db);
        if (rng_below(&rng, 100) < (i / 5000 % 2 == 0 ? 90 : 10))
            cr_assert_eq(blitzdb_set(db, key, size, "", 0), BLITZDB_OK);
        else
            cr_assert_neq(blitzdb_del(db, key, size), BLITZDB_INVALID);
        uint64_t used = used_bytes();
        cr_assert_leq(used, bzd_store_claimed_bytes(&db->core->store));
        if (keys > 10)
            cr_assert_leq(used, claimed + 16 + 2 * BZD_TABLE_SMALL_STEP, "announced, write %u", i);
    }
    cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
    cr_assert_eq(bzd_store_claimed_bytes(&db->core->store), 0);
}
