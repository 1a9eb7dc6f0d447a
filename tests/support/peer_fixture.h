/**
 * @file
 * @brief Peers without sockets, for tests of what is sent to them: a server of one loop whose thread does not
 *        run, and clients that are names only. What was posted is taken out of the loop's mailbox.
 */
#ifndef BLITZDB_TESTS_PEER_FIXTURE_H
#define BLITZDB_TESTS_PEER_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client.h"
#include "loop.h"
#include "peer.h"
#include "server.h"

enum { PEERS = 5 };

static struct bzs_server fixture_server;
static struct bzs_loop fixture_loop;
static struct bzs_config fixture_config;
static struct bzs_client *fixture_clients[PEERS];
static struct bzs_peer *peers[PEERS];

static inline void peers_open(void) {
    cr_assert(bzs_config_init(&fixture_config));
    fixture_server = (struct bzs_server){.config = &fixture_config};
    bzs_hub_init(&fixture_server.hub);
    fixture_loop = (struct bzs_loop){.server = &fixture_server, .wake_fd = eventfd(0, EFD_NONBLOCK)};
    bzs_mailbox_init(&fixture_loop.mailbox);
    for (unsigned i = 0; i < PEERS; i++) {
        struct bzs_client *client = calloc(1, sizeof(*client));
        cr_assert_not_null(client);
        client->server = &fixture_server;
        client->loop = &fixture_loop;
        client->id = i + 1;
        fixture_clients[i] = client;
        peers[i] = bzs_peer_of(client);
        cr_assert_not_null(peers[i]);
    }
}

static inline void peers_close(void) {
    for (unsigned i = 0; i < PEERS; i++)
        bzs_peer_retire(peers[i]);
    bzs_mailbox_deinit(&fixture_loop.mailbox);
    bzs_hub_deinit(&fixture_server.hub);
    bzs_config_deinit(&fixture_config);
    for (unsigned i = 0; i < PEERS; i++)
        free(fixture_clients[i]);
    close(fixture_loop.wake_fd);
}

/** Takes the mail out and writes it as text: "2:bytes " for bytes to the peer of client 2, "2!" for one that
 * is to be closed. */
static inline const char *peers_mail(void) {
    static char text[4096];
    size_t used = 0;
    struct bzs_mail mail = {NULL, 0, 0, false};
    text[0] = '\0';
    bzs_mailbox_take(&fixture_loop.mailbox, &mail);
    for (size_t i = 0; i < mail.count; i++) {
        const struct bzs_letter *letter = &mail.letters[i];
        const struct bzs_message *message = letter->message;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%u%s%.*s ", (unsigned)letter->to->id,
                                 message != NULL ? ":" : "!", message != NULL ? (int)message->size : 0,
                                 message != NULL ? message->bytes : "");
        bzs_letter_release(letter);
    }
    bzs_mail_deinit(&mail);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\r' || *at == '\n')
            *at = '.';
    return text;
}

static inline struct bzs_slice slice_of(const char *text) {
    return (struct bzs_slice){text, strlen(text)};
}

#endif
