#include "multi.h"

#include <stdlib.h>
#include <string.h>

#include "server.h"

struct bzs_multi *bzs_multi_of(struct bzs_client *client) {
    if (client->multi == NULL)
        client->multi = calloc(1, sizeof(*client->multi));
    return client->multi;
}

void bzs_multi_unwatch(struct bzs_multi *multi) {
    for (size_t i = 0; i < multi->watch_count; i++)
        blitzdb_watch_destroy(multi->watches[i]);
    free(multi->watches);
    multi->watches = NULL;
    multi->watch_count = 0;
    multi->watch_capacity = 0;
}

void bzs_multi_destroy(struct bzs_multi *multi) {
    if (multi == NULL)
        return;
    bzs_multi_unwatch(multi);
    for (size_t i = 0; i < multi->command_count; i++)
        free(multi->commands[i]);
    free(multi->commands);
    free(multi);
}

void bzs_multi_spoil(struct bzs_client *client) {
    if (bzs_multi_is_open(client->multi))
        client->multi->spoiled = true;
}

/** Makes room for one more element of an array; false: memory ran out. */
static bool make_room(void **array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return true;
    size_t larger = *capacity == 0 ? 4 : 2 * *capacity;
    void *moved = realloc(*array, larger * size);
    if (moved == NULL)
        return false;
    *array = moved;
    *capacity = larger;
    return true;
}

bool bzs_multi_watch(struct bzs_client *client, blitzdb *db, struct bzs_slice key) {
    struct bzs_multi *multi = bzs_multi_of(client);
    if (multi == NULL)
        return false;
    void *watches = multi->watches;
    bool has_room = make_room(&watches, multi->watch_count, &multi->watch_capacity, sizeof(blitzdb_watch *));
    multi->watches = watches;
    if (!has_room ||
        blitzdb_watch_create(db, key.data, key.size, &multi->watches[multi->watch_count]) != BLITZDB_OK)
        return false;
    multi->watch_count++;
    return true;
}

struct bzs_queued *bzs_queued_create(const struct bzs_call *call, size_t *size_out) {
    size_t size = sizeof(struct bzs_queued) + call->argc * sizeof(struct bzs_slice);
    for (size_t i = 0; i < call->argc; i++)
        size += call->argv[i].size;
    struct bzs_queued *queued = malloc(size);
    if (queued == NULL)
        return NULL;
    queued->command = call->command;
    queued->argc = call->argc;
    char *to = (char *)&queued->argv[call->argc];
    for (size_t i = 0; i < call->argc; i++) {
        queued->argv[i] = (struct bzs_slice){to, call->argv[i].size};
        if (call->argv[i].size > 0)
            memcpy(to, call->argv[i].data, call->argv[i].size);
        to += call->argv[i].size;
    }
    *size_out = size;
    return queued;
}

/** Adds a command at the end of the queue; false: memory ran out. */
static bool add_command(struct bzs_multi *multi, const struct bzs_call *call) {
    size_t size = 0;
    void *commands = multi->commands;
    bool has_room =
        make_room(&commands, multi->command_count, &multi->command_capacity, sizeof(struct bzs_queued *));
    multi->commands = commands;
    struct bzs_queued *queued = has_room ? bzs_queued_create(call, &size) : NULL;
    if (queued == NULL)
        return false;
    multi->commands[multi->command_count++] = queued;
    multi->memory_bytes += size + sizeof(struct bzs_queued *);
    multi->flags |= call->command->flags;
    return true;
}

/** The queue is input that waits, and bounded like it: client-query-buffer-limit. */
static void drop_if_too_large(struct bzs_client *client) {
    const struct bzs_server *server = client->server;
    int64_t limit = atomic_load_explicit(&server->config->query_buffer_max, memory_order_relaxed);
    if (client->multi->memory_bytes <= (uint64_t)limit)
        return;
    bzs_say(server->messages, BZS_WARNING,
            "client %llu at %s dropped: the commands of its transaction need more than %lld MiB",
            (unsigned long long)client->id, client->address, (long long)(limit >> 20));
    client->close_now = true;
}

bool bzs_multi_queue(struct bzs_call *call) {
    struct bzs_multi *multi = call->client->multi;
    if (!bzs_multi_is_open(multi))
        return false;
    if ((call->command->flags & BZS_NO_MULTI) != 0) {
        bzs_reply_error(call->reply, "ERR Command not allowed inside a transaction");
        return true;
    }
    if ((call->command->flags & BZS_NOT_QUEUED) != 0)
        return false;
    if (!multi->spoiled && !add_command(multi, call)) /* what EXEC will refuse need not be kept */
        bzs_reply_error(call->reply, "OOM the system has no memory left for this command");
    else
        bzs_reply_simple(call->reply, "QUEUED");
    drop_if_too_large(call->client);
    return true;
}

void bzs_multi_refuse_arity(struct bzs_call *call) {
    if (strcmp(call->command->name, "exec") != 0) {
        bzs_reply_arity_error(call);
        return;
    }
    bzs_reply_error(call->reply, "EXECABORT Transaction discarded because of: wrong number of arguments for "
                                 "'exec' command");
    bzs_multi_destroy(call->client->multi);
    call->client->multi = NULL;
}
