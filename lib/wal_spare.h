/**
 * @file
 * @brief Segments that are no longer needed, kept under another name to become new ones.
 *
 * A file whose blocks are there already is synced faster than one that grows, and nothing has to be allocated
 * when a segment is begun. A spare file has no meaning in a database: it may be removed at any time, and what
 * it holds is never read.
 *
 * Two threads may be here at once: one that begins a segment (open, rename, discard) and one that writes a
 * snapshot and removes what it replaces (keep, remove_all). A segment that is being set aside is none that
 * the first one could know; a file that it has opened may be removed by the second, and then the rename
 * answers ENOENT. Never two of one kind.
 */
#ifndef BZD_WAL_SPARE_H
#define BZD_WAL_SPARE_H

#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/env.h>

/** Most spare files of a directory. */
enum { BZD_WAL_SPARES_MAX = 2 };

/** Sets a segment aside, or removes it if there are enough or the system refuses. */
void bzd_wal_spare_keep(const blitzdb_env *env, const char *dir, uint64_t segment_start);

/** Removes all spare files; failures are harmless. */
void bzd_wal_spare_remove_all(const blitzdb_env *env, const char *dir);

/** A spare file that is being made a segment. */
struct bzd_wal_spare {
    uint64_t number; /**< in its name */
    blitzdb_file *file;
    uint64_t size;
};

/** Opens a spare file that holds at least a segment's header; false: there is none that can be used. */
bool bzd_wal_spare_open(struct bzd_wal_spare *spare, const blitzdb_env *env, const char *dir);
/** Gives a file that was opened the name of the segment that begins at `start`; returns an errno, ENOENT: it
 * was removed meanwhile. */
int bzd_wal_spare_rename(const struct bzd_wal_spare *spare, const blitzdb_env *env, const char *dir,
                         uint64_t start);
/** Closes and removes a file that turned out not to be usable. */
void bzd_wal_spare_discard(const struct bzd_wal_spare *spare, const blitzdb_env *env, const char *dir);

#endif
