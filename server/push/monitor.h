/**
 * @file
 * @brief MONITOR: shows every command that runs to the clients that asked for it.
 *
 * One line for each command, after it has run: time, keyspace, address and the arguments, quoted. Commands of
 * administration are not shown, and passwords never are. Any thread.
 */
#ifndef BLITZDB_SERVER_MONITOR_H
#define BLITZDB_SERVER_MONITOR_H

#include <stdbool.h>

#include "command.h"
#include "peer.h"

/** Begins to show commands to a client; false: no memory. In the thread of its loop. */
bool bzs_monitor_start(struct bzs_server *server, struct bzs_peer *peer);

/** Ends that; nothing happens if it was not begun. In the thread of its loop. */
void bzs_monitor_stop(struct bzs_server *server, struct bzs_peer *peer);

/** Shows a command that has run to everybody who wants to see it. */
void bzs_monitor_show(const struct bzs_call *call);

#endif
