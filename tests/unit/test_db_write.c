/* Writing calls on one key. */
#include "db_fixture.h"

TestSuite(db_write, .init = fixture_open, .fini = fixture_close);

static blitzdb_status set_if(uint32_t condition, const char *expected) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = condition;
    options.expected = expected;
    options.expected_size = expected != NULL ? strlen(expected) : 0;
    return blitzdb_set_with(db, "key", 3, "new", 3, &options);
}

/* Each condition holds exactly when it says. */
Test(db_write, conditions) {
    cr_assert_eq(set_if(BLITZDB_IF_PRESENT, NULL), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(set_if(BLITZDB_IF_EQUAL, ""), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(exists_text(db, "key"), BLITZDB_NOT_FOUND);
    cr_assert_eq(set_if(BLITZDB_IF_ABSENT, NULL), BLITZDB_OK);
    cr_assert_eq(set_if(BLITZDB_IF_ABSENT, NULL), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(set_if(BLITZDB_IF_PRESENT, NULL), BLITZDB_OK);
    cr_assert_eq(set_if(BLITZDB_IF_EQUAL, "other"), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(set_if(BLITZDB_IF_EQUAL, "new"), BLITZDB_OK);
}

/* A plain set takes the expiry away, keep_ttl leaves it, ttl_ms and expire_at_ms set it. */
Test(db_write, expiry_of_a_set) {
    int64_t at_ms;
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = 5000;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "1", 1, &options), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire_time(db, "key", 3, &at_ms), BLITZDB_OK);
    cr_assert_eq(at_ms, MEM_ENV_START_MS + 5000);
    options.ttl_ms = 0;
    options.keep_ttl = 1;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "2", 1, &options), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire_time(db, "key", 3, &at_ms), BLITZDB_OK);
    cr_assert_eq(at_ms, MEM_ENV_START_MS + 5000);
    cr_assert_eq(set_text(db, "key", "3"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire_time(db, "key", 3, &at_ms), BLITZDB_OK);
    cr_assert_eq(at_ms, 0);
    options.keep_ttl = 0;
    options.expire_at_ms = MEM_ENV_START_MS - 1;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "4", 1, &options), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "key"), BLITZDB_NOT_FOUND, "a past time deletes");
}

/* A value of the same size is written over the one before: to the caller and to the log it is a SET like any
 * other, and the same bytes elsewhere are not touched. */
Test(db_write, same_size) {
    blitzdb *other;
    cr_assert_eq(blitzdb_keyspace(db, 1, &other), BLITZDB_OK);
    cr_assert_eq(set_text(db, "key", "before"), BLITZDB_OK);
    cr_assert_eq(set_text(db, "key2", "before"), BLITZDB_OK);
    cr_assert_eq(set_text(other, "key", "before"), BLITZDB_OK);
    int64_t memory = mem_env_live_memory(disk);

    cr_assert_eq(set_text(db, "key", "after!"), BLITZDB_OK);
    cr_assert_str_eq(get_text(db, "key"), "after!");
    cr_assert_eq(mem_env_live_memory(disk), memory);
    cr_assert_eq(set_text(db, "empty", ""), BLITZDB_OK);
    cr_assert_eq(set_text(db, "empty", ""), BLITZDB_OK);

    blitzdb_options options = fixture_options();
    fixture_reopen(&options);
    cr_assert_eq(blitzdb_keyspace(db, 1, &other), BLITZDB_OK);
    cr_assert_str_eq(get_text(db, "key"), "after!");
    cr_assert_str_eq(get_text(db, "key2"), "before");
    cr_assert_str_eq(get_text(other, "key"), "before");
    cr_assert_str_eq(get_text(db, "empty"), "");
}

/* The same in a database without files, where it takes a shorter way. */
Test(db_write, same_size_in_memory) {
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    cr_assert_eq(blitzdb_open(NULL, &options, &db), BLITZDB_OK);
    blitzdb *other;
    cr_assert_eq(blitzdb_keyspace(db, 1, &other), BLITZDB_OK);
    cr_assert_eq(set_text(db, "key", "before"), BLITZDB_OK);
    cr_assert_eq(set_text(other, "key", "before"), BLITZDB_OK);
    cr_assert_eq(blitzdb_swap_keyspaces(db, 0, 2), BLITZDB_OK);
    cr_assert_eq(blitzdb_swap_keyspaces(db, 2, 0), BLITZDB_OK);

    cr_assert_eq(set_text(db, "key", "after!"), BLITZDB_OK);
    cr_assert_str_eq(get_text(db, "key"), "after!");
    cr_assert_str_eq(get_text(other, "key"), "before");
    cr_assert_eq(set_text(db, "key", "longer"), BLITZDB_OK);
    cr_assert_eq(set_text(db, "key", "longer than that"), BLITZDB_OK);
    cr_assert_str_eq(get_text(db, "key"), "longer than that");

    cr_assert_eq(blitzdb_expire(db, "key", 3, 1000), BLITZDB_OK);
    int64_t at_ms;
    cr_assert_eq(set_text(db, "key", "LONGER THAN THAT"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire_time(db, "key", 3, &at_ms), BLITZDB_OK);
    cr_assert_eq(at_ms, 0, "a SET takes the expiry away");
    cr_assert_str_eq(get_text(db, "key"), "LONGER THAN THAT");
}

/* Two expiries at once, and times that do not fit, are refused. */
Test(db_write, expiry_options_out_of_range) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = 1;
    options.keep_ttl = 1;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "1", 1, &options), BLITZDB_INVALID);
    options.keep_ttl = 0;
    options.ttl_ms = -1;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "1", 1, &options), BLITZDB_INVALID);
    options.ttl_ms = INT64_MAX;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "1", 1, &options), BLITZDB_OUT_OF_RANGE);
    options.ttl_ms = INT64_C(1) << 47; /* in range by itself, but not from now */
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "1", 1, &options), BLITZDB_OUT_OF_RANGE);
}

/* The old value is handed out, also when the condition fails. */
Test(db_write, old_value) {
    void *old = NULL;
    size_t size = 9;
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.old_value_out = &old;
    options.old_size_out = &size;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "first", 5, &options), BLITZDB_OK);
    cr_assert(old == NULL && size == 0);
    options.condition = BLITZDB_IF_ABSENT;
    cr_assert_eq(blitzdb_set_with(db, "key", 3, "second", 6, &options), BLITZDB_CONDITION_FAILED);
    cr_assert_str_eq((char *)old, "first");
    cr_assert_eq(size, 5);
    blitzdb_free(db, old);
    cr_assert_str_eq(get_text(db, "key"), "first");
}

/* Deleting tells whether there was something, and logs nothing otherwise. */
Test(db_write, del) {
    uint64_t position = blitzdb_log_position(db);
    cr_assert_eq(del_text(db, "key"), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_log_position(db), position);
    cr_assert_eq(set_text(db, "key", "value"), BLITZDB_OK);
    cr_assert_eq(del_text(db, "key"), BLITZDB_OK);
    cr_assert_eq(del_text(db, "key"), BLITZDB_NOT_FOUND);
    cr_assert_eq(count_keys(db), 0);
}

/* Counting starts at 0, keeps the expiry and stops at the limits of 64 bits. */
Test(db_write, increment) {
    int64_t number = -1;
    int64_t ttl_ms;
    cr_assert_eq(blitzdb_increment(db, "n", 1, 5, &number), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(db, "n", 1, 1000), BLITZDB_OK);
    cr_assert_eq(blitzdb_increment(db, "n", 1, -7, &number), BLITZDB_OK);
    cr_assert_eq(number, -2);
    cr_assert_str_eq(get_text(db, "n"), "-2");
    cr_assert_eq(blitzdb_ttl(db, "n", 1, &ttl_ms), BLITZDB_OK);
    cr_assert_eq(ttl_ms, 1000);
    cr_assert_eq(set_text(db, "n", "9223372036854775807"), BLITZDB_OK);
    number = 77;
    cr_assert_eq(blitzdb_increment(db, "n", 1, 1, &number), BLITZDB_OUT_OF_RANGE);
    cr_assert_eq(number, 77, "untouched on failure");
    cr_assert_eq(set_text(db, "n", "12x"), BLITZDB_OK);
    cr_assert_eq(blitzdb_increment(db, "n", 1, 1, NULL), BLITZDB_NOT_A_NUMBER);
}

Test(db_write, increment_double) {
    double number = 0;
    cr_assert_eq(blitzdb_increment_double(db, "x", 1, 0.1, &number), BLITZDB_OK);
    cr_assert_eq(blitzdb_increment_double(db, "x", 1, 0.2, &number), BLITZDB_OK);
    cr_assert_str_eq(get_text(db, "x"), "0.30000000000000004");
    cr_assert_eq(set_text(db, "x", "1e308"), BLITZDB_OK);
    cr_assert_eq(blitzdb_increment_double(db, "x", 1, 1.7e308, NULL), BLITZDB_OUT_OF_RANGE);
    cr_assert_eq(blitzdb_increment_double(db, "x", 1, 1.0 / 0.0, NULL), BLITZDB_NOT_A_NUMBER);
}

Test(db_write, append) {
    size_t size = 0;
    cr_assert_eq(blitzdb_append(db, "a", 1, "one", 3, &size), BLITZDB_OK);
    cr_assert_eq(blitzdb_append(db, "a", 1, "", 0, &size), BLITZDB_OK);
    cr_assert_eq(blitzdb_append(db, "a", 1, "two", 3, &size), BLITZDB_OK);
    cr_assert_eq(size, 6);
    cr_assert_str_eq(get_text(db, "a"), "onetwo");
}

/* The flags of an expiry follow Redis's EXPIRE. */
Test(db_write, expire_flags) {
    int64_t now_ms = MEM_ENV_START_MS;
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms + 10, 0), BLITZDB_NOT_FOUND);
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms + 10, BLITZDB_EXPIRE_IF_SET), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms + 10, BLITZDB_EXPIRE_IF_GREATER),
                 BLITZDB_CONDITION_FAILED);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms + 10, BLITZDB_EXPIRE_IF_LESS), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms + 20, BLITZDB_EXPIRE_IF_NONE),
                 BLITZDB_CONDITION_FAILED);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms + 20, BLITZDB_EXPIRE_IF_LESS),
                 BLITZDB_CONDITION_FAILED);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms + 20, BLITZDB_EXPIRE_IF_GREATER), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, INT64_MAX, 0), BLITZDB_OUT_OF_RANGE);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, now_ms, 16), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_persist(db, "k", 1), BLITZDB_OK);
    cr_assert_eq(blitzdb_persist(db, "k", 1), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(blitzdb_expire_at(db, "k", 1, -5, 0), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "k"), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_persist(db, "k", 1), BLITZDB_NOT_FOUND);
}

/* Expiries survive a reopen to the millisecond. */
Test(db_write, expiry_survives_reopen) {
    int64_t at_ms = 0;
    blitzdb_options options = fixture_options();
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(db, "k", 1, 123456), BLITZDB_OK);

    fixture_reopen(&options);

    cr_assert_eq(blitzdb_expire_time(db, "k", 1, &at_ms), BLITZDB_OK);
    cr_assert_eq(at_ms, MEM_ENV_START_MS + 123456);
}

/* A key or value above 512 MiB is refused by its size alone. */
Test(db_write, sizes) {
    cr_assert_eq(blitzdb_set(db, "k", 1, "v", BLITZDB_SIZE_MAX + 1), BLITZDB_TOO_LARGE);
    cr_assert_eq(blitzdb_set(db, "k", BLITZDB_SIZE_MAX + 1, "v", 1), BLITZDB_TOO_LARGE);
    cr_assert_eq(blitzdb_set(db, NULL, 1, "v", 1), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_set(db, "k", 1, NULL, 1), BLITZDB_INVALID);
}

/* In mode always the write is on disk when the call returns; a power failure that drops all else keeps it. */
Test(db_write, always_is_durable_at_return) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.durability = BLITZDB_DURABILITY_ALWAYS;
    cr_assert_eq(set_text(db, "before", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_with(db, "safe", 4, "1", 1, &options), BLITZDB_OK);
    cr_assert_eq(blitzdb_durable_position(db), blitzdb_log_position(db));
    cr_assert_eq(set_text(db, "after", "1"), BLITZDB_OK);
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_DROPPED, 0);
    blitzdb_options open_options = fixture_options();
    open_options.env = mem_env_table(image);

    blitzdb *recovered = fixture_open_with(&open_options);

    cr_assert_eq(exists_text(recovered, "safe"), BLITZDB_OK);
    cr_assert_eq(exists_text(recovered, "before"), BLITZDB_OK, "the log is a prefix");
    cr_assert_eq(exists_text(recovered, "after"), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_close(recovered), BLITZDB_OK);
    mem_env_destroy(image);
}
