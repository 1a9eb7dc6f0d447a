/**
 * @file
 * @brief Little-endian integers and varints, written to and read from byte strings with bounds checked.
 *
 * Encoders write to memory the caller has sized; the cursor reads bytes that may be damaged: once it would
 * pass the end it is `failed`, answers zeros, and stays so. A varint is LEB128: seven bits a byte, lowest
 * first.
 */
#ifndef BZD_CODEC_H
#define BZD_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/** Longest encoding of a varint. */
enum { BZD_VARINT_MAX = 10 };

/* Fixed width, unaligned; each returns the address behind the number. */
uint8_t *bzd_put_u16(uint8_t *to, uint16_t number);
uint8_t *bzd_put_u32(uint8_t *to, uint32_t number);
uint8_t *bzd_put_u64(uint8_t *to, uint64_t number);
uint16_t bzd_load_u16(const uint8_t *from);
uint32_t bzd_load_u32(const uint8_t *from);
uint64_t bzd_load_u64(const uint8_t *from);

/** Writes 1 to 10 bytes; returns the address behind them. */
uint8_t *bzd_put_varint(uint8_t *to, uint64_t number);
/** Bytes bzd_put_varint() would write. */
size_t bzd_varint_size(uint64_t number);

/** Reads forward through foreign bytes. */
struct bzd_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct bzd_cursor bzd_cursor_over(struct bzd_slice bytes);
uint8_t bzd_cursor_u8(struct bzd_cursor *cursor);
uint16_t bzd_cursor_u16(struct bzd_cursor *cursor);
uint32_t bzd_cursor_u32(struct bzd_cursor *cursor);
uint64_t bzd_cursor_u64(struct bzd_cursor *cursor);
/** Refuses more than 10 bytes and bits beyond 64. */
uint64_t bzd_cursor_varint(struct bzd_cursor *cursor);
/** The next `size` bytes, borrowed; empty if there are not so many. */
struct bzd_slice bzd_cursor_bytes(struct bzd_cursor *cursor, uint64_t size);
/** Bytes left. */
size_t bzd_cursor_left(const struct bzd_cursor *cursor);

#endif
