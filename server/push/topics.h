/**
 * @file
 * @brief Names and who wants to hear of them: channels, patterns, prefixes, and keys that clients cache.
 *
 *     name --> topic --> array of memberships --> peers
 *     (topic, peer) --> membership                          so that joining twice and leaving cost the same
 *                                                            with a hundred thousand others
 *
 * A table is cut into stripes by a keyed hash of the name; each has a reader-writer lock. Visitors are called
 * under it: they may post to peers, and must not come back to this table. Lock order: a shard's lock of the
 * database, then a stripe's, then that of a peer or mailbox.
 *
 * A membership holds its peer. A member that joined with a list finds its memberships there; such ones are
 * made and ended by the member's own thread only, so its list needs no lock. Others stay until their name is
 * taken, or until it needs room: then those of peers that have gone make place.
 */
#ifndef BLITZDB_SERVER_TOPICS_H
#define BLITZDB_SERVER_TOPICS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "keyed_hash.h"
#include "link.h"
#include "map.h"
#include "reply.h"

struct bzs_peer;
struct bzs_topic;

/** Most stripes of a table. */
#define BZS_STRIPES_MAX 16

/** One part of a table. */
struct bzs_stripe {
    _Alignas(64) pthread_rwlock_t lock;
    struct bzs_map topics;  /**< guarded by lock, as the rest */
    struct bzs_map members; /**< by topic and peer */
    struct bzs_link list;   /**< all topics */
};

/** A table. */
struct bzs_topics {
    struct bzs_hash_key hash_key; /**< constant */
    unsigned stripe_count;        /**< constant */
    struct bzs_stripe stripes[BZS_STRIPES_MAX];
    _Atomic size_t topic_count;
    _Atomic size_t member_count; /**< memberships */
};

/** How an attempt to join ended. */
enum bzs_join {
    BZS_JOINED,
    BZS_JOINED_BEFORE, /**< nothing changed */
    BZS_JOIN_NO_MEMORY,
};

/** Prepares a table. One stripe for one that is walked through, many for one that is looked up. */
void bzs_topics_init(struct bzs_topics *topics, unsigned stripe_count);
/** Ends all memberships and releases everything; no other thread uses the table. */
void bzs_topics_deinit(struct bzs_topics *topics);

/** Makes a peer a member, also of a list of its own if there is one (NULL: none). */
enum bzs_join bzs_topics_join(struct bzs_topics *topics, struct bzs_slice name, struct bzs_peer *peer,
                              struct bzs_link *list);

/** Ends a membership; false if there was none. */
bool bzs_topics_leave(struct bzs_topics *topics, struct bzs_slice name, struct bzs_peer *peer);

/** The name of the first membership in a member's list, valid while it is one; false if the list is empty. */
bool bzs_topics_first_of(const struct bzs_link *list, struct bzs_slice *name_out);

/** Calls for each name in a member's list. */
void bzs_topics_of(const struct bzs_link *list, void (*visit)(void *user, struct bzs_slice name), void *user);

/** Called for a member. */
typedef void (*bzs_member_fn)(void *user, struct bzs_peer *peer);

/** Calls for each member of a name; returns their number. */
size_t bzs_topics_visit(struct bzs_topics *topics, struct bzs_slice name, bzs_member_fn visit, void *user);

/** Number of members of a name. */
size_t bzs_topics_size(struct bzs_topics *topics, struct bzs_slice name);

/** Forgets a name; calls for each member it had, with the stripe locked. */
void bzs_topics_take(struct bzs_topics *topics, struct bzs_slice name, bzs_member_fn visit, void *user);

/** Forgets all names, silently. */
void bzs_topics_clear(struct bzs_topics *topics);

/** Forgets one name, whichever `dice` meets; calls `visit_name` with it first. False if there is none. */
bool bzs_topics_take_any(struct bzs_topics *topics, uint64_t dice,
                         void (*visit_name)(void *user, struct bzs_slice name), bzs_member_fn visit,
                         void *user);

/** Called for a name. */
typedef void (*bzs_topic_fn)(void *user, const struct bzs_topic *topic);

/** Calls for every name, in no order. */
void bzs_topics_walk(struct bzs_topics *topics, bzs_topic_fn visit, void *user);

/* For a visitor of names. */
struct bzs_slice bzs_topic_name(const struct bzs_topic *topic);
size_t bzs_topic_members(const struct bzs_topic *topic, bzs_member_fn visit, void *user);

#endif
