#include "operation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/** Sets a key, or deletes it if its time is past. */
static void put(struct model *model, const blitzdb_key *key, const void *value, size_t size,
                int64_t expire_at_ms, int64_t now_ms) {
    if (expire_at_ms != 0 && expire_at_ms <= now_ms)
        (void)model_del(model, key);
    else
        model_set(model, key, value, size, expire_at_ms);
}

static bool condition_holds(uint32_t condition, const struct model_entry *entry) {
    switch (condition) {
    case BLITZDB_IF_ABSENT:
        return entry == NULL;
    case BLITZDB_IF_PRESENT:
        return entry != NULL;
    case BLITZDB_IF_EQUAL:
        return entry != NULL && entry->value_size == strlen(OPERATION_EXPECTED) &&
               memcmp(entry->value, OPERATION_EXPECTED, entry->value_size) == 0;
    default:
        return true;
    }
}

static blitzdb_status apply_set(struct model *model, const blitzdb_key *key, const struct step *step,
                                int64_t now_ms) {
    const struct model_entry *entry = model_find(model, key, now_ms);
    if (!condition_holds(step->condition, entry))
        return BLITZDB_CONDITION_FAILED;
    int64_t expire_at_ms = step->number != 0 ? now_ms + step->number : step->expire_at_ms;
    if (step->keep_ttl)
        expire_at_ms = entry != NULL ? entry->expire_at_ms : 0;
    uint8_t *value = operation_value(step);
    put(model, key, value, step->value_size, expire_at_ms, now_ms);
    free(value);
    return BLITZDB_OK;
}

/** Zero-terminates the text of an entry for the number functions of C; an absent one counts as 0. */
static void text_of(const struct model_entry *entry, char text[64]) {
    size_t size = entry == NULL ? 1 : entry->value_size;
    size = size < 63 ? size : 63;
    memcpy(text, entry == NULL ? "0" : (const char *)entry->value, size);
    text[size] = '\0';
}

static blitzdb_status apply_increment(struct model *model, const blitzdb_key *key, const struct step *step,
                                      int64_t now_ms) {
    const struct model_entry *entry = model_find(model, key, now_ms);
    char text[64];
    char canonical[64];
    text_of(entry, text);
    int64_t number = strtoll(text, NULL, 10);
    int size = snprintf(canonical, sizeof(canonical), "%" PRId64, number);
    /* A number is what this function would write: no plus, no blanks, no leading zeros. */
    if (strcmp(text, canonical) != 0)
        return BLITZDB_NOT_A_NUMBER;
    if (__builtin_add_overflow(number, step->number, &number))
        return BLITZDB_OUT_OF_RANGE;
    size = snprintf(text, sizeof(text), "%" PRId64, number);
    model_set(model, key, text, (size_t)size, entry != NULL ? entry->expire_at_ms : 0);
    return BLITZDB_OK;
}

/** Right for numbers of few digits, which are all that operation_random() makes. */
static blitzdb_status apply_increment_double(struct model *model, const blitzdb_key *key,
                                             const struct step *step, int64_t now_ms) {
    const struct model_entry *entry = model_find(model, key, now_ms);
    char text[64];
    char *end = text;
    text_of(entry, text);
    double number = strtod(text, &end);
    /* C also reads hexadecimal, which "0" becomes when "xa" is appended. */
    if (end == text || *end != '\0' || strchr(text, 'x') != NULL)
        return BLITZDB_NOT_A_NUMBER;
    int size = snprintf(text, sizeof(text), "%.17g", number + (double)step->number / 4);
    model_set(model, key, text, (size_t)size, entry != NULL ? entry->expire_at_ms : 0);
    return BLITZDB_OK;
}

static blitzdb_status apply_append(struct model *model, const blitzdb_key *key, const struct step *step,
                                   int64_t now_ms) {
    const struct model_entry *entry = model_find(model, key, now_ms);
    size_t old_size = entry != NULL ? entry->value_size : 0;
    uint8_t *value = malloc(old_size + step->value_size + 1);
    uint8_t *data = operation_value(step);
    if (value == NULL) {
        perror("operation");
        exit(2);
    }
    if (entry != NULL)
        memcpy(value, entry->value, old_size);
    memcpy(value + old_size, data, step->value_size);
    model_set(model, key, value, old_size + step->value_size, entry != NULL ? entry->expire_at_ms : 0);
    free(value);
    free(data);
    return BLITZDB_OK;
}

static bool flags_hold(unsigned flags, int64_t old_ms, int64_t new_ms) {
    /* No expiry is later than any other. */
    int64_t old_end = old_ms == 0 ? INT64_MAX : old_ms;
    int64_t new_end = new_ms == 0 ? INT64_MAX : new_ms;
    return ((flags & BLITZDB_EXPIRE_IF_NONE) == 0 || old_ms == 0) &&
           ((flags & BLITZDB_EXPIRE_IF_SET) == 0 || old_ms != 0) &&
           ((flags & BLITZDB_EXPIRE_IF_GREATER) == 0 || new_end > old_end) &&
           ((flags & BLITZDB_EXPIRE_IF_LESS) == 0 || new_end < old_end);
}

static blitzdb_status apply_expiry(struct model *model, const blitzdb_key *key, const struct step *step,
                                   int64_t now_ms) {
    struct model_entry *entry = model_find(model, key, now_ms);
    if (entry == NULL)
        return BLITZDB_NOT_FOUND;
    int64_t expire_at_ms = step->kind == STEP_EXPIRE ? now_ms + step->number : step->expire_at_ms;
    if (!flags_hold(step->flags, entry->expire_at_ms, expire_at_ms))
        return BLITZDB_CONDITION_FAILED;
    if (expire_at_ms != 0 && expire_at_ms <= now_ms)
        (void)model_del(model, key);
    else
        entry->expire_at_ms = expire_at_ms;
    return BLITZDB_OK;
}

static blitzdb_status apply_persist(struct model *model, const blitzdb_key *key, int64_t now_ms) {
    struct model_entry *entry = model_find(model, key, now_ms);
    if (entry == NULL || entry->expire_at_ms == 0)
        return entry == NULL ? BLITZDB_NOT_FOUND : BLITZDB_CONDITION_FAILED;
    entry->expire_at_ms = 0;
    return BLITZDB_OK;
}

static blitzdb_status apply_step(struct model *model, const struct step *step, int64_t now_ms) {
    blitzdb_key key = {step->key, strlen(step->key), step->keyspace};
    bool is_present = model_find(model, &key, now_ms) != NULL;
    switch (step->kind) {
    case STEP_SET:
        return apply_set(model, &key, step, now_ms);
    case STEP_DEL:
        (void)model_del(model, &key);
        return is_present ? BLITZDB_OK : BLITZDB_NOT_FOUND;
    case STEP_INCREMENT:
        return apply_increment(model, &key, step, now_ms);
    case STEP_INCREMENT_DOUBLE:
        return apply_increment_double(model, &key, step, now_ms);
    case STEP_APPEND:
        return apply_append(model, &key, step, now_ms);
    case STEP_EXPIRE:
    case STEP_EXPIRE_AT:
        return apply_expiry(model, &key, step, now_ms);
    case STEP_PERSIST:
        return apply_persist(model, &key, now_ms);
    case STEP_CHECK_PRESENT:
        return is_present ? BLITZDB_OK : BLITZDB_NOT_FOUND;
    case STEP_CHECK_ABSENT:
        return is_present ? BLITZDB_CONDITION_FAILED : BLITZDB_OK;
    default:
        return BLITZDB_INVALID;
    }
}

/** In a batch deleting an absent key is no error, and an absent key fails a check like a present one. */
static blitzdb_status batch_status(enum step_kind kind, blitzdb_status status) {
    if (status == BLITZDB_NOT_FOUND && kind == STEP_DEL)
        return BLITZDB_OK;
    if (status == BLITZDB_NOT_FOUND && kind == STEP_CHECK_PRESENT)
        return BLITZDB_CONDITION_FAILED;
    return status;
}

/** All steps or, for a batch, none. A transaction goes on where a key is absent, a section whatever is
 * answered. */
static blitzdb_status apply_steps(struct model *model, const struct operation *operation, int64_t now_ms) {
    struct model changed = {0};
    blitzdb_status status = BLITZDB_OK;
    model_copy(&changed, model);
    for (size_t i = 0; status == BLITZDB_OK && i < operation->step_count; i++) {
        status = apply_step(&changed, &operation->steps[i], now_ms);
        status =
            operation->kind == OPERATION_BATCH ? batch_status(operation->steps[i].kind, status) : BLITZDB_OK;
    }
    if (status == BLITZDB_OK && operation->kind != OPERATION_ABORTED_TXN)
        model_copy(model, &changed);
    model_deinit(&changed);
    return status;
}

blitzdb_status operation_apply(struct model *model, const struct operation *operation, int64_t now_ms) {
    switch (operation->kind) {
    case OPERATION_SINGLE:
        return apply_step(model, &operation->steps[0], now_ms);
    case OPERATION_BATCH:
    case OPERATION_TXN:
    case OPERATION_SECTION:
    case OPERATION_ABORTED_TXN:
        return apply_steps(model, operation, now_ms);
    case OPERATION_FLUSH_KEYSPACE:
        model_flush_keyspace(model, operation->steps[0].keyspace);
        return BLITZDB_OK;
    case OPERATION_FLUSH_ALL:
        model_deinit(model);
        return BLITZDB_OK;
    case OPERATION_SWAP_KEYSPACES:
        model_swap_keyspaces(model, operation->steps[0].keyspace, operation->steps[1].keyspace);
        return BLITZDB_OK;
    default:
        return BLITZDB_OK;
    }
}

bool operation_is_write(const struct operation *operation) {
    return operation->kind <= OPERATION_SWAP_KEYSPACES && operation->kind != OPERATION_ABORTED_TXN;
}
