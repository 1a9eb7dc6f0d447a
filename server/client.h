/**
 * @file
 * @brief One connection: the input that is not yet a command, the output that is not yet sent, and the state
 *        its commands leave behind.
 *
 *     bytes --> bzs_client_input() --> resp --> bzs_command_run() --> reply --> the loop sends
 *                    |  what is left over waits in `input`
 *
 * A client knows no descriptor calls and no epoll: the loop reads, hands the bytes over and sends what
 * bzs_client_sendable() allows. Input is parsed where it was read; only an unfinished command, or commands
 * beyond the share of one turn, are copied into the client's own buffer, which is released as soon as it is
 * empty.
 *
 * Held replies: with `appendfsync always` or CLIENT DURABILITY always the answer to a write, and all that
 * follow it, wait until the log is durable up to the position noted after the write. Two waves are enough:
 * `held_first` is the one the syncer was asked for, `held_last` gathers everything after it.
 *
 * Ownership and threads: a client belongs to the thread of its loop. Other threads may read the members under
 * "shown by CLIENT LIST" while they hold the clients' mutex of that loop, and nothing else.
 */
#ifndef BLITZDB_SERVER_CLIENT_H
#define BLITZDB_SERVER_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

#include "input.h"
#include "link.h"
#include "reply.h"
#include "resp.h"
#include "waiting.h"

struct bzs_loop;
struct bzs_server;
struct bzs_command;
struct bzs_multi;
struct bzs_peer;
struct bzs_queued;

/** Output from this point of the stream on must not leave before the log is durable up to that position. */
struct bzs_held {
    uint64_t output_begin; /**< stream offset, see bzs_reply_stream_end(); UINT64_MAX: nothing is held */
    uint64_t log_position; /**< what blitzdb_durable_position() has to reach */
};

/** When the writes of a connection are safe: what CLIENT DURABILITY says. */
enum bzs_client_durability {
    BZS_CLIENT_DURABILITY_DEFAULT = 0, /**< as the setting appendfsync says */
    BZS_CLIENT_DURABILITY_ALWAYS,
    BZS_CLIENT_DURABILITY_EVERYSEC,
    BZS_CLIENT_DURABILITY_NO,
};

/** What is unusual about a session; flags of `modes`. */
enum bzs_client_modes {
    BZS_MODE_SUBSCRIBED = 1,       /**< to a channel or a pattern */
    BZS_MODE_MONITOR = 2,          /**< sees the commands of others */
    BZS_MODE_REPLY_OFF = 4,        /**< CLIENT REPLY OFF */
    BZS_MODE_REPLY_SKIP = 8,       /**< the command that runs is not answered */
    BZS_MODE_REPLY_SKIP_NEXT = 16, /**< the next one will not be */
    BZS_MODE_CACHING = 32,         /**< CLIENT CACHING, for the next command */
    BZS_MODE_NO_EVICT = 64,        /**< CLIENT NO-EVICT; shown, nothing more */
    BZS_MODE_NO_TOUCH = 128,       /**< CLIENT NO-TOUCH; shown, nothing more */
};

/** Whether a client waits, and who ends it; values of `blocked`. */
enum bzs_client_blocked {
    BZS_NOT_BLOCKED = 0,
    BZS_BLOCKED,
    BZS_UNBLOCK_TIMEOUT, /**< CLIENT UNBLOCK: as if the time was up */
    BZS_UNBLOCK_ERROR,   /**< CLIENT UNBLOCK ERROR */
};

/** One connection. */
struct bzs_client {
    /* Constant after creation */
    struct bzs_server *server;
    struct bzs_loop *loop; /**< whose thread runs this client */
    uint64_t id;
    int64_t created_ms; /**< on the clock of the loop's `tick_ms` */
    int fd;             /**< the socket; -1 in tests without one */

    /* The connection; only for the thread of the loop */
    uint32_t interest;      /**< epoll events asked for */
    struct bzs_input input; /**< bytes not yet run: an unfinished command, or more than one turn runs */
    struct bzs_resp parser;
    struct bzs_reply reply;
    struct bzs_held held_first, held_last;
    bool commands_left;   /**< `input` may hold a whole command: run again without waiting for the socket */
    bool wrote;           /**< a write command ran in this turn */
    bool must_hold;       /**< one of them is answered after its sync only */
    bool input_ended;     /**< the peer sends no more */
    bool close_when_sent; /**< close once the output has left; nothing is parsed any more */
    bool close_now;       /**< drop the connection and its output */
    uint64_t wrote_up_to; /**< end of the log after the last turn that wrote */
    uint64_t turn_begin;  /**< stream offset at which the output of this turn begins */
    struct bzs_link turn; /**< in the loop's list of clients to finish in this turn, or of leftovers */
    struct bzs_link held; /**< in the loop's list of clients with held replies */
    struct bzs_wait wait; /**< what the last command waits for; the ones behind it do not run meanwhile */
    struct bzs_link waiting;      /**< in the loop's list of clients that wait */
    struct bzs_queued *postponed; /**< the command to run when the server pauses no more; NULL: none */

    /* The session; changed by handlers, only in the thread of the loop */
    blitzdb *db; /**< handle of the keyspace, with the durability of the connection */
    enum bzs_client_durability durability;
    bool holds_replies; /**< writes are answered after their sync */
    bool authenticated; /**< true from the start if no password is set; see bzs_client_set_authenticated() */
    bool in_exec;       /**< the commands of a transaction run: none of them may wait */
    int64_t stranger_since_ms; /**< since when it is not, on the clock of `tick_ms` */
    struct bzs_multi *multi;   /**< what MULTI has queued and WATCH watches; NULL: nothing */

    /* Shown by CLIENT LIST: written by the loop's thread, read by others under the loop's clients' mutex */
    struct bzs_link all;                         /**< in the loop's list of all clients */
    char *name, *library_name, *library_version; /**< changed under the mutex; NULL: none */
    _Atomic unsigned keyspace;
    _Atomic int protocol;
    _Atomic unsigned modes;          /**< ::bzs_client_modes */
    _Atomic unsigned blocked;        /**< ::bzs_client_blocked; others may end it */
    _Atomic(struct bzs_peer *) peer; /**< how others reach it, made when first needed; see peer.h */
    _Atomic int64_t last_ms;         /**< when the last bytes came or went, on the same clock */
    _Atomic(const struct bzs_command *) command; /**< the last one run, NULL before the first */
    _Atomic uint32_t input_bytes, input_room;    /**< as of the end of the last turn */
    _Atomic uint32_t output_bytes, output_room;  /**< as of then */
    _Atomic uint32_t multi_bytes;                /**< of the queue of MULTI, as of then */
    _Atomic int multi_commands;                  /**< in that queue, -1: none */
    _Atomic bool killed;                         /**< others may say that it has to be closed */

    char address[]; /**< of the peer, "[address]:port" or the path of a socket; then that of this side */
};

/**
 * Creates a client in keyspace 0, speaking RESP2. The socket is the client's once this succeeded.
 * @retval NULL no memory.
 */
struct bzs_client *bzs_client_create(struct bzs_loop *loop, int fd);

/** Closes the socket, leaves all lists but `all` and releases everything. NULL is allowed. */
void bzs_client_destroy(struct bzs_client *client);

/**
 * Where the next bytes should be received because they belong to a long value, so that they are not copied
 * once more; then bzs_input_received() and bzs_client_input() with no bytes follow.
 * @retval NULL anywhere will do.
 */
char *bzs_client_room(struct bzs_client *client, size_t *size_out);

/**
 * Runs the commands in these bytes, after those already waiting, up to the share of one turn. The bytes are
 * changed (inline commands are unquoted in place). `size` 0 goes on with what is waiting.
 */
void bzs_client_input(struct bzs_client *client, char *data, size_t size);

/** Brings the session back to how it began: what RESET does, the protocol and the login included. */
void bzs_client_reset_session(struct bzs_client *client);

/** Chooses the keyspace; false if there is no such one. */
bool bzs_client_select(struct bzs_client *client, unsigned keyspace);

/** Chooses the durability of the writes to come. Without a log, all are the same. */
void bzs_client_set_durability(struct bzs_client *client, enum bzs_client_durability durability);

/** Takes over what changed at the server: the database, once it is loaded, and the setting `appendfsync`. */
void bzs_client_follow(struct bzs_client *client);

/** Where the log ended behind the last write of this connection, or somewhat later. */
uint64_t bzs_client_log_position(const struct bzs_client *client);

/** Logs the connection in or out; the server counts who is out. */
void bzs_client_set_authenticated(struct bzs_client *client, bool authenticated);

/** Chooses protocol 2 or 3 for the replies. */
void bzs_client_set_protocol(struct bzs_client *client, int protocol);

/** Replaces one of the texts shown by CLIENT LIST; empty: none. False if memory ran out. */
bool bzs_client_set_text(struct bzs_client *client, char **text, struct bzs_slice value);

/** Bytes of the output that may be sent now. */
size_t bzs_client_sendable(const struct bzs_client *client);

/** Holds everything put out since `turn_begin` until the log is durable up to `log_position`. */
void bzs_client_hold(struct bzs_client *client, uint64_t log_position);

/** Lets go what is durable; false while something is still held. */
bool bzs_client_release(struct bzs_client *client, uint64_t durable_position);

/** True while the last command waits. */
static inline bool bzs_client_is_waiting(const struct bzs_client *client) {
    return client->wait.kind != BZS_WAIT_NONE;
}

/** Joins the clients of the loop that wait, for what `wait` says. */
void bzs_client_begin_wait(struct bzs_client *client);

/** Waits no more; tells whether somebody else has ended it. */
enum bzs_client_blocked bzs_client_end_wait(struct bzs_client *client);

/** True while something is held. */
bool bzs_client_is_held(const struct bzs_client *client);

/** Takes back the answers that are held, or else those of this turn, which cannot be kept, and closes the
 * connection. */
void bzs_client_take_back(struct bzs_client *client);

/**
 * True while no command may run: so much output waits, for the syncer or for the peer to read it, or the last
 * command waits itself.
 */
bool bzs_client_is_paused(const struct bzs_client *client);

/** The address of this side. */
static inline const char *bzs_client_local_address(const struct bzs_client *client) {
    return client->address + strlen(client->address) + 1;
}

/** Refreshes the numbers that CLIENT LIST shows; more than 4 GiB are shown as that. */
void bzs_client_publish(struct bzs_client *client);

/** Appends the line of CLIENT LIST and CLIENT INFO, with its line end, to `line_out`. */
void bzs_client_describe(const struct bzs_client *client, int64_t tick_ms, struct bzs_reply *line_out);

#endif
