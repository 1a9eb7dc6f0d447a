/**
 * @file
 * @brief The replies blitzdb-benchmark gets: where one ends, and whether it is an error, a miss or a value.
 *
 * Bytes in, counts out; no socket. Bytes may come in any portions. A reply of the Redis protocol may hold
 * others; then it ends with the last of them. Messages that nobody asked for (RESP3's pushes) are no replies.
 * A reader belongs to one connection.
 */
#ifndef BLITZDB_BENCHMARK_REPLY_H
#define BLITZDB_BENCHMARK_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "benchmark_settings.h"

/** A part of a value in a reply. */
struct value_part {
    uint64_t
        index; /**< number of the value in its reply, from 0; with memcached among those that were found */
    const char *key; /**< memcached: the line that announced it, from its key on; else NULL */
    uint64_t size;   /**< of the whole value */
    uint64_t offset; /**< where the part begins */
    const char *part;
    size_t part_size; /**< 0 only for a value of size 0 */
};

typedef void value_handler(void *user, const struct value_part *part);

/** What replies said; readers may share one. All zero is none. */
struct reply_counts {
    uint64_t errors, misses;
    char error[128]; /**< the first one */
};

struct reply_reader {
    bool memcached;
    bool broken;            /**< what came is no reply; `line` shows it */
    uint64_t keys;          /**< memcached: keys of a get, to know how many are missing */
    value_handler *handler; /**< may be NULL */
    void *user;

    uint64_t replies; /**< complete ones since init */
    struct reply_counts *counts;

    uint64_t elements; /**< replies and parts of one that are still to come */
    uint64_t index;
    uint64_t value_size, value_left; /**< of the value that is being read, its line end included */
    bool in_value, is_error;
    size_t line_size;
    char line[KEY_SIZE_MAX + 56];
};

/** Counts into `counts`, and calls the handler with every part of a value unless it is NULL. */
void reply_reader_init(struct reply_reader *reader, const struct settings *settings,
                       struct reply_counts *counts, value_handler *handler, void *user);

/**
 * Reads bytes until a reply is complete or none are left, and answers how many it took. `replies` tells
 * whether one became complete. Call it again for the rest. Nothing is taken once `broken` is set.
 */
size_t reply_reader_take(struct reply_reader *reader, const char *data, size_t size);

#endif
