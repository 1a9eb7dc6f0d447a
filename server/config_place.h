/**
 * @file
 * @brief What the modules of the configuration share: where a setting was said, and how it is refused.
 */
#ifndef BLITZDB_SERVER_CONFIG_PLACE_H
#define BLITZDB_SERVER_CONFIG_PLACE_H

#include "config_table.h"

/** Most words in one line: the name and the pairs of `save`. */
#define BZS_CONFIG_WORDS_MAX (2 * BZS_SAVE_POINTS_MAX + 1)

/** Where something was said, for messages. */
struct bzs_config_place {
    const char *source; /**< NULL: CONFIG SET, which is refused in the words of Redis alone */
    size_t line;        /**< 0: none */
    struct bzs_config_error *error;
};

/** Writes the place and the reason into the error text; always answers false. */
bool bzs_config_refuse(const struct bzs_config_place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Sets one setting: its name and its values. */
bool bzs_config_apply(struct bzs_config *config, const struct bzs_config_place *place, size_t count,
                      const char *const words[]);

/** Sets a setting of the table. */
bool bzs_config_apply_setting(struct bzs_config *config, const struct bzs_setting *setting,
                              const struct bzs_config_place *place, size_t count, const char *const words[]);

/** Writes the value of a setting of the table as text. */
void bzs_config_show(struct bzs_config *config, const struct bzs_setting *setting, char *buffer,
                     size_t buffer_size);

/** True for a setting that takes any number of words. */
bool bzs_config_takes_list(const char *name);

/** Replaces a text by a copy, by NULL if it is empty. */
bool bzs_config_set_text(const struct bzs_config_place *place, char **text, const char *value);

#endif
