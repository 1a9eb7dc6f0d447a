/**
 * @file
 * @brief INCR, DECR and their relatives: arithmetic on a value that is a number in text.
 */
#include "command_data.h"
#include "events.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Room for any long double written out with 17 decimals, and the longest number text that is read. */
#define FLOAT_TEXT_SIZE (5 * 1024)

static void increment_by(struct bzs_call *call, int64_t delta) {
    const struct bzs_slice *key = &call->argv[1];
    int64_t result = 0;
    blitzdb_status status = blitzdb_increment(call->db, key->data, key->size, delta, &result);

    if (bzs_data_succeeded(call, status)) {
        bzs_call_changed(call, BZS_EVENTS_STRING, "incrby", *key);
        bzs_reply_integer(call->reply, result);
    }
}

static void run_incr(struct bzs_call *call) {
    increment_by(call, 1);
}

static void run_decr(struct bzs_call *call) {
    increment_by(call, -1);
}

static void run_incrby(struct bzs_call *call) {
    int64_t delta = 0;

    if (bzs_arg_integer(call, 2, &delta))
        increment_by(call, delta);
}

static void run_decrby(struct bzs_call *call) {
    int64_t delta = 0;

    if (!bzs_arg_integer(call, 2, &delta))
        return;
    if (delta == INT64_MIN) {
        bzs_reply_error(call->reply, "ERR decrement would overflow"); /* it has no opposite number */
        return;
    }
    increment_by(call, -delta);
}

/** Reads a number as strtold() does, but all of the text and nothing else, and no NaN. */
static bool parse_float(const void *data, size_t size, long double *number_out) {
    char text[FLOAT_TEXT_SIZE];
    char *end = NULL;

    if (size == 0 || size >= sizeof(text))
        return false;
    memcpy(text, data, size);
    text[size] = '\0';
    if (isspace((unsigned char)text[0]))
        return false;

    errno = 0;
    long double number = strtold(text, &end);

    if (end != text + size || isnan(number))
        return false;
    if (errno == ERANGE && (isinf(number) || fpclassify(number) == FP_ZERO))
        return false;
    *number_out = number;
    return true;
}

/** Writes a finite number with up to 17 decimals, without zeros at the end and without a minus before zero.
 */
static size_t format_float(long double number, char text[FLOAT_TEXT_SIZE]) {
    size_t size = (size_t)snprintf(text, FLOAT_TEXT_SIZE, "%.17Lf", number);

    while (text[size - 1] == '0') /* there is always a point before the decimals to stop at */
        size--;
    if (text[size - 1] == '.')
        size--;
    if (size == 2 && memcmp(text, "-0", 2) == 0) {
        text[0] = '0';
        size = 1;
    }
    return size;
}

/** Adds to the number in the transaction's key; writes the error reply itself, the good one is the caller's.
 */
static bool stage_float(struct bzs_call *call, blitzdb_txn *txn, char text[FLOAT_TEXT_SIZE],
                        size_t *size_out) {
    const void *value = NULL;
    size_t value_size = 0;
    int64_t expire_at_ms = 0;
    long double number = 0;
    long double delta = 0;
    blitzdb_status status = blitzdb_txn_get(txn, 0, &value, &value_size, &expire_at_ms);

    if (status != BLITZDB_OK && status != BLITZDB_NOT_FOUND)
        return bzs_data_succeeded(call, status);
    if ((status == BLITZDB_OK && !parse_float(value, value_size, &number)) ||
        !parse_float(call->argv[2].data, call->argv[2].size, &delta)) {
        bzs_reply_error(call->reply, "ERR value is not a valid float");
        return false;
    }
    number += delta;
    if (isnan(number) || isinf(number)) {
        bzs_reply_error(call->reply, "ERR increment would produce NaN or Infinity");
        return false;
    }
    *size_out = format_float(number, text);
    return bzs_data_succeeded(call, blitzdb_txn_set(txn, 0, text, *size_out, expire_at_ms));
}

/**
 * A transaction, because blitzdb_increment_double() computes with 64 bits and writes the shortest text, where
 * Redis computes with long double and writes up to 17 decimals.
 */
static void run_incrbyfloat(struct bzs_call *call) {
    char text[FLOAT_TEXT_SIZE];
    size_t size = 0;
    blitzdb_txn *txn = NULL;

    if (!bzs_data_begin(call, 1, &txn))
        return;
    if (!stage_float(call, txn, text, &size)) {
        blitzdb_txn_abort(txn);
        return;
    }
    if (bzs_data_succeeded(call, blitzdb_txn_commit(txn, BLITZDB_DURABILITY_DEFAULT))) {
        bzs_call_changed(call, BZS_EVENTS_STRING, "incrbyfloat", call->argv[1]);
        bzs_reply_bulk(call->reply, text, size);
    }
}

const struct bzs_command bzs_commands_number[] = {
    {"incr", run_incr, 2, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "1.0.0",
     "Adds one to the integer in a key; an absent key counts as 0."},
    {"decr", run_decr, 2, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "1.0.0",
     "Subtracts one from the integer in a key; an absent key counts as 0."},
    {"incrby", run_incrby, 3, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "1.0.0",
     "Adds to the integer in a key; an absent key counts as 0."},
    {"decrby", run_decrby, 3, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "1.0.0",
     "Subtracts from the integer in a key; an absent key counts as 0."},
    {"incrbyfloat", run_incrbyfloat, 3, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "2.6.0",
     "Adds to the number in a key, fractions allowed; an absent key counts as 0."},
    {NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL},
};
