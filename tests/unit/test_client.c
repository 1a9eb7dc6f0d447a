/* What a connection costs while it is silent: the server may have very many of them. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <string.h>

#include "server_fixture.h"

enum { CLIENTS = 200, IDLE_BYTES_MAX = 1024 };

static void create_server(void) {
    char text[] = "bind 127.0.0.1\nport 0\nthreads 1\nloglevel warning\n ";
    create_server_with(text);
}

static void create_locked_server(void) {
    char text[] = "bind 127.0.0.1\nport 0\nthreads 1\nloglevel warning\nrequirepass secret\n ";
    create_server_with(text);
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

/** What a new connection is answered that sends these bytes in pieces of this size. */
static void converse(const char *stream, size_t piece_size, char answer[1024]) {
    struct bzs_client *client = bzs_client_create(&server->loops[0], -1);
    size_t size = strlen(stream);
    size_t answered = 0;
    for (size_t at = 0; at < size && !client->close_when_sent; at += piece_size) {
        char piece[512];
        size_t left = size - at < piece_size ? size - at : piece_size;
        memcpy(piece, stream + at, left);
        client->turn_begin = bzs_reply_stream_end(&client->reply);
        bzs_client_input(client, piece, left);
        size_t sendable = bzs_client_sendable(client);
        cr_assert_lt(answered + sendable, 1024);
        if (sendable > 0)
            memcpy(answer + answered, client->reply.data + client->reply.sent, sendable);
        answered += sendable;
        bzs_reply_consume(&client->reply, sendable);
    }
    answer[answered] = '\0';
    bzs_client_destroy(client);
}

/* RESET takes the login back. What stands behind it in the same pipeline is under the limits of strangers, as
 * it is if it arrives later. */
Test(client, limits_after_reset, .init = create_locked_server, .fini = destroy_server) {
    static const char stream[] =
        "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nRESET\r\n"
        "*11\r\n$4\r\nECHO\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"
        "$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n$1\r\ni\r\n$1\r\nj\r\n";
    static const char expected[] =
        "+OK\r\n+PONG\r\n+RESET\r\n-ERR Protocol error: unauthenticated multibulk length\r\n";
    char answer[1024];
    for (size_t piece = 1; piece <= sizeof(stream); piece++) {
        converse(stream, piece, answer);
        cr_assert_str_eq(answer, expected, "in pieces of %zu", piece);
    }
}
