/**
 * @file
 * @brief A table of numbered keys beside the plainest model of it, shared by the unit tests of the table.
 *
 * Each test of a suite with open_table() and close_table() has an empty `table` of its own on counted memory.
 * The helpers are inline, because no test file uses all of them.
 */
#ifndef BLITZDB_TESTS_TABLE_FIXTURE_H
#define BLITZDB_TESTS_TABLE_FIXTURE_H

#include <criterion/criterion.h>

#include "entry.h"
#include "mem_env.h"
#include "rng.h"
#include "table.h"
#include "table_lookup.h"

enum { KEYS = 40000 };

static const struct bzd_siphash_key secret = {{UINT64_C(0x243F6A8885A308D3), UINT64_C(0x13198A2E03707344)}};

static struct bzd_hash_key hash_key;

static struct mem_env *env;
static struct bzd_arena arena;
static struct bzd_table table;

/* The model: which keys are there, and the reference of each. */
static bzd_ref present[KEYS];

static inline void open_table(void) {
    bzd_hash_key_init(&hash_key, &secret);
    env = mem_env_create(1);
    cr_assert_eq(bzd_arena_init(&arena, mem_env_table(env)), BLITZDB_OK);
    bzd_table_init(&table, mem_env_table(env), &arena, &hash_key);
}

/** Closes the table and expects that everything was given back. */
static inline void close_table(void) {
    bzd_table_deinit(&table);
    cr_assert_eq(table.bytes, 0);
    bzd_arena_deinit(&arena);
    cr_assert_eq(mem_env_live_memory(env), 0);
    mem_env_destroy(env);
}

/* Keys are numbers; odd ones stand in keyspace 1, so that every key has a neighbour there with the same
 * bytes. */

static inline unsigned keyspace_of(uint32_t number) {
    return number & 1;
}

static inline uint64_t hash_of(uint32_t number) {
    uint32_t bytes = number / 2;
    return bzd_hash(&hash_key, keyspace_of(number), bzd_slice_of(&bytes, sizeof bytes));
}

static inline bzd_ref find(uint32_t number) {
    uint32_t bytes = number / 2;
    return bzd_table_find(&table, hash_of(number), keyspace_of(number), bzd_slice_of(&bytes, sizeof bytes));
}

static inline uint32_t number_of(bzd_ref ref) {
    struct bzd_entry entry;
    uint32_t bytes;
    bzd_entry_decode(bzd_arena_at(&arena, ref), &entry);
    memcpy(&bytes, entry.key.data, sizeof bytes);
    return bytes * 2 + entry.keyspace;
}

static inline bzd_ref make_entry(uint32_t number, size_t value_size) {
    uint32_t bytes = number / 2;
    uint8_t value[64] = {0};
    struct bzd_entry entry = {keyspace_of(number), bzd_slice_of(&bytes, sizeof bytes),
                              bzd_slice_of(value, value_size), 0};
    bzd_ref ref;
    cr_assert_eq(bzd_arena_alloc(&arena, bzd_entry_size(&entry), &ref), BLITZDB_OK);
    bzd_entry_encode(bzd_arena_at(&arena, ref), &entry);
    return ref;
}

static inline void free_entry(bzd_ref ref) {
    bzd_arena_free(&arena, ref, bzd_entry_block_size(bzd_arena_at(&arena, ref)));
}

/** Inserts a key that is absent, without maintenance. */
static inline void insert(uint32_t number) {
    cr_assert_eq(bzd_table_reserve(&table, 1), BLITZDB_OK);
    present[number] = make_entry(number, 10);
    bzd_table_insert(&table, hash_of(number), present[number]);
}

static inline void replace(uint32_t number, size_t value_size) {
    bzd_ref ref = make_entry(number, value_size);
    bzd_table_replace(&table, hash_of(number), present[number], ref);
    free_entry(present[number]);
    present[number] = ref;
}

/** Takes a key out that is there, without maintenance. */
static inline void take_out(uint32_t number) {
    bzd_table_remove(&table, hash_of(number), present[number]);
    free_entry(present[number]);
    present[number] = 0;
}

static inline void fill(uint32_t begin, uint32_t end) {
    for (uint32_t number = begin; number < end; number++) {
        insert(number);
        bzd_table_maintain(&table);
    }
}

static inline void drain(uint32_t begin, uint32_t end) {
    for (uint32_t number = begin; number < end; number++) {
        take_out(number);
        bzd_table_maintain(&table);
    }
}

/** Every key is found if and only if the model has it. */
static inline void assert_agrees_with_model(uint32_t keys) {
    uint64_t count = 0;
    for (uint32_t number = 0; number < keys; number++) {
        cr_assert_eq(find(number), present[number], "key %u", number);
        count += present[number] != 0;
    }
    cr_assert_eq(table.entry_count, count);
    cr_assert(bzd_table_is_valid(&table));
}

#endif
