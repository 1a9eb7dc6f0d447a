/**
 * @file
 * @brief Tells the service manager how the server is, over the datagram socket named in NOTIFY_SOCKET.
 *
 * The protocol is sd_notify(3): lines of KEY=VALUE, one datagram each time. Without the variable nothing is
 * sent. Only for the main thread.
 */
#ifndef BLITZDB_SERVER_SERVICE_H
#define BLITZDB_SERVER_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

/** The connection to the service manager. */
struct bzs_service {
    int fd;              /**< -1: there is none */
    int64_t watchdog_ms; /**< how often it wants to hear that all is well; 0: never */
};

/** Connects to NOTIFY_SOCKET and reads WATCHDOG_USEC; what is missing or wrong leaves it silent. */
void bzs_service_open(struct bzs_service *service);
void bzs_service_close(struct bzs_service *service);

/** Sends lines; printf format. */
void bzs_service_tell(const struct bzs_service *service, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
