/**
 * @file
 * @brief Connections that speak another protocol: a browser that was tricked into talking to this port, or a
 *        client that expects TLS. They are closed at once, and the log hears of it now and then.
 */
#ifndef BLITZDB_SERVER_INTRUDER_H
#define BLITZDB_SERVER_INTRUDER_H

#include <stdbool.h>
#include <stddef.h>

struct bzs_client;

/** True if these bytes begin a TLS connection; no command begins like that. */
static inline bool bzs_intruder_is_tls(const char *data, size_t size) {
    return size >= 2 && data[0] == 0x16 && data[1] == 0x03;
}

/** Closes the connection, once the answers to what came before are sent; nothing more is run. */
void bzs_intruder_refuse(struct bzs_client *client, const char *protocol);

#endif
