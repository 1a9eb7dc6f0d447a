/**
 * @file
 * @brief Streams records into a snapshot file and puts it in place: write, sync, rename, sync directory.
 *
 * Records are collected in memory as one or more blocks and written out when they fill one:
 *
 *     block  | header | records .. | header | records ..      -> file
 *            sealed                ^ last_block, still open
 *
 * The file is synced every 16 MiB, so that neither its last sync is long nor a sync of the log, on the same
 * disk, has to wait behind it. One thread. Memory is one block and what is added between two flushes. Until
 * bzd_snapshot_writer_finish() renames it, nothing but a `.tmp` file exists, which
 * bzd_snapshot_writer_deinit() removes.
 */
#ifndef BZD_SNAPSHOT_WRITER_H
#define BZD_SNAPSHOT_WRITER_H

#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "bytes.h"
#include "record.h"
#include "snapshot_format.h"
#include "temporary.h"

/** What the header says. */
struct bzd_snapshot_info {
    uint64_t serial; /**< in the file name */
    uint64_t start_position;
    uint64_t end_position; /**< known at the end */
    uint64_t keyspace_map;
    int64_t created_ms;
    uint64_t record_count; /**< known at the end */
    uint8_t database_id[16];
};

struct bzd_snapshot_writer {
    struct bzd_snapshot_info info;
    struct bzd_temporary file;
    struct bzd_buffer block; /**< blocks that were not written yet */
    size_t last_block;       /**< where in `block` the header of the last one is */
    uint64_t snapshot_id;
    uint64_t offset;        /**< in the file, where `block` goes */
    uint64_t synced;        /**< the file is on disk up to here */
    uint32_t block_number;  /**< of the first block in `block` */
    uint32_t block_records; /**< in the last one */
};

/** Creates the temporary file (replacing one that a crash left) and writes the header. */
blitzdb_status bzd_snapshot_writer_begin(struct bzd_snapshot_writer *writer, const blitzdb_env *env,
                                         const char *dir, const struct bzd_snapshot_info *info,
                                         blitzdb_error *error);
/** Appends a SET or SET_EXPIRING record to the current block. Memory only, no I/O: callable under a lock. */
blitzdb_status bzd_snapshot_writer_add(struct bzd_snapshot_writer *writer, const struct bzd_record *record);
/** Writes out what was added once it fills a block; call it now and then, with no lock held. */
blitzdb_status bzd_snapshot_writer_flush(struct bzd_snapshot_writer *writer, blitzdb_error *error);
/** Writes the rest and the last block, syncs, renames and syncs the directory. */
blitzdb_status bzd_snapshot_writer_finish(struct bzd_snapshot_writer *writer, uint64_t end_position,
                                          blitzdb_error *error);
/** Releases everything and removes a file that was not finished. A zeroed writer is left as it is. */
void bzd_snapshot_writer_deinit(struct bzd_snapshot_writer *writer);

/** Removes snapshots other than `serial` and temporary files; failures are harmless. */
void bzd_snapshot_remove_others(const blitzdb_env *env, const char *dir, uint64_t serial);

#endif
