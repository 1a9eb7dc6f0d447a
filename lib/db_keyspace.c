/** Calls on whole keyspaces: count, flush, exchange, and a random key. */
#include "section.h"

blitzdb_status blitzdb_count(blitzdb *db, uint64_t *keys_out, uint64_t *keys_with_expiry_out) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (keys_out == NULL)
        return BLITZDB_INVALID;
    const struct bzd_store *store = &db->core->store;
    unsigned keyspace = bzd_map_keyspace(bzd_store_map(store), db->keyspace);
    *keys_out = bzd_store_count(store, keyspace, keys_with_expiry_out);
    return BLITZDB_OK;
}

/** The door of a call that changes whole keyspaces: on OK every shard is locked. */
static blitzdb_status lock_all(const blitzdb *db) {
    if (!bzd_may_use_all(db, true))
        return BLITZDB_INVALID;
    blitzdb_status status = bzd_admit(db, 0);
    if (status == BLITZDB_OK && db->section == NULL)
        bzd_store_write_acquire_all(&db->core->store);
    return status;
}

/** Unlocks every shard and waits for the record's durability. */
static blitzdb_status unlock_all(const blitzdb *db, blitzdb_status status, uint64_t position) {
    struct bzd_core *core = db->core;
    if (status == BLITZDB_OK)
        bzd_shard_count_write(&core->store.shards[0]);
    if (db->section == NULL)
        bzd_store_write_release_all(&core->store);
    if (status != BLITZDB_OK || position == 0)
        return status;
    return bzd_settle(core, position, db->durability);
}

/** Empties one selected keyspace, or all of them if `selected` is BLITZDB_KEYSPACES. */
static blitzdb_status flush(const blitzdb *db, unsigned selected) {
    struct bzd_core *core = db->core;
    struct bzd_store *store = &core->store;
    uint64_t position = 0;
    blitzdb_status status = lock_all(db);
    if (status != BLITZDB_OK)
        return status;
    struct bzd_record record = {.type = BZD_RECORD_FLUSH, .number = 0xFFFF};
    if (selected < BLITZDB_KEYSPACES)
        record.number = (uint64_t)1 << bzd_map_keyspace(bzd_store_map(store), selected);
    status = bzd_append_record(db, &record, &position);
    if (status == BLITZDB_OK)
        bzd_store_flush(store, record.number);
    return unlock_all(db, status, position);
}

blitzdb_status blitzdb_flush_keyspace(blitzdb *db) {
    blitzdb_status status = bzd_enter(db);
    return status == BLITZDB_OK ? flush(db, db->keyspace) : status;
}

blitzdb_status blitzdb_flush_all(blitzdb *db) {
    blitzdb_status status = bzd_enter(db);
    return status == BLITZDB_OK ? flush(db, BLITZDB_KEYSPACES) : status;
}

/** The map with two numbers' meanings exchanged. */
static uint64_t exchanged(uint64_t map, unsigned first, unsigned second) {
    uint64_t difference = (uint64_t)(bzd_map_keyspace(map, first) ^ bzd_map_keyspace(map, second));
    return map ^ (difference << (4 * first)) ^ (difference << (4 * second));
}

blitzdb_status blitzdb_swap_keyspaces(blitzdb *db, unsigned first, unsigned second) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (first >= BLITZDB_KEYSPACES || second >= BLITZDB_KEYSPACES)
        return BLITZDB_INVALID;
    struct bzd_core *core = db->core;
    uint64_t position = 0;
    status = first == second ? bzd_admit(db, 0) : lock_all(db);
    if (status != BLITZDB_OK || first == second)
        return status;
    struct bzd_record record = {.type = BZD_RECORD_MAP,
                                .number = exchanged(bzd_store_map(&core->store), first, second)};
    status = bzd_append_record(db, &record, &position);
    if (status == BLITZDB_OK) {
        atomic_store_explicit(&core->store.keyspace_map, record.number, memory_order_release);
        bzd_store_note_exchange(&core->store, first, second);
    }
    return unlock_all(db, status, position);
}

/** Picks one of the live entries it is shown, each with the same chance. */
struct draw {
    struct bzd_core *core;
    const struct bzd_shard *shard;
    unsigned keyspace; /**< as stored */
    int64_t now_ms;
    uint64_t seen;
    bzd_ref ref; /**< 0: none yet */
};

static void consider(void *user, bzd_ref ref) {
    struct draw *draw = user;
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(draw->shard->arena, ref), &entry);
    if (bzd_entry_is_live(entry.expire_at_ms, draw->now_ms) && entry.keyspace == draw->keyspace &&
        bzd_random(draw->core) % ++draw->seen == 0)
        draw->ref = ref;
}

/** Copies the drawn key, if there is one. The shard is locked. */
static blitzdb_status copy_key(struct draw *draw, void **key_out, size_t *key_size_out) {
    if (draw->ref == 0)
        return BLITZDB_NOT_FOUND;
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(draw->shard->arena, draw->ref), &entry);
    char *copy = bzd_alloc(&draw->core->env, entry.key.size + 1);
    if (copy == NULL)
        return BLITZDB_NO_MEMORY;
    memcpy(copy, entry.key.data, entry.key.size);
    copy[entry.key.size] = '\0';
    *key_out = copy;
    *key_size_out = entry.key.size;
    return BLITZDB_OK;
}

/** Looks at buckets of a shard, from a random one on: at a few, or at all of them if `thorough`. */
static blitzdb_status draw_from(const blitzdb *db, uint32_t index, bool thorough, void **key_out,
                                size_t *key_size_out) {
    enum { BUCKETS_TRIED = 4 };
    struct bzd_core *core = db->core;
    struct bzd_shard *shard = &core->store.shards[index];
    struct draw draw = {.core = core, .shard = shard, .now_ms = bzd_clock_ms(db)};
    if (db->section == NULL)
        bzd_rwlock_read_acquire(&shard->lock);
    draw.keyspace = bzd_map_keyspace(bzd_store_map(&core->store), db->keyspace);
    uint32_t buckets = shard->table.bucket_count;
    uint64_t first = bzd_random(core);
    for (uint32_t i = 0; i < buckets && draw.ref == 0 && (thorough || i < BUCKETS_TRIED); i++)
        bzd_table_visit_bucket(&shard->table, (uint32_t)((first + i) % buckets), consider, &draw);
    blitzdb_status status = copy_key(&draw, key_out, key_size_out);
    if (db->section == NULL)
        bzd_rwlock_read_release(&shard->lock);
    return status;
}

blitzdb_status blitzdb_random_key(blitzdb *db, void **key_out, size_t *key_size_out) {
    enum { QUICK_TRIES = 64 };
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (key_out == NULL || key_size_out == NULL || !bzd_may_use_all(db, false))
        return BLITZDB_INVALID;
    struct bzd_core *core = db->core;
    uint32_t shard_count = core->store.shard_count;
    status = BLITZDB_NOT_FOUND;
    for (unsigned i = 0; i < QUICK_TRIES && status == BLITZDB_NOT_FOUND; i++) {
        uint32_t index = (uint32_t)(bzd_random(core) % shard_count);
        status = draw_from(db, index, false, key_out, key_size_out);
    }
    uint32_t first = (uint32_t)(bzd_random(core) % shard_count);
    for (uint32_t i = 0; i < shard_count && status == BLITZDB_NOT_FOUND; i++)
        status = draw_from(db, (first + i) % shard_count, true, key_out, key_size_out);
    return status;
}
