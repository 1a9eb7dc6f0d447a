#include "store.h"

#include "alloc.h"
#include "invariant.h"

/** Makes the shards, on cache lines of their own. */
static blitzdb_status create_shards(struct bzd_store *store) {
    size_t alignment = _Alignof(struct bzd_shard);
    store->shards_memory = bzd_alloc(store->env, store->shard_count * sizeof(struct bzd_shard) + alignment);
    if (store->shards_memory == NULL)
        return BLITZDB_NO_MEMORY;
    uintptr_t address = ((uintptr_t)store->shards_memory + alignment - 1) & ~(uintptr_t)(alignment - 1);
    store->shards = (struct bzd_shard *)address;
    for (uint32_t i = 0; i < store->shard_count; i++) {
        struct bzd_arena *arena = &store->arenas[i % BZD_ARENAS];
        blitzdb_status status =
            bzd_shard_init(&store->shards[i], store->env, arena, &store->hash_key, &store->table_claim);
        if (status != BLITZDB_OK) {
            while (i-- > 0)
                bzd_shard_deinit(&store->shards[i]);
            bzd_free(store->env, store->shards_memory);
            return status;
        }
    }
    return BLITZDB_OK;
}

static void deinit_arenas(struct bzd_store *store, unsigned count) {
    while (count-- > 0)
        bzd_arena_deinit(&store->arenas[count]);
}

blitzdb_status bzd_store_init(struct bzd_store *store, const blitzdb_env *env, uint32_t shard_count) {
    BZD_ASSERT(shard_count > 0 && shard_count <= BZD_SHARDS_MAX && (shard_count & (shard_count - 1)) == 0);
    memset(store, 0, sizeof *store);
    store->env = env;
    store->shard_count = shard_count;
    store->shard_bits = (uint32_t)__builtin_ctz(shard_count);
    atomic_init(&store->keyspace_map, BZD_MAP_IDENTITY);
    struct bzd_siphash_key secret;
    int error = env->random(env->user, &secret, sizeof secret);
    if (error != 0)
        return BLITZDB_IO;
    bzd_hash_key_init(&store->hash_key, &secret);
    unsigned arenas = 0;
    blitzdb_status status = BLITZDB_OK;
    while (arenas < BZD_ARENAS && (status = bzd_arena_init(&store->arenas[arenas], env)) == BLITZDB_OK)
        arenas++;
    if (status == BLITZDB_OK)
        status = create_shards(store);
    if (status != BLITZDB_OK)
        deinit_arenas(store, arenas);
    return status;
}

void bzd_store_deinit(struct bzd_store *store) {
    for (uint32_t i = 0; i < store->shard_count; i++)
        bzd_shard_deinit(&store->shards[i]);
    bzd_free(store->env, store->shards_memory);
    deinit_arenas(store, BZD_ARENAS);
}

bool bzd_map_is_valid(uint64_t map) {
    unsigned seen = 0;
    for (unsigned selected = 0; selected < BLITZDB_KEYSPACES; selected++)
        seen |= 1u << bzd_map_keyspace(map, selected);
    return seen == 0xFFFF;
}

/** Lowest shard of a word of the set, which is taken out; lowest first is the order of locking. */
static struct bzd_shard *take_lowest(struct bzd_store *store, uint32_t word, uint64_t *bits) {
    uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(*bits);
    *bits &= *bits - 1;
    return &store->shards[index];
}

void bzd_store_read_acquire(struct bzd_store *store, const struct bzd_shard_set *set) {
    for (uint32_t word = 0; word * 64 < store->shard_count; word++)
        for (uint64_t bits = set->words[word]; bits != 0;)
            bzd_rwlock_read_acquire(&take_lowest(store, word, &bits)->lock);
}

void bzd_store_read_release(struct bzd_store *store, const struct bzd_shard_set *set) {
    for (uint32_t word = 0; word * 64 < store->shard_count; word++)
        for (uint64_t bits = set->words[word]; bits != 0;)
            bzd_rwlock_read_release(&take_lowest(store, word, &bits)->lock);
}

void bzd_store_write_acquire(struct bzd_store *store, const struct bzd_shard_set *set) {
    for (uint32_t word = 0; word * 64 < store->shard_count; word++)
        for (uint64_t bits = set->words[word]; bits != 0;)
            bzd_rwlock_write_acquire(&take_lowest(store, word, &bits)->lock);
}

void bzd_store_write_release(struct bzd_store *store, const struct bzd_shard_set *set) {
    for (uint32_t word = 0; word * 64 < store->shard_count; word++)
        for (uint64_t bits = set->words[word]; bits != 0;)
            bzd_rwlock_write_release(&take_lowest(store, word, &bits)->lock);
}

void bzd_store_write_acquire_all(struct bzd_store *store) {
    for (uint32_t i = 0; i < store->shard_count; i++)
        bzd_rwlock_write_acquire(&store->shards[i].lock);
}

void bzd_store_write_release_all(struct bzd_store *store) {
    for (uint32_t i = 0; i < store->shard_count; i++)
        bzd_rwlock_write_release(&store->shards[i].lock);
}

/** Puts an entry in the place of the one with its key, or into the room there is for a new one. */
static blitzdb_status put_entry(struct bzd_shard *shard, uint64_t hash, bzd_ref old_ref,
                                const struct bzd_entry *entry) {
    bzd_ref ref;
    blitzdb_status status = bzd_shard_make_entry(shard, entry, &ref);
    if (status == BLITZDB_OK)
        bzd_shard_put(shard, hash, old_ref, ref);
    return status;
}

/** EXPIRE_AT: the same entry with another expiry. */
static blitzdb_status put_expiry(struct bzd_shard *shard, uint64_t hash, bzd_ref ref, int64_t expire_at_ms) {
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(shard->arena, ref), &entry);
    entry.expire_at_ms = expire_at_ms;
    return put_entry(shard, hash, ref, &entry);
}

blitzdb_status bzd_store_apply_to_shard(struct bzd_shard *shard, uint64_t hash,
                                        const struct bzd_record *record) {
    bzd_ref ref = bzd_table_find(&shard->table, hash, record->keyspace, record->key);
    if (record->type == BZD_RECORD_SET || record->type == BZD_RECORD_SET_EXPIRING) {
        struct bzd_entry entry = {record->keyspace, record->key, record->value, record->expire_at_ms};
        return put_entry(shard, hash, ref, &entry);
    }
    if (ref == 0) /* EXPIRE_AT and DEL do nothing to an absent key */
        return BLITZDB_OK;
    if (record->type == BZD_RECORD_EXPIRE_AT)
        return put_expiry(shard, hash, ref, record->expire_at_ms);
    bzd_shard_remove(shard, hash, ref);
    return BLITZDB_OK;
}

static blitzdb_status apply_to_key(struct bzd_store *store, const struct bzd_record *record) {
    uint64_t hash = bzd_store_hash(store, record->keyspace, record->key);
    struct bzd_shard *shard = &store->shards[bzd_store_shard_index(store, hash)];
    bzd_rwlock_write_acquire(&shard->lock);
    blitzdb_status status = bzd_table_reserve(&shard->table, 1);
    if (status == BLITZDB_OK)
        status = bzd_store_apply_to_shard(shard, hash, record);
    bzd_shard_maintain(shard);
    bzd_rwlock_write_release(&shard->lock);
    return status;
}

void bzd_store_expect(struct bzd_store *store, uint64_t entries) {
    for (uint32_t i = 0; i < store->shard_count; i++) {
        struct bzd_shard *shard = &store->shards[i];
        bzd_rwlock_write_acquire(&shard->lock);
        bzd_table_expect(&shard->table, entries / store->shard_count);
        bzd_rwlock_write_release(&shard->lock);
    }
}

static void apply_to_all(struct bzd_store *store, const struct bzd_record *record) {
    bzd_store_write_acquire_all(store);
    if (record->type == BZD_RECORD_FLUSH)
        bzd_store_flush(store, record->number);
    else
        atomic_store_explicit(&store->keyspace_map, record->number, memory_order_release);
    bzd_store_write_release_all(store);
}

blitzdb_status bzd_store_apply(struct bzd_store *store, const struct bzd_record *record) {
    switch (record->type) {
    case BZD_RECORD_SET:
    case BZD_RECORD_SET_EXPIRING:
    case BZD_RECORD_DEL:
    case BZD_RECORD_EXPIRE_AT:
        return apply_to_key(store, record);
    case BZD_RECORD_FLUSH:
        apply_to_all(store, record);
        return BLITZDB_OK;
    case BZD_RECORD_MAP:
        if (!bzd_map_is_valid(record->number))
            return BLITZDB_CORRUPT;
        apply_to_all(store, record);
        return BLITZDB_OK;
    case BZD_RECORD_BATCH: /* its records follow and come in one group: nothing to do for the bracket */
        return BLITZDB_OK;
    }
    return BLITZDB_CORRUPT;
}

/** Collects the entries of one bucket that a flush removes. */
struct doomed {
    struct bzd_shard *shard;
    uint64_t keyspaces;
    size_t count;
    bzd_ref refs[64];
};

static void collect_doomed(void *user, bzd_ref ref) {
    struct doomed *doomed = user;
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(doomed->shard->arena, ref), &entry);
    bool wanted = (doomed->keyspaces >> entry.keyspace & 1) != 0;
    if (wanted && doomed->count < sizeof doomed->refs / sizeof doomed->refs[0])
        doomed->refs[doomed->count++] = ref;
}

/** Removes the entries of some keyspaces from one shard, bucket by bucket; the table shrinks with them. */
static void flush_shard(struct bzd_store *store, struct bzd_shard *shard, uint64_t keyspaces) {
    for (uint32_t bucket = 0; bucket < shard->table.bucket_count;) {
        struct doomed doomed = {.shard = shard, .keyspaces = keyspaces};
        bzd_table_visit_bucket(&shard->table, bucket, collect_doomed, &doomed);
        for (size_t i = 0; i < doomed.count; i++) {
            struct bzd_entry entry;
            bzd_entry_decode(bzd_arena_at(shard->arena, doomed.refs[i]), &entry);
            uint64_t hash = bzd_store_hash(store, entry.keyspace, entry.key);
            bzd_shard_remove(shard, hash, doomed.refs[i]);
        }
        if (doomed.count < sizeof doomed.refs / sizeof doomed.refs[0])
            bucket++; /* otherwise the bucket may hold more */
    }
    while (bzd_shard_maintain(shard))
        continue;
}

void bzd_store_flush(struct bzd_store *store, uint64_t keyspaces) {
    uint64_t others = 0;
    for (unsigned keyspace = 0; keyspace < BLITZDB_KEYSPACES; keyspace++)
        if ((keyspaces >> keyspace & 1) == 0)
            others += bzd_store_count(store, keyspace, NULL);
    for (uint32_t i = 0; i < store->shard_count; i++)
        if (others == 0)
            bzd_shard_forget(&store->shards[i]);
        else
            flush_shard(store, &store->shards[i], keyspaces);
    for (unsigned i = 0; others == 0 && i < BZD_ARENAS; i++)
        bzd_arena_reset(&store->arenas[i]);
}

void bzd_store_note_exchange(struct bzd_store *store, unsigned first, unsigned second) {
    for (uint32_t i = 0; i < store->shard_count; i++)
        if (store->shards[i].watchers != NULL)
            bzd_watchers_note_exchange(store->shards[i].watchers, first, second);
}

uint64_t bzd_store_count(const struct bzd_store *store, unsigned stored_keyspace, uint64_t *expiring_out) {
    uint64_t keys = 0;
    uint64_t expiring = 0;
    for (uint32_t i = 0; i < store->shard_count; i++) {
        const struct bzd_shard *shard = &store->shards[i];
        keys += atomic_load_explicit(&shard->keys[stored_keyspace], memory_order_relaxed);
        expiring += atomic_load_explicit(&shard->expiring[stored_keyspace], memory_order_relaxed);
    }
    if (expiring_out != NULL)
        *expiring_out = expiring;
    return keys;
}

uint64_t bzd_store_count_writes(const struct bzd_store *store) {
    uint64_t writes = 0;
    for (uint32_t i = 0; i < store->shard_count; i++)
        writes += atomic_load_explicit(&store->shards[i].writes, memory_order_relaxed);
    return writes;
}

static uint64_t entry_blocks_bytes(const struct bzd_store *store) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < BZD_ARENAS; i++)
        bytes += atomic_load_explicit(&store->arenas[i].used_bytes, memory_order_relaxed);
    return bytes;
}

uint64_t bzd_store_claimed_bytes(const struct bzd_store *store) {
    return entry_blocks_bytes(store) + atomic_load_explicit(&store->table_claim, memory_order_relaxed);
}

uint64_t bzd_store_used_bytes(const struct bzd_store *store) {
    uint64_t bytes = entry_blocks_bytes(store);
    for (uint32_t i = 0; i < store->shard_count; i++)
        bytes += atomic_load_explicit(&store->shards[i].table_bytes, memory_order_relaxed);
    return bytes;
}
