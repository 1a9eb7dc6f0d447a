/**
 * @file
 * @brief CLIENT TRACKING: tells clients which keys in their own caches are not valid any more.
 *
 * In the default mode the table remembers who has read which key, until the key changes once; with BCAST
 * everything that begins with a prefix is told. Keys are remembered by name only, whatever the keyspace, as
 * in Redis.
 *
 * Why no change is missed, whatever the threads do: a key is remembered before it is read, and a write looks
 * into the table after it has taken effect. So a read that saw the old value is found by the write, and its
 * invalidation, which waits in the box of the reader's loop, is delivered behind the reply. The key is
 * remembered once more behind the read: if a write came between and took the first entry, what was read is
 * new and has an entry of its own. Without it, only a client whose invalidations take another way (REDIRECT)
 * could see them before the reply, and keep a value that nobody watches.
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
