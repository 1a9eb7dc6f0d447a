#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *duplicate(const void *bytes, size_t size) {
    void *copy = malloc(size + 1);
    if (copy == NULL) {
        perror("model");
        exit(2);
    }
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

static int compare(const struct model_entry *entry, const blitzdb_key *key) {
    if (entry->keyspace != key->keyspace)
        return entry->keyspace < key->keyspace ? -1 : 1;
    size_t common = entry->key_size < key->size ? entry->key_size : key->size;
    int order = common > 0 ? memcmp(entry->key, key->data, common) : 0;
    if (order != 0)
        return order;
    return entry->key_size < key->size ? -1 : entry->key_size > key->size;
}

/** Index of the first entry that is not before the key. */
static size_t position(const struct model *model, const blitzdb_key *key) {
    size_t low = 0;
    size_t high = model->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&model->entries[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands_at(const struct model *model, size_t index, const blitzdb_key *key) {
    return index < model->count && compare(&model->entries[index], key) == 0;
}

static bool expired(const struct model_entry *entry, int64_t now_ms) {
    return entry->expire_at_ms != 0 && entry->expire_at_ms <= now_ms;
}

static void release(struct model_entry *entry) {
    free(entry->key);
    free(entry->value);
}

static void remove_at(struct model *model, size_t index) {
    release(&model->entries[index]);
    model->count--;
    memmove(&model->entries[index], &model->entries[index + 1],
            (model->count - index) * sizeof(model->entries[0]));
}

/** Makes room for one more entry before `index`; its contents are up to the caller. */
static struct model_entry *insert_at(struct model *model, size_t index) {
    if (model->count == model->capacity) {
        size_t capacity = model->capacity == 0 ? 8 : model->capacity * 2;
        struct model_entry *entries = realloc(model->entries, capacity * sizeof(entries[0]));
        if (entries == NULL) {
            perror("model");
            exit(2);
        }
        model->entries = entries;
        model->capacity = capacity;
    }
    memmove(&model->entries[index + 1], &model->entries[index],
            (model->count - index) * sizeof(model->entries[0]));
    model->count++;
    return &model->entries[index];
}

void model_deinit(struct model *model) {
    for (size_t i = 0; i < model->count; i++)
        release(&model->entries[i]);
    free(model->entries);
    *model = (struct model){0};
}

void model_copy(struct model *to, const struct model *from) {
    model_deinit(to);
    for (size_t i = 0; i < from->count; i++) {
        struct model_entry *entry = insert_at(to, i);
        *entry = from->entries[i];
        entry->key = duplicate(entry->key, entry->key_size);
        entry->value = duplicate(entry->value, entry->value_size);
    }
}

void model_set(struct model *model, const blitzdb_key *key, const void *value, size_t value_size,
               int64_t expire_at_ms) {
    /* Copied before anything is released: the value may be the one that is replaced. */
    uint8_t *copy = duplicate(value, value_size);
    size_t index = position(model, key);
    if (stands_at(model, index, key)) {
        free(model->entries[index].value);
    } else {
        struct model_entry *entry = insert_at(model, index);
        *entry = (struct model_entry){.keyspace = key->keyspace, .key_size = key->size};
        entry->key = duplicate(key->data, key->size);
    }
    model->entries[index].value = copy;
    model->entries[index].value_size = value_size;
    model->entries[index].expire_at_ms = expire_at_ms;
}

bool model_del(struct model *model, const blitzdb_key *key) {
    size_t index = position(model, key);
    if (!stands_at(model, index, key))
        return false;
    remove_at(model, index);
    return true;
}

struct model_entry *model_find(struct model *model, const blitzdb_key *key, int64_t now_ms) {
    size_t index = position(model, key);
    if (!stands_at(model, index, key) || expired(&model->entries[index], now_ms))
        return NULL;
    return &model->entries[index];
}

void model_drop_expired(struct model *model, int64_t now_ms) {
    for (size_t i = model->count; i > 0; i--)
        if (expired(&model->entries[i - 1], now_ms))
            remove_at(model, i - 1);
}

void model_flush_keyspace(struct model *model, unsigned keyspace) {
    for (size_t i = model->count; i > 0; i--)
        if (model->entries[i - 1].keyspace == keyspace)
            remove_at(model, i - 1);
}

void model_swap_keyspaces(struct model *model, unsigned first, unsigned second) {
    struct model swapped = {0};
    for (size_t i = 0; i < model->count; i++) {
        const struct model_entry *entry = &model->entries[i];
        blitzdb_key key = {entry->key, entry->key_size, entry->keyspace};
        if (entry->keyspace == first)
            key.keyspace = second;
        else if (entry->keyspace == second)
            key.keyspace = first;
        model_set(&swapped, &key, entry->value, entry->value_size, entry->expire_at_ms);
    }
    model_deinit(model);
    *model = swapped;
}

static bool same_entry(const struct model_entry *left, const struct model_entry *right) {
    blitzdb_key key = {right->key, right->key_size, right->keyspace};
    return compare(left, &key) == 0 && left->expire_at_ms == right->expire_at_ms &&
           left->value_size == right->value_size && memcmp(left->value, right->value, left->value_size) == 0;
}

static size_t skip_expired(const struct model *model, size_t index, int64_t now_ms) {
    while (index < model->count && expired(&model->entries[index], now_ms))
        index++;
    return index;
}

bool model_equal(const struct model *left, const struct model *right, int64_t now_ms) {
    size_t i = skip_expired(left, 0, now_ms);
    size_t j = skip_expired(right, 0, now_ms);
    while (i < left->count && j < right->count) {
        if (!same_entry(&left->entries[i], &right->entries[j]))
            return false;
        i = skip_expired(left, i + 1, now_ms);
        j = skip_expired(right, j + 1, now_ms);
    }
    return i == left->count && j == right->count;
}

/** What the scan callback needs: where to put the entry and in which keyspace it was found. */
struct scan_target {
    struct model *model;
    unsigned keyspace;
};

static void collect(void *user, const blitzdb_scan_entry *entry) {
    struct scan_target *target = user;
    blitzdb_key key = {entry->key, entry->key_size, target->keyspace};
    model_set(target->model, &key, entry->value, entry->value_size, entry->expire_at_ms);
}

blitzdb_status model_read_database(struct model *model, blitzdb *db) {
    model_deinit(model);
    for (unsigned keyspace = 0; keyspace < BLITZDB_KEYSPACES; keyspace++) {
        struct scan_target target = {model, keyspace};
        blitzdb *handle = NULL;
        blitzdb_status status = blitzdb_keyspace(db, keyspace, &handle);
        uint64_t cursor = 0;
        do {
            if (status == BLITZDB_OK)
                status = blitzdb_scan(handle, &cursor, NULL, 0, 1000, collect, &target);
        } while (status == BLITZDB_OK && cursor != 0);
        if (status != BLITZDB_OK)
            return status;
    }
    return BLITZDB_OK;
}

bool model_matches(const struct model *model, blitzdb *db, int64_t now_ms) {
    struct model found = {0};
    bool is_same = model_read_database(&found, db) == BLITZDB_OK && model_equal(&found, model, now_ms);
    model_deinit(&found);
    return is_same;
}

static void print_bytes(const uint8_t *bytes, size_t size) {
    size_t shown = size < 24 ? size : 24;
    for (size_t i = 0; i < shown; i++)
        if (bytes[i] > ' ' && bytes[i] < 127)
            (void)fprintf(stderr, "%c", bytes[i]);
        else
            (void)fprintf(stderr, "\\x%02x", bytes[i]);
    (void)fprintf(stderr, shown < size ? "... (%zu bytes)" : " (%zu bytes)", size);
}

void model_print(const struct model *model, const char *title) {
    (void)fprintf(stderr, "%s: %zu entries\n", title, model->count);
    for (size_t i = 0; i < model->count; i++) {
        const struct model_entry *entry = &model->entries[i];
        (void)fprintf(stderr, "  keyspace %u key ", entry->keyspace);
        print_bytes(entry->key, entry->key_size);
        (void)fprintf(stderr, " = ");
        print_bytes(entry->value, entry->value_size);
        (void)fprintf(stderr, ", expires %" PRId64 "\n", entry->expire_at_ms);
    }
}
