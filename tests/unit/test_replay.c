/* Replay in bulks, with helpers and without: what is there at the end is what record by record would give.
 */
#include <criterion/criterion.h>

#include "mem_env.h"
#include "no_threads.h"
#include "replay.h"
#include "rng.h"

static struct mem_env *disk;
static const blitzdb_env *env;
static uint8_t zeros[256 * 1024];

static void set_up(void) {
    disk = mem_env_create(1);
    env = mem_env_table(disk);
}

static void tear_down(void) {
    cr_assert_eq(mem_env_live_memory(disk), 0);
    mem_env_destroy(disk);
}

TestSuite(replay, .init = set_up, .fini = tear_down);

/** A replay into a store of its own. */
struct fixture {
    struct bzd_store store;
    struct bzd_progress progress;
    uint64_t position;
    struct bzd_replay replay;
};

static void begin(struct fixture *fixture, uint32_t threads) {
    cr_assert_eq(bzd_store_init(&fixture->store, env, 32), BLITZDB_OK);
    fixture->position = 0;
    bzd_progress_init(&fixture->progress, env, NULL, NULL);
    cr_assert_eq(
        bzd_replay_init(&fixture->replay, &fixture->store, threads, &fixture->progress, &fixture->position),
        BLITZDB_OK);
}

static void end(struct fixture *fixture) {
    bzd_store_deinit(&fixture->store);
}

static blitzdb_status take_set(struct bzd_replay *replay, const char *key, struct bzd_slice value) {
    struct bzd_record record = {
        .type = BZD_RECORD_SET, .key = bzd_slice_of(key, strlen(key)), .value = value};
    return bzd_replay_take(replay, &record);
}

/** The entry of a key in keyspace 0; false: there is none. */
static bool find(const struct bzd_store *store, const char *text, struct bzd_entry *entry_out) {
    struct bzd_slice key = bzd_slice_of(text, strlen(text));
    uint64_t hash = bzd_store_hash(store, 0, key);
    const struct bzd_shard *shard = &store->shards[bzd_store_shard_index(store, hash)];
    bzd_ref ref = bzd_table_find(&shard->table, hash, 0, key);
    if (ref != 0)
        bzd_entry_decode(bzd_arena_at(shard->arena, ref), entry_out);
    return ref != 0;
}

/** A record from chance: few keys, so that each meets many; the slices live until the next call. */
static struct bzd_record random_record(struct rng *rng) {
    static char key[16];
    static char value[32];
    struct bzd_record record = {.type = BZD_RECORD_SET, .keyspace = (unsigned)rng_below(rng, 2)};
    int key_size = snprintf(key, sizeof key, "%u", (unsigned)rng_below(rng, 500));
    int value_size = snprintf(value, sizeof value, "%llu", (unsigned long long)rng_next(rng));
    record.key = bzd_slice_of(key, (size_t)key_size);
    record.value = bzd_slice_of(value, (size_t)value_size);
    record.expire_at_ms = (int64_t)rng_below(rng, 1000);
    switch (rng_below(rng, 5000)) { /* now and then something that is not about one key */
    case 0:
        return (struct bzd_record){.type = BZD_RECORD_BATCH, .number = 2};
    case 1:
        record.value = bzd_slice_of(zeros, 1000 + rng_below(rng, sizeof zeros - 1000));
        return record;
    case 2:
        return (struct bzd_record){.type = BZD_RECORD_FLUSH, .number = 1 + rng_below(rng, 3)};
    case 3:
        return (struct bzd_record){.type = BZD_RECORD_MAP, .number = BZD_MAP_IDENTITY};
    default:
        record.type = (enum bzd_record_type)(BZD_RECORD_SET + rng_below(rng, 4));
        if (record.type == BZD_RECORD_SET)
            record.expire_at_ms = 0;
        return record;
    }
}

/** Compares what a shard has with another store. */
struct comparison {
    const struct bzd_store *store;
    const struct bzd_store *other;
    const struct bzd_shard *shard;
    uint64_t seen;
};

static void compare_entry(void *user, bzd_ref ref) {
    struct comparison *comparison = user;
    struct bzd_entry entry;
    struct bzd_entry twin;
    bzd_entry_decode(bzd_arena_at(comparison->shard->arena, ref), &entry);
    uint64_t hash = bzd_store_hash(comparison->other, entry.keyspace, entry.key);
    const struct bzd_shard *shard =
        &comparison->other->shards[bzd_store_shard_index(comparison->other, hash)];
    bzd_ref twin_ref = bzd_table_find(&shard->table, hash, entry.keyspace, entry.key);
    cr_assert_neq(twin_ref, 0);
    bzd_entry_decode(bzd_arena_at(shard->arena, twin_ref), &twin);
    cr_assert(bzd_slice_equal(entry.value, twin.value));
    cr_assert_eq(entry.expire_at_ms, twin.expire_at_ms);
    comparison->seen++;
}

/** Every entry of one store is in the other, and there are as many. */
static void assert_same(const struct bzd_store *store, const struct bzd_store *other) {
    struct comparison comparison = {store, other, NULL, 0};
    for (uint32_t i = 0; i < store->shard_count; i++) {
        comparison.shard = &store->shards[i];
        cr_assert(bzd_table_is_valid(&comparison.shard->table));
        for (uint32_t bucket = 0; bucket < comparison.shard->table.bucket_count; bucket++)
            bzd_table_visit_bucket(&comparison.shard->table, bucket, compare_entry, &comparison);
    }
    uint64_t others = 0;
    for (unsigned keyspace = 0; keyspace < 2; keyspace++)
        others += bzd_store_count(other, keyspace, NULL);
    cr_assert_eq(comparison.seen, others);
}

/* Sets, deletions, expiries, flushes, maps and large values in any order. */
Test(replay, is_the_same_as_record_by_record) {
    for (uint32_t threads = 1; threads <= 4; threads *= 2) {
        struct fixture bulk;
        struct bzd_store single;
        struct rng rng = {7};
        begin(&bulk, threads);
        cr_assert_eq(bzd_store_init(&single, env, 4), BLITZDB_OK);
        for (unsigned i = 0; i < 60000; i++) {
            struct bzd_record record = random_record(&rng);
            cr_assert_eq(bzd_store_apply(&single, &record), BLITZDB_OK);
            cr_assert_eq(bzd_replay_take(&bulk.replay, &record), BLITZDB_OK);
        }
        cr_assert_eq(bzd_replay_finish(&bulk.replay), BLITZDB_OK);
        cr_assert_eq(bulk.replay.records, 60000);
        cr_assert_eq(bulk.replay.helper_count, threads - 1);
        bzd_replay_deinit(&bulk.replay);

        assert_same(&single, &bulk.store);
        end(&bulk);
        bzd_store_deinit(&single);
    }
}

/* Many records about one key within a bulk: the last one counts. */
Test(replay, keeps_the_order_of_a_key) {
    struct fixture fixture;
    struct bzd_entry entry;
    begin(&fixture, 1);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(take_set(&fixture.replay, "key", bzd_slice_of(zeros, i)), BLITZDB_OK);
    struct bzd_record del = {.type = BZD_RECORD_DEL, .key = bzd_slice_of("gone", 4)};
    cr_assert_eq(take_set(&fixture.replay, "gone", bzd_slice_of(zeros, 1)), BLITZDB_OK);
    cr_assert_eq(bzd_replay_take(&fixture.replay, &del), BLITZDB_OK);
    cr_assert_eq(bzd_replay_finish(&fixture.replay), BLITZDB_OK);
    bzd_replay_deinit(&fixture.replay);

    cr_assert(find(&fixture.store, "key", &entry));
    cr_assert_eq(entry.value.size, 999);
    cr_assert_not(find(&fixture.store, "gone", &entry));
    cr_assert_eq(bzd_store_count(&fixture.store, 0, NULL), 1);
    end(&fixture);
}

/* A flush takes what was before it and nothing else; so it waits for the bulk before it. */
Test(replay, flush_stands_where_it_stands) {
    for (uint32_t threads = 1; threads <= 4; threads *= 2) {
        struct fixture fixture;
        struct bzd_entry entry;
        struct bzd_record flush = {.type = BZD_RECORD_FLUSH, .number = 1};
        begin(&fixture, threads);
        for (unsigned i = 0; i < 10000; i++) {
            char key[16];
            snprintf(key, sizeof key, "%u", i);
            cr_assert_eq(take_set(&fixture.replay, key, bzd_slice_of(zeros, 10)), BLITZDB_OK);
        }
        cr_assert_eq(bzd_replay_take(&fixture.replay, &flush), BLITZDB_OK);
        cr_assert_eq(take_set(&fixture.replay, "after", bzd_slice_of(zeros, 10)), BLITZDB_OK);
        cr_assert_eq(bzd_replay_finish(&fixture.replay), BLITZDB_OK);
        bzd_replay_deinit(&fixture.replay);

        cr_assert(find(&fixture.store, "after", &entry));
        cr_assert_eq(bzd_store_count(&fixture.store, 0, NULL), 1);
        end(&fixture);
    }
}

/* If the system refuses threads, the calling one applies. */
Test(replay, needs_no_helpers) {
    struct fixture fixture;
    refuse_threads();
    begin(&fixture, 4);
    for (unsigned i = 0; i < 10000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        cr_assert_eq(take_set(&fixture.replay, key, bzd_slice_of(zeros, 10)), BLITZDB_OK);
    }
    cr_assert_eq(bzd_replay_finish(&fixture.replay), BLITZDB_OK);
    cr_assert_eq(fixture.replay.helper_count, 0);
    bzd_replay_deinit(&fixture.replay);

    cr_assert_eq(bzd_store_count(&fixture.store, 0, NULL), 10000);
    end(&fixture);
}

/* A map that names a keyspace twice was not written by BlitzDB. */
Test(replay, refuses_a_map_that_cannot_be) {
    struct fixture fixture;
    struct bzd_record map = {.type = BZD_RECORD_MAP, .number = 0};
    begin(&fixture, 4);
    cr_assert_eq(bzd_replay_take(&fixture.replay, &map), BLITZDB_CORRUPT);
    bzd_replay_deinit(&fixture.replay);
    end(&fixture);
}

/** Replays some thousand records; a failure is answered by a later record, or at the end. */
static blitzdb_status replay_some(struct fixture *fixture) {
    blitzdb_status status = BLITZDB_OK;
    for (unsigned i = 0; i < 12000 && status == BLITZDB_OK; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i);
        status = take_set(&fixture->replay, key, bzd_slice_of(zeros, i % 1000 == 0 ? 100000 : 300));
    }
    blitzdb_status rest = bzd_replay_finish(&fixture->replay);
    return status == BLITZDB_OK ? rest : status;
}

/* Wherever memory runs out, in a helper too, it is told and given back; a table that cannot grow is none.
 */
Test(replay, runs_out_of_memory_anywhere) {
    for (uint32_t threads = 1; threads <= 4; threads *= 2) {
        uint64_t failures = 0;
        bool fired = true;
        for (uint64_t nth = 1; fired; nth++) {
            struct fixture fixture;
            begin(&fixture, threads);
            struct mem_env_fault fault = {.call = MEM_CALL_ANY_MEMORY, .nth = nth};
            mem_env_fail(disk, &fault);
            blitzdb_status status = replay_some(&fixture);
            fired = mem_env_faults(disk) > 0;
            mem_env_disarm(disk);
            cr_assert(status == BLITZDB_OK || status == BLITZDB_NO_MEMORY, "%d", status);
            failures += status != BLITZDB_OK;
            bzd_replay_deinit(&fixture.replay);
            if (status == BLITZDB_OK)
                cr_assert_eq(bzd_store_count(&fixture.store, 0, NULL), 12000);
            end(&fixture);
            cr_assert_eq(mem_env_live_memory(disk), 0);
        }
        cr_assert_gt(failures, 0);
    }
}
