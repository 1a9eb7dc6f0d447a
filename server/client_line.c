/**
 * @file
 * @brief The line of CLIENT LIST. It is written by any thread, under the clients' mutex of the client's loop.
 */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "peer.h"

static const char *text_or_empty(const char *text) {
    return text != NULL ? text : "";
}

enum { FLAGS_SIZE = 16 };

/** The letters of Redis, in its order. */
static void describe_flags(const struct bzs_client *client, char text_out[FLAGS_SIZE]) {
    const struct bzs_peer *peer = atomic_load(&client->peer);
    unsigned modes = atomic_load_explicit(&client->modes, memory_order_relaxed);
    unsigned tracking = peer != NULL ? atomic_load_explicit(&peer->tracking, memory_order_relaxed) : 0;
    bool is_local = client->address[0] == '/';
    const struct {
        bool is_set;
        char letter;
    } letters[] = {
        {(modes & BZS_MODE_MONITOR) != 0, 'O'},
        {(modes & BZS_MODE_SUBSCRIBED) != 0, 'P'},
        {atomic_load_explicit(&client->multi_commands, memory_order_relaxed) >= 0, 'x'},
        {atomic_load_explicit(&client->blocked, memory_order_relaxed) != BZS_NOT_BLOCKED, 'b'},
        {(tracking & BZS_TRACKING_ON) != 0, 't'},
        {(tracking & BZS_TRACKING_BROKEN) != 0, 'R'},
        {(tracking & BZS_TRACKING_BCAST) != 0, 'B'},
        {is_local, 'U'},
        {(modes & BZS_MODE_NO_EVICT) != 0, 'e'},
        {(modes & BZS_MODE_NO_TOUCH) != 0, 'T'},
    };
    size_t size = 0;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (letters[i].is_set)
            text_out[size++] = letters[i].letter;
    if (size == 0)
        text_out[size++] = 'N';
    text_out[size] = '\0';
}

/** Fills in the numbers of subscriptions; returns who takes the invalidations, -1: nothing is tracked. */
static int64_t describe_peer(const struct bzs_client *client, unsigned subscribed_out[]) {
    struct bzs_peer *peer = atomic_load(&client->peer);
    for (unsigned i = 0; i < BZS_SUBSCRIPTION_KINDS; i++)
        subscribed_out[i] = peer != NULL ? atomic_load(&peer->subscribed[i]) : 0;
    return bzs_peer_redirection_id(peer);
}

void bzs_client_describe(const struct bzs_client *client, int64_t tick_ms, struct bzs_reply *line_out) {
    char line[1024];
    const struct bzs_command *command = atomic_load_explicit(&client->command, memory_order_relaxed);
    size_t input = atomic_load_explicit(&client->input_bytes, memory_order_relaxed);
    size_t input_room = atomic_load_explicit(&client->input_room, memory_order_relaxed);
    size_t output = atomic_load_explicit(&client->output_bytes, memory_order_relaxed);
    size_t output_room = atomic_load_explicit(&client->output_room, memory_order_relaxed);
    int multi_commands = atomic_load_explicit(&client->multi_commands, memory_order_relaxed);
    size_t multi_bytes = atomic_load_explicit(&client->multi_bytes, memory_order_relaxed);
    unsigned sub[BZS_SUBSCRIPTION_KINDS];
    char flags[FLAGS_SIZE];
    int64_t redirect = describe_peer(client, sub);
    describe_flags(client, flags);
    int64_t idle_ms = tick_ms - atomic_load_explicit(&client->last_ms, memory_order_relaxed);
    snprintf(
        line, sizeof(line),
        "id=%llu addr=%s laddr=%s fd=%d name=%.256s age=%lld idle=%lld flags=%s db=%u sub=%u psub=%u ssub=%u "
        "multi=%d qbuf=%zu qbuf-free=%zu argv-mem=0 multi-mem=%zu rbs=%zu rbp=%zu obl=0 oll=0 omem=%zu "
        "tot-mem=%zu events=%s cmd=%s user=default redir=%lld resp=%d%s%.64s%s%.64s\n",
        (unsigned long long)client->id, client->address, bzs_client_local_address(client), client->fd,
        text_or_empty(client->name), (long long)((tick_ms - client->created_ms) / 1000),
        (long long)(idle_ms > 0 ? idle_ms / 1000 : 0), flags, client->keyspace, sub[BZS_SUBSCRIPTION_CHANNEL],
        sub[BZS_SUBSCRIPTION_PATTERN], sub[BZS_SUBSCRIPTION_SHARD], multi_commands, input, input_room - input,
        multi_bytes, output_room, output_room, output,
        sizeof(*client) + input_room + output_room + multi_bytes, output > 0 ? "rw" : "r",
        command != NULL ? command->name : "NULL", (long long)redirect, client->protocol,
        client->library_name != NULL ? " lib-name=" : "", text_or_empty(client->library_name),
        client->library_version != NULL ? " lib-ver=" : "", text_or_empty(client->library_version));
    bzs_reply_raw(line_out, line, strlen(line));
}
