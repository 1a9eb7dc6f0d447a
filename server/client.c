#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounting.h"
#include "command.h"
#include "intruder.h"
#include "loop.h"
#include "multi.h"
#include "peer.h"
#include "server.h"
#include "session.h"

/* The share of one client in one turn of its loop, so that a deep pipeline does not starve the others. */
enum { TURN_COMMANDS_MAX = 2000, TURN_OUTPUT_MAX = 256 * 1024 };
/* Output that may wait for a sync before the client has to pause. */
enum { HELD_OUTPUT_MAX = 1024 * 1024 };
/* A client that does not read its replies runs no further command from this much on, unless a setting says
 * how much may wait. One reply may be larger. What it sends meanwhile is read: it may be busy sending all of
 * a pipeline before it reads the first answer.
 */
enum { PENDING_OUTPUT_MAX = 256 * 1024 };
/* Input of a client that has not logged in: one argument of the size allowed, and its head. */
enum { STRANGER_INPUT_MAX = 16 * 1024 + 256 };

/* From how many missing bytes on a value is received straight into the client's input, and how many at once.
 */
enum { DIRECT_MIN = 16 * 1024, DIRECT_MAX = 256 * 1024 };

static const struct bzs_held nothing_held = {UINT64_MAX, 0};

/** Allocates a client with just the room that its addresses need behind it: connections may be many. */
static struct bzs_client *allocate(int fd) {
    char peer[BZS_ADDRESS_SIZE];
    char local[BZS_ADDRESS_SIZE];
    bzs_listener_describe(fd, true, peer, sizeof(peer));
    bzs_listener_describe(fd, false, local, sizeof(local));
    size_t peer_size = strlen(peer) + 1;
    size_t local_size = strlen(local) + 1;
    struct bzs_client *client = calloc(1, sizeof(*client) + peer_size + local_size);
    if (client == NULL)
        return NULL;
    memcpy(client->address, peer, peer_size);
    memcpy(client->address + peer_size, local, local_size);
    return client;
}

struct bzs_client *bzs_client_create(struct bzs_loop *loop, int fd) {
    struct bzs_client *client = allocate(fd);
    if (client == NULL)
        return NULL;
    client->server = loop->server;
    client->loop = loop;
    client->fd = fd;
    client->id = atomic_fetch_add(&loop->server->next_client_id, 1) + 1;
    client->held_first = nothing_held;
    client->held_last = nothing_held;
    bzs_resp_init(&client->parser);
    bzs_reply_init(&client->reply);
    bzs_link_init(&client->turn);
    bzs_link_init(&client->held);
    bzs_link_init(&client->waiting);
    bzs_link_init(&client->all);
    client->db = loop->server->db;
    client->authenticated = true;
    bzs_client_set_authenticated(client, !loop->server->config->has_password);
    client->protocol = 2;
    client->multi_commands = -1;
    return client;
}

void bzs_client_destroy(struct bzs_client *client) {
    if (client == NULL)
        return;
    struct bzs_peer *peer = atomic_load(&client->peer);
    bzs_session_end(client);
    (void)bzs_client_end_wait(client);
    if (peer != NULL)
        bzs_peer_retire(peer);
    if (client->fd >= 0)
        close(client->fd);
    bzs_link_remove(&client->turn);
    bzs_link_remove(&client->held);
    bzs_multi_destroy(client->multi);
    bzs_resp_deinit(&client->parser);
    bzs_reply_deinit(&client->reply);
    bzs_input_deinit(&client->input);
    bzs_client_set_authenticated(client, true); /* nobody who is out any more */
    free(client->postponed);
    free(client->name);
    free(client->library_name);
    free(client->library_version);
    free(client);
}

static void execute(struct bzs_client *client, const struct bzs_slice *argv, size_t argc) {
    struct bzs_call call = {.server = client->server,
                            .client = client,
                            .db = client->db,
                            .argc = argc,
                            .argv = argv,
                            .reply = &client->reply};
    bzs_command_run(&call);
}

/** True once the client has had its share of the turn, or must not put out more at the moment. */
static bool has_had_its_share(const struct bzs_client *client, unsigned commands) {
    return commands >= TURN_COMMANDS_MAX || bzs_client_is_paused(client) ||
           bzs_reply_stream_end(&client->reply) - client->turn_begin > TURN_OUTPUT_MAX;
}

static bool is_ending(const struct bzs_client *client) {
    return client->close_when_sent || client->close_now;
}

/** Starts loading what the commands of a batch will need: the second argument usually is a key. */
static void prefetch(const struct bzs_client *client, const struct bzs_resp_batch *batch) {
    const void *keys[BZS_BATCH_COMMANDS_MAX];
    size_t sizes[BZS_BATCH_COMMANDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->commands[i].argc > 1) {
            keys[count] = batch->commands[i].argv[1].data;
            sizes[count++] = batch->commands[i].argv[1].size;
        }
    }
    if (count > 1)
        blitzdb_prefetch(client->db, count, keys, sizes);
}

/** Runs the plain commands at the beginning of these bytes together; returns how many bytes they took. */
static size_t run_batch(struct bzs_client *client, const char *data, size_t size, unsigned *commands) {
    struct bzs_resp_batch *batch = &client->loop->batch;
    size_t used = 0;
    batch->count = 0;
    if (client->authenticated &&
        client->parser.missing == 0) /* neither tight limits nor an unfinished command */
        bzs_resp_batch_read(batch, data, size, (size_t)client->server->config->bulk_size_max);
    if (batch->count > 1)
        prefetch(client, batch);
    for (size_t i = 0; i < batch->count && !is_ending(client) && !has_had_its_share(client, *commands); i++) {
        execute(client, batch->commands[i].argv, batch->commands[i].argc);
        used = batch->commands[i].end;
        (*commands)++;
    }
    bzs_account_close(client); /* the batch holds the arguments */
    return used;
}

/** Runs one command of any kind; returns how many bytes it took, 0: it is not complete, or malformed. */
static size_t run_single(struct bzs_client *client, char *data, size_t size, unsigned *commands) {
    struct bzs_resp_limits limits = {(size_t)client->server->config->bulk_size_max, client->authenticated};
    size_t consumed;
    if (bzs_intruder_is_tls(data, size) && client->parser.missing == 0) {
        bzs_intruder_refuse(client, "TLS");
        return 0;
    }
    enum bzs_resp_result result = bzs_resp_next(&client->parser, data, size, &limits, &consumed);
    if (result == BZS_RESP_MALFORMED) {
        uint64_t output = bzs_reply_stream_end(&client->reply);
        char text[BZS_RESP_ERROR_SIZE];
        bzs_resp_error_text(&client->parser, text);
        bzs_reply_error(&client->reply, "ERR %s", text);
        bzs_account_error(client, output);
        client->close_when_sent = true;
    } else if (result == BZS_RESP_NO_MEMORY) {
        client->close_now = true;
    } else if (result == BZS_RESP_COMMAND && client->parser.argc > 0) {
        execute(client, client->parser.argv, client->parser.argc);
        bzs_account_close(client); /* the parser holds the arguments */
        (*commands)++;
    }
    return consumed;
}

/** Runs the commands at the beginning of these bytes; returns how many bytes they took. */
static size_t run_commands(struct bzs_client *client, char *data, size_t size) {
    size_t used = 0;
    unsigned commands = 0;
    client->commands_left = false;
    bzs_account_begin(client);
    while (used < size && !is_ending(client)) {
        if (has_had_its_share(client, commands)) {
            client->commands_left = true;
            break;
        }
        size_t taken = run_batch(client, data + used, size - used, &commands);
        if (taken == 0)
            taken = run_single(client, data + used, size - used, &commands);
        if (taken == 0)
            break;
        used += taken;
    }
    bzs_counter_add(&client->loop->counters.commands, commands);
    bzs_resp_shrink(&client->parser);
    return used;
}

/** Bytes that may wait to become commands, by the setting client-query-buffer-limit. */
static size_t input_max(const struct bzs_client *client) {
    return client->authenticated ? (size_t)client->server->config->query_buffer_max : STRANGER_INPUT_MAX;
}

/** A stranger is not worth a warning: there may be many. */
static void drop_for_input(struct bzs_client *client) {
    bzs_say(client->server->messages, client->authenticated ? BZS_WARNING : BZS_VERBOSE,
            "client %llu at %s dropped: its unfinished commands need more than %zu KiB, or memory ran out",
            (unsigned long long)client->id, client->address, input_max(client) >> 10);
    client->close_now = true;
}

/** Keeps what is not yet a command; drops the client if that is too much. */
static void keep_input(struct bzs_client *client, const char *data, size_t size) {
    size_t limit = input_max(client);
    size_t waiting = bzs_input_size(&client->input);
    if (waiting > limit || size > limit - waiting || !bzs_input_append(&client->input, data, size))
        drop_for_input(client);
}

/** Runs what waits. */
static void run_waiting(struct bzs_client *client) {
    struct bzs_input *input = &client->input;
    bzs_input_consume(input, run_commands(client, input->data + input->begin, bzs_input_size(input)));
}

char *bzs_client_room(struct bzs_client *client, size_t *size_out) {
    size_t waiting = bzs_input_size(&client->input);
    bool is_long = bzs_resp_missing(&client->parser, waiting) >= DIRECT_MIN;
    if (!is_long || waiting + DIRECT_MAX > input_max(client))
        return NULL;
    return bzs_input_room(&client->input, DIRECT_MAX, size_out);
}

void bzs_client_input(struct bzs_client *client, char *data, size_t size) {
    uint64_t errors = client->reply.errors;
    if (client->postponed != NULL && !bzs_client_is_waiting(client) && !is_ending(client))
        bzs_session_resume(client);
    if (bzs_input_size(&client->input) > 0) {
        keep_input(client, data, size);
        if (!client->close_now)
            run_waiting(client);
    } else {
        size_t used = run_commands(client, data, size);
        if (!is_ending(client))
            keep_input(client, data + used, size - used);
    }
    if (is_ending(client))
        bzs_input_deinit(&client->input);
    if (client->reply.failed) {
        bzs_say(client->server->messages, BZS_WARNING,
                "client %llu at %s dropped: its replies need more than %zu MiB, or memory ran out",
                (unsigned long long)client->id, client->address, BZS_REPLY_SIZE_MAX >> 20);
        client->close_now = true;
    }
    bzs_counter_add(&client->loop->counters.errors, client->reply.errors - errors);
}

bool bzs_client_select(struct bzs_client *client, unsigned keyspace) {
    blitzdb *db;
    if (blitzdb_keyspace(client->db, keyspace, &db) != BLITZDB_OK)
        return false;
    client->db = db;
    atomic_store_explicit(&client->keyspace, keyspace, memory_order_relaxed);
    return true;
}

void bzs_client_set_durability(struct bzs_client *client, enum bzs_client_durability durability) {
    const uint32_t of_handle[] = {
        [BZS_CLIENT_DURABILITY_DEFAULT] = client->server->config->appendfsync == BZS_APPENDFSYNC_EVERYSEC
                                              ? BLITZDB_DURABILITY_INTERVAL
                                              : BLITZDB_DURABILITY_NONE,
        [BZS_CLIENT_DURABILITY_ALWAYS] = BLITZDB_DURABILITY_NONE, /* the syncer syncs, not this thread */
        [BZS_CLIENT_DURABILITY_EVERYSEC] = BLITZDB_DURABILITY_INTERVAL,
        [BZS_CLIENT_DURABILITY_NO] = BLITZDB_DURABILITY_NONE,
    };
    blitzdb *db;
    if (blitzdb_with_durability(client->db, of_handle[durability], &db) == BLITZDB_OK)
        client->db = db;
    client->durability = durability;
    client->holds_replies = durability == BZS_CLIENT_DURABILITY_DEFAULT
                                ? bzs_server_holds_replies(client->server)
                                : durability == BZS_CLIENT_DURABILITY_ALWAYS;
}

void bzs_client_follow(struct bzs_client *client) {
    client->db = client->server->db;
    bzs_client_select(client, client->keyspace);
    bzs_client_set_durability(client, client->durability);
}

uint64_t bzs_client_log_position(const struct bzs_client *client) {
    return client->wrote ? blitzdb_log_position(client->db) : client->wrote_up_to;
}

void bzs_client_set_authenticated(struct bzs_client *client, bool authenticated) {
    if (client->authenticated && !authenticated)
        atomic_fetch_add(&client->server->unauthenticated, 1);
    else if (!client->authenticated && authenticated)
        atomic_fetch_sub(&client->server->unauthenticated, 1);
    client->authenticated = authenticated;
}

void bzs_client_set_protocol(struct bzs_client *client, int protocol) {
    client->reply.protocol = protocol;
    atomic_store_explicit(&client->protocol, protocol, memory_order_relaxed);
}

bool bzs_client_set_text(struct bzs_client *client, char **text, struct bzs_slice value) {
    char *copy = NULL;
    if (value.size > 0) {
        copy = strndup(value.data, value.size);
        if (copy == NULL)
            return false;
    }
    pthread_mutex_lock(&client->loop->clients_mutex);
    char *before = *text;
    *text = copy;
    pthread_mutex_unlock(&client->loop->clients_mutex);
    free(before);
    return true;
}

void bzs_client_reset_session(struct bzs_client *client) {
    bzs_multi_destroy(client->multi);
    client->multi = NULL;
    bzs_client_select(client, 0);
    bzs_client_set_durability(client, BZS_CLIENT_DURABILITY_DEFAULT);
    bzs_client_set_protocol(client, 2);
    bzs_client_set_text(client, &client->name, (struct bzs_slice){NULL, 0});
    client->stranger_since_ms = client->loop->tick_ms;
    bzs_client_set_authenticated(client, !client->server->config->has_password);
    if (!client->authenticated)
        client->loop->batch.count = 0; /* what was read already is read again, under the tight limits */
}

size_t bzs_client_sendable(const struct bzs_client *client) {
    const struct bzs_reply *reply = &client->reply;
    uint64_t end = bzs_reply_stream_end(reply);
    uint64_t limit = client->held_first.output_begin < end ? client->held_first.output_begin : end;
    return (size_t)(limit - reply->discarded - reply->sent);
}

bool bzs_client_is_held(const struct bzs_client *client) {
    return client->held_first.output_begin != UINT64_MAX;
}

/** Whether the setting client-output-buffer-limit allows more output, up to where it drops the client. */
static bool may_run_into_limit(const struct bzs_client *client, size_t pending) {
    const struct bzs_output_limit *limit = &client->server->config->output_limits[BZS_OUTPUT_NORMAL];
    int64_t most = limit->hard > limit->soft ? limit->hard : limit->soft;
    return (int64_t)pending <= most;
}

bool bzs_client_is_paused(const struct bzs_client *client) {
    size_t pending = bzs_reply_pending(&client->reply);
    if (bzs_client_is_waiting(client))
        return true;
    if (bzs_client_is_held(client))
        return pending > HELD_OUTPUT_MAX;
    return pending > PENDING_OUTPUT_MAX && !may_run_into_limit(client, pending);
}

void bzs_client_hold(struct bzs_client *client, uint64_t log_position) {
    if (!bzs_client_is_held(client)) {
        client->held_first = (struct bzs_held){client->turn_begin, log_position};
        return;
    }
    if (client->held_last.output_begin == UINT64_MAX)
        client->held_last.output_begin = client->turn_begin;
    client->held_last.log_position = log_position;
}

bool bzs_client_release(struct bzs_client *client, uint64_t durable_position) {
    while (bzs_client_is_held(client) && client->held_first.log_position <= durable_position) {
        client->held_first = client->held_last;
        client->held_last = nothing_held;
    }
    return !bzs_client_is_held(client);
}

void bzs_client_begin_wait(struct bzs_client *client) {
    bzs_link_append(&client->loop->waiting, &client->waiting);
    if (client->wait.needs_time) /* nobody else ends it */
        return;
    atomic_store(&client->blocked, BZS_BLOCKED);
    atomic_fetch_add_explicit(&client->loop->blocked_count, 1, memory_order_relaxed);
}

enum bzs_client_blocked bzs_client_end_wait(struct bzs_client *client) {
    enum bzs_client_blocked blocked = atomic_exchange(&client->blocked, BZS_NOT_BLOCKED);
    if (blocked != BZS_NOT_BLOCKED)
        atomic_fetch_sub_explicit(&client->loop->blocked_count, 1, memory_order_relaxed);
    client->wait.kind = BZS_WAIT_NONE;
    bzs_link_remove(&client->waiting);
    return blocked;
}

void bzs_client_take_back(struct bzs_client *client) {
    bool held = bzs_client_is_held(client);
    bzs_reply_truncate(&client->reply, held ? client->held_first.output_begin : client->turn_begin);
    client->held_first = nothing_held;
    client->held_last = nothing_held;
    (void)bzs_client_end_wait(client);
    client->commands_left = false;
    client->close_when_sent = true;
}

/** Notes a size that others may want to see. */
static void show(_Atomic uint32_t *shown, size_t size) {
    atomic_store_explicit(shown, size < UINT32_MAX ? (uint32_t)size : UINT32_MAX, memory_order_relaxed);
}

void bzs_client_publish(struct bzs_client *client) {
    bool queues = bzs_multi_is_open(client->multi);
    show(&client->input_bytes, bzs_input_size(&client->input));
    show(&client->input_room, client->input.capacity);
    show(&client->output_bytes, bzs_reply_pending(&client->reply));
    show(&client->output_room, client->reply.capacity);
    show(&client->multi_bytes, queues ? client->multi->memory_bytes : 0);
    atomic_store_explicit(&client->multi_commands, queues ? (int)client->multi->command_count : -1,
                          memory_order_relaxed);
}
