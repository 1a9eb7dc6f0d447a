/**
 * @file
 * @brief Reads a snapshot file: checks every byte and hands every record to a callback.
 */
#ifndef BZD_SNAPSHOT_READER_H
#define BZD_SNAPSHOT_READER_H

#include "record.h"
#include "snapshot_writer.h"

/** Takes one record; a status other than OK ends the reading and is returned. */
typedef blitzdb_status (*bzd_snapshot_record_fn)(void *user, const struct bzd_record *record);

/**
 * Reads snapshot `serial` of a directory. `info_out` is filled on success.
 *
 * BLITZDB_CORRUPT, BLITZDB_VERSION, BLITZDB_IO, BLITZDB_NO_MEMORY: `error` names file, offset and reason.
 */
blitzdb_status bzd_snapshot_read(const blitzdb_env *env, const char *dir, uint64_t serial,
                                 const uint8_t *database_id, bzd_snapshot_record_fn take, void *user,
                                 struct bzd_snapshot_info *info_out, blitzdb_error *error);

#endif
