/**
 * @file
 * @brief SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP: values as rows of bits; see bits.h.
 */
#include "command_bitmap.h"
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "server.h"

bool bzs_bitmap_offset(struct bzs_call *call, struct bzs_slice text, unsigned multiple,
                       uint64_t *offset_out) {
    int64_t number = 0;
    bool is_multiple = multiple > 0 && text.size > 0 && text.data[0] == '#';
    struct bzs_slice digits = is_multiple ? (struct bzs_slice){text.data + 1, text.size - 1} : text;
    bool is_valid = bzs_parse_integer(digits, &number) &&
                    (!is_multiple || !__builtin_mul_overflow(number, (int64_t)multiple, &number));
    int64_t size_max = atomic_load_explicit(&call->server->config->bulk_size_max, memory_order_relaxed);
    if (!is_valid || number < 0 || number >> 3 >= size_max) {
        bzs_reply_error(call->reply, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *offset_out = (uint64_t)number;
    return true;
}

blitzdb_status bzs_bitmap_open(blitzdb_txn *txn, size_t size_min, struct bzs_bitmap *bitmap_out) {
    const void *value = NULL;
    struct bzs_bitmap bitmap = {NULL, 0, 0, 0};
    blitzdb_status status = blitzdb_txn_get(txn, 0, &value, &bitmap.size_before, &bitmap.expire_at_ms);
    if (status != BLITZDB_OK && status != BLITZDB_NOT_FOUND)
        return status;
    bitmap.size = bitmap.size_before > size_min ? bitmap.size_before : size_min;
    bitmap.data = malloc(bitmap.size + 1);
    if (bitmap.data == NULL)
        return BLITZDB_NO_MEMORY;
    if (bitmap.size_before > 0)
        memcpy(bitmap.data, value, bitmap.size_before);
    memset(bitmap.data + bitmap.size_before, 0, bitmap.size - bitmap.size_before);
    *bitmap_out = bitmap;
    return BLITZDB_OK;
}

blitzdb_status bzs_bitmap_close(blitzdb_txn *txn, struct bzs_bitmap *bitmap, bool has_changed) {
    blitzdb_status status = BLITZDB_OK;
    if (has_changed || bitmap->size != bitmap->size_before)
        status = blitzdb_txn_set(txn, 0, bitmap->data, bitmap->size, bitmap->expire_at_ms);
    free(bitmap->data);
    return status;
}

/** Stages a bit; `before_out` is what it was, and `changes_out` whether the value changes. */
static blitzdb_status stage_bit(blitzdb_txn *txn, uint64_t offset, bool bit, bool *before_out,
                                bool *changes_out) {
    struct bzs_bitmap bitmap;
    blitzdb_status status = bzs_bitmap_open(txn, (size_t)(offset >> 3) + 1, &bitmap);
    if (status != BLITZDB_OK)
        return status;
    *before_out = bzs_bits_get(bitmap.data, offset);
    bzs_bits_write(bitmap.data, offset, (struct bzs_bits_type){1, false}, bit);
    *changes_out = *before_out != bit || bitmap.size != bitmap.size_before;
    return bzs_bitmap_close(txn, &bitmap, *changes_out);
}

static void run_setbit(struct bzs_call *call) {
    uint64_t offset = 0;
    int64_t bit = 0;
    bool before = false;
    bool changes = false;
    blitzdb_txn *txn = NULL;

    if (!bzs_bitmap_offset(call, call->argv[2], 0, &offset))
        return;
    if (!bzs_parse_integer(call->argv[3], &bit) || (bit != 0 && bit != 1)) {
        bzs_reply_error(call->reply, "ERR bit is not an integer or out of range");
        return;
    }
    if (!bzs_data_begin(call, 1, &txn))
        return;
    if (bzs_data_succeeded(call, bzs_data_end(txn, stage_bit(txn, offset, bit == 1, &before, &changes)))) {
        if (changes)
            bzs_call_changed(call, BZS_EVENTS_STRING, "setbit", call->argv[1]);
        bzs_reply_integer(call->reply, before);
    }
}

/** What a view callback of this file wants to know. */
struct question {
    struct bzs_call *call;
    uint64_t offset; /**< of GETBIT */
    bool bit;        /**< of BITPOS */
};

/** Counts a hit or a miss; true if there is a value. */
static bool is_found(const struct bzs_call *call, const blitzdb_view_entry *entry) {
    if (entry->value == NULL)
        bzs_call_missed(call, call->argv[1]);
    else
        bzs_call_hit(call);
    return entry->value != NULL;
}

static void reply_bit(void *user, const blitzdb_view_entry *entry) {
    const struct question *question = user;
    bool has_bit = is_found(question->call, entry) && question->offset >> 3 < entry->value_size;

    bzs_reply_integer(question->call->reply, has_bit && bzs_bits_get(entry->value, question->offset));
}

static void run_getbit(struct bzs_call *call) {
    struct question question = {.call = call};

    if (bzs_bitmap_offset(call, call->argv[2], 0, &question.offset))
        (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_bit, &question));
}

/** A range of bits. */
struct range {
    uint64_t first, last;
    bool is_empty;
    bool has_end; /**< the end was given, not the value's */
};

/** Reads the unit of a range, by default bytes; false: the error reply has been written. */
static bool parse_unit(struct bzs_call *call, size_t index, bool *in_bits_out) {
    *in_bits_out = false;
    if (index >= call->argc)
        return true;
    *in_bits_out = bzs_arg_is(call->argv[index], "bit");
    if (*in_bits_out || bzs_arg_is(call->argv[index], "byte"))
        return true;
    bzs_reply_syntax_error(call);
    return false;
}

static int64_t clamp(int64_t position, int64_t total) {
    position = position < 0 ? position + total : position;
    return position < 0 ? 0 : position;
}

/**
 * Reads `[start [end [BYTE|BIT]]]` from the argument `index` on, for a value of this size. False: the reply
 * is written, an error or that of a range that is empty whatever the unit.
 */
static bool parse_range(struct bzs_call *call, size_t index, size_t size, bool is_count,
                        struct range *range_out) {
    int64_t first = 0, last = -1;
    bool in_bits = false;
    bool has_end = index + 1 < call->argc;
    if (index < call->argc && !bzs_arg_integer(call, index, &first))
        return false;
    if (!is_count && !parse_unit(call, index + 2, &in_bits)) /* BITPOS looks at it before the end */
        return false;
    if (has_end && !bzs_arg_integer(call, index + 1, &last))
        return false;
    if (has_end && is_count && first < 0 && last < 0 && first > last) {
        bzs_reply_integer(call->reply, 0);
        return false;
    }
    if (is_count && !parse_unit(call, index + 2, &in_bits))
        return false;
    int64_t total = in_bits ? (int64_t)size * 8 : (int64_t)size;
    first = clamp(first, total);
    last = clamp(last, total);
    last = last >= total ? total - 1 : last;
    *range_out = (struct range){.is_empty = first > last, .has_end = has_end};
    if (!range_out->is_empty) {
        range_out->first = in_bits ? (uint64_t)first : (uint64_t)first * 8;
        range_out->last = in_bits ? (uint64_t)last : (uint64_t)last * 8 + 7;
    }
    return true;
}

static void reply_count(void *user, const blitzdb_view_entry *entry) {
    struct bzs_call *call = user;
    struct range range;

    if (!is_found(call, entry)) {
        bzs_reply_integer(call->reply, 0);
    } else if (call->argc == 3 || call->argc > 5) {
        bzs_reply_syntax_error(call);
    } else if (parse_range(call, 2, entry->value_size, true, &range)) {
        uint64_t count = range.is_empty ? 0 : bzs_bits_count(entry->value, range.first, range.last);
        bzs_reply_integer(call->reply, (int64_t)count);
    }
}

static void run_bitcount(struct bzs_call *call) {
    (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_count, call));
}

/** Behind a value whose end was not given, all bits count as zeros. */
static int64_t find_bit(const uint8_t *data, const struct range *range, bool bit) {
    if (range->is_empty)
        return -1;
    uint64_t at = bzs_bits_find(data, range->first, range->last, bit);
    if (at <= range->last || (!bit && !range->has_end))
        return (int64_t)at;
    return -1;
}

static void reply_position(void *user, const blitzdb_view_entry *entry) {
    const struct question *question = user;
    struct bzs_call *call = question->call;
    struct range range;

    if (!is_found(call, entry))
        bzs_reply_integer(call->reply, question->bit ? -1 : 0);
    else if (call->argc > 6)
        bzs_reply_syntax_error(call);
    else if (parse_range(call, 3, entry->value_size, false, &range))
        bzs_reply_integer(call->reply, find_bit(entry->value, &range, question->bit));
}

static void run_bitpos(struct bzs_call *call) {
    struct question question = {.call = call};
    int64_t bit = 0;

    if (!bzs_arg_integer(call, 2, &bit))
        return;
    if (bit != 0 && bit != 1) {
        bzs_reply_error(call->reply, "ERR The bit argument must be 1 or 0.");
        return;
    }
    question.bit = bit == 1;
    (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_position, &question));
}

/** The operators of BITOP. */
enum combination { COMBINE_AND, COMBINE_OR, COMBINE_XOR, COMBINE_NOT, COMBINATIONS };

static bool parse_combination(struct bzs_call *call, enum combination *combination_out) {
    static const char *const words[COMBINATIONS] = {"and", "or", "xor", "not"};
    for (unsigned i = 0; i < COMBINATIONS; i++)
        if (bzs_arg_is(call->argv[1], words[i])) {
            *combination_out = (enum combination)i;
            if (i == COMBINE_NOT && call->argc != 4)
                bzs_reply_error(call->reply, "ERR BITOP NOT must be called with a single source key.");
            return i != COMBINE_NOT || call->argc == 4;
        }
    bzs_reply_syntax_error(call);
    return false;
}

/** Takes a source into the result; the first one is copied. Missing bytes of it are zeros. */
static void combine(uint8_t *result, size_t size, const uint8_t *source, size_t source_size,
                    enum combination how, bool is_first) {
    if (is_first || how == COMBINE_NOT) {
        memcpy(result, source, source_size);
        for (size_t i = 0; how == COMBINE_NOT && i < size; i++)
            result[i] = (uint8_t)~result[i];
        return;
    }
    for (size_t i = 0; i < source_size; i++)
        if (how == COMBINE_AND)
            result[i] &= source[i];
        else if (how == COMBINE_OR)
            result[i] |= source[i];
        else
            result[i] ^= source[i];
    if (how == COMBINE_AND)
        memset(result + source_size, 0, size - source_size);
}

/** The value of a source; an absent one is empty. */
static blitzdb_status get_source(blitzdb_txn *txn, size_t index, struct bzs_slice *source_out) {
    const void *value = NULL;
    size_t size = 0;
    blitzdb_status status = blitzdb_txn_get(txn, index, &value, &size, NULL);
    if (status == BLITZDB_NOT_FOUND)
        size = 0;
    *source_out = (struct bzs_slice){size > 0 ? value : "", size};
    return status;
}

/** Counts what was looked up, and finds the largest source. */
static size_t measure_sources(struct bzs_call *call, blitzdb_txn *txn) {
    size_t largest = 0;
    for (size_t i = 3; i < call->argc; i++) {
        struct bzs_slice source;
        if (get_source(txn, i - 2, &source) == BLITZDB_OK)
            bzs_call_hit(call);
        else
            bzs_call_missed(call, call->argv[i]);
        largest = source.size > largest ? source.size : largest;
    }
    return largest;
}

/** Stages the result under the first key of the transaction; an empty one deletes it. */
static blitzdb_status stage_combination(struct bzs_call *call, blitzdb_txn *txn, enum combination how,
                                        size_t *size_out, bool *changes_out) {
    size_t size = measure_sources(call, txn);
    *size_out = size;
    if (size == 0) {
        blitzdb_status deleted = blitzdb_txn_del(txn, 0);
        *changes_out = deleted == BLITZDB_OK;
        return deleted == BLITZDB_NOT_FOUND ? BLITZDB_OK : deleted;
    }
    uint8_t *result = calloc(1, size);
    if (result == NULL)
        return BLITZDB_NO_MEMORY;
    for (size_t i = 3; i < call->argc; i++) {
        struct bzs_slice source;
        (void)get_source(txn, i - 2, &source);
        combine(result, size, (const uint8_t *)source.data, source.size, how, i == 3);
    }
    blitzdb_status status = blitzdb_txn_set(txn, 0, result, size, 0);
    free(result);
    return status;
}

static void run_bitop(struct bzs_call *call) {
    enum combination how = COMBINE_AND;
    blitzdb_txn *txn = NULL;
    size_t size = 0;
    bool changes = true;

    if (!parse_combination(call, &how) || !bzs_data_begin_at(call, 2, call->argc - 2, &txn))
        return;
    if (bzs_data_succeeded(call, bzs_data_end(txn, stage_combination(call, txn, how, &size, &changes)))) {
        if (size > 0)
            bzs_call_changed(call, BZS_EVENTS_STRING, "set", call->argv[2]);
        else if (changes)
            bzs_call_changed(call, BZS_EVENTS_GENERIC, "del", call->argv[2]);
        bzs_reply_integer(call->reply, (int64_t)size);
    }
}

const struct bzs_command bzs_commands_bitmap[] = {
    {"setbit", run_setbit, 4, BZS_WRITE | BZS_DENYOOM, 1, 1, 1, NULL, "bitmap", "2.2.0",
     "Sets one bit of a value, filling a gap with zeros."},
    {"getbit", run_getbit, 3, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "bitmap", "2.2.0",
     "Gets one bit of a value."},
    {"bitcount", run_bitcount, -2, BZS_READONLY, 1, 1, 1, NULL, "bitmap", "2.6.0",
     "Counts the bits that are set in a value or a part of it."},
    {"bitpos", run_bitpos, -3, BZS_READONLY, 1, 1, 1, NULL, "bitmap", "2.8.7",
     "Finds the first bit that is set, or is not."},
    {"bitop", run_bitop, -4, BZS_WRITE | BZS_DENYOOM, 2, -1, 1, NULL, "bitmap", "2.6.0",
     "Combines values bit by bit and keeps the result under another key."},
    {.name = NULL},
};
