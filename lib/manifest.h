/**
 * @file
 * @brief The MANIFEST: which snapshot and which part of the log make up the database.
 *
 * A small text file, replaced as a whole by rename, so there is always one valid version:
 *
 *     blitzdb manifest 1
 *     database 00112233445566778899aabbccddeeff
 *     snapshot 0000000000000003          (serial number, or "none")
 *     log 0000000000012345 open          (first position, then "open", or the last position, or "sealed" and
 *                                         the last position)
 *     crc32c 89abcdef                    (of all bytes before this line)
 *
 * What stands in brackets above is not in the file. Numbers are 16 lower-case hexadecimal digits; every line
 * ends with a line feed, and one blank stands between two words. A *closed* log (the database was last opened
 * without one) ends at the last position; segments behind it are leftovers. A *sealed* one was closed cleanly
 * by a database with a log: it must reach the last position and must not go on behind it, because the next
 * open makes it `open` again before anything is written. Anything else in the file, a
 * missing line or a wrong checksum is corruption; only a higher number in the first line is a newer version.
 */
#ifndef BZD_MANIFEST_H
#define BZD_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "wal_format.h"

#define BZD_MANIFEST_NAME "MANIFEST"

struct bzd_manifest {
    uint8_t database_id[BZD_DATABASE_ID_SIZE];
    bool has_snapshot;
    uint64_t snapshot_serial;
    uint64_t log_start;
    uint64_t log_end; /**< UINT64_MAX: open */
    bool is_sealed;   /**< closed with a log: nothing stands behind `log_end` */
};

/** What is wrong with a text. */
struct bzd_manifest_fault {
    uint64_t offset;
    char reason[64];
};

/** Reads and checks. BLITZDB_NOT_FOUND: there is none. BLITZDB_CORRUPT, BLITZDB_VERSION, BLITZDB_IO with
 * `error`. */
blitzdb_status bzd_manifest_read(const blitzdb_env *env, const char *dir, struct bzd_manifest *manifest_out,
                                 blitzdb_error *error);
/** The same for who reports faults otherwise: CORRUPT and VERSION also fill `fault_out`. */
blitzdb_status bzd_manifest_examine(const blitzdb_env *env, const char *dir,
                                    struct bzd_manifest *manifest_out, struct bzd_manifest_fault *fault_out,
                                    blitzdb_error *error);
/**
 * Writes MANIFEST.tmp, syncs it, renames it over MANIFEST and syncs the directory. If only the last step
 * fails, a crash may bring the old MANIFEST back: what either of the two names must be kept.
 */
blitzdb_status bzd_manifest_write(const blitzdb_env *env, const char *dir,
                                  const struct bzd_manifest *manifest, blitzdb_error *error);
/**
 * Makes the name of a new database's directory durable. That must be before its first MANIFEST is there,
 * which nobody doubts later.
 */
blitzdb_status bzd_manifest_sync_parent(const blitzdb_env *env, const char *dir, blitzdb_error *error);
/** Removes what an interrupted write has left; a failure is harmless. */
void bzd_manifest_remove_temporary(const blitzdb_env *env, const char *dir);

#endif
