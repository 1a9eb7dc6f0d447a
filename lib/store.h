/**
 * @file
 * @brief The data in memory: all shards, their arenas, the hash key and the keyspace map. No log, no files.
 *
 * A key's hash picks its shard by the top bits. Keyspaces as users number them are *selected* ones; entries
 * and records carry *stored* ones; the map (four bits per selected number) ties them, so that exchanging two
 * keyspaces changes one word. The map changes only while every shard is locked for writing.
 *
 * Point operations lock one shard. Operations on several keys collect their shards in a bzd_shard_set and
 * take the locks in ascending order, which is what makes deadlock impossible.
 */
#ifndef BZD_STORE_H
#define BZD_STORE_H

#include "record.h"
#include "shard.h"

enum {
    BZD_SHARDS_MAX = 1024,
    BZD_SHARDS_DEFAULT = 128,
    BZD_ARENAS = 4,
};

struct bzd_store {
    /* constant after init */
    const blitzdb_env *env;
    struct bzd_hash_key hash_key;
    uint32_t shard_count;
    uint32_t shard_bits;
    struct bzd_shard *shards;
    void *shards_memory;
    /* atomic; changes under all write locks. Every call reads it: it stands apart from what calls write. */
    _Atomic uint64_t keyspace_map;
    struct bzd_arena arenas[BZD_ARENAS];
    /* atomic; changes when a table grows or shrinks */
    _Atomic uint64_t table_claim; /**< bytes of all tables, and what they are about to take */
};

/** Which shards an operation locks. */
struct bzd_shard_set {
    uint64_t words[BZD_SHARDS_MAX / 64];
};

blitzdb_status bzd_store_init(struct bzd_store *store, const blitzdb_env *env, uint32_t shard_count);
void bzd_store_deinit(struct bzd_store *store);

static inline uint64_t bzd_store_map(const struct bzd_store *store) {
    return atomic_load_explicit(&store->keyspace_map, memory_order_acquire);
}

/** Stored keyspace of a selected one. */
static inline unsigned bzd_map_keyspace(uint64_t map, unsigned selected) {
    return (unsigned)(map >> (4 * selected)) & 15u;
}

/** Every selected keyspace is stored under its own number. */
#define BZD_MAP_IDENTITY UINT64_C(0xFEDCBA9876543210)

/** True if each stored keyspace occurs exactly once. */
bool bzd_map_is_valid(uint64_t map);

static inline uint64_t bzd_store_hash(const struct bzd_store *store, unsigned stored_keyspace,
                                      struct bzd_slice key) {
    return bzd_hash(&store->hash_key, stored_keyspace, key);
}

static inline uint32_t bzd_store_shard_index(const struct bzd_store *store, uint64_t hash) {
    return store->shard_bits == 0 ? 0 : (uint32_t)(hash >> (64 - store->shard_bits));
}

static inline void bzd_shard_set_add(struct bzd_shard_set *set, uint32_t index) {
    set->words[index / 64] |= (uint64_t)1 << (index % 64);
}

/* Take and give back the locks of a set, in ascending order. */
void bzd_store_read_acquire(struct bzd_store *store, const struct bzd_shard_set *set);
void bzd_store_read_release(struct bzd_store *store, const struct bzd_shard_set *set);
void bzd_store_write_acquire(struct bzd_store *store, const struct bzd_shard_set *set);
void bzd_store_write_release(struct bzd_store *store, const struct bzd_shard_set *set);
void bzd_store_write_acquire_all(struct bzd_store *store);
void bzd_store_write_release_all(struct bzd_store *store);

/** Applies a record as it was logged, taking the locks it needs. Fails only for lack of memory. */
blitzdb_status bzd_store_apply(struct bzd_store *store, const struct bzd_record *record);
/** Applies a record about a key to its shard, which is locked for writing by the caller and has room for an
 * insert. The table is not resized: bzd_shard_maintain() follows. */
blitzdb_status bzd_store_apply_to_shard(struct bzd_shard *shard, uint64_t hash,
                                        const struct bzd_record *record);
/** Makes the tables ready for so many entries, as far as there is memory. No other thread uses the store. */
void bzd_store_expect(struct bzd_store *store, uint64_t entries);
/** Empties stored keyspaces given as a bit set. Every shard is locked for writing by the caller. */
void bzd_store_flush(struct bzd_store *store, uint64_t keyspaces);

/** Tells who watches keys of two selected keyspaces that these were exchanged. Every shard is locked for
 * writing by the caller. */
void bzd_store_note_exchange(struct bzd_store *store, unsigned first, unsigned second);

/** Entries in a stored keyspace; expired ones that were not reclaimed included. No lock. */
uint64_t bzd_store_count(const struct bzd_store *store, unsigned stored_keyspace, uint64_t *expiring_out);
/** Changes by callers since open. No lock. */
uint64_t bzd_store_count_writes(const struct bzd_store *store);
/** Bytes of entries, rounded to their blocks, and tables: what the memory limit bounds. Looks at every shard.
 * No lock. */
uint64_t bzd_store_used_bytes(const struct bzd_store *store);
/** The same and what the tables are about to take: what a write is measured by, so that a table that grows
 * does not pass the limit. A few loads, no lock. */
uint64_t bzd_store_claimed_bytes(const struct bzd_store *store);

#endif
