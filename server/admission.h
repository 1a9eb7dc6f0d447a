/**
 * @file
 * @brief Decides what becomes of a new connection: refused, or given to the loop with the fewest clients.
 */
#ifndef BLITZDB_SERVER_ADMISSION_H
#define BLITZDB_SERVER_ADMISSION_H

struct bzs_server;

/** Takes over an accepted socket. From any loop's thread. */
void bzs_admit(struct bzs_server *server, int fd);

#endif
