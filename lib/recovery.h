/**
 * @file
 * @brief Recovery: from the files of a directory to a filled store and a log that is ready to go on.
 *
 * MANIFEST, then the snapshot it names, then the log from the position it names. Nothing is changed on disk
 * until all of it was read and found sound; then the torn tail is cut and leftovers of interrupted work are
 * removed. A crash at any point of recovery leaves a directory that recovers to the same state.
 */
#ifndef BZD_RECOVERY_H
#define BZD_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "logger.h"
#include "manifest.h"
#include "progress.h"
#include "store.h"
#include "wal_writer.h"

/** How to open a directory. */
struct bzd_recovery_request {
    const blitzdb_env *env;
    const struct bzd_logger *logger;
    const char *dir;
    uint32_t flags;             /**< ::blitzdb_open_flags */
    uint64_t log_segment_bytes; /**< of the writer that goes on */
    uint32_t threads;           /**< that load, this one included; at least 1 */
    struct bzd_progress *progress;
    blitzdb_error *error; /**< may be NULL */
};

/** What was found. */
struct bzd_recovery_result {
    struct bzd_manifest manifest;
    uint64_t entries;         /**< loaded from the snapshot */
    uint64_t records;         /**< replayed from the log */
    uint64_t truncated_bytes; /**< torn tail that was cut */
    bool created;             /**< the database is new */
};

/**
 * Opens or creates the database in a locked directory. On success `store` holds the data, and `writer` stands
 * at the end of the log: with an open, synced segment, or without a file if BLITZDB_OPEN_NO_LOG was asked
 * for. On failure the store may be partly filled and nothing is open.
 */
blitzdb_status bzd_recover(const struct bzd_recovery_request *request, struct bzd_store *store,
                           struct bzd_wal_writer *writer, struct bzd_recovery_result *result_out);

#endif
