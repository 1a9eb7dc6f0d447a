#include "peer.h"

#include <stdlib.h>

#include "client.h"
#include "loop.h"
#include "output_limit.h"
#include "server.h"
#include "topics.h"

static struct bzs_peer *create(struct bzs_client *client) {
    struct bzs_peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    atomic_init(&peer->holders, 1);
    peer->loop = client->loop;
    peer->id = client->id;
    peer->client = client;
    bzs_link_init(&peer->mailed);
    for (unsigned i = 0; i < BZS_SUBSCRIPTION_KINDS; i++)
        bzs_link_init(&peer->subscriptions[i]);
    pthread_mutex_init(&peer->mutex, NULL);
    return peer;
}

/** Two threads may want it at once: the client's own, and one that redirects to it. */
struct bzs_peer *bzs_peer_of(struct bzs_client *client) {
    struct bzs_peer *peer = atomic_load(&client->peer);
    if (peer != NULL)
        return peer;
    struct bzs_peer *made = create(client);
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&client->peer, &peer, made))
        return made;
    bzs_peer_release(made);
    return peer;
}

void bzs_peer_leave_all(struct bzs_peer *peer) {
    struct bzs_hub *hub = &peer->loop->server->hub;
    struct bzs_topics *const tables[] = {[BZS_SUBSCRIPTION_CHANNEL] = &hub->channels,
                                         [BZS_SUBSCRIPTION_PATTERN] = &hub->patterns,
                                         [BZS_SUBSCRIPTION_SHARD] = &hub->shard_channels,
                                         [BZS_SUBSCRIPTION_PREFIX] = &hub->prefixes};
    struct bzs_slice name;
    for (unsigned i = 0; i < BZS_SUBSCRIPTION_KINDS; i++) {
        while (bzs_topics_first_of(&peer->subscriptions[i], &name))
            bzs_topics_leave(tables[i], name, peer);
        atomic_store_explicit(&peer->subscribed[i], 0, memory_order_relaxed);
    }
}

void bzs_peer_retire(struct bzs_peer *peer) {
    atomic_store(&peer->gone, true);
    peer->client = NULL;
    bzs_link_remove(&peer->mailed);
    bzs_peer_leave_all(peer);
    bzs_peer_redirect(peer, NULL);
    bzs_peer_release(peer);
}

struct bzs_peer *bzs_peer_hold(struct bzs_peer *peer) {
    atomic_fetch_add_explicit(&peer->holders, 1, memory_order_relaxed);
    return peer;
}

void bzs_peer_release(struct bzs_peer *peer) {
    if (peer == NULL || atomic_fetch_sub_explicit(&peer->holders, 1, memory_order_acq_rel) != 1)
        return;
    bzs_peer_release(peer->redirect);
    pthread_mutex_destroy(&peer->mutex);
    free(peer);
}

bool bzs_peer_is_subscriber(const struct bzs_peer *peer) {
    for (unsigned i = 0; i <= BZS_SUBSCRIPTION_SHARD; i++)
        if (atomic_load_explicit(&peer->subscribed[i], memory_order_relaxed) > 0)
            return true;
    return false;
}

const struct bzs_output_limit *bzs_peer_output_limit(const struct bzs_peer *peer) {
    const struct bzs_config *config = peer->loop->server->config;
    return &config->output_limits[bzs_peer_is_subscriber(peer) ? BZS_OUTPUT_PUBSUB : BZS_OUTPUT_NORMAL];
}

static void put(struct bzs_peer *peer, struct bzs_peer *via, struct bzs_message *message) {
    struct bzs_letter letter = {.to = bzs_peer_hold(peer),
                                .via = via != NULL ? bzs_peer_hold(via) : NULL,
                                .message = message != NULL ? bzs_message_hold(message) : NULL};
    if (bzs_mailbox_put(&peer->loop->mailbox, &letter))
        bzs_loop_call(peer->loop, BZS_CALL_MAIL);
}

void bzs_peer_drown(struct bzs_peer *peer) {
    if (!atomic_exchange(&peer->drowned, true))
        put(peer, NULL, NULL);
}

/** Who has gone, or has too much unread, gets letters only on behalf of others, who are told then. */
void bzs_peer_post(struct bzs_peer *peer, struct bzs_peer *via, struct bzs_message *message) {
    bool is_lost = atomic_load(&peer->drowned) || atomic_load(&peer->gone);
    if (is_lost && via == NULL)
        return;
    size_t queued = atomic_fetch_add_explicit(&peer->queued_bytes, message->size, memory_order_relaxed);
    put(peer, via, message);
    if (queued + message->size > bzs_output_most(bzs_peer_output_limit(peer)))
        bzs_peer_drown(peer);
}

void bzs_peer_redirect(struct bzs_peer *peer, struct bzs_peer *to) {
    if (to != NULL)
        bzs_peer_hold(to);
    pthread_mutex_lock(&peer->mutex);
    struct bzs_peer *before = peer->redirect;
    peer->redirect = to;
    pthread_mutex_unlock(&peer->mutex);
    bzs_peer_release(before);
}

struct bzs_peer *bzs_peer_redirection(struct bzs_peer *peer) {
    pthread_mutex_lock(&peer->mutex);
    struct bzs_peer *to = peer->redirect;
    if (to != NULL)
        bzs_peer_hold(to);
    pthread_mutex_unlock(&peer->mutex);
    return to;
}

int64_t bzs_peer_redirection_id(struct bzs_peer *peer) {
    if (peer == NULL || (atomic_load(&peer->tracking) & BZS_TRACKING_ON) == 0)
        return -1;
    struct bzs_peer *redirect = bzs_peer_redirection(peer);
    int64_t id = redirect != NULL ? (int64_t)redirect->id : 0;
    bzs_peer_release(redirect);
    return id;
}
