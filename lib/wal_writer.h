/**
 * @file
 * @brief Writes groups of records to the segments of the log. The group commit is above.
 *
 * The writer knows files and positions, not records: it is given the finished payload of a group with room
 * for the header in front. A failed write leaves the position where it was: the next write goes over what was
 * left. A group that finds the segment full begins the next segment first; a segment holds at least one
 * group, however large.
 *
 * **Prepared space.** A sync of a file that has grown has to write the file system's journal as well. So
 * while little is written between two syncs, the writer puts zeros behind the group that made the file grow,
 * and the next groups go over them. A segment that was recycled (wal_spare.h) is prepared as a whole.
 *
 * **Threads.** One thread at a time, with one exception: one thread may be in bzd_wal_writer_sync() while
 * another is in bzd_wal_writer_write(), if that does not begin a segment.
 */
#ifndef BZD_WAL_WRITER_H
#define BZD_WAL_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "wal_format.h"

/** Where a log ends, as the reader found it. */
struct bzd_wal_tail {
    uint64_t position;      /**< end of the last valid group, in the log */
    uint64_t durable;       /**< up to here the last valid group proves that the log was synced */
    uint64_t segment_start; /**< start position of the segment it is in */
    uint64_t segment_id;    /**< its id */
    uint64_t cut_bytes;     /**< bytes behind the position in that segment, to be cut */
    uint64_t torn_bytes;    /**< of these, from the first to the last that a lost write has left */
    uint64_t torn_segment;  /**< start position of a torn last segment to be removed, UINT64_MAX: none */
    bool has_segment;       /**< false: there is no segment at all */
};

struct bzd_wal_writer {
    const blitzdb_env *env;
    const char *dir; /**< borrowed */
    uint8_t database_id[BZD_DATABASE_ID_SIZE];
    uint64_t segment_limit; /**< bytes before the next segment is begun */
    uint32_t prepare_bytes; /**< space prepared at once; 0, as after init: none */
    blitzdb_file *file;     /**< NULL: no segment is open */
    uint64_t segment_id;
    uint64_t segment_start;    /**< position of the segment's first group */
    uint64_t file_size;        /**< of the segment: behind the log's end are prepared bytes */
    _Atomic uint64_t position; /**< end of the log */
    _Atomic uint64_t durable;  /**< the log up to here was synced */
    _Atomic bool sync_failed;  /**< a sync of a segment failed, here or while the next was begun: final */
};

/** Fills in the constants; opens nothing. */
void bzd_wal_writer_init(struct bzd_wal_writer *writer, const blitzdb_env *env, const char *dir,
                         const uint8_t *database_id, uint64_t segment_limit);

/**
 * Begins a new segment at a position: file, header, sync, directory sync. An open segment, which ends at the
 * position, is synced and closed before. On failure no segment is open, unless it was the sync of the old one
 * that failed; the call may be repeated, and a file without groups that it left is used again.
 */
blitzdb_status bzd_wal_writer_begin_segment(struct bzd_wal_writer *writer, uint64_t position,
                                            blitzdb_error *error);

/**
 * Goes on where a reader found the end: removes a torn segment, cuts torn bytes, opens the last segment,
 * writes again what nothing proves to be on disk, and syncs it, so that everything that was read is durable.
 * Needs `tail->has_segment`.
 */
blitzdb_status bzd_wal_writer_resume(struct bzd_wal_writer *writer, const struct bzd_wal_tail *tail,
                                     blitzdb_error *error);

/** Tells whether a group of `size` bytes, its header included, will begin a segment. */
bool bzd_wal_writer_needs_segment(const struct bzd_wal_writer *writer, size_t size);

/**
 * Completes the header in the first BZD_WAL_GROUP_HEADER_SIZE bytes of `group` and writes it at the position.
 * Not synced. `size` counts header and payload.
 */
blitzdb_status bzd_wal_writer_write(struct bzd_wal_writer *writer, uint8_t *group, size_t size,
                                    uint32_t record_count, blitzdb_error *error);

/** Syncs the open segment; on success the log is durable up to the position at the call, or further. */
blitzdb_status bzd_wal_writer_sync(struct bzd_wal_writer *writer, blitzdb_error *error);

/** Cuts the prepared space off the open segment; a failure is harmless. */
void bzd_wal_writer_trim(struct bzd_wal_writer *writer);

/** Closes the file without a sync. */
void bzd_wal_writer_close(struct bzd_wal_writer *writer);

/**
 * Removes the segments that end at or before a position (a directory sync follows); failures are harmless.
 * Segments of about `segment_limit` bytes are set aside for use as new ones (wal_spare.h); 0: none are.
 */
void bzd_wal_remove_before(const blitzdb_env *env, const char *dir, uint64_t position,
                           uint64_t segment_limit);

/** Removes the segments that begin at or behind a position, which belong to no log; returns an errno. */
int bzd_wal_remove_from(const blitzdb_env *env, const char *dir, uint64_t position);

#endif
