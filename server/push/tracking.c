#include "tracking.h"

#include <string.h>

#include "mailbox.h"
#include "server.h"

static const struct bzs_slice everybody = {"", 0};

/** One key that is not valid any more. Its message is made when somebody wants it. */
struct invalidation {
    struct bzs_slice key;
    uint64_t writer;
    unsigned mode; /* BZS_TRACKING_BCAST or 0: whom the visited table is about */
    struct bzs_message *message;
};

/** Tells a client, or whom it redirects to. */
static void tell(struct bzs_peer *peer, struct bzs_message *message) {
    struct bzs_peer *redirect = bzs_peer_redirection(peer);
    if (redirect != NULL)
        bzs_peer_post(redirect, peer, message);
    else
        bzs_peer_post(peer, NULL, message);
    bzs_peer_release(redirect);
}

static void tell_about(void *user, struct bzs_peer *peer) {
    struct invalidation *invalidation = user;
    unsigned flags = atomic_load(&peer->tracking);
    bool is_own = (flags & BZS_TRACKING_NOLOOP) != 0 && peer->id == invalidation->writer;
    if ((flags & BZS_TRACKING_ON) == 0 || (flags & BZS_TRACKING_BCAST) != invalidation->mode || is_own)
        return;
    if (invalidation->message == NULL)
        invalidation->message = bzs_message_of_bulks(BZS_MESSAGE_INVALIDATE, &invalidation->key, 1);
    if (invalidation->message != NULL)
        tell(peer, invalidation->message);
    else
        bzs_peer_drown(peer); /* it must not go on with a value that has changed */
}

static void tell_if_prefix(void *user, const struct bzs_topic *topic) {
    const struct invalidation *invalidation = user;
    struct bzs_slice prefix = bzs_topic_name(topic);
    bool fits = prefix.size <= invalidation->key.size &&
                (prefix.size == 0 || memcmp(prefix.data, invalidation->key.data, prefix.size) == 0);
    if (fits)
        bzs_topic_members(topic, tell_about, user);
}

void bzs_tracking_invalidate(struct bzs_server *server, struct bzs_slice key, uint64_t writer) {
    struct invalidation invalidation = {.key = key, .writer = writer};
    bzs_topics_take(&server->hub.cached_keys, key, tell_about, &invalidation);
    invalidation.mode = BZS_TRACKING_BCAST;
    if (atomic_load(&server->hub.prefixes.topic_count) > 0)
        bzs_topics_walk(&server->hub.prefixes, tell_if_prefix, &invalidation);
    bzs_message_release(invalidation.message);
}

static void tell_nothing_is_valid(void *user, struct bzs_peer *peer) {
    if (user != NULL)
        tell(peer, user);
    else
        bzs_peer_drown(peer);
}

void bzs_tracking_invalidate_all(struct bzs_server *server) {
    struct bzs_message *message = bzs_message_create(BZS_MESSAGE_INVALIDATE, 0);
    bzs_topics_clear(&server->hub.cached_keys);
    bzs_topics_visit(&server->hub.trackers, everybody, tell_nothing_is_valid, message);
    bzs_message_release(message);
}

static void name_victim(void *user, struct bzs_slice name) {
    struct invalidation *invalidation = user;
    invalidation->key = name;
}

/** Forgets keys until the table is within its bound. */
static void bound_table(struct bzs_server *server) {
    struct bzs_topics *table = &server->hub.cached_keys;
    uint64_t most = (uint64_t)atomic_load_explicit(&server->config->tracking_keys_max, memory_order_relaxed);
    uint64_t dice = atomic_load_explicit(&server->hub.dice, memory_order_relaxed);
    while (most > 0 && atomic_load_explicit(&table->topic_count, memory_order_relaxed) > most) {
        struct invalidation invalidation = {.writer = 0};
        dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bool found = bzs_topics_take_any(table, dice >> 32, name_victim, tell_about, &invalidation);
        bzs_message_release(invalidation.message);
        if (!found)
            break;
    }
    atomic_store_explicit(&server->hub.dice, dice, memory_order_relaxed);
}

void bzs_tracking_remember(struct bzs_server *server, struct bzs_peer *peer, struct bzs_slice key) {
    enum bzs_join joined = bzs_topics_join(&server->hub.cached_keys, key, peer, NULL);
    if (joined == BZS_JOIN_NO_MEMORY)
        bzs_peer_drown(peer);
    else if (joined == BZS_JOINED)
        bound_table(server);
}

bool bzs_tracking_start(struct bzs_server *server, struct bzs_peer *peer, unsigned flags,
                        struct bzs_peer *redirect) {
    enum bzs_join joined = bzs_topics_join(&server->hub.trackers, everybody, peer, NULL);
    if (joined == BZS_JOIN_NO_MEMORY)
        return false;
    bzs_peer_redirect(peer, redirect);
    atomic_store(&peer->tracking, flags | BZS_TRACKING_ON);
    bzs_hub_refresh(&server->hub);
    return true;
}

bool bzs_tracking_add_prefix(struct bzs_server *server, struct bzs_peer *peer, struct bzs_slice prefix) {
    enum bzs_join joined =
        bzs_topics_join(&server->hub.prefixes, prefix, peer, &peer->subscriptions[BZS_SUBSCRIPTION_PREFIX]);
    return joined != BZS_JOIN_NO_MEMORY;
}

void bzs_tracking_stop(struct bzs_server *server, struct bzs_peer *peer) {
    struct bzs_slice prefix;
    atomic_store(&peer->tracking, 0);
    bzs_peer_redirect(peer, NULL);
    while (bzs_topics_first_of(&peer->subscriptions[BZS_SUBSCRIPTION_PREFIX], &prefix))
        bzs_topics_leave(&server->hub.prefixes, prefix, peer);
    if (bzs_topics_leave(&server->hub.trackers, everybody, peer))
        bzs_hub_refresh(&server->hub);
}
