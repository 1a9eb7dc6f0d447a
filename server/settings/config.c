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

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/** Letters that have to be changed, added or left out to make one name of another (Levenshtein's distance).
 */
static size_t distance(const char *one, const char *other) {
    size_t row[65];
    size_t width = strlen(other);
    for (size_t i = 0; i <= width; i++)
        row[i] = i;
    for (size_t line = 1; *one != '\0'; one++, line++) {
        size_t diagonal = row[0];
        row[0] = line;
        for (size_t i = 1; i <= width; i++) {
            size_t changed = diagonal + (lower(*one) != other[i - 1]);
            diagonal = row[i];
            size_t moved = (row[i] < row[i - 1] ? row[i] : row[i - 1]) + 1;
            row[i] = changed < moved ? changed : moved;
        }
    }
    return row[width];
}

/** The name somebody may have meant; NULL: none is near. */
static const char *nearest_name(const char *word) {
    size_t best =
        strlen(word) / 3 < 2 ? strlen(word) / 3 + 1 : 3; /* one mistake in three letters, two at most */
    const char *nearest = NULL;
    for (size_t i = 0; strlen(word) <= 64 && i < bzs_config_count(); i++) {
        const char *name = bzs_config_name(i);
        size_t mistakes = strlen(name) <= 64 ? distance(word, name) : best;
        if (mistakes < best) {
            best = mistakes;
            nearest = name;
        }
    }
    return nearest;
}

/* Of Redis, and not among the settings that CONFIG GET shows there. */
static const struct {
    const char *name, *why;
} absent[] = {{"user", "there is one password for all, see 'requirepass'"},
              {"loadmodule", "there are no modules"}};

/** Shows the right form to who wrote `port=1234`, and the right name to who mistyped it. */
static bool refuse_unknown(const struct bzs_config_place *place, const char *word) {
    char name[64];
    size_t size = strcspn(word, "=");
    snprintf(name, sizeof(name), "%.*s", (int)size, word);
    const char *nearest = nearest_name(word);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        if (strcasecmp(word, absent[i].name) == 0)
            return bzs_config_refuse(place, "'%s' is not supported: %s", absent[i].name, absent[i].why);
    if (word[size] != '=' && nearest != NULL)
        return bzs_config_refuse(place, "unknown setting '%s'; is '%s' meant?", word, nearest);
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
    struct bzs_config_place place = {.source = "default", .error = &error};
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
    for (size_t i = 0; i < config->renamed_count; i++) {
        free(config->renamed[i].from);
        free(config->renamed[i].to);
    }
    free(config->renamed);
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
    fputs("Usage: blitzdb-server [CONFIG-FILE] [--SETTING VALUE]... [--check-config]\n"
          "\n"
          "Serves a BlitzDB database over the Redis protocol. Without arguments: in memory only, on\n"
          "127.0.0.1:6379. CONFIG-FILE is in the dialect of redis.conf, - reads it from standard input.\n"
          "With --dir DIRECTORY the data is durable. Every setting is an environment variable as well:\n"
          "BLITZDB_MAXMEMORY, BLITZDB_TCP_BACKLOG. Options win over the environment, which wins over the "
          "file.\n"
          "--check-config names everything that is wrong, and starts nothing. Settings:\n\n",
          stream);
    for (size_t i = 0; i < bzs_setting_count; i++) {
        const struct bzs_setting *setting = &bzs_settings[i];
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", setting->name, setting->value);
        bool is_long = strlen(left) > 27;
        fprintf(stream, is_long ? "  %s\n%30s%s" : "  %-27s%s%s", left, is_long ? "" : " ", setting->help);
        if (setting->fallback != NULL)
            fprintf(stream, " (default: %s)", setting->fallback);
        fputs("\n", stream);
    }
}
