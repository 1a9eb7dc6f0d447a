/**
 * @file
 * @brief Listening sockets: binds what the configuration names and accepts connections.
 *
 * All sockets are non-blocking and close-on-exec. Every loop accepts from all of them, so accepting needs no
 * lock; the structure itself is constant between open and close.
 */
#ifndef BLITZDB_SERVER_LISTENER_H
#define BLITZDB_SERVER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config.h"
#include "messages.h"

/** Most addresses that can be bound. */
#define BZS_LISTENER_SOCKETS_MAX 16

/** One listening socket. */
struct bzs_socket {
    int fd;
    bool is_local; /**< a socket in the file system */
};

/** All of them. */
struct bzs_listener {
    struct bzs_socket sockets[BZS_LISTENER_SOCKETS_MAX];
    size_t count;
    int port;              /**< the TCP port in use, 0: none */
    const char *unix_path; /**< borrowed from the configuration; removed when closed */
    dev_t unix_device;     /**< with the inode: which file `unix_path` was when it was made */
    ino_t unix_inode;
};

/** What accepting led to. */
enum bzs_accept_result {
    BZS_ACCEPT_DONE,      /**< a connection */
    BZS_ACCEPT_NONE,      /**< nobody is waiting any more */
    BZS_ACCEPT_EXHAUSTED, /**< descriptors or memory ran out: try again later, not at once */
};

/** Binds and listens; on failure nothing is left open and the log says what went wrong. */
bool bzs_listener_open(struct bzs_listener *listener, const struct bzs_config *config,
                       const struct bzs_messages *messages);
/** Closes the sockets and removes the one in the file system. */
void bzs_listener_close(struct bzs_listener *listener);

/** Accepts one connection: not blocking, without Nagle's delay, with keep-alive as configured. */
enum bzs_accept_result bzs_listener_accept(const struct bzs_socket *socket, const struct bzs_config *config,
                                           int *fd_out);

/** Room for "[address]:port" and for the path of a socket. */
#define BZS_ADDRESS_SIZE 128

/** Writes "address:port" of the peer, or of the own side, of a connection. */
void bzs_listener_describe(int fd, bool peer, char *text_out, size_t size);
/** Writes what tells one peer from another where attempts are counted: the address without its port, of IPv6
 * the network of 64 bits; zeros for sockets in the file system. */
void bzs_listener_peer_key(int fd, unsigned char key_out[16]);
/** True if the peer is on this machine. */
bool bzs_listener_peer_is_local(int fd);

#endif
