/**
 * @file
 * @brief Reads the log: hands every valid record to a callback and reports where and why it stopped.
 *
 * Reads only; nothing on disk is changed. Sizes from the file are compared with what is really there before
 * memory is asked for. See wal_format.h for what is valid, torn and corrupt.
 */
#ifndef BZD_WAL_READER_H
#define BZD_WAL_READER_H

#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "record.h"
#include "wal_format.h"
#include "wal_writer.h"

/** Takes one record; a status other than OK ends the reading and is returned. */
typedef blitzdb_status (*bzd_wal_record_fn)(void *user, const struct bzd_record *record);

/** What to read. */
struct bzd_wal_source {
    const blitzdb_env *env;
    const char *dir;
    const uint8_t *database_id;
    uint64_t from;  /**< position of the first record wanted; groups that end before it are skipped */
    uint64_t end;   /**< at least `from`; segments that start at or behind it are ignored, and a log that does
                       not reach it is corrupt; UINT64_MAX: read to the end */
    bool is_sealed; /**< the log was closed at `end`: one that goes on behind it is corrupt */
};

/**
 * Reads the segments in order. The first must contain `from`, each next must begin where the one before ends.
 * A group is handed over whole or not at all; `from` must be the start of a group (or the end of the log).
 * Segments that end at or before `from` are not looked at. If `from` equals `end`, nothing is read at all.
 * A log that is open (`end` is UINT64_MAX) has at least one segment; the only one may be a torn creation if
 * it begins at `from`: then `has_segment` is false and `position` is `from`.
 *
 * BLITZDB_OK: `tail_out` says where the log ends and what is torn. BLITZDB_CORRUPT: `error` names file,
 * offset and reason. BLITZDB_VERSION, BLITZDB_IO, BLITZDB_NO_MEMORY: likewise. Records handed over before a
 * failure stand. While a group is handed over, the position in `tail_out` is its end.
 */
blitzdb_status bzd_wal_read(const struct bzd_wal_source *source, bzd_wal_record_fn take, void *user,
                            struct bzd_wal_tail *tail_out, blitzdb_error *error);

#endif
