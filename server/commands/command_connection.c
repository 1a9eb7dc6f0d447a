/**
 * @file
 * @brief ECHO, PING, QUIT, RESET and SELECT.
 */
#include "client.h"
#include "command.h"
#include "delivery.h"
#include "loop.h"
#include "session.h"

/** A subscriber that speaks RESP2 cannot tell replies from pushes, so it is answered with something like one.
 */
static void reply_pong_as_push(struct bzs_call *call) {
    bzs_reply_array(call->reply, 2);
    bzs_reply_text(call->reply, "pong");
    if (call->argc == 2)
        bzs_reply_bulk(call->reply, call->argv[1].data, call->argv[1].size);
    else
        bzs_reply_text(call->reply, "");
}

static void run_ping(struct bzs_call *call) {
    bool is_subscriber = (call->client->modes & BZS_MODE_SUBSCRIBED) != 0 && call->reply->protocol < 3;
    if (call->argc > 2)
        bzs_reply_arity_error(call);
    else if (is_subscriber)
        reply_pong_as_push(call);
    else if (call->argc == 2)
        bzs_reply_bulk(call->reply, call->argv[1].data, call->argv[1].size);
    else
        bzs_reply_simple(call->reply, "PONG");
}

static void run_echo(struct bzs_call *call) {
    bzs_reply_bulk(call->reply, call->argv[1].data, call->argv[1].size);
}

static void run_quit(struct bzs_call *call) {
    bzs_reply_simple(call->reply, "OK");
    call->client->close_when_sent = true;
}

/** What was sent to the old session is delivered before the new one begins. */
static void run_reset(struct bzs_call *call) {
    bzs_session_end(call->client);
    bzs_delivery_take_mail(call->client->loop);
    bzs_client_reset_session(call->client);
    bzs_reply_simple(call->reply, "RESET");
}

static void run_select(struct bzs_call *call) {
    unsigned keyspace;
    if (!bzs_arg_keyspace(call, 1, &keyspace))
        return;
    if (bzs_client_select(call->client, keyspace))
        bzs_reply_simple(call->reply, "OK");
    else
        bzs_reply_error(call->reply, "ERR DB index is out of range");
}

enum { SESSION = BZS_NOSCRIPT | BZS_LOADING | BZS_STALE };

const struct bzs_command bzs_commands_connection[] = {
    {"echo", run_echo, 2, BZS_FAST | BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "connection", "1.0.0",
     "Returns its argument."},
    {"ping", run_ping, -1, BZS_FAST, 0, 0, 0, NULL, "connection", "1.0.0", "Shows that the server is there."},
    {"quit", run_quit, -1, SESSION | BZS_FAST | BZS_NOAUTH | BZS_ALLOW_BUSY | BZS_NOT_QUEUED, 0, 0, 0, NULL,
     "connection", "1.0.0", "Closes the connection."},
    {"reset", run_reset, 1, SESSION | BZS_FAST | BZS_NOAUTH | BZS_ALLOW_BUSY | BZS_NOT_QUEUED, 0, 0, 0, NULL,
     "connection", "6.2.0", "Brings the connection back to its first state."},
    {"select", run_select, 2, BZS_LOADING | BZS_STALE | BZS_FAST, 0, 0, 0, NULL, "connection", "1.0.0",
     "Chooses the keyspace."},
    {.name = NULL},
};
