/**
 * @file
 * @brief A snapshot file, byte by byte. Constants only; writer and reader share nothing else.
 *
 * Named `snapshot-` and a serial number in 16 hexadecimal digits; written under the same name with `.tmp`
 * behind it, synced, renamed, and the directory synced. It is *fuzzy*: it holds every entry that was present
 * from its start position to its end position, and others as they were at some moment between. Replaying the
 * log from the start position makes it exact. All integers are little endian.
 *
 * Header, 64 bytes:
 *
 *     offset size  what
 *     0      8     magic "BLITZSNP"
 *     8      4     format version, 1
 *     12     4     CRC-32C of bytes 16 to 63
 *     16     8     snapshot id, random: seeds the checksums of the blocks
 *     24     8     start position in the log
 *     32     16    database id
 *     48     8     keyspace map at the start position (record.h, MAP)
 *     56     8     Unix time of the start in milliseconds
 *
 * Blocks follow, numbered from 0, each of at most 1 MiB of records or of one larger record:
 *
 *     0      4     CRC-32C of the snapshot id (8 bytes) and of bytes 4 to the end of the block
 *     4      4     payload size in bytes
 *     8      4     number of records in the payload; 0xFFFFFFFF: this is the last block
 *     12     4     block number
 *     16     ..    records of type SET and SET_EXPIRING (record.h), in no order
 *
 * A payload above 1 MiB is thus one record, of at most 1 GiB + 32 bytes: key and value of 512 MiB each, and
 * what stands beside them. A size that is not possible is corruption and must not be believed, as the
 * checksum can be computed only when memory of that size was found.
 *
 * The last block's payload is 16 bytes: number of all records (8) and end position in the log (8); the file
 * ends with it. A snapshot is valid only as a whole: it was synced before it was named, so any fault is
 * corruption.
 *
 * **Weaknesses.** A fault anywhere makes the whole snapshot useless; the one before it is removed as soon as
 * the MANIFEST names the new one.
 */
#ifndef BZD_SNAPSHOT_FORMAT_H
#define BZD_SNAPSHOT_FORMAT_H

#include <stdint.h>

#define BZD_SNAPSHOT_MAGIC "BLITZSNP"
#define BZD_SNAPSHOT_NAME_PREFIX "snapshot-"

enum {
    BZD_SNAPSHOT_VERSION = 1,
    BZD_SNAPSHOT_HEADER_SIZE = 64,
    BZD_SNAPSHOT_BLOCK_HEADER_SIZE = 16,
    BZD_SNAPSHOT_BLOCK_SIZE = 1 << 20,
    BZD_SNAPSHOT_LAST_PAYLOAD_SIZE = 16,
    BZD_SNAPSHOT_LEAST_RECORD_SIZE = 4, /* type, keyspace and two sizes */

    /* Where the bytes begin that a checksum at the front covers. */
    BZD_SNAPSHOT_HEADER_CHECKED_FROM = 16,
    BZD_SNAPSHOT_BLOCK_CHECKED_FROM = 4,
};

#define BZD_SNAPSHOT_LAST_BLOCK 0xFFFFFFFFu

/** Most bytes of one record. */
#define BZD_SNAPSHOT_RECORD_MAX ((UINT32_C(1) << 30) + 32)

#endif
