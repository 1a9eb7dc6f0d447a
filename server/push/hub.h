/**
 * @file
 * @brief What clients want to hear of, over all loops: channels, patterns, keyspace events, invalidations,
 *        commands of others.
 *
 * `watching` says in one word whether anybody listens to anything that a command may cause; while it is 0, a
 * command costs one predictable branch for all of this. The tables guard themselves, see topics.h.
 */
#ifndef BLITZDB_SERVER_HUB_H
#define BLITZDB_SERVER_HUB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "topics.h"

/** Flags of `watching`. */
enum bzs_watching {
    BZS_WATCHING_EVENTS = 1,   /**< notify-keyspace-events is not empty */
    BZS_WATCHING_TRACKING = 2, /**< a client has CLIENT TRACKING on */
    BZS_WATCHING_MONITORS = 4, /**< a client is in MONITOR */
    BZS_WATCHING_PAUSE = 8,    /**< CLIENT PAUSE may be in force */
};

/** The tables. */
struct bzs_hub {
    pthread_mutex_t mutex; /**< who changes `watching` or the pause; a leaf */
    bool tells_events;     /**< guarded by mutex */
    struct bzs_topics channels, shard_channels, patterns;
    struct bzs_topics cached_keys; /**< keys that clients may have in a cache of their own */
    struct bzs_topics prefixes;    /**< of CLIENT TRACKING BCAST */
    struct bzs_topics trackers;    /**< one name: all clients with CLIENT TRACKING */
    struct bzs_topics monitors;    /**< one name: all clients in MONITOR */
    /* Read with every command, written seldom: on a cache line of its own */
    _Alignas(64) _Atomic unsigned watching; /**< ::bzs_watching */
    _Atomic bool pause_all;                 /**< reads pause as well */
    _Atomic int64_t pause_until_ms;         /**< on the clock of the loops' `tick_ms`; 0: no pause */

    _Alignas(64) _Atomic uint64_t dice; /**< which key the table forgets when it is full */
};

void bzs_hub_init(struct bzs_hub *hub);
/** No other thread uses it any more. */
void bzs_hub_deinit(struct bzs_hub *hub);

/** Makes `watching` true again after the tables, the pause or, with this flag, the events have changed. */
void bzs_hub_refresh(struct bzs_hub *hub);
void bzs_hub_watch_events(struct bzs_hub *hub, bool on);

/** Begins a pause, or prolongs the one that lasts at this time; it is of all commands if either is. */
void bzs_hub_pause(struct bzs_hub *hub, int64_t tick_ms, int64_t until_ms, bool all);
/** Ends a pause that lasts no longer than until this time; INT64_MAX: any. */
void bzs_hub_end_old_pause(struct bzs_hub *hub, int64_t tick_ms);

#endif
