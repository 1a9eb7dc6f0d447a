#include "arena.h"

#include <string.h>

#include "arena_region.h"
#include "invariant.h"

enum {
    SMALL_MAX = BZD_CLASS_SIZE_MAX, /* above, a block is a run of its own */
    /* Above, a block is a region of its own. Four such runs fit into a region, so that at most a fifth of one
     * is lost to blocks that do not fit any more. */
    RUN_MAX = BZD_REGION_SIZE / 4,
};

static unsigned spans_for(size_t size) {
    return (unsigned)((size + BZD_SPAN_SIZE - 1) / BZD_SPAN_SIZE);
}

size_t bzd_arena_block_size(size_t size) {
    if (size <= SMALL_MAX)
        return bzd_class_size(bzd_class_of(size));
    if (size <= RUN_MAX) /* the pages behind are not touched */
        return (size + BZD_PAGE_SIZE - 1) & ~(size_t)(BZD_PAGE_SIZE - 1);
    return bzd_region_large_size(size);
}

/* -- References ----------------------------------------------------------------------------------- */

static bzd_ref make_ref(const struct bzd_region *region, size_t unit) {
    return (bzd_ref)region->index << BZD_REF_OFFSET_BITS | unit;
}

static uint32_t ref_region(bzd_ref ref) {
    return (uint32_t)(ref >> BZD_REF_OFFSET_BITS);
}

/** Offset of a block in its region, in units. */
static uint32_t ref_unit(bzd_ref ref) {
    return (uint32_t)(ref & (((uint64_t)1 << BZD_REF_OFFSET_BITS) - 1));
}

/** The run a block stands in. */
static struct bzd_run *run_of(struct bzd_region *region, bzd_ref ref) {
    struct bzd_run *run = &region->spans[ref_unit(ref) >> (BZD_SPAN_BITS - BZD_UNIT_BITS)];
    return run - run->distance;
}

/* -- Lists of runs with room ----------------------------------------------------------------------- */

/** The run with an id as the lists hold it. */
static struct bzd_run *run_at(const struct bzd_arena *arena, uint32_t id) {
    return &bzd_region_find(arena, id >> BZD_SPAN_ID_BITS)->spans[id & (BZD_REGION_SPANS - 1)];
}

static uint32_t run_id(const struct bzd_region *region, const struct bzd_run *run) {
    return region->index << BZD_SPAN_ID_BITS | (uint32_t)(run - region->spans);
}

/** A run that gets room goes to the front: it is nearly full, and sparse ones may drain behind it. */
void bzd_run_link(struct bzd_arena *arena, struct bzd_region *region, struct bzd_run *run) {
    uint32_t *head = &arena->partial_runs[run->class_index];
    uint32_t id = run_id(region, run);
    run->previous = 0;
    run->next = *head;
    if (run->next != 0)
        run_at(arena, run->next)->previous = id;
    *head = id;
}

void bzd_run_unlink(struct bzd_arena *arena, struct bzd_run *run) {
    if (run->previous != 0)
        run_at(arena, run->previous)->next = run->next;
    else
        arena->partial_runs[run->class_index] = run->next;
    if (run->next != 0)
        run_at(arena, run->next)->previous = run->previous;
}

/* -- Blocks of a class ----------------------------------------------------------------------------- */

/** Makes sure that the class has a run with room; false: no memory. */
static bool reserve_run(struct bzd_arena *arena, unsigned class_index) {
    if (arena->partial_runs[class_index] != 0)
        return true;
    unsigned span_count = bzd_class_spans(bzd_class_size(class_index));
    unsigned span;
    struct bzd_region *region =
        bzd_region_take(arena, BZD_REGION_BLOCKS, span_count, (size_t)span_count * BZD_SPAN_SIZE, &span);
    if (region == NULL)
        return false;
    struct bzd_run *run = &region->spans[span];
    run->free_block = BZD_UNIT_NONE;
    run->fresh = bzd_span_unit(span);
    run->used_count = 0;
    run->class_index = (uint16_t)class_index;
    bzd_run_link(arena, region, run);
    return true;
}

/** Takes a freed block, or the next one that was never used, from a run that has one. */
static uint32_t take_block(struct bzd_arena *arena, struct bzd_region *region, struct bzd_run *run,
                           size_t block_size) {
    uint32_t unit = run->free_block;
    if (unit != BZD_UNIT_NONE) {
        memcpy(&run->free_block, bzd_region_at(region, unit), sizeof run->free_block);
        return unit;
    }
    unit = run->fresh;
    run->fresh += (uint32_t)(block_size / BZD_UNIT_SIZE);
    bzd_region_touch(arena, region, (size_t)unit * BZD_UNIT_SIZE, block_size);
    return unit;
}

static blitzdb_status alloc_small(struct bzd_arena *arena, size_t size, bzd_ref *ref_out) {
    unsigned class_index = bzd_class_of(size);
    if (!reserve_run(arena, class_index))
        return BLITZDB_NO_MEMORY;
    uint32_t id = arena->partial_runs[class_index];
    struct bzd_region *region = bzd_region_find(arena, id >> BZD_SPAN_ID_BITS);
    struct bzd_run *run = run_at(arena, id);
    *ref_out = make_ref(region, take_block(arena, region, run, bzd_class_size(class_index)));
    run->used_count++;
    region->used_bytes += (uint32_t)bzd_class_size(class_index);
    if (bzd_run_is_full(region, run))
        bzd_run_unlink(arena, run);
    return BLITZDB_OK;
}

static void free_small(struct bzd_arena *arena, struct bzd_region *region, struct bzd_run *run,
                       uint32_t unit) {
    bool was_full = bzd_run_is_full(region, run);
    if (--run->used_count == 0) {
        if (!was_full && !region->is_drained)
            bzd_run_unlink(arena, run);
        bzd_region_release(arena, region, (unsigned)(run - region->spans));
        return;
    }
    memcpy(bzd_region_at(region, unit), &run->free_block, sizeof run->free_block);
    run->free_block = unit;
    if (was_full && !region->is_drained)
        bzd_run_link(arena, region, run);
}

/* -- Blocks that are a run or a region -------------------------------------------------------------- */

static blitzdb_status alloc_run(struct bzd_arena *arena, size_t size, bzd_ref *ref_out) {
    unsigned span;
    struct bzd_region *region = bzd_region_take(arena, BZD_REGION_BLOCKS, spans_for(size), size, &span);
    if (region == NULL)
        return BLITZDB_NO_MEMORY;
    region->used_bytes += (uint32_t)bzd_arena_block_size(size);
    region->spans[span].used_count = 1;
    region->spans[span].class_index = BZD_CLASS_NONE;
    bzd_region_touch(arena, region, (size_t)span * BZD_SPAN_SIZE, size);
    *ref_out = make_ref(region, bzd_span_unit(span));
    return BLITZDB_OK;
}

static blitzdb_status alloc_large(struct bzd_arena *arena, size_t size, bzd_ref *ref_out) {
    struct bzd_region *region = bzd_region_create_large(arena, size);
    if (region == NULL)
        return BLITZDB_NO_MEMORY;
    *ref_out = make_ref(region, 0);
    return BLITZDB_OK;
}

/* -- The arena -------------------------------------------------------------------------------------- */

blitzdb_status bzd_arena_init(struct bzd_arena *arena, const blitzdb_env *env) {
    memset(arena, 0, sizeof *arena);
    arena->env = env;
    return bzd_mutex_init(&arena->mutex);
}

void bzd_arena_deinit(struct bzd_arena *arena) {
    BZD_INVARIANT(bzd_arena_is_valid(arena));
    bzd_region_destroy_all(arena);
    bzd_mutex_deinit(&arena->mutex);
}

/** Unmaps everything and starts anew. */
static void forget_regions(struct bzd_arena *arena) {
    bzd_region_destroy_all(arena);
    memset(arena->partial_runs, 0, sizeof arena->partial_runs);
    memset(arena->regions_by_room, 0, sizeof arena->regions_by_room);
    arena->region_count = 0;
    arena->empty_region_count = 0;
    arena->index_low = 0;
    arena->index_end = 0;
    arena->trim_index = 0;
    arena->drained_regions = 0;
    arena->drain_pause = 0;
    arena->drain_last_pause = 0;
    arena->drain_index = 0;
    arena->idle_bytes = 0;
    atomic_store_explicit(&arena->drain, 0, memory_order_relaxed);
    atomic_store_explicit(&arena->used_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&arena->held_bytes, arena->gone_bytes, memory_order_relaxed);
}

void bzd_arena_reset(struct bzd_arena *arena) {
    bzd_mutex_acquire(&arena->mutex);
    forget_regions(arena);
    bzd_mutex_release(&arena->mutex);
}

static blitzdb_status alloc_any(struct bzd_arena *arena, size_t size, bzd_ref *ref_out) {
    if (size <= SMALL_MAX)
        return alloc_small(arena, size, ref_out);
    if (size <= RUN_MAX)
        return alloc_run(arena, size, ref_out);
    return alloc_large(arena, size, ref_out);
}

blitzdb_status bzd_arena_alloc(struct bzd_arena *arena, size_t size, bzd_ref *ref_out) {
    BZD_ASSERT(size > 0 && size <= (size_t)1 << 31);
    bzd_mutex_acquire(&arena->mutex);
    blitzdb_status status = alloc_any(arena, size, ref_out);
    if (status != BLITZDB_OK && arena->drained_regions != 0) {
        bzd_drain_end(arena); /* the room in the regions that were to leave is needed after all */
        status = alloc_any(arena, size, ref_out);
    }
    if (status == BLITZDB_OK)
        bzd_arena_count(&arena->used_bytes, bzd_arena_block_size(size));
    bzd_mutex_release(&arena->mutex);
    return status;
}

blitzdb_status bzd_arena_lend(struct bzd_arena *arena, size_t size, bzd_ref *ref_out) {
    BZD_ASSERT(size >= BZD_LEND_MIN && size <= BZD_LEND_MAX && (size & (size - 1)) == 0);
    unsigned span;
    bzd_mutex_acquire(&arena->mutex);
    struct bzd_region *region = bzd_region_take(arena, BZD_REGION_LENT, spans_for(size), 0, &span);
    if (region != NULL) {
        region->spans[span].class_index = BZD_CLASS_LENT;
        *ref_out = make_ref(region, bzd_span_unit(span));
    }
    bzd_mutex_release(&arena->mutex);
    return region != NULL ? BLITZDB_OK : BLITZDB_NO_MEMORY;
}

void bzd_arena_take_back(struct bzd_arena *arena, bzd_ref ref, size_t size) {
    bzd_mutex_acquire(&arena->mutex);
    struct bzd_region *region = bzd_region_find(arena, ref_region(ref));
    struct bzd_run *run = run_of(region, ref);
    BZD_ASSERT(run->class_index == BZD_CLASS_LENT && run->span_count == spans_for(size));
    arena->env->discard(arena->env->user, bzd_region_at(region, ref_unit(ref)), size);
    bzd_region_release(arena, region, (unsigned)(run - region->spans));
    bzd_mutex_release(&arena->mutex);
}

/** Less than four fifths of the run are in use, and it is not the one that the next block comes from. */
static bool run_is_sparse(const struct bzd_arena *arena, const struct bzd_region *region,
                          const struct bzd_run *run) {
    size_t used_bytes = run->used_count * bzd_class_size(run->class_index);
    return used_bytes * 5 < (size_t)run->span_count * BZD_SPAN_SIZE * 4 &&
           arena->partial_runs[run->class_index] != run_id(region, run);
}

/** It holds an eighth more than is used. */
static bool is_sparse(const struct bzd_arena *arena) {
    uint64_t used = atomic_load_explicit(&arena->used_bytes, memory_order_relaxed);
    uint64_t held = atomic_load_explicit(&arena->held_bytes, memory_order_relaxed);
    return held > used + used / 8;
}

bool bzd_arena_wants_tidying(const struct bzd_arena *arena) {
    return bzd_arena_is_small(arena) && is_sparse(arena);
}

bool bzd_arena_should_move(struct bzd_arena *arena, bzd_ref ref, size_t size) {
    bool is_drained = bzd_arena_drain(arena) != 0;
    if (size > RUN_MAX || (!is_drained && (size > SMALL_MAX || !bzd_arena_wants_tidying(arena))))
        return false;
    bzd_mutex_acquire(&arena->mutex);
    struct bzd_region *region = bzd_region_find(arena, ref_region(ref));
    bool should_move = is_drained ? region->is_drained : run_is_sparse(arena, region, run_of(region, ref));
    bzd_mutex_release(&arena->mutex);
    return should_move;
}

void bzd_arena_free(struct bzd_arena *arena, bzd_ref ref, size_t size) {
    bzd_mutex_acquire(&arena->mutex);
    struct bzd_region *region = bzd_region_find(arena, ref_region(ref));
    bzd_arena_count(&arena->used_bytes, (uint64_t)0 - bzd_arena_block_size(size));
    if (region->is_large) {
        BZD_ASSERT(region->size == bzd_region_large_size(size));
        bzd_region_destroy(arena, region);
    } else {
        struct bzd_run *run = run_of(region, ref);
        region->used_bytes -= (uint32_t)bzd_arena_block_size(size);
        BZD_ASSERT(size <= SMALL_MAX ? run->class_index == bzd_class_of(size)
                                     : run->class_index == BZD_CLASS_NONE);
        if (run->class_index == BZD_CLASS_NONE)
            bzd_region_release(arena, region, (unsigned)(run - region->spans));
        else
            free_small(arena, region, run, ref_unit(ref));
    }
    bzd_mutex_release(&arena->mutex);
}

struct bzd_region *bzd_arena_pin(struct bzd_arena *arena, bzd_ref ref, size_t size) {
    if (size <= RUN_MAX)
        return NULL;
    bzd_mutex_acquire(&arena->mutex);
    struct bzd_region *region = bzd_region_find(arena, ref_region(ref));
    region->pin_count++;
    bzd_mutex_release(&arena->mutex);
    return region;
}

void bzd_arena_unpin(struct bzd_arena *arena, struct bzd_region *region) {
    bzd_mutex_acquire(&arena->mutex);
    bzd_region_unpin(arena, region);
    bzd_mutex_release(&arena->mutex);
}

bool bzd_arena_is_pinned(struct bzd_arena *arena, bzd_ref ref, size_t size) {
    if (size <= RUN_MAX)
        return false;
    bzd_mutex_acquire(&arena->mutex);
    bool is_pinned = bzd_region_find(arena, ref_region(ref))->pin_count > 0;
    bzd_mutex_release(&arena->mutex);
    return is_pinned;
}
