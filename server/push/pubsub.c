#include "pubsub.h"

#include <string.h>

#include <blitzdb/blitzdb.h>

#include "mailbox.h"
#include "peer.h"

/** One publication. Its messages are made when the first receiver is found. */
struct publication {
    struct bzs_slice channel, payload;
    const char *kind;                /* the first word of the push */
    const struct bzs_topic *pattern; /* whose members are visited; NULL: those of the channel */
    struct bzs_message *message;
    size_t receivers;
};

static struct bzs_slice slice_of(const char *text) {
    return (struct bzs_slice){text, strlen(text)};
}

static struct bzs_message *encode(const struct publication *publication) {
    if (publication->pattern == NULL) {
        struct bzs_slice parts[] = {slice_of(publication->kind), publication->channel, publication->payload};
        return bzs_message_of_bulks(BZS_MESSAGE_PUSH, parts, 3);
    }
    struct bzs_slice parts[] = {slice_of("pmessage"), bzs_topic_name(publication->pattern),
                                publication->channel, publication->payload};
    return bzs_message_of_bulks(BZS_MESSAGE_PUSH, parts, 4);
}

/** Without memory for the message nobody gets it, which PUBLISH may do: it promises nothing. */
static void send_to(void *user, struct bzs_peer *peer) {
    struct publication *publication = user;
    if (publication->message == NULL)
        publication->message = encode(publication);
    if (publication->message == NULL)
        return;
    bzs_peer_post(peer, NULL, publication->message);
    publication->receivers++;
}

bool bzs_publish_matches(struct bzs_slice pattern, struct bzs_slice channel) {
    return blitzdb_glob_match(pattern.data, pattern.size, channel.data, channel.size, 0) == BLITZDB_OK;
}

static void send_to_pattern(void *user, const struct bzs_topic *topic) {
    struct publication *publication = user;
    if (!bzs_publish_matches(bzs_topic_name(topic), publication->channel))
        return;
    publication->pattern = topic;
    publication->message = NULL;
    bzs_topic_members(topic, send_to, publication);
    bzs_message_release(publication->message);
}

size_t bzs_publish(struct bzs_hub *hub, struct bzs_slice channel, struct bzs_slice payload) {
    struct publication publication = {.channel = channel, .payload = payload, .kind = "message"};
    bzs_topics_visit(&hub->channels, channel, send_to, &publication);
    bzs_message_release(publication.message);
    if (atomic_load_explicit(&hub->patterns.topic_count, memory_order_relaxed) > 0)
        bzs_topics_walk(&hub->patterns, send_to_pattern, &publication);
    return publication.receivers;
}

size_t bzs_publish_shard(struct bzs_hub *hub, struct bzs_slice channel, struct bzs_slice payload) {
    struct publication publication = {.channel = channel, .payload = payload, .kind = "smessage"};
    bzs_topics_visit(&hub->shard_channels, channel, send_to, &publication);
    bzs_message_release(publication.message);
    return publication.receivers;
}
