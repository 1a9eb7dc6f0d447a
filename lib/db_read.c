/** Reading calls: one key under one read lock, or several keys at one moment under all of theirs. */
#include "spot.h"

/** A key being read: its shard is locked for reading. */
struct reading {
    const blitzdb *db;
    struct bzd_shard *shard;
    const uint8_t *block; /**< the entry */
    bzd_ref ref;          /**< its name */
};

/** Whether an entry is past its expiry. */
static bool is_expired(const uint8_t *block, int64_t now_ms) {
    return !bzd_entry_is_live(bzd_entry_expire_at(block), now_ms);
}

/** Looks a key up in its locked shard; NULL: there is none. */
static inline const uint8_t *find(const blitzdb *db, const struct bzd_spot *spot, struct bzd_slice key,
                                  bzd_ref *ref_out) {
    const uint8_t *block;
    bzd_ref ref = *ref_out = bzd_table_look_up(&spot->shard->table, spot->hash, spot->keyspace, key, &block);
    if (ref == 0 || ((block[0] & BZD_ENTRY_HAS_EXPIRY) != 0 && is_expired(block, bzd_clock_ms(db))))
        return NULL;
    bzd_touch(db->core, spot->shard, spot->hash, ref);
    return block;
}

/** Checks, locks and finds. On OK the shard is locked until read_end(); otherwise nothing is. */
static inline __attribute__((always_inline)) blitzdb_status
read_begin(blitzdb *db, const void *key, size_t key_size, struct reading *reading) {
    struct bzd_spot spot;
    struct bzd_slice bytes = bzd_slice_of(key, key_size);
    blitzdb_status status = bzd_enter(db);
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(key, key_size);
    if (status == BLITZDB_OK)
        status = bzd_spot_lock(db, bytes, bzd_rwlock_read_acquire, bzd_rwlock_read_release, &spot);
    if (status != BLITZDB_OK)
        return status;
    reading->db = db;
    reading->shard = spot.shard;
    reading->block = find(db, &spot, bytes, &reading->ref);
    if (reading->block != NULL)
        return BLITZDB_OK;
    bzd_spot_unlock(db, spot.shard, bzd_rwlock_read_release);
    return BLITZDB_NOT_FOUND;
}

static void read_end(struct reading *reading) {
    bzd_spot_unlock(reading->db, reading->shard, bzd_rwlock_read_release);
}

/** Copies what fits. */
static blitzdb_status copy_value(struct bzd_slice value, void *buffer, size_t buffer_size,
                                 size_t *value_size_out) {
    size_t size = value.size < buffer_size ? value.size : buffer_size;
    if (size > 0)
        memcpy(buffer, value.data, size);
    if (value_size_out != NULL)
        *value_size_out = value.size;
    return size == value.size ? BLITZDB_OK : BLITZDB_BUFFER_TOO_SMALL;
}

blitzdb_status blitzdb_get(blitzdb *db, const void *key, size_t key_size, void *buffer, size_t buffer_size,
                           size_t *value_size_out) {
    struct reading reading;
    if (!bzd_size_is_valid(buffer, buffer_size))
        return BLITZDB_INVALID;
    blitzdb_status status = read_begin(db, key, key_size, &reading);
    if (status != BLITZDB_OK)
        return status;
    status = copy_value(bzd_entry_value(reading.block), buffer, buffer_size, value_size_out);
    read_end(&reading);
    return status;
}

blitzdb_status blitzdb_get_alloc(blitzdb *db, const void *key, size_t key_size, void **value_out,
                                 size_t *value_size_out) {
    struct reading reading;
    if (value_out == NULL || value_size_out == NULL)
        return BLITZDB_INVALID;
    size_t room = 0;
    char *copy = NULL;
    for (;;) { /* memory is not asked for under the lock: learn the size, allocate, look again */
        blitzdb_status status = read_begin(db, key, key_size, &reading);
        if (status != BLITZDB_OK) {
            if (copy != NULL)
                bzd_free(&db->core->env, copy);
            return status;
        }
        struct bzd_slice value = bzd_entry_value(reading.block);
        size_t size = value.size;
        if (copy != NULL && size <= room) {
            (void)copy_value(value, copy, room, value_size_out);
            read_end(&reading);
            copy[size] = '\0';
            *value_out = copy;
            return BLITZDB_OK;
        }
        read_end(&reading);
        char *larger = bzd_realloc(&db->core->env, copy, size + 1);
        if (larger == NULL) {
            bzd_free(&db->core->env, copy);
            return BLITZDB_NO_MEMORY;
        }
        copy = larger;
        room = size;
    }
}

struct blitzdb_pinned {
    blitzdb *db;
    struct bzd_arena *arena;
    struct bzd_region *region; /**< that is kept; NULL: the value is a copy */
    size_t room;
    char copy[];
};

/** Keeps the value where it is, or copies it if there is room; BUFFER_TOO_SMALL with its size if there is
 * not. */
static blitzdb_status pin_or_copy(struct blitzdb_pinned *pinned, const struct reading *reading,
                                  const void **value_out, size_t *value_size_out) {
    struct bzd_slice value = bzd_entry_value(reading->block);
    *value_size_out = value.size;
    pinned->arena = reading->shard->arena;
    pinned->region = bzd_arena_pin(pinned->arena, reading->ref, bzd_entry_block_size(reading->block));
    *value_out = pinned->region != NULL ? value.data : pinned->copy;
    return pinned->region != NULL ? BLITZDB_OK : copy_value(value, pinned->copy, pinned->room, NULL);
}

/** Makes room until the value is kept or copied; `*pinned` is the caller's to free if that fails. */
static blitzdb_status get_pinned(blitzdb *db, const void *key, size_t key_size, blitzdb_pinned **pinned,
                                 const void **value_out, size_t *value_size_out) {
    struct reading reading;
    for (size_t room = 0;; room = *value_size_out) { /* as in blitzdb_get_alloc() */
        blitzdb_pinned *larger = bzd_realloc(&db->core->env, *pinned, sizeof *larger + room);
        if (larger == NULL)
            return BLITZDB_NO_MEMORY;
        larger->db = db;
        larger->room = room;
        *pinned = larger;
        blitzdb_status status = read_begin(db, key, key_size, &reading);
        if (status != BLITZDB_OK)
            return status;
        status = pin_or_copy(larger, &reading, value_out, value_size_out);
        read_end(&reading);
        if (status == BLITZDB_OK)
            return status;
    }
}

blitzdb_status blitzdb_get_pinned(blitzdb *db, const void *key, size_t key_size, blitzdb_pinned **pinned_out,
                                  const void **value_out, size_t *value_size_out) {
    blitzdb_pinned *pinned = NULL;
    const void *value;
    size_t value_size;
    blitzdb_status status = bzd_enter_outside(db);
    if (status == BLITZDB_OK && (pinned_out == NULL || value_out == NULL || value_size_out == NULL))
        status = BLITZDB_INVALID;
    if (status != BLITZDB_OK)
        return status;
    status = get_pinned(db, key, key_size, &pinned, &value, &value_size);
    if (status != BLITZDB_OK) {
        bzd_free(&db->core->env, pinned);
        return status;
    }
    *pinned_out = pinned;
    *value_out = value;
    *value_size_out = value_size;
    return BLITZDB_OK;
}

void blitzdb_unpin(blitzdb_pinned *pinned) {
    if (pinned == NULL || bzd_enter(pinned->db) != BLITZDB_OK)
        return;
    if (pinned->region != NULL)
        bzd_arena_unpin(pinned->arena, pinned->region);
    bzd_free(&pinned->db->core->env, pinned);
}

blitzdb_status blitzdb_exists(blitzdb *db, const void *key, size_t key_size) {
    struct reading reading;
    blitzdb_status status = read_begin(db, key, key_size, &reading);
    if (status == BLITZDB_OK)
        read_end(&reading);
    return status;
}

blitzdb_status blitzdb_expire_time(blitzdb *db, const void *key, size_t key_size, int64_t *expire_at_ms_out) {
    struct reading reading;
    if (expire_at_ms_out == NULL)
        return BLITZDB_INVALID;
    blitzdb_status status = read_begin(db, key, key_size, &reading);
    if (status != BLITZDB_OK)
        return status;
    *expire_at_ms_out = bzd_entry_expire_at(reading.block);
    read_end(&reading);
    return BLITZDB_OK;
}

/** Fills in what is known of a key whose shard is locked; it is not touched. */
static blitzdb_status inspect(const blitzdb *db, const struct bzd_spot *spot, struct bzd_slice key,
                              blitzdb_key_info *info_out) {
    const uint8_t *block;
    const struct bzd_table *table = &spot->shard->table;
    bzd_ref ref = bzd_table_look_up(table, spot->hash, spot->keyspace, key, &block);
    if (ref == 0 || is_expired(block, bzd_clock_ms(db)))
        return BLITZDB_NOT_FOUND;
    info_out->value_size = bzd_entry_value(block).size;
    info_out->memory_bytes = bzd_arena_block_size(bzd_entry_block_size(block));
    info_out->expire_at_ms = bzd_entry_expire_at(block);
    info_out->use = bzd_table_marks(table, spot->hash, ref);
    return BLITZDB_OK;
}

blitzdb_status blitzdb_inspect(blitzdb *db, const void *key, size_t key_size, blitzdb_key_info *info) {
    struct bzd_spot spot;
    struct bzd_slice bytes = bzd_slice_of(key, key_size);
    blitzdb_key_info filled = {0};
    if (info == NULL || info->struct_size < sizeof info->struct_size || info->struct_size > sizeof filled)
        return BLITZDB_INVALID;
    blitzdb_status status = bzd_enter(db);
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(key, key_size);
    if (status == BLITZDB_OK)
        status = bzd_spot_lock(db, bytes, bzd_rwlock_read_acquire, bzd_rwlock_read_release, &spot);
    if (status != BLITZDB_OK)
        return status;
    status = inspect(db, &spot, bytes, &filled);
    bzd_spot_unlock(db, spot.shard, bzd_rwlock_read_release);
    if (status == BLITZDB_OK) {
        filled.struct_size = info->struct_size;
        memcpy(info, &filled, filled.struct_size);
    }
    return status;
}

blitzdb_status blitzdb_ttl(blitzdb *db, const void *key, size_t key_size, int64_t *ttl_ms_out) {
    int64_t expire_at_ms;
    if (ttl_ms_out == NULL)
        return BLITZDB_INVALID;
    blitzdb_status status = blitzdb_expire_time(db, key, key_size, &expire_at_ms);
    if (status != BLITZDB_OK)
        return status;
    int64_t left = expire_at_ms - bzd_clock_ms(db);
    *ttl_ms_out = expire_at_ms == 0 ? -1 : left > 0 ? left : 0;
    return BLITZDB_OK;
}

/** Look-ups whose memory is loaded together: what they need fits the first-level cache. */
enum { PROBES_MAX = 64 };

/** Several keys being read at one moment. */
struct reading_many {
    const blitzdb *db;
    struct bzd_core *core;
    size_t count;
    const void *const *keys;
    const size_t *key_sizes;
    unsigned keyspace; /**< as stored */
    uint64_t *hashes;
    struct bzd_shard_set shards;
    int64_t now_ms; /**< one moment for all of them; 0: nobody asked yet */
    struct bzd_probe probes[PROBES_MAX];
    uint64_t on_stack[PROBES_MAX];
};

static struct bzd_slice key_of(const struct reading_many *many, size_t i) {
    return bzd_slice_of(many->keys[i], many->key_sizes[i]);
}

static blitzdb_status check_many(blitzdb *db, size_t count, const void *const *keys,
                                 const size_t *key_sizes) {
    blitzdb_status status = bzd_enter(db);
    if (status == BLITZDB_OK && count > 0 && (keys == NULL || key_sizes == NULL))
        status = BLITZDB_INVALID;
    for (size_t i = 0; i < count && status == BLITZDB_OK; i++)
        status = bzd_check_bytes(keys[i], key_sizes[i]);
    return status;
}

/** Hashes all keys and collects their shards, under a keyspace map. */
static void place_many(struct reading_many *many, uint64_t map) {
    const struct bzd_store *store = &many->core->store;
    many->keyspace = bzd_map_keyspace(map, many->db->keyspace);
    memset(&many->shards, 0, sizeof many->shards);
    for (size_t i = 0; i < many->count; i++) {
        many->hashes[i] = bzd_store_hash(store, many->keyspace, key_of(many, i));
        bzd_shard_set_add(&many->shards, bzd_store_shard_index(store, many->hashes[i]));
    }
}

/** Places all keys and locks their shards; again if two keyspaces were exchanged in between. A section has
 * locked them already, or not: INVALID. */
static blitzdb_status lock_many(struct reading_many *many) {
    struct bzd_store *store = &many->core->store;
    for (;;) {
        uint64_t map = bzd_store_map(store);
        place_many(many, map);
        if (many->db->section != NULL)
            return bzd_section_has_shards(many->db->section, &many->shards) ? BLITZDB_OK : BLITZDB_INVALID;
        bzd_store_read_acquire(store, &many->shards);
        if (bzd_store_map(store) == map)
            return BLITZDB_OK;
        bzd_store_read_release(store, &many->shards);
    }
}

static void free_hashes(struct reading_many *many) {
    if (many->hashes != many->on_stack)
        bzd_free(&many->core->env, many->hashes);
}

static blitzdb_status read_many_begin(struct reading_many *many, blitzdb *db, size_t count,
                                      const void *const *keys, const size_t *key_sizes) {
    blitzdb_status status = check_many(db, count, keys, key_sizes);
    if (status != BLITZDB_OK)
        return status;
    many->db = db;
    many->core = db->core;
    many->count = count;
    many->keys = keys;
    many->key_sizes = key_sizes;
    many->now_ms = 0;
    many->hashes = many->on_stack;
    if (count > PROBES_MAX) {
        many->hashes = bzd_alloc(&many->core->env, count * sizeof *many->hashes);
        if (many->hashes == NULL)
            return BLITZDB_NO_MEMORY;
    }
    status = lock_many(many);
    if (status != BLITZDB_OK)
        free_hashes(many);
    return status;
}

/** Starts the look-ups of some of the keys; returns the end of these. */
static size_t probe_some(struct reading_many *many, size_t begin) {
    struct bzd_store *store = &many->core->store;
    size_t count = many->count - begin < PROBES_MAX ? many->count - begin : PROBES_MAX;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = many->hashes[begin + i];
        bzd_probe_begin(&many->probes[i], &store->shards[bzd_store_shard_index(store, hash)].table, hash);
    }
    bzd_probe_entries(many->probes, count);
    return begin + count;
}

/** Whether an entry is past its expiry at the moment of the call. */
static bool is_expired_by_now(struct reading_many *many, const uint8_t *block) {
    if (many->now_ms == 0)
        many->now_ms = bzd_clock_ms(many->db);
    return is_expired(block, many->now_ms);
}

/** Ends the look-up of a key; NULL: it is absent. */
static inline const uint8_t *find_one_of(struct reading_many *many, size_t i) {
    const struct bzd_probe *probe = &many->probes[i % PROBES_MAX];
    const uint8_t *block;
    bzd_ref ref = bzd_probe_finish(probe, many->keyspace, key_of(many, i), &block);
    if (ref == 0 || ((block[0] & BZD_ENTRY_HAS_EXPIRY) != 0 && is_expired_by_now(many, block)))
        return NULL;
    struct bzd_store *store = &many->core->store;
    bzd_touch(many->core, &store->shards[bzd_store_shard_index(store, probe->hash)], probe->hash, ref);
    return block;
}

static void read_many_end(struct reading_many *many) {
    if (many->db->section == NULL)
        bzd_store_read_release(&many->core->store, &many->shards);
    free_hashes(many);
}

static blitzdb_view_entry shown_entry(size_t index, const uint8_t *block) {
    struct bzd_slice value = bzd_entry_value(block);
    blitzdb_view_entry shown = {index, value.data, value.size, bzd_entry_expire_at(block)};
    return shown;
}

/** The common case of one key needs neither hashes nor a set of shards. */
static blitzdb_status view_one(blitzdb *db, const void *key, size_t key_size, blitzdb_view_fn view,
                               void *user) {
    struct reading reading;
    blitzdb_view_entry shown = {0};
    blitzdb_status status = read_begin(db, key, key_size, &reading);
    if (status == BLITZDB_NOT_FOUND) {
        view(user, &shown);
        return BLITZDB_OK;
    }
    if (status != BLITZDB_OK)
        return status;
    shown = shown_entry(0, reading.block);
    view(user, &shown);
    read_end(&reading);
    return BLITZDB_OK;
}

blitzdb_status blitzdb_view(blitzdb *db, size_t count, const void *const keys[], const size_t key_sizes[],
                            blitzdb_view_fn view, void *user) {
    if (view == NULL || (count > 0 && (keys == NULL || key_sizes == NULL)))
        return BLITZDB_INVALID;
    if (count == 1)
        return view_one(db, keys[0], key_sizes[0], view, user);
    struct reading_many many;
    blitzdb_status status = read_many_begin(&many, db, count, keys, key_sizes);
    if (status != BLITZDB_OK)
        return status;
    for (size_t i = 0, begun = 0; i < count; i++) {
        if (i == begun)
            begun = probe_some(&many, begun);
        blitzdb_view_entry shown = {.index = i};
        const uint8_t *block = find_one_of(&many, i);
        if (block != NULL)
            shown = shown_entry(i, block);
        view(user, &shown);
    }
    read_many_end(&many);
    return BLITZDB_OK;
}

blitzdb_status blitzdb_mget(blitzdb *db, size_t count, const void *const keys[], const size_t key_sizes[],
                            void *const buffers[], const size_t buffer_sizes[], size_t value_sizes_out[],
                            blitzdb_status statuses_out[]) {
    if (count > 0 &&
        (buffers == NULL || buffer_sizes == NULL || value_sizes_out == NULL || statuses_out == NULL))
        return BLITZDB_INVALID;
    for (size_t i = 0; i < count; i++)
        if (!bzd_size_is_valid(buffers[i], buffer_sizes[i]))
            return BLITZDB_INVALID;
    struct reading_many many;
    blitzdb_status status = read_many_begin(&many, db, count, keys, key_sizes);
    if (status != BLITZDB_OK)
        return status;
    for (size_t i = 0, begun = 0; i < count; i++) {
        if (i == begun)
            begun = probe_some(&many, begun);
        const uint8_t *block = find_one_of(&many, i);
        statuses_out[i] = BLITZDB_NOT_FOUND;
        if (block != NULL)
            statuses_out[i] =
                copy_value(bzd_entry_value(block), buffers[i], buffer_sizes[i], &value_sizes_out[i]);
    }
    read_many_end(&many);
    return BLITZDB_OK;
}

void blitzdb_prefetch(blitzdb *db, size_t count, const void *const keys[], const size_t key_sizes[]) {
    struct reading_many many;
    if (read_many_begin(&many, db, count < PROBES_MAX ? count : PROBES_MAX, keys, key_sizes) != BLITZDB_OK)
        return;
    (void)probe_some(&many, 0);
    read_many_end(&many);
}
