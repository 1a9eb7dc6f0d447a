/**
 * @file
 * @brief Slow log: the last commands that took longer than allowed, newest first, as SLOWLOG GET shows them.
 *
 * An entry is kept as the protocol bytes of its arguments, address and name, so that what the log needs is
 * known when the entry is made, and showing it is copying. Arguments are cut as in Redis: 32 of them, 128
 * bytes of each.
 *
 * Any thread; the log guards itself with a mutex that is held for copying memory only.
 */
#ifndef BLITZDB_SERVER_SLOWLOG_H
#define BLITZDB_SERVER_SLOWLOG_H

#include <pthread.h>
#include <stdint.h>

#include "link.h"
#include "reply.h"

/** The log. */
struct bzs_slowlog {
    pthread_mutex_t mutex;
    struct bzs_link entries; /**< guarded by mutex, oldest first */
    size_t count;            /**< guarded by mutex */
    int64_t next_id;         /**< guarded by mutex */
};

/** What is noted about one slow command. */
struct bzs_slow_command {
    int64_t unix_s;               /**< when it ended */
    uint64_t microseconds;        /**< how long it took */
    const struct bzs_slice *argv; /**< borrowed */
    size_t argc;
    size_t together; /**< commands that took this time together, this one included; usually 1 */
    const char *address;
    const char *name; /**< of the client, NULL: none */
};

void bzs_slowlog_init(struct bzs_slowlog *log);
void bzs_slowlog_deinit(struct bzs_slowlog *log);

/** Adds an entry and removes the oldest ones beyond `entries_max`. If memory runs out nothing is added. */
void bzs_slowlog_add(struct bzs_slowlog *log, const struct bzs_slow_command *command, size_t entries_max);

/** Removes all entries; numbers go on. */
void bzs_slowlog_reset(struct bzs_slowlog *log);

/** How many entries there are. */
size_t bzs_slowlog_count(struct bzs_slowlog *log);

/** Writes the newest entries as one array, at most `count_max` of them. */
void bzs_slowlog_reply(struct bzs_slowlog *log, size_t count_max, struct bzs_reply *reply);

#endif
