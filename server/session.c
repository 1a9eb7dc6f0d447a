#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "accounting.h"
#include "command_login.h"
#include "loop.h"
#include "monitor.h"
#include "multi.h"
#include "tracking.h"

void bzs_session_set_mode(struct bzs_client *client, unsigned mode, bool on) {
    unsigned modes = atomic_load_explicit(&client->modes, memory_order_relaxed);
    atomic_store_explicit(&client->modes, on ? modes | mode : modes & ~mode, memory_order_relaxed);
}

/* ---- May it run? ---- */

/** What a subscriber may call that speaks RESP2, where a push looks like a reply. */
static bool fits_subscriber(const struct bzs_command *command) {
    static const char *const allowed[] = {"ping",         "subscribe",    "unsubscribe",
                                          "psubscribe",   "punsubscribe", "ssubscribe",
                                          "sunsubscribe", "quit",         "reset"};
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (strcmp(command->name, allowed[i]) == 0)
            return true;
    return false;
}

static bool refuses_mode(struct bzs_call *call) {
    unsigned modes = call->client->modes;
    bool is_subscriber = (modes & BZS_MODE_SUBSCRIBED) != 0 && call->reply->protocol < 3;
    if (is_subscriber && !fits_subscriber(call->command)) {
        bzs_reply_error(call->reply,
                        "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                        "RESET are allowed in this context",
                        call->command->name);
        return true;
    }
    if ((modes & BZS_MODE_MONITOR) != 0 && (call->command->flags & (BZS_READONLY | BZS_WRITE)) != 0) {
        bzs_reply_error(call->reply, "ERR Replica can't interact with the keyspace");
        return true;
    }
    return false;
}

/** When the pause ends that concerns the command; 0: none does. EXEC writes what was queued. */
static int64_t paused_until(const struct bzs_client *client, const struct bzs_command *command) {
    const struct bzs_server *server = client->server;
    int64_t tick_ms = client->loop->tick_ms;
    unsigned queued_flags =
        strcmp(command->name, "exec") == 0 && client->multi != NULL ? client->multi->flags : 0;
    int64_t until_ms = atomic_load(&server->hub.pause_until_ms);
    bool publishes = strcmp(command->group, "pubsub") == 0 && (command->flags & BZS_FAST) != 0;
    bool writes = ((command->flags | queued_flags) & BZS_WRITE) != 0;
    bool concerned = atomic_load(&server->hub.pause_all) || writes || publishes;
    return concerned && until_ms > tick_ms ? until_ms : 0;
}

/** Puts the command off if the server pauses. Who finds that the time is up takes the pause back, so that
 * commands need not look at it any more. */
static bool postpones(struct bzs_call *call) {
    struct bzs_client *client = call->client;
    struct bzs_hub *hub = &call->server->hub;
    if ((atomic_load(&hub->watching) & BZS_WATCHING_PAUSE) == 0 || atomic_load(&call->server->stopping) ||
        (client->modes & BZS_MODE_MONITOR) != 0)
        return false;
    if (atomic_load(&hub->pause_until_ms) <= client->loop->tick_ms)
        bzs_hub_end_old_pause(hub, client->loop->tick_ms);
    int64_t until_ms = paused_until(client, call->command);
    if (until_ms == 0)
        return false;
    size_t size;
    client->postponed = bzs_queued_create(call, &size);
    if (client->postponed == NULL)
        client->close_now = true;
    else
        client->wait = (struct bzs_wait){.kind = BZS_WAIT_PAUSE, .needs_time = true, .until_ms = until_ms};
    return true;
}

bool bzs_session_admits(struct bzs_call *call) {
    return !refuses_mode(call) && !postpones(call);
}

void bzs_session_resume(struct bzs_client *client) {
    struct bzs_queued *postponed = client->postponed;
    if (postponed == NULL)
        return;
    client->postponed = NULL;
    struct bzs_call call = {.server = client->server,
                            .client = client,
                            .db = client->db,
                            .argc = postponed->argc,
                            .argv = postponed->argv,
                            .reply = &client->reply};
    bzs_account_begin(client); /* the pause is nobody's time */
    bzs_command_run(&call);
    bzs_account_close(client);
    free(postponed);
}

/* ---- Running it ---- */

/** True if the keys of this command have to be remembered for the client. */
static bool is_tracked(const struct bzs_call *call, const struct bzs_peer *peer) {
    unsigned flags = peer != NULL ? atomic_load_explicit(&peer->tracking, memory_order_relaxed) : 0;
    bool is_marked = (call->client->modes & BZS_MODE_CACHING) != 0;
    if ((flags & BZS_TRACKING_ON) == 0 || (flags & BZS_TRACKING_BCAST) != 0 ||
        (call->command->flags & BZS_READONLY) == 0)
        return false;
    if ((flags & BZS_TRACKING_OPTIN) != 0)
        return is_marked;
    return (flags & BZS_TRACKING_OPTOUT) == 0 || !is_marked;
}

static void remember_keys(const struct bzs_call *call, struct bzs_peer *peer) {
    const struct bzs_command *command = call->command;
    if (command->first_key == 0)
        return;
    size_t last = bzs_command_last_key(command, call->argc);
    for (size_t i = (size_t)command->first_key; i <= last && i < call->argc; i += (size_t)command->key_step)
        bzs_tracking_remember(call->server, peer, call->argv[i]);
}

void bzs_session_handle(struct bzs_call *call) {
    struct bzs_peer *peer = atomic_load_explicit(&call->client->peer, memory_order_relaxed);
    bool tracked = is_tracked(call, peer);
    if (tracked)
        remember_keys(call, peer);
    call->command->handler(call);
    if (tracked)
        remember_keys(call, peer);
    if ((atomic_load(&call->server->hub.watching) & BZS_WATCHING_MONITORS) != 0)
        bzs_monitor_show(call);
}

/** Confirmations of subscriptions are pushes, which are never muted. */
static bool is_push(const struct bzs_call *call) {
    return call->command != NULL && strcmp(call->command->group, "pubsub") == 0 &&
           (call->command->flags & BZS_NOSCRIPT) != 0;
}

/** CLIENT CACHING counts for the next command that is none of CLIENT's, refused or not, and for all of a
 * transaction. */
static void forget_caching(const struct bzs_call *call) {
    bool is_client = call->command != NULL && strncmp(call->command->name, "client|", 7) == 0;
    bool is_queueing = bzs_multi_is_open(call->client->multi);
    bool is_postponed = call->client->wait.kind == BZS_WAIT_PAUSE;
    if (!is_client && !is_queueing && !is_postponed)
        bzs_session_set_mode(call->client, BZS_MODE_CACHING, false);
}

/** Lets CLIENT REPLY have its effect. */
static void mute(struct bzs_call *call, uint64_t output_begin) {
    struct bzs_client *client = call->client;
    unsigned modes = client->modes;
    if (bzs_client_is_waiting(client)) /* it is answered later */
        return;
    if ((modes & (BZS_MODE_REPLY_OFF | BZS_MODE_REPLY_SKIP)) != 0 && !is_push(call))
        bzs_reply_truncate(call->reply, output_begin);
    if ((modes & BZS_MODE_REPLY_SKIP_NEXT) != 0)
        modes = (modes & ~(unsigned)BZS_MODE_REPLY_SKIP_NEXT) | BZS_MODE_REPLY_SKIP;
    else
        modes &= ~(unsigned)BZS_MODE_REPLY_SKIP;
    atomic_store_explicit(&client->modes, modes, memory_order_relaxed);
}

void bzs_session_conclude(struct bzs_call *call, uint64_t output_begin) {
    if ((call->client->modes & BZS_MODE_CACHING) != 0)
        forget_caching(call);
    mute(call, output_begin);
}

bool bzs_session_is_unblocked(const struct bzs_client *client) {
    return atomic_load(&client->blocked) > BZS_BLOCKED ||
           (client->wait.kind == BZS_WAIT_PAUSE && paused_until(client, client->postponed->command) == 0);
}

bool bzs_session_end_wait(struct bzs_client *client, const struct bzs_wait_state *state) {
    struct bzs_wait wait = client->wait;
    uint64_t output_begin = bzs_reply_stream_end(&client->reply);
    enum bzs_client_blocked blocked = bzs_client_end_wait(client);
    if (wait.kind == BZS_WAIT_PAUSE)
        return false;
    if (wait.kind == BZS_WAIT_LOGIN)
        bzs_login_end(client);
    else if (blocked == BZS_UNBLOCK_ERROR)
        bzs_reply_error(&client->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else
        bzs_wait_answer(&wait, state, &client->reply);
    if ((client->modes & (BZS_MODE_REPLY_OFF | BZS_MODE_REPLY_SKIP)) != 0)
        bzs_reply_truncate(&client->reply, output_begin);
    bzs_session_set_mode(client, BZS_MODE_REPLY_SKIP, false);
    return true;
}

void bzs_session_end(struct bzs_client *client) {
    const unsigned kept = BZS_MODE_NO_EVICT | BZS_MODE_NO_TOUCH;
    struct bzs_peer *peer = atomic_load_explicit(&client->peer, memory_order_relaxed);
    atomic_store_explicit(&client->modes, client->modes & kept, memory_order_relaxed);
    if (peer == NULL)
        return;
    bzs_tracking_stop(client->server, peer);
    bzs_monitor_stop(client->server, peer);
    bzs_peer_leave_all(peer);
}
