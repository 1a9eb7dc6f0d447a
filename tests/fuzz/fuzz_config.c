/*
 * Any file is a configuration or is refused with a reason: nothing else happens, and nothing is left behind.
 * What is accepted can be asked for again, setting by setting, and reads the same when it is written down. No
 * file that the text names is opened: `include` belongs to the reader of files, not to this one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** In the place of the C library's, whose header the library's of that name hides: a pattern of the input
 * fits no file. What was found was zeroed by the caller. */
int glob(const char *pattern, int flags, int (*failed)(const char *path, int error), void *found);
int glob(const char *pattern, int flags, int (*failed)(const char *path, int error), void *found) {
    enum { NO_MATCH = 3 };
    (void)pattern, (void)flags, (void)failed, (void)found;
    return NO_MATCH;
}

/** Ends the run: a property does not hold. */
static void require(int holds) {
    if (!holds)
        abort();
}

/** Longest line that a value is written down on. */
enum { LINE_MAX = BZS_CONFIG_VALUE_SIZE + 100, INPUT_MAX = 8192 };
/** Read already, as far as the configuration knows: `include` is refused before a file is opened. */
enum { NO_FILE_MORE = 1000 };

/** Reads a text as a file of its own; the bytes are in a block of just the size that is promised. */
static bool parse(struct bzs_config *config, const void *bytes, size_t size, struct bzs_config_error *error) {
    config->files_read = NO_FILE_MORE;
    char *text = malloc(size + 1);
    require(text != NULL);
    memcpy(text, bytes, size);
    error->text[0] = '\0';
    bool accepted = bzs_config_parse(config, "file", text, size, error);
    free(text);
    require(accepted || (error->text[0] != '\0' && strlen(error->text) < sizeof(error->text)));
    return accepted;
}

/** True for a value that needs no quotes. */
static bool is_plain(const char *value) {
    return value[0] != '\0' && value[0] != ' ' &&
           value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._:/-")] ==
               '\0';
}

/** True if one line with this value is accepted, and the value then shown the same. */
static bool reads_back(const char *name, const char *format, const char *value) {
    struct bzs_config again;
    struct bzs_config_error error = {.all_to = NULL};
    static char line[LINE_MAX];
    static char shown[BZS_CONFIG_VALUE_SIZE];
    int size = snprintf(line, sizeof(line), format, name, value);
    require(size > 0 && (size_t)size < sizeof(line) && bzs_config_init(&again));
    bool same = parse(&again, line, (size_t)size, &error) &&
                strcmp(bzs_config_value_of(&again, name, shown, sizeof(shown)), value) == 0;
    bzs_config_deinit(&again);
    return same;
}

/** A value that was shown can be written down, as several words or as one. */
static void require_readable(const char *name, const char *value) {
    require(reads_back(name, "%s %s", value) || reads_back(name, "%s \"%s\"", value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bzs_config config;
    struct bzs_config_error error = {.all_to = NULL};
    static char value[BZS_CONFIG_VALUE_SIZE];
    static char initial[BZS_CONFIG_VALUE_SIZE];
    if (size > INPUT_MAX)
        return 0;
    struct bzs_config defaults;
    require(bzs_config_init(&config) && bzs_config_init(&defaults));
    if (parse(&config, data, size, &error)) {
        for (size_t i = 0; i < bzs_config_count(); i++) {
            bzs_config_value(&config, i, value, sizeof(value));
            bzs_config_value(&defaults, i, initial, sizeof(initial));
            if (strcmp(value, initial) != 0 && is_plain(value) &&
                strcmp(bzs_config_name(i), "requirepass") != 0)
                require_readable(bzs_config_name(i), value);
        }
    }
    bzs_config_deinit(&defaults);
    bzs_config_deinit(&config);
    return 0;
}
