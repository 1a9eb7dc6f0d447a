/**
 * @file
 * @brief Reading a whole directory whatever is wrong with it, and reporting what is.
 *
 * Recovery stops at the first fault; this goes on behind it. Both judge alike, but share no code above the
 * groups of the log, so that a test can hold the one against the other.
 *
 *     bzd_check_directory ---> MANIFEST ---> bzd_check_snapshot ---> bzd_check_log ---> leftovers
 *                                  | findings, counts           | sound records
 *                                  v                            v
 *                              struct bzd_check             take() of a salvage, or nobody
 *
 * A check belongs to one thread. Functions answer anything but OK only if the check cannot go on (no memory,
 * or `take` failed); damage is a finding.
 */
#ifndef BZD_CHECK_H
#define BZD_CHECK_H

#include <blitzdb/check.h>

#include "file_reader.h"
#include "listing.h"
#include "record.h"
#include "wal_format.h"

/** Takes one sound record; a status other than OK ends the check and is returned. */
typedef blitzdb_status (*bzd_check_record_fn)(void *user, const struct bzd_record *record);

struct bzd_check {
    const blitzdb_env *env;
    const char *dir;
    blitzdb_check_options options;
    bzd_check_record_fn take; /**< NULL: nobody wants the records */
    void *user;
    blitzdb_check_result result;
    blitzdb_status status; /**< of the first damage, OK: none */
    uint64_t bytes_total;  /**< of the files that will be read */
    uint64_t bytes_done;
    uint64_t bytes_shown; /**< to the progress callback */
};

/** What is known of the database before snapshot and log are read. */
struct bzd_check_plan {
    bool has_id;
    uint8_t database_id[BZD_DATABASE_ID_SIZE];
    bool has_snapshot;
    uint64_t snapshot_serial;
    uint64_t log_start;
    uint64_t log_end;   /**< UINT64_MAX: open */
    bool is_sealed;     /**< the log was closed at `log_end` and does not go on there */
    uint64_t log_least; /**< the log was synced up to here */
};

/** What the header and the end of a snapshot say. */
struct bzd_check_snapshot_info {
    bool is_readable; /**< there is a header, and it is sound */
    uint64_t start_position;
    uint64_t end_position; /**< the start position if the last block is not sound */
    uint8_t database_id[BZD_DATABASE_ID_SIZE];
};

/** Counts and hands out a damage. `bytes`: how many from the offset on cannot be used, 0: not known. */
void bzd_check_damage(struct bzd_check *check, blitzdb_status status, const char *file, uint64_t offset,
                      uint64_t bytes, const char *format, ...) __attribute__((format(printf, 6, 7)));
/** Counts and hands out something harmless. */
void bzd_check_note(struct bzd_check *check, const char *file, uint64_t offset, uint64_t bytes,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
/** Reports what a reader said about a file it could not read; NO_MEMORY is returned, not reported. */
blitzdb_status bzd_check_unreadable(struct bzd_check *check, const char *file, uint64_t offset,
                                    uint64_t bytes, const blitzdb_error *error);
/** Counts bytes that were read and shows the progress now and then. */
void bzd_check_progress(struct bzd_check *check, uint64_t bytes);
/** Opens a file for reading and counts it; a file that cannot be opened is reported and gives IO. */
blitzdb_status bzd_check_open(struct bzd_check *check, struct bzd_file_reader *file, const char *name);
/** Hands a record to whoever wants it. */
blitzdb_status bzd_check_take(struct bzd_check *check, const struct bzd_record *record);

/** Reads a snapshot to its end. With `plan->has_id` one of another database is damage and not taken. */
blitzdb_status bzd_check_snapshot(struct bzd_check *check, const struct bzd_check_plan *plan,
                                  struct bzd_check_snapshot_info *info_out);
/** Reads the header only and reports nothing. */
blitzdb_status bzd_check_peek_snapshot(struct bzd_check *check, uint64_t serial,
                                       struct bzd_check_snapshot_info *info_out);
/** Reads the log from `plan->log_start` to its end. */
blitzdb_status bzd_check_log(struct bzd_check *check, const struct bzd_check_plan *plan,
                             const struct bzd_listing *segments);

/** Reads everything. NOT_FOUND: there is no database; IO: the directory cannot be listed; VERSION: nothing
 * was read behind the MANIFEST. */
blitzdb_status bzd_check_directory(struct bzd_check *check);

#endif
