/**
 * @file
 * @brief Sections of INFO that need no more than the server: about commands, memory and the process, as text.
 *
 * Where a thing does not exist here its field has the value it has in a Redis that does not use it.
 */
#ifndef BLITZDB_SERVER_INFO_COMMANDS_H
#define BLITZDB_SERVER_INFO_COMMANDS_H

#include <blitzdb/blitzdb.h>

#include "reply.h"

struct bzs_server;

/** Adds a formatted piece of at most 1 KiB. */
void bzs_info_put(struct bzs_reply *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Adds a field that is a number. */
void bzs_info_put_number(struct bzs_reply *text, const char *name, uint64_t number);

/** For each command that was called or refused: how often, how long, how often in vain. */
void bzs_info_put_commandstats(const struct bzs_server *server, struct bzs_reply *text);
/** How often each error code was answered. */
void bzs_info_put_errorstats(const struct bzs_server *server, struct bzs_reply *text);
/** For each command the percentiles of its durations that latency-tracking-info-percentiles names. */
void bzs_info_put_latencystats(const struct bzs_server *server, struct bzs_reply *text);

/** How the program was made and how it runs, in the section Server. */
void bzs_info_put_process(const struct bzs_server *server, int64_t now_ms, struct bzs_reply *text);
/** The section Memory. */
void bzs_info_put_memory(struct bzs_server *server, const blitzdb_stats_info *stats, struct bzs_reply *text);
/** What the section Stats has for parts that are not here. */
void bzs_info_put_absent_stats(struct bzs_reply *text);
/** The section Replication. */
void bzs_info_put_replication(const struct bzs_server *server, struct bzs_reply *text);
/** The section CPU. */
void bzs_info_put_cpu(struct bzs_reply *text);

#endif
