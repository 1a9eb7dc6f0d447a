/**
 * @file
 * @brief CONFIG RESETSTAT: makes the counters that INFO shows begin again at zero.
 *
 * Counters of the loops are written without locked instructions by their own threads, so nobody else may set
 * them: what they were is remembered, and subtracted wherever they are shown.
 */
#ifndef BLITZDB_SERVER_STATISTICS_H
#define BLITZDB_SERVER_STATISTICS_H

#include <stdatomic.h>
#include <stdint.h>

struct bzs_server;

/** Where the counters stood when they were reset; atomic. */
struct bzs_baseline {
    _Atomic uint64_t commands, hits, misses, errors, input_bytes, output_bytes, reads, writes;
    _Atomic uint64_t expired, evicted; /**< counted by the library */
};

/** Resets all counters. Modules with counters of their own are called from here. */
void bzs_statistics_reset(struct bzs_server *server);

#endif
