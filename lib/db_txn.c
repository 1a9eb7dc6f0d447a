/** Transactions over named keys: the public face of txn.h. */
#include "distinct.h"
#include "section.h"
#include "txn.h"

struct blitzdb_txn {
    struct bzd_txn txn;
    struct bzd_distinct distinct;
    bool may_grow; /**< there was room at begin, or it could be made */
};

/** Checks the keys, finds the distinct ones and copies their bytes. */
static blitzdb_status add_keys(blitzdb_txn *txn, const blitzdb_key *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        blitzdb_status status = bzd_check_bytes(keys[i].data, keys[i].size);
        if (status == BLITZDB_OK && keys[i].keyspace >= BLITZDB_KEYSPACES)
            status = BLITZDB_INVALID;
        if (status != BLITZDB_OK)
            return status;
        bzd_distinct_add(&txn->distinct, keys[i].keyspace, bzd_slice_of(keys[i].data, keys[i].size));
    }
    return bzd_distinct_own_keys(&txn->distinct);
}

blitzdb_status blitzdb_txn_begin(blitzdb *db, const blitzdb_key *keys, size_t count, blitzdb_txn **txn_out) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (keys == NULL || count == 0 || txn_out == NULL)
        return BLITZDB_INVALID;
    struct bzd_core *core = db->core;
    blitzdb_txn *txn = bzd_alloc_zeroed(&core->env, sizeof *txn);
    if (txn == NULL)
        return BLITZDB_NO_MEMORY;
    status = bzd_distinct_init(&txn->distinct, &core->store, count);
    if (status == BLITZDB_OK)
        status = add_keys(txn, keys, count);
    if (status == BLITZDB_OK)
        txn->may_grow = db->section != NULL
                            ? db->section->may_grow
                            : bzd_evict_for(core, 0) == BLITZDB_OK; /* by how much: at commit */
    if (status == BLITZDB_OK)
        status = bzd_txn_begin(&txn->txn, db, txn->distinct.slots, txn->distinct.slot_count, 0);
    if (status != BLITZDB_OK) {
        bzd_distinct_deinit(&txn->distinct);
        bzd_free(&core->env, txn);
        return status;
    }
    *txn_out = txn;
    return BLITZDB_OK;
}

/** Checks a transaction and gives the slot of a key by its place in begin's list. */
static blitzdb_status enter(blitzdb_txn *txn, size_t index, struct bzd_slot **slot_out) {
    if (txn == NULL || index >= txn->distinct.count)
        return BLITZDB_INVALID;
    *slot_out = bzd_distinct_slot(&txn->distinct, index);
    return bzd_enter(txn->txn.db);
}

blitzdb_status blitzdb_txn_get(blitzdb_txn *txn, size_t index, const void **value_out, size_t *value_size_out,
                               int64_t *expire_at_ms_out) {
    struct bzd_slot *slot;
    blitzdb_status status = enter(txn, index, &slot);
    if (status != BLITZDB_OK)
        return status;
    if (value_out == NULL || value_size_out == NULL)
        return BLITZDB_INVALID;
    if (!slot->present)
        return BLITZDB_NOT_FOUND;
    *value_out = slot->now.value.data;
    *value_size_out = slot->now.value.size;
    if (expire_at_ms_out != NULL)
        *expire_at_ms_out = slot->now.expire_at_ms;
    return BLITZDB_OK;
}

blitzdb_status blitzdb_txn_set(blitzdb_txn *txn, size_t index, const void *value, size_t value_size,
                               int64_t expire_at_ms) {
    struct bzd_slot *slot;
    blitzdb_status status = enter(txn, index, &slot);
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(value, value_size);
    if (status != BLITZDB_OK)
        return status;
    if (expire_at_ms > BZD_EXPIRE_MAX_MS)
        return BLITZDB_OUT_OF_RANGE;
    return bzd_txn_set(&txn->txn, slot, bzd_slice_of(value, value_size), expire_at_ms);
}

blitzdb_status blitzdb_txn_expire_at(blitzdb_txn *txn, size_t index, int64_t expire_at_ms) {
    struct bzd_slot *slot;
    blitzdb_status status = enter(txn, index, &slot);
    if (status != BLITZDB_OK)
        return status;
    if (expire_at_ms > BZD_EXPIRE_MAX_MS)
        return BLITZDB_OUT_OF_RANGE;
    if (!slot->present)
        return BLITZDB_NOT_FOUND;
    return bzd_txn_expire_at(&txn->txn, slot, expire_at_ms);
}

blitzdb_status blitzdb_txn_del(blitzdb_txn *txn, size_t index) {
    struct bzd_slot *slot;
    blitzdb_status status = enter(txn, index, &slot);
    if (status != BLITZDB_OK)
        return status;
    if (!slot->present)
        return BLITZDB_NOT_FOUND;
    bzd_txn_del(&txn->txn, slot);
    return BLITZDB_OK;
}

static size_t block_size(const struct bzd_slot *slot, bzd_ref ref) {
    return ref == 0 ? 0 : bzd_entry_block_size(bzd_arena_at(slot->shard->arena, ref));
}

/** Tells whether the changes stay within the memory limit, or at least take no more than they free. */
static bool fits(const struct bzd_txn *txn, bool may_grow) {
    size_t taken = 0; /* counted as used already: the blocks are there */
    size_t freed = 0;
    for (size_t i = 0; i < txn->count; i++) {
        const struct bzd_slot *slot = &txn->slots[i];
        taken += block_size(slot, slot->staged);
        freed += slot->change != BZD_CHANGE_NONE ? block_size(slot, slot->old_ref) : 0;
    }
    if (taken <= freed || bzd_fits_limit(txn->core, 0))
        return true;
    /* Room is made behind the commit, without the locks. */
    return may_grow && atomic_load(&txn->core->eviction) != BLITZDB_EVICTION_NONE;
}

static void release(blitzdb_txn *txn) {
    const blitzdb_env *env = &txn->txn.core->env;
    bzd_distinct_deinit(&txn->distinct);
    bzd_free(env, txn);
}

blitzdb_status blitzdb_txn_commit(blitzdb_txn *txn, unsigned durability) {
    struct bzd_slot *first;
    blitzdb_status status = enter(txn, 0, &first);
    if (status != BLITZDB_OK)
        return status;
    if (durability > BLITZDB_DURABILITY_ALWAYS)
        status = BLITZDB_INVALID;
    else if (!fits(&txn->txn, txn->may_grow))
        status = BLITZDB_MEMORY_LIMIT;
    if (status == BLITZDB_OK)
        status = bzd_txn_commit(&txn->txn, durability);
    else
        bzd_txn_abort(&txn->txn);
    if (status == BLITZDB_OK)
        bzd_evict_behind(txn->txn.db);
    release(txn);
    return status;
}

void blitzdb_txn_abort(blitzdb_txn *txn) {
    struct bzd_slot *first;
    if (enter(txn, 0, &first) != BLITZDB_OK)
        return; /* none, or the parent's: its locks are not ours to give back */
    bzd_txn_abort(&txn->txn);
    release(txn);
}
