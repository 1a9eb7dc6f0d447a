/**
 * @file
 * @brief Opens the database the way the configuration asks for.
 */
#ifndef BLITZDB_SERVER_DATABASE_H
#define BLITZDB_SERVER_DATABASE_H

#include <blitzdb/blitzdb.h>

#include "config.h"
#include "messages.h"

/**
 * Opens the database of `dir`, or one in memory only. With `appendfsync always` the database does not sync by
 * itself: the server holds the replies and syncs. A failure is explained in the log.
 * `messages` must live as long as the database.
 */
blitzdb_status bzs_database_open(const struct bzs_config *config, struct bzs_messages *messages,
                                 blitzdb **db_out);

/** Room for the details of an error with the reason of the system. */
#define BZS_REASON_SIZE 768

/** Writes what went wrong, why the system refused it, and what can be done; answers `text_out`. */
const char *bzs_database_reason(blitzdb_status status, const blitzdb_error *error,
                                char text_out[BZS_REASON_SIZE]);

#endif
