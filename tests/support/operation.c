#include "operation.h"

#include <stdlib.h>
#include <string.h>

uint8_t *operation_value(const struct step *step) {
    uint8_t *value = malloc(step->value_size + 1);
    if (value == NULL) {
        perror("operation");
        exit(2);
    }
    size_t length = strlen(step->text);
    for (size_t i = 0; i < step->value_size; i++)
        value[i] = (uint8_t)(length > 0 ? step->text[i % length] : 0);
    return value;
}

struct operation operation_single(enum step_kind kind, unsigned keyspace, const char *key, const char *text) {
    struct operation operation = {.kind = OPERATION_SINGLE, .step_count = 1};
    struct step *step = &operation.steps[0];
    *step = (struct step){.kind = kind, .keyspace = keyspace, .value_size = strlen(text)};
    step->number = kind == STEP_INCREMENT || kind == STEP_INCREMENT_DOUBLE ? 7 : 0;
    (void)snprintf(step->key, sizeof(step->key), "%s", key);
    (void)snprintf(step->text, sizeof(step->text), "%s", text);
    return operation;
}

struct operation operation_joined(enum operation_kind kind, struct operation first, struct operation second) {
    first.kind = kind;
    first.step_count = 2;
    first.steps[1] = second.steps[0];
    return first;
}

static blitzdb_set_options set_options(const struct step *step) {
    blitzdb_set_options options = {.struct_size = sizeof(options)};
    options.condition = step->condition;
    options.ttl_ms = step->number;
    options.expire_at_ms = step->expire_at_ms;
    options.keep_ttl = step->keep_ttl;
    options.expected = OPERATION_EXPECTED;
    options.expected_size = strlen(OPERATION_EXPECTED);
    return options;
}

/* The database */

static blitzdb_status run_set(blitzdb *db, const struct operation *operation, const uint8_t *value) {
    const struct step *step = &operation->steps[0];
    blitzdb_set_options options = set_options(step);
    options.durability = operation->durability;
    return blitzdb_set_with(db, step->key, strlen(step->key), value, step->value_size, &options);
}

static blitzdb_status run_single(blitzdb *db, const struct operation *operation) {
    const struct step *step = &operation->steps[0];
    size_t key_size = strlen(step->key);
    blitzdb *handle = NULL;
    blitzdb_status status = blitzdb_keyspace(db, step->keyspace, &handle);
    if (status != BLITZDB_OK)
        return status;
    uint8_t *value = operation_value(step);
    switch (step->kind) {
    case STEP_SET:
        status = run_set(handle, operation, value);
        break;
    case STEP_DEL:
        status = blitzdb_del(handle, step->key, key_size);
        break;
    case STEP_INCREMENT:
        status = blitzdb_increment(handle, step->key, key_size, step->number, NULL);
        break;
    case STEP_INCREMENT_DOUBLE:
        status = blitzdb_increment_double(handle, step->key, key_size, (double)step->number / 4, NULL);
        break;
    case STEP_APPEND:
        status = blitzdb_append(handle, step->key, key_size, value, step->value_size, NULL);
        break;
    case STEP_EXPIRE:
        status = blitzdb_expire(handle, step->key, key_size, step->number);
        break;
    case STEP_EXPIRE_AT:
        status = blitzdb_expire_at(handle, step->key, key_size, step->expire_at_ms, step->flags);
        break;
    case STEP_PERSIST:
        status = blitzdb_persist(handle, step->key, key_size);
        break;
    case STEP_CHECK_PRESENT:
        status = blitzdb_exists(handle, step->key, key_size);
        break;
    default:
        status = BLITZDB_INVALID;
        break;
    }
    free(value);
    return status;
}

static blitzdb_status add_to_batch(blitzdb_batch *batch, const struct step *step, const uint8_t *value) {
    size_t key_size = strlen(step->key);
    blitzdb_set_options options = set_options(step);
    switch (step->kind) {
    case STEP_SET:
        return blitzdb_batch_set(batch, step->key, key_size, value, step->value_size, &options);
    case STEP_DEL:
        return blitzdb_batch_del(batch, step->key, key_size);
    case STEP_INCREMENT:
        return blitzdb_batch_increment(batch, step->key, key_size, step->number);
    case STEP_APPEND:
        return blitzdb_batch_append(batch, step->key, key_size, value, step->value_size);
    case STEP_EXPIRE_AT:
        return blitzdb_batch_expire_at(batch, step->key, key_size, step->expire_at_ms);
    case STEP_CHECK_PRESENT:
        return blitzdb_batch_check_present(batch, step->key, key_size);
    case STEP_CHECK_ABSENT:
        return blitzdb_batch_check_absent(batch, step->key, key_size);
    default:
        return BLITZDB_INVALID;
    }
}

static blitzdb_status run_batch(blitzdb *db, const struct operation *operation) {
    blitzdb_batch *batch = NULL;
    blitzdb_status status = blitzdb_batch_create(db, &batch);
    for (size_t i = 0; status == BLITZDB_OK && i < operation->step_count; i++) {
        const struct step *step = &operation->steps[i];
        uint8_t *value = operation_value(step);
        status = blitzdb_batch_select(batch, step->keyspace);
        status = status == BLITZDB_OK ? add_to_batch(batch, step, value) : status;
        free(value);
    }
    if (status == BLITZDB_OK)
        status = blitzdb_batch_commit(batch, operation->durability, NULL);
    blitzdb_batch_destroy(batch);
    return status;
}

/** An absent key is an answer, and the transaction goes on. */
static blitzdb_status add_to_txn(blitzdb_txn *txn, size_t index, const struct step *step,
                                 const uint8_t *value) {
    blitzdb_status status = BLITZDB_OK;
    switch (step->kind) {
    case STEP_SET:
        return blitzdb_txn_set(txn, index, value, step->value_size, step->expire_at_ms);
    case STEP_DEL:
        status = blitzdb_txn_del(txn, index);
        break;
    case STEP_EXPIRE_AT:
        status = blitzdb_txn_expire_at(txn, index, step->expire_at_ms);
        break;
    default:
        return BLITZDB_INVALID;
    }
    return status == BLITZDB_NOT_FOUND ? BLITZDB_OK : status;
}

static blitzdb_status run_txn(blitzdb *db, const struct operation *operation) {
    blitzdb_key keys[OPERATION_STEPS_MAX];
    for (size_t i = 0; i < operation->step_count; i++) {
        const struct step *step = &operation->steps[i];
        keys[i] = (blitzdb_key){step->key, strlen(step->key), step->keyspace};
    }
    blitzdb_txn *txn = NULL;
    blitzdb_status status = blitzdb_txn_begin(db, keys, operation->step_count, &txn);
    if (status != BLITZDB_OK)
        return status;
    for (size_t i = 0; status == BLITZDB_OK && i < operation->step_count; i++) {
        uint8_t *value = operation_value(&operation->steps[i]);
        status = add_to_txn(txn, i, &operation->steps[i], value);
        free(value);
    }
    if (status != BLITZDB_OK || operation->kind == OPERATION_ABORTED_TXN) {
        blitzdb_txn_abort(txn);
        return status;
    }
    return blitzdb_txn_commit(txn, operation->durability);
}

/** Whether an answer says that a call did what its key allowed. */
static bool is_answer(blitzdb_status status) {
    return status == BLITZDB_OK || status == BLITZDB_NOT_FOUND || status == BLITZDB_CONDITION_FAILED ||
           status == BLITZDB_NOT_A_NUMBER || status == BLITZDB_OUT_OF_RANGE || status == BLITZDB_TOO_LARGE;
}

static blitzdb_status run_section(blitzdb *db, const struct operation *operation) {
    blitzdb_key keys[OPERATION_STEPS_MAX];
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    blitzdb_section *section = NULL;
    blitzdb *inside = NULL;
    for (size_t i = 0; i < operation->step_count; i++) {
        const struct step *step = &operation->steps[i];
        keys[i] = (blitzdb_key){step->key, strlen(step->key), step->keyspace};
    }
    options.keys = keys;
    options.key_count = operation->step_count;
    blitzdb_status status = blitzdb_section_begin(db, &options, &section);
    if (status != BLITZDB_OK)
        return status;
    status = blitzdb_section_handle(section, 0, &inside);
    for (size_t i = 0; status == BLITZDB_OK && i < operation->step_count; i++) {
        struct operation single = {.kind = OPERATION_SINGLE, .step_count = 1};
        single.steps[0] = operation->steps[i];
        status = run_single(inside, &single);
        status = is_answer(status) ? BLITZDB_OK : status;
    }
    blitzdb_status ended = blitzdb_section_end(section, operation->durability);
    return status == BLITZDB_OK ? ended : status;
}

blitzdb_status operation_run(blitzdb *db, const struct operation *operation) {
    blitzdb *handle = NULL;
    switch (operation->kind) {
    case OPERATION_SINGLE:
        return run_single(db, operation);
    case OPERATION_BATCH:
        return run_batch(db, operation);
    case OPERATION_TXN:
    case OPERATION_ABORTED_TXN:
        return run_txn(db, operation);
    case OPERATION_SECTION:
        return run_section(db, operation);
    case OPERATION_FLUSH_KEYSPACE:
        if (blitzdb_keyspace(db, operation->steps[0].keyspace, &handle) != BLITZDB_OK)
            return BLITZDB_INVALID;
        return blitzdb_flush_keyspace(handle);
    case OPERATION_FLUSH_ALL:
        return blitzdb_flush_all(db);
    case OPERATION_SWAP_KEYSPACES:
        return blitzdb_swap_keyspaces(db, operation->steps[0].keyspace, operation->steps[1].keyspace);
    case OPERATION_SNAPSHOT:
        return blitzdb_snapshot(db, NULL);
    case OPERATION_SYNC:
        return blitzdb_sync(db);
    case OPERATION_WRITE_OUT:
        return blitzdb_write_out(db);
    case OPERATION_PUMP:
        return blitzdb_pump(db, NULL);
    default:
        return BLITZDB_INVALID;
    }
}
