/**
 * @file
 * @brief Hash table from key to entry: linear hashing over 64-byte buckets. No locks, no I/O, no time.
 *
 * A bucket is one cache line: nine tags side by side (one SIMD or word compare finds the candidates), nine
 * 40-bit references, marks for the clock below, and the index of an overflow node (32 bytes: four tags, four
 * references). The table grows and shrinks one bucket at a time (W. Litwin, "Linear hashing", 1980), so no
 * call ever moves more than one bucket's group. Buckets never move.
 *
 *     hash: | shard (taken by the caller) | tag: bits 40-47 | ... | bucket: low bits |
 *
 * Lookup touches the bucket's line, then the entry's first line. A table belongs to one shard: changes need
 * its write lock, everything `const` its read lock; bzd_table_touch() is atomic and needs the read lock only.
 * Keys are hashed by the caller; a split hashes the entries' keys again with the key given at init.
 *
 * For eviction the table is a clock (F. Corbato, "A paging experiment with the Multics system", 1968): a
 * look-up leaves a mark at its entry, and a hand goes round the buckets and asks at each entry what becomes
 * of its marks. The order is that of the hashes, so the hand comes by a new entry after half a round on
 * average. What the marks are worth is the policy's business, see victim.h.
 */
#ifndef BZD_TABLE_H
#define BZD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "arena.h"
#include "bytes.h"
#include "hash.h"
#include "table_places.h"

struct bzd_table {
    /* what a look-up needs comes first, and so shares a cache line or two with the lock before it */
    struct bzd_arena *arena; /**< where the entries live */
    uint32_t bucket_count;   /**< 0 until the first reservation */
    uint32_t entry_reach;    /**< from the first to the last byte of the newest entry, or a cache line */
    struct bzd_places buckets;
    struct bzd_places overflow;
    const struct bzd_hash_key *hash_key;
    const blitzdb_env *env;
    uint32_t overflow_count; /**< nodes 1 to this one are used or free; the free ones are chained */
    uint32_t overflow_free;  /**< head of the chain, 0: none */
    uint32_t overflow_free_count;
    uint32_t hand_bucket; /**< where the hand of the clock stands; any number is safe */
    uint32_t hand_place;  /**< in that bucket's group */
    uint64_t entry_count;
    uint64_t bytes; /**< memory of buckets and nodes */
};

/** Makes an empty table that holds no memory yet. */
void bzd_table_init(struct bzd_table *table, const blitzdb_env *env, struct bzd_arena *arena,
                    const struct bzd_hash_key *hash_key);
/** Releases the segments, not the entries. */
void bzd_table_deinit(struct bzd_table *table);

/** Finds an entry, 0: none. */
bzd_ref bzd_table_find(const struct bzd_table *table, uint64_t hash, unsigned keyspace, struct bzd_slice key);
/** Marks an entry as used lately: writes only if the bit is not set. Atomic beside other readers. */
void bzd_table_touch(struct bzd_table *table, uint64_t hash, bzd_ref ref);

/** Notes the size of an entry that comes in: those that are looked up are expected to be like it. */
static inline void bzd_table_expect_size(struct bzd_table *table, size_t size) {
    uint32_t reach = size <= 64 ? (uint32_t)size - 1 : 64;
    if (table->entry_reach != reach)
        table->entry_reach = reach;
}

/**
 * Makes sure that the next `count` inserts cannot fail, until bzd_table_maintain() is called.
 * BLITZDB_NO_MEMORY changes nothing.
 */
blitzdb_status bzd_table_reserve(struct bzd_table *table, size_t count);
/** Makes buckets for so many entries at once, as far as there is memory, in a table that is about to be
 * filled. bzd_table_maintain() would take them away again before they are. */
void bzd_table_expect(struct bzd_table *table, uint64_t entries);
/** Whether bzd_table_maintain() would split a bucket. */
bool bzd_table_is_full(const struct bzd_table *table);
/** Inserts an entry whose key is absent; room was reserved. */
void bzd_table_insert(struct bzd_table *table, uint64_t hash, bzd_ref ref);
/** Puts another entry with the same key in the place of one that is there. */
void bzd_table_replace(struct bzd_table *table, uint64_t hash, bzd_ref old_ref, bzd_ref new_ref);
/** Takes an entry out that is there. */
void bzd_table_remove(struct bzd_table *table, uint64_t hash, bzd_ref ref);
/**
 * Splits or merges at most a few buckets if the load asks for it. Memory it cannot get is harmless: the table
 * stays fuller for now and tries again next time. Returns whether another call would do more.
 */
bool bzd_table_maintain(struct bzd_table *table);

/** Sees one entry; it must not change the table. */
typedef void (*bzd_table_fn)(void *user, bzd_ref ref);

/**
 * Visits the bucket at a cursor and returns the next cursor, 0 at the end. The cursor counts in reversed
 * bits, so whatever splits or merges between two calls, every entry present throughout is visited at least
 * once. Any number is safe to pass. Starts with 0; what is returned is below 2^32.
 */
uint64_t bzd_table_scan(const struct bzd_table *table, uint64_t cursor, bzd_table_fn visit, void *user);

/** Starts loading the lines of some buckets, by plain index; those that do not exist are left out. */
void bzd_table_prefetch_buckets(const struct bzd_table *table, uint32_t begin, uint32_t end);

/** Calls `visit` for every entry of one bucket, by its plain index below `bucket_count`. */
void bzd_table_visit_bucket(const struct bzd_table *table, uint32_t index, bzd_table_fn visit, void *user);

/** What the clock knows of an entry. */
enum {
    BZD_MARK_USED = 1, /**< looked up since the hand came by; set by bzd_table_touch() */
    /** Was found used in an earlier round; set and taken away by the hand only. The last two slots of a
     * bucket have no bit for it and forget it: one entry in fifteen stands there. */
    BZD_MARK_PROVEN = 2,
    BZD_CLOCK_STOP = 4, /**< not a mark: the hand stops before this entry, which stays as it is */
};

/** The marks of an entry that is there. Atomic beside other readers. */
unsigned bzd_table_marks(const struct bzd_table *table, uint64_t hash, bzd_ref ref);

/** Sees one entry and returns the marks it has from now on, or ::BZD_CLOCK_STOP; must not change the table.
 */
typedef unsigned (*bzd_table_clock_fn)(void *user, bzd_ref ref, unsigned marks);

/** Moves the hand over the entries before it, to the end of one bucket's group at most. The table has a
 * bucket.
 */
void bzd_table_clock(struct bzd_table *table, bzd_table_clock_fn decide, void *user);

/**
 * Bytes that the table is about to take with one of its next inserts, beyond `bytes`. Tables grow by whole
 * segments and pages; who keeps to a limit counts them before they come, while there is time to make room.
 * Buckets and nodes may each grow by ::BZD_TABLE_SMALL_STEP without being announced.
 */
enum { BZD_TABLE_SMALL_STEP = 512 };
uint64_t bzd_table_bytes_ahead(const struct bzd_table *table);

/** Every entry is where a look-up finds it, counts agree, no reference stands twice. For asserts and tests.
 */
bool bzd_table_is_valid(const struct bzd_table *table);

#endif
