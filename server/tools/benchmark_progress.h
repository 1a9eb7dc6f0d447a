/**
 * @file
 * @brief What blitzdb-benchmark tells on standard error while it works: one line that is written over again
 * and again on a terminal, a line every five seconds elsewhere.
 */
#ifndef BLITZDB_BENCHMARK_PROGRESS_H
#define BLITZDB_BENCHMARK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool silent, terminal;
    const char *doing;
    uint64_t begin_ns, last_ns, last_done;
    bool open; /**< a line stands on the terminal without its end */
};

/** `doing` is a word such as "filling" and stays the caller's. */
void progress_begin(struct progress *progress, const char *doing, bool silent, uint64_t now_ns);

/** When the next line should be shown. */
uint64_t progress_next_ns(const struct progress *progress);

/** Shows a line; `share` is the part that is done, from 0 to 1. */
void progress_show(struct progress *progress, uint64_t now_ns, uint64_t done, double share);

/** The last line; of a phase that failed only what stands on the terminal is ended. */
void progress_end(struct progress *progress, uint64_t now_ns, uint64_t done, bool fine);

#endif
