#include "rdb.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"

enum { TYPE_STRING = 0, VERSION = 10, FOOTER_SIZE = 10 };
enum { LENGTH_6 = 0, LENGTH_14 = 1, LENGTH_LONG = 2, SPECIAL = 3 };
enum { LENGTH_32 = 0x80, LENGTH_64 = 0x81 };
enum { SPECIAL_INT8, SPECIAL_INT16, SPECIAL_INT32, SPECIAL_LZF };

/* ---- Checksum ---- */

static struct {
    pthread_once_t once;
    uint64_t table[256];
} crc64 = {.once = PTHREAD_ONCE_INIT};

/** The polynomial 0xad93d23594c935a9, its bits reversed. */
static void fill_table(void) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT64_C(0x95ac9329ac4bc9b5) : 0);
        crc64.table[byte] = crc;
    }
}

uint64_t bzs_rdb_crc(uint64_t crc, const void *data, size_t size) {
    const uint8_t *bytes = data;
    pthread_once(&crc64.once, fill_table);
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ crc64.table[(crc ^ bytes[i]) & 0xFF];
    return crc;
}

/* ---- Encoding ---- */

/** Writes the low bytes of a number, the lowest first; returns the address behind them. */
static uint8_t *put_low_first(uint8_t *to, uint64_t number, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        *to++ = (uint8_t)(number >> (8 * i));
    return to;
}

static uint8_t *put_high_first(uint8_t *to, uint64_t number, unsigned size) {
    for (unsigned i = size; i-- > 0;)
        *to++ = (uint8_t)(number >> (8 * i));
    return to;
}

static uint8_t *put_length(uint8_t *to, uint64_t length) {
    if (length < 1 << 6) {
        *to++ = (uint8_t)length;
        return to;
    }
    if (length < 1 << 14)
        return put_high_first(to, length | (uint64_t)LENGTH_14 << 14, 2);
    *to++ = length <= UINT32_MAX ? LENGTH_32 : LENGTH_64;
    return put_high_first(to, length, length <= UINT32_MAX ? 4 : 8);
}

/** Writes an integer that fits 32 bits. */
static uint8_t *put_integer(uint8_t *to, int64_t number) {
    unsigned kind = number >= INT8_MIN && number <= INT8_MAX     ? SPECIAL_INT8
                    : number >= INT16_MIN && number <= INT16_MAX ? SPECIAL_INT16
                                                                 : SPECIAL_INT32;
    *to++ = (uint8_t)(SPECIAL << 6 | kind);
    return put_low_first(to, (uint64_t)number, 1u << kind);
}

size_t bzs_rdb_encode_head(uint8_t head[BZS_RDB_HEAD_MAX], struct bzs_slice *value) {
    uint8_t *to = head;
    int64_t number = 0;
    *to++ = TYPE_STRING;
    if (bzs_parse_integer(*value, &number) && number >= INT32_MIN && number <= INT32_MAX) {
        to = put_integer(to, number);
        value->size = 0;
    } else {
        to = put_length(to, value->size);
    }
    return (size_t)(to - head);
}

void bzs_rdb_encode_tail(uint8_t tail[BZS_RDB_TAIL_SIZE], const uint8_t *head, size_t head_size,
                         struct bzs_slice value) {
    uint8_t *to = put_low_first(tail, VERSION, 2);
    uint64_t crc = bzs_rdb_crc(0, head, head_size);
    crc = bzs_rdb_crc(crc, value.data, value.size);
    put_low_first(to, bzs_rdb_crc(crc, tail, 2), 8);
}

/* ---- Decoding ---- */

/** Bytes that are read one after the other; reading beyond the end fails for good. */
struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static uint64_t take_number(struct cursor *cursor, unsigned size, bool high_first) {
    uint64_t number = 0;
    if ((size_t)(cursor->end - cursor->at) < size) {
        cursor->failed = true;
        return 0;
    }
    for (unsigned i = 0; i < size; i++)
        number |= (uint64_t)cursor->at[i] << 8 * (high_first ? size - 1 - i : i);
    cursor->at += size;
    return number;
}

/** Reads a length; `special_out` says that it is the kind of a special string. */
static uint64_t take_length(struct cursor *cursor, bool *special_out) {
    uint64_t first = take_number(cursor, 1, true);
    uint64_t low = first & 0x3F;
    *special_out = first >> 6 == SPECIAL;
    if (first >> 6 == LENGTH_14)
        return low << 8 | take_number(cursor, 1, true);
    if (first >> 6 != LENGTH_LONG)
        return low;
    if (first != LENGTH_32 && first != LENGTH_64)
        cursor->failed = true;
    return take_number(cursor, first == LENGTH_32 ? 4 : 8, true);
}

static struct bzs_slice take_bytes(struct cursor *cursor, uint64_t size) {
    struct bzs_slice bytes = {"", 0};
    if (cursor->failed || size > (uint64_t)(cursor->end - cursor->at)) {
        cursor->failed = true;
        return bytes;
    }
    if (size > 0)
        bytes = (struct bzs_slice){(const char *)cursor->at, (size_t)size};
    cursor->at += size;
    return bytes;
}

/** An output that grows with what is written, up to a size that is known. */
struct unpacking {
    char *bytes;
    size_t size, capacity, size_max;
};

/** Makes room; BAD_DATA if there would be more than there may be. */
static enum bzs_rdb_result make_room(struct unpacking *to, size_t size) {
    if (size > to->size_max - to->size)
        return BZS_RDB_BAD_DATA;
    if (size <= to->capacity - to->size)
        return BZS_RDB_OK;
    size_t capacity = 2 * (to->size + size);
    capacity = capacity > to->size_max ? to->size_max : capacity;
    char *bytes = realloc(to->bytes, capacity);
    if (bytes == NULL)
        return BZS_RDB_NO_MEMORY;
    to->bytes = bytes;
    to->capacity = capacity;
    return BZS_RDB_OK;
}

/** Takes one piece of LZF: bytes as they are, or a run that was there before. */
static enum bzs_rdb_result unpack_piece(struct cursor *from, struct unpacking *to) {
    uint64_t control = take_number(from, 1, true);
    if (control < 32) {
        struct bzs_slice bytes = take_bytes(from, control + 1);
        enum bzs_rdb_result result = from->failed ? BZS_RDB_BAD_DATA : make_room(to, bytes.size);
        if (result == BZS_RDB_OK) {
            memcpy(to->bytes + to->size, bytes.data, bytes.size);
            to->size += bytes.size;
        }
        return result;
    }
    size_t size = (size_t)(control >> 5);
    if (size == 7)
        size += (size_t)take_number(from, 1, true);
    size += 2;
    size_t distance = (size_t)((control & 0x1F) << 8 | take_number(from, 1, true)) + 1;
    if (from->failed || distance > to->size)
        return BZS_RDB_BAD_DATA;
    enum bzs_rdb_result result = make_room(to, size);
    for (size_t i = 0; result == BZS_RDB_OK && i < size; i++, to->size++)
        to->bytes[to->size] = to->bytes[to->size - distance]; /* the run may reach into itself */
    return result;
}

static enum bzs_rdb_result unpack(struct bzs_slice packed, size_t size, struct bzs_rdb_value *value) {
    const uint8_t *bytes = (const uint8_t *)packed.data;
    struct cursor from = {bytes, bytes + packed.size, false};
    struct unpacking to = {NULL, 0, 0, size};
    enum bzs_rdb_result result = size > 0 ? BZS_RDB_OK : BZS_RDB_BAD_DATA;
    while (result == BZS_RDB_OK && from.at < from.end)
        result = unpack_piece(&from, &to);
    if (result == BZS_RDB_OK && to.size != size)
        result = BZS_RDB_BAD_DATA;
    if (result != BZS_RDB_OK) {
        free(to.bytes);
        return result;
    }
    value->unpacked = to.bytes;
    value->bytes = (struct bzs_slice){to.bytes, to.size};
    return BZS_RDB_OK;
}

/** Takes the kind of string that has no length. */
static enum bzs_rdb_result take_special(struct cursor *cursor, uint64_t kind, size_t size_max,
                                        struct bzs_rdb_value *value) {
    if (kind == SPECIAL_LZF) {
        bool is_special[2];
        uint64_t packed_size = take_length(cursor, &is_special[0]);
        uint64_t size = take_length(cursor, &is_special[1]);
        struct bzs_slice packed = take_bytes(cursor, packed_size);
        bool is_valid = !cursor->failed && !is_special[0] && !is_special[1] && size <= size_max;
        return is_valid ? unpack(packed, (size_t)size, value) : BZS_RDB_BAD_DATA;
    }
    if (kind > SPECIAL_INT32)
        return BZS_RDB_BAD_DATA;
    unsigned size = 1u << kind;
    uint64_t raw = take_number(cursor, size, false) << (64 - 8 * size);
    int64_t number = (int64_t)raw >> (64 - 8 * size);
    value->bytes = (struct bzs_slice){value->text, bzs_format_integer(number, value->text)};
    return cursor->failed ? BZS_RDB_BAD_DATA : BZS_RDB_OK;
}

/** Whether a payload ends as it should. */
static bool has_good_footer(struct bzs_slice payload) {
    if (payload.size < FOOTER_SIZE)
        return false;
    const uint8_t *end = (const uint8_t *)payload.data + payload.size;
    struct cursor footer = {end - FOOTER_SIZE, end, false};
    uint64_t version = take_number(&footer, 2, false);
    uint64_t crc = take_number(&footer, 8, false);
    return version <= VERSION && crc == bzs_rdb_crc(0, payload.data, payload.size - 8);
}

enum bzs_rdb_result bzs_rdb_decode(struct bzs_slice payload, size_t size_max,
                                   struct bzs_rdb_value *value_out) {
    value_out->unpacked = NULL;
    if (!has_good_footer(payload))
        return BZS_RDB_BAD_FOOTER;
    const uint8_t *bytes = (const uint8_t *)payload.data;
    struct cursor cursor = {bytes, bytes + payload.size - FOOTER_SIZE, false};
    bool is_special = false;
    if (take_number(&cursor, 1, true) != TYPE_STRING)
        return BZS_RDB_BAD_DATA;
    uint64_t length = take_length(&cursor, &is_special);
    if (is_special && !cursor.failed)
        return take_special(&cursor, length, size_max, value_out);
    value_out->bytes = take_bytes(&cursor, length);
    return cursor.failed || length > size_max ? BZS_RDB_BAD_DATA : BZS_RDB_OK;
}
