/*
 * Any bytes may come over a connection. They go through everything but the socket: the parser, every command,
 * an empty database in memory, the replies. The first byte is the seed of the cuts; the rest is what the
 * client sends.
 *
 * What must hold: the replies are whole RESP values, what waits takes no more than twice its bytes, nothing
 * is left behind, and the same bytes cut elsewhere get the same replies. Commands whose reply is the time, a
 * random number or what the connection has in its buffers are compared only in their effects.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client.h"
#include "loop.h"
#include "mem_env.h"
#include "server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** The database of a run is this small, so that no value and no reply is large. */
enum { MEMORY_LIMIT = 512 * 1024, INPUT_MAX = 4096 };

/** A server without threads: one loop, one client, no socket. */
struct place {
    struct bzs_config config;
    struct bzs_messages messages;
    struct mem_env *env;
    struct bzs_server *server;
    struct bzs_client *client;
};

/** What was answered. */
struct answer {
    char *bytes;
    size_t size;
    bool closed;
};

/** Ends the run: a property does not hold. */
static void require(int holds) {
    if (!holds)
        abort();
}

static void open_place(struct place *place, bool has_password) {
    char open[] = "bind 127.0.0.1\nport 0\nthreads 1\nmaxclients 10\nproto-max-bulk-len 1mb\n ";
    char locked[] = "bind 127.0.0.1\nport 0\nthreads 1\nmaxclients 10\nrequirepass secret\n ";
    char *settings = has_password ? locked : open; /* with a byte to spare */
    struct bzs_config_error error = {.all_to = NULL};
    require(bzs_config_init(&place->config));
    require(bzs_config_parse(&place->config, "settings", settings, strlen(settings) - 1, &error));
    place->config.log_level = BZS_WARNING;
    require(bzs_messages_open(&place->messages, &place->config));
    require(bzs_server_create(&place->config, &place->messages, &place->server) == BZS_SERVER_OK);

    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *db = NULL;
    place->env = mem_env_create(1);
    options.env = mem_env_table(place->env);
    options.memory_limit_bytes = MEMORY_LIMIT;
    require(blitzdb_open(NULL, &options, &db) == BLITZDB_OK);
    place->server->loader.db = db; /* closed by the server */
    place->server->db = db;
    struct bzs_loop *loop = &place->server->loops[0];
    loop->loading = false;
    loop->now_ms = MEM_ENV_START_MS;
    place->client = bzs_client_create(loop, -1);
    require(place->client != NULL);
    bzs_link_append(&loop->clients, &place->client->all); /* released by the loop */
}

static void close_place(struct place *place) {
    require(bzs_server_destroy(place->server) == BLITZDB_OK);
    require(mem_env_live_memory(place->env) == 0);
    mem_env_destroy(place->env);
    bzs_messages_close(&place->messages);
    bzs_config_deinit(&place->config);
}

/** One turn of the loop: runs, and takes what would be sent. */
static void turn(struct place *place, char *data, size_t size, struct answer *answer) {
    struct bzs_client *client = place->client;
    struct bzs_reply_pool *pool = &client->loop->buffers;
    client->turn_begin = bzs_reply_stream_end(&client->reply);
    client->wrote = false;
    client->must_hold = false;
    bzs_reply_borrow(&client->reply, pool);
    bzs_client_input(client, data, size);
    size_t sendable = bzs_client_sendable(client);
    if (sendable > 0) {
        answer->bytes = realloc(answer->bytes, answer->size + sendable);
        require(answer->bytes != NULL);
        memcpy(answer->bytes + answer->size, client->reply.data + client->reply.sent, sendable);
        answer->size += sendable;
        bzs_reply_consume(&client->reply, sendable);
    }
    bzs_reply_give_back(&client->reply, pool);
    require(bzs_reply_pending(&client->reply) == 0 && client->reply.data == NULL);
    require(client->input.capacity <= 2 * bzs_input_size(&client->input) + 16384);
    answer->closed = client->close_when_sent || client->close_now;
}

static size_t next_piece(uint32_t *cuts, size_t left) {
    if (*cuts == 0)
        return left;
    *cuts = *cuts * 1664525 + 1013904223;
    size_t piece = (*cuts >> 24) % 4 == 0 ? 1 : 1 + (*cuts >> 8) % (left < 64 ? 64 : left);
    return piece < left ? piece : left;
}

/** Sends the bytes, cut by the seed (0: not at all), until the connection ends or nothing is left to do. */
static struct answer send_all(const uint8_t *stream, size_t size, uint32_t cuts, bool has_password) {
    struct place place;
    struct answer answer = {NULL, 0, false};
    open_place(&place, has_password);
    for (size_t at = 0; at < size && !answer.closed;) {
        size_t piece = next_piece(&cuts, size - at);
        char *data = malloc(piece);
        require(data != NULL);
        memcpy(data, stream + at, piece);
        at += piece;
        turn(&place, data, piece, &answer);
        free(data);
        while (place.client->commands_left && !answer.closed && !bzs_client_is_paused(place.client))
            turn(&place, NULL, 0, &answer);
    }
    close_place(&place);
    return answer;
}

/** COMMAND DOCS goes deepest. */
enum { DEPTH_MAX = 32 };

/** End of the reply that begins at `at`; 0 if it is not RESP. */
static size_t reply_end(const struct answer *answer, size_t at, unsigned depth) {
    const char *line = answer->bytes + at;
    const char *newline = at < answer->size ? memchr(line, '\n', answer->size - at) : NULL;
    if (newline == NULL || newline - line < 2 || newline[-1] != '\r' || depth > DEPTH_MAX)
        return 0;
    size_t end = (size_t)(newline + 1 - answer->bytes);
    if (strchr("+-:_,#(", line[0]) != NULL)
        return end;
    if ((line[1] < '0' || line[1] > '9') && line[1] != '-')
        return 0;
    long long number = strtoll(line + 1, NULL, 10); /* ends at the CR */
    if (strchr("$=", line[0]) != NULL) {
        end += number < 0 ? 0 : (size_t)number + 2;
        return end <= answer->size ? end : 0;
    }
    if (strchr("*~%>", line[0]) == NULL)
        return 0;
    for (long long i = 0; i < (line[0] == '%' ? 2 * number : number) && end > 0; i++)
        end = reply_end(answer, end, depth + 1);
    return end;
}

static void require_replies(const struct answer *answer) {
    for (size_t at = 0; at < answer->size;) {
        at = reply_end(answer, at, 0);
        require(at > 0);
    }
}

static bool contains(const uint8_t *stream, size_t size, const char *word) {
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= size; i++)
        if (strncasecmp((const char *)stream + i, word, length) == 0)
            return true;
    return false;
}

static bool contains_any(const uint8_t *stream, size_t size, const char *const words[]) {
    for (size_t i = 0; words[i] != NULL; i++)
        if (contains(stream, size, words[i]))
            return true;
    return false;
}

/** True for input that would make one value of hundreds of megabytes, which the limit of memory lets pass
 * once. */
static bool makes_large_value(const uint8_t *stream, size_t size) {
    static const char *const growing[] = {"setrange", "setbit", "bitfield", NULL};
    size_t digits = 0;
    for (size_t i = 0; i < size && digits < 7; i++)
        digits = stream[i] >= '0' && stream[i] <= '9' ? digits + 1 : 0;
    return digits == 7 && contains_any(stream, size, growing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* Lifts the limit of memory, or takes real time. */
    static const char *const left_out[] = {"maxmemory", "sleep", "maxclients", NULL};
    static const char *const not_repeatable[] = {"info",   "client", "time",   "slowlog", "latency", "memory",
                                                 "random", "debug",  "object", "wait",    "pause",   NULL};
    if (size < 1 || size > INPUT_MAX || contains_any(data, size, left_out) || makes_large_value(data, size))
        return 0;
    bool has_password = (data[0] & 0x80) != 0;
    struct answer whole = send_all(data + 1, size - 1, 0, has_password);
    struct answer cut = send_all(data + 1, size - 1, 1 + data[0], has_password);
    require_replies(&whole);
    require_replies(&cut);
    if (!contains_any(data, size, not_repeatable)) {
        require(whole.closed == cut.closed && whole.size == cut.size);
        require(whole.size == 0 || memcmp(whole.bytes, cut.bytes, whole.size) == 0);
    }
    free(whole.bytes);
    free(cut.bytes);
    return 0;
}
