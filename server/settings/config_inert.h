/**
 * @file
 * @brief Settings of Redis 7.0 that have no meaning in this server: files may contain them, CONFIG GET shows
 *        the default of Redis, and the log names those that were set.
 *
 * Most are about things that are not here: replicas, scripts, encodings of lists. Some would change what is
 * allowed or who is believed, such as `tls-port`: these are refused unless they have their default.
 */
#ifndef BLITZDB_SERVER_CONFIG_INERT_H
#define BLITZDB_SERVER_CONFIG_INERT_H

#include <stdbool.h>
#include <stddef.h>

/** What is done with another value than the one that is shown. */
enum bzs_inert_kind {
    BZS_INERT = 0,       /**< accepted, and named in the log */
    BZS_INERT_REFUSED,   /**< refused: something would be less safe than it seems */
    BZS_INERT_PROTECTED, /**< as BZS_INERT in a file; protected from CONFIG SET */
};

/** One of these settings. */
struct bzs_inert {
    const char *name;
    const char *value; /**< what CONFIG GET shows */
    enum bzs_inert_kind kind;
};

/** The settings, in alphabetical order. */
extern const struct bzs_inert bzs_inert_settings[];
/** Their number. */
extern const size_t bzs_inert_count;

/** Finds one by name, case-insensitively; NULL if there is none. */
const struct bzs_inert *bzs_inert_find(const char *name);

/** True if these words are the value that is shown. */
bool bzs_inert_is_default(const struct bzs_inert *setting, size_t count, const char *const words[]);

#endif
