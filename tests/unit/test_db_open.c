/* Opening and closing: options, flags, and what stands in the way. */
#include <errno.h>

#include "db_fixture.h"

TestSuite(db_open, .init = fixture_open, .fini = fixture_close);

/* What was set is there after a reopen. */
Test(db_open, reopen_finds_everything) {
    cr_assert_eq(set_text(db, "key", "value"), BLITZDB_OK);
    blitzdb_options options = fixture_options();

    fixture_reopen(&options);

    cr_assert_str_eq(get_text(db, "key"), "value");
}

/* A database in memory needs no directory and leaves nothing. */
Test(db_open, memory_only) {
    blitzdb_options options = fixture_options();
    blitzdb *memory;
    uint64_t files = mem_env_calls(disk, MEM_CALL_ANY_FILE);

    cr_assert_eq(blitzdb_open(NULL, &options, &memory), BLITZDB_OK);
    cr_assert_eq(set_text(memory, "key", "value"), BLITZDB_OK);
    cr_assert_str_eq(get_text(memory, "key"), "value");
    cr_assert_eq(blitzdb_close(memory), BLITZDB_OK);

    cr_assert_eq(mem_env_calls(disk, MEM_CALL_ANY_FILE), files);
}

/* A second handle on the directory is refused, and the error names it. */
Test(db_open, directory_has_one_owner) {
    blitzdb_error error;
    blitzdb_options options = fixture_options();
    options.error = &error;
    blitzdb *second = NULL;

    cr_assert_eq(blitzdb_open("db", &options, &second), BLITZDB_LOCKED);

    cr_assert_eq(error.status, BLITZDB_LOCKED);
    cr_assert(strstr(error.text, "db") != NULL);
    cr_assert_null(second);
}

/* The flags say whether a database must or must not be there. */
Test(db_open, must_exist_and_must_create) {
    blitzdb_options options = fixture_options();
    blitzdb *other;

    options.flags = BLITZDB_OPEN_MUST_EXIST;
    cr_assert_eq(blitzdb_open("absent", &options, &other), BLITZDB_NOT_FOUND);
    options.flags = BLITZDB_OPEN_MUST_CREATE;
    cr_assert_eq(blitzdb_open("new", &options, &other), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(other), BLITZDB_OK);
    cr_assert_eq(blitzdb_open("new", &options, &other), BLITZDB_CONDITION_FAILED);
}

/* Each option out of range is refused by name before anything is touched. */
Test(db_open, options_out_of_range) {
    struct {
        const char *name;
        blitzdb_options options;
    } cases[] = {
        {"flags", {.flags = 1u << 30}},
        {"flags", {.flags = BLITZDB_OPEN_MUST_EXIST | BLITZDB_OPEN_MUST_CREATE}},
        {"reserved", {.reserved = 1}},
        {"log_buffer_bytes", {.log_buffer_bytes = UINT64_MAX}},
        {"durability", {.durability = 4}},
        {"durability", {.durability = BLITZDB_DURABILITY_ALWAYS, .flags = BLITZDB_OPEN_NO_LOG}},
        {"eviction", {.eviction = 99}},
        {"background", {.background = 2}},
        {"shard_count", {.shard_count = 3}},
        {"shard_count", {.shard_count = 2048}},
        {"log_segment_bytes", {.log_segment_bytes = 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        blitzdb_error error;
        blitzdb *other;
        cases[i].options.struct_size = sizeof(blitzdb_options);
        cases[i].options.error = &error;
        cr_assert_eq(blitzdb_open("other", &cases[i].options, &other), BLITZDB_INVALID, "%s", cases[i].name);
        cr_assert(strstr(error.text, cases[i].name) != NULL, "%s", error.text);
    }
}

/* A structure of a size this library does not know is refused instead of being half read. */
Test(db_open, unknown_struct_size) {
    blitzdb_options options = fixture_options();
    blitzdb *other;

    options.struct_size = 0;
    cr_assert_eq(blitzdb_open(NULL, &options, &other), BLITZDB_INVALID);
    options.struct_size = sizeof options + 8;
    cr_assert_eq(blitzdb_open(NULL, &options, &other), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_open(NULL, NULL, NULL), BLITZDB_INVALID);
}

/* An older caller's shorter structure is taken; the fields it does not know have their defaults. */
Test(db_open, shorter_struct_of_an_older_caller) {
    blitzdb_options options = fixture_options();
    blitzdb *other;
    options.struct_size = offsetof(blitzdb_options, memory_limit_bytes);
    options.memory_limit_bytes = 1;

    cr_assert_eq(blitzdb_open(NULL, &options, &other), BLITZDB_OK);

    cr_assert_eq(set_text(other, "key", "value"), BLITZDB_OK,
                 "the limit behind the known fields is not read");
    cr_assert_eq(blitzdb_close(other), BLITZDB_OK);
}

/* A directory that lost its MANIFEST is not taken for an empty one. */
Test(db_open, missing_manifest_is_refused) {
    const blitzdb_env *env = mem_env_table(disk);
    blitzdb_options options = fixture_options();
    cr_assert_eq(set_text(db, "key", "value"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    cr_assert_eq(env->rename(env->user, "db/MANIFEST", "db/elsewhere"), 0);

    cr_assert_eq(blitzdb_open("db", &options, &db), BLITZDB_NOT_A_DATABASE);

    cr_assert_eq(env->rename(env->user, "db/elsewhere", "db/MANIFEST"), 0);
    db = fixture_open_with(&options);
    cr_assert_str_eq(get_text(db, "key"), "value");
}

/* Closing nothing is fine, and a failed last sync is reported although the handle is gone. */
Test(db_open, close_reports_the_last_sync) {
    cr_assert_eq(blitzdb_close(NULL), BLITZDB_OK);
    cr_assert_eq(set_text(db, "key", "value"), BLITZDB_OK);
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO, .for_good = true};
    mem_env_fail(disk, &fault);

    cr_assert_eq(blitzdb_close(db), BLITZDB_IO);

    mem_env_disarm(disk);
    blitzdb_options options = fixture_options();
    db = fixture_open_with(&options);
}

/* Keyspaces are numbered 0 to 15. */
Test(db_open, keyspace_numbers) {
    blitzdb *keyspace;
    cr_assert_eq(blitzdb_keyspace(db, 15, &keyspace), BLITZDB_OK);
    cr_assert_eq(blitzdb_keyspace(db, 16, &keyspace), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_keyspace(NULL, 0, &keyspace), BLITZDB_INVALID);
}
