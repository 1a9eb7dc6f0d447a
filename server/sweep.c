#include "sweep.h"

#include "client.h"
#include "delivery.h"
#include "server.h"

bool bzs_sweep_is_due(const struct bzs_loop *loop) {
    return loop->watches_soft_limits || loop->server->config->timeout_s > 0 ||
           loop->server->unauthenticated > 0;
}

/** True if a client has not logged in for longer than that may take. */
static bool is_overdue(const struct bzs_loop *loop, const struct bzs_client *client) {
    return !client->authenticated && loop->server->config->has_password &&
           loop->tick_ms - client->stranger_since_ms > loop->server->config->login_timeout_s * 1000;
}

/** Closes clients that are silent for longer than `timeout` allows, or do not log in. */
static void sweep_idle(struct bzs_loop *loop) {
    int64_t timeout_ms = loop->server->config->timeout_s * 1000;
    pthread_mutex_lock(&loop->clients_mutex); /* other loops may be adding */
    for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
        struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
        bool listens = (client->modes & (BZS_MODE_SUBSCRIBED | BZS_MODE_MONITOR)) != 0;
        bool is_idle = timeout_ms > 0 && !listens && !bzs_client_is_waiting(client) &&
                       loop->tick_ms - client->last_ms > timeout_ms;
        if (is_idle || is_overdue(loop, client)) {
            client->close_now = true;
            bzs_link_append(&loop->turn, &client->turn);
        }
    }
    pthread_mutex_unlock(&loop->clients_mutex);
}

void bzs_sweep(struct bzs_loop *loop) {
    if (loop->tick_ms - loop->swept_ms < BZS_SWEEP_MS)
        return;
    loop->swept_ms = loop->tick_ms;
    if (loop->server->config->timeout_s > 0 || loop->server->unauthenticated > 0)
        sweep_idle(loop);
    bzs_delivery_sweep(loop);
}
