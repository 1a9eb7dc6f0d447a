/**
 * @file
 * @brief One key and its value in memory, byte by byte: a single block, never changed after publication.
 *
 *     offset  size  what
 *     0       1     flags: bits 0-3 keyspace, bit 4 has expiry, bits 5-6 width class, bit 7 has type byte
 *     1       0..1  type, only if bit 7 is set (kept for lists, hashes, sets); strings have none
 *     ..      1..4  key size    by width class: 0: u8   1: u8    2: u8    3: u32
 *     ..      1..4  value size                  0: u8   1: u16   2: u32   3: u32
 *     ..      0..6  expiry, Unix time in milliseconds, 48 bits, only if bit 4 is set
 *     ..            key bytes, then value bytes
 *
 * A small entry has 3 bytes of header. All integers are little endian and unaligned. Nothing here allocates
 * or locks; the layout is private to the process and never written to disk.
 */
#ifndef BZD_ENTRY_H
#define BZD_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/** Latest expiry that fits: 2^47 ms after 1970. Larger ones are refused where they come in. */
#define BZD_EXPIRE_MAX_MS ((int64_t)1 << 47)

/** Parts of the flags byte. */
enum {
    BZD_ENTRY_KEYSPACE_MASK = 0x0F,
    BZD_ENTRY_HAS_EXPIRY = 0x10,
    BZD_ENTRY_WIDTH_SHIFT = 5,
    BZD_ENTRY_WIDTH_MASK = 0x03,
    BZD_ENTRY_TYPE_SHIFT = 7,
    BZD_ENTRY_EXPIRY_SIZE = 6,
};

/** An entry taken apart; the slices point into it. */
struct bzd_entry {
    unsigned keyspace;
    struct bzd_slice key;
    struct bzd_slice value;
    int64_t expire_at_ms; /**< 0: never */
};

/** True if an entry with this expiry (0: never) is still there at a moment. */
static inline bool bzd_entry_is_live(int64_t expire_at_ms, int64_t now_ms) {
    return expire_at_ms == 0 || expire_at_ms > now_ms;
}

/** Bytes bzd_entry_encode() writes. */
size_t bzd_entry_size(const struct bzd_entry *entry);
/** Writes the block; `to` has bzd_entry_size() bytes. */
void bzd_entry_encode(uint8_t *to, const struct bzd_entry *entry);
/** Bytes a block occupies. */
size_t bzd_entry_block_size(const uint8_t *block);

/* What follows runs for every look-up and is inline for that reason. */

/** Reads four bytes; the compiler makes one load of it. */
static inline uint32_t bzd_entry_load_u32(const uint8_t *from) {
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/** Reads the two sizes and returns the address behind them, where the expiry or the key begins. */
static inline const uint8_t *bzd_entry_sizes(const uint8_t *block, size_t *key_size_out,
                                             size_t *value_size_out) {
    const uint8_t *at = block + 1 + (block[0] >> BZD_ENTRY_TYPE_SHIFT);
    *key_size_out = at[0];
    switch (block[0] >> BZD_ENTRY_WIDTH_SHIFT & BZD_ENTRY_WIDTH_MASK) {
    case 0:
        *value_size_out = at[1];
        return at + 2;
    case 1:
        *value_size_out = (size_t)at[1] | (size_t)at[2] << 8;
        return at + 3;
    case 2:
        *value_size_out = bzd_entry_load_u32(at + 1);
        return at + 5;
    default:
        *key_size_out = bzd_entry_load_u32(at);
        *value_size_out = bzd_entry_load_u32(at + 4);
        return at + 8;
    }
}

/** The expiry alone, 0: never. */
static inline int64_t bzd_entry_expire_at(const uint8_t *block) {
    size_t key_size, value_size;
    if ((block[0] & BZD_ENTRY_HAS_EXPIRY) == 0)
        return 0;
    const uint8_t *at = bzd_entry_sizes(block, &key_size, &value_size);
    return (int64_t)((uint64_t)bzd_entry_load_u32(at) | (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40);
}

/** Takes a block apart. */
static inline void bzd_entry_decode(const uint8_t *block, struct bzd_entry *entry_out) {
    size_t key_size, value_size;
    const uint8_t *at = bzd_entry_sizes(block, &key_size, &value_size);
    if ((block[0] & BZD_ENTRY_HAS_EXPIRY) != 0)
        at += BZD_ENTRY_EXPIRY_SIZE;
    entry_out->keyspace = block[0] & BZD_ENTRY_KEYSPACE_MASK;
    entry_out->key = bzd_slice_of(at, key_size);
    entry_out->value = bzd_slice_of(at + key_size, value_size);
    entry_out->expire_at_ms = bzd_entry_expire_at(block);
}

/** Compares without taking the value apart. */
static inline bool bzd_entry_has_key(const uint8_t *block, unsigned keyspace, struct bzd_slice key) {
    size_t key_size, value_size;
    const uint8_t *at = bzd_entry_sizes(block, &key_size, &value_size);
    if ((block[0] & BZD_ENTRY_HAS_EXPIRY) != 0)
        at += BZD_ENTRY_EXPIRY_SIZE;
    return (block[0] & BZD_ENTRY_KEYSPACE_MASK) == keyspace &&
           bzd_slice_equal(bzd_slice_of(at, key_size), key);
}

#endif
