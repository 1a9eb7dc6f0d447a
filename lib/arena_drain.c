/** Emptying regions: which ones, and what the others must know about it. */
#include "arena_region.h"

enum {
    LEVELS = 64, /* of how full a region is */
    LEVEL_SHIFT = BZD_REGION_BITS - 6,
    WINDOW_REGIONS = 256, /* looked at in one call; larger arenas have their turn piece by piece */
    SLACK_SHIFT = 5,      /* 1/32 of the room is not counted on: rests of runs, and runs that begin */
    WORTH_SHIFT = 5,      /* a drain empties more than 1/32 of the regions */
    PAUSE_MIN = 16,       /* calls, after a useless drain; twice as many after each further one */
    PAUSE_MAX = 64,       /* and one more for each region: what it costs in vain grows with them */
};

/** The regions of a window. */
struct census {
    uint32_t begin;          /**< index of the first */
    uint32_t length;         /**< indexes looked at, with holes */
    uint32_t count;          /**< regions of blocks, not empty */
    uint64_t used_bytes;     /**< blocks in them */
    uint32_t levels[LEVELS]; /**< regions by how full they are */
};

static unsigned level_of(const struct bzd_region *region) {
    unsigned level = region->used_bytes >> LEVEL_SHIFT;
    return level < LEVELS ? level : LEVELS - 1;
}

/** The region at a place of the window that could be emptied, NULL: none. */
static struct bzd_region *candidate_at(const struct bzd_arena *arena, const struct census *census,
                                       uint32_t place) {
    uint32_t index = census->begin + place;
    if (index >= arena->index_end)
        index -= arena->index_end - 1; /* the window goes round; 0 is no index */
    struct bzd_region *region = bzd_region_find(arena, index);
    bool is_candidate =
        region != NULL && !region->is_large && region->use == BZD_REGION_BLOCKS && region->used_spans > 0;
    return is_candidate ? region : NULL;
}

static void take_census(const struct bzd_arena *arena, struct census *census) {
    for (uint32_t place = 0; place < census->length; place++) {
        const struct bzd_region *region = candidate_at(arena, census, place);
        if (region == NULL)
            continue;
        census->count++;
        census->used_bytes += region->used_bytes;
        census->levels[level_of(region)]++;
    }
}

/** How many regions the blocks of the window do not need; 0 if that is not worth the work. */
static uint32_t surplus_of(const struct census *census) {
    uint64_t bytes = census->used_bytes + (census->used_bytes >> SLACK_SHIFT);
    uint32_t needed = (uint32_t)((bytes + BZD_REGION_SIZE - 1) >> BZD_REGION_BITS);
    uint32_t surplus = census->count > needed ? census->count - needed : 0;
    return surplus > census->count >> WORTH_SHIFT ? surplus : 0;
}

/** Takes room and runs of a region away from those who look for some. */
static void drain_region(struct bzd_arena *arena, struct bzd_region *region) {
    for (unsigned span = 0; span < BZD_REGION_SPANS;) {
        struct bzd_run *run = &region->spans[span];
        if (run->span_count > 0 && run->class_index < BZD_ARENA_CLASSES && !bzd_run_is_full(region, run))
            bzd_run_unlink(arena, run);
        span += run->span_count > 0 ? run->span_count : 1;
    }
    bzd_region_unlink(arena, region);
    region->is_drained = true;
    bzd_region_link(arena, region);
}

/** The other way round. */
static void keep_region(struct bzd_arena *arena, struct bzd_region *region) {
    bzd_region_unlink(arena, region);
    region->is_drained = false;
    bzd_region_link(arena, region);
    for (unsigned span = 0; span < BZD_REGION_SPANS;) {
        struct bzd_run *run = &region->spans[span];
        if (run->span_count > 0 && run->class_index < BZD_ARENA_CLASSES && !bzd_run_is_full(region, run))
            bzd_run_link(arena, region, run);
        span += run->span_count > 0 ? run->span_count : 1;
    }
}

/** Drains so many of the emptiest regions; among equals those with high indexes, which are the huge ones. */
static void drain_emptiest(struct bzd_arena *arena, const struct census *census, uint32_t count) {
    unsigned limit = 0; /* every region below this level goes, and some of this level */
    uint32_t below = 0;
    while (below + census->levels[limit] < count)
        below += census->levels[limit++];
    uint32_t of_limit = count - below;
    for (uint32_t place = census->length; place-- > 0;) {
        struct bzd_region *region = candidate_at(arena, census, place);
        if (region == NULL || level_of(region) > limit)
            continue;
        if (level_of(region) < limit)
            drain_region(arena, region);
        else if (of_limit > 0 && of_limit-- > 0)
            drain_region(arena, region);
    }
}

/** Whether there is a chance: without a look at the regions. */
static bool may_be_worth_it(const struct bzd_arena *arena) {
    uint64_t used = atomic_load_explicit(&arena->used_bytes, memory_order_relaxed);
    uint64_t held = atomic_load_explicit(&arena->held_bytes, memory_order_relaxed);
    return held > used + (used >> SLACK_SHIFT) + BZD_REGION_SIZE / 2;
}

/** Waits once more if the last drain was in vain. */
static bool has_pause(struct bzd_arena *arena) {
    if (arena->drain_pause == 0)
        return false;
    arena->drain_pause--;
    return true;
}

/** How long to wait after a drain. Writers may have needed the room meanwhile, so a useless one says little.
 */
static uint32_t pause_after(const struct bzd_arena *arena) {
    bool useless = arena->region_count + (arena->drain_wanted + 1) / 2 > arena->drain_region_count;
    if (!useless)
        return 0;
    uint32_t pause = arena->drain_last_pause > 0 ? arena->drain_last_pause * 2 : PAUSE_MIN;
    uint32_t longest = PAUSE_MAX + arena->region_count;
    return pause < longest ? pause : longest;
}

/** Starts a drain in the next window; returns whether there is something to do in it. */
static bool begin(struct bzd_arena *arena) {
    if (arena->index_end < 2)
        return false;
    uint32_t length = arena->index_end - 1;
    struct census census = {.begin = 1, .length = length < WINDOW_REGIONS ? length : WINDOW_REGIONS};
    if (length > WINDOW_REGIONS)
        census.begin += arena->drain_index % length;
    arena->drain_index = census.begin - 1 + census.length;
    take_census(arena, &census);
    uint32_t surplus = surplus_of(&census);
    if (surplus == 0)
        return false;
    arena->drain_region_count = arena->region_count;
    arena->drain_wanted = surplus;
    drain_emptiest(arena, &census, surplus);
    uint32_t number = atomic_load_explicit(&arena->drains, memory_order_relaxed) + 1;
    number += number == 0;
    atomic_store_explicit(&arena->drains, number, memory_order_relaxed);
    atomic_store_explicit(&arena->drain, number, memory_order_relaxed);
    return true;
}

bool bzd_arena_begin_drain(struct bzd_arena *arena) {
    if (bzd_arena_drain(arena) != 0)
        return true;
    if (!may_be_worth_it(arena))
        return false;
    bzd_mutex_acquire(&arena->mutex);
    bool goes_on = bzd_arena_drain(arena) != 0 || (!has_pause(arena) && begin(arena));
    bzd_mutex_release(&arena->mutex);
    return goes_on;
}

void bzd_drain_end(struct bzd_arena *arena) {
    if (bzd_arena_drain(arena) == 0)
        return;
    while (arena->drained_regions != 0)
        keep_region(arena, bzd_region_find(arena, arena->drained_regions));
    arena->drain_last_pause = pause_after(arena);
    arena->drain_pause = arena->drain_last_pause;
    atomic_store_explicit(&arena->drain, 0, memory_order_relaxed);
    bzd_region_review_empty(arena);
}

void bzd_arena_end_drain(struct bzd_arena *arena, uint32_t number) {
    bzd_mutex_acquire(&arena->mutex);
    if (bzd_arena_drain(arena) == number)
        bzd_drain_end(arena);
    bzd_mutex_release(&arena->mutex);
}
