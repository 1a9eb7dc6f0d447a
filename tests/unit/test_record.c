/* Records: what goes in comes out, and whatever else comes in is either a valid record or refused. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

#include "entry.h"
#include "record.h"

static const char binary[] = "k\0e\ny\xff";
static char long_value[300]; /* its size takes two bytes */

/** One of each type, with small and large numbers. */
static const struct bzd_record examples[] = {
    {.type = BZD_RECORD_SET, .keyspace = 0},
    {.type = BZD_RECORD_SET, .keyspace = 15, .key = {binary, 6}, .value = {long_value, sizeof long_value}},
    {.type = BZD_RECORD_SET_EXPIRING,
     .keyspace = 3,
     .key = {"key", 3},
     .value = {"value", 5},
     .expire_at_ms = 1},
    {.type = BZD_RECORD_SET_EXPIRING, .keyspace = 3, .key = {"key", 3}, .expire_at_ms = BZD_EXPIRE_MAX_MS},
    {.type = BZD_RECORD_DEL, .keyspace = 7, .key = {"key", 3}},
    {.type = BZD_RECORD_EXPIRE_AT, .keyspace = 1, .key = {"key", 3}, .expire_at_ms = INT64_C(1700000000000)},
    {.type = BZD_RECORD_EXPIRE_AT, .keyspace = 1, .key = {"key", 3}, .expire_at_ms = 0},
    {.type = BZD_RECORD_BATCH, .number = 0},
    {.type = BZD_RECORD_BATCH, .number = UINT64_MAX},
    {.type = BZD_RECORD_FLUSH, .number = 0xffff},
    {.type = BZD_RECORD_MAP, .number = UINT64_C(0xfedcba9876543210)},
};

enum { EXAMPLES = sizeof examples / sizeof examples[0], ROOM = 512 };

static size_t encode(const struct bzd_record *record, uint8_t bytes_out[ROOM]) {
    return (size_t)(bzd_record_encode(bytes_out, record) - bytes_out);
}

/** Decodes from a block of just that size, so that the sanitizer sees every byte read beyond it. */
static bool decode(const uint8_t *bytes, size_t size, struct bzd_record *record_out, size_t *used_out) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    cr_assert_not_null(copy);
    if (size > 0)
        memcpy(copy, bytes, size);
    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(copy, size));
    bool valid = bzd_record_decode(&cursor, record_out);
    *used_out = valid ? size - bzd_cursor_left(&cursor) : 0;
    if (valid) {
        /* The slices must lie in what was read: touch every byte. */
        uint8_t again[ROOM];
        cr_assert_leq(bzd_record_size(record_out), sizeof again);
        cr_assert_eq(encode(record_out, again), bzd_record_size(record_out));
    }
    free(copy);
    return valid;
}

/* Every record comes back as it was, and takes as many bytes as was said before. */
Test(record, round_trip) {
    for (size_t i = 0; i < EXAMPLES; i++) {
        const struct bzd_record *record = &examples[i];
        uint8_t bytes[ROOM];
        size_t size = encode(record, bytes);
        cr_assert_eq(size, bzd_record_size(record));

        struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(bytes, size));
        struct bzd_record read;
        cr_assert(bzd_record_decode(&cursor, &read), "example %zu", i);

        cr_assert_eq(bzd_cursor_left(&cursor), 0);
        cr_assert_eq(read.type, record->type);
        cr_assert_eq(read.keyspace, record->keyspace);
        cr_assert(bzd_slice_equal(read.key, record->key));
        cr_assert(bzd_slice_equal(read.value, record->value));
        cr_assert_eq(read.expire_at_ms, record->expire_at_ms);
        cr_assert_eq(read.number, record->number);
    }
}

/* Records stand behind each other without anything between. */
Test(record, follow_each_other) {
    uint8_t bytes[EXAMPLES * ROOM];
    uint8_t *end = bytes;
    for (size_t i = 0; i < EXAMPLES; i++)
        end = bzd_record_encode(end, &examples[i]);

    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(bytes, (size_t)(end - bytes)));
    for (size_t i = 0; i < EXAMPLES; i++) {
        struct bzd_record read;
        cr_assert(bzd_record_decode(&cursor, &read));
        cr_assert_eq(read.type, examples[i].type);
    }
    cr_assert_eq(bzd_cursor_left(&cursor), 0);
}

/* No record is whole before its last byte. */
Test(record, every_truncation_is_refused) {
    for (size_t i = 0; i < EXAMPLES; i++) {
        uint8_t bytes[ROOM];
        size_t size = encode(&examples[i], bytes);
        for (size_t cut = 0; cut < size; cut++) {
            struct bzd_record read;
            size_t used;
            cr_assert_not(decode(bytes, cut, &read, &used), "example %zu cut to %zu", i, cut);
        }
    }
}

/* A flipped bit gives another valid record or none, and never a byte read beyond the end. */
Test(record, every_bit_flip_is_harmless) {
    for (size_t i = 0; i < EXAMPLES; i++) {
        uint8_t bytes[ROOM];
        size_t size = encode(&examples[i], bytes);
        for (size_t bit = 0; bit < size * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct bzd_record read;
            size_t used;
            if (decode(bytes, size, &read, &used)) {
                cr_assert_leq(used, size);
                cr_assert_lt(read.keyspace, BLITZDB_KEYSPACES);
                cr_assert_leq(read.expire_at_ms, BZD_EXPIRE_MAX_MS);
                cr_assert_geq(read.expire_at_ms, 0);
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

/** Tells whether these bytes are a record. */
static bool is_valid(const void *bytes, size_t size) {
    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(bytes, size));
    struct bzd_record read;
    return bzd_record_decode(&cursor, &read);
}

/* Types, keyspaces and bit sets that do not exist are refused. */
Test(record, refuses_what_does_not_exist) {
    cr_assert_not(is_valid("\x00\x00\x00", 3));
    cr_assert_not(is_valid("\x08\x00\x00", 3));
    cr_assert(is_valid("\x03\x0f\x00", 3));
    cr_assert_not(is_valid("\x03\x10\x00", 3));
    cr_assert(is_valid("\x06\xff\xff\x03", 4));
    cr_assert_not(is_valid("\x06\x80\x80\x04", 4));
}

/* The latest expiry is 2^47; one more is refused, and so is what looks negative. */
Test(record, limits_the_expiry) {
    uint8_t bytes[32] = {BZD_RECORD_EXPIRE_AT, 0, 1, 'k'};
    uint8_t *end = bzd_put_varint(bytes + 4, (uint64_t)BZD_EXPIRE_MAX_MS);
    cr_assert(is_valid(bytes, (size_t)(end - bytes)));
    end = bzd_put_varint(bytes + 4, (uint64_t)BZD_EXPIRE_MAX_MS + 1);
    cr_assert_not(is_valid(bytes, (size_t)(end - bytes)));
    end = bzd_put_varint(bytes + 4, UINT64_MAX);
    cr_assert_not(is_valid(bytes, (size_t)(end - bytes)));
}

/* Keys and values have 512 MiB at most, even if there are bytes for more. */
Test(record, limits_keys_and_values) {
    size_t room = (size_t)BLITZDB_SIZE_MAX + 64;
    uint8_t *bytes = calloc(1, room);
    cr_assert_not_null(bytes);
    bytes[0] = BZD_RECORD_DEL;

    bzd_put_varint(bytes + 2, BLITZDB_SIZE_MAX);
    cr_assert(is_valid(bytes, room));
    bzd_put_varint(bytes + 2, BLITZDB_SIZE_MAX + 1);
    cr_assert_not(is_valid(bytes, room));

    bytes[0] = BZD_RECORD_SET;
    bytes[2] = 0;
    bzd_put_varint(bytes + 3, BLITZDB_SIZE_MAX);
    cr_assert(is_valid(bytes, room));
    bzd_put_varint(bytes + 3, BLITZDB_SIZE_MAX + 1);
    cr_assert_not(is_valid(bytes, room));
    bzd_put_varint(bytes + 3, UINT64_MAX);
    cr_assert_not(is_valid(bytes, room));
    free(bytes);
}
