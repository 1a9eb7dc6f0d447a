/**
 * @file
 * @brief What the commands on bits share: offsets as arguments, and a value that is changed bit by bit.
 */
#ifndef BLITZDB_SERVER_COMMAND_BITMAP_H
#define BLITZDB_SERVER_COMMAND_BITMAP_H

#include "command_data.h"

/** A copy of a value, long enough for the bits to be written. */
struct bzs_bitmap {
    uint8_t *data;
    size_t size;
    size_t size_before; /**< of the value; 0: there was none */
    int64_t expire_at_ms;
};

/**
 * Reads the offset of a bit, below 8 * proto-max-bulk-len; "#n" is n times `multiple`, unless that is 0.
 * False: the error reply has been written.
 */
bool bzs_bitmap_offset(struct bzs_call *call, struct bzs_slice text, unsigned multiple, uint64_t *offset_out);

/** Copies the value of a transaction's first key, with zeros behind it up to `size_min` bytes. NO_MEMORY. */
blitzdb_status bzs_bitmap_open(blitzdb_txn *txn, size_t size_min, struct bzs_bitmap *bitmap_out);

/** Stages the copy, unless it is what the value was, and releases it. */
blitzdb_status bzs_bitmap_close(blitzdb_txn *txn, struct bzs_bitmap *bitmap, bool has_changed);

#endif
