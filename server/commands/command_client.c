/**
 * @file
 * @brief CLIENT and MONITOR: the table, and what is about the own connection.
 */
#include "command_client.h"

#include "client.h"
#include "loop.h"
#include "monitor.h"
#include "peer.h"
#include "server.h"
#include "session.h"

bool bzs_name_is_valid(struct bzs_slice name) {
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < '!' || name.data[i] > '~')
            return false;
    return true;
}

bool bzs_arg_set_name(struct bzs_call *call, struct bzs_slice name) {
    if (!bzs_name_is_valid(name)) {
        bzs_reply_error(call->reply, BZS_BAD_NAME);
        return false;
    }
    if (!bzs_client_set_text(call->client, &call->client->name, name)) {
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
        return false;
    }
    return true;
}

static void run_client_id(struct bzs_call *call) {
    bzs_reply_integer(call->reply, (int64_t)call->client->id);
}

static void run_client_getname(struct bzs_call *call) {
    if (call->client->name == NULL)
        bzs_reply_null(call->reply);
    else
        bzs_reply_text(call->reply, call->client->name);
}

static void run_client_setname(struct bzs_call *call) {
    if (bzs_arg_set_name(call, call->argv[2]))
        bzs_reply_simple(call->reply, "OK");
}

static void run_client_setinfo(struct bzs_call *call) {
    struct bzs_slice option = call->argv[2];
    bool is_name = bzs_arg_is(option, "lib-name");
    if (!is_name && !bzs_arg_is(option, "lib-ver")) {
        bzs_reply_error(call->reply, "ERR Unrecognized option '%.*s'", (int)option.size, option.data);
        return;
    }
    if (!bzs_name_is_valid(call->argv[3])) {
        bzs_reply_error(call->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                        is_name ? "lib-name" : "lib-ver");
        return;
    }
    char **text = is_name ? &call->client->library_name : &call->client->library_version;
    if (bzs_client_set_text(call->client, text, call->argv[3]))
        bzs_reply_simple(call->reply, "OK");
    else
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
}

static const char *const durability_words[] = {
    [BZS_CLIENT_DURABILITY_DEFAULT] = "default",
    [BZS_CLIENT_DURABILITY_ALWAYS] = "always",
    [BZS_CLIENT_DURABILITY_EVERYSEC] = "everysec",
    [BZS_CLIENT_DURABILITY_NO] = "no",
};

static void set_durability(struct bzs_call *call, enum bzs_client_durability durability) {
    bool promises =
        durability == BZS_CLIENT_DURABILITY_ALWAYS || durability == BZS_CLIENT_DURABILITY_EVERYSEC;
    if (promises && !call->server->logs_writes) {
        bzs_reply_error(call->reply, "ERR this server has no log that could be synced: it needs 'dir', and "
                                     "'appendonly' must not be 'no'");
        return;
    }
    bzs_client_set_durability(call->client, durability);
    bzs_reply_simple(call->reply, "OK");
}

/** CLIENT DURABILITY, which Redis does not have: tells or changes when writes of this connection are safe. */
static void run_client_durability(struct bzs_call *call) {
    if (call->argc == 2) {
        bzs_reply_text(call->reply, durability_words[call->client->durability]);
        return;
    }
    for (unsigned i = 0; call->argc == 3 && i < sizeof(durability_words) / sizeof(*durability_words); i++) {
        if (bzs_arg_is(call->argv[2], durability_words[i])) {
            set_durability(call, (enum bzs_client_durability)i);
            return;
        }
    }
    if (call->argc == 3)
        bzs_reply_error(call->reply, "ERR durability must be one of always, everysec, no, default");
    else
        bzs_reply_syntax_error(call);
}

/** Reads ON or OFF; false: the error reply has been written. */
static bool read_switch(struct bzs_call *call, bool *on_out) {
    *on_out = bzs_arg_is(call->argv[2], "on");
    bool known = *on_out || bzs_arg_is(call->argv[2], "off");
    if (!known)
        bzs_reply_syntax_error(call);
    return known;
}

/** No client is ever evicted; libraries ask for it all the same, and CLIENT LIST shows it. */
static void run_client_no_evict(struct bzs_call *call) {
    bool on;
    if (read_switch(call, &on)) {
        bzs_session_set_mode(call->client, BZS_MODE_NO_EVICT, on);
        bzs_reply_simple(call->reply, "OK");
    }
}

/** Reads mark entries as used all the same: that is one bit, and nothing but the choice of victims depends
 * on it. */
static void run_client_no_touch(struct bzs_call *call) {
    bool on;
    if (read_switch(call, &on)) {
        bzs_session_set_mode(call->client, BZS_MODE_NO_TOUCH, on);
        bzs_reply_simple(call->reply, "OK");
    }
}

/** CLIENT REPLY: what is to be muted bzs_session_mute() takes back. */
static void run_client_reply(struct bzs_call *call) {
    struct bzs_client *client = call->client;
    if (bzs_arg_is(call->argv[2], "on")) {
        bzs_session_set_mode(client, BZS_MODE_REPLY_OFF | BZS_MODE_REPLY_SKIP, false);
        bzs_reply_simple(call->reply, "OK");
    } else if (bzs_arg_is(call->argv[2], "off")) {
        bzs_session_set_mode(client, BZS_MODE_REPLY_OFF, true);
    } else if (bzs_arg_is(call->argv[2], "skip")) {
        bzs_session_set_mode(client, BZS_MODE_REPLY_SKIP_NEXT, (client->modes & BZS_MODE_REPLY_OFF) == 0);
    } else {
        bzs_reply_syntax_error(call);
    }
}

static void run_monitor(struct bzs_call *call) {
    struct bzs_peer *peer = call->client->in_exec ? NULL : bzs_peer_of(call->client);
    if (call->client->in_exec) {
        bzs_reply_error(call->reply, "ERR MONITOR isn't allowed for DENY BLOCKING client");
    } else if (peer == NULL || !bzs_monitor_start(call->server, peer)) {
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
    } else {
        bzs_session_set_mode(call->client, BZS_MODE_MONITOR, true);
        bzs_reply_simple(call->reply, "OK");
    }
}

static void run_client_help(struct bzs_call *call) {
    static const char *const lines[] = {"CACHING (YES|NO)",
                                        "    Whether the next command's keys are tracked.",
                                        "DURABILITY [ALWAYS|EVERYSEC|NO|DEFAULT]",
                                        "    When writes of this connection are safe.",
                                        "GETNAME",
                                        "    The name of this connection.",
                                        "GETREDIR",
                                        "    The connection that takes this one's invalidations.",
                                        "ID",
                                        "    The number of this connection.",
                                        "INFO",
                                        "    The line of CLIENT LIST for this connection.",
                                        "KILL <ip:port>",
                                        "    Close the connection from this address.",
                                        "KILL <filter> <value> [<filter> <value> ...]",
                                        "    Close the connections that pass all filters: ID, TYPE, USER,",
                                        "    ADDR, LADDR; SKIPME (YES|NO) says whether this one stays.",
                                        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <id> [<id> ...]]",
                                        "    One line per connection.",
                                        "NO-EVICT (ON|OFF)",
                                        "    Accepted for compatibility.",
                                        "NO-TOUCH (ON|OFF)",
                                        "    Accepted for compatibility.",
                                        "PAUSE <milliseconds> [WRITE|ALL]",
                                        "    Let commands, or those that write, wait.",
                                        "REPLY (ON|OFF|SKIP)",
                                        "    Whether commands of this connection are answered.",
                                        "SETINFO (LIB-NAME|LIB-VER) <text>",
                                        "    Tell which library this connection uses.",
                                        "SETNAME <name>",
                                        "    Give this connection a name.",
                                        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...]",
                                        "         [OPTIN] [OPTOUT] [NOLOOP]",
                                        "    Be told which of the keys that were read have changed.",
                                        "TRACKINGINFO",
                                        "    How this connection's keys are tracked.",
                                        "UNBLOCK <id> [TIMEOUT|ERROR]",
                                        "    End the wait of a connection.",
                                        "UNPAUSE",
                                        "    End a pause.",
                                        NULL};
    bzs_reply_help(call, lines);
}

enum { SESSION = BZS_NOSCRIPT | BZS_LOADING | BZS_STALE };

static const struct bzs_command client_commands[] = {
    {"client|caching", bzs_run_client_caching, 3, SESSION, 0, 0, 0, NULL, "connection", "6.0.0",
     "Says whether the next command's keys are tracked."},
    {"client|durability", run_client_durability, -2, SESSION, 0, 0, 0, NULL, "connection", "0.1.0",
     "Tells or changes when writes of the connection are safe."},
    {"client|getname", run_client_getname, 2, SESSION, 0, 0, 0, NULL, "connection", "2.6.9",
     "Returns the name of the connection."},
    {"client|getredir", bzs_run_client_getredir, 2, SESSION, 0, 0, 0, NULL, "connection", "6.0.0",
     "Tells which connection takes the invalidations of this one."},
    {"client|help", run_client_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "connection", "5.0.0",
     "Explains the subcommands."},
    {"client|id", run_client_id, 2, SESSION, 0, 0, 0, NULL, "connection", "5.0.0",
     "Returns the number of the connection."},
    {"client|info", bzs_run_client_info, 2, SESSION, 0, 0, 0, NULL, "connection", "6.2.0",
     "Describes the connection."},
    {"client|kill", bzs_run_client_kill, -3, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "2.4.0",
     "Closes connections."},
    {"client|list", bzs_run_client_list, -2, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "2.4.0",
     "Describes all connections."},
    {"client|no-evict", run_client_no_evict, 3, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "7.0.0",
     "Keeps the connection out of client eviction."},
    {"client|no-touch", run_client_no_touch, 3, SESSION, 0, 0, 0, NULL, "connection", "7.2.0",
     "Keeps reads of the connection from counting as use."},
    {"client|pause", bzs_run_client_pause, -3, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "2.9.50",
     "Lets commands, or those that write, wait for some time."},
    {"client|reply", run_client_reply, 3, SESSION, 0, 0, 0, NULL, "connection", "3.2.0",
     "Says whether commands of the connection are answered."},
    {"client|setinfo", run_client_setinfo, 4, SESSION, 0, 0, 0, NULL, "connection", "7.2.0",
     "Tells the name or version of the client library."},
    {"client|setname", run_client_setname, 3, SESSION, 0, 0, 0, NULL, "connection", "2.6.9",
     "Names the connection."},
    {"client|tracking", bzs_run_client_tracking, -3, SESSION, 0, 0, 0, NULL, "connection", "6.0.0",
     "Tells the connection which keys it has read have changed."},
    {"client|trackinginfo", bzs_run_client_trackinginfo, 2, SESSION, 0, 0, 0, NULL, "connection", "6.2.0",
     "Tells how the connection's keys are tracked."},
    {"client|unblock", bzs_run_client_unblock, -3, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "5.0.0",
     "Ends the wait of a connection."},
    {"client|unpause", bzs_run_client_unpause, 2, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "6.2.0",
     "Ends a pause."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_client[] = {
    {"client", NULL, -2, 0, 0, 0, 0, client_commands, "connection", "2.4.0",
     "Groups the commands about connections."},
    {"monitor", run_monitor, 1, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "server", "1.0.0",
     "Shows every command that runs."},
    {.name = NULL},
};
