/**
 * @file
 * @brief The clocks of the system in milliseconds, and one in nanoseconds.
 */
#ifndef BLITZDB_SERVER_CLOCK_H
#define BLITZDB_SERVER_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Reads a clock: CLOCK_REALTIME for what is shown, CLOCK_MONOTONIC for what waits. */
static inline int64_t bzs_clock_ms(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Nanoseconds on a clock that never jumps, for how long something took. */
static inline int64_t bzs_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
