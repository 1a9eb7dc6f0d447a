/**
 * @file
 * @brief Connections of blitzdb-benchmark: opened, greeted, and ready for commands.
 */
#ifndef BLITZDB_BENCHMARK_SOCKET_H
#define BLITZDB_BENCHMARK_SOCKET_H

#include <stdbool.h>

#include "benchmark_settings.h"

/**
 * Connects, and sends AUTH, HELLO and SELECT as the settings ask. With `prove` it also waits for the answer
 * to a PING, so that the server surely has accepted the connection. Answers a blocking descriptor, or -1 with
 * an error that says which address and what to do.
 */
int socket_open(const struct settings *settings, bool prove, char error[ERROR_SIZE]);

/** Makes room for so many descriptors beside those there are; false with an error if the system forbids it.
 */
bool socket_raise_limit(uint64_t count, char error[ERROR_SIZE]);

#endif
