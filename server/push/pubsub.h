/**
 * @file
 * @brief Publishing: a message for everybody who subscribes to a channel, or to a pattern that it matches.
 *
 * The messages of one thread reach each subscriber in the order in which they were published. Any thread,
 * also under the lock of a shard of the database.
 */
#ifndef BLITZDB_SERVER_PUBSUB_H
#define BLITZDB_SERVER_PUBSUB_H

#include "hub.h"

/** Publishes; returns how many clients will receive it, one that is reached in several ways several times. */
size_t bzs_publish(struct bzs_hub *hub, struct bzs_slice channel, struct bzs_slice payload);

/** Publishes to a shard channel (SPUBLISH), for which there are no patterns. */
size_t bzs_publish_shard(struct bzs_hub *hub, struct bzs_slice channel, struct bzs_slice payload);

/** True if a channel matches a pattern; a pattern that would take too long does not. */
bool bzs_publish_matches(struct bzs_slice pattern, struct bzs_slice channel);

#endif
