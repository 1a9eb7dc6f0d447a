#include "table.h"

#include "table_lookup.h"

/** A place in a group; `node` is NULL for the bucket's own slots. */
struct place {
    struct bzd_overflow *node;
    unsigned index;
};

uint64_t bzd_table_hash_entry(const struct bzd_table *table, bzd_ref ref) {
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(table->arena, ref), &entry);
    return bzd_hash(table->hash_key, entry.keyspace, entry.key);
}

/* -- Looking up ----------------------------------------------------------------------------------- */

bzd_ref bzd_table_find_in_overflow(const struct bzd_table *table, uint32_t index, uint64_t hash,
                                   unsigned keyspace, struct bzd_slice key, const uint8_t **block_out) {
    uint8_t tag = bzd_tag_of(hash);
    while (index != 0) {
        const struct bzd_overflow *node = bzd_overflow_at(table, index);
        for (unsigned match = bzd_overflow_match(node, tag); match != 0; match &= match - 1) {
            bzd_ref ref = bzd_overflow_ref(node, (unsigned)__builtin_ctz(match));
            *block_out = bzd_arena_at(table->arena, ref);
            if (bzd_entry_has_key(*block_out, keyspace, key))
                return ref;
        }
        index = node->next;
    }
    return 0;
}

bzd_ref bzd_table_find(const struct bzd_table *table, uint64_t hash, unsigned keyspace,
                       struct bzd_slice key) {
    const uint8_t *block;
    return bzd_table_look_up(table, hash, keyspace, key, &block);
}

/* -- Many look-ups at once ---------------------------------------------------------------------------- */

/** Notes an entry that a probe found, and starts loading it. */
static inline void probe_entry(struct bzd_probe *probe, bzd_ref ref) {
    probe->ref = ref;
    probe->block = bzd_arena_at(probe->table->arena, ref);
    __builtin_prefetch(probe->block);
    __builtin_prefetch(probe->block + probe->table->entry_reach);
}

static inline void probe_bucket(struct bzd_probe *probe) {
    unsigned match = bzd_bucket_match(probe->bucket, bzd_tag_of(probe->hash));
    if (match != 0)
        probe_entry(probe, bzd_bucket_ref(probe->bucket, (unsigned)__builtin_ctz(match)));
    else if (probe->bucket->overflow != 0)
        __builtin_prefetch(bzd_overflow_at(probe->table, probe->bucket->overflow));
}

/** Follows the chain of a bucket that has no candidate of its own. */
static void probe_chain(struct bzd_probe *probe) {
    for (uint32_t index = probe->bucket->overflow; index != 0;) {
        const struct bzd_overflow *node = bzd_overflow_at(probe->table, index);
        unsigned match = bzd_overflow_match(node, bzd_tag_of(probe->hash));
        if (match != 0) {
            probe_entry(probe, bzd_overflow_ref(node, (unsigned)__builtin_ctz(match)));
            return;
        }
        index = node->next;
    }
}

void bzd_probe_entries(struct bzd_probe *probes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (probes[i].bucket != NULL)
            probe_bucket(&probes[i]);
    for (size_t i = 0; i < count; i++)
        if (probes[i].ref == 0 && probes[i].bucket != NULL && probes[i].bucket->overflow != 0)
            probe_chain(&probes[i]);
}

/* -- Places in a group ------------------------------------------------------------------------------ */

/** Finds the place of a reference that is in the group. */
static struct place place_of(const struct bzd_table *table, const struct bzd_bucket *bucket, uint8_t tag,
                             bzd_ref ref) {
    for (unsigned match = bzd_bucket_match(bucket, tag); match != 0; match &= match - 1) {
        unsigned slot = (unsigned)__builtin_ctz(match);
        if (bzd_bucket_ref(bucket, slot) == ref)
            return (struct place){NULL, slot};
    }
    for (uint32_t index = bucket->overflow;;) {
        BZD_ASSERT(index != 0);
        struct bzd_overflow *node = bzd_overflow_at(table, index);
        for (unsigned match = bzd_overflow_match(node, tag); match != 0; match &= match - 1) {
            unsigned slot = (unsigned)__builtin_ctz(match);
            if (bzd_overflow_ref(node, slot) == ref)
                return (struct place){node, slot};
        }
        index = node->next;
    }
}

static struct bzd_table_item read_place(const struct bzd_bucket *bucket, struct place place) {
    const struct bzd_overflow *node = place.node;
    struct bzd_table_item item;
    if (node == NULL) {
        item.ref = bzd_bucket_ref(bucket, place.index);
        item.tag = bucket->tags[place.index];
        unsigned clock = atomic_load_explicit(&bucket->clock, memory_order_relaxed);
        item.marks = (uint8_t)bzd_marks_of(clock, place.index, BZD_BUCKET_SLOTS);
    } else {
        item.ref = bzd_overflow_ref(node, place.index);
        item.tag = node->tags[place.index];
        unsigned clock = atomic_load_explicit(&node->clock, memory_order_relaxed);
        item.marks = (uint8_t)bzd_marks_of(clock, place.index, BZD_OVERFLOW_SLOTS);
    }
    return item;
}

/** Writes an item, or an empty one with tag 0, into a place. */
static void write_place(struct bzd_bucket *bucket, struct place place, struct bzd_table_item item) {
    struct bzd_overflow *node = place.node;
    if (node == NULL) {
        unsigned clock = atomic_load_explicit(&bucket->clock, memory_order_relaxed);
        clock = bzd_marks_with(clock, place.index, BZD_BUCKET_SLOTS, item.marks);
        bzd_ref_store(bucket->refs[place.index], item.ref);
        bucket->tags[place.index] = item.tag;
        atomic_store_explicit(&bucket->clock, (uint16_t)clock, memory_order_relaxed);
    } else {
        unsigned clock = atomic_load_explicit(&node->clock, memory_order_relaxed);
        clock = bzd_marks_with(clock, place.index, BZD_OVERFLOW_SLOTS, item.marks);
        bzd_ref_store(node->refs[place.index], item.ref);
        node->tags[place.index] = item.tag;
        atomic_store_explicit(&node->clock, (uint8_t)clock, memory_order_relaxed);
    }
}

/** The empty place for the next item; a new head is put before the chain if there is none. */
static struct place make_place(struct bzd_table *table, struct bzd_bucket *bucket) {
    if (bucket->overflow == 0) {
        unsigned empty = bzd_bucket_match(bucket, 0);
        if (empty != 0)
            return (struct place){NULL, (unsigned)__builtin_ctz(empty)};
    } else {
        struct bzd_overflow *head = bzd_overflow_at(table, bucket->overflow);
        unsigned empty = bzd_overflow_match(head, 0);
        if (empty != 0)
            return (struct place){head, (unsigned)__builtin_ctz(empty)};
    }
    uint32_t index = bzd_overflow_take(table);
    struct bzd_overflow *head = bzd_overflow_at(table, index);
    head->next = bucket->overflow;
    bucket->overflow = index;
    return (struct place){head, 0};
}

void bzd_group_add(struct bzd_table *table, struct bzd_bucket *bucket, struct bzd_table_item item) {
    write_place(bucket, make_place(table, bucket), item);
}

/** Empties a place; the last item of the chain's head moves there if there is a chain. */
static void empty_place(struct bzd_table *table, struct bzd_bucket *bucket, struct place place) {
    const struct bzd_table_item none = {0, 0, 0};
    uint32_t head_index = bucket->overflow;
    if (head_index == 0) {
        write_place(bucket, place, none);
        return;
    }
    struct bzd_overflow *head = bzd_overflow_at(table, head_index);
    unsigned full = ~bzd_overflow_match(head, 0) & 0xFu;
    struct place last = {head, 31u - (unsigned)__builtin_clz(full)};
    write_place(bucket, place, read_place(bucket, last));
    write_place(bucket, last, none);
    if (last.index == 0) {
        bucket->overflow = head->next;
        bzd_overflow_release(table, head_index);
    }
}

/* -- Changing -------------------------------------------------------------------------------------- */

void bzd_table_init(struct bzd_table *table, const blitzdb_env *env, struct bzd_arena *arena,
                    const struct bzd_hash_key *hash_key) {
    memset(table, 0, sizeof *table);
    table->env = env;
    table->arena = arena;
    table->hash_key = hash_key;
    bzd_places_init(&table->buckets, env, arena, sizeof(struct bzd_bucket));
    bzd_places_init(&table->overflow, env, arena, sizeof(struct bzd_overflow));
}

void bzd_table_deinit(struct bzd_table *table) {
    bzd_places_deinit(&table->buckets);
    bzd_places_deinit(&table->overflow);
    bzd_table_init(table, table->env, table->arena, table->hash_key);
}

void bzd_table_touch(struct bzd_table *table, uint64_t hash, bzd_ref ref) {
    struct bzd_bucket *bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    struct place place = place_of(table, bucket, bzd_tag_of(hash), ref);
    unsigned bit = 1u << place.index;
    if ((read_place(bucket, place).marks & BZD_MARK_USED) != 0)
        return;
    if (place.node == NULL)
        atomic_fetch_or_explicit(&bucket->clock, (uint16_t)bit, memory_order_relaxed);
    else
        atomic_fetch_or_explicit(&place.node->clock, (uint8_t)bit, memory_order_relaxed);
}

unsigned bzd_table_marks(const struct bzd_table *table, uint64_t hash, bzd_ref ref) {
    struct bzd_bucket *bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    return read_place(bucket, place_of(table, bucket, bzd_tag_of(hash), ref)).marks;
}

void bzd_table_insert(struct bzd_table *table, uint64_t hash, bzd_ref ref) {
    BZD_ASSERT(table->bucket_count > 0);
    struct bzd_bucket *bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    bzd_group_add(table, bucket, (struct bzd_table_item){ref, bzd_tag_of(hash), 0});
    table->entry_count++;
}

void bzd_table_replace(struct bzd_table *table, uint64_t hash, bzd_ref old_ref, bzd_ref new_ref) {
    struct bzd_bucket *bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    struct place place = place_of(table, bucket, bzd_tag_of(hash), old_ref);
    struct bzd_table_item item = read_place(bucket, place);
    item.ref = new_ref;
    write_place(bucket, place, item);
}

void bzd_table_remove(struct bzd_table *table, uint64_t hash, bzd_ref ref) {
    struct bzd_bucket *bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    struct place place = place_of(table, bucket, bzd_tag_of(hash), ref);
    empty_place(table, bucket, place);
    table->entry_count--;
}
