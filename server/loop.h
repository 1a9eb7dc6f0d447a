/**
 * @file
 * @brief Event loop: one thread that waits for its sockets, runs their commands and sends the replies.
 *
 * One turn of a loop:
 *
 *     wait -> accept, read, run commands of every ready client -> hand the log to the system once
 *          -> send the replies, or hold them for the syncer -> close who is done
 *
 * So all writes of a turn share one hand-over of the log, and no reply leaves before it. Clients never change
 * their loop. Other threads wake a loop, call it, put mail into its box and add clients; the list of its
 * clients they read under `clients_mutex`.
 */
#ifndef BLITZDB_SERVER_LOOP_H
#define BLITZDB_SERVER_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "link.h"
#include "mailbox.h"
#include "resp_batch.h"

struct bzs_server;
struct bzs_client;
struct bzs_account;

/** What one loop counts. Only its own thread writes, so adding needs no locked instruction. */
struct bzs_counters {
    _Atomic uint64_t turns;        /**< of the loop; a loop that hangs takes none */
    _Atomic uint64_t commands;     /**< commands run */
    _Atomic uint64_t hits;         /**< keys found by reading commands */
    _Atomic uint64_t misses;       /**< keys not found */
    _Atomic uint64_t errors;       /**< error replies */
    _Atomic uint64_t input_bytes;  /**< read from sockets */
    _Atomic uint64_t output_bytes; /**< sent */
    _Atomic uint64_t reads;        /**< reads from sockets that brought something */
    _Atomic uint64_t writes;       /**< sends that took something */
};

/** Adds to a counter of the own thread. */
static inline void bzs_counter_add(_Atomic uint64_t *counter, uint64_t amount) {
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

/** What others ask of a loop; flags of `calls`. */
enum bzs_calls {
    BZS_CALL_MAIL = 1,  /**< there are letters */
    BZS_CALL_KILL = 2,  /**< clients have to be closed */
    BZS_CALL_WAITS = 4, /**< a wait may be over */
};

/** One loop. */
struct bzs_loop {
    /* Constant after initialisation */
    struct bzs_server *server;
    int epoll_fd;
    int wake_fd;                 /**< eventfd */
    char *read_buffer;           /**< where every read of the thread goes first */
    struct bzs_account *account; /**< the numbers of each command, see accounting.h for who may read them */
    pthread_t thread;
    bool has_thread;

    /* Only for the own thread */
    struct bzs_resp_batch batch;   /**< the commands being run */
    struct bzs_reply_pool buffers; /**< of clients that have nothing to say at the moment */
    bool loading;                  /**< has the placeholder still: most commands are refused */
    unsigned settings_seen;        /**< settings_epoch of the server that its connections follow */
    int64_t now_ms;                /**< Unix time, read once per turn */
    int64_t tick_ms;               /**< the same on a clock that never jumps; for everything that waits */
    int64_t swept_ms;              /**< when idle clients were last looked for */
    int64_t stop_by_ms; /**< when a stopping loop gives up on clients that do not read; 0: not stopping */
    int64_t listen_again_ms;    /**< when to accept again after descriptors ran out; 0: accepting */
    int64_t exhaustion_said_ms; /**< when the log was last told that descriptors ran out */
    struct bzs_link turn;       /**< clients to finish in this turn */
    struct bzs_link leftovers;  /**< clients with commands for the next turn */
    struct bzs_link held;       /**< clients with held replies */
    struct bzs_link waiting;    /**< clients whose last command waits */
    int64_t wait_until_ms;      /**< when the first of these is to be looked at; INT64_MAX: never */
    struct bzs_link mailed;     /**< peers that got letters in this turn */
    struct bzs_mail mail;       /**< the letters being delivered */
    bool watches_soft_limits;   /**< a client is above its soft limit of output */
    uint64_t to_wake[BZS_THREADS_MAX / 64]; /**< other loops that have to be woken at the end of the turn */
    bool must_write_out;    /**< a client wrote in this turn: hand the log over before answering */
    bool must_sync;         /**< replies were held, or clients wait, and the syncer was not asked */
    unsigned gather_turns;  /**< turns that may still pass before it is asked */
    uint64_t durable_seen;  /**< what waits for this position or less has been let go */
    uint64_t failures_seen; /**< failures of the syncer already dealt with */

    /* Written by the own thread, read by all; on cache lines of their own */
    _Alignas(64) struct bzs_counters counters;

    /* Shared */
    _Alignas(64) _Atomic unsigned client_count;
    struct bzs_mailbox mailbox;     /**< guards itself */
    _Atomic unsigned calls;         /**< ::bzs_calls */
    _Atomic unsigned blocked_count; /**< clients in `waiting` that others may unblock */
    _Atomic bool awaits_sync;       /**< wants to be woken after the next sync of the log */
    pthread_mutex_t clients_mutex;
    struct bzs_link clients; /**< guarded by clients_mutex: every client */
    bool closed;             /**< guarded by clients_mutex: takes no client any more */
};

/** Prepares a loop; false if the system refused descriptors or memory. */
bool bzs_loop_init(struct bzs_loop *loop, struct bzs_server *server);

/** Releases a loop whose thread has ended, and its clients. */
void bzs_loop_deinit(struct bzs_loop *loop);

/** Starts the thread; false if the system refused. */
bool bzs_loop_start(struct bzs_loop *loop);

/** Makes the loop look at the state of the server and of the syncer soon. From any thread. */
void bzs_loop_wake(struct bzs_loop *loop);

/** Asks something of the loop (::bzs_calls); in delivery.c. From any thread; from a loop's own it is woken,
 * if it is another one, at the end of the turn. */
void bzs_loop_call(struct bzs_loop *loop, unsigned calls);

/** Gives a connected socket, which must not block, to the loop; false and closed if it cannot be taken. */
bool bzs_loop_add(struct bzs_loop *loop, int fd);

#endif
