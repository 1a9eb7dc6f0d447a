#include "intruder.h"

#include "client.h"
#include "loop.h"
#include "server.h"

enum { SAID_MS = 10000 }; /* between two lines in the log */

void bzs_intruder_refuse(struct bzs_client *client, const char *protocol) {
    struct bzs_server *server = client->server;
    int64_t now = client->loop->tick_ms;
    int64_t said = server->intruder_said_ms;
    client->close_when_sent = true; /* what was answered before is sent, wherever the stream was cut */
    bool is_time = said == 0 || now - said >= SAID_MS;
    if (is_time && atomic_compare_exchange_strong(&server->intruder_said_ms, &said, now))
        bzs_say(server->messages, BZS_WARNING, "%s spoke %s to the port for commands and was disconnected",
                client->address, protocol);
}
