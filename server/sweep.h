/**
 * @file
 * @brief Looks once a second for clients that time alone brings down: idle ones, ones that do not log in,
 * ones that leave too much unread for too long.
 *
 * Only for the loop's own thread.
 */
#ifndef BLITZDB_SERVER_SWEEP_H
#define BLITZDB_SERVER_SWEEP_H

#include <stdbool.h>

#include "loop.h"

/** How often, in milliseconds. */
#define BZS_SWEEP_MS 1000

/** True if some clients may not stay as long as they like: the loop must not sleep longer than that. */
bool bzs_sweep_is_due(const struct bzs_loop *loop);

/** Sweeps, if the last time is long enough ago. */
void bzs_sweep(struct bzs_loop *loop);

#endif
