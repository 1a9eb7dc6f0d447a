/**
 * @file
 * @brief A file that is written under a temporary name and put in place, whole and durable, by a rename.
 *
 *     create   name.tmp
 *     publish  sync, close, rename name.tmp -> name, sync the directory
 *     discard  close, remove name.tmp
 *
 * Whoever creates one writes to `file` and ends it with publish or discard. One thread.
 */
#ifndef BZD_TEMPORARY_H
#define BZD_TEMPORARY_H

#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "path.h"

#define BZD_TEMPORARY_SUFFIX ".tmp"

struct bzd_temporary {
    const blitzdb_env *env;
    const char *dir;         /**< borrowed */
    blitzdb_file *file;      /**< NULL: not open */
    char name[BZD_NAME_MAX]; /**< the final name */
};

/** Creates the temporary file; one that a crash left is replaced. */
blitzdb_status bzd_temporary_create(struct bzd_temporary *temporary, const blitzdb_env *env, const char *dir,
                                    const char *name, blitzdb_error *error);
/** Writes at an offset. */
blitzdb_status bzd_temporary_write(struct bzd_temporary *temporary, const void *data, size_t size,
                                   uint64_t offset, blitzdb_error *error);
/** Makes what was written durable; the file stays temporary, and is of no use if that failed. */
blitzdb_status bzd_temporary_sync(struct bzd_temporary *temporary, blitzdb_error *error);
/**
 * Puts the file in place. A failure before the rename removes it; if only the directory's sync failed, the
 * new file stands under its name and a crash may bring the old one back.
 */
blitzdb_status bzd_temporary_publish(struct bzd_temporary *temporary, blitzdb_error *error);
/** Closes and removes a file that was not published; otherwise does nothing. */
void bzd_temporary_discard(struct bzd_temporary *temporary);

#endif
