/**
 * @file
 * @brief What the main thread does while the server runs: it waits for signals, for the end of the loading
 *        and for the end of the server, and tells the service manager about them.
 */
#ifndef BLITZDB_SERVER_SUPERVISOR_H
#define BLITZDB_SERVER_SUPERVISOR_H

#include <blitzdb/blitzdb.h>

#include "background.h"
#include "server.h"

/** Blocks the signals that are waited for, in this thread and those it starts; a descriptor, -1 on failure.
 */
int bzs_supervisor_catch_signals(void);

/** Serves until a signal or SHUTDOWN ends the server, after telling `background` that all is ready; why the
 * database could not be loaded, or BLITZDB_OK. */
blitzdb_status bzs_supervise(struct bzs_server *server, int signal_fd, struct bzs_background *background);

#endif
