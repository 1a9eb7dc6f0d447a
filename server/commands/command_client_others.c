/**
 * @file
 * @brief CLIENT LIST, INFO, KILL, PAUSE and UNBLOCK: what is about connections as others see them.
 *
 * The clients of a loop are looked at under its clients' mutex. Nothing is done to them from here: a loop is
 * asked to close or to wake its own.
 */
#include <limits.h>
#include <string.h>

#include "client.h"
#include "command_client.h"
#include "loop.h"
#include "peer.h"
#include "server.h"

/** Which clients are meant. What is not given fits everybody. */
struct filter {
    uint64_t id;      /* 0: any */
    const char *type; /* of class_of(), NULL: any */
    struct bzs_slice address, local_address;
    bool skips_own;
};

/** The class that LIST TYPE and KILL TYPE ask for. */
static const char *class_of(const struct bzs_client *client) {
    bool subscribes = (atomic_load_explicit(&client->modes, memory_order_relaxed) & BZS_MODE_SUBSCRIBED) != 0;
    return subscribes ? "pubsub" : "normal";
}

static bool is_text(struct bzs_slice wanted, const char *text) {
    return wanted.data == NULL ||
           (wanted.size == strlen(text) && memcmp(wanted.data, text, wanted.size) == 0);
}

static bool fits(const struct filter *filter, const struct bzs_client *client, const struct bzs_client *own) {
    if (atomic_load_explicit(&client->killed, memory_order_relaxed))
        return false;
    return (filter->id == 0 || client->id == filter->id) && !(filter->skips_own && client == own) &&
           (filter->type == NULL || strcmp(filter->type, class_of(client)) == 0) &&
           is_text(filter->address, client->address) &&
           is_text(filter->local_address, bzs_client_local_address(client));
}

/** Calls for each client that fits, under the mutex of its loop; returns their number. */
static size_t for_each(struct bzs_call *call, const struct filter *filter,
                       void (*visit)(void *user, struct bzs_client *client), void *user) {
    size_t count = 0;
    for (unsigned i = 0; i < call->server->loop_count; i++) {
        struct bzs_loop *loop = &call->server->loops[i];
        pthread_mutex_lock(&loop->clients_mutex);
        for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
            struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
            if (fits(filter, client, call->client)) {
                visit(user, client);
                count++;
            }
        }
        pthread_mutex_unlock(&loop->clients_mutex);
    }
    return count;
}

/** Reads a type; NULL: the error reply has been written. There are no masters and no replicas here. */
static const char *read_type(struct bzs_call *call, struct bzs_slice type) {
    static const char *const types[] = {"normal", "pubsub", "replica", "slave", "master"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (bzs_arg_is(type, types[i]))
            return types[i];
    bzs_reply_error(call->reply, "ERR Unknown client type '%.*s'", bzs_shown_size(type), type.data);
    return NULL;
}

/* ---- LIST and INFO ---- */

/** Lines being gathered. */
struct lines {
    struct bzs_reply text;
    int64_t tick_ms;
};

static void add_line(void *user, struct bzs_client *client) {
    struct lines *lines = user;
    bzs_client_describe(client, lines->tick_ms, &lines->text);
}

static void begin_lines(struct bzs_call *call, struct lines *lines) {
    lines->tick_ms = call->client->loop->tick_ms;
    bzs_reply_init(&lines->text);
    bzs_client_publish(call->client);
}

static void reply_lines(struct bzs_call *call, struct lines *lines) {
    bzs_reply_take_verbatim(call->reply, &lines->text);
}

void bzs_run_client_info(struct bzs_call *call) {
    struct lines lines;
    begin_lines(call, &lines);
    add_line(&lines, call->client);
    reply_lines(call, &lines);
}

/** One line for every number that somebody has, in the order they were asked for. */
static void list_by_id(struct bzs_call *call) {
    struct lines lines;
    begin_lines(call, &lines);
    for (size_t i = 3; i < call->argc; i++) {
        int64_t id;
        if (!bzs_parse_integer(call->argv[i], &id)) {
            bzs_reply_deinit(&lines.text);
            bzs_reply_error(call->reply, "ERR Invalid client ID");
            return;
        }
        struct filter filter = {.id = (uint64_t)id};
        if (id > 0)
            for_each(call, &filter, add_line, &lines);
    }
    reply_lines(call, &lines);
}

static void list(struct bzs_call *call, const char *type) {
    struct lines lines;
    struct filter filter = {.type = type};
    begin_lines(call, &lines);
    for_each(call, &filter, add_line, &lines);
    reply_lines(call, &lines);
}

void bzs_run_client_list(struct bzs_call *call) {
    if (call->argc == 2) {
        list(call, NULL);
    } else if (call->argc == 4 && bzs_arg_is(call->argv[2], "type")) {
        const char *type = read_type(call, call->argv[3]);
        if (type != NULL)
            list(call, type);
    } else if (call->argc > 3 && bzs_arg_is(call->argv[2], "id")) {
        list_by_id(call);
    } else {
        bzs_reply_syntax_error(call);
    }
}

/* ---- KILL ---- */

/** The own connection is closed once it has its reply; others by their loops, before they run another
 * command.
 */
static void kill_one(void *user, struct bzs_client *client) {
    struct bzs_client *own = user;
    if (client == own) {
        client->close_when_sent = true;
        return;
    }
    atomic_store_explicit(&client->killed, true, memory_order_relaxed);
    bzs_loop_call(client->loop, BZS_CALL_KILL);
}

static bool read_user(struct bzs_call *call, struct bzs_slice name) {
    if (is_text(name, "default"))
        return true;
    bzs_reply_error(call->reply, "ERR No such user '%.*s'", bzs_shown_size(name), name.data);
    return false;
}

static bool read_id(struct bzs_call *call, struct bzs_slice text, uint64_t *id_out) {
    int64_t id;
    if (!bzs_parse_integer(text, &id) || id <= 0) {
        bzs_reply_error(call->reply, "ERR client-id should be greater than 0");
        return false;
    }
    *id_out = (uint64_t)id;
    return true;
}

/** Reads one filter of KILL; false: the error reply has been written. */
static bool read_filter(struct bzs_call *call, size_t index, struct filter *filter) {
    struct bzs_slice name = call->argv[index];
    struct bzs_slice value = call->argv[index + 1];
    if (bzs_arg_is(name, "id"))
        return read_id(call, value, &filter->id);
    if (bzs_arg_is(name, "type"))
        return (filter->type = read_type(call, value)) != NULL;
    if (bzs_arg_is(name, "user"))
        return read_user(call, value);
    if (bzs_arg_is(name, "addr")) {
        filter->address = value;
    } else if (bzs_arg_is(name, "laddr")) {
        filter->local_address = value;
    } else if (bzs_arg_is(name, "skipme") && (bzs_arg_is(value, "yes") || bzs_arg_is(value, "no"))) {
        filter->skips_own = bzs_arg_is(value, "yes");
    } else {
        bzs_reply_syntax_error(call);
        return false;
    }
    return true;
}

void bzs_run_client_kill(struct bzs_call *call) {
    struct filter filter = {.skips_own = call->argc > 3};
    bool is_old_form = call->argc == 3;
    if (is_old_form) {
        filter.address = call->argv[2];
    } else if (call->argc % 2 != 0) {
        bzs_reply_syntax_error(call);
        return;
    }
    for (size_t i = 2; !is_old_form && i < call->argc; i += 2)
        if (!read_filter(call, i, &filter))
            return;
    size_t count = for_each(call, &filter, kill_one, call->client);
    if (!is_old_form)
        bzs_reply_integer(call->reply, (int64_t)count);
    else if (count > 0)
        bzs_reply_simple(call->reply, "OK");
    else
        bzs_reply_error(call->reply, "ERR No such client");
}

/* ---- PAUSE and UNBLOCK ---- */

void bzs_run_client_pause(struct bzs_call *call) {
    int64_t timeout_ms;
    bool writes_only = call->argc == 4 && bzs_arg_is(call->argv[3], "write");
    if (call->argc > 4) {
        bzs_reply_subcommand_error(call);
        return;
    }
    if (call->argc == 4 && !writes_only && !bzs_arg_is(call->argv[3], "all")) {
        bzs_reply_error(call->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    int64_t tick_ms = call->client->loop->tick_ms;
    if (!bzs_parse_integer(call->argv[2], &timeout_ms) || timeout_ms > INT64_MAX - tick_ms) {
        bzs_reply_error(call->reply, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        bzs_reply_error(call->reply, "ERR timeout is negative");
        return;
    }
    int64_t until_ms = tick_ms + timeout_ms;
    bzs_hub_pause(&call->server->hub, tick_ms, until_ms, !writes_only);
    bzs_reply_simple(call->reply, "OK");
}

void bzs_run_client_unpause(struct bzs_call *call) {
    bzs_hub_end_old_pause(&call->server->hub, INT64_MAX);
    for (unsigned i = 0; i < call->server->loop_count; i++)
        bzs_loop_call(&call->server->loops[i], BZS_CALL_WAITS);
    bzs_reply_simple(call->reply, "OK");
}

/** How to end a wait, and whether there was one. */
struct unblocking {
    enum bzs_client_blocked how;
    bool done;
};

static void unblock(void *user, struct bzs_client *client) {
    struct unblocking *unblocking = user;
    unsigned expected = BZS_BLOCKED;
    if (!atomic_compare_exchange_strong(&client->blocked, &expected, (unsigned)unblocking->how))
        return;
    unblocking->done = true;
    bzs_loop_call(client->loop, BZS_CALL_WAITS);
}

void bzs_run_client_unblock(struct bzs_call *call) {
    struct unblocking unblocking = {.how = BZS_UNBLOCK_TIMEOUT};
    int64_t id;
    bool says_how = call->argc == 4;
    if (call->argc > 4) {
        bzs_reply_subcommand_error(call);
        return;
    }
    if (says_how && bzs_arg_is(call->argv[3], "error")) {
        unblocking.how = BZS_UNBLOCK_ERROR;
    } else if (says_how && !bzs_arg_is(call->argv[3], "timeout")) {
        bzs_reply_error(call->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!bzs_arg_integer(call, 2, &id))
        return;
    struct filter filter = {.id = (uint64_t)id};
    if (id > 0)
        for_each(call, &filter, unblock, &unblocking);
    bzs_reply_integer(call->reply, unblocking.done);
}
