/**
 * @file
 * @brief A server whose threads were not started, with an empty database, and connections without sockets:
 *        a test runs their turns, and says what time it is.
 */
#ifndef BLITZDB_TESTS_SERVER_FIXTURE_H
#define BLITZDB_TESTS_SERVER_FIXTURE_H

#include <criterion/criterion.h>
#include <string.h>

#include "client.h"
#include "loop.h"
#include "server.h"

static struct bzs_config config;
static struct bzs_messages messages;
static struct bzs_server *server;

/** The byte behind the settings is to spare. */
static inline void create_server_with(char *text) {
    struct bzs_config_error error = {.all_to = NULL};
    cr_assert(bzs_config_init(&config));
    cr_assert(bzs_config_parse(&config, "settings", text, strlen(text) - 1, &error));
    cr_assert(bzs_messages_open(&messages, &config));
    cr_assert_eq(bzs_server_create(&config, &messages, &server), BZS_SERVER_OK);
    server->loops[0].loading = false;
}

static inline void destroy_server(void) {
    cr_assert_eq(bzs_server_destroy(server), BLITZDB_OK);
    bzs_messages_close(&messages);
    bzs_config_deinit(&config);
}

/** One turn of the loop, whose output is sent at once. */
static inline void run(struct bzs_client *client, const char *text) {
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

#endif
