/**
 * @file
 * @brief Distinct keys: turns a list of keys, some of which may repeat, into slots of a transaction.
 *
 * Keys are added in order; each is given the slot of an equal one before it, or a new one. A small
 * open-addressing table of slot numbers finds equals in constant time. One owner, one thread.
 */
#ifndef BZD_DISTINCT_H
#define BZD_DISTINCT_H

#include "bytes.h"
#include "txn.h"

struct bzd_distinct {
    const blitzdb_env *env;
    const struct bzd_hash_key *hash_key;
    void *memory;           /**< one block for the three arrays */
    struct bzd_slot *slots; /**< distinct keys */
    uint32_t *slot_of;      /**< per added key, its slot */
    uint32_t *table;        /**< slot number + 1 by hash; 0: free */
    uint32_t table_mask;
    size_t capacity;
    size_t count;      /**< keys added */
    size_t slot_count; /**< slots in use */
    void *key_bytes;   /**< copies of the keys, if owned */
};

/** Makes room for `capacity` keys. BLITZDB_TOO_LARGE above 2^28, BLITZDB_NO_MEMORY. */
blitzdb_status bzd_distinct_init(struct bzd_distinct *distinct, const struct bzd_store *store,
                                 size_t capacity);
void bzd_distinct_deinit(struct bzd_distinct *distinct);
/** Adds the next key, borrowed. There is room. */
void bzd_distinct_add(struct bzd_distinct *distinct, unsigned selected, struct bzd_slice key);
/** Copies the bytes of all distinct keys, so that the borrowed ones may go. */
blitzdb_status bzd_distinct_own_keys(struct bzd_distinct *distinct);

static inline struct bzd_slot *bzd_distinct_slot(const struct bzd_distinct *distinct, size_t index) {
    return &distinct->slots[distinct->slot_of[index]];
}

#endif
