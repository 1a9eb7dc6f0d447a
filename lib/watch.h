/**
 * @file
 * @brief Watched keys: who asked to be told whether a key changes, by shard.
 *
 * A shard that nobody watches has no list: its `watchers` is NULL, and that is all a write looks at.
 * Otherwise it is a small chained hash table of watches, which every key is looked up in that gets an entry.
 * A watch knows the hash of its key, which is keyed by the database's secret and by the keyspace: two keys
 * with the same 64 bits would be one, which marks a watch too often, never too seldom.
 *
 *     watch ... EXEC      changed: an entry of this key was put meanwhile, or the one that was there is gone
 *
 * So only what puts an entry marks watches. That one has gone, by whatever way, is seen when it is asked for:
 * one that came back was put.
 *
 * Guarded by the shard's lock: written under its write lock; `changed` may be read without.
 */
#ifndef BZD_WATCH_H
#define BZD_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

/** One watched key; belongs to who watches. */
struct bzd_watch {
    struct bzd_watch *next; /**< in its bucket */
    uint64_t hash;
    unsigned selected;    /**< its keyspace, as selected */
    bool was_present;     /**< when the watch began */
    _Atomic bool changed; /**< for good */
};

/** The watches of one shard. */
struct bzd_watchers {
    uint32_t count;
    uint32_t bucket_count; /**< a power of two */
    struct bzd_watch *buckets[];
};

/** Adds a watch; `*watchers` may be NULL and may move. NO_MEMORY: it was not added. */
blitzdb_status bzd_watchers_add(struct bzd_watchers **watchers, const blitzdb_env *env,
                                struct bzd_watch *watch);
/** Takes a watch out; behind the last one `*watchers` is NULL. */
void bzd_watchers_remove(struct bzd_watchers **watchers, const blitzdb_env *env, struct bzd_watch *watch);
/** Marks the watches of a key to which an entry was put. */
void bzd_watchers_note_put(struct bzd_watchers *watchers, uint64_t hash);
/** Marks all watches of keys in two keyspaces, whose contents are exchanged. */
void bzd_watchers_note_exchange(struct bzd_watchers *watchers, unsigned first, unsigned second);

#endif
