/**
 * @file
 * @brief The file that tells scripts the number of the server's process.
 */
#ifndef BLITZDB_SERVER_PIDFILE_H
#define BLITZDB_SERVER_PIDFILE_H

#include <stdbool.h>

#include "messages.h"

/**
 * Writes the file; true if there is one now, to be removed at the end. Without a path, NULL, nothing is done.
 * A server that cannot write it says so and serves all the same.
 */
bool bzs_pidfile_write(const char *path, const struct bzs_messages *messages);

/** Removes the file this process has written, unless another process has put its own in that place. */
void bzs_pidfile_remove(const char *path);

#endif
