/* Walking over the keys. */
#include "db_fixture.h"

enum { KEYS = 1000 };

static void setup(void) {
    fixture_open();
    char key[16];
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        cr_assert_eq(set_text(db, key, "value"), BLITZDB_OK);
    }
}

TestSuite(db_scan, .init = setup, .fini = fixture_close);

/** Which of the keys a scan has shown. */
struct seen {
    unsigned times[KEYS];
    size_t count;
};

static void note(void *user, const blitzdb_scan_entry *entry) {
    struct seen *seen = user;
    char text[16] = {0};
    memcpy(text, entry->key, entry->key_size < 15 ? entry->key_size : 15);
    int number = atoi(text + 4);
    cr_assert(number >= 0 && number < KEYS);
    seen->times[number]++;
    seen->count++;
}

static size_t scan_all(blitzdb *handle, const char *pattern, size_t count, struct seen *seen) {
    uint64_t cursor = 0;
    size_t calls = 0;
    do {
        size_t size = pattern != NULL ? strlen(pattern) : 0;
        cr_assert_eq(blitzdb_scan(handle, &cursor, pattern, size, count, note, seen), BLITZDB_OK);
        calls++;
    } while (cursor != 0);
    return calls;
}

/* Every key is shown, once if nothing changes; a smaller count takes more calls. */
Test(db_scan, complete) {
    static struct seen few, many;
    size_t calls_few = scan_all(db, NULL, 0, &few);
    size_t calls_many = scan_all(db, NULL, 500, &many);

    for (int i = 0; i < KEYS; i++)
        cr_assert(few.times[i] == 1 && many.times[i] == 1);
    cr_assert_gt(calls_few, calls_many);
}

/* A pattern selects, and an empty pattern is not "no pattern". */
Test(db_scan, pattern) {
    static struct seen seen, none;
    scan_all(db, "key:99?", 100, &seen);
    scan_all(db, "", 100, &none);
    cr_assert_eq(seen.count, 10);
    cr_assert_eq(none.count, 0);
}

/* Keys present throughout are shown although others come and go between the calls. */
Test(db_scan, guarantee_under_growth_and_shrink) {
    static struct seen seen;
    uint64_t cursor = 0;
    blitzdb *other;
    char key[32];
    unsigned round = 0;
    cr_assert_eq(blitzdb_keyspace(db, 1, &other), BLITZDB_OK);
    do {
        cr_assert_eq(blitzdb_scan(db, &cursor, NULL, 0, 20, note, &seen), BLITZDB_OK);
        for (int i = 0; i < 500; i++) {
            snprintf(key, sizeof key, "other:%u:%d", round / 2, i);
            cr_assert_eq(round % 2 == 0 ? set_text(other, key, "x") : del_text(other, key), BLITZDB_OK);
        }
        round++;
    } while (cursor != 0);
    for (int i = 0; i < KEYS; i++)
        cr_assert_geq(seen.times[i], 1, "key %d was missed", i);
}

/* Any number is a safe cursor. */
Test(db_scan, foreign_cursors) {
    static struct seen seen;
    uint64_t cursors[] = {1, 2, 3, 77, UINT32_MAX, UINT64_MAX, UINT64_MAX - 3, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
        cr_assert_eq(blitzdb_scan(db, &cursors[i], NULL, 0, 10, note, &seen), BLITZDB_OK);
}

/* Expired entries and other keyspaces are not shown. */
Test(db_scan, only_what_is_there) {
    static struct seen seen;
    blitzdb *other;
    cr_assert_eq(blitzdb_keyspace(db, 1, &other), BLITZDB_OK);
    scan_all(other, NULL, 100, &seen);
    cr_assert_eq(seen.count, 0);
    cr_assert_eq(blitzdb_expire(db, "key:5", 5, 10), BLITZDB_OK);
    mem_env_advance_ms(disk, 10);
    scan_all(db, NULL, 100, &seen);
    cr_assert_eq(seen.times[5], 0);
    cr_assert_eq(seen.count, KEYS - 1);
}

/* The iterator copies: its entry stays valid while the database changes. */
Test(db_scan, iterator) {
    blitzdb_iterator *iterator;
    blitzdb_scan_entry entry;
    size_t count = 0;
    cr_assert_eq(blitzdb_iterator_create(db, "key:1*", 6, &iterator), BLITZDB_OK);
    while (blitzdb_iterator_next(iterator, &entry) == BLITZDB_OK) {
        cr_assert_eq(blitzdb_del(db, entry.key, entry.key_size), BLITZDB_OK);
        cr_assert_eq(memcmp(entry.key, "key:1", 5), 0);
        cr_assert(entry.value_size == 5 && memcmp(entry.value, "value", 5) == 0);
        count++;
    }
    cr_assert_eq(blitzdb_iterator_next(iterator, &entry), BLITZDB_NOT_FOUND);
    blitzdb_iterator_destroy(iterator);
    cr_assert_eq(count, 111);
    cr_assert_eq(count_keys(db), KEYS - 111);
}

/* Memory that is not there ends no walk: the next call goes on. */
Test(db_scan, iterator_without_memory) {
    blitzdb_iterator *iterator;
    blitzdb_scan_entry entry;
    cr_assert_eq(blitzdb_iterator_create(db, NULL, 0, &iterator), BLITZDB_OK);
    struct mem_env_fault fault = {.call = MEM_CALL_ANY_MEMORY, .nth = 1};
    mem_env_fail(disk, &fault);
    cr_assert_eq(blitzdb_iterator_next(iterator, &entry), BLITZDB_NO_MEMORY);
    size_t count = 0;
    while (blitzdb_iterator_next(iterator, &entry) == BLITZDB_OK)
        count++;
    blitzdb_iterator_destroy(iterator);
    cr_assert_eq(count, KEYS);
}
