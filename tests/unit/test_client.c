/* What a connection costs while it is silent: the server may have very many of them. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <string.h>

#include "client.h"
#include "loop.h"
#include "server.h"

enum { CLIENTS = 200, IDLE_BYTES_MAX = 1024 };

static struct bzs_config config;
static struct bzs_messages messages;
static struct bzs_server *server;

/** A server whose threads were not started, with an empty database. */
static void create_server(void) {
    char text[] = "bind 127.0.0.1\nport 0\nthreads 1\nloglevel warning\n ";
    struct bzs_config_error error = {.all_to = NULL};
    cr_assert(bzs_config_init(&config));
    cr_assert(bzs_config_parse(&config, "settings", text, strlen(text) - 1, &error));
    cr_assert(bzs_messages_open(&messages, &config));
    cr_assert_eq(bzs_server_create(&config, &messages, &server), BZS_SERVER_OK);
    server->loops[0].loading = false;
}

static void destroy_server(void) {
    cr_assert_eq(bzs_server_destroy(server), BLITZDB_OK);
    bzs_messages_close(&messages);
    bzs_config_deinit(&config);
}

/** One turn of the loop, whose output is sent at once. */
static void run(struct bzs_client *client, const char *text) {
    char bytes[256];
    struct bzs_reply_pool *pool = &client->loop->buffers;
    size_t size = strlen(text);
    memcpy(bytes, text, size);
    client->turn_begin = bzs_reply_stream_end(&client->reply);
    bzs_reply_borrow(&client->reply, pool);
    bzs_client_input(client, bytes, size);
    bzs_reply_consume(&client->reply, bzs_client_sendable(client));
    bzs_reply_give_back(&client->reply, pool);
    bzs_client_publish(client);
}

static void use(struct bzs_client *client) {
    run(client, "HELLO 3\r\nSET k v\r\nGET k\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    run(client, "MULTI\r\nGET k\r\nEXEC\r\nWATCH k\r\nUNWATCH\r\n*2\r\n$3\r\nGE");
    run(client, "T\r\n$1\r\nk\r\nPING\r\n");
}

/** Bytes that are taken from the C library, its own administration included. */
static size_t taken(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* The whole of a connection that has been used and is silent now, not only its struct. */
Test(client, idle_memory, .init = create_server, .fini = destroy_server) {
    static struct bzs_client *clients[CLIENTS];
    struct bzs_client *first = bzs_client_create(&server->loops[0], -1);
    use(first); /* what is made once, for everybody */

    size_t before = taken();
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = bzs_client_create(&server->loops[0], -1);
        cr_assert_not_null(clients[i]);
        use(clients[i]);
    }
    size_t each = (taken() - before) / CLIENTS;

    cr_log_info("an idle connection takes %zu bytes", each);
    cr_assert_leq(each, IDLE_BYTES_MAX);
    cr_assert_leq(sizeof(struct bzs_client), IDLE_BYTES_MAX * 3 / 4);
    for (size_t i = 0; i < CLIENTS; i++)
        bzs_client_destroy(clients[i]);
    bzs_client_destroy(first);
}
