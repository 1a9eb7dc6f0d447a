#include "change.h"

#include <math.h>

#include "number.h"

static int64_t expiry_of(const struct bzd_slot *slot) {
    return slot->present ? slot->now.expire_at_ms : 0;
}

blitzdb_status bzd_set_options_read(const blitzdb_set_options *given, blitzdb_set_options *options_out) {
    memset(options_out, 0, sizeof *options_out);
    if (given == NULL)
        return BLITZDB_OK;
    if (given->struct_size < sizeof given->struct_size || given->struct_size > sizeof *options_out)
        return BLITZDB_INVALID;
    memcpy(options_out, given, given->struct_size);
    const blitzdb_set_options *options = options_out;
    int expiries = (options->ttl_ms != 0) + (options->expire_at_ms != 0) + (options->keep_ttl != 0);
    if (expiries > 1 || options->condition > BLITZDB_IF_EQUAL ||
        options->durability > BLITZDB_DURABILITY_ALWAYS)
        return BLITZDB_INVALID;
    if ((options->old_value_out != NULL) != (options->old_size_out != NULL))
        return BLITZDB_INVALID;
    if (!bzd_size_is_valid(options->expected, options->expected_size) || options->ttl_ms < 0)
        return BLITZDB_INVALID;
    if (options->ttl_ms > BZD_EXPIRE_MAX_MS || options->expire_at_ms > BZD_EXPIRE_MAX_MS)
        return BLITZDB_OUT_OF_RANGE;
    return BLITZDB_OK;
}

static bool condition_holds(const struct bzd_slot *slot, const blitzdb_set_options *options) {
    switch (options->condition) {
    case BLITZDB_IF_ABSENT:
        return !slot->present;
    case BLITZDB_IF_PRESENT:
        return slot->present;
    case BLITZDB_IF_EQUAL:
        return slot->present &&
               bzd_slice_equal(slot->now.value, bzd_slice_of(options->expected, options->expected_size));
    default:
        return true;
    }
}

blitzdb_status bzd_change_set(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice value,
                              const blitzdb_set_options *options) {
    if (!condition_holds(slot, options))
        return BLITZDB_CONDITION_FAILED;
    int64_t expire_at_ms = options->expire_at_ms;
    if (options->ttl_ms != 0)
        expire_at_ms = bzd_txn_now_ms(txn) + options->ttl_ms;
    else if (options->keep_ttl != 0)
        expire_at_ms = expiry_of(slot);
    if (expire_at_ms > BZD_EXPIRE_MAX_MS)
        return BLITZDB_OUT_OF_RANGE;
    return bzd_txn_set(txn, slot, value, expire_at_ms);
}

blitzdb_status bzd_change_del(struct bzd_txn *txn, struct bzd_slot *slot) {
    if (!slot->present)
        return BLITZDB_NOT_FOUND;
    bzd_txn_del(txn, slot);
    return BLITZDB_OK;
}

blitzdb_status bzd_change_increment(struct bzd_txn *txn, struct bzd_slot *slot, int64_t delta,
                                    int64_t *result_out) {
    int64_t number = 0;
    char text[BZD_INTEGER_TEXT_MAX];
    if (slot->present && !bzd_parse_integer(slot->now.value, &number))
        return BLITZDB_NOT_A_NUMBER;
    if (__builtin_add_overflow(number, delta, &number))
        return BLITZDB_OUT_OF_RANGE;
    struct bzd_slice value = bzd_slice_of(text, bzd_format_integer(number, text));
    blitzdb_status status = bzd_txn_set(txn, slot, value, expiry_of(slot));
    if (status == BLITZDB_OK)
        *result_out = number;
    return status;
}

blitzdb_status bzd_change_increment_double(struct bzd_txn *txn, struct bzd_slot *slot, double delta,
                                           double *result_out) {
    double number = 0;
    char text[BZD_DOUBLE_TEXT_MAX];
    if (!isfinite(delta) || (slot->present && !bzd_parse_double(slot->now.value, &number)))
        return BLITZDB_NOT_A_NUMBER;
    number += delta;
    if (!isfinite(number))
        return BLITZDB_OUT_OF_RANGE;
    struct bzd_slice value = bzd_slice_of(text, bzd_format_double(number, text));
    blitzdb_status status = bzd_txn_set(txn, slot, value, expiry_of(slot));
    if (status == BLITZDB_OK)
        *result_out = number;
    return status;
}

blitzdb_status bzd_change_append(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice data,
                                 size_t *value_size_out) {
    struct bzd_slice before = slot->present ? slot->now.value : bzd_slice_of(NULL, 0);
    size_t size = before.size + data.size;
    if (size > BLITZDB_SIZE_MAX)
        return BLITZDB_TOO_LARGE;
    blitzdb_status status = bzd_txn_append(txn, slot, data);
    if (status == BLITZDB_OK)
        *value_size_out = size;
    return status;
}

/** Tells whether flags of EXPIRE allow the change; without an expiry a key counts as living for ever. */
static bool expiry_allowed(int64_t present_ms, int64_t wanted_ms, unsigned flags) {
    if ((flags & BLITZDB_EXPIRE_IF_NONE) != 0 && present_ms != 0)
        return false;
    if ((flags & BLITZDB_EXPIRE_IF_SET) != 0 && present_ms == 0)
        return false;
    if ((flags & BLITZDB_EXPIRE_IF_GREATER) != 0 && (present_ms == 0 || wanted_ms <= present_ms))
        return false;
    return (flags & BLITZDB_EXPIRE_IF_LESS) == 0 || present_ms == 0 || wanted_ms < present_ms;
}

blitzdb_status bzd_change_expire_at(struct bzd_txn *txn, struct bzd_slot *slot, int64_t expire_at_ms,
                                    unsigned flags) {
    if (expire_at_ms > BZD_EXPIRE_MAX_MS)
        return BLITZDB_OUT_OF_RANGE;
    if (!slot->present)
        return BLITZDB_NOT_FOUND;
    if (!expiry_allowed(slot->now.expire_at_ms, expire_at_ms, flags))
        return BLITZDB_CONDITION_FAILED;
    if (expire_at_ms <= 0)
        expire_at_ms = 1; /* long past; 0 would mean never */
    return bzd_txn_expire_at(txn, slot, expire_at_ms);
}

blitzdb_status bzd_change_persist(struct bzd_txn *txn, struct bzd_slot *slot) {
    if (!slot->present)
        return BLITZDB_NOT_FOUND;
    if (slot->now.expire_at_ms == 0)
        return BLITZDB_CONDITION_FAILED;
    return bzd_txn_expire_at(txn, slot, 0);
}
