#include "codec.h"

uint8_t *bzd_put_u16(uint8_t *to, uint16_t number) {
    to[0] = (uint8_t)number;
    to[1] = (uint8_t)(number >> 8);
    return to + 2;
}

uint8_t *bzd_put_u32(uint8_t *to, uint32_t number) {
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> (8 * i));
    return to + 4;
}

uint8_t *bzd_put_u64(uint8_t *to, uint64_t number) {
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(number >> (8 * i));
    return to + 8;
}

uint16_t bzd_load_u16(const uint8_t *from) {
    return (uint16_t)(from[0] | from[1] << 8);
}

uint32_t bzd_load_u32(const uint8_t *from) {
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

uint64_t bzd_load_u64(const uint8_t *from) {
    return (uint64_t)bzd_load_u32(from) | (uint64_t)bzd_load_u32(from + 4) << 32;
}

uint8_t *bzd_put_varint(uint8_t *to, uint64_t number) {
    while (number >= 0x80) {
        *to++ = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    *to++ = (uint8_t)number;
    return to;
}

size_t bzd_varint_size(uint64_t number) {
    size_t size = 1;
    while (number >= 0x80) {
        number >>= 7;
        size++;
    }
    return size;
}

struct bzd_cursor bzd_cursor_over(struct bzd_slice bytes) {
    const uint8_t *begin = bytes.data;
    /* NULL + 0 is undefined in C, and an empty slice may be NULL. */
    struct bzd_cursor cursor = {begin, bytes.size > 0 ? begin + bytes.size : begin, false};
    return cursor;
}

size_t bzd_cursor_left(const struct bzd_cursor *cursor) {
    return cursor->failed ? 0 : (size_t)(cursor->end - cursor->at);
}

/** Steps over `size` bytes and returns where they begin, or NULL (the cursor has failed). */
static const uint8_t *take(struct bzd_cursor *cursor, uint64_t size) {
    if (size > bzd_cursor_left(cursor)) {
        cursor->failed = true;
        return NULL;
    }
    const uint8_t *at = cursor->at;
    if (size > 0)
        cursor->at += size;
    return at;
}

uint8_t bzd_cursor_u8(struct bzd_cursor *cursor) {
    const uint8_t *at = take(cursor, 1);
    return at != NULL ? *at : 0;
}

uint16_t bzd_cursor_u16(struct bzd_cursor *cursor) {
    const uint8_t *at = take(cursor, 2);
    return at != NULL ? bzd_load_u16(at) : 0;
}

uint32_t bzd_cursor_u32(struct bzd_cursor *cursor) {
    const uint8_t *at = take(cursor, 4);
    return at != NULL ? bzd_load_u32(at) : 0;
}

uint64_t bzd_cursor_u64(struct bzd_cursor *cursor) {
    const uint8_t *at = take(cursor, 8);
    return at != NULL ? bzd_load_u64(at) : 0;
}

uint64_t bzd_cursor_varint(struct bzd_cursor *cursor) {
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *at = take(cursor, 1);
        if (at == NULL)
            return 0;
        /* The tenth byte has room for one bit only, and none may follow it. */
        if (shift == 63 && *at > 1)
            break;
        number |= (uint64_t)(*at & 0x7f) << shift;
        if (*at < 0x80)
            return number;
    }
    cursor->failed = true;
    return 0;
}

struct bzd_slice bzd_cursor_bytes(struct bzd_cursor *cursor, uint64_t size) {
    const uint8_t *at = take(cursor, size);
    return bzd_slice_of(at, at != NULL ? (size_t)size : 0);
}
