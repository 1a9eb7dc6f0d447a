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

#endif
