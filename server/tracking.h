/**
 * @file
 * @brief CLIENT TRACKING: tells clients which keys in their own caches are not valid any more.
 *
 * In the default mode the table remembers who has read which key, until the key changes once; with BCAST
 * everything that begins with a prefix is told. Keys are remembered by name only, whatever the keyspace, as
 * in Redis.
 *
 * Why no change is missed, whatever the threads do: a key is remembered before it is read and once more
 * behind it. If a write comes between, it either finds the first entry, and its invalidation is in the box of
 * the reader's loop, which delivers it behind the reply with the old value; or the entry was taken before the
 * read, which then saw the new value, and the second entry stands for it. A write looks into the table after
 * it has taken effect.
 *
 * The table is bounded by `tracking-table-max-keys`: beyond it any key is forgotten, and its readers are told
 * that it is not valid. Clients that have gone are forgotten with the keys, as in Redis.
 *
 * Threads: any; under the lock of a shard only bzs_tracking_invalidate().
 */
#ifndef BLITZDB_SERVER_TRACKING_H
#define BLITZDB_SERVER_TRACKING_H

#include "peer.h"
#include "reply.h"

struct bzs_server;

/** Turns tracking on for a client, or changes its flags; false: no memory. In the thread of its loop. */
bool bzs_tracking_start(struct bzs_server *server, struct bzs_peer *peer, unsigned flags,
                        struct bzs_peer *redirect);

/** Adds a prefix for BCAST; false: no memory. In the thread of its loop. */
bool bzs_tracking_add_prefix(struct bzs_server *server, struct bzs_peer *peer, struct bzs_slice prefix);

/** Turns it off; nothing happens if it is. In the thread of its loop. */
void bzs_tracking_stop(struct bzs_server *server, struct bzs_peer *peer);

/** Remembers that a client reads a key: to be called before and after. */
void bzs_tracking_remember(struct bzs_server *server, struct bzs_peer *peer, struct bzs_slice key);

/** A key has changed; `writer` is the number of the client that did it, 0: nobody. */
void bzs_tracking_invalidate(struct bzs_server *server, struct bzs_slice key, uint64_t writer);

/** All keys may have changed. */
void bzs_tracking_invalidate_all(struct bzs_server *server);

#endif
