/**
 * @file
 * @brief Every reading call of the public API, checked against the model.
 *
 * Both functions answer NULL if everything was right, or the name of the call that was wrong, with what it
 * answered. With `may_lack_memory` a call may refuse with BLITZDB_NO_MEMORY, and must have shown nothing
 * then.
 */
#ifndef BLITZDB_TESTS_READING_H
#define BLITZDB_TESTS_READING_H

#include <string.h>

#include "model.h"

/** What is read, and what is right. */
struct reading {
    blitzdb *db; /**< handle of keyspace 0 */
    struct model *model;
    int64_t now_ms;
    bool may_lack_memory;
    blitzdb_status status; /**< of the call that was wrong */
};

/** Keys read in one call: more than fit the library's list of locks on the stack. */
#define READING_MANY 70

/** Whether a call answered as it must; notes the status otherwise. */
static bool is_right(struct reading *reading, blitzdb_status status, blitzdb_status expected) {
    reading->status = status;
    return status == expected || (reading->may_lack_memory && status == BLITZDB_NO_MEMORY);
}

static bool is_same(const struct model_entry *entry, const void *value, size_t value_size) {
    return value_size == entry->value_size && memcmp(value, entry->value, value_size) == 0;
}

/* One key */

static const char *check_get(struct reading *reading, blitzdb *db, const blitzdb_key *key,
                             const struct model_entry *entry) {
    char buffer[16];
    size_t size = 0;
    blitzdb_status expected = entry != NULL ? BLITZDB_OK : BLITZDB_NOT_FOUND;
    bool fits = entry == NULL || entry->value_size <= sizeof(buffer);
    blitzdb_status status = blitzdb_get(db, key->data, key->size, buffer, sizeof(buffer), &size);
    if (!is_right(reading, status, fits ? expected : BLITZDB_BUFFER_TOO_SMALL))
        return "get";
    if (entry == NULL || status == BLITZDB_NO_MEMORY)
        return NULL;
    size_t common = fits ? size : sizeof(buffer);
    return size == entry->value_size && memcmp(buffer, entry->value, common) == 0 ? NULL : "value of get";
}

static const char *check_get_alloc(struct reading *reading, blitzdb *db, const blitzdb_key *key,
                                   const struct model_entry *entry) {
    void *copy = NULL;
    size_t size = 0;
    blitzdb_status status = blitzdb_get_alloc(db, key->data, key->size, &copy, &size);
    if (!is_right(reading, status, entry != NULL ? BLITZDB_OK : BLITZDB_NOT_FOUND))
        return "get_alloc";
    if (status != BLITZDB_OK)
        return copy == NULL ? NULL : "result of a failed get_alloc";
    bool is_good = is_same(entry, copy, size) && ((const char *)copy)[size] == '\0';
    blitzdb_free(db, copy);
    return is_good ? NULL : "value of get_alloc";
}

static const char *check_get_pinned(struct reading *reading, blitzdb *db, const blitzdb_key *key,
                                    const struct model_entry *entry) {
    blitzdb_pinned *pinned = NULL;
    const void *value = NULL;
    size_t size = 0;
    blitzdb_status status = blitzdb_get_pinned(db, key->data, key->size, &pinned, &value, &size);
    if (!is_right(reading, status, entry != NULL ? BLITZDB_OK : BLITZDB_NOT_FOUND))
        return "get_pinned";
    if (status != BLITZDB_OK)
        return pinned == NULL && value == NULL ? NULL : "result of a failed get_pinned";
    bool is_good = is_same(entry, value, size);
    blitzdb_unpin(pinned);
    return is_good ? NULL : "value of get_pinned";
}

/** What the view callback saw. */
struct seen {
    bool is_same;
    const struct model_entry *entry;
};

static void compare_view(void *user, const blitzdb_view_entry *view) {
    struct seen *seen = user;
    const struct model_entry *entry = seen->entry;
    if (entry == NULL || view->value == NULL) {
        seen->is_same = entry == NULL && view->value == NULL;
        return;
    }
    seen->is_same =
        is_same(entry, view->value, view->value_size) && view->expire_at_ms == entry->expire_at_ms;
}

static const char *check_expiry(struct reading *reading, blitzdb *db, const blitzdb_key *key,
                                const struct model_entry *entry) {
    int64_t ttl_ms = 0;
    int64_t expire_at_ms = 0;
    blitzdb_status expected = entry != NULL ? BLITZDB_OK : BLITZDB_NOT_FOUND;
    if (!is_right(reading, blitzdb_ttl(db, key->data, key->size, &ttl_ms), expected))
        return "ttl";
    if (!is_right(reading, blitzdb_expire_time(db, key->data, key->size, &expire_at_ms), expected))
        return "expire_time";
    blitzdb_key_info info = BLITZDB_KEY_INFO_INIT;
    if (!is_right(reading, blitzdb_inspect(db, key->data, key->size, &info), expected))
        return "inspect";
    if (entry == NULL)
        return NULL;
    if (info.value_size != entry->value_size || info.expire_at_ms != entry->expire_at_ms ||
        info.memory_bytes < key->size + info.value_size)
        return "what inspect tells";
    bool is_good = expire_at_ms == entry->expire_at_ms &&
                   ttl_ms == (expire_at_ms == 0 ? -1 : expire_at_ms - reading->now_ms);
    return is_good ? NULL : "time of ttl or expire_time";
}

/** Reads one key in every way there is. */
static const char *reading_check_key(struct reading *reading, const blitzdb_key *key) {
    const struct model_entry *entry = model_find(reading->model, key, reading->now_ms);
    blitzdb *db = NULL;
    struct seen seen = {false, entry};
    if (!is_right(reading, blitzdb_keyspace(reading->db, key->keyspace, &db), BLITZDB_OK))
        return "keyspace";
    blitzdb_status status = blitzdb_exists(db, key->data, key->size);
    if (!is_right(reading, status, entry != NULL ? BLITZDB_OK : BLITZDB_NOT_FOUND))
        return "exists";
    status = blitzdb_view(db, 1, &key->data, &key->size, compare_view, &seen);
    if (!is_right(reading, status, BLITZDB_OK) || (status == BLITZDB_OK && !seen.is_same))
        return "view";
    const char *wrong = check_get(reading, db, key, entry);
    wrong = wrong == NULL ? check_get_alloc(reading, db, key, entry) : wrong;
    wrong = wrong == NULL ? check_get_pinned(reading, db, key, entry) : wrong;
    return wrong == NULL ? check_expiry(reading, db, key, entry) : wrong;
}

/* Many keys */

static void count_view(void *user, const blitzdb_view_entry *entry) {
    size_t *count = user;
    *count += entry->index == *count;
}

static const char *check_many(struct reading *reading) {
    static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+*/=!?.,;:";
    const void *keys[READING_MANY];
    size_t key_sizes[READING_MANY];
    void *buffers[READING_MANY] = {NULL};
    size_t buffer_sizes[READING_MANY] = {0};
    size_t value_sizes[READING_MANY];
    blitzdb_status statuses[READING_MANY];
    size_t count = 0;
    for (size_t i = 0; i < READING_MANY; i++) {
        keys[i] = &names[i];
        key_sizes[i] = 1;
    }
    blitzdb_status status = blitzdb_view(reading->db, READING_MANY, keys, key_sizes, count_view, &count);
    if (!is_right(reading, status, BLITZDB_OK) || count != (status == BLITZDB_OK ? READING_MANY : 0))
        return "view of many keys";
    blitzdb_prefetch(reading->db, READING_MANY, keys, key_sizes);
    status = blitzdb_mget(reading->db, READING_MANY, keys, key_sizes, buffers, buffer_sizes, value_sizes,
                          statuses);
    if (!is_right(reading, status, BLITZDB_OK))
        return "mget";
    for (size_t i = 0; status == BLITZDB_OK && i < READING_MANY; i++) {
        blitzdb_key key = {keys[i], 1, 0};
        const struct model_entry *entry = model_find(reading->model, &key, reading->now_ms);
        bool is_there = statuses[i] == BLITZDB_OK || statuses[i] == BLITZDB_BUFFER_TOO_SMALL;
        if (is_there != (entry != NULL) || (is_there && value_sizes[i] != entry->value_size))
            return "result of mget";
    }
    return NULL;
}

/** Walks over a keyspace into a model; an entry whose copy found no room is asked for again, twice. */
static const char *walk(struct reading *reading, unsigned keyspace, struct model *found) {
    blitzdb *db = NULL;
    blitzdb_iterator *iterator = NULL;
    blitzdb_scan_entry entry;
    unsigned refused = 0;
    if (!is_right(reading, blitzdb_keyspace(reading->db, keyspace, &db), BLITZDB_OK))
        return "keyspace";
    blitzdb_status status = blitzdb_iterator_create(db, "*", 1, &iterator);
    if (status != BLITZDB_OK)
        return is_right(reading, status, BLITZDB_OK) ? NULL : "iterator_create";
    while (status == BLITZDB_OK || (status == BLITZDB_NO_MEMORY && refused++ < 2)) {
        status = blitzdb_iterator_next(iterator, &entry);
        if (status == BLITZDB_OK) {
            blitzdb_key key = {entry.key, entry.key_size, keyspace};
            model_set(found, &key, entry.value, entry.value_size, entry.expire_at_ms);
        }
    }
    blitzdb_iterator_destroy(iterator);
    return is_right(reading, status, BLITZDB_NOT_FOUND) ? NULL : "iterator_next";
}

static const char *check_walk(struct reading *reading) {
    const char *wrong = NULL;
    struct model found = {0};
    for (unsigned keyspace = 0; wrong == NULL && keyspace < BLITZDB_KEYSPACES; keyspace++)
        wrong = walk(reading, keyspace, &found);
    if (wrong == NULL && !reading->may_lack_memory && !model_equal(&found, reading->model, reading->now_ms))
        wrong = "entries of the iterator";
    model_deinit(&found);
    return wrong;
}

/** Whether there is a key in keyspace 0. */
static bool has_keys(const struct reading *reading) {
    struct model others = {0};
    model_copy(&others, reading->model);
    model_flush_keyspace(&others, 0);
    bool has_keys = !model_equal(&others, reading->model, reading->now_ms);
    model_deinit(&others);
    return has_keys;
}

static const char *check_random_key(struct reading *reading) {
    void *key = NULL;
    size_t key_size = 0;
    blitzdb_status status = blitzdb_random_key(reading->db, &key, &key_size);
    if (!is_right(reading, status, has_keys(reading) ? BLITZDB_OK : BLITZDB_NOT_FOUND))
        return "random_key";
    if (status != BLITZDB_OK)
        return NULL;
    blitzdb_key found = {key, key_size, 0};
    bool is_there = model_find(reading->model, &found, reading->now_ms) != NULL;
    blitzdb_free(reading->db, key);
    return is_there ? NULL : "key of random_key";
}

/** Reads many keys at once, walks over everything, counts. */
static const char *reading_check_database(struct reading *reading) {
    uint64_t keys = 0;
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    const char *wrong = check_many(reading);
    wrong = wrong == NULL ? check_walk(reading) : wrong;
    wrong = wrong == NULL ? check_random_key(reading) : wrong;
    if (wrong == NULL && !is_right(reading, blitzdb_count(reading->db, &keys, NULL), BLITZDB_OK))
        wrong = "count";
    if (wrong == NULL && !is_right(reading, blitzdb_stats(reading->db, &stats), BLITZDB_OK))
        wrong = "stats";
    if (wrong == NULL && keys > stats.keys)
        wrong = "numbers of count and stats";
    return wrong;
}

#endif
