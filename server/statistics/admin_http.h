/**
 * @file
 * @brief The HTTP port for who watches the server: /metrics, /healthz, /readyz. Off unless `http-port` is
 * set.
 *
 * A library speaks HTTP, in one thread of its own; here is what the answers say. Nothing can be changed
 * through this port, and no data is shown. There are no passwords on it either, so it listens on 127.0.0.1
 * unless `http-bind` says otherwise. Sixteen connections, ten seconds for each silence, no request with a
 * body.
 *
 *     /metrics   numbers in the text format of Prometheus, see metrics.h
 *     /healthz   200 as long as the process lives
 *     /readyz    200 if commands are served; 503 while loading, after a failure of the log, and at the end
 */
#ifndef BLITZDB_SERVER_ADMIN_HTTP_H
#define BLITZDB_SERVER_ADMIN_HTTP_H

#include <stdbool.h>

struct bzs_server;
struct bzs_admin_http;

/**
 * Listens if a port is set; says in the log why it cannot, which is no failure if the program was built
 * without the library.
 * @param[out] http_out NULL if there is nothing to stop.
 */
bool bzs_admin_http_start(struct bzs_server *server, struct bzs_admin_http **http_out);

/** Ends the thread. NULL is allowed. */
void bzs_admin_http_stop(struct bzs_admin_http *http);

#endif
