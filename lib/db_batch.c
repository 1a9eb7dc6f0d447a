/** Atomic batches: changes are kept in a list until commit makes one transaction of them. */
#include "change.h"
#include "distinct.h"

enum operation_kind {
    OPERATION_SET,
    OPERATION_DEL,
    OPERATION_INCREMENT,
    OPERATION_APPEND,
    OPERATION_EXPIRE_AT,
    OPERATION_CHECK_PRESENT,
    OPERATION_CHECK_ABSENT,
};

/** One change. Bytes are named by their offset, because the buffer that holds them may move. */
struct operation {
    enum operation_kind kind;
    unsigned selected;
    size_t key_at, key_size;
    size_t value_at, value_size;
    size_t expected_at;
    blitzdb_set_options set; /**< of a set; `expected` is filled in at commit */
    int64_t number;          /**< increment or expiry */
};

struct blitzdb_batch {
    blitzdb *db; /**< the handle it was made with */
    unsigned selected;
    struct bzd_buffer operations; /**< array of struct operation */
    struct bzd_buffer bytes;      /**< keys and values */
};

blitzdb_status blitzdb_batch_create(blitzdb *db, blitzdb_batch **batch_out) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (batch_out == NULL)
        return BLITZDB_INVALID;
    const blitzdb_env *env = &db->core->env;
    blitzdb_batch *batch = bzd_alloc_zeroed(env, sizeof *batch);
    if (batch == NULL)
        return BLITZDB_NO_MEMORY;
    batch->db = db;
    batch->selected = db->keyspace;
    bzd_buffer_init(&batch->operations, env);
    bzd_buffer_init(&batch->bytes, env);
    *batch_out = batch;
    return BLITZDB_OK;
}

void blitzdb_batch_destroy(blitzdb_batch *batch) {
    if (batch == NULL)
        return;
    const blitzdb_env *env = &batch->db->core->env;
    bzd_buffer_deinit(&batch->operations);
    bzd_buffer_deinit(&batch->bytes);
    bzd_free(env, batch);
}

void blitzdb_batch_clear(blitzdb_batch *batch) {
    enum { KEEP_BYTES = 1 << 20 };
    if (batch == NULL)
        return;
    bzd_buffer_clear(&batch->operations, KEEP_BYTES);
    bzd_buffer_clear(&batch->bytes, KEEP_BYTES);
}

blitzdb_status blitzdb_batch_select(blitzdb_batch *batch, unsigned keyspace) {
    if (batch == NULL || keyspace >= BLITZDB_KEYSPACES)
        return BLITZDB_INVALID;
    batch->selected = keyspace;
    return BLITZDB_OK;
}

size_t blitzdb_batch_count(const blitzdb_batch *batch) {
    return batch == NULL ? 0 : batch->operations.size / sizeof(struct operation);
}

/** Appends an operation with its key and value; on failure the batch is as before. */
static blitzdb_status add(blitzdb_batch *batch, struct operation *operation, struct bzd_slice key,
                          struct bzd_slice value) {
    if (batch == NULL)
        return BLITZDB_INVALID;
    blitzdb_status status = bzd_check_bytes(key.data, key.size);
    if (status == BLITZDB_OK)
        status = bzd_check_bytes(value.data, value.size);
    struct bzd_slice expected = bzd_slice_of(operation->set.expected, operation->set.expected_size);
    if (status == BLITZDB_OK)
        status = bzd_buffer_reserve(&batch->operations, sizeof *operation);
    if (status == BLITZDB_OK)
        status = bzd_buffer_reserve(&batch->bytes, key.size + value.size + expected.size);
    if (status != BLITZDB_OK)
        return status;
    operation->selected = batch->selected;
    operation->key_at = batch->bytes.size;
    operation->key_size = key.size;
    operation->value_at = operation->key_at + key.size;
    operation->value_size = value.size;
    operation->expected_at = operation->value_at + value.size;
    /* Room was reserved: these cannot fail. */
    (void)bzd_buffer_append(&batch->bytes, key.data, key.size);
    (void)bzd_buffer_append(&batch->bytes, value.data, value.size);
    (void)bzd_buffer_append(&batch->bytes, expected.data, expected.size);
    (void)bzd_buffer_append(&batch->operations, operation, sizeof *operation);
    return BLITZDB_OK;
}

blitzdb_status blitzdb_batch_set(blitzdb_batch *batch, const void *key, size_t key_size, const void *value,
                                 size_t value_size, const blitzdb_set_options *options) {
    struct operation operation = {.kind = OPERATION_SET};
    blitzdb_status status = bzd_set_options_read(options, &operation.set);
    if (status != BLITZDB_OK)
        return status;
    if (operation.set.durability != BLITZDB_DURABILITY_DEFAULT || operation.set.old_value_out != NULL)
        return BLITZDB_INVALID;
    return add(batch, &operation, bzd_slice_of(key, key_size), bzd_slice_of(value, value_size));
}

blitzdb_status blitzdb_batch_del(blitzdb_batch *batch, const void *key, size_t key_size) {
    struct operation operation = {.kind = OPERATION_DEL};
    return add(batch, &operation, bzd_slice_of(key, key_size), bzd_slice_of(NULL, 0));
}

blitzdb_status blitzdb_batch_increment(blitzdb_batch *batch, const void *key, size_t key_size,
                                       int64_t delta) {
    struct operation operation = {.kind = OPERATION_INCREMENT, .number = delta};
    return add(batch, &operation, bzd_slice_of(key, key_size), bzd_slice_of(NULL, 0));
}

blitzdb_status blitzdb_batch_append(blitzdb_batch *batch, const void *key, size_t key_size, const void *data,
                                    size_t data_size) {
    struct operation operation = {.kind = OPERATION_APPEND};
    return add(batch, &operation, bzd_slice_of(key, key_size), bzd_slice_of(data, data_size));
}

blitzdb_status blitzdb_batch_expire_at(blitzdb_batch *batch, const void *key, size_t key_size,
                                       int64_t expire_at_ms) {
    struct operation operation = {.kind = OPERATION_EXPIRE_AT, .number = expire_at_ms};
    if (expire_at_ms > BZD_EXPIRE_MAX_MS)
        return BLITZDB_OUT_OF_RANGE;
    return add(batch, &operation, bzd_slice_of(key, key_size), bzd_slice_of(NULL, 0));
}

blitzdb_status blitzdb_batch_check_present(blitzdb_batch *batch, const void *key, size_t key_size) {
    struct operation operation = {.kind = OPERATION_CHECK_PRESENT};
    return add(batch, &operation, bzd_slice_of(key, key_size), bzd_slice_of(NULL, 0));
}

blitzdb_status blitzdb_batch_check_absent(blitzdb_batch *batch, const void *key, size_t key_size) {
    struct operation operation = {.kind = OPERATION_CHECK_ABSENT};
    return add(batch, &operation, bzd_slice_of(key, key_size), bzd_slice_of(NULL, 0));
}

/** A copy of one operation; the array of a buffer need not be aligned for it. */
static struct operation operation_at(const blitzdb_batch *batch, size_t index) {
    struct operation operation;
    memcpy(&operation, batch->operations.data + index * sizeof operation, sizeof operation);
    return operation;
}

static struct bzd_slice bytes_at(const blitzdb_batch *batch, size_t at, size_t size) {
    return size == 0 ? bzd_slice_of(NULL, 0) : bzd_slice_of(batch->bytes.data + at, size);
}

static blitzdb_status run_set(const blitzdb_batch *batch, const struct operation *operation,
                              struct bzd_txn *txn, struct bzd_slot *slot) {
    blitzdb_set_options options = operation->set;
    options.expected = bytes_at(batch, operation->expected_at, options.expected_size).data;
    return bzd_change_set(txn, slot, bytes_at(batch, operation->value_at, operation->value_size), &options);
}

static blitzdb_status run_expire_at(const struct operation *operation, struct bzd_txn *txn,
                                    struct bzd_slot *slot) {
    if (operation->number != 0)
        return bzd_change_expire_at(txn, slot, operation->number, 0);
    blitzdb_status status = bzd_change_persist(txn, slot);
    return status == BLITZDB_CONDITION_FAILED ? BLITZDB_OK : status; /* it had none: as wanted */
}

static blitzdb_status run_operation(const blitzdb_batch *batch, const struct operation *operation,
                                    struct bzd_txn *txn, struct bzd_slot *slot) {
    int64_t result;
    size_t value_size;
    switch (operation->kind) {
    case OPERATION_SET:
        return run_set(batch, operation, txn, slot);
    case OPERATION_DEL:
        bzd_txn_del(txn, slot);
        return BLITZDB_OK;
    case OPERATION_INCREMENT:
        return bzd_change_increment(txn, slot, operation->number, &result);
    case OPERATION_APPEND:
        return bzd_change_append(txn, slot, bytes_at(batch, operation->value_at, operation->value_size),
                                 &value_size);
    case OPERATION_EXPIRE_AT:
        return run_expire_at(operation, txn, slot);
    case OPERATION_CHECK_PRESENT:
        return slot->present ? BLITZDB_OK : BLITZDB_CONDITION_FAILED;
    case OPERATION_CHECK_ABSENT:
        return slot->present ? BLITZDB_CONDITION_FAILED : BLITZDB_OK;
    }
    return BLITZDB_INVALID;
}

/** Runs all operations on locked slots; one that fails rolls everything back. */
static blitzdb_status run_all(blitzdb_batch *batch, struct bzd_txn *txn, struct bzd_distinct *distinct,
                              unsigned durability, size_t *failed_index_out) {
    size_t count = distinct->count;
    for (size_t i = 0; i < count; i++) {
        struct operation operation = operation_at(batch, i);
        blitzdb_status status = run_operation(batch, &operation, txn, bzd_distinct_slot(distinct, i));
        if (status != BLITZDB_OK) {
            bzd_txn_abort(txn);
            *failed_index_out = i;
            return status;
        }
    }
    *failed_index_out = count;
    return bzd_txn_commit(txn, durability);
}

/** Bytes the batch may add to memory, each entry rounded to its block; 0 if it can only free. */
static size_t growth_of(const blitzdb_batch *batch, size_t count) {
    size_t growth = 0;
    for (size_t i = 0; i < count; i++) {
        struct operation operation = operation_at(batch, i);
        size_t size = operation.key_size + operation.value_size + BZD_ENTRY_HEADER_MAX;
        if (operation.kind == OPERATION_SET || operation.kind == OPERATION_APPEND)
            growth += bzd_arena_block_size(size);
        else if (operation.kind == OPERATION_INCREMENT)
            growth += bzd_arena_block_size(size + sizeof operation.number);
    }
    return growth;
}

blitzdb_status blitzdb_batch_commit(blitzdb_batch *batch, unsigned durability, size_t *failed_index_out) {
    if (batch == NULL || durability > BLITZDB_DURABILITY_ALWAYS)
        return BLITZDB_INVALID;
    struct bzd_core *core = batch->db->core;
    blitzdb_status status = bzd_enter(batch->db);
    size_t count = blitzdb_batch_count(batch);
    size_t failed_index = count;
    if (status != BLITZDB_OK || count == 0)
        return status;
    struct bzd_distinct distinct;
    status = bzd_distinct_init(&distinct, &core->store, count);
    for (size_t i = 0; i < count && status == BLITZDB_OK; i++) {
        struct operation operation = operation_at(batch, i);
        bzd_distinct_add(&distinct, operation.selected,
                         bytes_at(batch, operation.key_at, operation.key_size));
    }
    struct bzd_txn txn;
    if (status == BLITZDB_OK)
        status = bzd_txn_begin(&txn, batch->db, distinct.slots, distinct.slot_count, growth_of(batch, count));
    if (status == BLITZDB_OK)
        status = run_all(batch, &txn, &distinct, durability, &failed_index);
    if (status == BLITZDB_OK)
        bzd_evict_behind(batch->db); /* tables may have grown by more steps than the one they announced */
    bzd_distinct_deinit(&distinct);
    if (status != BLITZDB_OK && failed_index_out != NULL)
        *failed_index_out = failed_index;
    return status;
}
