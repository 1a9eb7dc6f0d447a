/**
 * @file
 * @brief Sections of INFO about commands: Commandstats, Errorstats and Latencystats, as text.
 */
#ifndef BLITZDB_SERVER_INFO_COMMANDS_H
#define BLITZDB_SERVER_INFO_COMMANDS_H

#include "reply.h"

struct bzs_server;

/** Adds a formatted piece of at most 1 KiB. */
void bzs_info_put(struct bzs_reply *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** For each command that was called or refused: how often, how long, how often in vain. */
void bzs_info_put_commandstats(const struct bzs_server *server, struct bzs_reply *text);
/** How often each error code was answered. */
void bzs_info_put_errorstats(const struct bzs_server *server, struct bzs_reply *text);
/** For each command the percentiles of its durations that latency-tracking-info-percentiles names. */
void bzs_info_put_latencystats(const struct bzs_server *server, struct bzs_reply *text);

#endif
