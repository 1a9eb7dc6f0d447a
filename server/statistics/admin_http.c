#include "admin_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "server.h"

enum { CONNECTIONS_MAX = 16, SILENCE_S = 10, REQUEST_MEMORY = 8 * 1024 };

struct bzs_admin_http {
    struct bzs_server *server;
    struct MHD_Daemon *daemon;
};

/** Sends a text that is copied. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              const char *text, size_t size) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_line(struct MHD_Connection *connection, unsigned status, const char *line) {
    return answer(connection, status, "text/plain; charset=utf-8", line, strlen(line));
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection, struct bzs_server *server) {
    struct bzs_reply text;
    bzs_reply_init(&text);
    bzs_metrics_write(server, &text);
    enum MHD_Result result = text.failed
                                 ? answer_line(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n")
                                 : answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                                          text.data, text.size);
    bzs_reply_deinit(&text);
    return result;
}

/** Why commands are not served as they should be; NULL: they are. */
static const char *find_trouble(struct bzs_server *server) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    if (atomic_load(&server->stopping))
        return "stopping\n";
    if (atomic_load(&server->loading))
        return "loading the database\n";
    if (blitzdb_stats(server->db, &stats) != BLITZDB_OK || stats.log_status != BLITZDB_OK)
        return "the log refuses writes\n";
    return NULL;
}

static bool has_body(struct MHD_Connection *connection) {
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *coding =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    return coding != NULL || (length != NULL && strcmp(length, "0") != 0);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state) {
    struct bzs_server *server = ((struct bzs_admin_http *)user)->server;
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)state;
    if (has_body(connection))
        return answer_line(connection, MHD_HTTP_BAD_REQUEST, "no request has a body here\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(connection, server);
    if (strcmp(url, "/healthz") == 0)
        return answer_line(connection, MHD_HTTP_OK, "alive\n");
    if (strcmp(url, "/readyz") == 0) {
        const char *trouble = find_trouble(server);
        return trouble != NULL ? answer_line(connection, MHD_HTTP_SERVICE_UNAVAILABLE, trouble)
                               : answer_line(connection, MHD_HTTP_OK, "ready\n");
    }
    return answer_line(connection, MHD_HTTP_NOT_FOUND, "there are /metrics, /healthz and /readyz\n");
}

/** Room for an address of either kind. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/** Reads a numeric address; false if it is none. */
static bool read_address(const char *text, uint16_t port, union address *address_out) {
    *address_out = (union address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    if (inet_pton(AF_INET, text, &address_out->v4.sin_addr) == 1)
        return true;
    *address_out = (union address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    return inet_pton(AF_INET6, text, &address_out->v6.sin6_addr) == 1;
}

bool bzs_admin_http_start(struct bzs_server *server, struct bzs_admin_http **http_out) {
    union address address;
    uint16_t port = (uint16_t)server->config->http_port;
    const char *bind = server->config->http_bind != NULL ? server->config->http_bind : "";
    *http_out = NULL;
    if (port == 0)
        return true;
    if (!read_address(bind, port, &address)) {
        bzs_say(server->messages, BZS_WARNING, "http-bind '%s' is no address", bind);
        return false;
    }
    struct bzs_admin_http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return false;
    http->server = server;
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD |
                     (address.any.sa_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0);
    http->daemon = MHD_start_daemon(
        flags, port, NULL, NULL, handle, http, MHD_OPTION_SOCK_ADDR, &address.any,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY, MHD_OPTION_END);
    if (http->daemon == NULL) {
        bzs_say(server->messages, BZS_WARNING, "%s:%u cannot be listened on for HTTP: %s", bind, port,
                strerror(errno));
        free(http);
        return false;
    }
    bzs_say(server->messages, BZS_NOTICE, "metrics and health over HTTP on %s:%u", bind, port);
    *http_out = http;
    return true;
}

void bzs_admin_http_stop(struct bzs_admin_http *http) {
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}
