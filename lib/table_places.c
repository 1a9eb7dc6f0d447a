#include "table_places.h"

#include "alloc.h"
#include "invariant.h"

enum {
    LINE_SIZE = 64,
    PAGE_SIZE = 4096,
    DIRECTORY_MIN = 8,
};

_Static_assert(64 * BZD_PLACES_LARGE <= BZD_LEND_MAX, "the largest segment can be lent");

void bzd_places_init(struct bzd_places *places, const blitzdb_env *env, struct bzd_arena *arena,
                     uint32_t place_size) {
    memset(places, 0, sizeof *places);
    places->env = env;
    places->arena = arena;
    places->place_size = place_size;
}

static size_t segment_size(const struct bzd_places *places, uint32_t segment) {
    uint32_t count = bzd_places_segment_begin(segment + 1) - bzd_places_segment_begin(segment);
    return (size_t)count * places->place_size;
}

static bool is_lent(size_t size) {
    return size >= BZD_LEND_MIN;
}

/** Whether a segment is a mapping of its own: an allocator would keep pages of this size in its pool for ever
 * once a table has shrunk, and there are few of them. */
static bool is_mapped(size_t size) {
    return size >= PAGE_SIZE && !is_lent(size);
}

/** What a segment that is not lent counts. */
static size_t counted_size(size_t size) {
    return is_mapped(size) ? size : size + LINE_SIZE;
}

static bool create_segment(struct bzd_places *places, size_t size, struct bzd_segment *segment_out) {
    if (is_lent(size)) {
        if (bzd_arena_lend(places->arena, size, &segment_out->origin.lent) != BLITZDB_OK)
            return false;
        segment_out->base = bzd_arena_at(places->arena, segment_out->origin.lent);
        return true;
    }
    uint8_t *memory = is_mapped(size) ? places->env->map(places->env->user, size, PAGE_SIZE, 0)
                                      : bzd_alloc(places->env, size + LINE_SIZE);
    if (memory == NULL)
        return false;
    segment_out->origin.allocated = memory;
    segment_out->base = is_mapped(size) ? memory : memory + (LINE_SIZE - (uintptr_t)memory % LINE_SIZE);
    places->bytes += counted_size(size);
    return true;
}

static void destroy_segment(struct bzd_places *places, size_t size, const struct bzd_segment *segment) {
    if (is_lent(size)) {
        bzd_arena_take_back(places->arena, segment->origin.lent, size);
        return;
    }
    if (is_mapped(size))
        places->env->unmap(places->env->user, segment->origin.allocated, size);
    else
        bzd_free(places->env, segment->origin.allocated);
    places->bytes -= counted_size(size);
}

/** Makes the directory longer if it is full. */
static bool reserve_directory(struct bzd_places *places) {
    if (places->segment_count < places->segment_capacity)
        return true;
    uint32_t capacity = places->segment_capacity > 0 ? places->segment_capacity * 2 : DIRECTORY_MIN;
    struct bzd_segment *segments = bzd_realloc(places->env, places->segments, capacity * sizeof *segments);
    if (segments == NULL)
        return false;
    places->bytes += (capacity - places->segment_capacity) * sizeof *segments;
    places->segments = segments;
    places->segment_capacity = capacity;
    return true;
}

static void release_directory(struct bzd_places *places) {
    bzd_free(places->env, places->segments);
    places->bytes -= places->segment_capacity * sizeof *places->segments;
    places->segments = NULL;
    places->segment_capacity = 0;
}

bool bzd_places_add_segment(struct bzd_places *places) {
    if (!reserve_directory(places))
        return false;
    struct bzd_segment *segment = &places->segments[places->segment_count];
    bool created = create_segment(places, segment_size(places, places->segment_count), segment);
    if (created)
        places->segment_count++;
    else if (places->segment_count == 0)
        release_directory(places);
    return created;
}

void bzd_places_drop_segment(struct bzd_places *places) {
    uint32_t last = --places->segment_count;
    destroy_segment(places, segment_size(places, last), &places->segments[last]);
    if (last == 0)
        release_directory(places);
}

void bzd_places_deinit(struct bzd_places *places) {
    while (places->segment_count > 0)
        bzd_places_drop_segment(places);
    bzd_places_init(places, places->env, places->arena, places->place_size);
}

/** Whether a page of a lent segment begins with this place. */
static bool begins_page(const struct bzd_places *places, uint32_t index) {
    uint32_t segment = bzd_places_segment_of(index);
    size_t offset = (size_t)(index - bzd_places_segment_begin(segment)) * places->place_size;
    return is_lent(segment_size(places, segment)) && offset % PAGE_SIZE == 0;
}

void bzd_places_enter(struct bzd_places *places, uint32_t index) {
    BZD_ASSERT(index < bzd_places_capacity(places));
    if (begins_page(places, index))
        places->bytes += PAGE_SIZE;
    memset(bzd_places_at(places, index, places->place_size), 0, places->place_size);
}

void bzd_places_leave(struct bzd_places *places, uint32_t index) {
    if (!begins_page(places, index))
        return;
    void *page = bzd_places_at(places, index, places->place_size);
    places->env->discard(places->env->user, page, PAGE_SIZE);
    places->bytes -= PAGE_SIZE;
}

uint64_t bzd_places_bytes_ahead(const struct bzd_places *places, uint32_t used, int64_t count) {
    uint64_t bytes = 0;
    if (used + count > bzd_places_capacity(places)) {
        size_t size = segment_size(places, places->segment_count);
        bytes += is_lent(size) ? PAGE_SIZE : counted_size(size);
        if (places->segment_count == places->segment_capacity)
            bytes += (places->segment_capacity > 0 ? places->segment_capacity : DIRECTORY_MIN) *
                     sizeof *places->segments;
    } else {
        for (uint32_t i = 0; i < count; i++)
            bytes += begins_page(places, used + i) ? PAGE_SIZE : 0;
    }
    return bytes;
}

uint64_t bzd_places_count_bytes(const struct bzd_places *places, uint32_t used) {
    uint64_t bytes = places->segment_capacity * sizeof *places->segments;
    for (uint32_t segment = 0; segment < places->segment_count; segment++) {
        size_t size = segment_size(places, segment);
        uint32_t begin = bzd_places_segment_begin(segment);
        size_t touched = used > begin ? (size_t)(used - begin) * places->place_size : 0;
        if (!is_lent(size))
            bytes += counted_size(size);
        else
            bytes += touched < size ? (touched + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1) : size;
    }
    return bytes;
}
