/**
 * @file
 * @brief The table from inside: the layout of buckets and overflow nodes, where they stand, and their groups.
 *
 *     bucket (64 bytes, one cache line)        overflow node (32 bytes)
 *     0   9 tags, 0: empty slot                0   4 tags
 *     9   9 references of 5 bytes              4   4 references
 *     54  marks: 9 used, 7 proven              24  next node of the group, 0: none
 *     56  first overflow node, 0: none         28  marks: 4 used, 4 proven
 *     60  padding                              29  padding
 *
 * A bucket and its chain of overflow nodes are a *group*. Only the head of the chain may have empty slots,
 * and these are its last ones; so a group has as few nodes as its entries need, and taking an entry out moves
 * one from the head into the hole.
 *
 * A free overflow node has tags of zero and is in a doubly linked chain: `next`, and the previous one as
 * first reference.
 */
#ifndef BZD_TABLE_BUCKET_H
#define BZD_TABLE_BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "table.h"

enum {
    BZD_BUCKET_SLOTS = 9,
    BZD_OVERFLOW_SLOTS = 4,
    BZD_REF_SIZE = 5,
    BZD_OVERFLOW_MAX = 1 << 30, /**< nodes of a table */
};

struct bzd_bucket {
    uint8_t tags[BZD_BUCKET_SLOTS];
    uint8_t refs[BZD_BUCKET_SLOTS][BZD_REF_SIZE];
    _Atomic uint16_t clock;
    uint32_t overflow;
    uint8_t padding[4];
};

struct bzd_overflow {
    uint8_t tags[BZD_OVERFLOW_SLOTS];
    uint8_t refs[BZD_OVERFLOW_SLOTS][BZD_REF_SIZE];
    uint32_t next;
    _Atomic uint8_t clock;
    uint8_t padding[3];
};

_Static_assert(sizeof(struct bzd_bucket) == 64, "a bucket is one cache line");
_Static_assert(offsetof(struct bzd_bucket, refs) >= 3 && offsetof(struct bzd_overflow, refs) >= 3,
               "eight bytes can be read that end with a reference");
_Static_assert(sizeof(struct bzd_overflow) == 32, "two overflow nodes to a cache line");

/** One item of a group on its way from one place to another. */
struct bzd_table_item {
    bzd_ref ref;
    uint8_t tag;
    uint8_t marks; /**< BZD_MARK_* */
};

/* -- Slots ---------------------------------------------------------------------------------------- */

/** Tag of a hash: 1 to 255. */
static inline uint8_t bzd_tag_of(uint64_t hash) {
    uint8_t bits = (uint8_t)(hash >> 40);
    return bits != 0 ? bits : 1;
}

static inline bzd_ref bzd_ref_load(const uint8_t *from) {
    return (uint64_t)from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 | (uint64_t)from[3] << 24 |
           (uint64_t)from[4] << 32;
}

/** The reference at an offset of a bucket or node before which three more bytes stand: one load and a shift.
 * What stands behind the last one may be written at the same time: the marks. */
static inline bzd_ref bzd_ref_load_at(const void *places, size_t offset) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    memcpy(&word, (const uint8_t *)places + offset - 3, sizeof word);
    return word >> 24;
#else
    return bzd_ref_load((const uint8_t *)places + offset);
#endif
}

static inline bzd_ref bzd_bucket_ref(const struct bzd_bucket *bucket, unsigned slot) {
    return bzd_ref_load_at(bucket, offsetof(struct bzd_bucket, refs) + slot * (size_t)BZD_REF_SIZE);
}

static inline bzd_ref bzd_overflow_ref(const struct bzd_overflow *node, unsigned slot) {
    return bzd_ref_load_at(node, offsetof(struct bzd_overflow, refs) + slot * (size_t)BZD_REF_SIZE);
}

static inline void bzd_ref_store(uint8_t *to, bzd_ref ref) {
    for (unsigned i = 0; i < BZD_REF_SIZE; i++)
        to[i] = (uint8_t)(ref >> (8 * i));
}

/** Slots of a bucket that have this tag, one bit for each. */
static inline unsigned bzd_bucket_match(const struct bzd_bucket *bucket, uint8_t tag) {
#if defined(__SSE2__)
    __m128i tags = _mm_load_si128((const __m128i *)(const void *)bucket);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) & 0x1FFu;
#elif defined(__aarch64__) && defined(__ARM_NEON)
    static const uint8_t weights[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t equal = vceqq_u8(vld1q_u8((const uint8_t *)(const void *)bucket), vdupq_n_u8(tag));
    unsigned ninth = vgetq_lane_u8(equal, 8) & 1u;
    return vaddv_u8(vand_u8(vget_low_u8(equal), vld1_u8(weights))) | ninth << 8;
#else
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)bucket->tags[i] << (8 * i);
    word ^= tag * UINT64_C(0x0101010101010101);
    /* No sum carries into the next byte, so the top bit is clear exactly in the bytes that are zero. */
    uint64_t low_bits = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t zeros = ~(((word & low_bits) + low_bits) | word | low_bits);
    /* The product gathers the eight bits in the top byte. */
    unsigned eight = (unsigned)((zeros >> 7) * UINT64_C(0x0102040810204080) >> 56);
    return eight | (unsigned)(bucket->tags[8] == tag) << 8;
#endif
}

/** The same for an overflow node. */
static inline unsigned bzd_overflow_match(const struct bzd_overflow *node, uint8_t tag) {
    uint32_t word = (uint32_t)node->tags[0] | (uint32_t)node->tags[1] << 8 | (uint32_t)node->tags[2] << 16 |
                    (uint32_t)node->tags[3] << 24;
    word ^= tag * UINT32_C(0x01010101);
    uint32_t low_bits = UINT32_C(0x7F7F7F7F);
    uint32_t zeros = ~(((word & low_bits) + low_bits) | word | low_bits);
    return (zeros >> 7) * UINT32_C(0x01020408) >> 24 & 0xFu;
}

/* -- Marks: first the used bits of all slots, then the proven bits of as many as there is room for --------
 */

/** The bits of a slot's marks among those of a bucket (`slots` 9, 16 bits) or a node (`slots` 4, 8 bits). */
static inline unsigned bzd_marks_bits(unsigned marks, unsigned slot, unsigned slots) {
    unsigned bits = (marks & BZD_MARK_USED) << slot | (marks & BZD_MARK_PROVEN) << (slots - 1 + slot);
    return bits & ((1u << (slots == BZD_BUCKET_SLOTS ? 16 : 8)) - 1);
}

/** The marks of a slot. */
static inline unsigned bzd_marks_of(unsigned clock, unsigned slot, unsigned slots) {
    return (clock >> slot & BZD_MARK_USED) | (clock >> (slots - 1 + slot) & BZD_MARK_PROVEN);
}

/** All bits with the marks of one slot exchanged for others. */
static inline unsigned bzd_marks_with(unsigned clock, unsigned slot, unsigned slots, unsigned marks) {
    unsigned all = bzd_marks_bits(BZD_MARK_USED | BZD_MARK_PROVEN, slot, slots);
    return (clock & ~all) | bzd_marks_bits(marks, slot, slots);
}

/* -- Where buckets and nodes stand ------------------------------------------------------------------ */

static inline struct bzd_bucket *bzd_bucket_at(const struct bzd_table *table, uint32_t index) {
    return bzd_places_at(&table->buckets, index, sizeof(struct bzd_bucket));
}

/** Nodes are numbered from 1. */
static inline struct bzd_overflow *bzd_overflow_at(const struct bzd_table *table, uint32_t number) {
    return bzd_places_at(&table->overflow, number - 1, sizeof(struct bzd_overflow));
}

/** The largest level with 2^level <= count: so many bits of the hash, or one more, tell `count` buckets
 * apart. */
static inline unsigned bzd_level_of(uint32_t count) {
    return 31u - (unsigned)__builtin_clz(count);
}

/** The bucket a hash belongs to; the table has one. */
static inline uint32_t bzd_table_bucket_of(const struct bzd_table *table, uint64_t hash) {
    uint32_t mask = (UINT32_C(2) << bzd_level_of(table->bucket_count)) - 1;
    uint32_t index = (uint32_t)hash & mask;
    return index < table->bucket_count ? index : index & mask >> 1;
}

/* -- Groups --------------------------------------------------------------------------------------- */

/** Adds an item; a node for it was reserved. */
void bzd_group_add(struct bzd_table *table, struct bzd_bucket *bucket, struct bzd_table_item item);

/** Hash of an entry's key. */
uint64_t bzd_table_hash_entry(const struct bzd_table *table, bzd_ref ref);

/* -- Overflow nodes ------------------------------------------------------------------------------- */

/** Makes sure that `count` nodes can be taken. BLITZDB_NO_MEMORY changes nothing. */
blitzdb_status bzd_overflow_reserve(struct bzd_table *table, size_t count);
/** Takes a reserved node: empty, and in no chain. */
uint32_t bzd_overflow_take(struct bzd_table *table);
/** Puts a node into the chain of free ones. */
void bzd_overflow_release(struct bzd_table *table, uint32_t index);
/** Gives memory back, a little in each call, if many nodes are free: else they would stay for ever. Returns
 * whether that is done. */
bool bzd_overflow_compact(struct bzd_table *table);

#endif
