#include "record.h"

#include <blitzdb/blitzdb.h>

#include "entry.h"
#include "invariant.h"

static bool has_value(enum bzd_record_type type) {
    return type == BZD_RECORD_SET || type == BZD_RECORD_SET_EXPIRING;
}

static bool has_expiry(enum bzd_record_type type) {
    return type == BZD_RECORD_SET_EXPIRING || type == BZD_RECORD_EXPIRE_AT;
}

/** BATCH, FLUSH and MAP hold one number; all others are about one key. */
static bool is_number(enum bzd_record_type type) {
    return type >= BZD_RECORD_BATCH;
}

size_t bzd_record_size(const struct bzd_record *record) {
    if (is_number(record->type))
        return 1 + bzd_varint_size(record->number);

    size_t size = 2 + bzd_varint_size(record->key.size) + record->key.size;
    if (has_value(record->type))
        size += bzd_varint_size(record->value.size) + record->value.size;
    if (has_expiry(record->type))
        size += bzd_varint_size((uint64_t)record->expire_at_ms);
    return size;
}

static uint8_t *put_bytes(uint8_t *to, struct bzd_slice bytes) {
    to = bzd_put_varint(to, bytes.size);
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

uint8_t *bzd_record_encode(uint8_t *to, const struct bzd_record *record) {
    *to++ = (uint8_t)record->type;
    if (is_number(record->type))
        return bzd_put_varint(to, record->number);

    BZD_ASSERT(record->keyspace < BLITZDB_KEYSPACES);
    *to++ = (uint8_t)record->keyspace;
    to = put_bytes(to, record->key);
    if (has_value(record->type))
        to = put_bytes(to, record->value);
    if (has_expiry(record->type))
        to = bzd_put_varint(to, (uint64_t)record->expire_at_ms);
    return to;
}

/** A size and so many bytes; fails the cursor above the limit. */
static struct bzd_slice take_bytes(struct bzd_cursor *cursor) {
    uint64_t size = bzd_cursor_varint(cursor);
    if (size > BLITZDB_SIZE_MAX)
        cursor->failed = true;
    return bzd_cursor_bytes(cursor, size);
}

static bool decode_key(struct bzd_cursor *cursor, struct bzd_record *record) {
    record->keyspace = bzd_cursor_u8(cursor);
    record->key = take_bytes(cursor);
    if (has_value(record->type))
        record->value = take_bytes(cursor);
    uint64_t expiry = has_expiry(record->type) ? bzd_cursor_varint(cursor) : 0;
    record->expire_at_ms = (int64_t)expiry;
    return !cursor->failed && record->keyspace < BLITZDB_KEYSPACES && expiry <= (uint64_t)BZD_EXPIRE_MAX_MS;
}

static bool decode_number(struct bzd_cursor *cursor, struct bzd_record *record) {
    record->number = bzd_cursor_varint(cursor);
    bool names_unknown_keyspace =
        record->type == BZD_RECORD_FLUSH && record->number >> BLITZDB_KEYSPACES != 0;
    return !cursor->failed && !names_unknown_keyspace;
}

bool bzd_record_decode(struct bzd_cursor *cursor, struct bzd_record *record_out) {
    uint8_t type = bzd_cursor_u8(cursor);
    if (type < BZD_RECORD_SET || type > BZD_RECORD_MAP)
        return false;

    struct bzd_record record = {.type = (enum bzd_record_type)type};
    bool valid = is_number(record.type) ? decode_number(cursor, &record) : decode_key(cursor, &record);
    if (valid)
        *record_out = record;
    return valid;
}
