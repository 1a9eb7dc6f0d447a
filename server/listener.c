#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static void add_socket(struct bzs_listener *listener, int fd, bool is_local) {
    listener->sockets[listener->count++] = (struct bzs_socket){fd, is_local};
}

/** Makes a listening socket of one address; -1 with errno set if that fails. */
static int listen_at(const struct addrinfo *address, int backlog) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool bound = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
                 (address->ai_family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                 bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, backlog) == 0;
    if (!bound) {
        int bind_errno = errno;
        close(fd);
        errno = bind_errno;
        return -1;
    }
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    const void *any = &address;
    return ntohs(address.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)any)->sin6_port
                                               : ((const struct sockaddr_in *)any)->sin_port);
}

/** Binds one word of the setting `bind`; a minus in front makes a missing address no failure. */
static bool open_address(struct bzs_listener *listener, const char *word, const struct bzs_config *config,
                         const struct bzs_messages *messages) {
    bool optional = word[0] == '-';
    const char *host = word + (optional ? 1 : 0);
    const char *node = strcmp(host, "*") == 0 ? "0.0.0.0" : strcmp(host, "::*") == 0 ? "::" : host;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[16];
    snprintf(port, sizeof(port), "%d", listener->port);
    int resolved = getaddrinfo(node, port, &hints, &found);
    if (resolved != 0) {
        bzs_say(messages, BZS_WARNING, "cannot bind %s: %s", host, gai_strerror(resolved));
        return optional;
    }
    int fd = -1;
    for (const struct addrinfo *address = found; fd < 0 && address != NULL; address = address->ai_next)
        fd = listen_at(address, (int)config->tcp_backlog);
    int listen_errno = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        bzs_say(messages, BZS_WARNING, "cannot listen on %s port %s: %s%s", host, port,
                strerror(listen_errno),
                listen_errno == EADDRINUSE ? "; stop the other server or choose another --port" : "");
        return optional && (listen_errno == EADDRNOTAVAIL || listen_errno == EAFNOSUPPORT);
    }
    add_socket(listener, fd, false);
    listener->port = port_of(fd);
    return true;
}

static bool open_addresses(struct bzs_listener *listener, const struct bzs_config *config,
                           const struct bzs_messages *messages) {
    char words[1024];
    snprintf(words, sizeof(words), "%s", config->bind != NULL ? config->bind : "");
    char *rest = NULL;
    for (char *word = strtok_r(words, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        if (listener->count == BZS_LISTENER_SOCKETS_MAX - 1) {
            bzs_say(messages, BZS_WARNING, "too many addresses in 'bind'");
            return false;
        }
        if (!open_address(listener, word, config, messages))
            return false;
    }
    return true;
}

static int make_unix_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/**
 * Removes a socket that nobody serves any more; anything else in that place stays. False if a process serves
 * it, which shows by its accepting a connection, or by its being too busy to.
 */
static bool remove_stale_socket(const struct sockaddr_un *address) {
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return true;
    int fd = make_unix_socket();
    bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    bool is_stale = fd >= 0 && !answered && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    if (is_stale)
        unlink(address->sun_path);
    return is_stale;
}

/** The mode is set by the umask before the name exists, so that there is no moment with wider permissions. */
static bool bind_unix(int fd, const struct sockaddr_un *address, const struct bzs_config *config) {
    mode_t mode = config->unixsocket_mode != 0 ? (mode_t)config->unixsocket_mode : 0755;
    mode_t before = umask(0777 & ~mode);
    bool bound = bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    umask(before);
    return bound && listen(fd, (int)config->tcp_backlog) == 0;
}

static bool open_unix(struct bzs_listener *listener, const struct bzs_config *config,
                      const struct bzs_messages *messages) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(config->unixsocket) >= sizeof(address.sun_path)) {
        bzs_say(messages, BZS_WARNING, "the path in 'unixsocket' is too long");
        return false;
    }
    memcpy(address.sun_path, config->unixsocket, strlen(config->unixsocket) + 1);
    int fd = make_unix_socket();
    if (fd < 0) {
        bzs_say(messages, BZS_WARNING, "cannot make a socket: %s", strerror(errno));
        return false;
    }
    if (!remove_stale_socket(&address)) {
        bzs_say(messages, BZS_WARNING,
                "cannot listen on %s: another process serves this socket; stop it or choose another "
                "--unixsocket",
                config->unixsocket);
        close(fd);
        return false;
    }
    if (!bind_unix(fd, &address, config)) {
        bzs_say(messages, BZS_WARNING, "cannot listen on %s: %s", config->unixsocket, strerror(errno));
        close(fd);
        return false;
    }
    listener->unix_path = config->unixsocket;
    struct stat status;
    if (lstat(config->unixsocket, &status) == 0) {
        listener->unix_device = status.st_dev;
        listener->unix_inode = status.st_ino;
    }
    add_socket(listener, fd, true);
    return true;
}

bool bzs_listener_open(struct bzs_listener *listener, const struct bzs_config *config,
                       const struct bzs_messages *messages) {
    *listener = (struct bzs_listener){.port = (int)config->port};
    bool opened = open_addresses(listener, config, messages) &&
                  (config->unixsocket == NULL || open_unix(listener, config, messages));
    if (opened && listener->count == 0) {
        bzs_say(messages, BZS_WARNING, "none of the addresses in 'bind' could be bound");
        opened = false;
    }
    if (!opened)
        bzs_listener_close(listener);
    return opened;
}

/** True if the name still leads to the socket made here: somebody may have removed it and made another. */
static bool owns_unix_path(const struct bzs_listener *listener) {
    struct stat status;
    return listener->unix_path != NULL && lstat(listener->unix_path, &status) == 0 &&
           status.st_dev == listener->unix_device && status.st_ino == listener->unix_inode;
}

void bzs_listener_close(struct bzs_listener *listener) {
    if (owns_unix_path(listener)) /* asked before the close, so that the inode cannot be another's */
        unlink(listener->unix_path);
    for (size_t i = 0; i < listener->count; i++)
        close(listener->sockets[i].fd);
    *listener = (struct bzs_listener){0};
}

/** Options that make a connection better but not possible: what the system refuses is not needed. */
static void tune(int fd, const struct bzs_config *config) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    int seconds = (int)config->tcp_keepalive;
    if (seconds > 0) {
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds >= 3 ? seconds / 3 : 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    }
}

enum bzs_accept_result bzs_listener_accept(const struct bzs_socket *socket, const struct bzs_config *config,
                                           int *fd_out) {
    int fd;
    do {
        fd = accept4(socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        return exhausted ? BZS_ACCEPT_EXHAUSTED : BZS_ACCEPT_NONE;
    }
    if (!socket->is_local)
        tune(fd, config);
    *fd_out = fd;
    return BZS_ACCEPT_DONE;
}

static bool get_address(int fd, bool peer, struct sockaddr_storage *address_out) {
    socklen_t size = sizeof(*address_out);
    struct sockaddr *address = (struct sockaddr *)address_out;
    return (peer ? getpeername(fd, address, &size) : getsockname(fd, address, &size)) == 0;
}

void bzs_listener_describe(int fd, bool peer, char *text_out, size_t size) {
    struct sockaddr_storage address = {0};
    char host[INET6_ADDRSTRLEN] = "";
    const void *any = &address;
    snprintf(text_out, size, "?:0");
    if (!get_address(fd, peer, &address))
        return;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = any;
        inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof(host));
        snprintf(text_out, size, "%s:%d", host, ntohs(ipv4->sin_port));
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = any;
        inet_ntop(AF_INET6, &ipv6->sin6_addr, host, sizeof(host));
        snprintf(text_out, size, "[%s]:%d", host, ntohs(ipv6->sin6_port));
    } else if (address.ss_family == AF_UNIX && get_address(fd, false, &address)) {
        /* Peers have no name of their own; both sides are known by the path of the server. */
        snprintf(text_out, size, "%s:0", ((const struct sockaddr_un *)any)->sun_path);
    }
}

void bzs_listener_peer_key(int fd, unsigned char key_out[16]) {
    struct sockaddr_storage address = {0};
    const void *any = &address;
    memset(key_out, 0, 16);
    if (!get_address(fd, true, &address))
        return;
    if (address.ss_family == AF_INET)
        memcpy(key_out + 12, &((const struct sockaddr_in *)any)->sin_addr, 4);
    else if (address.ss_family == AF_INET6)
        memcpy(key_out, &((const struct sockaddr_in6 *)any)->sin6_addr, 8);
}

bool bzs_listener_peer_is_local(int fd) {
    struct sockaddr_storage address = {0};
    const void *any = &address;
    if (!get_address(fd, true, &address))
        return false;
    if (address.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)any)->sin_addr.s_addr) >> 24 == 127;
    return address.ss_family == AF_UNIX ||
           (address.ss_family == AF_INET6 &&
            IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)any)->sin6_addr));
}
