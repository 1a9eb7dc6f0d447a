/* Atomic batches: all of the changes or none, each seeing those before it. */

#include "db_fixture.h"

static blitzdb_batch *batch;

static void setup(void) {
    fixture_open();
    cr_assert_eq(blitzdb_batch_create(db, &batch), BLITZDB_OK);
}

static void teardown(void) {
    blitzdb_batch_destroy(batch);
    fixture_close();
}

TestSuite(db_batch, .init = setup, .fini = teardown);

static void add_set(const char *key, const char *value, uint32_t condition) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = condition;
    cr_assert_eq(blitzdb_batch_set(batch, key, strlen(key), value, strlen(value), &options), BLITZDB_OK);
}

/* Later changes see earlier ones of the same key, and the log gets one record for all of it. */
Test(db_batch, changes_see_those_before) {
    add_set("n", "40", BLITZDB_IF_ANY);
    cr_assert_eq(blitzdb_batch_increment(batch, "n", 1, 2), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_append(batch, "n", 1, "!", 1), BLITZDB_OK);
    add_set("gone", "x", BLITZDB_IF_ANY);
    cr_assert_eq(blitzdb_batch_del(batch, "gone", 4), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_count(batch), 5);

    cr_assert_eq(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL), BLITZDB_OK);

    cr_assert_str_eq(get_text(db, "n"), "42!");
    cr_assert_eq(exists_text(db, "gone"), BLITZDB_NOT_FOUND);
    cr_assert_eq(count_keys(db), 1);
}

/* One check that does not hold rolls everything back and is named. */
Test(db_batch, failing_check_rolls_back) {
    size_t failed = 99;
    uint64_t position = blitzdb_log_position(db);
    cr_assert_eq(set_text(db, "taken", "1"), BLITZDB_OK);
    position = blitzdb_log_position(db);
    add_set("a", "1", BLITZDB_IF_ANY);
    cr_assert_eq(blitzdb_batch_increment(batch, "taken", 5, 1), BLITZDB_OK);
    add_set("taken", "2", BLITZDB_IF_ABSENT);
    add_set("b", "1", BLITZDB_IF_ANY);

    cr_assert_eq(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, &failed), BLITZDB_CONDITION_FAILED);

    cr_assert_eq(failed, 2);
    cr_assert_eq(exists_text(db, "a"), BLITZDB_NOT_FOUND);
    cr_assert_eq(exists_text(db, "b"), BLITZDB_NOT_FOUND);
    cr_assert_str_eq(get_text(db, "taken"), "1");
    cr_assert_eq(blitzdb_log_position(db), position);
}

/* A value that is no number, an absent key to expire, and the two checks fail the batch as single calls
 * would. */
Test(db_batch, other_failures) {
    cr_assert_eq(set_text(db, "text", "abc"), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_increment(batch, "text", 4, 1), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_NOT_A_NUMBER);
    blitzdb_batch_clear(batch);
    cr_assert_eq(blitzdb_batch_expire_at(batch, "none", 4, MEM_ENV_START_MS + 1), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_NOT_FOUND);
    blitzdb_batch_clear(batch);
    cr_assert_eq(blitzdb_batch_check_present(batch, "none", 4), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_CONDITION_FAILED);
    blitzdb_batch_clear(batch);
    cr_assert_eq(blitzdb_batch_check_absent(batch, "text", 4), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_CONDITION_FAILED);
}

/* Changes go to the keyspace selected when they were added. */
Test(db_batch, several_keyspaces) {
    blitzdb *third;
    cr_assert_eq(blitzdb_keyspace(db, 3, &third), BLITZDB_OK);
    add_set("k", "zero", BLITZDB_IF_ANY);
    cr_assert_eq(blitzdb_batch_select(batch, 3), BLITZDB_OK);
    add_set("k", "three", BLITZDB_IF_ANY);
    cr_assert_eq(blitzdb_batch_select(batch, 16), BLITZDB_INVALID);

    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_OK);

    cr_assert_str_eq(get_text(db, "k"), "zero");
    cr_assert_str_eq(get_text(third, "k"), "three");
}

/* A batch is committed again as it stands; cleared, it is empty and commits to nothing. */
Test(db_batch, reuse) {
    cr_assert_eq(blitzdb_batch_increment(batch, "n", 1, 1), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_OK);
    cr_assert_str_eq(get_text(db, "n"), "2");
    blitzdb_batch_clear(batch);
    cr_assert_eq(blitzdb_batch_count(batch), 0);
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_OK);
}

/* Thousands of changes, many on the same keys. */
Test(db_batch, large) {
    char key[16];
    for (int i = 0; i < 5000; i++) {
        size_t size = (size_t)snprintf(key, sizeof key, "k%d", i % 700);
        cr_assert_eq(blitzdb_batch_increment(batch, key, size, 1), BLITZDB_OK);
    }
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_batch_commit(batch, 0, NULL), BLITZDB_OK);
    blitzdb_batch_destroy(batch);
    batch = NULL;

    fixture_reopen(&options);

    cr_assert_eq(count_keys(db), 700);
    cr_assert_str_eq(get_text(db, "k0"), "8");
    cr_assert_str_eq(get_text(db, "k699"), "7");
}

/* A batch without memory changes nothing, wherever the allocation fails, and works afterwards. */
Test(db_batch, without_memory) {
    add_set("a", "1", BLITZDB_IF_ANY);
    add_set("b", "2", BLITZDB_IF_ANY);
    blitzdb_status status = BLITZDB_NO_MEMORY;
    for (uint64_t nth = 1; status == BLITZDB_NO_MEMORY; nth++) {
        struct mem_env_fault fault = {.call = MEM_CALL_ANY_MEMORY, .nth = nth};
        mem_env_fail(disk, &fault);
        status = blitzdb_batch_commit(batch, 0, NULL);
        mem_env_disarm(disk);
        cr_assert_eq(exists_text(db, "a"), status == BLITZDB_OK ? BLITZDB_OK : BLITZDB_NOT_FOUND);
        cr_assert_eq(exists_text(db, "b"), status == BLITZDB_OK ? BLITZDB_OK : BLITZDB_NOT_FOUND);
    }
    cr_assert_eq(status, BLITZDB_OK);
}
