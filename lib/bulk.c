#include "bulk.h"

#include "alloc.h"
#include "invariant.h"
#include "table_lookup.h"

enum { TOGETHER = 32 }; /* records whose memory is loaded together */

_Static_assert(BZD_BULK_MAX <= UINT16_MAX, "an index fits into 16 bits");

blitzdb_status bzd_bulk_init(struct bzd_bulk *bulk, struct bzd_store *store) {
    *bulk = (struct bzd_bulk){.store = store};
    bulk->items = bzd_alloc(store->env, BZD_BULK_MAX * sizeof *bulk->items);
    bulk->sorted = bzd_alloc(store->env, BZD_BULK_MAX * sizeof *bulk->sorted);
    bulk->ends = bzd_alloc(store->env, store->shard_count * sizeof *bulk->ends);
    if (bulk->items != NULL && bulk->sorted != NULL && bulk->ends != NULL)
        return BLITZDB_OK;
    bzd_bulk_deinit(bulk);
    return BLITZDB_NO_MEMORY;
}

void bzd_bulk_deinit(struct bzd_bulk *bulk) {
    if (bulk->store == NULL)
        return;
    bzd_free(bulk->store->env, bulk->items);
    bzd_free(bulk->store->env, bulk->sorted);
    bzd_free(bulk->store->env, bulk->ends);
    bulk->store = NULL;
}

void bzd_bulk_add(struct bzd_bulk *bulk, const struct bzd_record *record) {
    BZD_ASSERT(!bzd_bulk_is_full(bulk) && record->type < BZD_RECORD_BATCH);
    struct bzd_bulk_item *item = &bulk->items[bulk->count++];
    item->hash = bzd_store_hash(bulk->store, record->keyspace, record->key);
    item->record = *record;
}

/** Counts, adds up and distributes: a shard's records stay in order. */
void bzd_bulk_sort(struct bzd_bulk *bulk) {
    const struct bzd_store *store = bulk->store;
    memset(bulk->ends, 0, store->shard_count * sizeof *bulk->ends);
    for (uint32_t i = 0; i < bulk->count; i++)
        bulk->ends[bzd_store_shard_index(store, bulk->items[i].hash)]++;
    uint32_t begin = 0;
    for (uint32_t shard = 0; shard < store->shard_count; shard++) {
        uint32_t count = bulk->ends[shard];
        bulk->ends[shard] = begin;
        begin += count;
    }
    for (uint32_t i = 0; i < bulk->count; i++)
        bulk->sorted[bulk->ends[bzd_store_shard_index(store, bulk->items[i].hash)]++] = (uint16_t)i;
}

/** Starts loading what the look-ups of some records will read: first all buckets, then all entries. */
static void load_ahead(const struct bzd_bulk *bulk, const struct bzd_table *table, const uint16_t *sorted,
                       uint32_t count) {
    struct bzd_probe probes[TOGETHER];
    for (uint32_t i = 0; i < count; i++)
        bzd_probe_begin(&probes[i], table, bulk->items[sorted[i]].hash);
    bzd_probe_entries(probes, count);
}

/** Lets the table of a shard follow what was done to it. */
static void settle(struct bzd_shard *shard, bool may_shrink) {
    while ((may_shrink || bzd_table_is_full(&shard->table)) && bzd_shard_maintain(shard))
        continue;
}

/** Applies some records of one shard, which is locked. */
static blitzdb_status apply_some(const struct bzd_bulk *bulk, struct bzd_shard *shard, const uint16_t *sorted,
                                 uint32_t count) {
    blitzdb_status status = bzd_table_reserve(&shard->table, count);
    load_ahead(bulk, &shard->table, sorted, count);
    for (uint32_t i = 0; i < count && status == BLITZDB_OK; i++) {
        const struct bzd_bulk_item *item = &bulk->items[sorted[i]];
        status = bzd_store_apply_to_shard(shard, item->hash, &item->record);
    }
    return status;
}

static blitzdb_status apply_to_shard(const struct bzd_bulk *bulk, uint32_t index, bool may_shrink) {
    struct bzd_shard *shard = &bulk->store->shards[index];
    uint32_t begin = index > 0 ? bulk->ends[index - 1] : 0;
    uint32_t end = bulk->ends[index];
    if (begin == end)
        return BLITZDB_OK;
    blitzdb_status status = BLITZDB_OK;
    bzd_rwlock_write_acquire(&shard->lock);
    while (begin < end && status == BLITZDB_OK) {
        uint32_t count = end - begin < TOGETHER ? end - begin : TOGETHER;
        status = apply_some(bulk, shard, bulk->sorted + begin, count);
        settle(shard, may_shrink);
        begin += count;
    }
    bzd_rwlock_write_release(&shard->lock);
    return status;
}

blitzdb_status bzd_bulk_apply_part(const struct bzd_bulk *bulk, uint32_t part, bool may_shrink) {
    blitzdb_status status = BLITZDB_OK;
    for (uint32_t shard = part; shard < bulk->store->shard_count && status == BLITZDB_OK;
         shard += BZD_BULK_PARTS)
        status = apply_to_shard(bulk, shard, may_shrink);
    return status;
}
