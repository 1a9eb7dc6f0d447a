#include "distinct.h"

#include "alloc.h"
#include "invariant.h"

blitzdb_status bzd_distinct_init(struct bzd_distinct *distinct, const struct bzd_store *store,
                                 size_t capacity) {
    memset(distinct, 0, sizeof *distinct);
    distinct->env = store->env;
    distinct->hash_key = &store->hash_key;
    distinct->capacity = capacity;
    if (capacity > (size_t)1 << 28)
        return BLITZDB_TOO_LARGE;
    size_t table_size = 2;
    while (table_size < 2 * capacity)
        table_size *= 2;
    size_t slots_bytes = capacity * sizeof(struct bzd_slot);
    size_t index_bytes = (capacity + table_size) * sizeof(uint32_t);
    distinct->memory = bzd_alloc_zeroed(store->env, slots_bytes + index_bytes);
    if (distinct->memory == NULL)
        return BLITZDB_NO_MEMORY;
    distinct->slots = distinct->memory;
    distinct->slot_of = (uint32_t *)(void *)((uint8_t *)distinct->memory + slots_bytes);
    distinct->table = distinct->slot_of + capacity;
    distinct->table_mask = (uint32_t)table_size - 1;
    return BLITZDB_OK;
}

void bzd_distinct_deinit(struct bzd_distinct *distinct) {
    bzd_free(distinct->env, distinct->key_bytes);
    bzd_free(distinct->env, distinct->memory);
}

void bzd_distinct_add(struct bzd_distinct *distinct, unsigned selected, struct bzd_slice key) {
    BZD_ASSERT(distinct->count < distinct->capacity);
    uint32_t at = (uint32_t)bzd_hash(distinct->hash_key, selected, key) & distinct->table_mask;
    for (; distinct->table[at] != 0; at = (at + 1) & distinct->table_mask) {
        const struct bzd_slot *slot = &distinct->slots[distinct->table[at] - 1];
        if (slot->selected == selected && bzd_slice_equal(slot->key, key))
            break;
    }
    if (distinct->table[at] == 0) {
        struct bzd_slot *slot = &distinct->slots[distinct->slot_count];
        slot->key = key;
        slot->selected = selected;
        distinct->table[at] = (uint32_t)++distinct->slot_count;
    }
    distinct->slot_of[distinct->count++] = distinct->table[at] - 1;
}

blitzdb_status bzd_distinct_own_keys(struct bzd_distinct *distinct) {
    size_t size = 0;
    for (size_t i = 0; i < distinct->slot_count; i++)
        size += distinct->slots[i].key.size;
    uint8_t *to = bzd_alloc(distinct->env, size);
    if (to == NULL)
        return BLITZDB_NO_MEMORY;
    distinct->key_bytes = to;
    for (size_t i = 0; i < distinct->slot_count; i++) {
        struct bzd_slice *key = &distinct->slots[i].key;
        if (key->size > 0)
            memcpy(to, key->data, key->size);
        key->data = to;
        to += key->size;
    }
    return BLITZDB_OK;
}
