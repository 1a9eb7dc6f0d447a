/**
 * @file
 * @brief SUBSCRIBE, PUBLISH and their relatives, and PUBSUB.
 */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "delivery.h"
#include "peer.h"
#include "pubsub.h"
#include "server.h"
#include "session.h"

/** One of the three ways to subscribe. */
struct way {
    enum bzs_subscription_kind kind;
    const char *confirms_begin, *confirms_end;
};

static const struct way by_channel = {BZS_SUBSCRIPTION_CHANNEL, "subscribe", "unsubscribe"};
static const struct way by_pattern = {BZS_SUBSCRIPTION_PATTERN, "psubscribe", "punsubscribe"};
static const struct way by_shard = {BZS_SUBSCRIPTION_SHARD, "ssubscribe", "sunsubscribe"};

static struct bzs_topics *table_of(const struct bzs_call *call, const struct way *way) {
    struct bzs_hub *hub = &call->server->hub;
    return way->kind == BZS_SUBSCRIPTION_CHANNEL   ? &hub->channels
           : way->kind == BZS_SUBSCRIPTION_PATTERN ? &hub->patterns
                                                   : &hub->shard_channels;
}

/** Subscriptions that confirmations count: shard channels apart, the others together. */
static unsigned count_of(const struct bzs_peer *peer, const struct way *way) {
    if (peer == NULL)
        return 0;
    if (way->kind == BZS_SUBSCRIPTION_SHARD)
        return peer->subscribed[BZS_SUBSCRIPTION_SHARD];
    return peer->subscribed[BZS_SUBSCRIPTION_CHANNEL] + peer->subscribed[BZS_SUBSCRIPTION_PATTERN];
}

static void confirm(struct bzs_call *call, const char *word, const struct bzs_slice *name, unsigned count) {
    bzs_reply_push(call->reply, 3);
    bzs_reply_text(call->reply, word);
    if (name != NULL)
        bzs_reply_bulk(call->reply, name->data, name->size);
    else
        bzs_reply_null(call->reply);
    bzs_reply_integer(call->reply, count);
}

static void note_mode(struct bzs_client *client, const struct bzs_peer *peer) {
    bzs_session_set_mode(client, BZS_MODE_SUBSCRIBED, bzs_peer_is_subscriber(peer));
}

static void subscribe(struct bzs_call *call, const struct way *way) {
    struct bzs_peer *peer = bzs_peer_of(call->client);
    for (size_t i = 1; i < call->argc; i++) {
        enum bzs_join joined = peer == NULL ? BZS_JOIN_NO_MEMORY
                                            : bzs_topics_join(table_of(call, way), call->argv[i], peer,
                                                              &peer->subscriptions[way->kind]);
        if (joined == BZS_JOIN_NO_MEMORY) {
            bzs_reply_status(call, BLITZDB_NO_MEMORY);
            return;
        }
        if (joined == BZS_JOINED)
            atomic_fetch_add_explicit(&peer->subscribed[way->kind], 1, memory_order_relaxed);
        note_mode(call->client, peer);
        confirm(call, way->confirms_begin, &call->argv[i], count_of(peer, way));
    }
}

/** What was published before the end is delivered before it is confirmed: nothing comes behind. In EXEC there
 * is no place for it, the array of replies is not complete. */
static void end_one(struct bzs_call *call, const struct way *way, struct bzs_slice name) {
    struct bzs_peer *peer = atomic_load(&call->client->peer);
    if (peer != NULL && bzs_topics_leave(table_of(call, way), name, peer)) {
        atomic_fetch_sub_explicit(&peer->subscribed[way->kind], 1, memory_order_relaxed);
        if (!call->client->in_exec)
            bzs_delivery_take_mail(call->client->loop);
        note_mode(call->client, peer);
    }
    confirm(call, way->confirms_end, &name, count_of(peer, way));
}

static void end_all(struct bzs_call *call, const struct way *way) {
    struct bzs_peer *peer = atomic_load(&call->client->peer);
    struct bzs_slice name;
    if (peer == NULL || !bzs_topics_first_of(&peer->subscriptions[way->kind], &name)) {
        confirm(call, way->confirms_end, NULL, count_of(peer, way));
        return;
    }
    do {
        char *copy = malloc(name.size + 1); /* the name goes with the subscription */
        if (copy == NULL) {
            bzs_reply_status(call, BLITZDB_NO_MEMORY);
            return;
        }
        memcpy(copy, name.data, name.size);
        end_one(call, way, (struct bzs_slice){copy, name.size});
        free(copy);
    } while (bzs_topics_first_of(&peer->subscriptions[way->kind], &name));
}

static void unsubscribe(struct bzs_call *call, const struct way *way) {
    if (call->argc == 1)
        end_all(call, way);
    for (size_t i = 1; i < call->argc; i++)
        end_one(call, way, call->argv[i]);
}

static void run_subscribe(struct bzs_call *call) {
    subscribe(call, &by_channel);
}

static void run_psubscribe(struct bzs_call *call) {
    subscribe(call, &by_pattern);
}

static void run_ssubscribe(struct bzs_call *call) {
    subscribe(call, &by_shard);
}

static void run_unsubscribe(struct bzs_call *call) {
    unsubscribe(call, &by_channel);
}

static void run_punsubscribe(struct bzs_call *call) {
    unsubscribe(call, &by_pattern);
}

static void run_sunsubscribe(struct bzs_call *call) {
    unsubscribe(call, &by_shard);
}

static void run_publish(struct bzs_call *call) {
    bzs_reply_integer(call->reply, (int64_t)bzs_publish(&call->server->hub, call->argv[1], call->argv[2]));
}

static void run_spublish(struct bzs_call *call) {
    bzs_reply_integer(call->reply,
                      (int64_t)bzs_publish_shard(&call->server->hub, call->argv[1], call->argv[2]));
}

/** The names that match a pattern, gathered: how many there are is announced first. */
struct names {
    const struct bzs_slice *pattern; /* NULL: all */
    struct bzs_reply text;
    size_t count;
};

static void gather_name(void *user, const struct bzs_topic *topic) {
    struct names *names = user;
    struct bzs_slice name = bzs_topic_name(topic);
    if (names->pattern != NULL && !bzs_publish_matches(*names->pattern, name))
        return;
    bzs_reply_bulk(&names->text, name.data, name.size);
    names->count++;
}

static void reply_names(struct bzs_call *call, struct bzs_topics *topics) {
    if (call->argc > 3) {
        bzs_reply_subcommand_error(call);
        return;
    }
    struct names names = {.pattern = call->argc == 3 ? &call->argv[2] : NULL};
    bzs_reply_init(&names.text);
    bzs_topics_walk(topics, gather_name, &names);
    bzs_reply_array(call->reply, names.count);
    bzs_reply_take(call->reply, &names.text);
}

static void reply_sizes(struct bzs_call *call, struct bzs_topics *topics) {
    bzs_reply_array(call->reply, 2 * (call->argc - 2));
    for (size_t i = 2; i < call->argc; i++) {
        bzs_reply_bulk(call->reply, call->argv[i].data, call->argv[i].size);
        bzs_reply_integer(call->reply, (int64_t)bzs_topics_size(topics, call->argv[i]));
    }
}

static void run_channels(struct bzs_call *call) {
    reply_names(call, &call->server->hub.channels);
}

static void run_shardchannels(struct bzs_call *call) {
    reply_names(call, &call->server->hub.shard_channels);
}

static void run_numsub(struct bzs_call *call) {
    reply_sizes(call, &call->server->hub.channels);
}

static void run_shardnumsub(struct bzs_call *call) {
    reply_sizes(call, &call->server->hub.shard_channels);
}

static void run_numpat(struct bzs_call *call) {
    bzs_reply_integer(call->reply, (int64_t)atomic_load(&call->server->hub.patterns.topic_count));
}

static void run_help(struct bzs_call *call) {
    static const char *const lines[] = {
        "CHANNELS [<pattern>]",
        "    The channels that somebody subscribes to.",
        "NUMPAT",
        "    How many patterns somebody subscribes to.",
        "NUMSUB [<channel> ...]",
        "    How many clients subscribe to each channel; patterns do not count.",
        "SHARDCHANNELS [<pattern>]",
        "    The shard channels that somebody subscribes to.",
        "SHARDNUMSUB [<channel> ...]",
        "    How many clients subscribe to each shard channel.",
        NULL};
    bzs_reply_help(call, lines);
}

enum {
    ANY_TIME = BZS_LOADING | BZS_STALE,
    LISTENING = BZS_PUBSUB | BZS_NOSCRIPT | ANY_TIME,
    TELLING = BZS_PUBSUB | BZS_FAST | ANY_TIME,
    LOOKING = BZS_PUBSUB | ANY_TIME,
};

static const struct bzs_command pubsub_commands[] = {
    {"pubsub|channels", run_channels, -2, LOOKING, 0, 0, 0, NULL, "pubsub", "2.8.0",
     "Returns the channels with subscribers."},
    {"pubsub|help", run_help, 2, ANY_TIME, 0, 0, 0, NULL, "pubsub", "6.2.0", "Explains the subcommands."},
    {"pubsub|numpat", run_numpat, 2, LOOKING, 0, 0, 0, NULL, "pubsub", "2.8.0",
     "Counts the patterns with subscribers."},
    {"pubsub|numsub", run_numsub, -2, LOOKING, 0, 0, 0, NULL, "pubsub", "2.8.0",
     "Counts the subscribers of channels."},
    {"pubsub|shardchannels", run_shardchannels, -2, LOOKING, 0, 0, 0, NULL, "pubsub", "7.0.0",
     "Returns the shard channels with subscribers."},
    {"pubsub|shardnumsub", run_shardnumsub, -2, LOOKING, 0, 0, 0, NULL, "pubsub", "7.0.0",
     "Counts the subscribers of shard channels."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_pubsub[] = {
    {"subscribe", run_subscribe, -2, LISTENING, 0, 0, 0, NULL, "pubsub", "2.0.0",
     "Receives what is published on channels."},
    {"unsubscribe", run_unsubscribe, -1, LISTENING, 0, 0, 0, NULL, "pubsub", "2.0.0",
     "Ends subscriptions to channels, or to all of them."},
    {"psubscribe", run_psubscribe, -2, LISTENING, 0, 0, 0, NULL, "pubsub", "2.0.0",
     "Receives what is published on channels that match patterns."},
    {"punsubscribe", run_punsubscribe, -1, LISTENING, 0, 0, 0, NULL, "pubsub", "2.0.0",
     "Ends subscriptions to patterns, or to all of them."},
    {"ssubscribe", run_ssubscribe, -2, LISTENING, 1, -1, 1, NULL, "pubsub", "7.0.0",
     "Receives what is published on shard channels."},
    {"sunsubscribe", run_sunsubscribe, -1, LISTENING, 1, -1, 1, NULL, "pubsub", "7.0.0",
     "Ends subscriptions to shard channels, or to all of them."},
    {"publish", run_publish, 3, TELLING, 0, 0, 0, NULL, "pubsub", "2.0.0",
     "Sends a message to the subscribers of a channel."},
    {"spublish", run_spublish, 3, TELLING, 1, 1, 1, NULL, "pubsub", "7.0.0",
     "Sends a message to the subscribers of a shard channel."},
    {"pubsub", NULL, -2, 0, 0, 0, 0, pubsub_commands, "pubsub", "2.8.0",
     "Groups the commands that look at subscriptions."},
    {.name = NULL},
};
