/**
 * @file
 * @brief What stands between a command and its handler in sessions that are not plain ones: subscribers,
 *        monitors, pauses, muted replies, tracked reads.
 *
 * A plain session on a server where nobody watches passes with one branch: bzs_session_is_special() looks at
 * the client's own modes and at what the server watches, and only then is anything of this module run.
 */
#ifndef BLITZDB_SERVER_SESSION_H
#define BLITZDB_SERVER_SESSION_H

#include "client.h"
#include "command.h"
#include "server.h"

/** True if a step of this module may have something to do. */
static inline bool bzs_session_is_special(const struct bzs_call *call) {
    unsigned watching = atomic_load_explicit(&call->server->hub.watching, memory_order_relaxed);
    unsigned modes = atomic_load_explicit(&call->client->modes, memory_order_relaxed);
    return __builtin_expect((watching | modes) != 0, 0);
}

/**
 * The steps after the password's: false if the command must not run now. It was answered then, or, if the
 * server pauses, put off: the client waits and runs it later.
 */
bool bzs_session_admits(struct bzs_call *call);

/** Runs the handler, shows the command to monitors and remembers what a tracked client reads. */
void bzs_session_handle(struct bzs_call *call);

/** Ends a command of the client, also a refused one, but none inside EXEC: CLIENT CACHING and CLIENT REPLY
 * SKIP take their course, and what was put out since this point of the stream is taken back if CLIENT REPLY
 * says so. */
void bzs_session_conclude(struct bzs_call *call, uint64_t output_begin);

/** Runs the command that was put off, if there is one. */
void bzs_session_resume(struct bzs_client *client);

/** True if CLIENT UNBLOCK has ended the client's wait. */
bool bzs_session_is_unblocked(const struct bzs_client *client);

/** Ends a wait that is over and answers; false: it was a pause, and the command has to run now. */
bool bzs_session_end_wait(struct bzs_client *client, const struct bzs_wait_state *state);

/** Ends subscriptions, tracking, monitoring and muted replies: RESET, and before a client is closed. */
void bzs_session_end(struct bzs_client *client);

/** Turns a mode of the client on or off; in the thread of its loop. */
void bzs_session_set_mode(struct bzs_client *client, unsigned mode, bool on);

#endif
