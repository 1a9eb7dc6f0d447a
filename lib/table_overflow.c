#include "table_bucket.h"

enum {
    FREE_NODES_KEPT = 8, /* free nodes that are no reason to compact */
    FREE_SHIFT = 2,      /* and as little is a quarter of all */
    ROOM_SHIFT = 3,      /* an eighth of the nodes must fit before the last segment to give it back */
    STEPS_MAX = 2,       /* nodes moved in one call */
};

static void drop_segments(struct bzd_places *nodes, uint32_t count) {
    while (nodes->segment_count > count)
        bzd_places_drop_segment(nodes);
}

blitzdb_status bzd_overflow_reserve(struct bzd_table *table, size_t count) {
    uint32_t segments_before = table->overflow.segment_count;
    uint32_t used = table->overflow_count - table->overflow_free_count;
    if (count > BZD_OVERFLOW_MAX - used)
        return BLITZDB_NO_MEMORY;
    while (bzd_places_capacity(&table->overflow) - used < count) {
        if (!bzd_places_add_segment(&table->overflow)) {
            drop_segments(&table->overflow, segments_before);
            return BLITZDB_NO_MEMORY;
        }
    }
    return BLITZDB_OK;
}

/* -- The chain of free nodes ------------------------------------------------------------------------- */

static void set_previous_free(struct bzd_table *table, uint32_t index, uint32_t previous) {
    if (index != 0)
        bzd_ref_store(bzd_overflow_at(table, index)->refs[0], previous);
}

/** Takes a node out of the chain of free ones. */
static void unchain_free(struct bzd_table *table, uint32_t index) {
    struct bzd_overflow *node = bzd_overflow_at(table, index);
    uint32_t previous = (uint32_t)bzd_ref_load(node->refs[0]);
    if (previous != 0)
        bzd_overflow_at(table, previous)->next = node->next;
    else
        table->overflow_free = node->next;
    set_previous_free(table, node->next, previous);
    table->overflow_free_count--;
    memset(node, 0, sizeof *node);
}

uint32_t bzd_overflow_take(struct bzd_table *table) {
    uint32_t index = table->overflow_free;
    if (index != 0) {
        unchain_free(table, index);
        return index;
    }
    bzd_places_enter(&table->overflow, table->overflow_count);
    return ++table->overflow_count;
}

void bzd_overflow_release(struct bzd_table *table, uint32_t index) {
    struct bzd_overflow *node = bzd_overflow_at(table, index);
    memset(node, 0, sizeof *node);
    node->next = table->overflow_free;
    set_previous_free(table, node->next, index);
    table->overflow_free = index;
    table->overflow_free_count++;
}

/* -- Giving memory back ------------------------------------------------------------------------------ */

/** Moves a node that is in use to a free place. */
static void move_node(struct bzd_table *table, uint32_t from, uint32_t to) {
    struct bzd_overflow *node = bzd_overflow_at(table, from);
    uint64_t hash = bzd_table_hash_entry(table, bzd_ref_load(node->refs[0]));
    struct bzd_bucket *bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    uint32_t *link = &bucket->overflow;
    while (*link != from)
        link = &bzd_overflow_at(table, *link)->next;
    *link = to;
    memcpy(bzd_overflow_at(table, to), node, sizeof *node);
}

/** Makes the numbers of the nodes end one earlier; there is a free node. */
static void drop_last_node(struct bzd_table *table) {
    uint32_t last = table->overflow_count;
    if (bzd_overflow_at(table, last)->tags[0] == 0)
        unchain_free(table, last);
    else
        move_node(table, last, bzd_overflow_take(table));
    bzd_places_leave(&table->overflow, --table->overflow_count);
}

static bool has_many_free(const struct bzd_table *table) {
    uint32_t free_count = table->overflow_free_count;
    return free_count > FREE_NODES_KEPT && free_count > table->overflow_count >> FREE_SHIFT;
}

bool bzd_overflow_compact(struct bzd_table *table) {
    for (unsigned i = 0; i < STEPS_MAX && has_many_free(table); i++)
        drop_last_node(table);
    /* The last segment goes when some room is left without it, so that it does not come and go. */
    uint32_t segments = table->overflow.segment_count;
    uint32_t count = table->overflow_count + (table->overflow_count >> ROOM_SHIFT);
    if (segments >= 2 && count <= bzd_places_segment_begin(segments - 1))
        bzd_places_drop_segment(&table->overflow);
    return !has_many_free(table);
}
