/* Sections: calls that others see as one. Watched keys. */
#include <errno.h>
#include <stdlib.h>

#include "db_fixture.h"

TestSuite(db_section, .init = fixture_open, .fini = fixture_close);
TestSuite(db_watch, .init = fixture_open, .fini = fixture_close);

static blitzdb_section *section;

/** Begins a section over some keys, or with `count` 0 over everything. */
static blitzdb_status begin_with(const blitzdb_key *keys, size_t count, unsigned kind) {
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    options.keys = keys;
    options.key_count = count;
    options.whole = count == 0;
    options.kind = kind;
    return blitzdb_section_begin(db, &options, &section);
}

static blitzdb *begin(const blitzdb_key *keys, size_t count) {
    blitzdb *handle = NULL;
    cr_assert_eq(begin_with(keys, count, BLITZDB_SECTION_GROWS), BLITZDB_OK);
    cr_assert_eq(blitzdb_section_handle(section, 0, &handle), BLITZDB_OK);
    return handle;
}

static void end(void) {
    cr_assert_eq(blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT), BLITZDB_OK);
}

static blitzdb_watch *watch(blitzdb *handle, const char *key) {
    blitzdb_watch *made = NULL;
    cr_assert_eq(blitzdb_watch_create(handle, key, strlen(key), &made), BLITZDB_OK);
    return made;
}

/** Whether a watched key has changed; the watch is over then. */
static bool changed(blitzdb_watch *watched) {
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    options.watches = &watched;
    options.watch_count = 1;
    blitzdb_status status = blitzdb_section_begin(db, &options, &section);
    if (status == BLITZDB_OK)
        end();
    else
        cr_assert_eq(status, BLITZDB_CONDITION_FAILED);
    blitzdb_watch_destroy(watched);
    return status != BLITZDB_OK;
}

static void sees_nothing(void *user, const blitzdb_view_entry *entry) {
    cr_assert_null(entry->value);
    ++*(size_t *)user;
}

/* Every call on keys works inside and sees what those before it did. */
Test(db_section, calls_see_each_other) {
    blitzdb_key keys[] = {{"a", 1, 0}, {"b", 1, 0}, {"c", 1, 0}};
    const void *names[] = {"a", "b"};
    const size_t sizes[] = {1, 1};
    int64_t number = 0;
    size_t size = 0;
    size_t seen = 0;
    blitzdb_batch *batch;
    blitzdb_txn *txn;

    blitzdb *inside = begin(keys, 3);
    cr_assert_eq(blitzdb_view(inside, 2, names, sizes, sees_nothing, &seen), BLITZDB_OK);
    cr_assert_eq(seen, 2);
    cr_assert_eq(set_text(inside, "a", "41"), BLITZDB_OK);
    cr_assert_eq(set_text(inside, "a", "42"), BLITZDB_OK); /* in place */
    cr_assert_eq(blitzdb_increment(inside, "a", 1, 1, &number), BLITZDB_OK);
    cr_assert_eq(number, 43);
    cr_assert_eq(blitzdb_append(inside, "b", 1, "xyz", 3, &size), BLITZDB_OK);
    cr_assert_str_eq(get_text(inside, "b"), "xyz");
    cr_assert_eq(blitzdb_batch_create(inside, &batch), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_append(batch, "b", 1, "!", 1), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_set(batch, "c", 1, "new", 3, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_OK);
    blitzdb_batch_destroy(batch);
    cr_assert_eq(blitzdb_txn_begin(inside, keys, 3, &txn), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_del(txn, 2), BLITZDB_OK);
    cr_assert_eq(blitzdb_txn_commit(txn, 0), BLITZDB_OK);
    cr_assert_eq(exists_text(inside, "c"), BLITZDB_NOT_FOUND);
    end();

    cr_assert_str_eq(get_text(db, "a"), "43");
    cr_assert_str_eq(get_text(db, "b"), "xyz!");
    cr_assert_eq(count_keys(db), 2);
}

/* Whole keyspaces, scans and other keyspaces belong to a section over everything. */
Test(db_section, everything) {
    void *key = NULL;
    size_t size = 0;
    blitzdb *fifth;
    blitzdb *outside;
    cr_assert_eq(blitzdb_keyspace(db, 5, &outside), BLITZDB_OK);
    cr_assert_eq(set_text(db, "old", "x"), BLITZDB_OK);

    blitzdb *inside = begin(NULL, 0);
    cr_assert_eq(blitzdb_keyspace(inside, 5, &fifth), BLITZDB_OK);
    cr_assert_eq(blitzdb_flush_all(inside), BLITZDB_OK);
    cr_assert_eq(count_keys(inside), 0);
    cr_assert_eq(set_text(inside, "new", "y"), BLITZDB_OK);
    cr_assert_eq(blitzdb_random_key(inside, &key, &size), BLITZDB_OK);
    cr_assert(size == 3 && memcmp(key, "new", 3) == 0);
    blitzdb_free(inside, key);
    cr_assert_eq(blitzdb_swap_keyspaces(inside, 0, 5), BLITZDB_OK);
    cr_assert_eq(exists_text(inside, "new"), BLITZDB_NOT_FOUND);
    cr_assert_str_eq(get_text(fifth, "new"), "y");
    blitzdb_iterator *iterator;
    blitzdb_scan_entry entry;
    cr_assert_eq(blitzdb_iterator_create(fifth, NULL, 0, &iterator), BLITZDB_OK);
    cr_assert_eq(blitzdb_iterator_next(iterator, &entry), BLITZDB_OK);
    cr_assert_eq(blitzdb_iterator_next(iterator, &entry), BLITZDB_NOT_FOUND);
    blitzdb_iterator_destroy(iterator);
    end();

    cr_assert_str_eq(get_text(outside, "new"), "y");
    blitzdb_options options = fixture_options();
    fixture_reopen(&options);
    cr_assert_eq(blitzdb_keyspace(db, 5, &outside), BLITZDB_OK);
    cr_assert_str_eq(get_text(outside, "new"), "y");
    cr_assert_eq(count_keys(db), 0);
}

/* A key that was not named is refused, unless its shard happens to be locked; so is what needs all locks. */
Test(db_section, others_are_refused) {
    blitzdb_key key = {"a", 1, 0};
    blitzdb *other;
    uint64_t cursor = 0;
    unsigned refused = 0;

    blitzdb *inside = begin(&key, 1);
    for (char name = 'b'; name <= 'z'; name++) {
        blitzdb_status read = blitzdb_exists(inside, &name, 1);
        blitzdb_status written = blitzdb_set(inside, &name, 1, "v", 1);
        cr_assert_eq(read == BLITZDB_INVALID, written == BLITZDB_INVALID);
        refused += read == BLITZDB_INVALID;
    }
    cr_assert_gt(refused, 5, "of four shards one is locked");
    cr_assert_eq(blitzdb_flush_all(inside), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_swap_keyspaces(inside, 0, 1), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_scan(inside, &cursor, NULL, 0, 0, (blitzdb_scan_fn)abort, NULL), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_sync(inside), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_pump(inside, NULL), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_snapshot(inside, NULL), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_close(inside), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_with_durability(inside, BLITZDB_DURABILITY_NONE, &other), BLITZDB_INVALID);
    end();
}

/* A section that reads refuses every write. */
Test(db_section, reads_only) {
    blitzdb *inside = NULL;
    cr_assert_eq(set_text(db, "a", "v"), BLITZDB_OK);

    cr_assert_eq(begin_with(NULL, 0, BLITZDB_SECTION_READS), BLITZDB_OK);
    cr_assert_eq(blitzdb_section_handle(section, 0, &inside), BLITZDB_OK);
    cr_assert_str_eq(get_text(inside, "a"), "v");
    cr_assert_str_eq(get_text(db, "a"), "v", "reading beside it goes on");
    cr_assert_eq(set_text(inside, "a", "w"), BLITZDB_INVALID);
    cr_assert_eq(set_text(inside, "b", "w"), BLITZDB_INVALID);
    cr_assert_eq(del_text(inside, "a"), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_flush_keyspace(inside), BLITZDB_INVALID);
    end();
    cr_assert_str_eq(get_text(db, "a"), "v");
}

/* Time stands still inside. */
Test(db_section, nothing_expires_inside) {
    blitzdb_key key = {"a", 1, 0};
    cr_assert_eq(set_text(db, "a", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(db, "a", 1, 100), BLITZDB_OK);

    blitzdb *inside = begin(&key, 1);
    mem_env_advance_ms(disk, 200);
    cr_assert_str_eq(get_text(inside, "a"), "v");
    end();

    cr_assert_eq(exists_text(db, "a"), BLITZDB_NOT_FOUND);
}

/* What a section did is one record: cut off with its group or there as a whole, and found again. */
Test(db_section, one_record) {
    blitzdb_key keys[] = {{"a", 1, 0}, {"b", 1, 3}};
    blitzdb *third;
    blitzdb_stats_info stats = {.struct_size = sizeof stats};

    blitzdb *inside = begin(keys, 2);
    uint64_t before = blitzdb_log_position(inside);
    cr_assert_eq(blitzdb_section_handle(section, 3, &third), BLITZDB_OK);
    cr_assert_eq(set_text(inside, "a", "1"), BLITZDB_OK);
    cr_assert_eq(set_text(third, "b", "2"), BLITZDB_OK);
    cr_assert_eq(del_text(inside, "a"), BLITZDB_OK);
    cr_assert_eq(blitzdb_log_position(inside), before, "nothing is logged before the end");
    cr_assert_eq(blitzdb_section_end(section, BLITZDB_DURABILITY_ALWAYS), BLITZDB_OK);
    cr_assert_eq(blitzdb_durable_position(db), blitzdb_log_position(db));

    blitzdb_options options = fixture_options();
    fixture_reopen(&options);
    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    cr_assert_eq(stats.recovered_records, 4, "a bracket and what it holds");
    cr_assert_eq(blitzdb_keyspace(db, 3, &third), BLITZDB_OK);
    cr_assert_str_eq(get_text(third, "b"), "2");
    cr_assert_eq(exists_text(db, "a"), BLITZDB_NOT_FOUND);
}

/* An empty section logs nothing; a failed call neither. */
Test(db_section, nothing_to_log) {
    blitzdb_key key = {"a", 1, 0};
    uint64_t before = blitzdb_log_position(db);

    blitzdb *inside = begin(&key, 1);
    cr_assert_eq(del_text(inside, "a"), BLITZDB_NOT_FOUND);
    end();

    cr_assert_eq(blitzdb_log_position(db), before);
}

/* At the memory limit growth is refused at the door, or call by call. */
Test(db_section, memory_limit) {
    blitzdb *inside = NULL;
    cr_assert_eq(set_text(db, "a", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_memory_limit(db, 1, BLITZDB_EVICTION_NONE), BLITZDB_OK);

    cr_assert_eq(begin_with(NULL, 0, BLITZDB_SECTION_GROWS), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(begin_with(NULL, 0, BLITZDB_SECTION_WRITES), BLITZDB_OK);
    cr_assert_eq(blitzdb_section_handle(section, 0, &inside), BLITZDB_OK);
    cr_assert_eq(set_text(inside, "b", "v"), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(set_text(inside, "a", "w"), BLITZDB_OK, "over a value of the same size");
    cr_assert_str_eq(get_text(inside, "a"), "w");
    cr_assert_eq(del_text(inside, "a"), BLITZDB_OK);
    end();
}

/* What passes the limit is evicted behind the end, not inside. */
Test(db_section, evicts_behind_the_end) {
    static const char value[5000];
    blitzdb_stats_info stats = {.struct_size = sizeof stats};
    cr_assert_eq(blitzdb_set_memory_limit(db, 200000, BLITZDB_EVICTION_ALLKEYS_LRU), BLITZDB_OK);

    blitzdb *inside = begin(NULL, 0);
    for (char name = '0'; name < 'p'; name++)
        cr_assert_eq(blitzdb_set(inside, &name, 1, value, sizeof value), BLITZDB_OK);
    cr_assert_eq(count_keys(inside), 'p' - '0');
    end();

    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    cr_assert_gt(stats.evicted, 10);
}

/* A log that failed before refuses what writes, and nothing is done; reading goes on. */
Test(db_section, failed_log) {
    blitzdb_key key = {"a", 1, 0};
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO};
    cr_assert_eq(set_text(db, "a", "v"), BLITZDB_OK);
    mem_env_fail(disk, &fault);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_IO);
    mem_env_disarm(disk);

    cr_assert_eq(begin_with(&key, 1, BLITZDB_SECTION_WRITES), BLITZDB_LOG_FAILED);
    cr_assert_eq(begin_with(&key, 1, BLITZDB_SECTION_READS), BLITZDB_OK);
    end();
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
}

/* A log that fails behind the first change leaves no half of a section: the rest is done, and the end says
 * it. Before the first change, everything is refused. */
Test(db_section, log_fails_inside) {
    blitzdb_key keys[] = {{"a", 1, 0}, {"b", 1, 0}};
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO};
    cr_assert_eq(set_text(db, "other", "v"), BLITZDB_OK);

    blitzdb *inside = begin(keys, 2);
    cr_assert_eq(set_text(inside, "a", "1"), BLITZDB_OK);
    mem_env_fail(disk, &fault);
    cr_assert_neq(blitzdb_sync(db), BLITZDB_OK); /* takes no lock of a shard: another thread's part */
    cr_assert_eq(set_text(inside, "b", "2"), BLITZDB_OK);
    cr_assert_eq(blitzdb_section_end(section, 0), BLITZDB_LOG_FAILED);
    cr_assert_str_eq(get_text(db, "a"), "1");
    cr_assert_str_eq(get_text(db, "b"), "2");
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);

    inside = begin(keys, 2);
    mem_env_fail(disk, &fault);
    cr_assert_eq(set_text(db, "other", "v"), BLITZDB_OK, "another shard");
    cr_assert_neq(blitzdb_sync(db), BLITZDB_OK);
    cr_assert_eq(set_text(inside, "a", "3"), BLITZDB_LOG_FAILED);
    end();
    mem_env_disarm(disk);
    cr_assert_str_eq(get_text(db, "a"), "1");
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
}

/* Options and arguments out of range. */
Test(db_section, invalid) {
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    blitzdb_key key = {"a", 1, BLITZDB_KEYSPACES};
    blitzdb *handle;

    cr_assert_eq(blitzdb_section_begin(db, NULL, &section), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_section_begin(db, &options, &section), BLITZDB_INVALID, "about nothing");
    options.keys = &key;
    options.key_count = 1;
    cr_assert_eq(blitzdb_section_begin(db, &options, &section), BLITZDB_INVALID, "no such keyspace");
    key.keyspace = 0;
    options.kind = BLITZDB_SECTION_READS + 1;
    cr_assert_eq(blitzdb_section_begin(db, &options, &section), BLITZDB_INVALID, "no such kind");
    cr_assert_eq(begin_with(&key, 1, 0), BLITZDB_OK);
    cr_assert_eq(blitzdb_section_handle(section, BLITZDB_KEYSPACES, &handle), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_section_end(section, BLITZDB_DURABILITY_ALWAYS + 1), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_section_end(NULL, 0), BLITZDB_INVALID);
}

/* Everything that changes a key is noticed, the same value again included. */
Test(db_watch, changes) {
    blitzdb_watch *watched;
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);

    cr_assert_not(changed(watch(db, "k")));
    watched = watch(db, "k");
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert(changed(watched), "the same value, in place");
    watched = watch(db, "k");
    cr_assert_eq(set_text(db, "k", "longer"), BLITZDB_OK);
    cr_assert(changed(watched), "another value");
    watched = watch(db, "k");
    cr_assert_eq(blitzdb_expire(db, "k", 1, 1000), BLITZDB_OK);
    cr_assert(changed(watched), "another expiry");
    watched = watch(db, "k");
    cr_assert_eq(del_text(db, "k"), BLITZDB_OK);
    cr_assert_eq(set_text(db, "k", "longer"), BLITZDB_OK);
    cr_assert(changed(watched), "gone and back");
    watched = watch(db, "k");
    cr_assert_eq(set_text(db, "other", "v"), BLITZDB_OK);
    cr_assert_eq(get_text(db, "k")[0], 'l');
    cr_assert_not(changed(watched), "another key, and reading");
}

/* A key that is absent changes when it comes, and not when an expired rest of it goes. */
Test(db_watch, absent_keys) {
    blitzdb_watch *watched = watch(db, "k");
    cr_assert_eq(del_text(db, "k"), BLITZDB_NOT_FOUND);
    cr_assert_not(changed(watched));
    watched = watch(db, "k");
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(del_text(db, "k"), BLITZDB_OK);
    cr_assert(changed(watched), "come and gone");

    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(db, "k", 1, 10), BLITZDB_OK);
    watched = watch(db, "k");
    mem_env_advance_ms(disk, 20);
    blitzdb_watch *late = watch(db, "k");
    cr_assert(changed(watched), "it has expired since");
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(blitzdb_pump(db, NULL), BLITZDB_OK);
    cr_assert_eq(count_keys(db), 0, "the sweep has removed it");
    cr_assert_not(changed(late), "which is no change for who came later");
}

/* Flushes and exchanges of keyspaces are changes, too. */
Test(db_watch, whole_keyspaces) {
    blitzdb *second;
    cr_assert_eq(blitzdb_keyspace(db, 2, &second), BLITZDB_OK);
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(set_text(second, "k", "v"), BLITZDB_OK);

    blitzdb_watch *watched = watch(db, "k");
    blitzdb_watch *absent = watch(db, "absent");
    cr_assert_eq(blitzdb_flush_keyspace(second), BLITZDB_OK);
    cr_assert_not(changed(watched), "another keyspace");
    watched = watch(db, "k");
    cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
    cr_assert(changed(watched));
    cr_assert_not(changed(absent));
    watched = watch(db, "k");
    blitzdb_watch *other = watch(second, "k");
    cr_assert_eq(blitzdb_swap_keyspaces(db, 0, 1), BLITZDB_OK);
    cr_assert(changed(watched));
    cr_assert_not(changed(other));
}

/* Many watches of many keys in one shard, and several of one key. */
Test(db_watch, many) {
    blitzdb_watch *watches[300];
    char key[16];
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "key%d", i / 2);
        watches[i] = watch(db, key);
    }
    for (int i = 0; i < 150; i += 3) {
        snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(set_text(db, key, "v"), BLITZDB_OK);
    }
    for (int i = 0; i < 300; i++)
        cr_assert_eq(changed(watches[i]), i / 2 % 3 == 0, "watch %d", i);
}

/* Eviction is a change. */
Test(db_watch, eviction) {
    static const char value[5000];
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    blitzdb_watch *watched = watch(db, "k");
    cr_assert_eq(blitzdb_set_memory_limit(db, 100000, BLITZDB_EVICTION_ALLKEYS_LRU), BLITZDB_OK);
    for (unsigned i = 0; i < 1000 && exists_text(db, "k") == BLITZDB_OK; i++)
        cr_assert_eq(blitzdb_set(db, &i, sizeof i, value, sizeof value), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "k"), BLITZDB_NOT_FOUND);
    cr_assert(changed(watched));
}
