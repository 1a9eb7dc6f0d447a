/**
 * @file
 * @brief One shard: a reader-writer lock, the table it guards, and its counters.
 *
 * Shards share arenas in groups, and nothing else. The functions here change table, counters and memory in
 * one step that cannot fail: whoever calls them holds the write lock and has reserved room.
 */
#ifndef BZD_SHARD_H
#define BZD_SHARD_H

#include <stdatomic.h>
#include <stdint.h>

#include <blitzdb/blitzdb.h>

#include "arena.h"
#include "entry.h"
#include "lock.h"
#include "record.h"
#include "table.h"
#include "watch.h"

/** What the memory of a table depends on, as of the last time that it was noted. */
struct bzd_noted_table {
    uint64_t bytes;
    uint32_t bucket_count;
    uint32_t overflow_count;
    uint32_t overflow_free_count;
};

struct bzd_shard {
    _Alignas(64) struct bzd_rwlock lock;
    /* guarded by `lock` */
    struct bzd_table table;
    struct bzd_arena *arena;
    struct bzd_watchers *watchers; /**< who watches keys; NULL: nobody */
    uint32_t pending_inserts;      /**< of the transaction that holds the write lock */
    uint32_t sweep_bucket;         /**< the sweep's pass has yet to see the buckets below this one */
    uint32_t sweep_seen;           /**< entries it has seen */
    uint32_t sweep_changed;        /**< of these, those it removed or moved */
    uint32_t sweep_drain;          /**< the drain of the arena that went on when the pass began, 0: none */
    bool sweep_repeats;            /**< the pass before changed so much that this one is made at once */
    struct bzd_noted_table noted;
    blitzdb_key_fn key_fn;         /**< told about keys that come and go by themselves; NULL: nobody is */
    void *key_user;                /**< handed to it */
    uint64_t claimed_bytes;        /**< this table's part of `*table_claim` */
    _Atomic uint64_t *table_claim; /**< of the store: see bzd_store_claimed_bytes() */
    /* written under `lock`, read without */
    _Atomic uint64_t keys[BLITZDB_KEYSPACES];
    _Atomic uint64_t expiring[BLITZDB_KEYSPACES];
    _Atomic uint64_t entry_bytes;
    _Atomic uint64_t table_bytes;
    _Atomic uint64_t writes; /**< changes by callers; not by expiry, eviction or recovery */
    _Atomic uint64_t expired;
    _Atomic uint64_t evicted;
    _Atomic uint32_t drain_done; /**< the last drain of the arena for which every entry was looked at */
    _Atomic bool sweep_is_busy;  /**< the sweep should go on here at once */
};

blitzdb_status bzd_shard_init(struct bzd_shard *shard, const blitzdb_env *env, struct bzd_arena *arena,
                              const struct bzd_hash_key *hash_key, _Atomic uint64_t *table_claim);
void bzd_shard_deinit(struct bzd_shard *shard);

/** Allocates and fills the block of an entry that is not in the table yet. */
blitzdb_status bzd_shard_make_entry(struct bzd_shard *shard, const struct bzd_entry *entry, bzd_ref *ref_out);
/** Frees a block that is not in the table. 0 is allowed. */
void bzd_shard_drop_entry(struct bzd_shard *shard, bzd_ref ref);

/** The record that makes an entry; its slices point into the entry. */
struct bzd_record bzd_shard_record_of(const struct bzd_shard *shard, bzd_ref ref);

/** Publishes an entry in place of `old_ref` (0: the key is new and room is reserved); the old block is freed.
 */
void bzd_shard_put(struct bzd_shard *shard, uint64_t hash, bzd_ref old_ref, bzd_ref new_ref);
/** Writes a value over the one of an entry, which has the same size. */
void bzd_shard_overwrite(struct bzd_shard *shard, uint64_t hash, bzd_ref ref, struct bzd_slice value);
/** Removes an entry and frees its block. */
void bzd_shard_remove(struct bzd_shard *shard, uint64_t hash, bzd_ref ref);
/** True if any entry has an expiry. No lock. */
bool bzd_shard_has_expiring(const struct bzd_shard *shard);
/** Counts a caller's change, an expired or an evicted entry. */
void bzd_shard_count_write(struct bzd_shard *shard);
void bzd_shard_count_expired(struct bzd_shard *shard);
void bzd_shard_count_evicted(struct bzd_shard *shard);
/** Moves an entry of which its arena says that it should move; false: lack of memory, which is harmless. */
bool bzd_shard_tidy(struct bzd_shard *shard, uint64_t hash, bzd_ref ref);
/** Lets the table grow or shrink a step and notes its size; returns whether another step would do more. */
bool bzd_shard_maintain(struct bzd_shard *shard);
/** Forgets every entry without freeing the blocks: the arena is reset by the caller. */
void bzd_shard_forget(struct bzd_shard *shard);

#endif
