/**
 * @file
 * @brief Opens the database the way the configuration asks for.
 */
#ifndef BLITZDB_SERVER_DATABASE_H
#define BLITZDB_SERVER_DATABASE_H

#include <blitzdb/blitzdb.h>

#include "config.h"
#include "loader.h"
#include "messages.h"

/**
 * Opens the database of `dir`, or one in memory only. With `appendfsync always` the database does not sync by
 * itself: the server holds the replies and syncs. A failure is explained in the log.
 * `messages` must live as long as the database. How far it is stands in `loading`, and once `canceled` is
 * true it ends with ::BLITZDB_CANCELED.
 */
blitzdb_status bzs_database_open(struct bzs_config *config, struct bzs_messages *messages,
                                 struct bzs_loading *loading, const _Atomic bool *canceled, blitzdb **db_out);

/** Opens an empty database in memory, as small as can be: what the server has until its own is loaded. */
blitzdb_status bzs_database_open_placeholder(blitzdb **db_out);

#endif
