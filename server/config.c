#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_inert.h"
#include "config_place.h"

bool bzs_config_takes_list(const char *name) {
    const struct bzs_setting *setting = bzs_setting_find(name);
    return setting != NULL &&
           (setting->kind == BZS_WORDS || setting->kind == BZS_SAVE || setting->kind == BZS_LIMITS);
}

/** Shows the right form to who wrote `port=1234`. */
static bool refuse_unknown(const struct bzs_config_place *place, const char *word) {
    char name[64];
    size_t size = strcspn(word, "=");
    snprintf(name, sizeof(name), "%.*s", (int)size, word);
    if (word[size] == '\0' || bzs_setting_find(name) == NULL)
        return bzs_config_refuse(place, "unknown setting '%s'", word);
    return bzs_config_refuse(place, "unknown setting '%s'; write %s%s %s", word, place->line == 0 ? "--" : "",
                             name, word + size + 1);
}

/** Notes a setting that means nothing here; refuses it where that would be less safe than it seems. */
static bool apply_inert(struct bzs_config *config, const struct bzs_inert *setting,
                        const struct bzs_config_place *place, size_t count, const char *const words[]) {
    if (count == 0)
        return bzs_config_refuse(place, "'%s' takes a value", setting->name);
    if (setting->kind == BZS_INERT_REFUSED && !bzs_inert_is_default(setting, count, words))
        return bzs_config_refuse(place, "'%s' is not supported; leave it out", setting->name);
    config->inert_was_set[setting - bzs_inert_settings] = true;
    return true;
}

bool bzs_config_apply(struct bzs_config *config, const struct bzs_config_place *place, size_t count,
                      const char *const words[]) {
    const struct bzs_setting *setting = bzs_setting_find(words[0]);
    if (setting != NULL)
        return bzs_config_apply_setting(config, setting, place, count - 1, words + 1);
    const struct bzs_inert *inert = bzs_inert_find(words[0]);
    if (inert != NULL)
        return apply_inert(config, inert, place, count - 1, words + 1);
    return refuse_unknown(place, words[0]);
}

static const struct bzs_output_limit *default_limits(void) {
    static const struct bzs_output_limit limits[] = {
        [BZS_OUTPUT_NORMAL] = {0, 0, 0},
        [BZS_OUTPUT_REPLICA] = {256 << 20, 64 << 20, 60},
        [BZS_OUTPUT_PUBSUB] = {32 << 20, 8 << 20, 60},
    };
    return limits;
}

bool bzs_config_init(struct bzs_config *config) {
    *config = (struct bzs_config){.output_limits = {{0, 0, 0}}};
    pthread_mutex_init(&config->mutex, NULL);
    for (size_t i = 0; i < BZS_OUTPUT_CLASSES; i++) {
        config->output_limits[i].hard = default_limits()[i].hard;
        config->output_limits[i].soft = default_limits()[i].soft;
        config->output_limits[i].seconds = default_limits()[i].seconds;
    }
    struct bzs_config_error error;
    struct bzs_config_place place = {"default", 0, &error};
    for (size_t i = 0; i < bzs_setting_count; i++) {
        const char *words[] = {bzs_settings[i].fallback};
        if (words[0] != NULL && !bzs_config_apply_setting(config, &bzs_settings[i], &place, 1, words)) {
            bzs_config_deinit(config);
            return false;
        }
    }
    return true;
}

void bzs_config_deinit(struct bzs_config *config) {
    for (size_t i = 0; i < bzs_setting_count; i++)
        if (bzs_settings[i].kind == BZS_TEXT || bzs_settings[i].kind == BZS_WORDS)
            free(*bzs_setting_text(config, &bzs_settings[i]));
    free(config->file);
    pthread_mutex_destroy(&config->mutex);
    explicit_bzero(config, sizeof(*config));
}

size_t bzs_config_count(void) {
    return bzs_setting_count + bzs_inert_count;
}

const char *bzs_config_name(size_t index) {
    return index < bzs_setting_count ? bzs_settings[index].name
                                     : bzs_inert_settings[index - bzs_setting_count].name;
}

const char *bzs_config_value(struct bzs_config *config, size_t index, char *buffer, size_t buffer_size) {
    if (index < bzs_setting_count)
        bzs_config_show(config, &bzs_settings[index], buffer, buffer_size);
    else
        snprintf(buffer, buffer_size, "%s", bzs_inert_settings[index - bzs_setting_count].value);
    return buffer;
}

const char *bzs_config_value_of(struct bzs_config *config, const char *name, char *buffer,
                                size_t buffer_size) {
    bzs_config_show(config, bzs_setting_find(name), buffer, buffer_size);
    return buffer;
}

size_t bzs_config_save_points(struct bzs_config *config,
                              struct bzs_save_point points_out[BZS_SAVE_POINTS_MAX]) {
    pthread_mutex_lock(&config->mutex);
    size_t count = config->save_point_count;
    memcpy(points_out, config->save_points, count * sizeof(*points_out));
    pthread_mutex_unlock(&config->mutex);
    return count;
}

bool bzs_config_password_is(struct bzs_config *config, const char *text, size_t size) {
    pthread_mutex_lock(&config->mutex);
    struct bzs_password password = config->password;
    bool has_password = config->has_password;
    pthread_mutex_unlock(&config->mutex);
    return !has_password || bzs_password_is(&password, text, size);
}

void bzs_config_print_usage(FILE *stream) {
    fputs("Usage: blitzdb-server [CONFIG-FILE] [--SETTING VALUE]...\n"
          "\n"
          "Serves a BlitzDB database over the Redis protocol. Without arguments: in memory only, on\n"
          "127.0.0.1:6379. CONFIG-FILE is in the dialect of redis.conf, - reads it from standard input.\n"
          "With --dir DIRECTORY the data is durable. Settings:\n\n",
          stream);
    for (size_t i = 0; i < bzs_setting_count; i++) {
        const struct bzs_setting *setting = &bzs_settings[i];
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", setting->name, setting->value);
        fprintf(stream, "  %-27s %s", left, setting->help);
        if (setting->fallback != NULL)
            fprintf(stream, " (default: %s)", setting->fallback);
        fputs("\n", stream);
    }
}
