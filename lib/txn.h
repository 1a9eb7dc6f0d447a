/**
 * @file
 * @brief The one way to change data: lock the keys, look, stage changes, log them as one record, publish,
 * unlock.
 *
 * Every writing call of the library is a transaction of one or more *slots*, one slot for each distinct key.
 * Staging is the only part that can fail, and it shows nothing to anybody: a new value is written to a block
 * of its own. Commit reserves room in the tables and appends the record; from there on nothing can fail, and
 * the blocks are published. What a record says is resolved here: time, arithmetic and conditions are looked
 * at before, so that replaying a record needs none of them.
 *
 * One thread; the write locks of all slots' shards are held from begin to commit or abort.
 */
#ifndef BZD_TXN_H
#define BZD_TXN_H

#include "db.h"

/** What a transaction does to a key. */
enum bzd_change {
    BZD_CHANGE_NONE,
    BZD_CHANGE_SET,
    BZD_CHANGE_EXPIRY, /**< the value stays, the record is EXPIRE_AT */
    BZD_CHANGE_DEL,
};

/** One key of a transaction. */
struct bzd_slot {
    /* filled by the caller of begin */
    struct bzd_slice key; /**< borrowed until the end */
    unsigned selected;    /**< keyspace as selected */
    /* filled by begin */
    unsigned keyspace; /**< keyspace as stored */
    uint64_t hash;
    struct bzd_shard *shard;
    bzd_ref old_ref; /**< in the table; 0: none. An expired entry may be there that is not `present`. */
    const uint8_t *old_block; /**< its address */
    /* what the transaction sees */
    bool present;
    struct bzd_entry now; /**< valid if `present` */
    /* what it will do */
    enum bzd_change change;
    bzd_ref staged; /**< block to publish; 0: none */
};

struct bzd_txn {
    const blitzdb *db; /**< the handle, whose durability counts if commit names none */
    struct bzd_core *core;
    struct bzd_slot *slots; /**< borrowed: distinct keys */
    size_t count;
    int64_t now_ms; /**< the moment of the transaction; 0: nobody asked yet, see bzd_txn_now_ms() */
    bool published; /**< the changes are visible, whatever commit answered */
    struct bzd_shard_set shards; /**< not used for a single slot, which knows its shard */
};

/** Waits at the doors of log and memory limit, locks and looks up. `growth`: bytes it may add, 0: none. */
blitzdb_status bzd_txn_begin(struct bzd_txn *txn, const blitzdb *db, struct bzd_slot *slots, size_t count,
                             size_t growth);
/** The moment of the transaction: the clock is read once, and only if an expiry makes it matter. */
int64_t bzd_txn_now_ms(struct bzd_txn *txn);
/** Stages a value; it may overlap what the slot shows now. A past expiry stages a deletion. */
blitzdb_status bzd_txn_set(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice value,
                           int64_t expire_at_ms);
/** Stages the present value (none: an empty one) with bytes appended; the expiry stays. The size was checked.
 */
blitzdb_status bzd_txn_append(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice data);
/** Stages another expiry for a present key, 0: none; a past one stages a deletion. */
blitzdb_status bzd_txn_expire_at(struct bzd_txn *txn, struct bzd_slot *slot, int64_t expire_at_ms);
/** Stages a deletion; nothing if the key is absent. */
void bzd_txn_del(struct bzd_txn *txn, struct bzd_slot *slot);
/** Logs, publishes, unlocks and waits for what the durability asks; default: the handle's. */
blitzdb_status bzd_txn_commit(struct bzd_txn *txn, unsigned durability);
/** Drops what was staged and unlocks. */
void bzd_txn_abort(struct bzd_txn *txn);

#endif
