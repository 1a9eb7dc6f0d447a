/**
 * @file
 * @brief What the two halves of the configuration share: config_read.c finds the words of a setting, in a
 * file or on the command line, and config.c knows what they mean.
 */
#ifndef BLITZDB_SERVER_CONFIG_PLACE_H
#define BLITZDB_SERVER_CONFIG_PLACE_H

#include "config.h"

/** Most words in one line: the name and the pairs of `save`. */
#define BZS_CONFIG_WORDS_MAX (2 * BZS_SAVE_POINTS_MAX + 1)

/** Where something was said, for messages. */
struct bzs_config_place {
    const char *source;
    size_t line; /**< 0: none */
    struct bzs_config_error *error;
};

/** Writes the place and the reason into the error text; always answers false. */
bool bzs_config_refuse(const struct bzs_config_place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Sets one setting: its name and its values. */
bool bzs_config_apply(struct bzs_config *config, const struct bzs_config_place *place, size_t count,
                      const char *const words[]);

/** True for a setting that takes any number of words. */
bool bzs_config_takes_list(const char *name);

/** Replaces a text by a copy, by NULL if it is empty. */
bool bzs_config_set_text(const struct bzs_config_place *place, char **text, const char *value);

#endif
