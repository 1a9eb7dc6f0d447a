/**
 * @file
 * @brief What the server says to its operator: one line per message, to standard output, a file or syslog.
 *
 * Lines look like `2025-01-31T12:00:00.123Z notice text`, or are JSON objects, and are written with one call
 * each, so threads need no lock. Keys, values and passwords never appear in them.
 */
#ifndef BLITZDB_SERVER_MESSAGES_H
#define BLITZDB_SERVER_MESSAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"

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
    /* Constant */
    int fd;           /**< keeps its number when the file is opened again */
    const char *path; /**< borrowed from the configuration; NULL: standard output */
    bool is_json, to_syslog;

    /* Atomic */
    _Atomic int64_t level;       /**< the lowest one that is said; changes at run time */
    _Atomic bool to_terminal;    /**< warnings go to standard error, too: somebody waits for the start */
    _Atomic uint64_t lost;       /**< messages that could not be written since the last one that could */
    _Atomic int64_t lost_said_s; /**< when standard error was told so */
};

/** Opens what the configuration names. On failure errno says why. */
bool bzs_messages_open(struct bzs_messages *messages, const struct bzs_config *config);
void bzs_messages_close(struct bzs_messages *messages);

/** Opens the log file again, after somebody has moved it away; if that fails, the old one stays. */
void bzs_messages_reopen(struct bzs_messages *messages);

/** Says something. printf format, no line end. `messages` is changed only in its atomic members. */
void bzs_say(const struct bzs_messages *messages, enum bzs_message_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
