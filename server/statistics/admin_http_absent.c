/** The HTTP port of a program that was built without the library for it. */
#include "admin_http.h"
#include "server.h"

bool bzs_admin_http_start(struct bzs_server *server, struct bzs_admin_http **http_out) {
    *http_out = NULL;
    if (server->config->http_port != 0)
        bzs_say(server->messages, BZS_WARNING,
                "http-port has no effect: this program was built without libmicrohttpd");
    return true;
}

void bzs_admin_http_stop(struct bzs_admin_http *http) {
    (void)http;
}
