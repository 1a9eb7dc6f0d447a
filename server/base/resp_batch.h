/**
 * @file
 * @brief The quick way through a pipeline: cuts many plain commands from the input at once.
 *
 * A command is plain if all of it has arrived, as an array of bulk strings with nothing unusual about its
 * lengths. Almost all are. Reading ends in front of the first that is not, and of one for which there is no
 * room; that one is for bzs_resp_next(), which alone knows what is malformed. What is read here, it would
 * read the same.
 *
 * Knowing a whole batch lets the loop load the memory of all its keys together before it runs the first one.
 */
#ifndef BLITZDB_SERVER_RESP_BATCH_H
#define BLITZDB_SERVER_RESP_BATCH_H

#include <stddef.h>

#include "reply.h"

/** Most commands, and most arguments of all of them together, that are read at once. */
#define BZS_BATCH_COMMANDS_MAX 64
#define BZS_BATCH_ARGUMENTS_MAX 256

/** One command of a batch. */
struct bzs_batch_command {
    const struct bzs_slice *argv; /**< its arguments, in the batch */
    size_t argc;                  /**< at least 1 */
    size_t end;                   /**< bytes of the input up to its end */
};

/** Commands one after the other; the arguments point into the input. */
struct bzs_resp_batch {
    size_t count;
    struct bzs_batch_command commands[BZS_BATCH_COMMANDS_MAX];
    struct bzs_slice arguments[BZS_BATCH_ARGUMENTS_MAX];
};

/**
 * Reads the plain commands at the beginning of these bytes; none leaves `count` at 0.
 * @param bulk_size_max a command with a longer argument is not plain
 */
void bzs_resp_batch_read(struct bzs_resp_batch *batch, const char *data, size_t size, size_t bulk_size_max);

#endif
