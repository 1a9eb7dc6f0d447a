/**
 * @file
 * @brief A directory that receives a copy of a database, running or damaged, whole or not at all.
 *
 *     begin    make the directory, lock it, refuse it if it holds a database
 *     ...      snapshot and log are written into it
 *     publish  sync the directory's own name, then the MANIFEST, which makes a database of it
 *     end      give the lock back; what was not published is removed
 *
 * Whoever has begun one ends it. One thread.
 */
#ifndef BZD_BACKUP_H
#define BZD_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "manifest.h"

struct bzd_backup {
    const blitzdb_env *env;
    const char *dir;         /**< borrowed */
    blitzdb_file *lock_file; /**< NULL: not begun */
    bool published;
};

/** The part of a log that is to be copied. */
struct bzd_backup_log {
    const char *dir; /**< where it is */
    uint64_t start;  /**< in its first segment, which is copied from its beginning */
    uint64_t end;    /**< end of a group that is durable */
    /** Called between two pieces of work; anything but OK ends it with that status. */
    blitzdb_status (*pause)(void *user, blitzdb_error *error);
    void *user;
};

/**
 * Makes and locks the directory. BLITZDB_CONDITION_FAILED: it holds a database or parts of one.
 * BLITZDB_LOCKED: it is open, as the database's own directory is. Nothing else in it is touched.
 */
blitzdb_status bzd_backup_begin(struct bzd_backup *backup, const blitzdb_env *env, const char *dir,
                                blitzdb_error *error);
/** Copies a part of a log and syncs the copies. Nobody removes segments meanwhile; the last one may grow. */
blitzdb_status bzd_backup_copy_log(struct bzd_backup *backup, const struct bzd_backup_log *log,
                                   blitzdb_error *error);
/** Makes everything count. Its files were synced. */
blitzdb_status bzd_backup_publish(struct bzd_backup *backup, const struct bzd_manifest *manifest,
                                  blitzdb_error *error);
/** Ends it; one that was not begun is left as it is. */
void bzd_backup_end(struct bzd_backup *backup);

#endif
