/** The memory limit: what happens at the door of a write that may grow the data. */
#include "db.h"

enum {
    SAMPLE_BUCKETS = 8, /* buckets looked at under one lock */
    SAMPLE_ENTRIES = 64,
    EVICTIONS_MAX = 64, /* for one write, unless what it adds is larger than all of them */
};

/** Entries of a few buckets that may be evicted. */
struct sample {
    const struct bzd_shard *shard;
    uint32_t eviction;
    size_t count;
    bzd_ref refs[SAMPLE_ENTRIES];
};

static bool volatile_only(uint32_t eviction) {
    return eviction == BLITZDB_EVICTION_VOLATILE_LRU || eviction == BLITZDB_EVICTION_VOLATILE_RANDOM ||
           eviction == BLITZDB_EVICTION_VOLATILE_TTL;
}

static int64_t expiry_of(const struct sample *sample, bzd_ref ref) {
    return bzd_entry_expire_at(bzd_arena_at(sample->shard->arena, ref));
}

/** Takes an entry into the sample if the policy allows its eviction; one used since the last round is spared.
 */
static void consider(void *user, bzd_ref ref, bool used) {
    struct sample *sample = user;
    bool lru =
        sample->eviction == BLITZDB_EVICTION_ALLKEYS_LRU || sample->eviction == BLITZDB_EVICTION_VOLATILE_LRU;
    if (sample->count == SAMPLE_ENTRIES || (lru && used))
        return;
    if (volatile_only(sample->eviction) && expiry_of(sample, ref) == 0)
        return;
    sample->refs[sample->count++] = ref;
}

/** Which of the sample goes: the first to expire, or any. */
static bzd_ref choose(struct bzd_core *core, const struct sample *sample) {
    bzd_ref victim = sample->refs[bzd_random(core) % sample->count];
    if (sample->eviction != BLITZDB_EVICTION_VOLATILE_TTL)
        return victim;
    for (size_t i = 0; i < sample->count; i++)
        if (expiry_of(sample, sample->refs[i]) < expiry_of(sample, victim))
            victim = sample->refs[i];
    return victim;
}

/** Logs and removes one entry. The shard is locked for writing. */
static blitzdb_status evict_entry(struct bzd_core *core, struct bzd_shard *shard, bzd_ref ref) {
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(shard->arena, ref), &entry);
    struct bzd_record record = {.type = BZD_RECORD_DEL, .keyspace = entry.keyspace, .key = entry.key};
    uint64_t position;
    blitzdb_status status = bzd_append_record(core, &record, &position);
    if (status != BLITZDB_OK)
        return status;
    bzd_shard_remove(shard, bzd_store_hash(&core->store, entry.keyspace, entry.key), ref);
    bzd_shard_count_evicted(shard);
    bzd_shard_maintain(shard);
    return BLITZDB_OK;
}

/** Looks at the next few buckets of a shard and evicts one entry; `size_out` is its size, 0: there was none.
 */
static blitzdb_status evict_from(struct bzd_core *core, struct bzd_shard *shard, size_t *size_out) {
    struct sample sample = {.shard = shard, .eviction = atomic_load(&core->eviction)};
    blitzdb_status status = BLITZDB_OK;
    *size_out = 0;
    if (volatile_only(sample.eviction) && !bzd_shard_has_expiring(shard))
        return BLITZDB_OK;
    bzd_rwlock_write_acquire(&shard->lock);
    for (unsigned i = 0; i < SAMPLE_BUCKETS && sample.count == 0 && shard->table.bucket_count > 0; i++) {
        uint32_t bucket = shard->clock_bucket++ % shard->table.bucket_count;
        bzd_table_clock_bucket(&shard->table, bucket, consider, &sample);
    }
    if (sample.count > 0) {
        bzd_ref victim = choose(core, &sample);
        size_t size = bzd_entry_block_size(bzd_arena_at(shard->arena, victim));
        status = evict_entry(core, shard, victim);
        *size_out = status == BLITZDB_OK ? size : 0;
    }
    bzd_rwlock_write_release(&shard->lock);
    return status;
}

bool bzd_fits_limit(const struct bzd_core *core, size_t growth) {
    uint64_t limit = atomic_load_explicit(&core->memory_limit, memory_order_relaxed);
    return limit == 0 || bzd_store_used_bytes(&core->store) + growth <= limit;
}

/** Looks in turn at shards until one has something to evict; two fruitless rounds are enough: the first may
 * have found only entries used lately. `size_out` 0: nothing may be evicted. */
static blitzdb_status evict_one(struct bzd_core *core, size_t *size_out) {
    uint64_t buckets = 0;
    *size_out = 0;
    for (uint32_t i = 0; i < core->store.shard_count; i++)
        if (!volatile_only(atomic_load(&core->eviction)) || bzd_shard_has_expiring(&core->store.shards[i]))
            buckets += atomic_load_explicit(&core->store.shards[i].table_bytes, memory_order_relaxed) / 64;
    uint64_t tries = buckets == 0 ? 0 : 2 * (buckets / SAMPLE_BUCKETS + core->store.shard_count);
    blitzdb_status status = BLITZDB_OK;
    while (tries-- > 0 && *size_out == 0 && status == BLITZDB_OK) {
        uint32_t index = atomic_fetch_add(&core->evict_shard, 1) % core->store.shard_count;
        status = evict_from(core, &core->store.shards[index], size_out);
    }
    return status;
}

blitzdb_status bzd_evict_for(struct bzd_core *core, size_t growth) {
    if (bzd_fits_limit(core, growth))
        return BLITZDB_OK;
    if (atomic_load(&core->eviction) == BLITZDB_EVICTION_NONE)
        return BLITZDB_MEMORY_LIMIT;
    /* A limit that was lowered is come up to piece by piece: each write frees more than it takes, and goes
     * on. */
    size_t freed = 0;
    for (unsigned evicted = 0; evicted < EVICTIONS_MAX || freed < growth; evicted++) {
        size_t size;
        blitzdb_status status = evict_one(core, &size);
        if (status != BLITZDB_OK)
            return status;
        freed += size;
        if (bzd_fits_limit(core, growth))
            return BLITZDB_OK;
        if (size == 0)
            return BLITZDB_MEMORY_LIMIT;
    }
    return BLITZDB_OK;
}

blitzdb_status bzd_admit(struct bzd_core *core, size_t growth) {
    blitzdb_status status = BLITZDB_OK;
    if (core->has_log)
        status = bzd_log_admit(&core->log);
    else if (core->dir != NULL && atomic_load_explicit(&core->checkpoint.running, memory_order_relaxed))
        (void)bzd_log_admit(&core->log); /* bounds the snapshot's window; its failure is the snapshot's */
    if (status != BLITZDB_OK || growth == 0)
        return status;
    return bzd_evict_for(core, growth);
}

blitzdb_status blitzdb_set_memory_limit(blitzdb *db, uint64_t limit_bytes, unsigned eviction) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (eviction > BLITZDB_EVICTION_VOLATILE_TTL)
        return BLITZDB_INVALID;
    atomic_store(&db->core->eviction, eviction);
    atomic_store(&db->core->memory_limit, limit_bytes);
    return BLITZDB_OK;
}
