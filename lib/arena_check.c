#include <string.h>

#include "arena_region.h"

/** What the regions say, to be compared with what the arena counts. */
struct totals {
    uint64_t used_bytes;
    uint64_t held_bytes;
    uint64_t idle_bytes;
    uint32_t regions;
    uint32_t empty_regions;
    uint32_t regions_with_room;
    uint32_t drained_regions;
    uint32_t partial_runs[BZD_ARENA_CLASSES];
};

/** The blocks of a run are in use, in the chain of freed ones, or were never used. */
static bool blocks_are_valid(const struct bzd_region *region, const struct bzd_run *run) {
    uint32_t begin = bzd_span_unit((unsigned)(run - region->spans));
    uint32_t block_units = (uint32_t)bzd_class_size(run->class_index) / BZD_UNIT_SIZE;
    if (run->fresh < begin || (run->fresh - begin) % block_units != 0)
        return false;
    uint32_t blocks = (run->fresh - begin) / block_units;
    uint32_t freed = 0;
    for (uint32_t unit = run->free_block; unit != BZD_UNIT_NONE; freed++) {
        if (unit < begin || unit >= run->fresh || (unit - begin) % block_units != 0 || freed > blocks)
            return false;
        memcpy(&unit, bzd_region_at(region, unit), sizeof unit);
    }
    return run->used_count > 0 && run->used_count + freed == blocks;
}

/** Checks one run and adds it up. */
static bool check_run(const struct bzd_region *region, unsigned span, struct totals *totals) {
    const struct bzd_run *run = &region->spans[span];
    for (unsigned i = 0; i < run->span_count; i++)
        if (run[i].span_count != run->span_count || run[i].distance != i)
            return false;
    if ((run->class_index == BZD_CLASS_LENT) != (region->use == BZD_REGION_LENT))
        return false;
    if (run->class_index == BZD_CLASS_LENT)
        return bzd_region_touched_bytes(region, span, span + run->span_count) == 0;
    if (run->class_index == BZD_CLASS_NONE) {
        totals->used_bytes += bzd_region_touched_bytes(region, span, span + run->span_count);
        return true;
    }
    totals->used_bytes += run->used_count * bzd_class_size(run->class_index);
    if (!bzd_run_is_full(region, run))
        totals->partial_runs[run->class_index]++;
    return run->span_count == bzd_class_spans(bzd_class_size(run->class_index)) &&
           blocks_are_valid(region, run);
}

/** Checks a region cut into spans and adds it up. */
static bool check_region(const struct bzd_region *region, struct totals *totals) {
    unsigned used_spans = 0;
    uint64_t used_before = totals->used_bytes;
    uint32_t partial_before[BZD_ARENA_CLASSES];
    memcpy(partial_before, totals->partial_runs, sizeof partial_before);
    for (unsigned span = 0; span < BZD_REGION_SPANS;) {
        unsigned span_count = region->spans[span].span_count;
        if (span_count > 0 && (span + span_count > BZD_REGION_SPANS || !check_run(region, span, totals)))
            return false;
        if (span_count == 0)
            totals->idle_bytes += bzd_region_touched_bytes(region, span, span + 1);
        used_spans += span_count;
        span += span_count > 0 ? span_count : 1;
    }
    totals->held_bytes += bzd_region_touched_bytes(region, 0, BZD_REGION_SPANS);
    totals->empty_regions += used_spans == 0;
    totals->regions_with_room += region->room > 0 && !region->is_drained;
    totals->drained_regions += region->is_drained;
    if (region->is_drained) /* nobody may find room there */
        memcpy(totals->partial_runs, partial_before, sizeof partial_before);
    return used_spans == region->used_spans && bzd_region_longest_stretch(region) == region->room &&
           totals->used_bytes - used_before == region->used_bytes;
}

static bool check_regions(const struct bzd_arena *arena, struct totals *totals) {
    totals->held_bytes += arena->gone_bytes;
    for (uint32_t index = 1; index < arena->index_end; index++) {
        const struct bzd_region *region = bzd_region_find(arena, index);
        if (region == NULL && index < arena->index_low)
            return false;
        if (region == NULL)
            continue;
        totals->regions++;
        totals->held_bytes += bzd_region_header_size(region->is_large, region->is_huge);
        if (region->index != index ||
            region->base != bzd_arena_at(arena, (bzd_ref)index << BZD_REF_OFFSET_BITS))
            return false;
        if (!region->is_large) {
            if (!check_region(region, totals))
                return false;
            continue;
        }
        totals->used_bytes += region->size;
        totals->held_bytes += region->size;
    }
    for (unsigned table = 0; table < BZD_REGION_TABLES; table++)
        if (arena->regions[table] != NULL)
            totals->held_bytes += (sizeof(struct bzd_region *) + sizeof(uint8_t *)) << table;
    return true;
}

/** The runs with room of a class are all in its list, and nothing else is. */
static bool runs_are_listed(const struct bzd_arena *arena, unsigned class_index, uint32_t expected) {
    uint32_t count = 0;
    uint32_t previous = 0;
    for (uint32_t id = arena->partial_runs[class_index]; id != 0; count++) {
        const struct bzd_region *region = bzd_region_find(arena, id >> BZD_SPAN_ID_BITS);
        if (region == NULL || count > expected)
            return false;
        const struct bzd_run *run = &region->spans[id & (BZD_REGION_SPANS - 1)];
        if (run->class_index != class_index || run->previous != previous || bzd_run_is_full(region, run))
            return false;
        previous = id;
        id = run->next;
    }
    return count == expected;
}

/** The regions with room are all in the list of their use and room. */
static bool regions_are_listed(const struct bzd_arena *arena, uint32_t expected) {
    uint32_t count = 0;
    for (unsigned i = 0; i < BZD_REGION_USES * BZD_REGION_SPANS; i++) {
        unsigned use = i / BZD_REGION_SPANS;
        unsigned room = i % BZD_REGION_SPANS + 1;
        uint32_t previous = 0;
        for (uint32_t index = arena->regions_by_room[use][room]; index != 0; count++) {
            const struct bzd_region *region = bzd_region_find(arena, index);
            if (region == NULL || region->use != use || region->room != room || region->is_drained ||
                region->previous != previous || count > expected)
                return false;
            previous = index;
            index = region->next;
        }
    }
    return count == expected;
}

/** The regions being emptied are all in their list, and a drain goes on if there are any. */
static bool drained_are_listed(const struct bzd_arena *arena, uint32_t expected) {
    uint32_t count = 0;
    for (uint32_t index = arena->drained_regions; index != 0; count++) {
        const struct bzd_region *region = bzd_region_find(arena, index);
        if (region == NULL || !region->is_drained || count > expected)
            return false;
        index = region->next;
    }
    return count == expected && (count == 0 || bzd_arena_drain(arena) != 0);
}

static bool totals_agree(const struct bzd_arena *arena, const struct totals *totals) {
    for (unsigned class_index = 0; class_index < BZD_ARENA_CLASSES; class_index++)
        if (!runs_are_listed(arena, class_index, totals->partial_runs[class_index]))
            return false;
    return regions_are_listed(arena, totals->regions_with_room) &&
           drained_are_listed(arena, totals->drained_regions) && totals->regions == arena->region_count &&
           totals->empty_regions == arena->empty_region_count && totals->empty_regions <= 1 &&
           totals->idle_bytes == arena->idle_bytes &&
           totals->used_bytes == atomic_load_explicit(&arena->used_bytes, memory_order_relaxed) &&
           totals->held_bytes == atomic_load_explicit(&arena->held_bytes, memory_order_relaxed);
}

bool bzd_arena_is_valid(struct bzd_arena *arena) {
    struct totals totals = {0};
    bzd_mutex_acquire(&arena->mutex);
    bool is_valid = check_regions(arena, &totals) && totals_agree(arena, &totals);
    bzd_mutex_release(&arena->mutex);
    return is_valid;
}
