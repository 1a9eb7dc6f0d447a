/**
 * @file
 * @brief The table of settings, shared by the modules config_*.c.
 */
#ifndef BLITZDB_SERVER_CONFIG_TABLE_H
#define BLITZDB_SERVER_CONFIG_TABLE_H

#include "config.h"

/** How a setting is written, checked and kept. */
enum bzs_setting_kind {
    BZS_NUMBER,      /**< between minimum and maximum */
    BZS_OCTAL,       /**< the same, written as in chmod */
    BZS_SIZE,        /**< the same, in bytes, with a unit */
    BZS_CHOICE,      /**< index into choices */
    BZS_TEXT,        /**< one word */
    BZS_WORDS,       /**< any number of words */
    BZS_SAVE,        /**< pairs of seconds and changes */
    BZS_EVENTS,      /**< letters, see config_events.h */
    BZS_LIMITS,      /**< client-output-buffer-limit */
    BZS_SECRET,      /**< the password, as a hash */
    BZS_SECRET_HASH, /**< the hash itself */
};

/** Who may change a setting after the start. */
enum bzs_setting_change {
    BZS_CHANGES = 0, /**< CONFIG SET */
    BZS_FIXED,       /**< nobody: Redis calls that immutable */
    BZS_PROTECTED,   /**< nobody: Redis calls it protected */
};

/** One row of the table. */
struct bzs_setting {
    const char *name;
    enum bzs_setting_kind kind;
    size_t offset; /**< of the integer or text in the configuration */
    int64_t minimum, maximum;
    const char *const *choices; /**< ends with NULL */
    const char *fallback;       /**< default, parsed like any value; NULL: none */
    const char *refusal;        /**< said instead of the usual message about the range */
    const char *value;          /**< for --help: the kind of value ... */
    const char *help;           /**< ... and what it means */
    enum bzs_setting_change change;
};

/** The rows, in the order of CONFIG GET *. */
extern const struct bzs_setting bzs_settings[];
/** Their number. */
extern const size_t bzs_setting_count;

/** Finds a row by name, case-insensitively; NULL if there is none. */
const struct bzs_setting *bzs_setting_find(const char *name);

/** Where the configuration keeps the number of a setting. */
static inline _Atomic int64_t *bzs_setting_number(struct bzs_config *config,
                                                  const struct bzs_setting *setting) {
    return (_Atomic int64_t *)(void *)((char *)config + setting->offset);
}

/** Where it keeps the text of a setting. */
static inline char **bzs_setting_text(struct bzs_config *config, const struct bzs_setting *setting) {
    return (char **)(void *)((char *)config + setting->offset);
}

#endif
