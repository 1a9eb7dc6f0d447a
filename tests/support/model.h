/**
 * @file
 * @brief The model: a plain sorted array that does what the database should do, written to be obvious.
 *
 * An entry is (keyspace, key) -> (value, expire_at_ms); the array is sorted by keyspace, then by key. The
 * model knows no clock: entries stay until they are deleted, and the functions that care take the time as
 * argument. A model is used by one thread at a time. Everything is copied in; model_deinit() releases it.
 * When memory runs out the program ends: it is a test.
 */
#ifndef BLITZDB_TESTS_MODEL_H
#define BLITZDB_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blitzdb/blitzdb.h>

/** One entry; owned by the model. */
struct model_entry {
    unsigned keyspace;
    uint8_t *key;
    size_t key_size;
    uint8_t *value;
    size_t value_size;
    int64_t expire_at_ms; /**< Unix time in milliseconds, 0: never */
};

/** The model; all zero is an empty one. */
struct model {
    struct model_entry *entries;
    size_t count;
    size_t capacity;
};

/** Releases the entries; the model is empty and usable afterwards. */
void model_deinit(struct model *model);

/** Makes `to` a copy of `from`; what was in it is released. */
void model_copy(struct model *to, const struct model *from);

/** Sets a key; replaces value and expiry. */
void model_set(struct model *model, const blitzdb_key *key, const void *value, size_t value_size,
               int64_t expire_at_ms);

/** Deletes a key and tells whether it was there. */
bool model_del(struct model *model, const blitzdb_key *key);

/** Finds an entry that is not expired at `now_ms`, or NULL. It is valid until the next change. */
struct model_entry *model_find(struct model *model, const blitzdb_key *key, int64_t now_ms);

/** Removes every entry that is expired at `now_ms`. */
void model_drop_expired(struct model *model, int64_t now_ms);

/** Removes every key of one keyspace. */
void model_flush_keyspace(struct model *model, unsigned keyspace);

/** Exchanges two keyspaces. */
void model_swap_keyspaces(struct model *model, unsigned first, unsigned second);

/** Tells whether both hold the same entries, with the same values and expiries, ignoring expired ones. */
bool model_equal(const struct model *left, const struct model *right, int64_t now_ms);

/** Makes the model what a walk over all keyspaces of the database shows; answers the first failing status. */
blitzdb_status model_read_database(struct model *model, blitzdb *db);

/** Tells whether a walk over the database shows what the model holds, ignoring what is expired. */
bool model_matches(const struct model *model, blitzdb *db, int64_t now_ms);

/** Prints the entries to standard error, one per line, for the report of a failure. */
void model_print(const struct model *model, const char *title);

#endif
