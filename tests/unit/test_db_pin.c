/* A value that is kept stays readable and the same, whatever becomes of its key, and its memory comes back.
 */
#include <stdlib.h>

#include "db_fixture.h"

enum { LARGE = 3 * 1024 * 1024 };

static char *bytes;

static void open_with_large(void) {
    disk = mem_env_create(1);
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_open(NULL, &options, &db), BLITZDB_OK);
    bytes = malloc(LARGE);
    cr_assert_not_null(bytes);
    memset(bytes, 'a', LARGE);
    cr_assert_eq(blitzdb_set(db, "large", 5, bytes, LARGE), BLITZDB_OK);
}

static void close_all(void) {
    free(bytes);
    fixture_close();
}

TestSuite(db_pin, .init = open_with_large, .fini = close_all);

/** A kept value. */
struct kept {
    blitzdb_pinned *pinned;
    const char *value;
    size_t size;
};

static struct kept keep(const char *key) {
    struct kept kept = {NULL, NULL, 0};
    const void *value = NULL;
    cr_assert_eq(blitzdb_get_pinned(db, key, strlen(key), &kept.pinned, &value, &kept.size), BLITZDB_OK);
    kept.value = value;
    return kept;
}

static void expect_large(const struct kept *kept, char byte) {
    cr_assert_eq(kept->size, LARGE);
    cr_assert(kept->value[0] == byte && kept->value[LARGE / 2] == byte && kept->value[LARGE - 1] == byte);
}

static uint64_t arena_bytes(void) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    return stats.arena_bytes;
}

/* A large value is not copied, a small one is. */
Test(db_pin, copies_only_what_is_small) {
    cr_assert_eq(set_text(db, "small", "value"), BLITZDB_OK);
    int64_t before = mem_env_live_memory(disk);
    struct kept large = keep("large");
    cr_assert_lt(mem_env_live_memory(disk) - before, 4096);
    expect_large(&large, 'a');
    struct kept small = keep("small");
    cr_assert_eq(set_text(db, "small", "other"), BLITZDB_OK);
    cr_assert(small.size == 5 && memcmp(small.value, "value", 5) == 0);
    blitzdb_unpin(small.pinned);
    blitzdb_unpin(large.pinned);
}

/* Each way to end a value: another one of the same size and of another one, deletion, flush. */
static void overwrite(void) {
    memset(bytes, 'b', LARGE);
    cr_assert_eq(blitzdb_set(db, "large", 5, bytes, LARGE), BLITZDB_OK);
}

static void replace(void) {
    cr_assert_eq(set_text(db, "large", "small"), BLITZDB_OK);
}

static void delete (void) {
    cr_assert_eq(blitzdb_del(db, "large", 5), BLITZDB_OK);
}

static void flush(void) {
    cr_assert_eq(blitzdb_flush_all(db), BLITZDB_OK);
}

Test(db_pin, outlives_its_key) {
    static void (*const ends[])(void) = {overwrite, replace, delete, flush};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        memset(bytes, 'a', LARGE);
        cr_assert_eq(blitzdb_set(db, "large", 5, bytes, LARGE), BLITZDB_OK);
        struct kept first = keep("large");
        struct kept second = keep("large");
        ends[i]();
        uint64_t kept_bytes = arena_bytes();
        cr_assert_geq(kept_bytes, LARGE, "what is kept is accounted, case %zu", i);
        expect_large(&first, 'a');
        blitzdb_unpin(first.pinned);
        expect_large(&second, 'a');
        cr_assert_eq(arena_bytes(), kept_bytes);
        blitzdb_unpin(second.pinned);
        cr_assert_leq(arena_bytes(), kept_bytes - LARGE, "case %zu", i);
    }
}

/* A value that nobody keeps any more is written over in place again. */
Test(db_pin, ends_with_the_last_reader) {
    struct kept first = keep("large");
    blitzdb_unpin(first.pinned);
    uint64_t before = arena_bytes();
    overwrite();
    cr_assert_eq(arena_bytes(), before);
    struct kept second = keep("large");
    expect_large(&second, 'b');
    cr_assert_eq(blitzdb_del(db, "large", 5), BLITZDB_OK);
    cr_assert_eq(blitzdb_set(db, "other", 5, bytes, LARGE), BLITZDB_OK);
    expect_large(&second, 'b');
    blitzdb_unpin(second.pinned);
    blitzdb_unpin(NULL);
}

Test(db_pin, refuses) {
    blitzdb_pinned *pinned = NULL;
    const void *value = NULL;
    size_t size = 0;
    cr_assert_eq(blitzdb_get_pinned(db, "absent", 6, &pinned, &value, &size), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_get_pinned(db, "large", 5, NULL, &value, &size), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_get_pinned(db, "large", 5, &pinned, NULL, &size), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_get_pinned(db, "large", 5, &pinned, &value, NULL), BLITZDB_INVALID);
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    blitzdb_section *section = NULL;
    blitzdb *handle = NULL;
    options.whole = 1;
    cr_assert_eq(blitzdb_section_begin(db, &options, &section), BLITZDB_OK);
    cr_assert_eq(blitzdb_section_handle(section, 0, &handle), BLITZDB_OK);
    cr_assert_eq(blitzdb_get_pinned(handle, "large", 5, &pinned, &value, &size), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT), BLITZDB_OK);
    cr_assert_null(pinned);
}
