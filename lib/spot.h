/**
 * @file
 * @brief The way of a single key to its shard, inline: hash, lock, and make sure that it still belongs there.
 *
 * Gets and plain sets are what a database is asked for most, so their way is short: no list of slots, no set
 * of shards. Calls that do more use txn.h.
 */
#ifndef BZD_SPOT_H
#define BZD_SPOT_H

#include "section.h"
#include "table_lookup.h"

/** A key's place; its shard is locked. */
struct bzd_spot {
    struct bzd_shard *shard;
    unsigned keyspace; /**< as stored */
    uint64_t hash;
};

/** The place of a key whose shard a section has locked; INVALID: it has not. */
blitzdb_status bzd_section_find_spot(const blitzdb *db, struct bzd_slice key, struct bzd_spot *spot_out);

/** Locks the shard of a key; again if two keyspaces were exchanged in between. The handle is no section's. */
static inline __attribute__((always_inline)) void
bzd_spot_lock_outside(const blitzdb *db, struct bzd_slice key, void (*acquire)(struct bzd_rwlock *lock),
                      void (*release)(struct bzd_rwlock *lock), struct bzd_spot *spot_out) {
    struct bzd_store *store = &db->core->store;
    for (;;) {
        uint64_t map = bzd_store_map(store);
        unsigned keyspace = bzd_map_keyspace(map, db->keyspace);
        uint64_t hash = bzd_store_hash(store, keyspace, key);
        struct bzd_shard *shard = &store->shards[bzd_store_shard_index(store, hash)];
        acquire(&shard->lock);
        if (bzd_store_map(store) == map) {
            *spot_out = (struct bzd_spot){shard, keyspace, hash};
            return;
        }
        release(&shard->lock);
    }
}

/** The same for any handle. INVALID: the key is not one of the section's. */
static inline __attribute__((always_inline)) blitzdb_status
bzd_spot_lock(const blitzdb *db, struct bzd_slice key, void (*acquire)(struct bzd_rwlock *lock),
              void (*release)(struct bzd_rwlock *lock), struct bzd_spot *spot_out) {
    if (__builtin_expect(db->section != NULL, 0))
        return bzd_section_find_spot(db, key, spot_out);
    bzd_spot_lock_outside(db, key, acquire, release, spot_out);
    return BLITZDB_OK;
}

/** Gives a shard back that bzd_spot_lock() has locked for this handle. */
static inline __attribute__((always_inline)) void bzd_spot_unlock(const blitzdb *db, struct bzd_shard *shard,
                                                                  void (*release)(struct bzd_rwlock *lock)) {
    if (__builtin_expect(db->section == NULL, 1))
        release(&shard->lock);
}

#endif
