/** The sweep: a few buckets at a time, gives back the memory of expired entries and moves others together. */
#include "db.h"

enum {
    SHARDS_PER_ROUND = 16,
    BUCKETS_PER_SHARD = 64, /* looked at under one lock: some 600 entries */
    ENTRIES_MAX = 64,       /* of one bucket; the rest has its turn next time */
};

/** The entries of one bucket. */
struct swept {
    size_t count;
    bzd_ref refs[ENTRIES_MAX];
};

static void collect(void *user, bzd_ref ref) {
    struct swept *swept = user;
    if (swept->count < ENTRIES_MAX)
        swept->refs[swept->count++] = ref;
}

/** Removes an entry that has expired, without a record: its deadline is in its own. Others may be moved. */
static bool sweep_entry(struct bzd_store *store, struct bzd_shard *shard, bzd_ref ref, int64_t now_ms) {
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(shard->arena, ref), &entry);
    uint64_t hash = bzd_store_hash(store, entry.keyspace, entry.key);
    if (bzd_entry_is_live(entry.expire_at_ms, now_ms)) {
        bzd_shard_tidy(shard, hash, ref);
        return false;
    }
    bzd_shard_remove(shard, hash, ref);
    bzd_shard_count_expired(shard);
    return true;
}

static size_t sweep_shard(struct bzd_core *core, struct bzd_shard *shard, int64_t now_ms) {
    size_t removed = 0;
    bzd_rwlock_write_acquire(&shard->lock);
    for (unsigned i = 0; i < BUCKETS_PER_SHARD && shard->table.bucket_count > 0; i++) {
        struct swept swept = {.count = 0};
        uint32_t bucket = shard->sweep_bucket++ % shard->table.bucket_count;
        bzd_table_visit_bucket(&shard->table, bucket, collect, &swept);
        for (size_t k = 0; k < swept.count; k++)
            removed += sweep_entry(&core->store, shard, swept.refs[k], now_ms);
        bzd_shard_maintain(shard);
    }
    bzd_rwlock_write_release(&shard->lock);
    return removed;
}

bool bzd_expire_sweep(struct bzd_core *core) {
    int64_t now_ms = bzd_now_ms(core);
    size_t removed = 0;
    for (unsigned i = 0; i < SHARDS_PER_ROUND; i++) {
        uint32_t index = atomic_fetch_add(&core->sweep_shard, 1) % core->store.shard_count;
        struct bzd_shard *shard = &core->store.shards[index];
        if (bzd_shard_has_expiring(shard) || bzd_shard_is_sparse(shard))
            removed += sweep_shard(core, shard, now_ms);
    }
    return removed > SHARDS_PER_ROUND * BUCKETS_PER_SHARD / 4; /* more than one entry in four buckets */
}
