/**
 * @file
 * @brief One key and its value in memory, byte by byte: a single block. After publication nothing of it
 * changes but the value, which another one of the same size may be written over under the write lock.
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
    BZD_ENTRY_HEADER_MAX = 16,
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
/** Compares with an entry of any kind, without taking the value apart. */
bool bzd_entry_has_key_general(const uint8_t *block, unsigned keyspace, struct bzd_slice key);
/** Takes a block of any kind apart. */
void bzd_entry_decode_general(const uint8_t *block, struct bzd_entry *entry_out);

/* What follows runs for every look-up and is inline for that reason. Most entries are small strings: both
 * sizes have one byte, and the only part that may stand before the key is an expiry. */

static inline bool bzd_entry_is_small(const uint8_t *block) {
    return (block[0] & ~(unsigned)(BZD_ENTRY_KEYSPACE_MASK | BZD_ENTRY_HAS_EXPIRY)) == 0;
}

/** Where the key of a small entry begins. */
static inline const uint8_t *bzd_entry_small_key(const uint8_t *block) {
    unsigned expiry_size = (block[0] & BZD_ENTRY_HAS_EXPIRY) != 0 ? BZD_ENTRY_EXPIRY_SIZE : 0;
    return block + 3 + expiry_size;
}

/** Reads the expiry that begins here. */
static inline int64_t bzd_entry_load_expiry(const uint8_t *from) {
    return (int64_t)((uint64_t)from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 |
                     (uint64_t)from[3] << 24 | (uint64_t)from[4] << 32 | (uint64_t)from[5] << 40);
}

/** Takes a block apart. */
static inline void bzd_entry_decode(const uint8_t *block, struct bzd_entry *entry_out) {
    if (!bzd_entry_is_small(block)) {
        bzd_entry_decode_general(block, entry_out);
        return;
    }
    const uint8_t *key = bzd_entry_small_key(block);
    entry_out->keyspace = block[0] & BZD_ENTRY_KEYSPACE_MASK;
    entry_out->key = bzd_slice_of(key, block[1]);
    entry_out->value = bzd_slice_of(key + block[1], block[2]);
    entry_out->expire_at_ms = (block[0] & BZD_ENTRY_HAS_EXPIRY) != 0 ? bzd_entry_load_expiry(block + 3) : 0;
}

/** The value alone. */
static inline struct bzd_slice bzd_entry_value(const uint8_t *block) {
    if (bzd_entry_is_small(block))
        return bzd_slice_of(bzd_entry_small_key(block) + block[1], block[2]);
    struct bzd_entry entry;
    bzd_entry_decode_general(block, &entry);
    return entry.value;
}

/** Whether a value can be written over the present one: the entry has no expiry, and the sizes are the same.
 */
static inline bool bzd_entry_can_take(const uint8_t *block, size_t value_size) {
    return (block[0] & BZD_ENTRY_HAS_EXPIRY) == 0 && bzd_entry_value(block).size == value_size;
}

/** Compares without taking the value apart. */
static inline bool bzd_entry_has_key(const uint8_t *block, unsigned keyspace, struct bzd_slice key) {
    if (!bzd_entry_is_small(block))
        return bzd_entry_has_key_general(block, keyspace, key);
    return (block[0] & BZD_ENTRY_KEYSPACE_MASK) == keyspace &&
           bzd_slice_equal(bzd_slice_of(bzd_entry_small_key(block), block[1]), key);
}

/** Bytes a block occupies. */
static inline size_t bzd_entry_block_size(const uint8_t *block) {
    struct bzd_entry entry;
    bzd_entry_decode(block, &entry);
    const uint8_t *value = (const uint8_t *)entry.value.data;
    return (size_t)(value - block) + entry.value.size;
}

/** The expiry alone, 0: never. */
static inline int64_t bzd_entry_expire_at(const uint8_t *block) {
    struct bzd_entry entry;
    if ((block[0] & BZD_ENTRY_HAS_EXPIRY) == 0)
        return 0;
    bzd_entry_decode(block, &entry);
    return entry.expire_at_ms;
}

#endif
