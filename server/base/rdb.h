/**
 * @file
 * @brief The payload of DUMP and RESTORE: one value in the encoding of Redis's RDB files, so that values
 *        travel between the two servers.
 *
 *     offset   size  what
 *     0        1     type: 0, a string; all others are refused
 *     1              the string: a length and its bytes, or a number, or bytes packed by LZF
 *     end-10   2     version of the format, little endian: 10 is written, up to 10 is read
 *     end-8    8     CRC-64 (Jones, reflected, begins with 0) of everything before it, little endian
 *
 * A length begins with two bits: 00 and 6 bits; 01 and 14 bits; 0x80 and 32 bits; 0x81 and 64 bits, all big
 * endian. 11 and 6 bits name a special string: 0, 1 and 2 are integers of 8, 16 and 32 bits, little endian,
 * whose decimal text is the string; 3 is LZF: the packed length, the length, the packed bytes. We write
 * integers as Redis does, and no LZF.
 *
 * Pure functions. What is read is foreign: nothing is allocated because a length announces it, but only as
 * far as bytes are there, or come out.
 */
#ifndef BLITZDB_SERVER_RDB_H
#define BLITZDB_SERVER_RDB_H

#include <stdint.h>

#include "reply.h"

/** What a payload is. */
enum bzs_rdb_result {
    BZS_RDB_OK,
    BZS_RDB_BAD_FOOTER, /**< too short, of a later version, or the checksum is another one */
    BZS_RDB_BAD_DATA,   /**< not a string, or not well-formed */
    BZS_RDB_NO_MEMORY,
};

/** A decoded value. */
struct bzs_rdb_value {
    struct bzs_slice bytes; /**< points into the payload, into `text` or to `unpacked` */
    char text[20];          /**< of an integer */
    char *unpacked;         /**< NULL, or to be released with free() */
};

/** CRC-64 of these bytes, going on from another one (0 to begin). */
uint64_t bzs_rdb_crc(uint64_t crc, const void *data, size_t size);

/** Room for what bzs_rdb_encode_head() and bzs_rdb_encode_tail() write. */
enum { BZS_RDB_HEAD_MAX = 10, BZS_RDB_TAIL_SIZE = 10 };

/**
 * Writes what stands before the bytes of a value, and says in `*value` which bytes those are (none for an
 * integer); returns its size.
 */
size_t bzs_rdb_encode_head(uint8_t head[BZS_RDB_HEAD_MAX], struct bzs_slice *value);

/** Writes what stands behind them. */
void bzs_rdb_encode_tail(uint8_t tail[BZS_RDB_TAIL_SIZE], const uint8_t *head, size_t head_size,
                         struct bzs_slice value);

/** Reads a payload whose string has at most `size_max` bytes; a longer one is BAD_DATA. */
enum bzs_rdb_result bzs_rdb_decode(struct bzs_slice payload, size_t size_max,
                                   struct bzs_rdb_value *value_out);

#endif
