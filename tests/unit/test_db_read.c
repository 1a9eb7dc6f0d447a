/* Reading calls. */
#include "db_fixture.h"

TestSuite(db_read, .init = fixture_open, .fini = fixture_close);

/* The buffer gets what fits, and the full size is always reported. */
Test(db_read, get_into_a_small_buffer) {
    char buffer[4] = "....";
    size_t size = 0;
    cr_assert_eq(set_text(db, "key", "value"), BLITZDB_OK);

    cr_assert_eq(blitzdb_get(db, "key", 3, buffer, 3, &size), BLITZDB_BUFFER_TOO_SMALL);
    cr_assert_eq(size, 5);
    cr_assert_eq(memcmp(buffer, "val.", 4), 0);
    cr_assert_eq(blitzdb_get(db, "key", 3, NULL, 0, &size), BLITZDB_BUFFER_TOO_SMALL);
    cr_assert_eq(blitzdb_get(db, "none", 4, buffer, 3, &size), BLITZDB_NOT_FOUND);
}

/* Keys and values hold any byte; an empty key and an empty value are values like others. */
Test(db_read, binary_and_empty) {
    char buffer[8];
    size_t size = 1;
    cr_assert_eq(blitzdb_set(db, "a\0b", 3, "\0\xff", 2), BLITZDB_OK);
    cr_assert_eq(blitzdb_set(db, NULL, 0, NULL, 0), BLITZDB_OK);

    cr_assert_eq(blitzdb_get(db, "a\0b", 3, buffer, sizeof buffer, &size), BLITZDB_OK);
    cr_assert(size == 2 && memcmp(buffer, "\0\xff", 2) == 0);
    cr_assert_eq(blitzdb_exists(db, "a", 1), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_get(db, "", 0, NULL, 0, &size), BLITZDB_OK);
    cr_assert_eq(size, 0);
}

/* The allocated copy ends with a zero byte that does not count. */
Test(db_read, get_alloc) {
    void *value = NULL;
    size_t size = 0;
    cr_assert_eq(set_text(db, "key", "value"), BLITZDB_OK);

    cr_assert_eq(blitzdb_get_alloc(db, "key", 3, &value, &size), BLITZDB_OK);

    cr_assert_eq(size, 5);
    cr_assert_str_eq((char *)value, "value");
    blitzdb_free(db, value);
    cr_assert_eq(blitzdb_get_alloc(db, "none", 4, &value, &size), BLITZDB_NOT_FOUND);
}

struct shown {
    size_t count;
    size_t present;
    size_t bytes;
};

static void show(void *user, const blitzdb_view_entry *entry) {
    struct shown *shown = user;
    cr_assert_eq(entry->index, shown->count);
    shown->count++;
    shown->present += entry->value != NULL;
    shown->bytes += entry->value_size;
}

/* A view shows every key once, in order, absent ones too; below and above the number that fits the stack. */
Test(db_read, view_shows_every_key) {
    enum { KEYS = 200 };
    static char names[KEYS][8];
    const void *keys[KEYS];
    size_t sizes[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        sizes[i] = (size_t)snprintf(names[i], sizeof names[i], "k%zu", i);
        keys[i] = names[i];
        if (i % 2 == 0)
            cr_assert_eq(set_text(db, names[i], "xyz"), BLITZDB_OK);
    }
    for (size_t count = 0; count <= KEYS; count += count < 3 ? 1 : 7) {
        struct shown shown = {0};
        cr_assert_eq(blitzdb_view(db, count, keys, sizes, show, &shown), BLITZDB_OK);
        cr_assert_eq(shown.count, count);
        cr_assert_eq(shown.present, (count + 1) / 2);
        cr_assert_eq(shown.bytes, 3 * ((count + 1) / 2));
    }
}

/* mget answers for each key on its own. */
Test(db_read, mget_statuses) {
    const void *keys[] = {"a", "none", "b"};
    size_t key_sizes[] = {1, 4, 1};
    char a[1], none[1], b[8];
    void *buffers[] = {a, none, b};
    size_t room[] = {sizeof a, sizeof none, sizeof b};
    size_t sizes[3];
    blitzdb_status statuses[3];
    cr_assert_eq(set_text(db, "a", "long"), BLITZDB_OK);
    cr_assert_eq(set_text(db, "b", "short"), BLITZDB_OK);

    cr_assert_eq(blitzdb_mget(db, 3, keys, key_sizes, buffers, room, sizes, statuses), BLITZDB_OK);

    cr_assert_eq(statuses[0], BLITZDB_BUFFER_TOO_SMALL);
    cr_assert_eq(sizes[0], 4);
    cr_assert_eq(statuses[1], BLITZDB_NOT_FOUND);
    cr_assert_eq(statuses[2], BLITZDB_OK);
    cr_assert(sizes[2] == 5 && memcmp(b, "short", 5) == 0);
}

/* An expired key is absent at once for every reading call. */
Test(db_read, expired_is_absent_everywhere) {
    int64_t ttl_ms;
    cr_assert_eq(set_text(db, "key", "value"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(db, "key", 3, 1000), BLITZDB_OK);
    mem_env_advance_ms(disk, 999);
    cr_assert_eq(blitzdb_ttl(db, "key", 3, &ttl_ms), BLITZDB_OK);
    cr_assert_eq(ttl_ms, 1);

    mem_env_advance_ms(disk, 1);

    struct shown shown = {0};
    const void *keys[] = {"key"};
    size_t sizes[] = {3};
    cr_assert_eq(exists_text(db, "key"), BLITZDB_NOT_FOUND);
    cr_assert_str_eq(get_text(db, "key"), "(none)");
    cr_assert_eq(blitzdb_ttl(db, "key", 3, &ttl_ms), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_view(db, 1, keys, sizes, show, &shown), BLITZDB_OK);
    cr_assert_eq(shown.present, 0);
}

static int64_t ticking_ms;

/** A clock that goes on with every look at it. */
static int64_t tick(void *user) {
    (void)user;
    return ticking_ms++;
}

/* Two keys that expire together are both there or both gone: the call has one moment, not one for each key.
 */
Test(db_read, several_keys_at_one_moment) {
    blitzdb_env env = *blitzdb_env_default();
    env.now_ms = tick;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = &env;
    blitzdb *memory;
    const void *keys[] = {"a", "b"};
    size_t sizes[] = {1, 1};
    cr_assert_eq(blitzdb_open(NULL, &options, &memory), BLITZDB_OK);
    for (int64_t lead_ms = 1; lead_ms < 40; lead_ms++) {
        struct shown shown = {0};
        cr_assert_eq(set_text(memory, "a", "1"), BLITZDB_OK);
        cr_assert_eq(set_text(memory, "b", "1"), BLITZDB_OK);
        int64_t at_ms = ticking_ms + lead_ms;
        blitzdb_status first = blitzdb_expire_at(memory, "a", 1, at_ms, 0);
        blitzdb_status second = blitzdb_expire_at(memory, "b", 1, at_ms, 0);
        cr_assert(first == BLITZDB_OK && second == BLITZDB_OK);
        cr_assert_eq(blitzdb_view(memory, 2, keys, sizes, show, &shown), BLITZDB_OK);
        cr_assert(shown.present == 0 || shown.present == 2, "%lld ms ahead", (long long)lead_ms);
    }
    cr_assert_eq(blitzdb_close(memory), BLITZDB_OK);
}

/** What is known about a key that has to be there. */
static blitzdb_key_info inspect(blitzdb *from, const char *key) {
    blitzdb_key_info info = BLITZDB_KEY_INFO_INIT;
    cr_assert_eq(blitzdb_inspect(from, key, strlen(key), &info), BLITZDB_OK);
    return info;
}

/* Sizes and expiry of a key; the memory is that by which the statistics grow. */
Test(db_read, inspect) {
    blitzdb_stats_info before = BLITZDB_STATS_INFO_INIT;
    blitzdb_stats_info after = BLITZDB_STATS_INFO_INIT;
    static char value[1000];
    cr_assert_eq(blitzdb_stats(db, &before), BLITZDB_OK);
    cr_assert_eq(blitzdb_set(db, "inspected", 9, value, sizeof(value)), BLITZDB_OK);
    cr_assert_eq(blitzdb_stats(db, &after), BLITZDB_OK);

    blitzdb_key_info info = inspect(db, "inspected");

    cr_assert_eq(info.value_size, sizeof(value));
    cr_assert_eq(info.expire_at_ms, 0);
    cr_assert_geq(info.memory_bytes, after.entry_bytes - before.entry_bytes);
    cr_assert_lt(info.memory_bytes, after.entry_bytes - before.entry_bytes + 128);
    cr_assert_eq(blitzdb_expire_at(db, "inspected", 9, INT64_C(4000000000000), 0), BLITZDB_OK);
    cr_assert_eq(inspect(db, "inspected").expire_at_ms, INT64_C(4000000000000));
}

/* A look-up counts as use where the policy goes by it, and inspecting does not. */
Test(db_read, inspect_use) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *limited;
    size_t size;
    options.memory_limit_bytes = 1 << 24;
    options.eviction = BLITZDB_EVICTION_ALLKEYS_LFU;
    cr_assert_eq(blitzdb_open(NULL, &options, &limited), BLITZDB_OK);
    cr_assert_eq(set_text(limited, "k", "v"), BLITZDB_OK);

    cr_assert_eq(inspect(limited, "k").use, 0);
    cr_assert_eq(inspect(limited, "k").use, 0, "inspecting is no use");
    cr_assert_eq(blitzdb_get(limited, "k", 1, NULL, 0, &size), BLITZDB_BUFFER_TOO_SMALL);
    cr_assert_eq(inspect(limited, "k").use, 1);
    cr_assert_eq(blitzdb_close(limited), BLITZDB_OK);
}

/* What is not there, or cannot be asked for, leaves the answer untouched. */
Test(db_read, inspect_refused) {
    blitzdb_key_info info = {.struct_size = 4, .value_size = 77};
    cr_assert_eq(blitzdb_inspect(db, "none", 4, &info), BLITZDB_INVALID);
    info.struct_size = sizeof(info) + 1;
    cr_assert_eq(blitzdb_inspect(db, "none", 4, &info), BLITZDB_INVALID);
    info.struct_size = sizeof(info);
    cr_assert_eq(blitzdb_inspect(db, "none", 4, &info), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_inspect(db, "none", 4, NULL), BLITZDB_INVALID);
    cr_assert_eq(info.value_size, 77);
}

/* Arguments that can be no key are refused. */
Test(db_read, invalid_arguments) {
    size_t size;
    cr_assert_eq(blitzdb_get(NULL, "k", 1, NULL, 0, &size), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_get(db, NULL, 1, NULL, 0, &size), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_get(db, "k", 1, NULL, 1, &size), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_get(db, "k", BLITZDB_SIZE_MAX + 1, NULL, 0, &size), BLITZDB_TOO_LARGE);
    cr_assert_eq(blitzdb_view(db, 1, NULL, NULL, show, NULL), BLITZDB_INVALID);
}
