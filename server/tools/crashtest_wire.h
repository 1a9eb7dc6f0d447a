/**
 * @file
 * @brief One connection of blitzdb-crashtest to the server: commands out in pipelines, replies in.
 *
 * As much of the Redis protocol (RESP2) as the commands of this program need, on a Unix socket, blocking. A
 * connection belongs to one thread.
 */
#ifndef BLITZDB_CRASHTEST_WIRE_H
#define BLITZDB_CRASHTEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes that grow; all zero is an empty one. */
struct bytes {
    char *data;
    size_t size, capacity;
};

/** A connection. */
struct wire {
    int fd;
    struct bytes output; /**< commands that were not sent yet */
    struct bytes input;  /**< received bytes from `taken` on */
    size_t taken;
};

/** A reply. */
struct reply {
    char kind;        /**< '+', '-', ':' or '$'; '0' for a value that is not there */
    int64_t number;   /**< of ':' */
    const char *text; /**< of '+', '-' and '$', valid until the next reply is read; zero-terminated for '-' */
    size_t size;
};

/** Connects; false if nobody listens there. */
bool wire_open(struct wire *wire, const char *socket_path);
void wire_close(struct wire *wire);

/** Adds a command to the output: its words, the last of which may be any bytes. */
void wire_add(struct wire *wire, unsigned count, const char *const words[], const size_t sizes[]);
/** The same for words that are text; ends with NULL. */
void wire_add_words(struct wire *wire, ...) __attribute__((sentinel));

/** Sends the output; false if the connection broke. Any part of it may have arrived then. */
bool wire_send(struct wire *wire);

/** Reads one reply; false if the connection broke or was silent for too long. */
bool wire_read(struct wire *wire, struct reply *reply);

/** Asks one command and reads its reply. */
#define wire_ask(wire, reply, ...)                                                                           \
    (wire_add_words((wire), __VA_ARGS__, (char *)NULL), wire_send(wire) && wire_read((wire), (reply)))

#endif
