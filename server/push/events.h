/**
 * @file
 * @brief What a command did to a key, for those who want to know: keyspace notifications and the caches of
 *        clients.
 *
 * Handlers say what they did once it has taken effect; while nobody listens that is one predictable branch.
 * Keys that expire, are evicted or are made the library tells itself, with the key's shard locked, so these
 * events come before what the command says. Events of one connection keep their order; those of different
 * connections about one key may come in another order than the changes.
 */
#ifndef BLITZDB_SERVER_EVENTS_H
#define BLITZDB_SERVER_EVENTS_H

#include "client.h"
#include "command.h"
#include "config_events.h"
#include "server.h"

/* The long way of the functions below. */
void bzs_events_changed(const struct bzs_call *call, unsigned keyspace, int64_t kind, const char *event,
                        struct bzs_slice key);
void bzs_events_tell(struct bzs_server *server, unsigned keyspace, int64_t kind, const char *event,
                     struct bzs_slice key);

/** True if somebody wants to know of changes. */
static inline bool bzs_events_are_wanted(const struct bzs_call *call) {
    unsigned watching = atomic_load_explicit(&call->server->hub.watching, memory_order_relaxed);
    return __builtin_expect((watching & (BZS_WATCHING_EVENTS | BZS_WATCHING_TRACKING)) != 0, 0);
}

/** The key, in the selected keyspace, has changed: invalidates it in caches and tells the event, which is of
 * this kind (::bzs_events). */
static inline void bzs_call_changed(const struct bzs_call *call, int64_t kind, const char *event,
                                    struct bzs_slice key) {
    if (bzs_events_are_wanted(call))
        bzs_events_changed(call, atomic_load_explicit(&call->client->keyspace, memory_order_relaxed), kind,
                           event, key);
}

/** The same for a key of another keyspace. */
static inline void bzs_call_changed_in(const struct bzs_call *call, unsigned keyspace, int64_t kind,
                                       const char *event, struct bzs_slice key) {
    if (bzs_events_are_wanted(call))
        bzs_events_changed(call, keyspace, kind, event, key);
}

/** One more event about a key whose change was told. */
static inline void bzs_call_event(const struct bzs_call *call, int64_t kind, const char *event,
                                  struct bzs_slice key) {
    if (bzs_events_are_wanted(call))
        bzs_events_tell(call->server, atomic_load_explicit(&call->client->keyspace, memory_order_relaxed),
                        kind, event, key);
}

/** The same in another keyspace. */
static inline void bzs_call_event_in(const struct bzs_call *call, unsigned keyspace, int64_t kind,
                                     const char *event, struct bzs_slice key) {
    if (bzs_events_are_wanted(call))
        bzs_events_tell(call->server, keyspace, kind, event, key);
}

/** Counts a look-up for reading that found no key, and tells of it: the event keymiss. */
static inline void bzs_call_missed(const struct bzs_call *call, struct bzs_slice key) {
    bzs_call_miss(call);
    bzs_call_event(call, BZS_EVENTS_KEY_MISS, "keymiss", key);
}

/** All keys of one keyspace, or of all, may have changed. */
void bzs_call_flushed(const struct bzs_call *call);

/** A ::blitzdb_key_fn; `user` is the server. */
void bzs_events_of_library(void *user, unsigned keyspace, const void *key, size_t key_size, unsigned event);

#endif
