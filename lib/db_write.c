/** Writing calls on one key: each is a transaction of one slot, on the stack, but for the shortest way of a
 * SET. */
#include "change.h"
#include "spot.h"

/** A call on one key. */
struct writing {
    struct bzd_txn txn;
    struct bzd_slot slot;
};

/** Checks, locks and looks up. On OK the caller must end with write_end(). */
static blitzdb_status write_begin(blitzdb *db, const void *key, size_t key_size, size_t growth,
                                  struct writing *writing) {
    blitzdb_status status = bzd_enter(db);
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(key, key_size);
    if (status != BLITZDB_OK)
        return status;
    writing->slot.key = bzd_slice_of(key, key_size);
    writing->slot.selected = db->keyspace;
    return bzd_txn_begin(&writing->txn, db, &writing->slot, 1, growth);
}

/** Commits what was staged, or gives up if `status` says that it failed. */
static blitzdb_status write_end(struct writing *writing, blitzdb_status status, unsigned durability) {
    if (status == BLITZDB_OK)
        return bzd_txn_commit(&writing->txn, durability);
    bzd_txn_abort(&writing->txn);
    return status;
}

/** Copies the value that is about to be replaced, if the caller wants it. */
static blitzdb_status hand_out_old(const struct writing *writing, const blitzdb_set_options *options) {
    if (options->old_value_out == NULL)
        return BLITZDB_OK;
    void *copy = NULL;
    size_t size = 0;
    if (writing->slot.present) {
        size = writing->slot.now.value.size;
        copy = bzd_alloc(&writing->txn.core->env, size + 1);
        if (copy == NULL)
            return BLITZDB_NO_MEMORY;
        memcpy(copy, writing->slot.now.value.data, size);
        ((char *)copy)[size] = '\0';
    }
    *options->old_value_out = copy;
    *options->old_size_out = size;
    return BLITZDB_OK;
}

/** Takes the old value back if the key still has it for another reason than the condition. */
static void take_back_old(const struct writing *writing, blitzdb_status status,
                          const blitzdb_set_options *options) {
    bool keeps = writing->txn.published || status == BLITZDB_OK || status == BLITZDB_CONDITION_FAILED;
    if (options->old_value_out == NULL || keeps)
        return;
    bzd_free(&writing->txn.core->env, *options->old_value_out);
    *options->old_value_out = NULL;
    *options->old_size_out = 0;
}

blitzdb_status blitzdb_set_with(blitzdb *db, const void *key, size_t key_size, const void *value,
                                size_t value_size, const blitzdb_set_options *given) {
    struct writing writing;
    blitzdb_set_options options;
    blitzdb_status status = bzd_set_options_read(given, &options);
    if (status == BLITZDB_OK && options.old_value_out != NULL) {
        *options.old_value_out = NULL;
        *options.old_size_out = 0;
    }
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(value, value_size);
    if (status == BLITZDB_OK)
        status = write_begin(db, key, key_size, key_size + value_size, &writing);
    if (status != BLITZDB_OK)
        return status;
    status = hand_out_old(&writing, &options);
    if (status != BLITZDB_OK)
        return write_end(&writing, status, 0);
    status = bzd_change_set(&writing.txn, &writing.slot, bzd_slice_of(value, value_size), &options);
    status = write_end(&writing, status, options.durability);
    take_back_old(&writing, status, &options);
    return status;
}

/**
 * Writes a value over a present one of the same size: a look-up that writes, and a record if writes are
 * logged. The shard is locked. NOT_FOUND: there is no such value, and nothing was done. `position_out` is
 * behind the record, or stays as it was.
 */
static inline __attribute__((always_inline)) blitzdb_status set_at(blitzdb *db, const struct bzd_spot *spot,
                                                                   struct bzd_slice key,
                                                                   struct bzd_slice value,
                                                                   uint64_t *position_out) {
    struct bzd_core *core = db->core;
    const uint8_t *block;
    bzd_ref ref = bzd_table_look_up(&spot->shard->table, spot->hash, spot->keyspace, key, &block);
    bool fits = ref != 0 && bzd_entry_can_take(block, value.size) &&
                !bzd_arena_is_pinned(spot->shard->arena, ref, value.size);
    blitzdb_status status = fits ? BLITZDB_OK : BLITZDB_NOT_FOUND;
    if (fits && core->logging) {
        struct bzd_record record = {
            .type = BZD_RECORD_SET, .keyspace = spot->keyspace, .key = key, .value = value};
        status = bzd_append_record(db, &record, position_out);
    }
    if (status == BLITZDB_OK) {
        bzd_touch(core, spot->shard, spot->hash, ref);
        bzd_shard_overwrite(spot->shard, spot->hash, ref, value);
        bzd_shard_count_write(spot->shard);
    }
    return status;
}

/** The same, with the shard locked for it; the handle is no section's. */
static inline blitzdb_status set_over(blitzdb *db, struct bzd_slice key, struct bzd_slice value,
                                      uint64_t *position_out) {
    struct bzd_spot spot;
    bzd_spot_lock_outside(db, key, bzd_rwlock_write_acquire, bzd_rwlock_write_release, &spot);
    blitzdb_status status = set_at(db, &spot, key, value, position_out);
    bzd_rwlock_write_release(&spot.shard->lock);
    return status;
}

/** Waits, or not, for a record that was appended. */
static blitzdb_status set_settle(blitzdb *db, blitzdb_status status, uint64_t position) {
    return status == BLITZDB_OK && position != 0 ? bzd_settle(db->core, position, db->durability) : status;
}

/** There is no room for another value, but one of the same size needs none. */
static blitzdb_status set_at_limit(blitzdb *db, struct bzd_slice key, struct bzd_slice value) {
    uint64_t position = 0;
    struct bzd_spot spot;
    blitzdb_status status = BLITZDB_OK;
    if (db->section == NULL)
        status = set_over(db, key, value, &position);
    else if ((status = bzd_section_find_spot(db, key, &spot)) == BLITZDB_OK)
        status = set_at(db, &spot, key, value, &position);
    return status == BLITZDB_NOT_FOUND ? BLITZDB_MEMORY_LIMIT : set_settle(db, status, position);
}

/** A SET of any value. */
static blitzdb_status set_any(blitzdb *db, struct bzd_slice key, struct bzd_slice value) {
    struct writing writing;
    blitzdb_status status = write_begin(db, key.data, key.size, key.size + value.size, &writing);
    if (status == BLITZDB_MEMORY_LIMIT)
        return set_at_limit(db, key, value);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_txn_set(&writing.txn, &writing.slot, value, 0);
    return write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
}

blitzdb_status blitzdb_set(blitzdb *db, const void *key, size_t key_size, const void *value,
                           size_t value_size) {
    blitzdb_status status = bzd_enter(db);
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(key, key_size);
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(value, value_size);
    if (status != BLITZDB_OK)
        return status;
    struct bzd_slice name = bzd_slice_of(key, key_size);
    struct bzd_slice bytes = bzd_slice_of(value, value_size);
    uint64_t position = 0;
    if (db->section != NULL)
        return set_any(db, name, bytes);
    status = bzd_admit_log(db->core);
    if (status != BLITZDB_OK)
        return status;
    if (!bzd_fits_limit(db->core, 0)) /* above it, every write evicts */
        return set_any(db, name, bytes);
    status = set_over(db, name, bytes, &position);
    return status == BLITZDB_NOT_FOUND ? set_any(db, name, bytes) : set_settle(db, status, position);
}

blitzdb_status blitzdb_del(blitzdb *db, const void *key, size_t key_size) {
    struct writing writing;
    blitzdb_status status = write_begin(db, key, key_size, 0, &writing);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_change_del(&writing.txn, &writing.slot);
    return write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
}

blitzdb_status blitzdb_increment(blitzdb *db, const void *key, size_t key_size, int64_t delta,
                                 int64_t *result_out) {
    struct writing writing;
    blitzdb_status status = write_begin(db, key, key_size, key_size + sizeof delta, &writing);
    if (status != BLITZDB_OK)
        return status;
    int64_t result;
    status = bzd_change_increment(&writing.txn, &writing.slot, delta, &result);
    status = write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
    if (writing.txn.published && result_out != NULL)
        *result_out = result;
    return status;
}

blitzdb_status blitzdb_increment_double(blitzdb *db, const void *key, size_t key_size, double delta,
                                        double *result_out) {
    struct writing writing;
    blitzdb_status status = write_begin(db, key, key_size, key_size + sizeof delta, &writing);
    if (status != BLITZDB_OK)
        return status;
    double result;
    status = bzd_change_increment_double(&writing.txn, &writing.slot, delta, &result);
    status = write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
    if (writing.txn.published && result_out != NULL)
        *result_out = result;
    return status;
}

blitzdb_status blitzdb_append(blitzdb *db, const void *key, size_t key_size, const void *data,
                              size_t data_size, size_t *value_size_out) {
    struct writing writing;
    blitzdb_status status = bzd_check_bytes(data, data_size);
    if (status == BLITZDB_OK)
        status = write_begin(db, key, key_size, key_size + data_size, &writing);
    if (status != BLITZDB_OK)
        return status;
    size_t value_size;
    status = bzd_change_append(&writing.txn, &writing.slot, bzd_slice_of(data, data_size), &value_size);
    status = write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
    if (writing.txn.published && value_size_out != NULL)
        *value_size_out = value_size;
    return status;
}

blitzdb_status blitzdb_expire_at(blitzdb *db, const void *key, size_t key_size, int64_t expire_at_ms,
                                 unsigned flags) {
    struct writing writing;
    unsigned known =
        BLITZDB_EXPIRE_IF_NONE | BLITZDB_EXPIRE_IF_SET | BLITZDB_EXPIRE_IF_GREATER | BLITZDB_EXPIRE_IF_LESS;
    if ((flags & ~known) != 0)
        return BLITZDB_INVALID;
    blitzdb_status status = write_begin(db, key, key_size, 0, &writing);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_change_expire_at(&writing.txn, &writing.slot, expire_at_ms, flags);
    return write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
}

blitzdb_status blitzdb_expire(blitzdb *db, const void *key, size_t key_size, int64_t ttl_ms) {
    struct writing writing;
    if (ttl_ms > BZD_EXPIRE_MAX_MS)
        return BLITZDB_OUT_OF_RANGE;
    blitzdb_status status = write_begin(db, key, key_size, 0, &writing);
    if (status != BLITZDB_OK)
        return status;
    int64_t expire_at_ms = ttl_ms > 0 ? bzd_txn_now_ms(&writing.txn) + ttl_ms : 1; /* 1: long past */
    status = bzd_change_expire_at(&writing.txn, &writing.slot, expire_at_ms, 0);
    return write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
}

blitzdb_status blitzdb_persist(blitzdb *db, const void *key, size_t key_size) {
    struct writing writing;
    blitzdb_status status = write_begin(db, key, key_size, 0, &writing);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_change_persist(&writing.txn, &writing.slot);
    return write_end(&writing, status, BLITZDB_DURABILITY_DEFAULT);
}
