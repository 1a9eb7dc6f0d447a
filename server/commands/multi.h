/**
 * @file
 * @brief Transactions of a connection: what MULTI queues, what WATCH watches, and EXEC.
 *
 *     WATCH k ...   a watch of the library for each key
 *     MULTI         from here on commands are checked, copied and answered QUEUED
 *     EXEC          one section of the library (see blitzdb_section_begin()) around all of them:
 *                   refused if a watched key has changed; otherwise each is run as always
 *
 * The section is about the keys that the queued commands name, each in the keyspace that a SELECT before it
 * chooses, or about everything, if one of them is about whole keyspaces or names keys in another one. So
 * nobody else runs anything on these keys meanwhile, everybody sees all of it or nothing, and the log has it
 * as one record. Commands that are not about data need no section and run in their place.
 *
 * A connection without MULTI and WATCH has none of this: its pointer is NULL. For the thread of its loop.
 */
#ifndef BLITZDB_SERVER_MULTI_H
#define BLITZDB_SERVER_MULTI_H

#include <stdbool.h>
#include <stddef.h>

#include <blitzdb/blitzdb.h>

#include "client.h"
#include "command.h"

/** One command of a queue; its arguments stand behind it. */
struct bzs_queued {
    const struct bzs_command *command;
    size_t argc;
    struct bzs_slice argv[];
};

/** Copies a command with its arguments into one block; free() releases it. NULL: memory ran out. */
struct bzs_queued *bzs_queued_create(const struct bzs_call *call, size_t *size_out);

/** What a connection has queued and watches. */
struct bzs_multi {
    bool open;      /**< MULTI was called */
    bool spoiled;   /**< a command was refused: EXEC will be, too */
    unsigned flags; /**< ::bzs_command_flags of all commands together */
    struct bzs_queued **commands;
    size_t command_count, command_capacity;
    size_t memory_bytes; /**< of the queue */
    blitzdb_watch **watches;
    size_t watch_count, watch_capacity;
};

/** Drops everything: queue, watches, the state. NULL is allowed. */
void bzs_multi_destroy(struct bzs_multi *multi);

/** True while commands are queued. */
static inline bool bzs_multi_is_open(const struct bzs_multi *multi) {
    return multi != NULL && multi->open;
}

/** Notes that a command was refused before it could be queued. */
void bzs_multi_spoil(struct bzs_client *client);

/** Answers a checked command of a client that has called MULTI: by queueing or by refusing it; false: it runs
 * at once. */
bool bzs_multi_queue(struct bzs_call *call);

/** The same for every client. */
static inline bool bzs_multi_takes(struct bzs_call *call) {
    return call->client->multi != NULL && bzs_multi_queue(call);
}

/** Answers a wrong number of arguments, with EXEC by ending the transaction. */
void bzs_multi_refuse_arity(struct bzs_call *call);

/** Ends all watches. */
void bzs_multi_unwatch(struct bzs_multi *multi);

/** Begins to watch a key; false: memory ran out. */
bool bzs_multi_watch(struct bzs_client *client, blitzdb *db, struct bzs_slice key);

/** The state of a client, made if there is none; NULL: memory ran out. */
struct bzs_multi *bzs_multi_of(struct bzs_client *client);

#endif
