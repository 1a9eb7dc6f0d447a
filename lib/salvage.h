/**
 * @file
 * @brief Writes what is in memory as a new database: a snapshot, and a MANIFEST that names it.
 *
 * The MANIFEST comes last: before it is there, nothing in the directory can be opened. One thread; nobody
 * else uses the store.
 */
#ifndef BZD_SALVAGE_H
#define BZD_SALVAGE_H

#include "store.h"

/** CONDITION_FAILED: there is something in the directory. An absent one is fine. */
blitzdb_status bzd_salvage_check_empty(const blitzdb_env *env, const char *dir, blitzdb_error *error);
/** Makes the directory if it is not there, looks again that it is empty, and writes the database into it.
 * After a failure it keeps a lock file and nothing else. */
blitzdb_status bzd_salvage_write(struct bzd_store *store, const char *dir, blitzdb_error *error);

#endif
