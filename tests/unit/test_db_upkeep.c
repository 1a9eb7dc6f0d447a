/* Upkeep: syncs by interval, the sweep of expired entries, snapshots, the memory limit, statistics. */
#include <errno.h>

#include "db_fixture.h"

TestSuite(db_upkeep, .init = fixture_open, .fini = fixture_close);

static blitzdb_stats_info stats_now(void) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    return stats;
}

static void set_many(int from, int to, size_t value_size) {
    static const char value[2000];
    for (int i = from; i < to; i++) {
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(blitzdb_set(db, key, size, value, value_size), BLITZDB_OK);
    }
}

/* Without a thread the pump syncs once the interval is over, and not before. */
Test(db_upkeep, pump_syncs_by_interval) {
    uint32_t next_ms;
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    uint64_t syncs = stats_now().syncs;
    mem_env_advance_ms(disk, 999);
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_eq(stats_now().syncs, syncs);
    mem_env_advance_ms(disk, 1);
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_eq(stats_now().syncs, syncs + 1);
    cr_assert_eq(blitzdb_durable_position(db), blitzdb_log_position(db));
}

/* And if nobody pumps, the first write after two intervals does. */
Test(db_upkeep, writer_syncs_when_nobody_else_does) {
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    mem_env_advance_ms(disk, 1999);
    cr_assert_eq(set_text(db, "k", "w"), BLITZDB_OK);
    cr_assert_lt(blitzdb_durable_position(db), blitzdb_log_position(db));
    mem_env_advance_ms(disk, 1);
    cr_assert_eq(set_text(db, "k", "x"), BLITZDB_OK);
    cr_assert_eq(blitzdb_durable_position(db), blitzdb_log_position(db));
}

/* One write that asks for the interval gets it, also where the others ask for nothing. */
Test(db_upkeep, interval_write_in_a_database_without_syncs) {
    uint32_t next_ms;
    blitzdb_options options = fixture_options();
    options.durability = BLITZDB_DURABILITY_NONE;
    options.sync_interval_ms = 20;
    fixture_reopen(&options);
    cr_assert_eq(set_text(db, "none", "v"), BLITZDB_OK);
    mem_env_advance_ms(disk, 1000);
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_lt(blitzdb_durable_position(db), blitzdb_log_position(db));
    cr_assert_leq(next_ms, 20);
    blitzdb_set_options interval = BLITZDB_SET_OPTIONS_INIT;
    interval.durability = BLITZDB_DURABILITY_INTERVAL;
    cr_assert_eq(blitzdb_set_with(db, "interval", 8, "v", 1, &interval), BLITZDB_OK);
    mem_env_advance_ms(disk, 20);
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_eq(blitzdb_durable_position(db), blitzdb_log_position(db));
}

static bool is_durable(void) {
    return blitzdb_durable_position(db) == blitzdb_log_position(db);
}

/* A handle with a durability of its own gives it to every kind of write, in its keyspace and in others. */
Test(db_upkeep, handle_with_durability) {
    blitzdb *always, *other;
    blitzdb_batch *batch;
    cr_assert_eq(blitzdb_with_durability(db, BLITZDB_DURABILITY_ALWAYS + 1, &always), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_with_durability(db, BLITZDB_DURABILITY_ALWAYS, &always), BLITZDB_OK);
    cr_assert_eq(blitzdb_increment(db, "n", 1, 1, NULL), BLITZDB_OK);
    cr_assert_not(is_durable());
    cr_assert_eq(blitzdb_increment(always, "n", 1, 1, NULL), BLITZDB_OK);
    cr_assert(is_durable());
    cr_assert_eq(blitzdb_del(always, "n", 1), BLITZDB_OK);
    cr_assert(is_durable());
    cr_assert_eq(blitzdb_keyspace(always, 3, &other), BLITZDB_OK);
    cr_assert_eq(set_text(other, "k", "v"), BLITZDB_OK);
    cr_assert(is_durable());
    cr_assert_eq(blitzdb_flush_keyspace(other), BLITZDB_OK);
    cr_assert(is_durable());
    cr_assert_eq(blitzdb_batch_create(always, &batch), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_set(batch, "b", 1, "v", 1, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL), BLITZDB_OK);
    cr_assert(is_durable());
    cr_assert_eq(blitzdb_batch_set(batch, "b", 1, "w", 1, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_NONE, NULL), BLITZDB_OK);
    cr_assert_not(is_durable(), "what a call asks for stands above its handle");
    blitzdb_batch_destroy(batch);
    cr_assert_eq(blitzdb_with_durability(always, BLITZDB_DURABILITY_DEFAULT, &other), BLITZDB_OK);
    cr_assert_eq(other, db);
}

/* write_out survives the process, sync the machine. */
Test(db_upkeep, write_out_and_sync) {
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_write_out(db), BLITZDB_OK);
    cr_assert_eq(stats_now().written_position, blitzdb_log_position(db));
    cr_assert_lt(blitzdb_durable_position(db), blitzdb_log_position(db));
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    cr_assert_eq(blitzdb_durable_position(db), blitzdb_log_position(db));
}

/* A failed sync refuses every later write and no read; a reopen clears it. */
Test(db_upkeep, failed_sync_is_sticky) {
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    cr_assert_eq(set_text(db, "doubtful", "v"), BLITZDB_OK);
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO};
    mem_env_fail(disk, &fault);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_IO);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_LOG_FAILED);
    cr_assert_eq(set_text(db, "k", "w"), BLITZDB_LOG_FAILED);
    cr_assert_eq(stats_now().log_status, BLITZDB_LOG_FAILED);
    cr_assert_str_eq(get_text(db, "k"), "v");
    cr_assert_eq(blitzdb_close(db), BLITZDB_LOG_FAILED);
    blitzdb_options options = fixture_options();
    db = fixture_open_with(&options);
    cr_assert_str_eq(get_text(db, "k"), "v");
    cr_assert_eq(set_text(db, "k", "w"), BLITZDB_OK);
}

/* Expired entries give their memory back without anybody asking for them. */
Test(db_upkeep, sweep) {
    uint32_t next_ms;
    set_many(0, 2000, 100);
    for (int i = 0; i < 2000; i += 2) {
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(blitzdb_expire(db, key, size, 50), BLITZDB_OK);
    }
    mem_env_advance_ms(disk, 50);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_eq(count_keys(db), 1000);
    cr_assert_eq(stats_now().expired, 1000);
    cr_assert_eq(stats_now().keys_with_expiry, 0);
}

/* Deletions here and there leave holes; the sweep moves what is left together and the memory comes back. */
Test(db_upkeep, sweep_closes_holes) {
    uint32_t next_ms;
    set_many(0, 40000, 100);
    uint64_t full = stats_now().arena_bytes;
    for (int i = 0; i < 40000; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        if (i % 20 != 0)
            cr_assert_eq(del_text(db, key), BLITZDB_OK);
    }
    for (int i = 0; i < 200; i++)
        cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_lt(stats_now().arena_bytes, full / 6);
    for (int i = 0; i < 40000; i += 20) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(exists_text(db, key), BLITZDB_OK);
    }
}

/* A snapshot replaces the log before it; what comes later is replayed on top. */
Test(db_upkeep, snapshot_shortens_recovery) {
    blitzdb_options options = fixture_options();
    options.log_segment_bytes = 4096;
    fixture_reopen(&options);
    set_many(0, 500, 50);
    uint64_t before = stats_now().log_bytes;
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_lt(stats_now().log_bytes, before / 10);
    set_many(500, 600, 50);
    cr_assert_eq(del_text(db, "key0"), BLITZDB_OK);

    fixture_reopen(&options);

    cr_assert_eq(count_keys(db), 599);
    cr_assert_eq(stats_now().recovered_entries, 500);
    cr_assert_lt(stats_now().recovered_records, 300);
}

/* A snapshot that fails at any call leaves the database working and whole; the next one succeeds. */
Test(db_upkeep, snapshot_failure_is_harmless) {
    blitzdb_options options = fixture_options();
    set_many(0, 100, 50);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    enum mem_env_call kinds[] = {MEM_CALL_CREATE, MEM_CALL_RENAME, MEM_CALL_SYNC_DIR, MEM_CALL_ANY_MEMORY};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        blitzdb_error error;
        struct mem_env_fault fault = {.call = kinds[i], .nth = 1, .error = EIO};
        mem_env_fail(disk, &fault);
        cr_assert_neq(blitzdb_snapshot(db, &error), BLITZDB_OK);
        mem_env_disarm(disk);
        cr_assert_eq(set_text(db, "after", "x"), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    fixture_reopen(&options);
    cr_assert_eq(count_keys(db), 101);
}

/* Snapshots by time need changes; by log size they come as often as the log is full. */
Test(db_upkeep, automatic_snapshots) {
    uint32_t next_ms;
    blitzdb_options options = fixture_options();
    options.snapshot_interval_s = 60;
    options.snapshot_min_changes = 10;
    fixture_reopen(&options);
    set_many(0, 9, 10);
    mem_env_advance_ms(disk, 60000);
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_eq(stats_now().snapshots, 0, "too few changes");
    set_many(0, 1, 10);
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_eq(stats_now().snapshots, 1);
    options.snapshot_interval_s = 0;
    options.snapshot_log_bytes = 10000;
    fixture_reopen(&options);
    set_many(0, 20, 1000);
    cr_assert_eq(blitzdb_pump(db, &next_ms), BLITZDB_OK);
    cr_assert_eq(stats_now().snapshots, 1);
}

/* Without a log only snapshots reach the disk. The writes beside one are in it, and a later log goes on from
 * it. */
Test(db_upkeep, no_log) {
    blitzdb_options options = fixture_options();
    options.flags = BLITZDB_OPEN_NO_LOG;
    cr_assert_eq(set_text(db, "logged", "1"), BLITZDB_OK);
    fixture_reopen(&options);
    cr_assert_str_eq(get_text(db, "logged"), "1");
    cr_assert_eq(blitzdb_log_position(db), 0);
    cr_assert_eq(set_text(db, "kept", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(set_text(db, "lost", "1"), BLITZDB_OK);
    fixture_reopen(&options);
    cr_assert_eq(exists_text(db, "kept"), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "lost"), BLITZDB_NOT_FOUND);
    options.flags = 0;
    fixture_reopen(&options);
    cr_assert_eq(set_text(db, "with a log again", "1"), BLITZDB_OK);
    fixture_reopen(&options);
    cr_assert_eq(count_keys(db), 3);
}

/* A database in memory has nowhere to put a snapshot. */
Test(db_upkeep, snapshot_in_memory_is_unsupported) {
    blitzdb *memory;
    blitzdb_error error;
    cr_assert_eq(blitzdb_open(NULL, NULL, &memory), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(memory, &error), BLITZDB_UNSUPPORTED);
    cr_assert(strstr(error.text, "directory") != NULL);
    cr_assert_eq(blitzdb_sync(memory), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(memory), BLITZDB_OK);
}

static uint64_t used_bytes(void) {
    blitzdb_stats_info stats = stats_now();
    return stats.entry_bytes + stats.table_bytes;
}

/* At the limit growing writes are refused, and reading, deleting and then writing again work. */
Test(db_upkeep, limit_without_eviction) {
    set_many(0, 200, 500);
    cr_assert_eq(blitzdb_set_memory_limit(db, used_bytes(), BLITZDB_EVICTION_NONE), BLITZDB_OK);
    cr_assert_eq(blitzdb_set(db, "new", 3, "x", 1), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(blitzdb_append(db, "key1", 4, "x", 1, NULL), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(exists_text(db, "key1"), BLITZDB_OK);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(del_text(db, key), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_set(db, "new", 3, "x", 1), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_memory_limit(db, 0, 99), BLITZDB_INVALID);
}

/* Each evicting policy keeps the data within the limit, also after a reopen; volatile ones spare other keys.
 */
Test(db_upkeep, limit_with_eviction) {
    for (unsigned policy = BLITZDB_EVICTION_ALLKEYS_LRU; policy <= BLITZDB_EVICTION_VOLATILE_TTL; policy++) {
        static const char value[500];
        cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
        cr_assert_eq(set_text(db, "permanent", "x"), BLITZDB_OK);
        cr_assert_eq(blitzdb_set_memory_limit(db, 200000, policy), BLITZDB_OK);
        blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
        options.ttl_ms = 1000000;
        for (int i = 0; i < 2000; i++) {
            char key[16];
            size_t size = (size_t)snprintf(key, sizeof key, "key%d", i);
            cr_assert_eq(blitzdb_set_with(db, key, size, value, sizeof value, &options), BLITZDB_OK);
        }
        cr_assert_leq(used_bytes(), 200000);
        cr_assert_gt(count_keys(db), 200, "policy %u keeps what fits", policy);
        bool is_volatile = policy == BLITZDB_EVICTION_VOLATILE_LRU ||
                           policy == BLITZDB_EVICTION_VOLATILE_RANDOM ||
                           policy == BLITZDB_EVICTION_VOLATILE_TTL;
        if (is_volatile)
            cr_assert_eq(exists_text(db, "permanent"), BLITZDB_OK);
    }
    uint64_t keys = count_keys(db);
    cr_assert_gt(stats_now().evicted, 1000);
    blitzdb_options options = fixture_options();
    fixture_reopen(&options);
    cr_assert_eq(count_keys(db), keys, "an evicted key stays away");
}

/* A key that is read again and again outlives those that are not (CLOCK). */
Test(db_upkeep, lru_spares_what_is_used) {
    static const char value[500];
    cr_assert_eq(set_text(db, "hot", "x"), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_memory_limit(db, 200000, BLITZDB_EVICTION_ALLKEYS_LRU), BLITZDB_OK);
    for (int i = 0; i < 5000; i++) {
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(blitzdb_set(db, key, size, value, sizeof value), BLITZDB_OK);
        cr_assert_str_eq(get_text(db, "hot"), "x", "after %d others", i);
        cr_assert_eq(blitzdb_increment(db, "counter", 7, 1, NULL), BLITZDB_OK);
    }
    cr_assert_str_eq(get_text(db, "counter"), "5000", "writing is using, too");
}

/* With nothing that may be evicted a write is refused at once, not after a walk through everything. */
Test(db_upkeep, volatile_policy_without_expiring_keys) {
    set_many(0, 500, 500);
    cr_assert_eq(blitzdb_set_memory_limit(db, 100000, BLITZDB_EVICTION_VOLATILE_LRU), BLITZDB_OK);
    cr_assert_eq(blitzdb_set(db, "new", 3, "x", 1), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(count_keys(db), 500);
}

/* A limit that was lowered is come up to write by write, each in a bounded piece. */
Test(db_upkeep, lowered_limit) {
    set_many(0, 2000, 100);
    uint64_t limit = used_bytes() / 4;
    cr_assert_eq(blitzdb_set_memory_limit(db, limit, BLITZDB_EVICTION_ALLKEYS_RANDOM), BLITZDB_OK);
    cr_assert_eq(blitzdb_set(db, "new", 3, "x", 1), BLITZDB_OK);
    cr_assert_gt(count_keys(db), 1900);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(blitzdb_set(db, "new", 3, "x", 1), BLITZDB_OK);
    cr_assert_leq(used_bytes(), limit);
}

/* The statistics add up, and a shorter structure of an older caller is filled as far as it goes. */
Test(db_upkeep, stats) {
    set_many(0, 100, 100);
    blitzdb_stats_info stats = stats_now();
    cr_assert_eq(stats.keys, 100);
    cr_assert_eq(stats.writes, 100);
    cr_assert_eq(stats.memory_bytes, stats.arena_bytes + stats.table_bytes + stats.log_buffer_bytes);
    cr_assert_geq(stats.arena_bytes, stats.entry_bytes);
    cr_assert_eq(stats.log_enabled, 1);
    blitzdb_stats_info shorter = {.struct_size = offsetof(blitzdb_stats_info, keys_with_expiry)};
    shorter.keys_with_expiry = 77;
    cr_assert_eq(blitzdb_stats(db, &shorter), BLITZDB_OK);
    cr_assert(shorter.keys == 100 && shorter.keys_with_expiry == 77);
    shorter.struct_size = 0;
    cr_assert_eq(blitzdb_stats(db, &shorter), BLITZDB_INVALID);
}
