#include <string.h>

#include "client.h"
#include "command.h"
#include "loop.h"
#include "server.h"

static void run_ping(struct bzs_call *call) {
    if (call->argc > 2)
        bzs_reply_arity_error(call);
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

static void run_reset(struct bzs_call *call) {
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

static bool is_printable(struct bzs_slice text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '!' || text.data[i] > '~')
            return false;
    return true;
}

bool bzs_arg_set_name(struct bzs_call *call, struct bzs_slice name) {
    if (!is_printable(name)) {
        bzs_reply_error(call->reply,
                        "ERR Client names cannot contain spaces, newlines or special characters.");
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
    if (!is_printable(call->argv[3])) {
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

/** CLIENT NO-EVICT and NO-TOUCH: libraries send them; no client is ever evicted, and nothing depends on it.
 */
static void run_client_switch(struct bzs_call *call) {
    if (bzs_arg_is(call->argv[2], "on") || bzs_arg_is(call->argv[2], "off"))
        bzs_reply_simple(call->reply, "OK");
    else
        bzs_reply_syntax_error(call);
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

/** Answers with text gathered in a writer of its own, which is released. */
static void reply_gathered(struct bzs_call *call, struct bzs_reply *text) {
    call->reply->failed |= text->failed;
    bzs_reply_verbatim(call->reply, text->data, text->size);
    bzs_reply_deinit(text);
}

static void run_client_info(struct bzs_call *call) {
    struct bzs_reply text;
    bzs_reply_init(&text);
    bzs_client_publish(call->client);
    bzs_client_describe(call->client, call->client->loop->tick_ms, &text);
    reply_gathered(call, &text);
}

enum { EVERYBODY = 0 }; /* instead of the number of a client; these begin with 1 */

/** Gathers the lines of all clients, or of the one with this number. */
static void gather_clients(struct bzs_call *call, uint64_t id, struct bzs_reply *text_out) {
    for (unsigned i = 0; i < call->server->loop_count; i++) {
        struct bzs_loop *loop = &call->server->loops[i];
        pthread_mutex_lock(&loop->clients_mutex);
        for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
            const struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
            if (id == EVERYBODY || client->id == id)
                bzs_client_describe(client, call->client->loop->tick_ms, text_out);
        }
        pthread_mutex_unlock(&loop->clients_mutex);
    }
}

static void list_all_clients(struct bzs_call *call) {
    struct bzs_reply text;
    bzs_reply_init(&text);
    bzs_client_publish(call->client);
    gather_clients(call, EVERYBODY, &text);
    reply_gathered(call, &text);
}

/** One line for every number that somebody has, in the order they were asked for. */
static void list_clients_by_id(struct bzs_call *call) {
    struct bzs_reply text;
    bzs_reply_init(&text);
    bzs_client_publish(call->client);
    for (size_t i = 3; i < call->argc; i++) {
        int64_t id;
        if (!bzs_parse_integer(call->argv[i], &id)) {
            bzs_reply_deinit(&text);
            bzs_reply_error(call->reply, "ERR Invalid client ID");
            return;
        }
        if (id > 0)
            gather_clients(call, (uint64_t)id, &text);
    }
    reply_gathered(call, &text);
}

static void list_clients_by_type(struct bzs_call *call) {
    static const char *const absent[] = {"master", "replica", "slave", "pubsub"};
    struct bzs_slice type = call->argv[3];
    if (bzs_arg_is(type, "normal")) {
        list_all_clients(call);
        return;
    }
    bool known = false;
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        known |= bzs_arg_is(type, absent[i]);
    if (known)
        bzs_reply_verbatim(call->reply, "", 0);
    else
        bzs_reply_error(call->reply, "ERR Unknown client type '%.*s'", (int)type.size, type.data);
}

static void run_client_list(struct bzs_call *call) {
    if (call->argc == 2)
        list_all_clients(call);
    else if (call->argc == 4 && bzs_arg_is(call->argv[2], "type"))
        list_clients_by_type(call);
    else if (call->argc > 3 && bzs_arg_is(call->argv[2], "id"))
        list_clients_by_id(call);
    else
        bzs_reply_syntax_error(call);
}

static void run_client_help(struct bzs_call *call) {
    static const char *const lines[] = {"DURABILITY [ALWAYS|EVERYSEC|NO|DEFAULT]",
                                        "    When writes of this connection are safe.",
                                        "GETNAME",
                                        "    The name of this connection.",
                                        "ID",
                                        "    The number of this connection.",
                                        "INFO",
                                        "    The line of CLIENT LIST for this connection.",
                                        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <id> [<id> ...]]",
                                        "    One line per connection.",
                                        "NO-EVICT (ON|OFF)",
                                        "    Accepted for compatibility.",
                                        "NO-TOUCH (ON|OFF)",
                                        "    Accepted for compatibility.",
                                        "SETINFO (LIB-NAME|LIB-VER) <text>",
                                        "    Tell which library this connection uses.",
                                        "SETNAME <name>",
                                        "    Give this connection a name.",
                                        NULL};
    bzs_reply_help(call, lines);
}

enum { SESSION = BZS_NOSCRIPT | BZS_LOADING | BZS_STALE };

static const struct bzs_command client_commands[] = {
    {"client|durability", run_client_durability, -2, SESSION, 0, 0, 0, NULL, "connection", "0.1.0",
     "Tells or changes when writes of the connection are safe."},
    {"client|getname", run_client_getname, 2, SESSION, 0, 0, 0, NULL, "connection", "2.6.9",
     "Returns the name of the connection."},
    {"client|help", run_client_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "connection", "5.0.0",
     "Explains the subcommands."},
    {"client|id", run_client_id, 2, SESSION, 0, 0, 0, NULL, "connection", "5.0.0",
     "Returns the number of the connection."},
    {"client|info", run_client_info, 2, SESSION, 0, 0, 0, NULL, "connection", "6.2.0",
     "Describes the connection."},
    {"client|list", run_client_list, -2, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "2.4.0",
     "Describes all connections."},
    {"client|no-evict", run_client_switch, 3, SESSION | BZS_ADMIN, 0, 0, 0, NULL, "connection", "7.0.0",
     "Keeps the connection out of client eviction."},
    {"client|no-touch", run_client_switch, 3, SESSION, 0, 0, 0, NULL, "connection", "7.2.0",
     "Keeps reads of the connection from counting as use."},
    {"client|setinfo", run_client_setinfo, 4, SESSION, 0, 0, 0, NULL, "connection", "7.2.0",
     "Tells the name or version of the client library."},
    {"client|setname", run_client_setname, 3, SESSION, 0, 0, 0, NULL, "connection", "2.6.9",
     "Names the connection."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_connection[] = {
    {"client", NULL, -2, 0, 0, 0, 0, client_commands, "connection", "2.4.0",
     "Groups the commands about connections."},
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
