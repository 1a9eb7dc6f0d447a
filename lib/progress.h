/**
 * @file
 * @brief Tells the caller of blitzdb_open() how far recovery has come, and asks whether it should go on.
 *
 * A phase begins, is noted now and then, and ends. Begin and end are always told, what lies between at most
 * every 100 ms. Used by the thread that opens the database, with no lock held.
 */
#ifndef BZD_PROGRESS_H
#define BZD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/options.h>

struct bzd_progress {
    const blitzdb_env *env;
    blitzdb_progress_fn fn; /**< NULL: nobody wants to know */
    void *user;
    blitzdb_progress now;
    uint64_t told_ns; /**< when it was told last */
};

/** Nothing has begun yet. */
void bzd_progress_init(struct bzd_progress *progress, const blitzdb_env *env, blitzdb_progress_fn fn,
                       void *user);

/* Each answers BLITZDB_OK, or BLITZDB_CANCELED if the caller wants no more. */

blitzdb_status bzd_progress_begin(struct bzd_progress *progress, enum blitzdb_phase phase,
                                  uint64_t bytes_total);
/** So much of the phase is done; told if it is time. */
blitzdb_status bzd_progress_note(struct bzd_progress *progress, uint64_t bytes_done, uint64_t records_done);
/** All of it is done. */
blitzdb_status bzd_progress_end(struct bzd_progress *progress, uint64_t records_done);

#endif
