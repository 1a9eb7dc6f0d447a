/**
 * @file
 * @brief The write-ahead log on disk, byte by byte. Constants only; writer and reader share nothing else.
 *
 * The log is one endless stream of bytes; a *position* is an offset in it. It is cut into segment files named
 * `log-` and their start position in 16 hexadecimal digits. All integers are little endian.
 *
 * Segment header, 64 bytes:
 *
 *     offset size  what
 *     0      8     magic "BLITZLOG"
 *     8      4     format version, 1
 *     12     4     CRC-32C of bytes 16 to 63
 *     16     8     segment id, random: seeds the checksums of the groups
 *     24     8     start position: of the first byte behind this header
 *     32     16    database id
 *     48     4     1: the file was a segment before and holds old bytes behind the last group; else 0
 *     52     12    zero
 *
 * Behind it stand groups, one for each write of the group commit:
 *
 *     0      4     CRC-32C of the segment id (8 bytes) and of bytes 4 to the end of the group
 *     4      4     payload size in bytes
 *     8      8     position of this group's first byte
 *     16     8     durable position: everything before it was synced when this group was written
 *     24     4     number of records in the payload; a BATCH and each record it brackets count one
 *     28     4     CRC-32C of the segment id (8 bytes) and of bytes 4 to 27
 *     32     ..    records (record.h)
 *
 * A group is valid if both checksums fit, its position is where it stands, and it ends within the file. A
 * valid group whose records do not decode, do not fill the payload exactly, differ in number from the header,
 * or end inside a batch is corruption. A group without records is written at a clean close: it proves by its
 * durable position all that stands before it.
 *
 * The header has a checksum of its own so that a size can be believed before the payload is read, and so that
 * a search for later headers is linear in the file and takes no payload's word for it.
 *
 * **Torn tail.** The log ends at the first group that is not valid. That is the trace of a crash only if
 * nothing behind it was written after it had been synced: a later valid header, at any offset (not only where
 * its position says, because bytes before it may have been removed), whose durable position is above the bad
 * group's position proves that the bytes were once good, and that is corruption. A
 * segment is synced whole before the next one is created, so only the last segment may be torn; and its
 * header is synced, with the directory, before the first group, so a last segment of at most 64 bytes with a
 * bad header is a torn creation and holds nothing. A segment that has a successor ends where the successor
 * begins; what else is in its file is left over from a failed write.
 *
 * **Prepared space.** Behind the last group of the last segment there may be zeros, written ahead to make
 * syncs cheap, or the bytes of an older segment. They are never a valid group: checksums begin with the
 * segment id. Files named `spare-` and 16 hexadecimal digits are old segments kept for use as new ones; they
 * hold nothing.
 *
 * **Weaknesses.** Damage to what was written after the last sync but one cannot be told from a torn write:
 * nothing behind it vouches for it. The same holds for a last segment that is cut short or removed as a
 * whole.
 */
#ifndef BZD_WAL_FORMAT_H
#define BZD_WAL_FORMAT_H

#include <stdint.h>

#define BZD_WAL_MAGIC "BLITZLOG"
#define BZD_WAL_NAME_PREFIX "log-"
#define BZD_WAL_SPARE_PREFIX "spare-"

enum {
    BZD_WAL_VERSION = 1,
    BZD_WAL_SEGMENT_HEADER_SIZE = 64,
    BZD_WAL_GROUP_HEADER_SIZE = 32,
    BZD_DATABASE_ID_SIZE = 16,
    BZD_WAL_RECYCLED = 1, /* in the header at offset 48 */

    /* Where the bytes begin that a checksum at the front covers, and where that of a group's header is. */
    BZD_WAL_HEADER_CHECKED_FROM = 16,
    BZD_WAL_GROUP_CHECKED_FROM = 4,
    BZD_WAL_GROUP_CHECK_OFFSET = 28,
};

/** Largest payload of a group: sizes are 32 bits, and a batch may take 2 GiB. */
#define BZD_WAL_PAYLOAD_MAX ((uint64_t)0xF0000000u)

#endif
