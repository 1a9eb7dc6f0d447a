/**
 * @file
 * @brief The look-up of the table, inline: what every call of the library does once or twice for each key.
 *
 * Two dependent cache misses: the bucket's line, then the entry. An entry that ends in another line than it
 * begins in would cost a third one as soon as its value is read; so the place where the newest entry of the
 * table would end is loaded as well, at the same time as the beginning.
 */
#ifndef BZD_TABLE_LOOKUP_H
#define BZD_TABLE_LOOKUP_H

#include "entry.h"
#include "table_bucket.h"

/** Goes on in the chain of overflow nodes from `index` on. */
bzd_ref bzd_table_find_in_overflow(const struct bzd_table *table, uint32_t index, uint64_t hash,
                                   unsigned keyspace, struct bzd_slice key, const uint8_t **block_out);

/** Finds an entry, 0: none. `block_out` is where it stands. */
static inline bzd_ref bzd_table_look_up(const struct bzd_table *table, uint64_t hash, unsigned keyspace,
                                        struct bzd_slice key, const uint8_t **block_out) {
    if (table->bucket_count == 0)
        return 0;
    const struct bzd_bucket *bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    for (unsigned match = bzd_bucket_match(bucket, bzd_tag_of(hash)); match != 0; match &= match - 1) {
        bzd_ref ref = bzd_bucket_ref(bucket, (unsigned)__builtin_ctz(match));
        const uint8_t *block = bzd_arena_at(table->arena, ref);
        __builtin_prefetch(block + table->entry_reach);
        if (bzd_entry_has_key(block, keyspace, key)) {
            *block_out = block;
            return ref;
        }
    }
    if (bucket->overflow == 0)
        return 0;
    return bzd_table_find_in_overflow(table, bucket->overflow, hash, keyspace, key, block_out);
}

/** One of several look-ups whose cache misses overlap. */
struct bzd_probe {
    const struct bzd_table *table;
    uint64_t hash;
    const struct bzd_bucket *bucket; /**< NULL: the table is empty */
    bzd_ref ref;                     /**< of the first entry with the tag; 0: there is none with this hash */
    const uint8_t *block;            /**< its address; its lines are being loaded */
};

/** Begins a look-up: starts loading its bucket. The shard is locked and stays so until the end. */
static inline void bzd_probe_begin(struct bzd_probe *probe, const struct bzd_table *table, uint64_t hash) {
    probe->table = table;
    probe->hash = hash;
    probe->ref = 0;
    probe->bucket = NULL;
    if (table->bucket_count == 0)
        return;
    probe->bucket = bzd_bucket_at(table, bzd_table_bucket_of(table, hash));
    __builtin_prefetch(probe->bucket);
}

/** Takes look-ups that have begun to the point where only keys remain to be compared: all entries are loaded
 * at the same time. */
void bzd_probe_entries(struct bzd_probe *probes, size_t count);

/** Ends one of them as bzd_table_look_up() does. */
static inline bzd_ref bzd_probe_finish(const struct bzd_probe *probe, unsigned keyspace, struct bzd_slice key,
                                       const uint8_t **block_out) {
    if (probe->ref == 0)
        return 0;
    if (bzd_entry_has_key(probe->block, keyspace, key)) {
        *block_out = probe->block;
        return probe->ref;
    }
    return bzd_table_look_up(probe->table, probe->hash, keyspace, key, block_out);
}

#endif
