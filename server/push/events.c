#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub.h"
#include "tracking.h"

/** Publishes `payload` on `__KIND@KEYSPACE__:TOPIC`. A topic too long for memory is not told. */
static void tell_on(struct bzs_server *server, const char *kind, unsigned keyspace, struct bzs_slice topic,
                    struct bzs_slice payload) {
    char inline_name[256];
    char *name = inline_name;
    size_t room = topic.size + 64;
    if (room > sizeof(inline_name))
        name = malloc(room);
    if (name == NULL)
        return;
    size_t head = (size_t)snprintf(name, room, "__%s@%u__:", kind, keyspace);
    if (topic.size > 0)
        memcpy(name + head, topic.data, topic.size);
    bzs_publish(&server->hub, (struct bzs_slice){name, head + topic.size}, payload);
    if (name != inline_name)
        free(name);
}

void bzs_events_tell(struct bzs_server *server, unsigned keyspace, int64_t kind, const char *event,
                     struct bzs_slice key) {
    int64_t wanted = atomic_load_explicit(&server->config->notify_events, memory_order_relaxed);
    struct bzs_slice name = {event, strlen(event)};
    if ((wanted & kind) == 0)
        return;
    if ((wanted & BZS_EVENTS_KEYSPACE) != 0)
        tell_on(server, "keyspace", keyspace, key, name);
    if ((wanted & BZS_EVENTS_KEYEVENT) != 0)
        tell_on(server, "keyevent", keyspace, name, key);
}

static bool tracks(struct bzs_server *server) {
    return (atomic_load_explicit(&server->hub.watching, memory_order_relaxed) & BZS_WATCHING_TRACKING) != 0;
}

void bzs_events_changed(const struct bzs_call *call, unsigned keyspace, int64_t kind, const char *event,
                        struct bzs_slice key) {
    if (tracks(call->server))
        bzs_tracking_invalidate(call->server, key, call->client->id);
    bzs_events_tell(call->server, keyspace, kind, event, key);
}

void bzs_call_flushed(const struct bzs_call *call) {
    if (tracks(call->server))
        bzs_tracking_invalidate_all(call->server);
}

void bzs_events_of_library(void *user, unsigned keyspace, const void *key, size_t key_size, unsigned event) {
    struct bzs_server *server = user;
    struct bzs_slice name = {key, key_size};
    if (atomic_load_explicit(&server->hub.watching, memory_order_relaxed) == 0)
        return;
    if (event == BLITZDB_KEY_CREATED) {
        bzs_events_tell(server, keyspace, BZS_EVENTS_NEW, "new", name);
        return;
    }
    bool expired = event == BLITZDB_KEY_EXPIRED;
    if (tracks(server))
        bzs_tracking_invalidate(server, name, 0);
    bzs_events_tell(server, keyspace, expired ? BZS_EVENTS_EXPIRED : BZS_EVENTS_EVICTED,
                    expired ? "expired" : "evicted", name);
}
