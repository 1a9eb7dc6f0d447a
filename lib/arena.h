/**
 * @file
 * @brief The database's own memory for entries: size classes in 2 MiB regions, named by 40-bit references.
 *
 * A region is a 2 MiB mapping cut into spans of 16 KiB; a run of spans holds blocks of one size class, or one
 * block of up to 512 KiB. Larger blocks have a region of their own. A reference is `region << 19 | offset /
 * 4` and is never 0, so that a table slot needs five bytes. Empty runs go back to their region, empty regions
 * to the system; once an arena holds many regions it asks for huge pages. What is lent stands in regions of
 * its own, because it cannot be moved: every other region can be emptied (see bzd_arena_begin_drain()).
 *
 *     arena ── region table ──> region 1: [run of class 3 | run of class 12 | free ...]
 *                               region 2: [one large block ...]
 *
 * Allocating and freeing take the arena's own mutex: several shards share one arena. bzd_arena_at() takes no
 * lock: whoever learned a reference under a shard's lock may follow it there. Addresses never move.
 */
#ifndef BZD_ARENA_H
#define BZD_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "lock.h"

struct bzd_region;

/** Names a block; 0 is none, 40 bits are used. */
typedef uint64_t bzd_ref;

enum {
    BZD_REGION_BITS = 21,               /**< a region is 2 MiB */
    BZD_UNIT_BITS = 2,                  /**< blocks are aligned to a unit of 4 bytes ... */
    BZD_UNIT_SIZE = 1 << BZD_UNIT_BITS, /**< ... and named by it */
    BZD_REF_OFFSET_BITS = BZD_REGION_BITS - BZD_UNIT_BITS,
    BZD_REGION_TABLES = 21, /**< table k names regions 2^k to 2^(k+1) - 1 */
    BZD_REGION_SPANS = 128,
    BZD_ARENA_CLASSES = 272,
    BZD_LEND_MIN = 16 * 1024,
    BZD_LEND_MAX = 64 * 1024,
};

/** What a region of spans is for. */
enum bzd_region_use {
    BZD_REGION_BLOCKS,
    BZD_REGION_LENT,
    BZD_REGION_USES,
};

struct bzd_arena {
    /* constant after init */
    const blitzdb_env *env;
    /* written under `mutex`; a reader sees what the lock that gave it the reference ordered before */
    uint8_t **bases[BZD_REGION_TABLES]; /**< addresses of the regions */
    /* guarded by `mutex` */
    struct bzd_mutex mutex;
    struct bzd_region **regions[BZD_REGION_TABLES]; /**< what is known about each, in the same places */
    uint32_t partial_runs[BZD_ARENA_CLASSES];       /**< heads of lists: runs of a class with room, 0: none */
    /** heads of lists, by use and by the longest stretch of free spans */
    uint32_t regions_by_room[BZD_REGION_USES][BZD_REGION_SPANS + 1];
    uint32_t drained_regions;    /**< head of a list: regions being emptied */
    uint32_t region_count;       /**< regions of all kinds */
    uint32_t empty_region_count; /**< kept regions without a block: at most one */
    uint32_t index_low;          /**< every region index below is taken; 0 is never used */
    uint32_t index_end;          /**< every region index from here on was never taken */
    uint32_t trim_index;         /**< region where giving idle pages back goes on */
    uint32_t drain_index;        /**< where the next drain of a very large arena goes on */
    uint32_t drain_region_count; /**< regions there were when the drain began */
    uint32_t drain_wanted;       /**< regions it set out to empty */
    uint32_t drain_pause;        /**< calls to begin a drain that will not */
    uint32_t drain_last_pause;   /**< what it was after the last drain, if that gained little */
    uint64_t idle_bytes;         /**< touched pages in free spans, a part of `held_bytes` */
    uint64_t gone_bytes;         /**< blocks freed while they were pinned, a part of `held_bytes` */
    /* atomic, for looking without a lock */
    _Atomic uint32_t drain;      /**< number of the present drain, 0: none */
    _Atomic uint32_t drains;     /**< number of the last one */
    _Atomic uint64_t used_bytes; /**< blocks in use, rounded to their class */
    _Atomic uint32_t sweeps;     /**< sweeps at work now: they give idle pages back themselves */
    _Atomic uint64_t mappings;   /**< regions mapped and unmapped so far */
    _Atomic uint64_t held_bytes; /**< memory held: touched pages of 4 KiB, headers, region tables */
};

blitzdb_status bzd_arena_init(struct bzd_arena *arena, const blitzdb_env *env);
void bzd_arena_deinit(struct bzd_arena *arena);

/** Allocates `size` (1 to 2^31) bytes aligned to 4. BLITZDB_NO_MEMORY changes nothing. */
blitzdb_status bzd_arena_alloc(struct bzd_arena *arena, size_t size, bzd_ref *ref_out);
/** Frees a block; `size` is what was asked for. */
void bzd_arena_free(struct bzd_arena *arena, bzd_ref ref, size_t size);
/** Frees every block and gives the regions back. */
void bzd_arena_reset(struct bzd_arena *arena);

/**
 * Keeps the bytes of a block where they are until bzd_arena_unpin(), also if it is freed meanwhile. Only a
 * block with a region of its own can be kept; NULL: it has none. Called under the lock that allows to follow
 * `ref`; before a deinit every pin must be taken back.
 */
struct bzd_region *bzd_arena_pin(struct bzd_arena *arena, bzd_ref ref, size_t size);
/** Gives up one pin. No lock is needed. */
void bzd_arena_unpin(struct bzd_arena *arena, struct bzd_region *region);
/** Whether somebody keeps the bytes of a block. */
bool bzd_arena_is_pinned(struct bzd_arena *arena, bzd_ref ref, size_t size);

/** Whether the arena holds an eighth more than is used, and is so small that single runs are worth emptying.
 * No lock. */
bool bzd_arena_wants_tidying(const struct bzd_arena *arena);

/**
 * Sets about emptying the regions with least in them, if what they hold fits into the others: nothing new is
 * put there, and bzd_arena_should_move() says so of their blocks. Deletions scattered over everything leave
 * such a state, and only the owner of the references can cure it: allocate again, copy, free. A region leaves
 * as a whole, so no huge page is broken up. Returns whether a drain goes on now.
 */
bool bzd_arena_begin_drain(struct bzd_arena *arena);
/** Has an empty region ready for what a drain moves: the first touch of a huge page may take milliseconds,
 * which nobody should wait for. Called without any lock, before blocks are moved; returns
 * whether it had to do something. */
bool bzd_arena_prepare_drain(struct bzd_arena *arena);
/** Ends the drain with this number if it still goes on: every block was asked about. What is left in the
 * regions stays. A drain that gained little is not repeated at once, and later and later if the next ones are
 * no better.
 */
void bzd_arena_end_drain(struct bzd_arena *arena, uint32_t number);

/** Between these two, idle pages stay while blocks are freed: soon whole regions may be empty. */
void bzd_arena_begin_sweep(struct bzd_arena *arena);
void bzd_arena_end_sweep(struct bzd_arena *arena);
/** Gives some idle pages back if there are too many; returns whether it did. */
bool bzd_arena_trim(struct bzd_arena *arena);

/** The number of the drain that goes on, 0: none. No lock. */
static inline uint32_t bzd_arena_drain(const struct bzd_arena *arena) {
    return atomic_load_explicit(&arena->drain, memory_order_relaxed);
}

/**
 * Whether moving this block helps to give memory back: it stands in a region that is being emptied, or, in a
 * small sparse arena, in a run with much room. Cheap enough to ask for every entry a sweep passes.
 */
bool bzd_arena_should_move(struct bzd_arena *arena, bzd_ref ref, size_t size);

/**
 * Lends memory for something other than blocks, so that it shares the huge pages of the regions: `size` is a
 * power of two from ::BZD_LEND_MIN to ::BZD_LEND_MAX, the alignment a page. The bytes are undefined and not
 * touched yet; the borrower accounts them, not the arena. BLITZDB_NO_MEMORY changes nothing.
 */
blitzdb_status bzd_arena_lend(struct bzd_arena *arena, size_t size, bzd_ref *ref_out);
/** Takes back what was lent; before a reset or deinit everything must be. */
void bzd_arena_take_back(struct bzd_arena *arena, bzd_ref ref, size_t size);

/** Bytes a block of this size really takes. */
size_t bzd_arena_block_size(size_t size);

/** Lists, counts and bytes agree with what stands in the regions. For asserts and tests; takes the mutex. */
bool bzd_arena_is_valid(struct bzd_arena *arena);

/** How often the system was asked to map or unmap a region, which takes far longer than anything else here.
 * No lock. */
static inline uint64_t bzd_arena_mappings(const struct bzd_arena *arena) {
    return atomic_load_explicit(&arena->mappings, memory_order_relaxed);
}

/** Address of a block. */
static inline uint8_t *bzd_arena_at(const struct bzd_arena *arena, bzd_ref ref) {
    uint64_t index = ref >> BZD_REF_OFFSET_BITS;
    unsigned table = 63u - (unsigned)__builtin_clzll(index);
    uint64_t unit = ref & (((uint64_t)1 << BZD_REF_OFFSET_BITS) - 1);
    return arena->bases[table][index & ~((uint64_t)1 << table)] + unit * BZD_UNIT_SIZE;
}

#endif
