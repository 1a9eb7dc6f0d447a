/** The memory limit: what happens at the door of a write that may grow the data. What goes is chosen in
 * victim.c. */
#include "section.h"
#include "victim.h"

enum {
    /* Entries that one write evicts beyond those that make room for it, while the data is above the limit. */
    EVICTIONS_MAX = 64,
    /* Buckets that one write looks at. Only the policies for keys with an expiry may need so many. */
    BUCKETS_MAX = 4096,
    /* A write that fits leaves so much unused, or a sixteenth of the limit if that is less: for small steps
     * of a table, which it does not announce, and for several threads that take them at once. */
    MARGIN_BYTES = 4096,
    /* Once evicting, a write frees this part of the limit more: it has a shard locked and in the cache. */
    SPARE_SHARE = 512,
};

/** What one write evicts. */
struct hunt {
    struct bzd_core *core;
    struct bzd_search search;
    uint64_t wanted_bytes;
    uint64_t freed_bytes;
    size_t evicted;
};

/** Bytes of blocks and tables that a write of `growth` bytes asks for. */
static uint64_t demand_of(uint64_t limit, size_t growth) {
    if (growth == 0)
        return 0;
    uint64_t margin = limit / 16 < MARGIN_BYTES ? limit / 16 : MARGIN_BYTES;
    return bzd_arena_block_size(growth + BZD_ENTRY_HEADER_MAX) + margin;
}

static bool fits(const struct bzd_core *core, uint64_t limit, uint64_t demand) {
    return bzd_store_claimed_bytes(&core->store) + demand <= limit;
}

bool bzd_fits_limit(const struct bzd_core *core, size_t growth) {
    uint64_t limit = atomic_load_explicit(&core->memory_limit, memory_order_relaxed);
    return limit == 0 || fits(core, limit, demand_of(limit, growth));
}

/** Logs and removes one entry. The shard is locked for writing. */
static blitzdb_status evict_entry(struct bzd_core *core, struct bzd_shard *shard, bzd_ref ref) {
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(shard->arena, ref), &entry);
    struct bzd_record record = {.type = BZD_RECORD_DEL, .keyspace = entry.keyspace, .key = entry.key};
    uint64_t position;
    blitzdb_status status = bzd_append_record(&core->handles[0][0], &record, &position);
    if (status != BLITZDB_OK)
        return status;
    uint64_t hash = bzd_store_hash(&core->store, entry.keyspace, entry.key);
    if (bzd_tells_keys(shard))
        bzd_tell_key(core, shard, entry.keyspace, entry.key, BLITZDB_KEY_EVICTED);
    bzd_shard_remove(shard, hash, ref);
    bzd_shard_count_evicted(shard);
    bzd_shard_maintain(shard);
    return BLITZDB_OK;
}

/** How many entries of a shard's average size make up what is wanted. */
static size_t count_wanted(const struct hunt *hunt, const struct bzd_shard *shard) {
    uint64_t bytes = atomic_load_explicit(&shard->entry_bytes, memory_order_relaxed);
    uint64_t average = bytes / (shard->table.entry_count + 1) + 1;
    uint64_t count = hunt->wanted_bytes / average + 1;
    return count < BZD_VICTIMS_MAX ? (size_t)count : BZD_VICTIMS_MAX;
}

/** Evicts what a search in one shard finds. */
static blitzdb_status evict_from(struct hunt *hunt, struct bzd_shard *shard) {
    blitzdb_status status = BLITZDB_OK;
    bzd_rwlock_write_acquire(&shard->lock);
    hunt->search.wanted = count_wanted(hunt, shard);
    bzd_search_shard(&hunt->search, shard);
    for (size_t i = 0; i < hunt->search.count && status == BLITZDB_OK; i++) {
        bzd_ref ref = hunt->search.refs[i];
        size_t size = bzd_arena_block_size(bzd_entry_block_size(bzd_arena_at(shard->arena, ref)));
        status = evict_entry(hunt->core, shard, ref);
        hunt->freed_bytes += status == BLITZDB_OK ? size : 0;
        hunt->evicted += status == BLITZDB_OK;
    }
    bzd_rwlock_write_release(&shard->lock);
    return status;
}

/** True if a shard may hold something that the policy lets go. No lock. */
static bool is_worth_a_look(const struct bzd_shard *shard, uint32_t eviction) {
    if (bzd_eviction_is_volatile(eviction))
        return bzd_shard_has_expiring(shard);
    return atomic_load_explicit(&shard->entry_bytes, memory_order_relaxed) > 0;
}

/** Goes through the shards in turn until one has given something. MEMORY_LIMIT: none has, or the search took
 * too long. */
static blitzdb_status evict_some(struct hunt *hunt) {
    struct bzd_core *core = hunt->core;
    size_t evicted_before = hunt->evicted;
    blitzdb_status status = BLITZDB_OK;
    for (uint32_t skipped = 0; skipped < core->store.shard_count && hunt->search.buckets_left > 0;) {
        uint32_t index = atomic_fetch_add(&core->evict_shard, 1) % core->store.shard_count;
        struct bzd_shard *shard = &core->store.shards[index];
        if (!is_worth_a_look(shard, hunt->search.eviction)) {
            skipped++;
            continue;
        }
        skipped = 0;
        status = evict_from(hunt, shard);
        if (status != BLITZDB_OK || hunt->evicted > evicted_before)
            return status;
    }
    return BLITZDB_MEMORY_LIMIT;
}

/**
 * Why the limit holds: a write is let in if its demand fits, or if it has freed as much itself. So the first
 * that finds no room keeps the sum as it is, and only writes that looked at the same moment and found the
 * same room can pass the limit, each by what it adds. Tables count before they grow.
 */
blitzdb_status bzd_evict_for(struct bzd_core *core, size_t growth) {
    uint64_t limit = atomic_load_explicit(&core->memory_limit, memory_order_relaxed);
    if (limit == 0)
        return BLITZDB_OK;
    uint64_t demand = demand_of(limit, growth);
    if (fits(core, limit, demand))
        return BLITZDB_OK;
    uint32_t eviction = atomic_load(&core->eviction);
    if (eviction == BLITZDB_EVICTION_NONE)
        return BLITZDB_MEMORY_LIMIT;
    struct hunt hunt = {.core = core};
    hunt.search.eviction = eviction;
    hunt.search.buckets_left = BUCKETS_MAX;
    hunt.search.dice = bzd_random(core);
    while (hunt.evicted < EVICTIONS_MAX || hunt.freed_bytes < demand) {
        uint64_t missing = bzd_store_claimed_bytes(&core->store) + demand;
        missing = missing > limit ? missing - limit : 0;
        hunt.wanted_bytes = missing + limit / SPARE_SHARE;
        blitzdb_status status = evict_some(&hunt);
        if (fits(core, limit, demand)) /* others may have made the room: a flush leaves nothing to find */
            return BLITZDB_OK;
        if (status != BLITZDB_OK)
            return status;
    }
    return BLITZDB_OK;
}

blitzdb_status bzd_admit_log(struct bzd_core *core) {
    if (core->has_log)
        return bzd_log_admit(&core->log);
    if (bzd_checkpoint_is_running(&core->checkpoint))
        (void)bzd_log_admit(&core->log); /* bounds the snapshot's window; its failure is the snapshot's */
    return BLITZDB_OK;
}

blitzdb_status bzd_admit(const blitzdb *db, size_t growth) {
    if (db->section != NULL)
        return bzd_section_admit(db->section, growth);
    blitzdb_status status = bzd_admit_log(db->core);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_evict_for(db->core, growth);
    /* What only frees, or adds an expiry, is never refused. */
    return growth == 0 ? BLITZDB_OK : status;
}

void bzd_evict_behind(const blitzdb *db) {
    if (db->section == NULL)
        (void)bzd_evict_for(db->core, 0);
}

void bzd_limit_set(struct bzd_core *core, uint64_t limit_bytes, uint32_t eviction) {
    atomic_store(&core->eviction, eviction);
    atomic_store(&core->tracks_use, limit_bytes > 0 && bzd_eviction_tracks_use(eviction));
    atomic_store(&core->memory_limit, limit_bytes);
}

blitzdb_status blitzdb_set_memory_limit(blitzdb *db, uint64_t limit_bytes, unsigned eviction) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (eviction > BLITZDB_EVICTION_VOLATILE_LFU)
        return BLITZDB_INVALID;
    bzd_limit_set(db->core, limit_bytes, eviction);
    return BLITZDB_OK;
}
