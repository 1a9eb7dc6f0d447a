/**
 * @file
 * @brief The server as a whole: the threads, what they share, and its start and end.
 *
 *     listener --> loop 0 .. loop N-1     each: one thread, one epoll set, its clients, its counters
 *                     |  execute on the shared database, hold replies, send
 *                  syncer                 one thread: log syncs for held replies and WAITAOF
 *                  keeper                 one thread: snapshots in the background, rates, memory peak
 *
 *                  loader                 one thread at the start: opens the database
 *
 * Until the database is there `db` is an empty one in memory, and the loops answer -LOADING. A loop goes over
 * to the other one by itself, at the beginning of a turn; see bzs_server_attach().
 * Handlers reach what they need through `call->server`; everything here is constant after creation, atomic,
 * or guards itself.
 */
#ifndef BLITZDB_SERVER_SERVER_H
#define BLITZDB_SERVER_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/blitzdb.h>

#include "config.h"
#include "hub.h"
#include "keeper.h"
#include "listener.h"
#include "loader.h"
#include "login_limit.h"
#include "messages.h"
#include "statistics.h"
#include "syncer.h"

struct bzs_loop;
struct bzs_telemetry;
struct bzs_admin_http;

/** The Redis version whose protocol and replies are spoken; clients decide by it what they may send. */
#define BZS_REDIS_VERSION "7.0.15"

/** The server. */
struct bzs_server {
    /* Constant after creation */
    struct bzs_config *config;     /**< borrowed from the caller; guards itself */
    struct bzs_messages *messages; /**< borrowed from the caller */
    bool logs_writes;              /**< the database has a log to write out before answering */
    int64_t started_ms;
    char run_id[41];        /**< 40 hexadecimal digits, new with every start */
    struct bzs_loop *loops; /**< loop_count of them */
    unsigned loop_count;
    int stopped_fd; /**< eventfd: readable once every loop has ended */
    int ready_fd;   /**< eventfd: readable once every loop has the loaded database */

    /* Guard themselves */
    struct bzs_listener listener;
    struct bzs_syncer syncer;
    struct bzs_keeper keeper;
    struct bzs_loader loader;
    struct bzs_login_limit login_limit;
    struct bzs_hub hub;           /**< what clients want to hear of */
    pthread_mutex_t change_mutex; /**< one CONFIG SET or CONFIG REWRITE at a time */
    struct bzs_baseline baseline;
    struct bzs_admin_http *http;     /**< NULL: no HTTP port */
    struct bzs_telemetry *telemetry; /**< slow commands, error codes and the like */

    /* Atomic */
    _Atomic(blitzdb *) db;           /**< keyspace 0; changes once, when the database has been loaded */
    _Atomic(blitzdb *) placeholder;  /**< what it was before; closed by the last loop that leaves it */
    _Atomic unsigned loops_loading;  /**< loops that have not left it yet */
    _Atomic bool loading;            /**< shown by INFO; loops look at their own flag */
    _Atomic unsigned settings_epoch; /**< changes when every connection has to take over something */
    _Atomic uint64_t next_client_id;
    _Atomic unsigned clients_max; /**< as the limit of open files allows */
    _Atomic unsigned client_count;
    _Atomic unsigned unauthenticated; /**< of these: who has to log in first */
    _Atomic unsigned loops_running;
    _Atomic uint64_t connections_total;
    _Atomic uint64_t connections_rejected;
    _Atomic int64_t intruder_said_ms; /**< when the log was last told of one; see intruder.h */
    _Atomic bool stopping;
    _Atomic bool saves_at_end; /**< what changed since the last snapshot has to be saved after the loops */
};

/** How the creation of a server ended. */
enum bzs_server_result {
    BZS_SERVER_OK = 0,
    BZS_SERVER_FAILED,      /**< memory, threads or descriptors ran out */
    BZS_SERVER_BIND_FAILED, /**< an address could not be bound */
};

/** Whether a snapshot is written before the server stops. */
enum bzs_final_snapshot {
    BZS_FINAL_SNAPSHOT_DEFAULT =
        0,                     /**< if snapshots are all there is and `save` points are set, as in Redis */
    BZS_FINAL_SNAPSHOT_ALWAYS, /**< SHUTDOWN SAVE */
    BZS_FINAL_SNAPSHOT_NEVER,  /**< SHUTDOWN NOSAVE */
};

/** Sums over all loops; see struct bzs_counters. */
struct bzs_totals {
    uint64_t commands, hits, misses, errors, input_bytes, output_bytes, reads, writes;
};

/** Binds the addresses of the configuration and prepares the threads; says in the log why it failed. */
enum bzs_server_result bzs_server_create(struct bzs_config *config, struct bzs_messages *messages,
                                         struct bzs_server **server_out);

/**
 * Starts to load the database and to accept connections; false if the system refused a thread (those that run
 * are stopped again). Once `loader.done_fd` is readable, bzs_server_attach() has to be called.
 */
bool bzs_server_start(struct bzs_server *server);

/** Takes the loaded database over. If it could not be loaded, or a thread is refused, the server stops, and
 * the answer is not ::BLITZDB_OK. */
blitzdb_status bzs_server_attach(struct bzs_server *server);

/** A loop has the loaded database now; the last one ends the loading. */
void bzs_server_note_adoption(struct bzs_server *server);

/** Makes every connection take over what has changed: the database, or `appendfsync`. From any thread. */
void bzs_server_announce(struct bzs_server *server);

/** True if writes are answered after their sync, unless their connection asked for something else. */
static inline bool bzs_server_holds_replies(const struct bzs_server *server) {
    return server->logs_writes && server->config->appendfsync == BZS_APPENDFSYNC_ALWAYS;
}

/**
 * Saves, if the database is to be saved before the server may stop. False if that failed: a server that goes
 * on loses nothing. Clients are served meanwhile.
 */
bool bzs_server_prepare_stop(struct bzs_server *server, enum bzs_final_snapshot how);

/** Asks the loops to finish what was received, to send what is owed and to end. From any thread, at once. */
void bzs_server_stop(struct bzs_server *server);

/**
 * Waits until a stopped server has ended its loops. What clients changed after bzs_server_prepare_stop()
 * saved is saved then; false if that failed.
 */
bool bzs_server_wait(struct bzs_server *server);

/** Stops the server if needed, closes the database and releases everything; what the close answered. */
blitzdb_status bzs_server_destroy(struct bzs_server *server);

/** Raises the limit of open files for so many clients; returns for how many it suffices, `wanted` at most. */
unsigned bzs_server_allow_clients(unsigned wanted, unsigned loop_count);

/** Adds up the counters of the loops, since the start ... */
struct bzs_totals bzs_server_totals_since_start(const struct bzs_server *server);

/** ... or since CONFIG RESETSTAT. */
struct bzs_totals bzs_server_totals(const struct bzs_server *server);

#endif
