#include "admission.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "server.h"

static const char too_many[] = "-ERR max number of clients reached\r\n";
static const char too_many_strangers[] = "-ERR max number of clients that have not logged in reached\r\n";
static const char protected_mode[] =
    "-DENIED The server is running in protected mode: no password is set, so connections are only accepted "
    "from "
    "the loopback interface. To connect from other hosts set 'requirepass', or, if the network is trusted, "
    "restart the server with 'protected-mode no'.\r\n";

/** Refuses before a client exists. The socket does not block and is new: the text fits its buffer. */
static void refuse(struct bzs_server *server, int fd, const char *text) {
    ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)sent; /* who cannot be told finds out by the close */
    close(fd);
    atomic_fetch_add(&server->connections_rejected, 1);
}

/** Half of the places, so that those who know the password always find one; with few places that means
 * nothing. */
static unsigned strangers_max(const struct bzs_server *server) {
    enum { FEW = 16 };
    return server->clients_max / 2 > FEW ? server->clients_max / 2 : FEW;
}

static struct bzs_loop *least_busy_loop(struct bzs_server *server) {
    struct bzs_loop *best = &server->loops[0];
    for (unsigned i = 1; i < server->loop_count; i++)
        if (atomic_load(&server->loops[i].client_count) < atomic_load(&best->client_count))
            best = &server->loops[i];
    return best;
}

void bzs_admit(struct bzs_server *server, int fd) {
    struct bzs_config *config = server->config;
    if (config->protected_mode && !config->has_password && !bzs_listener_peer_is_local(fd)) {
        refuse(server, fd, protected_mode);
        return;
    }
    /* Counted first and given back on refusal: two threads cannot both take the last place. */
    if (atomic_fetch_add(&server->client_count, 1) >= server->clients_max) {
        atomic_fetch_sub(&server->client_count, 1);
        refuse(server, fd, too_many);
        return;
    }
    if (config->has_password && server->unauthenticated >= strangers_max(server)) {
        atomic_fetch_sub(&server->client_count, 1);
        refuse(server, fd, too_many_strangers);
        return;
    }
    atomic_fetch_add(&server->connections_total, 1);
    if (!bzs_loop_add(least_busy_loop(server), fd))
        atomic_fetch_sub(&server->client_count, 1);
}
