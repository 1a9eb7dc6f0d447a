#include "arena_region.h"

#include "alloc.h"
#include "invariant.h"

enum {
    HUGE_FROM_REGIONS = 4, /* an arena of this many regions is worth huge pages */
    IDLE_MIN = 64 * 1024,  /* idle bytes that are always kept, so that a run that comes and goes is cheap */
    IDLE_SHIFT = 5,        /* and this part (1/32) of the bytes in use */
    TRIM_REGIONS = 4,      /* regions looked at for idle pages in one call */
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

size_t bzd_region_header_size(bool is_large) {
    size_t spans = is_large ? 0 : BZD_REGION_SPANS;
    return sizeof(struct bzd_region) + spans * sizeof(struct bzd_run);
}

static uint8_t *map_region(const struct bzd_arena *arena, size_t size) {
    size_t alignment = size >= BZD_REGION_SIZE ? BZD_REGION_SIZE : BZD_PAGE_SIZE;
    unsigned flags = arena->region_count >= HUGE_FROM_REGIONS ? BLITZDB_MAP_HUGE : 0;
    return arena->env->map(arena->env->user, size, alignment, flags);
}

/** Maps a region and enters it; NULL: no memory. */
static struct bzd_region *create_region(struct bzd_arena *arena, size_t size, bool is_large) {
    uint32_t index = free_index(arena);
    if (index >= BZD_REGION_INDEX_END)
        return NULL;
    size_t header_size = bzd_region_header_size(is_large);
    struct bzd_region *region = bzd_alloc_zeroed(arena->env, header_size);
    if (region == NULL)
        return NULL;
    region->base = map_region(arena, size);
    if (region->base == NULL)
        goto err_free_header;
    /* The tables come last: once they are longer they stay so, and a failure may not be seen. */
    if (!reserve_tables(arena, index))
        goto err_unmap;
    region->size = size;
    region->index = index;
    region->is_large = is_large;
    enter_region(arena, region);
    bzd_arena_count(&arena->held_bytes, header_size);
    return region;

err_unmap:
    arena->env->unmap(arena->env->user, region->base, size);
err_free_header:
    bzd_free(arena->env, region);
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

static void release_region(const struct bzd_arena *arena, struct bzd_region *region) {
    arena->env->unmap(arena->env->user, region->base, region->size);
    bzd_free(arena->env, region);
}

void bzd_region_destroy(struct bzd_arena *arena, struct bzd_region *region) {
    size_t held = region->is_large ? region->size : bzd_region_touched_bytes(region, 0, BZD_REGION_SPANS);
    held += bzd_region_header_size(region->is_large);
    bzd_arena_count(&arena->held_bytes, (uint64_t)0 - held);
    leave_region(arena, region->index);
    release_region(arena, region);
}

void bzd_region_destroy_all(struct bzd_arena *arena) {
    for (uint32_t index = 1; index < arena->index_end; index++) {
        struct bzd_region *region = bzd_region_find(arena, index);
        if (region != NULL)
            release_region(arena, region);
    }
    for (unsigned table = 0; table < BZD_REGION_TABLES; table++) {
        bzd_free(arena->env, arena->bases[table]);
        bzd_free(arena->env, arena->regions[table]);
    }
    memset(arena->bases, 0, sizeof arena->bases);
    memset(arena->regions, 0, sizeof arena->regions);
}

/* -- Free spans ----------------------------------------------------------------------------------- */

/** Takes a region out of the list of its room. */
static void unlink_region(struct bzd_arena *arena, struct bzd_region *region) {
    if (region->room == 0)
        return;
    if (region->previous != 0)
        bzd_region_find(arena, region->previous)->next = region->next;
    else
        arena->regions_by_room[region->room] = region->next;
    if (region->next != 0)
        bzd_region_find(arena, region->next)->previous = region->previous;
}

/** Puts a region into the list of its room; one without room is in none. */
static void link_region(struct bzd_arena *arena, struct bzd_region *region) {
    if (region->room == 0)
        return;
    region->previous = 0;
    region->next = arena->regions_by_room[region->room];
    if (region->next != 0)
        bzd_region_find(arena, region->next)->previous = region->index;
    arena->regions_by_room[region->room] = region->index;
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
    unlink_region(arena, region);
    region->room = (uint16_t)room;
    link_region(arena, region);
}

/** A region with that much room: the one where it fits most tightly, so that others can become empty. */
static struct bzd_region *region_with_room(struct bzd_arena *arena, unsigned span_count) {
    for (unsigned room = span_count; room <= BZD_REGION_SPANS; room++)
        if (arena->regions_by_room[room] != 0)
            return bzd_region_find(arena, arena->regions_by_room[room]);

    struct bzd_region *region = create_region(arena, BZD_REGION_SIZE, false);
    if (region == NULL)
        return NULL;
    region->room = BZD_REGION_SPANS;
    link_region(arena, region);
    arena->empty_region_count++;
    return region;
}

/* -- Idle pages ----------------------------------------------------------------------------------- */

static bool has_too_much_idle(const struct bzd_arena *arena) {
    uint64_t used = atomic_load_explicit(&arena->used_bytes, memory_order_relaxed);
    return arena->idle_bytes > IDLE_MIN + (used >> IDLE_SHIFT);
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
    unsigned end;
    for (unsigned begin = 0; begin < BZD_REGION_SPANS && has_too_much_idle(arena); begin = end) {
        end = next_stretch(region, &begin);
        arena->idle_bytes -= discard_spans(arena, region, begin, end);
    }
}

/** Gives idle pages back, here first and then in a few more regions, which take turns: the work is bounded.
 */
static void trim_arena(struct bzd_arena *arena, struct bzd_region *region) {
    trim_region(arena, region);
    for (unsigned i = 0; i < TRIM_REGIONS && has_too_much_idle(arena); i++) {
        arena->trim_index = arena->trim_index + 1 < arena->index_end ? arena->trim_index + 1 : 1;
        struct bzd_region *other = bzd_region_find(arena, arena->trim_index);
        if (other != NULL && !other->is_large)
            trim_region(arena, other);
    }
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

struct bzd_region *bzd_region_take(struct bzd_arena *arena, unsigned span_count, size_t size,
                                   unsigned *span_out) {
    struct bzd_region *region = region_with_room(arena, span_count);
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

void bzd_region_release(struct bzd_arena *arena, struct bzd_region *region, unsigned span) {
    unsigned span_count = region->spans[span].span_count;
    arena->idle_bytes += bzd_region_touched_bytes(region, span, span + span_count);
    for (unsigned i = 0; i < span_count; i++) {
        region->spans[span + i].span_count = 0;
        region->spans[span + i].distance = 0;
    }
    region->used_spans = (uint16_t)(region->used_spans - span_count);
    update_room(arena, region);
    if (region->used_spans == 0 && arena->empty_region_count > 0) {
        unlink_region(arena, region);
        arena->idle_bytes -= bzd_region_touched_bytes(region, 0, BZD_REGION_SPANS);
        bzd_region_destroy(arena, region);
        return;
    }
    if (region->used_spans == 0)
        arena->empty_region_count++;
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
