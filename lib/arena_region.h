/**
 * @file
 * @brief Regions of an arena: mappings that are handed out as runs of 16 KiB spans, and taken back.
 *
 * What a region consists of is noted apart from it, so that it can be filled from end to end. Its pages are
 * touched lowest first, as they are needed: a small arena is small. `touched` remembers for every page of 4
 * KiB whether it was used since it was mapped or given back, and `held_bytes` counts those. Where huge pages
 * are at work the system may hold more than was touched, but no more than the free part of the regions filled
 * last. Spans that became free stay touched ("idle") up to a limit; beyond it their pages are given back. In
 * huge regions of a large arena that limit is higher: a huge page with a hole is slower, and the system may
 * fill it again. Those are rather given back as a whole, see arena_drain.c.
 *
 * Everything here is called with the arena's mutex held.
 */
#ifndef BZD_ARENA_REGION_H
#define BZD_ARENA_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "arena_class.h"

enum {
    BZD_PAGE_SIZE = 4096,
    BZD_SPAN_PAGES = BZD_SPAN_SIZE / BZD_PAGE_SIZE,
    BZD_SPAN_ID_BITS = BZD_REGION_BITS - BZD_SPAN_BITS,
    BZD_REGION_SIZE = 1 << BZD_REGION_BITS,
    BZD_REGION_INDEX_END = 1 << 21, /**< what fits above the offset in 40 bits */
    /* An arena of so many is worth huge pages, of which the last ones are half empty. */
    BZD_HUGE_FROM_REGIONS = 16,
};

/** Ends a chain of freed blocks. */
#define BZD_UNIT_NONE UINT32_MAX

/** Describes a span; the first one of a run describes the run. Blocks are named by units. */
struct bzd_run {
    uint32_t previous;   /**< in the list of runs of a class with room, by `region << 7 | span`; 0: none */
    uint32_t next;       /**< the same */
    uint32_t free_block; /**< first of the freed blocks; their first bytes chain them */
    uint32_t fresh;      /**< the first block that was never used */
    uint16_t used_count; /**< blocks in use */
    uint16_t class_index;
    uint8_t span_count; /**< in every span of the run; 0: the span is free */
    uint8_t distance;   /**< spans back to the first of the run */
    uint8_t touched;    /**< one bit for each page of this span; kept while the span is free */
};

struct bzd_region {
    uint8_t *base; /**< of the mapping */
    size_t size;   /**< of the mapping */
    uint32_t index;
    uint32_t previous;   /**< in the list of regions with the same room, 0: none */
    uint32_t next;       /**< the same, or in the list of regions being emptied */
    uint32_t used_bytes; /**< blocks in use, as the arena counts them */
    uint16_t room;       /**< longest stretch of free spans */
    uint16_t used_spans; /**< spans in runs */
    uint8_t use;         /**< ::bzd_region_use */
    bool is_large;       /**< one large block, no spans */
    bool is_huge;        /**< mapped for huge pages */
    bool is_drained;     /**< being emptied: in no list by room, its runs in none of theirs */
    bool is_gone;        /**< freed while it was pinned: in no table, unmapped with the last pin */
    uint32_t pin_count;  /**< readers of a large block that keep it, see bzd_arena_pin() */
    struct bzd_run spans[];
};

_Static_assert(BZD_REGION_SPANS == 1 << BZD_SPAN_ID_BITS, "span numbers fill their bits");
_Static_assert(sizeof(struct bzd_region) + BZD_REGION_SPANS * sizeof(struct bzd_run) <= BZD_PAGE_SIZE,
               "a header fits into a page");
_Static_assert(sizeof(struct bzd_run) == 24, "what a region is described by stays near 3 KiB");

/** The region with this index, NULL if there is none. */
struct bzd_region *bzd_region_find(const struct bzd_arena *arena, uint32_t index);
/** Bytes of memory that describe a region. */
size_t bzd_region_header_size(bool is_large, bool is_huge);

/** Maps a region for one block of `size` bytes; NULL: no memory. The mapping counts as held as a whole. */
struct bzd_region *bzd_region_create_large(struct bzd_arena *arena, size_t size);
/** Bytes such a mapping has. */
size_t bzd_region_large_size(size_t size);
/** Unmaps a region that nobody uses any more; a pinned one goes with its last pin. */
void bzd_region_destroy(struct bzd_arena *arena, struct bzd_region *region);
/** Unmaps all of them, the pinned ones later, and frees the region tables. */
void bzd_region_destroy_all(struct bzd_arena *arena);
/** Takes one pin back. */
void bzd_region_unpin(struct bzd_arena *arena, struct bzd_region *region);

/**
 * Takes a run of `span_count` spans, of which the first `size` bytes will be used, from the region of this
 * use where it fits most tightly, or from a new one; NULL: no memory. Pages behind these bytes are untouched.
 * Of the descriptor, `span_count`, `distance` and `touched` are set.
 */
struct bzd_region *bzd_region_take(struct bzd_arena *arena, enum bzd_region_use use, unsigned span_count,
                                   size_t size, unsigned *span_out);
/** Gives a run back; `span` is its first. The region may be gone afterwards. */
void bzd_region_release(struct bzd_arena *arena, struct bzd_region *region, unsigned span);
/** Notes that bytes of a run are about to be used. */
void bzd_region_touch(struct bzd_arena *arena, struct bzd_region *region, size_t offset, size_t size);

/** Puts a region into the list of its room, if it has room and is not being emptied; takes it out again. */
void bzd_region_link(struct bzd_arena *arena, struct bzd_region *region);
void bzd_region_unlink(struct bzd_arena *arena, struct bzd_region *region);

/** Puts a run into the list of its class, and takes it out. It has room. */
void bzd_run_link(struct bzd_arena *arena, struct bzd_region *region, struct bzd_run *run);
void bzd_run_unlink(struct bzd_arena *arena, struct bzd_run *run);
/** Ends a drain; the mutex is held. */
void bzd_drain_end(struct bzd_arena *arena);

/** Unmaps the region without a block that is kept, if too little is in use for that. */
void bzd_region_review_empty(struct bzd_arena *arena);

/** Length of the longest stretch of free spans. */
unsigned bzd_region_longest_stretch(const struct bzd_region *region);
/** Bytes of the touched pages among some spans. */
size_t bzd_region_touched_bytes(const struct bzd_region *region, unsigned begin, unsigned end);

/** Where a span begins. */
static inline uint32_t bzd_span_unit(unsigned span) {
    return (uint32_t)span << (BZD_SPAN_BITS - BZD_UNIT_BITS);
}

/** Address of a block. */
static inline uint8_t *bzd_region_at(const struct bzd_region *region, uint32_t unit) {
    return region->base + (size_t)unit * BZD_UNIT_SIZE;
}

/** Whether a run of a class has no room for another block. */
static inline bool bzd_run_is_full(const struct bzd_region *region, const struct bzd_run *run) {
    uint32_t end = bzd_span_unit((unsigned)(run - region->spans) + run->span_count);
    return run->free_block == BZD_UNIT_NONE &&
           run->fresh + bzd_class_size(run->class_index) / BZD_UNIT_SIZE > end;
}

/** Whether so little is in use that every page counts. */
static inline bool bzd_arena_is_small(const struct bzd_arena *arena) {
    return atomic_load_explicit(&arena->used_bytes, memory_order_relaxed) <
           (uint64_t)BZD_HUGE_FROM_REGIONS * BZD_REGION_SIZE;
}

/** Adds to a counter that is written under the mutex only: no read-modify-write is needed. */
static inline void bzd_arena_count(_Atomic uint64_t *counter, uint64_t difference) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + difference, memory_order_relaxed);
}

#endif
