/** Sections and watched keys: the public face of section.h and watch.h. */
#include "section.h"
#include "spot.h"

struct blitzdb_watch {
    struct bzd_watch watch;
    const blitzdb *db;       /**< of the key's keyspace */
    struct bzd_shard *shard; /**< of the key, as long as keyspaces are not exchanged */
    unsigned keyspace;       /**< as stored, as long as that */
    size_t key_size;
    uint8_t key[];
};

struct blitzdb_section {
    struct bzd_section section;
};

/* ---- Watches ---- */

static struct bzd_slice key_of(const blitzdb_watch *watch) {
    return bzd_slice_of(watch->key, watch->key_size);
}

/** True if the key has a live entry. Its shard is locked. */
static bool is_present(const blitzdb_watch *watch, int64_t now_ms) {
    const uint8_t *block;
    bzd_ref ref =
        bzd_table_look_up(&watch->shard->table, watch->watch.hash, watch->keyspace, key_of(watch), &block);
    return ref != 0 && bzd_entry_is_live(bzd_entry_expire_at(block), now_ms);
}

static bool is_marked(const blitzdb_watch *watch) {
    return atomic_load_explicit(&watch->watch.changed, memory_order_acquire);
}

/** Whether the key has changed, expiry included. Its shard is locked. */
static bool has_changed(const blitzdb_watch *watch, int64_t now_ms) {
    return is_marked(watch) || (watch->watch.was_present && !is_present(watch, now_ms));
}

blitzdb_status blitzdb_watch_create(blitzdb *db, const void *key, size_t key_size,
                                    blitzdb_watch **watch_out) {
    blitzdb_status status = bzd_enter_outside(db);
    if (status == BLITZDB_OK)
        status = watch_out == NULL ? BLITZDB_INVALID : bzd_check_bytes(key, key_size);
    if (status != BLITZDB_OK)
        return status;
    const blitzdb_env *env = &db->core->env;
    blitzdb_watch *watch = bzd_alloc_zeroed(env, sizeof *watch + key_size);
    struct bzd_spot spot;
    if (watch == NULL)
        return BLITZDB_NO_MEMORY;
    watch->db = db;
    watch->key_size = key_size;
    if (key_size > 0)
        memcpy(watch->key, key, key_size);
    status = bzd_spot_lock(db, key_of(watch), bzd_rwlock_write_acquire, bzd_rwlock_write_release, &spot);
    watch->shard = spot.shard;
    watch->keyspace = spot.keyspace;
    watch->watch.hash = spot.hash;
    watch->watch.selected = db->keyspace;
    watch->watch.was_present = is_present(watch, bzd_now_ms(db->core));
    status = bzd_watchers_add(&spot.shard->watchers, env, &watch->watch);
    bzd_spot_unlock(db, spot.shard, bzd_rwlock_write_release);
    if (status == BLITZDB_OK)
        *watch_out = watch;
    else
        bzd_free(env, watch);
    return status;
}

void blitzdb_watch_destroy(blitzdb_watch *watch) {
    if (watch == NULL || bzd_enter(watch->db) != BLITZDB_OK)
        return;
    const blitzdb_env *env = &watch->db->core->env;
    bzd_rwlock_write_acquire(&watch->shard->lock);
    bzd_watchers_remove(&watch->shard->watchers, env, &watch->watch);
    bzd_rwlock_write_release(&watch->shard->lock);
    bzd_free(env, watch);
}

/* ---- Beginning a section ---- */

static blitzdb_status check_options(const blitzdb_section_options *given, blitzdb_section_options *out) {
    *out = (blitzdb_section_options)BLITZDB_SECTION_OPTIONS_INIT;
    if (given == NULL || given->struct_size < sizeof given->struct_size || given->struct_size > sizeof *out)
        return BLITZDB_INVALID;
    memcpy(out, given, given->struct_size);
    if (out->kind > BLITZDB_SECTION_READS || (out->key_count > 0 && out->keys == NULL) ||
        (out->watch_count > 0 && out->watches == NULL))
        return BLITZDB_INVALID;
    if (out->whole == 0 && out->key_count == 0 && out->watch_count == 0)
        return BLITZDB_INVALID;
    for (size_t i = 0; i < out->key_count; i++) {
        blitzdb_status status = bzd_check_bytes(out->keys[i].data, out->keys[i].size);
        if (status == BLITZDB_OK && out->keys[i].keyspace >= BLITZDB_KEYSPACES)
            status = BLITZDB_INVALID;
        if (status != BLITZDB_OK)
            return status;
    }
    return BLITZDB_OK;
}

static void acquire(struct bzd_section *section) {
    struct bzd_store *store = &section->core->store;
    if (section->kind == BLITZDB_SECTION_READS)
        bzd_store_read_acquire(store, &section->shards);
    else
        bzd_store_write_acquire(store, &section->shards);
}

static void release(struct bzd_section *section) {
    struct bzd_store *store = &section->core->store;
    if (section->kind == BLITZDB_SECTION_READS)
        bzd_store_read_release(store, &section->shards);
    else
        bzd_store_write_release(store, &section->shards);
}

/** Collects the shards of everything the section is about, under a keyspace map. */
static void place(struct bzd_section *section, const blitzdb_section_options *options, uint64_t map) {
    struct bzd_store *store = &section->core->store;
    memset(&section->shards, 0, sizeof section->shards);
    for (uint32_t i = 0; section->whole && i < store->shard_count; i++)
        bzd_shard_set_add(&section->shards, i);
    for (size_t i = 0; !section->whole && i < options->key_count; i++) {
        const blitzdb_key *key = &options->keys[i];
        struct bzd_slice bytes = bzd_slice_of(key->data, key->size);
        uint64_t hash = bzd_store_hash(store, bzd_map_keyspace(map, key->keyspace), bytes);
        bzd_shard_set_add(&section->shards, bzd_store_shard_index(store, hash));
    }
    for (size_t i = 0; i < options->watch_count; i++)
        bzd_shard_set_add(&section->shards, (uint32_t)(options->watches[i]->shard - store->shards));
}

/** Locks; again if two keyspaces were exchanged in between. CONDITION_FAILED: a watched key has changed, and
 * nothing is locked. */
static blitzdb_status lock(struct bzd_section *section, const blitzdb_section_options *options) {
    struct bzd_store *store = &section->core->store;
    for (;;) {
        uint64_t map = bzd_store_map(store);
        place(section, options, map);
        acquire(section);
        if (bzd_store_map(store) == map)
            break;
        release(section);
    }
    section->now_ms = bzd_now_ms(section->core);
    for (size_t i = 0; i < options->watch_count; i++)
        if (has_changed(options->watches[i], section->now_ms)) {
            release(section);
            return BLITZDB_CONDITION_FAILED;
        }
    return BLITZDB_OK;
}

/** What stands before the locks: the log takes records, and there is room, or it can be made. */
static blitzdb_status admit(struct bzd_section *section) {
    if (section->kind == BLITZDB_SECTION_READS)
        return BLITZDB_OK;
    blitzdb_status status = bzd_admit_log(section->core);
    section->may_grow = status == BLITZDB_OK && bzd_evict_for(section->core, 0) == BLITZDB_OK;
    if (status == BLITZDB_OK && section->kind == BLITZDB_SECTION_GROWS && !section->may_grow)
        status = BLITZDB_MEMORY_LIMIT;
    return status;
}

static blitzdb_status begin(struct bzd_section *section, const blitzdb *db,
                            const blitzdb_section_options *options) {
    for (size_t i = 0; i < options->watch_count; i++)
        if (is_marked(options->watches[i])) /* whose place may not be what it was */
            return BLITZDB_CONDITION_FAILED;
    section->core = db->core;
    section->durability = db->durability;
    section->kind = options->kind;
    section->whole = options->whole != 0;
    for (unsigned i = 0; i < BLITZDB_KEYSPACES; i++)
        section->handles[i] = (struct blitzdb){db->core, i, BLITZDB_DURABILITY_DEFAULT, section};
    bzd_buffer_init(&section->records, &db->core->env);
    blitzdb_status status = admit(section);
    return status == BLITZDB_OK ? lock(section, options) : status;
}

blitzdb_status blitzdb_section_begin(blitzdb *db, const blitzdb_section_options *given,
                                     blitzdb_section **section_out) {
    blitzdb_section_options options;
    blitzdb_status status = bzd_enter_outside(db);
    if (status == BLITZDB_OK)
        status = section_out == NULL ? BLITZDB_INVALID : check_options(given, &options);
    if (status != BLITZDB_OK)
        return status;
    const blitzdb_env *env = &db->core->env;
    blitzdb_section *section = bzd_alloc_zeroed(env, sizeof *section);
    if (section == NULL)
        return BLITZDB_NO_MEMORY;
    status = begin(&section->section, db, &options);
    if (status == BLITZDB_OK)
        *section_out = section;
    else
        bzd_free(env, section);
    return status;
}

blitzdb_status blitzdb_section_handle(blitzdb_section *section, unsigned keyspace, blitzdb **handle_out) {
    if (section == NULL || keyspace >= BLITZDB_KEYSPACES || handle_out == NULL)
        return BLITZDB_INVALID;
    *handle_out = &section->section.handles[keyspace];
    return bzd_enter(*handle_out);
}

/* ---- Ending it ---- */

blitzdb_status blitzdb_section_end(blitzdb_section *ended, unsigned durability) {
    if (ended == NULL)
        return BLITZDB_INVALID;
    struct bzd_section *section = &ended->section;
    struct bzd_core *core = section->core;
    blitzdb_status status = bzd_enter(&section->handles[0]);
    if (status != BLITZDB_OK)
        return status; /* the parent's: its locks are not ours to give back */
    bool is_known = durability <= BLITZDB_DURABILITY_ALWAYS;
    bool says = is_known && durability != BLITZDB_DURABILITY_DEFAULT;
    uint64_t position = 0;
    status = bzd_section_log(section, &position);
    release(section);
    if (section->kind != BLITZDB_SECTION_READS)
        (void)bzd_evict_for(core, 0);
    if (position != 0)
        status = bzd_settle(core, position, says ? durability : section->durability);
    bzd_buffer_deinit(&section->records);
    bzd_free(&core->env, ended);
    return status == BLITZDB_OK && !is_known ? BLITZDB_INVALID : status;
}
