/**
 * @file
 * @brief Applies many records to the store at once: shard by shard, with the cache misses of a shard's
 * records overlapping.
 *
 *     records in order --> hash --> sort by shard (stable) --> per shard: lock, prefetch, apply in order
 *
 * Records about one key are in one shard and keep their order; between keys there is none. So it suits
 * recovery, where nobody looks in between. A bulk belongs to one thread but for its application, which may be
 * shared; several threads may apply theirs to one store at the same time. It borrows the keys and values of
 * its records until they are applied.
 */
#ifndef BZD_BULK_H
#define BZD_BULK_H

#include <stdint.h>

#include "store.h"

enum {
    BZD_BULK_MAX = 4096, /**< records of one bulk */
    BZD_BULK_PARTS = 8,  /**< parts it can be applied in: the shards with the same rest share an arena */
};

_Static_assert(BZD_BULK_PARTS % BZD_ARENAS == 0, "a part is within one arena");

/** A record with the hash of its key. */
struct bzd_bulk_item {
    uint64_t hash;
    struct bzd_record record;
};

struct bzd_bulk {
    struct bzd_store *store;
    struct bzd_bulk_item *items; /**< in the order they came */
    uint16_t *sorted;            /**< indexes of items, by shard */
    uint32_t *ends;              /**< of each shard's part of `sorted` */
    uint32_t count;
};

blitzdb_status bzd_bulk_init(struct bzd_bulk *bulk, struct bzd_store *store);
void bzd_bulk_deinit(struct bzd_bulk *bulk);

static inline bool bzd_bulk_is_full(const struct bzd_bulk *bulk) {
    return bulk->count == BZD_BULK_MAX;
}

/** Adds a record about a key (SET, SET_EXPIRING, DEL, EXPIRE_AT); the bulk is not full. */
void bzd_bulk_add(struct bzd_bulk *bulk, const struct bzd_record *record);

/** Puts the records in the order they are applied in; none is added behind this. */
void bzd_bulk_sort(struct bzd_bulk *bulk);

/**
 * Applies the records of one part, of a bulk that was sorted; different threads may do different parts.
 * Tables grow as they fill, and shrink only if `may_shrink`: one that was made ready for more must not.
 * BLITZDB_NO_MEMORY: some were applied.
 */
blitzdb_status bzd_bulk_apply_part(const struct bzd_bulk *bulk, uint32_t part, bool may_shrink);

/** Forgets the records. */
static inline void bzd_bulk_clear(struct bzd_bulk *bulk) {
    bulk->count = 0;
}

#endif
