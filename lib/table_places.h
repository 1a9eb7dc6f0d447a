/**
 * @file
 * @brief An array of places of one size that grows at its end and never moves: the table's buckets and its
 * nodes.
 *
 * The places stand in segments of 1, 1, 2, 4 ... 256 and then 512 each, so a small array is small and a large
 * one is never much larger than what is used. Small segments come from the allocator, those of a page or two
 * from the system, larger ones are lent by the arena, where they share its huge pages.
 *
 *     directory ──> [0] [1] [2 3] [4 5 6 7] ... [512 ... 1023] [1024 ... 1535] ...
 *
 * Places come into use in order, and leave it in reverse order. A place is zeroed when it is entered; of lent
 * segments only the pages that were entered count as memory. Belongs to a table and follows its locking.
 */
#ifndef BZD_TABLE_PLACES_H
#define BZD_TABLE_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blitzdb/env.h>

#include "arena.h"

enum {
    BZD_PLACES_SHIFT = 9, /**< large segments have 512 places */
    BZD_PLACES_LARGE = 1 << BZD_PLACES_SHIFT,
};

/** One segment. */
struct bzd_segment {
    uint8_t *base;
    union {
        void *allocated; /**< what the allocator gave: `base` is aligned by hand; or a mapping */
        bzd_ref lent;    /**< of a large segment */
    } origin;
};

struct bzd_places {
    struct bzd_segment *segments; /**< the directory */
    uint32_t segment_count;
    uint32_t segment_capacity; /**< of the directory */
    uint32_t place_size;       /**< 32 or 64; segments are aligned to 64 */
    const blitzdb_env *env;
    struct bzd_arena *arena;
    uint64_t bytes; /**< memory of segments and directory */
};

/** Makes an array that holds no memory yet. */
void bzd_places_init(struct bzd_places *places, const blitzdb_env *env, struct bzd_arena *arena,
                     uint32_t place_size);
void bzd_places_deinit(struct bzd_places *places);

/** Adds a segment; false: no memory, and no more than the directory may have changed. */
bool bzd_places_add_segment(struct bzd_places *places);
/** Removes the last segment, whose places have been left. */
void bzd_places_drop_segment(struct bzd_places *places);

/** Begins to use the place behind the last one, for which there is a segment. */
void bzd_places_enter(struct bzd_places *places, uint32_t index);
/** Stops using the last place. */
void bzd_places_leave(struct bzd_places *places, uint32_t index);

/** What entering `count` more places behind the first `used` would add to `bytes`, as far as it is one
 * segment and one page; less than one place adds nothing. */
uint64_t bzd_places_bytes_ahead(const struct bzd_places *places, uint32_t used, int64_t count);

/** What `bytes` must be if so many places are in use. */
uint64_t bzd_places_count_bytes(const struct bzd_places *places, uint32_t used);

/** The segment of a place. */
static inline uint32_t bzd_places_segment_of(uint32_t index) {
    if (index >= BZD_PLACES_LARGE)
        return BZD_PLACES_SHIFT + (index >> BZD_PLACES_SHIFT);
    return 63u - (uint32_t)__builtin_clzll(2 * (uint64_t)index + 1);
}

/** The first place of a segment. */
static inline uint32_t bzd_places_segment_begin(uint32_t segment) {
    if (segment > BZD_PLACES_SHIFT)
        return (segment - BZD_PLACES_SHIFT) << BZD_PLACES_SHIFT;
    return (UINT32_C(1) << segment) >> 1;
}

/** Places that the segments have. */
static inline uint32_t bzd_places_capacity(const struct bzd_places *places) {
    return bzd_places_segment_begin(places->segment_count);
}

/** Address of a place; `place_size` is the array's, given again so that the compiler knows it. */
static inline void *bzd_places_at(const struct bzd_places *places, uint32_t index, size_t place_size) {
    uint32_t segment = bzd_places_segment_of(index);
    return places->segments[segment].base + (index - bzd_places_segment_begin(segment)) * place_size;
}

#endif
