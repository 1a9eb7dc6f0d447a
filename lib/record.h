/**
 * @file
 * @brief The records of the log: what a write did, resolved so that replaying needs no clock and no chance.
 *
 * Encoded as a type byte, then by type (v = varint, see codec.h; k = keyspace byte 0 to 15):
 *
 *     1 SET           k  v key size  key  v value size  value
 *     2 SET_EXPIRING  k  v key size  key  v value size  value  v expiry (Unix ms)
 *     3 DEL           k  v key size  key
 *     4 EXPIRE_AT     k  v key size  key  v expiry (Unix ms, 0: never)
 *     5 BATCH         v number of records that follow and belong together (no batch inside)
 *     6 FLUSH         v bit set of keyspaces to empty
 *     7 MAP           v keyspace map: four bits for each number a user selects, lowest first
 *
 * Keyspaces in records are the stored ones; MAP says which stored one a user's number means (SWAPDB changes
 * it). A record is valid if the type is known, every size is within the bytes there are and within its limit
 * (keys and values 512 MiB), the keyspace is below 16, a FLUSH names none above 15, and the expiry is at most
 * 2^47. What a map says and whether a batch is complete is for those to judge who know more than one record.
 */
#ifndef BZD_RECORD_H
#define BZD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "codec.h"

enum bzd_record_type {
    BZD_RECORD_SET = 1,
    BZD_RECORD_SET_EXPIRING = 2,
    BZD_RECORD_DEL = 3,
    BZD_RECORD_EXPIRE_AT = 4,
    BZD_RECORD_BATCH = 5,
    BZD_RECORD_FLUSH = 6,
    BZD_RECORD_MAP = 7,
};

/** A record taken apart; the slices are borrowed. */
struct bzd_record {
    enum bzd_record_type type;
    unsigned keyspace;
    struct bzd_slice key;
    struct bzd_slice value;
    int64_t expire_at_ms; /**< SET_EXPIRING and EXPIRE_AT */
    uint64_t number;      /**< BATCH: count, FLUSH: bit set, MAP: map */
};

/** Bytes bzd_record_encode() writes. */
size_t bzd_record_size(const struct bzd_record *record);
/** Writes a record; returns the address behind it. */
uint8_t *bzd_record_encode(uint8_t *to, const struct bzd_record *record);
/** Reads the next record; false: not valid, the cursor is of no more use. */
bool bzd_record_decode(struct bzd_cursor *cursor, struct bzd_record *record_out);

#endif
