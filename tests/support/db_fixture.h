/**
 * @file
 * @brief A database on a simulated disk with a clock that the test moves; shared by the unit tests of the
 * calls.
 *
 * Every test of a suite that uses fixture_open() gets a fresh, empty database in `db`; fixture_close() checks
 * that closing it gave everything back.
 */
#ifndef BLITZDB_TESTS_DB_FIXTURE_H
#define BLITZDB_TESTS_DB_FIXTURE_H

#include <criterion/criterion.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

#include "mem_env.h"

static struct mem_env *disk;
static blitzdb *db;

/** Options on the simulated disk; few shards, so that the tests need little memory. */
static inline blitzdb_options fixture_options(void) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = mem_env_table(disk);
    options.shard_count = 4;
    return options;
}

/** Opens (again) with these options. */
static inline blitzdb *fixture_open_with(const blitzdb_options *options) {
    blitzdb *opened = NULL;
    cr_assert_eq(blitzdb_open("db", options, &opened), BLITZDB_OK);
    return opened;
}

static inline void fixture_open(void) {
    disk = mem_env_create(1);
    blitzdb_options options = fixture_options();
    db = fixture_open_with(&options);
}

static inline void fixture_close(void) {
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    cr_assert_eq(mem_env_live_memory(disk), 0, "closing gives all memory back");
    cr_assert_eq(mem_env_open_files(disk), 0, "closing closes all files");
    mem_env_destroy(disk);
}

/** Closes and opens the database again with these options. */
static inline void fixture_reopen(const blitzdb_options *options) {
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = fixture_open_with(options);
}

/* Calls on texts, for short tests. */

static inline blitzdb_status set_text(blitzdb *handle, const char *key, const char *value) {
    return blitzdb_set(handle, key, strlen(key), value, strlen(value));
}

static inline blitzdb_status del_text(blitzdb *handle, const char *key) {
    return blitzdb_del(handle, key, strlen(key));
}

static inline blitzdb_status exists_text(blitzdb *handle, const char *key) {
    return blitzdb_exists(handle, key, strlen(key));
}

/** The value of a key as text, or "(none)"; valid until the next call. */
static inline const char *get_text(blitzdb *handle, const char *key) {
    static char text[4096];
    size_t size = 0;
    blitzdb_status status = blitzdb_get(handle, key, strlen(key), text, sizeof text - 1, &size);
    if (status == BLITZDB_NOT_FOUND)
        return "(none)";
    cr_assert_eq(status, BLITZDB_OK);
    text[size] = '\0';
    return text;
}

/** Keys of the keyspace, expired ones that were not reclaimed included. */
static inline uint64_t count_keys(blitzdb *handle) {
    uint64_t keys = 0;
    cr_assert_eq(blitzdb_count(handle, &keys, NULL), BLITZDB_OK);
    return keys;
}

#endif
