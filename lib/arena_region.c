#include "arena_region.h"

#include "alloc.h"
#include "invariant.h"

enum {
    IDLE_MIN = 64 * 1024, /* idle bytes that are always kept, so that a run that comes and goes is cheap */
    IDLE_SHIFT = 5,       /* and this part (1/32) of the bytes in use */
    IDLE_HUGE_SHIFT = 3,  /* or this one (1/8), before huge pages are broken up */
    TRIM_REGIONS = 4,     /* regions looked at for idle pages in one call */
    SWEEP_REGIONS = 64,   /* the same for a sweep, until so many bytes were given back: */
    SWEEP_BYTES = 256 * 1024,
};

/* -- The tables of regions ------------------------------------------------------------------------- */

static unsigned table_of(uint32_t index) {
    return 31u - (unsigned)__builtin_clz(index);
}

/** The place of an index in its table. */
static uint32_t place_of(uint32_t index) {
    return index - (UINT32_C(1) << table_of(index));
}

struct bzd_region *bzd_region_find(const struct bzd_arena *arena, uint32_t index) {
    struct bzd_region **table = arena->regions[table_of(index)];
    return table == NULL ? NULL : table[place_of(index)];
}

/** The lowest index that is free; indexes stay small so that the tables stay dense. */
static uint32_t free_index(struct bzd_arena *arena) {
    uint32_t index = arena->index_low > 0 ? arena->index_low : 1;
    while (index < arena->index_end && bzd_region_find(arena, index) != NULL)
        index++;
    arena->index_low = index;
    return index;
}

/** Makes the tables that an index belongs to; false: no memory. */
static bool reserve_tables(struct bzd_arena *arena, uint32_t index) {
    unsigned table = table_of(index);
    if (arena->regions[table] != NULL)
        return true;
    size_t count = (size_t)1 << table;
    uint8_t **bases = bzd_alloc_zeroed(arena->env, count * sizeof *bases);
    struct bzd_region **regions = bzd_alloc_zeroed(arena->env, count * sizeof *regions);
    if (bases == NULL || regions == NULL) {
        bzd_free(arena->env, bases);
        bzd_free(arena->env, regions);
        return false;
    }
    arena->bases[table] = bases;
    arena->regions[table] = regions;
    bzd_arena_count(&arena->held_bytes, count * (sizeof *bases + sizeof *regions));
    return true;
}

static void enter_region(struct bzd_arena *arena, struct bzd_region *region) {
    uint32_t index = region->index;
    arena->bases[table_of(index)][place_of(index)] = region->base;
    arena->regions[table_of(index)][place_of(index)] = region;
    arena->region_count++;
    if (index >= arena->index_end)
        arena->index_end = index + 1;
}

static void leave_region(struct bzd_arena *arena, uint32_t index) {
    arena->bases[table_of(index)][place_of(index)] = NULL;
    arena->regions[table_of(index)][place_of(index)] = NULL;
    arena->region_count--;
    if (index < arena->index_low)
        arena->index_low = index;
}

/* -- Mappings -------------------------------------------------------------------------------------- */

/** Whether the header is a mapping of its own: an allocator would keep many of them in its pool for ever. */
static bool header_is_mapped(bool is_large, bool is_huge) {
    return !is_large && is_huge;
}

size_t bzd_region_header_size(bool is_large, bool is_huge) {
    size_t spans = is_large ? 0 : BZD_REGION_SPANS;
    size_t size = sizeof(struct bzd_region) + spans * sizeof(struct bzd_run);
    return header_is_mapped(is_large, is_huge) ? BZD_PAGE_SIZE : size;
}

static struct bzd_region *create_header(const struct bzd_arena *arena, bool is_large, bool is_huge) {
    size_t size = bzd_region_header_size(is_large, is_huge);
    struct bzd_region *region = header_is_mapped(is_large, is_huge)
                                    ? arena->env->map(arena->env->user, size, BZD_PAGE_SIZE, 0)
                                    : bzd_alloc_zeroed(arena->env, size);
    if (region == NULL)
        return NULL;
    region->is_large = is_large;
    region->is_huge = is_huge;
    return region;
}

static void destroy_header(const struct bzd_arena *arena, struct bzd_region *region) {
    if (header_is_mapped(region->is_large, region->is_huge))
        arena->env->unmap(arena->env->user, region, BZD_PAGE_SIZE);
    else
        bzd_free(arena->env, region);
}

/** Maps a region that is not entered yet; NULL: no memory. Needs no mutex. */
static struct bzd_region *map_region(const struct bzd_arena *arena, size_t size, bool is_large,
                                     bool is_huge) {
    size_t alignment = size >= BZD_REGION_SIZE ? BZD_REGION_SIZE : BZD_PAGE_SIZE;
    struct bzd_region *region = create_header(arena, is_large, is_huge);
    if (region == NULL)
        return NULL;
    region->size = size;
    region->base = arena->env->map(arena->env->user, size, alignment, is_huge ? BLITZDB_MAP_HUGE : 0);
    if (region->base != NULL)
        return region;
    destroy_header(arena, region);
    return NULL;
}

static void unmap_region(const struct bzd_arena *arena, struct bzd_region *region) {
    arena->env->unmap(arena->env->user, region->base, region->size);
    destroy_header(arena, region);
}

/** Enters a region under the lowest free index; false: no memory. */
static bool enter_mapped(struct bzd_arena *arena, struct bzd_region *region) {
    uint32_t index = free_index(arena);
    /* The tables come last of all that can fail: once they are longer they stay so. */
    if (index >= BZD_REGION_INDEX_END || !reserve_tables(arena, index))
        return false;
    region->index = index;
    enter_region(arena, region);
    bzd_arena_count(&arena->held_bytes, bzd_region_header_size(region->is_large, region->is_huge));
    bzd_arena_count(&arena->mappings, 1);
    return true;
}

/** Maps a region and enters it; NULL: no memory. */
static struct bzd_region *create_region(struct bzd_arena *arena, size_t size, bool is_large) {
    bool is_huge = arena->region_count >= BZD_HUGE_FROM_REGIONS;
    struct bzd_region *region = map_region(arena, size, is_large, is_huge);
    if (region == NULL || enter_mapped(arena, region))
        return region;
    unmap_region(arena, region);
    return NULL;
}

size_t bzd_region_large_size(size_t size) {
    return (size + BZD_PAGE_SIZE - 1) & ~(size_t)(BZD_PAGE_SIZE - 1);
}

struct bzd_region *bzd_region_create_large(struct bzd_arena *arena, size_t size) {
    struct bzd_region *region = create_region(arena, bzd_region_large_size(size), true);
    if (region != NULL)
        bzd_arena_count(&arena->held_bytes, region->size);
    return region;
}

size_t bzd_region_touched_bytes(const struct bzd_region *region, unsigned begin, unsigned end) {
    size_t pages = 0;
    for (unsigned span = begin; span < end; span++)
        pages += (unsigned)__builtin_popcount(region->spans[span].touched);
    return pages * BZD_PAGE_SIZE;
}

/** The mapping of a pinned region stays, and counts, until nobody reads it any more. */
static void let_go(struct bzd_arena *arena, struct bzd_region *region) {
    region->is_gone = true;
    arena->gone_bytes += region->size + bzd_region_header_size(true, region->is_huge);
}

void bzd_region_unpin(struct bzd_arena *arena, struct bzd_region *region) {
    BZD_ASSERT(region->pin_count > 0);
    if (--region->pin_count > 0 || !region->is_gone)
        return;
    size_t held = region->size + bzd_region_header_size(true, region->is_huge);
    arena->gone_bytes -= held;
    bzd_arena_count(&arena->held_bytes, (uint64_t)0 - held);
    bzd_arena_count(&arena->mappings, 1);
    unmap_region(arena, region);
}

void bzd_region_destroy(struct bzd_arena *arena, struct bzd_region *region) {
    if (region->pin_count > 0) {
        leave_region(arena, region->index);
        let_go(arena, region);
        return;
    }
    size_t held = region->is_large ? region->size : bzd_region_touched_bytes(region, 0, BZD_REGION_SPANS);
    held += bzd_region_header_size(region->is_large, region->is_huge);
    bzd_arena_count(&arena->held_bytes, (uint64_t)0 - held);
    bzd_arena_count(&arena->mappings, 1);
    leave_region(arena, region->index);
    unmap_region(arena, region);
}

void bzd_region_destroy_all(struct bzd_arena *arena) {
    for (uint32_t index = 1; index < arena->index_end; index++) {
        struct bzd_region *region = bzd_region_find(arena, index);
        if (region != NULL && region->pin_count > 0)
            let_go(arena, region);
        else if (region != NULL)
            unmap_region(arena, region);
    }
    for (unsigned table = 0; table < BZD_REGION_TABLES; table++) {
        bzd_free(arena->env, arena->bases[table]);
        bzd_free(arena->env, arena->regions[table]);
    }
    memset(arena->bases, 0, sizeof arena->bases);
    memset(arena->regions, 0, sizeof arena->regions);
}

/* -- Free spans ----------------------------------------------------------------------------------- */

/** Head of the list a region belongs to, NULL: it is in none. */
static uint32_t *list_of(struct bzd_arena *arena, const struct bzd_region *region) {
    if (region->is_drained)
        return &arena->drained_regions;
    return region->room == 0 ? NULL : &arena->regions_by_room[region->use][region->room];
}

void bzd_region_unlink(struct bzd_arena *arena, struct bzd_region *region) {
    uint32_t *head = list_of(arena, region);
    if (head == NULL)
        return;
    if (region->previous != 0)
        bzd_region_find(arena, region->previous)->next = region->next;
    else
        *head = region->next;
    if (region->next != 0)
        bzd_region_find(arena, region->next)->previous = region->previous;
}

void bzd_region_link(struct bzd_arena *arena, struct bzd_region *region) {
    uint32_t *head = list_of(arena, region);
    if (head == NULL)
        return;
    region->previous = 0;
    region->next = *head;
    if (region->next != 0)
        bzd_region_find(arena, region->next)->previous = region->index;
    *head = region->index;
}

/**
 * Finds the next stretch of free spans from `*begin` on; returns its end, or `*begin` at the end of the
 * region.
 */
static unsigned next_stretch(const struct bzd_region *region, unsigned *begin) {
    while (*begin < BZD_REGION_SPANS && region->spans[*begin].span_count > 0)
        *begin += region->spans[*begin].span_count;
    unsigned end = *begin;
    while (end < BZD_REGION_SPANS && region->spans[end].span_count == 0)
        end++;
    return end;
}

unsigned bzd_region_longest_stretch(const struct bzd_region *region) {
    unsigned longest = 0;
    unsigned end;
    for (unsigned begin = 0; begin < BZD_REGION_SPANS; begin = end) {
        end = next_stretch(region, &begin);
        if (end - begin > longest)
            longest = end - begin;
    }
    return longest;
}

/** The first stretch that is long enough; the caller knows that there is one. */
static unsigned first_fit(const struct bzd_region *region, unsigned span_count) {
    unsigned begin = 0;
    unsigned end = next_stretch(region, &begin);
    while (end - begin < span_count) {
        begin = end;
        end = next_stretch(region, &begin);
    }
    return begin;
}

/** Files a region under its present room. */
static void update_room(struct bzd_arena *arena, struct bzd_region *region) {
    unsigned room = bzd_region_longest_stretch(region);
    if (room == region->room)
        return;
    bzd_region_unlink(arena, region);
    region->room = (uint16_t)room;
    bzd_region_link(arena, region);
}

/** The region without a block that is kept, whatever it was used for; NULL: there is none. */
static struct bzd_region *find_empty(struct bzd_arena *arena) {
    for (unsigned use = 0; use < BZD_REGION_USES; use++)
        if (arena->regions_by_room[use][BZD_REGION_SPANS] != 0)
            return bzd_region_find(arena, arena->regions_by_room[use][BZD_REGION_SPANS]);
    return NULL;
}

/** A region with that much room: the one where it fits most tightly, so that others can become empty. */
static struct bzd_region *region_with_room(struct bzd_arena *arena, enum bzd_region_use use,
                                           unsigned span_count) {
    for (unsigned room = span_count; room < BZD_REGION_SPANS; room++)
        if (arena->regions_by_room[use][room] != 0)
            return bzd_region_find(arena, arena->regions_by_room[use][room]);

    struct bzd_region *region = find_empty(arena);
    if (region != NULL) {
        bzd_region_unlink(arena, region);
    } else {
        region = create_region(arena, BZD_REGION_SIZE, false);
        if (region == NULL)
            return NULL;
        region->room = BZD_REGION_SPANS;
        arena->empty_region_count++;
    }
    region->use = (uint8_t)use;
    bzd_region_link(arena, region);
    return region;
}

/* -- Idle pages ----------------------------------------------------------------------------------- */

static bool has_too_much_idle(const struct bzd_arena *arena, unsigned shift) {
    uint64_t used = atomic_load_explicit(&arena->used_bytes, memory_order_relaxed);
    return arena->idle_bytes > IDLE_MIN + (used >> shift);
}

/** Gives the touched pages of some spans back. Returns their bytes. */
static size_t discard_spans(struct bzd_arena *arena, struct bzd_region *region, unsigned begin,
                            unsigned end) {
    size_t bytes = bzd_region_touched_bytes(region, begin, end);
    if (bytes == 0)
        return 0;
    uint8_t *address = bzd_region_at(region, bzd_span_unit(begin));
    arena->env->discard(arena->env->user, address, (size_t)(end - begin) * BZD_SPAN_SIZE);
    for (unsigned span = begin; span < end; span++)
        region->spans[span].touched = 0;
    bzd_arena_count(&arena->held_bytes, (uint64_t)0 - bytes);
    return bytes;
}

/** Gives idle pages of a region back while there are too many. */
static void trim_region(struct bzd_arena *arena, struct bzd_region *region) {
    unsigned shift = region->is_huge && !bzd_arena_is_small(arena) ? IDLE_HUGE_SHIFT : IDLE_SHIFT;
    unsigned end;
    if (region->is_huge && bzd_arena_drain(arena) != 0) /* whole regions are about to go */
        return;
    for (unsigned begin = 0; begin < BZD_REGION_SPANS && has_too_much_idle(arena, shift); begin = end) {
        end = next_stretch(region, &begin);
        arena->idle_bytes -= discard_spans(arena, region, begin, end);
    }
}

/** Gives idle pages back in the region whose turn it is. */
static void trim_next(struct bzd_arena *arena) {
    arena->trim_index = arena->trim_index + 1 < arena->index_end ? arena->trim_index + 1 : 1;
    struct bzd_region *region = bzd_region_find(arena, arena->trim_index);
    if (region != NULL && !region->is_large)
        trim_region(arena, region);
}

/** Gives idle pages back, here first and then in a few more regions, which take turns: the work is bounded.
 */
static void trim_arena(struct bzd_arena *arena, struct bzd_region *region) {
    if (atomic_load_explicit(&arena->sweeps, memory_order_relaxed) > 0)
        return;
    trim_region(arena, region);
    for (unsigned i = 0; i < TRIM_REGIONS && has_too_much_idle(arena, IDLE_SHIFT); i++)
        trim_next(arena);
}

void bzd_arena_begin_sweep(struct bzd_arena *arena) {
    (void)atomic_fetch_add_explicit(&arena->sweeps, 1, memory_order_relaxed);
}

void bzd_arena_end_sweep(struct bzd_arena *arena) {
    (void)atomic_fetch_sub_explicit(&arena->sweeps, 1, memory_order_relaxed);
}

bool bzd_arena_trim(struct bzd_arena *arena) {
    bzd_mutex_acquire(&arena->mutex);
    uint64_t before = arena->idle_bytes;
    for (unsigned i = 0; i < SWEEP_REGIONS && has_too_much_idle(arena, IDLE_SHIFT); i++) {
        if (before - arena->idle_bytes >= SWEEP_BYTES)
            break;
        trim_next(arena);
    }
    bool trimmed = arena->idle_bytes < before;
    bzd_mutex_release(&arena->mutex);
    return trimmed;
}

/**
 * Gives back what an earlier owner of a run touched behind the bytes that will be used: that is not in use
 * and, as the run is taken, not idle either. A span that is used in part loses all its pages and touches some
 * again.
 */
static void discard_tail(struct bzd_arena *arena, struct bzd_region *region, unsigned span, size_t size) {
    unsigned whole_spans = (unsigned)(size / BZD_SPAN_SIZE);
    (void)discard_spans(arena, region, span + whole_spans, span + region->spans[span].span_count);
}

/* -- Runs ----------------------------------------------------------------------------------------- */

struct bzd_region *bzd_region_take(struct bzd_arena *arena, enum bzd_region_use use, unsigned span_count,
                                   size_t size, unsigned *span_out) {
    struct bzd_region *region = region_with_room(arena, use, span_count);
    if (region == NULL)
        return NULL;
    unsigned span = first_fit(region, span_count);
    for (unsigned i = 0; i < span_count; i++) {
        region->spans[span + i].span_count = (uint8_t)span_count;
        region->spans[span + i].distance = (uint8_t)i;
    }
    if (region->used_spans == 0)
        arena->empty_region_count--;
    region->used_spans = (uint16_t)(region->used_spans + span_count);
    update_room(arena, region);
    arena->idle_bytes -= bzd_region_touched_bytes(region, span, span + span_count);
    discard_tail(arena, region, span, size);
    *span_out = span;
    return region;
}

/** Destroys a region without a block, which is in no list any more. */
static void destroy_empty(struct bzd_arena *arena, struct bzd_region *region) {
    arena->idle_bytes -= bzd_region_touched_bytes(region, 0, BZD_REGION_SPANS);
    bzd_region_destroy(arena, region);
}

/** Whether so much is in use that an empty region, whose pages stay, does not matter. */
static bool may_keep_empty(const struct bzd_arena *arena, const struct bzd_region *region) {
    uint64_t used = atomic_load_explicit(&arena->used_bytes, memory_order_relaxed);
    return !region->is_huge || used >> IDLE_SHIFT >= BZD_REGION_SIZE;
}

void bzd_region_review_empty(struct bzd_arena *arena) {
    struct bzd_region *region = find_empty(arena);
    bool is_needed = bzd_arena_drain(arena) != 0; /* see bzd_arena_prepare_drain() */
    if (region == NULL || is_needed || may_keep_empty(arena, region))
        return;
    bzd_region_unlink(arena, region);
    destroy_empty(arena, region);
    arena->empty_region_count--;
}

/** Adds a region without a block, whose pages are all in memory. */
static bool enter_ready(struct bzd_arena *arena, struct bzd_region *region) {
    if (bzd_arena_drain(arena) == 0 || arena->empty_region_count > 0 || !enter_mapped(arena, region))
        return false;
    for (unsigned span = 0; span < BZD_REGION_SPANS; span++)
        region->spans[span].touched = (1 << BZD_SPAN_PAGES) - 1;
    bzd_arena_count(&arena->held_bytes, BZD_REGION_SIZE);
    arena->idle_bytes += BZD_REGION_SIZE;
    region->room = BZD_REGION_SPANS;
    bzd_region_link(arena, region);
    arena->empty_region_count++;
    return true;
}

bool bzd_arena_prepare_drain(struct bzd_arena *arena) {
    if (bzd_arena_drain(arena) == 0 || bzd_arena_is_small(arena))
        return false;
    bzd_mutex_acquire(&arena->mutex);
    bool has_empty = arena->empty_region_count > 0;
    bzd_mutex_release(&arena->mutex);
    struct bzd_region *region = has_empty ? NULL : map_region(arena, BZD_REGION_SIZE, false, true);
    if (region == NULL)
        return false;
    *(volatile uint8_t *)region->base = 0;
    bzd_mutex_acquire(&arena->mutex);
    bool is_entered = enter_ready(arena, region);
    bzd_mutex_release(&arena->mutex);
    if (!is_entered)
        unmap_region(arena, region);
    return true;
}

/** A region has lost its last block: one like that is kept, so that it need not be mapped again. */
static void settle_empty(struct bzd_arena *arena, struct bzd_region *region) {
    bzd_region_unlink(arena, region);
    bzd_region_review_empty(arena);
    if (arena->empty_region_count > 0 || region->is_drained || !may_keep_empty(arena, region)) {
        destroy_empty(arena, region);
        if (arena->drained_regions == 0)
            bzd_drain_end(arena);
        return;
    }
    bzd_region_link(arena, region);
    arena->empty_region_count++;
    trim_arena(arena, region);
}

void bzd_region_release(struct bzd_arena *arena, struct bzd_region *region, unsigned span) {
    unsigned span_count = region->spans[span].span_count;
    arena->idle_bytes += bzd_region_touched_bytes(region, span, span + span_count);
    for (unsigned i = 0; i < span_count; i++) {
        region->spans[span + i].span_count = 0;
        region->spans[span + i].distance = 0;
    }
    region->used_spans = (uint16_t)(region->used_spans - span_count);
    update_room(arena, region);
    if (region->used_spans == 0)
        settle_empty(arena, region);
    else
        trim_arena(arena, region);
}

void bzd_region_touch(struct bzd_arena *arena, struct bzd_region *region, size_t offset, size_t size) {
    for (size_t page = offset / BZD_PAGE_SIZE; page <= (offset + size - 1) / BZD_PAGE_SIZE; page++) {
        struct bzd_run *run = &region->spans[page / BZD_SPAN_PAGES];
        unsigned bit = 1u << page % BZD_SPAN_PAGES;
        if ((run->touched & bit) == 0) {
            run->touched = (uint8_t)(run->touched | bit);
            bzd_arena_count(&arena->held_bytes, BZD_PAGE_SIZE);
        }
    }
}
