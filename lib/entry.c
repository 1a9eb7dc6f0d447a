#include "entry.h"

#include "codec.h"
#include "invariant.h"

/** Bytes of the two sizes together, by width class. */
static const uint8_t width_sizes[] = {2, 3, 5, 8};

/** The narrowest class that holds both sizes. */
static unsigned width_class(const struct bzd_entry *entry) {
    if (entry->key.size > UINT8_MAX)
        return 3;
    if (entry->value.size > UINT16_MAX)
        return 2;
    return entry->value.size > UINT8_MAX ? 1 : 0;
}

/** Writes the lowest `width` bytes of a number and returns the address behind them. */
static uint8_t *put_number(uint8_t *to, uint64_t number, unsigned width) {
    for (unsigned i = 0; i < width; i++)
        to[i] = (uint8_t)(number >> (8 * i));
    return to + width;
}

static uint8_t *put_bytes(uint8_t *to, struct bzd_slice bytes) {
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

size_t bzd_entry_size(const struct bzd_entry *entry) {
    size_t header = 1u + width_sizes[width_class(entry)];
    if (entry->expire_at_ms != 0)
        header += BZD_ENTRY_EXPIRY_SIZE;
    return header + entry->key.size + entry->value.size;
}

void bzd_entry_encode(uint8_t *to, const struct bzd_entry *entry) {
    BZD_ASSERT(entry->keyspace <= BZD_ENTRY_KEYSPACE_MASK);
    BZD_ASSERT(entry->key.size <= UINT32_MAX);
    BZD_ASSERT(entry->value.size <= UINT32_MAX);
    BZD_ASSERT(entry->expire_at_ms >= 0 && entry->expire_at_ms <= BZD_EXPIRE_MAX_MS);

    unsigned width = width_class(entry);
    unsigned key_width = width == 3 ? 4 : 1;
    unsigned flags = entry->keyspace | width << BZD_ENTRY_WIDTH_SHIFT;
    if (entry->expire_at_ms != 0)
        flags |= BZD_ENTRY_HAS_EXPIRY;
    *to++ = (uint8_t)flags;
    to = put_number(to, entry->key.size, key_width);
    to = put_number(to, entry->value.size, width_sizes[width] - key_width);
    if (entry->expire_at_ms != 0)
        to = put_number(to, (uint64_t)entry->expire_at_ms, BZD_ENTRY_EXPIRY_SIZE);
    put_bytes(put_bytes(to, entry->key), entry->value);
}

/** Reads the two sizes and returns the address behind them, where the expiry or the key begins. */
static const uint8_t *load_sizes(const uint8_t *block, size_t *key_size_out, size_t *value_size_out) {
    const uint8_t *at = block + 1 + (block[0] >> BZD_ENTRY_TYPE_SHIFT);
    *key_size_out = at[0];
    switch (block[0] >> BZD_ENTRY_WIDTH_SHIFT & BZD_ENTRY_WIDTH_MASK) {
    case 0:
        *value_size_out = at[1];
        return at + 2;
    case 1:
        *value_size_out = bzd_load_u16(at + 1);
        return at + 3;
    case 2:
        *value_size_out = bzd_load_u32(at + 1);
        return at + 5;
    default:
        *key_size_out = bzd_load_u32(at);
        *value_size_out = bzd_load_u32(at + 4);
        return at + 8;
    }
}

void bzd_entry_decode_general(const uint8_t *block, struct bzd_entry *entry_out) {
    size_t key_size, value_size;
    const uint8_t *at = load_sizes(block, &key_size, &value_size);
    entry_out->keyspace = block[0] & BZD_ENTRY_KEYSPACE_MASK;
    entry_out->expire_at_ms = 0;
    if ((block[0] & BZD_ENTRY_HAS_EXPIRY) != 0) {
        entry_out->expire_at_ms = bzd_entry_load_expiry(at);
        at += BZD_ENTRY_EXPIRY_SIZE;
    }
    entry_out->key = bzd_slice_of(at, key_size);
    entry_out->value = bzd_slice_of(at + key_size, value_size);
}

bool bzd_entry_has_key_general(const uint8_t *block, unsigned keyspace, struct bzd_slice key) {
    struct bzd_entry entry;
    bzd_entry_decode_general(block, &entry);
    return entry.keyspace == keyspace && bzd_slice_equal(entry.key, key);
}
