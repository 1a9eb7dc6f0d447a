/** The hand of the clock: goes over the entries of one bucket after the other. Touching is in table.c. */
#include "table_bucket.h"

/** The slots of a bucket or of a node. */
struct slots {
    const uint8_t *tags;
    const uint8_t (*refs)[BZD_REF_SIZE];
    unsigned count;
};

/** A walk over one group. */
struct walk {
    bzd_table_clock_fn decide;
    void *user;
    uint32_t place; /**< slots passed, of the whole group */
    uint32_t first; /**< where it begins */
    bool stopped;
};

/** Asks about the entries in some slots and returns the marks they have then. */
static unsigned walk_slots(struct walk *walk, struct slots slots, unsigned clock) {
    for (unsigned i = 0; i < slots.count && !walk->stopped; i++, walk->place++) {
        if (slots.tags[i] == 0 || walk->place < walk->first)
            continue;
        unsigned marks =
            walk->decide(walk->user, bzd_ref_load(slots.refs[i]), bzd_marks_of(clock, i, slots.count));
        if (marks == BZD_CLOCK_STOP) {
            walk->stopped = true;
            break; /* `place` stays here */
        }
        clock = bzd_marks_with(clock, i, slots.count, marks);
    }
    return clock;
}

/** Goes over one group. Lines that stay as they are are not written. */
static void walk_group(struct bzd_table *table, struct bzd_bucket *bucket, struct walk *walk) {
    unsigned before = atomic_load_explicit(&bucket->clock, memory_order_relaxed);
    struct slots slots = {bucket->tags, (const uint8_t(*)[BZD_REF_SIZE])bucket->refs, BZD_BUCKET_SLOTS};
    unsigned after = walk_slots(walk, slots, before);
    if (after != before)
        atomic_store_explicit(&bucket->clock, (uint16_t)after, memory_order_relaxed);
    for (uint32_t next = bucket->overflow; next != 0 && !walk->stopped;) {
        struct bzd_overflow *node = bzd_overflow_at(table, next);
        before = atomic_load_explicit(&node->clock, memory_order_relaxed);
        slots = (struct slots){node->tags, (const uint8_t(*)[BZD_REF_SIZE])node->refs, BZD_OVERFLOW_SLOTS};
        after = walk_slots(walk, slots, before);
        if (after != before)
            atomic_store_explicit(&node->clock, (uint8_t)after, memory_order_relaxed);
        next = node->next;
    }
}

void bzd_table_clock(struct bzd_table *table, bzd_table_clock_fn decide, void *user) {
    BZD_ASSERT(table->bucket_count > 0);
    if (table->hand_bucket >= table->bucket_count) { /* behind the last one, or the table has shrunk */
        table->hand_bucket = 0;
        table->hand_place = 0;
    }
    struct walk walk = {.decide = decide, .user = user, .first = table->hand_place};
    walk_group(table, bzd_bucket_at(table, table->hand_bucket), &walk);
    table->hand_place = walk.stopped ? walk.place : 0;
    table->hand_bucket += !walk.stopped;
}
