#include "shard.h"

#include "invariant.h"

blitzdb_status bzd_shard_init(struct bzd_shard *shard, const blitzdb_env *env, struct bzd_arena *arena,
                              const struct bzd_hash_key *hash_key, _Atomic uint64_t *table_claim) {
    memset(shard, 0, sizeof *shard);
    shard->arena = arena;
    shard->table_claim = table_claim;
    bzd_table_init(&shard->table, env, arena, hash_key);
    return bzd_rwlock_init(&shard->lock);
}

void bzd_shard_deinit(struct bzd_shard *shard) {
    bzd_table_deinit(&shard->table);
    bzd_rwlock_deinit(&shard->lock);
}

blitzdb_status bzd_shard_make_entry(struct bzd_shard *shard, const struct bzd_entry *entry,
                                    bzd_ref *ref_out) {
    bzd_ref ref;
    blitzdb_status status = bzd_arena_alloc(shard->arena, bzd_entry_size(entry), &ref);
    if (status != BLITZDB_OK)
        return status;
    bzd_entry_encode(bzd_arena_at(shard->arena, ref), entry);
    *ref_out = ref;
    return BLITZDB_OK;
}

void bzd_shard_drop_entry(struct bzd_shard *shard, bzd_ref ref) {
    if (ref != 0)
        bzd_arena_free(shard->arena, ref, bzd_entry_block_size(bzd_arena_at(shard->arena, ref)));
}

/** Adds to a counter that only the holder of the write lock changes. */
static void add(_Atomic uint64_t *counter, uint64_t difference) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + difference, memory_order_relaxed);
}

/** Counts an entry in (`sign` 1) or out (`sign` -1, in unsigned arithmetic). */
static void count_entry(struct bzd_shard *shard, bzd_ref ref, uint64_t sign) {
    const uint8_t *block = bzd_arena_at(shard->arena, ref);
    struct bzd_entry entry;
    bzd_entry_decode(block, &entry);
    add(&shard->keys[entry.keyspace], sign);
    if (entry.expire_at_ms != 0)
        add(&shard->expiring[entry.keyspace], sign);
    add(&shard->entry_bytes, sign * bzd_entry_block_size(block));
}

struct bzd_record bzd_shard_record_of(const struct bzd_shard *shard, bzd_ref ref) {
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(shard->arena, ref), &entry);
    return (struct bzd_record){
        .type = entry.expire_at_ms == 0 ? BZD_RECORD_SET : BZD_RECORD_SET_EXPIRING,
        .keyspace = entry.keyspace,
        .key = entry.key,
        .value = entry.value,
        .expire_at_ms = entry.expire_at_ms,
    };
}

void bzd_shard_put(struct bzd_shard *shard, uint64_t hash, bzd_ref old_ref, bzd_ref new_ref) {
    bzd_rwlock_assert_write_held(&shard->lock);
    if (shard->watchers != NULL)
        bzd_watchers_note_put(shard->watchers, hash);
    count_entry(shard, new_ref, 1);
    bzd_table_expect_size(&shard->table, bzd_entry_block_size(bzd_arena_at(shard->arena, new_ref)));
    if (old_ref == 0) {
        bzd_table_insert(&shard->table, hash, new_ref);
        return;
    }
    bzd_table_replace(&shard->table, hash, old_ref, new_ref);
    count_entry(shard, old_ref, (uint64_t)-1);
    bzd_shard_drop_entry(shard, old_ref);
}

void bzd_shard_overwrite(struct bzd_shard *shard, uint64_t hash, bzd_ref ref, struct bzd_slice value) {
    bzd_rwlock_assert_write_held(&shard->lock);
    if (shard->watchers != NULL)
        bzd_watchers_note_put(shard->watchers, hash);
    uint8_t *block = bzd_arena_at(shard->arena, ref);
    struct bzd_slice present = bzd_entry_value(block);
    BZD_ASSERT(present.size == value.size);
    if (value.size > 0) /* the bytes may be those of the present value */
        memmove(block + ((const uint8_t *)present.data - block), value.data, value.size);
}

void bzd_shard_remove(struct bzd_shard *shard, uint64_t hash, bzd_ref ref) {
    bzd_rwlock_assert_write_held(&shard->lock);
    bzd_table_remove(&shard->table, hash, ref);
    count_entry(shard, ref, (uint64_t)-1);
    bzd_shard_drop_entry(shard, ref);
}

bool bzd_shard_has_expiring(const struct bzd_shard *shard) {
    for (unsigned keyspace = 0; keyspace < BLITZDB_KEYSPACES; keyspace++)
        if (atomic_load_explicit(&shard->expiring[keyspace], memory_order_relaxed) > 0)
            return true;
    return false;
}

void bzd_shard_count_write(struct bzd_shard *shard) {
    add(&shard->writes, 1);
}

void bzd_shard_count_expired(struct bzd_shard *shard) {
    add(&shard->expired, 1);
}

void bzd_shard_count_evicted(struct bzd_shard *shard) {
    add(&shard->evicted, 1);
}

bool bzd_shard_tidy(struct bzd_shard *shard, uint64_t hash, bzd_ref ref) {
    bzd_rwlock_assert_write_held(&shard->lock);
    const uint8_t *block = bzd_arena_at(shard->arena, ref);
    size_t size = bzd_entry_block_size(block);
    bzd_ref moved;
    if (bzd_arena_alloc(shard->arena, size, &moved) != BLITZDB_OK)
        return false;
    memcpy(bzd_arena_at(shard->arena, moved), block, size);
    bzd_table_replace(&shard->table, hash, ref, moved);
    bzd_arena_free(shard->arena, ref, size);
    return true;
}

/** Notes the size of the table. The sum over all shards is one number that changes when a table grows, so
 * that a write at the memory limit need not look at every shard. */
static void note_table(struct bzd_shard *shard) {
    const struct bzd_table *table = &shard->table;
    struct bzd_noted_table now = {table->bytes, table->bucket_count, table->overflow_count,
                                  table->overflow_free_count};
    struct bzd_noted_table *noted = &shard->noted;
    if (now.bytes == noted->bytes && now.bucket_count == noted->bucket_count &&
        now.overflow_count == noted->overflow_count && now.overflow_free_count == noted->overflow_free_count)
        return; /* most writes change nothing but a bucket */
    *noted = now;
    uint64_t claimed = table->bytes + bzd_table_bytes_ahead(table);
    atomic_store_explicit(&shard->table_bytes, table->bytes, memory_order_relaxed);
    if (claimed == shard->claimed_bytes)
        return;
    atomic_fetch_add_explicit(shard->table_claim, claimed - shard->claimed_bytes, memory_order_relaxed);
    shard->claimed_bytes = claimed;
}

bool bzd_shard_maintain(struct bzd_shard *shard) {
    enum { CHECKED_ENTRIES_MAX = 100 }; /* the check walks through the whole table */
    bool has_more = bzd_table_maintain(&shard->table);
    BZD_INVARIANT(shard->table.entry_count > CHECKED_ENTRIES_MAX || bzd_table_is_valid(&shard->table));
    note_table(shard);
    return has_more;
}

void bzd_shard_forget(struct bzd_shard *shard) {
    bzd_rwlock_assert_write_held(&shard->lock);
    bzd_table_deinit(&shard->table);
    for (unsigned keyspace = 0; keyspace < BLITZDB_KEYSPACES; keyspace++) {
        atomic_store_explicit(&shard->keys[keyspace], 0, memory_order_relaxed);
        atomic_store_explicit(&shard->expiring[keyspace], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&shard->entry_bytes, 0, memory_order_relaxed);
    note_table(shard);
}
