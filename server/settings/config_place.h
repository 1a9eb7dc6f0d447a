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
    unsigned depth;     /**< of `include` */
    struct bzs_config_error *error;
};

/** Writes the place and the reason into the error text; always answers false. */
bool bzs_config_refuse(const struct bzs_config_place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** As bzs_config_refuse(); for the places where reading goes on if all refusals are wanted. */
bool bzs_config_goes_on(const struct bzs_config_place *place);

/** Reads a file, or standard input if it is called "-". */
bool bzs_config_read_file(struct bzs_config *config, const char *path, const struct bzs_config_place *from);

/** Reads a whole stream, with one byte to spare behind it; NULL: errno says why, EFBIG above 16 MiB. */
char *bzs_config_read_stream(FILE *stream, size_t *size_out);

/** Splits a line into words, which are zero-terminated where they stand; false: refused. */
bool bzs_config_split(const struct bzs_config_place *place, char *line, char *end,
                      const char *words_out[BZS_CONFIG_WORDS_MAX], size_t *count_out);

/** Checks what no single setting can know, and fills in the defaults that depend on others. */
bool bzs_config_complete(struct bzs_config *config, const struct bzs_config_place *place);

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
