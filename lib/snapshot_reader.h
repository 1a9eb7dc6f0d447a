/**
 * @file
 * @brief Reads a snapshot file block by block: checks every byte and hands every record to a callback.
 *
 * What a block's header says is needed to find the next one, and is believed only as far as that; whether it
 * is true shows when the block is loaded:
 *
 *     open --> find --> find --> find ... last      in order, 16 bytes of each block
 *                |        |                |
 *              load     load             load       in any order, by any thread: the whole block, checked
 *                |        |                |
 *             records  records            end       what the last block says about all
 *
 * So the first fault of a file is the one in the block with the lowest number, whoever finds it.
 */
#ifndef BZD_SNAPSHOT_READER_H
#define BZD_SNAPSHOT_READER_H

#include <stdbool.h>

#include "file_reader.h"
#include "record.h"
#include "snapshot_writer.h"

/** Takes one record; a status other than OK ends the reading and is returned. */
typedef blitzdb_status (*bzd_snapshot_record_fn)(void *user, const struct bzd_record *record);

/** An open snapshot; nothing of it changes until it is closed. */
struct bzd_snapshot_reader {
    struct bzd_file_reader file;
    struct bzd_snapshot_info info; /**< of the header: without the count of records and the end position */
    uint64_t snapshot_id;
};

/** Where a block is, as its header and those before it say. */
struct bzd_snapshot_block {
    uint64_t offset;
    uint64_t size; /**< with its header; all of it lies within the file */
    uint32_t record_count;
    uint32_t number; /**< counted, not read */
};

/* All may answer CORRUPT, VERSION, IO or NO_MEMORY; `error` then names file, offset and reason. */

/** Opens snapshot `serial` of a directory and reads its header. */
blitzdb_status bzd_snapshot_reader_open(struct bzd_snapshot_reader *reader, const blitzdb_env *env,
                                        const char *dir, uint64_t serial, const uint8_t *database_id,
                                        blitzdb_error *error);
void bzd_snapshot_reader_close(struct bzd_snapshot_reader *reader);

/** The number of records that the end of the file tells, 0: it tells none. Nothing to rely on before all was
 * read, but bounded by what a file of its size can hold. */
uint64_t bzd_snapshot_reader_expect(const struct bzd_snapshot_reader *reader);

/** Finds the block behind `before`, or the first one if that is NULL. */
blitzdb_status bzd_snapshot_reader_find(const struct bzd_snapshot_reader *reader,
                                        const struct bzd_snapshot_block *before,
                                        struct bzd_snapshot_block *block_out, blitzdb_error *error);
static inline bool bzd_snapshot_block_is_last(const struct bzd_snapshot_block *block) {
    return block->record_count == BZD_SNAPSHOT_LAST_BLOCK;
}
/** Reads a block into `memory`, whose contents are replaced, and checks it; shows its payload there. */
blitzdb_status bzd_snapshot_reader_load(const struct bzd_snapshot_reader *reader,
                                        const struct bzd_snapshot_block *block, struct bzd_buffer *memory,
                                        struct bzd_slice *payload_out, blitzdb_error *error);
/** Hands the records of a block that was loaded over. */
blitzdb_status bzd_snapshot_reader_records(const struct bzd_snapshot_reader *reader,
                                           const struct bzd_snapshot_block *block, struct bzd_slice payload,
                                           bzd_snapshot_record_fn take, void *user, blitzdb_error *error);
/** Checks what the last block, which was loaded, says about all; fills the rest of `info_out`. */
blitzdb_status bzd_snapshot_reader_end(const struct bzd_snapshot_reader *reader,
                                       const struct bzd_snapshot_block *block, struct bzd_slice payload,
                                       uint64_t records, struct bzd_snapshot_info *info_out,
                                       blitzdb_error *error);

#endif
