/**
 * @file
 * @brief What the server says to its operator: one line per message, to standard output or the log file.
 *
 * Lines look like `2025-01-31T12:00:00.123Z notice text` and are written with one call each, so threads need
 * no lock. Keys, values and passwords never appear in them.
 */
#ifndef BLITZDB_SERVER_MESSAGES_H
#define BLITZDB_SERVER_MESSAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Severities, in the order of the setting `loglevel`. */
enum bzs_message_level {
    BZS_DEBUG = 0,
    BZS_VERBOSE = 1,
    BZS_NOTICE = 2,
    BZS_WARNING = 3,
    BZS_ALWAYS = 4, /**< said whatever `loglevel` is: the line that tells the port */
};

/** Where the messages go. */
struct bzs_messages {
    int fd;
    _Atomic int64_t level; /**< the lowest one that is said; changes at run time */
};

/** Opens the log file for appending, or takes standard output if `path` is NULL. On failure errno says why.
 */
bool bzs_messages_open(struct bzs_messages *messages, const char *path, int64_t level);
void bzs_messages_close(struct bzs_messages *messages);

/** Says something. printf format, no line end. */
void bzs_say(const struct bzs_messages *messages, enum bzs_message_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
