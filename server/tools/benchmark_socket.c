#include "benchmark_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "benchmark_reply.h"

enum { ANSWER_SECONDS = 10, SPARE_DESCRIPTORS = 64 };

/** What stands before the first command. */
struct greeting {
    char *data;
    size_t size;
    uint64_t replies;
};

static void describe_failure(const struct settings *settings, const char *doing, const char *reason,
                             char error[ERROR_SIZE]) {
    const char *advice = "";
    if (errno == ECONNREFUSED || errno == ENOENT)
        advice = "; is a server running there? -h and -p say where, -s names a Unix socket";
    else if (errno == EADDRNOTAVAIL)
        advice = "; no local port is free: use fewer connections or a Unix socket (-s)";
    if (settings->socket != NULL)
        snprintf(error, ERROR_SIZE, "cannot %s %s: %s%s", doing, settings->socket, reason, advice);
    else
        snprintf(error, ERROR_SIZE, "cannot %s %s:%" PRIu64 ": %s%s", doing, settings->host, settings->port,
                 reason, advice);
}

static int connect_unix(const struct settings *settings, char error[ERROR_SIZE]) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(settings->socket) >= sizeof address.sun_path) {
        snprintf(error, ERROR_SIZE, "the path of a Unix socket has at most %zu bytes",
                 sizeof address.sun_path - 1);
        return -1;
    }
    memcpy(address.sun_path, settings->socket, strlen(settings->socket) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    describe_failure(settings, "connect to", strerror(errno), error);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connect_tcp(const struct settings *settings, char error[ERROR_SIZE]) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[16];
    snprintf(port, sizeof port, "%" PRIu64, settings->port);
    int result = getaddrinfo(settings->host, port, &hints, &found);
    if (result != 0) {
        snprintf(error, ERROR_SIZE, "cannot find the host %s: %s", settings->host, gai_strerror(result));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            int reason = errno;
            close(fd);
            errno = reason;
            fd = -1;
        }
    }
    if (fd < 0)
        describe_failure(settings, "connect to", strerror(errno), error);
    freeaddrinfo(found);
    int one = 1;
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/** A command of words that are not NULL. */
static void add_words(FILE *stream, struct greeting *greeting, const char *const words[], size_t count) {
    size_t present = 0;
    for (size_t i = 0; i < count; i++)
        present += words[i] != NULL;
    fprintf(stream, "*%zu\r\n", present);
    for (size_t i = 0; i < count; i++)
        if (words[i] != NULL)
            fprintf(stream, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    greeting->replies++;
}

static bool make_greeting(const struct settings *settings, bool prove, struct greeting *greeting) {
    *greeting = (struct greeting){0};
    FILE *stream = open_memstream(&greeting->data, &greeting->size);
    if (stream == NULL)
        return false;
    bool memcached = settings->protocol == PROTOCOL_MEMCACHED;
    const char *user = settings->user != NULL ? settings->user : "default";
    if (settings->protocol == PROTOCOL_RESP3 && settings->password != NULL)
        add_words(stream, greeting, (const char *[]){"HELLO", "3", "AUTH", user, settings->password}, 5);
    else if (settings->protocol == PROTOCOL_RESP3)
        add_words(stream, greeting, (const char *[]){"HELLO", "3"}, 2);
    else if (settings->password != NULL)
        add_words(stream, greeting, (const char *[]){"AUTH", settings->user, settings->password}, 3);
    if (settings->database != 0) {
        char number[24];
        snprintf(number, sizeof number, "%" PRIu64, settings->database);
        add_words(stream, greeting, (const char *[]){"SELECT", number}, 2);
    }
    if (prove && memcached)
        fputs("version\r\n", stream);
    if (prove && !memcached)
        add_words(stream, greeting, (const char *[]){"PING"}, 1);
    greeting->replies += prove && memcached;
    return fclose(stream) == 0;
}

static bool send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return false;
        data += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/** Waits for all the replies to a greeting; the reason why not, or NULL. */
static const char *read_replies(int fd, struct reply_reader *reader, uint64_t count) {
    char data[4096];
    while (reader->replies < count) {
        ssize_t size = recv(fd, data, sizeof data, 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN ? "no answer" : strerror(errno);
        if (size == 0)
            return "the server closed the connection";
        for (size_t at = 0; at < (size_t)size && !reader->broken;)
            at += reply_reader_take(reader, data + at, (size_t)size - at);
        if (reader->broken)
            return "the answer is of another protocol; --protocol names it";
    }
    return NULL;
}

static bool greet(const struct settings *settings, int fd, const struct greeting *greeting,
                  char error[ERROR_SIZE]) {
    struct reply_counts counts = {0};
    struct reply_reader reader;
    struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    if (greeting->size == 0)
        return true;
    reply_reader_init(&reader, settings, &counts, NULL, NULL);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const char *reason = send_all(fd, greeting->data, greeting->size) ? NULL : strerror(errno);
    if (reason == NULL)
        reason = read_replies(fd, &reader, greeting->replies);
    if (reason == NULL && counts.errors > 0)
        reason = counts.error;
    if (reason == NULL)
        return true;
    errno = 0;
    describe_failure(settings, "begin with", reason, error);
    return false;
}

int socket_open(const struct settings *settings, bool prove, char error[ERROR_SIZE]) {
    struct greeting greeting;
    int fd = settings->socket != NULL ? connect_unix(settings, error) : connect_tcp(settings, error);
    if (fd < 0)
        return -1;
    bool fine = make_greeting(settings, prove, &greeting);
    if (!fine)
        snprintf(error, ERROR_SIZE, "out of memory");
    fine = fine && greet(settings, fd, &greeting, error);
    free(greeting.data);
    if (fine)
        return fd;
    close(fd);
    return -1;
}

bool socket_raise_limit(uint64_t count, char error[ERROR_SIZE]) {
    struct rlimit limit;
    uint64_t wanted = count + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return true;
    if (limit.rlim_max < wanted) {
        snprintf(error, ERROR_SIZE,
                 "%" PRIu64 " connections need %" PRIu64
                 " descriptors and the limit is %ju: raise it with ulimit -Hn",
                 count, wanted, (uintmax_t)limit.rlim_max);
        return false;
    }
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    snprintf(error, ERROR_SIZE, "cannot raise the limit of descriptors: %s", strerror(errno));
    return false;
}
