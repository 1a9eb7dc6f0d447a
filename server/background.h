/**
 * @file
 * @brief The setting `daemonize`: the process goes on in the background, and who started it waits until it is
 *        ready, or learns its exit code.
 */
#ifndef BLITZDB_SERVER_BACKGROUND_H
#define BLITZDB_SERVER_BACKGROUND_H

#include <stdbool.h>

/** The way back to the process that was started. */
struct bzs_background {
    int fd; /**< -1: there is none */
};

/**
 * Splits the process; only the one in the background returns, or, with errno set, the only one if that
 * failed. Before the first thread. What it says reaches the terminal until it is ready: so a
 * start that fails can say why.
 */
bool bzs_background_enter(struct bzs_background *background);

/** Leaves the terminal, and lets the process that waits end with 0. */
void bzs_background_ready(struct bzs_background *background);

#endif
