/**
 * @file
 * @brief The model of the tests is right about order, expiry, equality and keyspaces.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "../support/model.h"

static struct model model;

static void teardown(void) {
    model_deinit(&model);
}

static blitzdb_key key_of(const char *text, unsigned keyspace) {
    return (blitzdb_key){text, strlen(text), keyspace};
}

static void set(struct model *target, const char *key, unsigned keyspace, const char *value,
                int64_t expire_at_ms) {
    blitzdb_key name = key_of(key, keyspace);
    model_set(target, &name, value, strlen(value), expire_at_ms);
}

static const struct model_entry *find(const char *key, unsigned keyspace, int64_t now_ms) {
    blitzdb_key name = key_of(key, keyspace);
    return model_find(&model, &name, now_ms);
}

TestSuite(model, .fini = teardown);

/* Entries are sorted by keyspace, then by bytes, a prefix first; a second set replaces. */
Test(model, set_sorts_and_replaces) {
    set(&model, "b", 1, "1", 0);
    set(&model, "bb", 0, "2", 0);
    set(&model, "b", 0, "3", 0);
    set(&model, "", 0, "4", 0);
    set(&model, "b", 0, "5", 9);

    cr_assert_eq(model.count, 4);
    cr_assert_eq(model.entries[0].key_size, 0);
    cr_assert_eq(model.entries[1].value[0], '5');
    cr_assert_eq(model.entries[1].expire_at_ms, 9);
    cr_assert_eq(model.entries[2].value[0], '2');
    cr_assert_eq(model.entries[3].keyspace, 1);
}

/* The value may be the one that is replaced. */
Test(model, set_from_itself) {
    set(&model, "a", 0, "text", 0);
    const struct model_entry *entry = find("a", 0, 1);
    blitzdb_key name = key_of("a", 0);

    model_set(&model, &name, entry->value, entry->value_size, 5);

    cr_assert_eq(find("a", 0, 1)->value_size, 4);
    cr_assert_arr_eq(find("a", 0, 1)->value, "text", 4);
}

/* An entry is absent from its deadline on, and equality looks past it. */
Test(model, expiry) {
    struct model other = {0};
    set(&model, "a", 0, "1", 100);

    cr_assert_not_null(find("a", 0, 99));
    cr_assert_null(find("a", 0, 100));
    cr_assert(model_equal(&model, &other, 100));
    cr_assert(!model_equal(&model, &other, 99));
    cr_assert(!model_equal(&other, &model, 99));
    model_drop_expired(&model, 100);
    cr_assert_eq(model.count, 0);
}

/* Equality sees each part of an entry. */
Test(model, equal) {
    struct model other = {0};
    set(&model, "a", 0, "1", 100);

    model_copy(&other, &model);
    cr_assert(model_equal(&model, &other, 1));
    set(&other, "a", 0, "2", 100);
    cr_assert(!model_equal(&model, &other, 1));
    set(&other, "a", 0, "1", 101);
    cr_assert(!model_equal(&model, &other, 1));
    set(&other, "a", 0, "1", 100);
    set(&other, "a", 2, "1", 0);
    cr_assert(!model_equal(&model, &other, 1));
    model_deinit(&other);
}

/* Deleting, flushing and swapping touch what they name and nothing else. */
Test(model, del_flush_swap) {
    blitzdb_key absent = key_of("x", 0);
    set(&model, "a", 0, "1", 0);
    set(&model, "b", 1, "2", 7);
    set(&model, "c", 2, "3", 0);

    cr_assert(!model_del(&model, &absent));
    model_swap_keyspaces(&model, 0, 1);
    cr_assert_not_null(find("a", 1, 1));
    cr_assert_eq(find("b", 0, 1)->expire_at_ms, 7);
    model_flush_keyspace(&model, 1);
    cr_assert_null(find("a", 1, 1));
    cr_assert_eq(model.count, 2);
}
