/**
 * @file
 * @brief A client as other threads know it: who subscribes, monitors, has its reads tracked or takes
 *        invalidations for another, is reached by its peer.
 *
 * A peer is made when it is first needed, so that the memory of a plain connection stays small, and lives as
 * long as somebody holds it: tables and letters do, also after the client has gone. Only the client's own
 * loop looks at the client; everybody else puts letters into the box of that loop.
 *
 * Bounded memory: what waits in the box for one peer is counted. Beyond the limit of its class of
 * `client-output-buffer-limit` letters are not put any more, and the client is closed.
 */
#ifndef BLITZDB_SERVER_PEER_H
#define BLITZDB_SERVER_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "mailbox.h"

struct bzs_client;
struct bzs_loop;
struct bzs_output_limit;

/** What CLIENT TRACKING turned on; flags of `tracking`. */
enum bzs_tracking_flags {
    BZS_TRACKING_ON = 1,
    BZS_TRACKING_BCAST = 2,
    BZS_TRACKING_OPTIN = 4,
    BZS_TRACKING_OPTOUT = 8,
    BZS_TRACKING_NOLOOP = 16,
    BZS_TRACKING_BROKEN = 32, /**< whom it redirects to has gone */
};

/** Kinds of subscriptions, one list each. */
enum bzs_subscription_kind {
    BZS_SUBSCRIPTION_CHANNEL = 0,
    BZS_SUBSCRIPTION_PATTERN,
    BZS_SUBSCRIPTION_SHARD,
    BZS_SUBSCRIPTION_PREFIX, /**< of CLIENT TRACKING BCAST */
    BZS_SUBSCRIPTION_KINDS,
};

/** One client, seen from elsewhere. */
struct bzs_peer {
    _Atomic unsigned holders;
    struct bzs_loop *loop; /**< constant */
    uint64_t id;           /**< of the client; constant */

    /* Only for the thread of the loop */
    struct bzs_client *client;                             /**< NULL once it has gone */
    struct bzs_link mailed;                                /**< in the loop's list of clients with new mail */
    struct bzs_link subscriptions[BZS_SUBSCRIPTION_KINDS]; /**< see topics.h */
    int64_t soft_since_ms; /**< since when it has more unread than the soft limit; 0: it has not */

    /* Atomic */
    _Atomic bool gone;                                   /**< the client is closed */
    _Atomic bool drowned;                                /**< it had too much unread and will be closed */
    _Atomic size_t queued_bytes;                         /**< waiting in the box */
    _Atomic unsigned tracking;                           /**< ::bzs_tracking_flags */
    _Atomic unsigned subscribed[BZS_SUBSCRIPTION_KINDS]; /**< sizes of the lists */

    pthread_mutex_t mutex;     /**< a leaf, as that of a mailbox */
    struct bzs_peer *redirect; /**< guarded by mutex: who takes the invalidations; NULL: it does itself */
};

/** The peer of a client, made if there is none; NULL: no memory. In the thread of the client's loop, or under
 * that loop's clients' mutex. */
struct bzs_peer *bzs_peer_of(struct bzs_client *client);

/** The client is about to be closed: nobody reaches it any more. In the thread of its loop. */
void bzs_peer_retire(struct bzs_peer *peer);

/** Ends all subscriptions. In the thread of its loop. */
void bzs_peer_leave_all(struct bzs_peer *peer);

struct bzs_peer *bzs_peer_hold(struct bzs_peer *peer);
/** NULL is allowed. */
void bzs_peer_release(struct bzs_peer *peer);

/** True if it has a subscription to a channel or pattern. */
bool bzs_peer_is_subscriber(const struct bzs_peer *peer);

/** How much it may leave unread. */
const struct bzs_output_limit *bzs_peer_output_limit(const struct bzs_peer *peer);

/**
 * Sends a message to a client, which reads it after the replies it already has. From any thread, under any
 * lock but those of mailboxes and peers.
 * @param[in] via whose invalidation this is, if another one takes it; NULL: nobody's.
 */
void bzs_peer_post(struct bzs_peer *peer, struct bzs_peer *via, struct bzs_message *message);

/** Closes a client that cannot be told what it has to know. From any thread. */
void bzs_peer_drown(struct bzs_peer *peer);

/** Chooses who takes the invalidations of a client; NULL: itself. */
void bzs_peer_redirect(struct bzs_peer *peer, struct bzs_peer *to);
/** Who takes them, held for the caller; NULL: itself. */
struct bzs_peer *bzs_peer_redirection(struct bzs_peer *peer);
/** The number of the client that takes them, 0: the client itself, -1: there are none, it does not track.
 * NULL is allowed. */
int64_t bzs_peer_redirection_id(struct bzs_peer *peer);

#endif
