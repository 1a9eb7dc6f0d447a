#include "table_bucket.h"

enum {
    BUCKETS_MAX = 1 << 30,
    STEPS_MAX = 2, /* splits or merges in one call */
    /* Split above 5.5 entries per bucket. Buckets that wait for their split hold up to twice as many as
     * others: with more, too many entries stand in overflow nodes, which cost a third cache miss. */
    SPLIT_LOAD_QUARTERS = 22,
    /* Merge if what remains is below 4 then: near enough to the above that a table that has shrunk is not
     * much larger than one that never grew, and far enough that eviction at a limit does not merge what the
     * next writes split again. */
    MERGE_LOAD_QUARTERS = 16,
    MERGE_NODES = 3, /* the nine items of a bucket need at most so many nodes elsewhere */
};

/* -- Buckets --------------------------------------------------------------------------------------- */

/** Adds an empty bucket; false: no memory. */
static bool add_bucket(struct bzd_table *table) {
    uint32_t index = table->bucket_count;
    if (index == bzd_places_capacity(&table->buckets) && !bzd_places_add_segment(&table->buckets))
        return false;
    bzd_places_enter(&table->buckets, index);
    table->bucket_count++;
    return true;
}

/** Takes the last bucket away; its entries were moved before. */
static void drop_bucket(struct bzd_table *table) {
    uint32_t index = --table->bucket_count;
    bzd_places_leave(&table->buckets, index);
    if (index == bzd_places_segment_begin(table->buckets.segment_count - 1))
        bzd_places_drop_segment(&table->buckets);
}

/** Notes how much memory the table has now. */
static void count_bytes(struct bzd_table *table) {
    table->bytes = table->buckets.bytes + table->overflow.bytes;
}

blitzdb_status bzd_table_reserve(struct bzd_table *table, size_t count) {
    bool had_bucket = table->bucket_count > 0;
    if (!had_bucket && !add_bucket(table))
        return BLITZDB_NO_MEMORY;
    blitzdb_status status = bzd_overflow_reserve(table, count);
    if (status != BLITZDB_OK && !had_bucket)
        drop_bucket(table);
    count_bytes(table);
    return status;
}

/* -- Splitting and merging ------------------------------------------------------------------------- */

static void prefetch_visit(void *user, bzd_ref ref) {
    const struct bzd_table *table = user;
    __builtin_prefetch(bzd_arena_at(table->arena, ref));
}

/** The buckets a group's items go to, told apart by one bit of the hash; 0: all go to `low`. */
struct targets {
    struct bzd_bucket *low;
    struct bzd_bucket *high;
    uint64_t bit;
};

static void move_item(struct bzd_table *table, const struct targets *targets, struct bzd_table_item item) {
    bool is_high = targets->bit != 0 && (bzd_table_hash_entry(table, item.ref) & targets->bit) != 0;
    bzd_group_add(table, is_high ? targets->high : targets->low, item);
}

/**
 * Moves the items of a group, whose bucket was copied and emptied before. Nodes are released before their
 * items find a new place, so that a split needs no new ones.
 */
static void move_group(struct bzd_table *table, const struct bzd_bucket *group,
                       const struct targets *targets) {
    unsigned clock = atomic_load_explicit(&group->clock, memory_order_relaxed);
    for (unsigned i = 0; i < BZD_BUCKET_SLOTS; i++) {
        struct bzd_table_item item = {bzd_bucket_ref(group, i), group->tags[i],
                                      (uint8_t)bzd_marks_of(clock, i, BZD_BUCKET_SLOTS)};
        if (item.tag != 0)
            move_item(table, targets, item);
    }
    uint32_t next;
    for (uint32_t index = group->overflow; index != 0; index = next) {
        struct bzd_overflow node;
        memcpy(&node, bzd_overflow_at(table, index), sizeof node);
        next = node.next;
        bzd_overflow_release(table, index);
        clock = atomic_load_explicit(&node.clock, memory_order_relaxed);
        for (unsigned i = 0; i < BZD_OVERFLOW_SLOTS && node.tags[i] != 0; i++) {
            struct bzd_table_item item = {bzd_overflow_ref(&node, i), node.tags[i],
                                          (uint8_t)bzd_marks_of(clock, i, BZD_OVERFLOW_SLOTS)};
            move_item(table, targets, item);
        }
    }
}

/** Copies a bucket and empties it. */
static void detach_group(struct bzd_bucket *bucket, struct bzd_bucket *group_out) {
    memcpy(group_out, bucket, sizeof *bucket);
    memset(bucket, 0, sizeof *bucket);
}

/** Splits the bucket whose turn it is; false: no memory. */
static bool split_bucket(struct bzd_table *table) {
    uint32_t high = table->bucket_count;
    uint32_t low = high - (UINT32_C(1) << bzd_level_of(high));
    if (high >= BUCKETS_MAX || !add_bucket(table))
        return false;
    bzd_table_visit_bucket(table, low, prefetch_visit, table);

    struct targets targets = {bzd_bucket_at(table, low), bzd_bucket_at(table, high), high - low};
    struct bzd_bucket group;
    detach_group(targets.low, &group);
    move_group(table, &group, &targets);
    return true;
}

/** Merges the last bucket into the one it was split from; false: no memory. */
static bool merge_bucket(struct bzd_table *table) {
    if (bzd_overflow_reserve(table, MERGE_NODES) != BLITZDB_OK)
        return false;
    uint32_t high = table->bucket_count - 1;
    uint32_t low = high - (UINT32_C(1) << bzd_level_of(high));
    struct targets targets = {bzd_bucket_at(table, low), NULL, 0};
    struct bzd_bucket group;
    detach_group(bzd_bucket_at(table, high), &group);
    move_group(table, &group, &targets);
    drop_bucket(table);
    return true;
}

/** Small steps of small tables do not count: there are more of them, and they would take a good part of a
 * small limit. */
static uint64_t count_step(const struct bzd_table *table, uint64_t step) {
    return step > BZD_TABLE_SMALL_STEP || step * 16 <= table->bytes ? step : 0;
}

uint64_t bzd_table_bytes_ahead(const struct bzd_table *table) {
    /* An insert needs a node to be free, whether it takes it or not, and a merge three; a split adds a
     * bucket. */
    enum { NODES_AHEAD = 3, BUCKETS_AHEAD = 1 };
    if (table->bucket_count == 0)
        return 0;
    int64_t nodes = NODES_AHEAD - (int64_t)table->overflow_free_count;
    return count_step(table, bzd_places_bytes_ahead(&table->buckets, table->bucket_count, BUCKETS_AHEAD)) +
           count_step(table, bzd_places_bytes_ahead(&table->overflow, table->overflow_count, nodes));
}

void bzd_table_expect(struct bzd_table *table, uint64_t entries) {
    uint64_t wanted =
        entries / SPLIT_LOAD_QUARTERS * 4; /* rather a bucket less: it is split when it is due */
    while (table->entry_count == 0 && table->bucket_count < wanted && table->bucket_count < BUCKETS_MAX &&
           add_bucket(table))
        continue;
    count_bytes(table);
}

bool bzd_table_is_full(const struct bzd_table *table) {
    return table->entry_count * 4 > (uint64_t)table->bucket_count * SPLIT_LOAD_QUARTERS;
}

bool bzd_table_maintain(struct bzd_table *table) {
    bool done = false;
    for (unsigned i = 0; i < STEPS_MAX && !done; i++) {
        uint64_t buckets = table->bucket_count;
        done = true;
        if (bzd_table_is_full(table))
            done = !split_bucket(table);
        else if (buckets > 1 && table->entry_count * 4 < (buckets - 1) * MERGE_LOAD_QUARTERS)
            done = !merge_bucket(table);
    }
    bool compacted = bzd_overflow_compact(table);
    count_bytes(table);
    return !done || !compacted;
}
