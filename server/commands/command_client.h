/**
 * @file
 * @brief What the files behind CLIENT share: command_client.c has the table and what is about the own
 *        connection, command_client_others.c what is about others, command_tracking.c what is about caches.
 */
#ifndef BLITZDB_SERVER_COMMAND_CLIENT_H
#define BLITZDB_SERVER_COMMAND_CLIENT_H

#include "command.h"

/* Handlers of subcommands. */
void bzs_run_client_info(struct bzs_call *call);
void bzs_run_client_kill(struct bzs_call *call);
void bzs_run_client_list(struct bzs_call *call);
void bzs_run_client_pause(struct bzs_call *call);
void bzs_run_client_unblock(struct bzs_call *call);
void bzs_run_client_unpause(struct bzs_call *call);
void bzs_run_client_caching(struct bzs_call *call);
void bzs_run_client_getredir(struct bzs_call *call);
void bzs_run_client_tracking(struct bzs_call *call);
void bzs_run_client_trackinginfo(struct bzs_call *call);

#endif
