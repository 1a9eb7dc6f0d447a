#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_events.h"
#include "config_place.h"
#include "decimal.h"

#define KIBIBYTE 1024LL

static const char *const class_names[] = {"normal", "replica", "pubsub"};
static const char *const old_class_names[] = {"normal", "slave", "pubsub"}; /* as CONFIG GET shows them */

/** True if a client is told, in the words of Redis. */
static bool is_client(const struct bzs_config_place *place) {
    return place->source == NULL;
}

bool bzs_config_set_text(const struct bzs_config_place *place, char **text, const char *value) {
    char *copy = NULL;
    if (value[0] != '\0') {
        copy = strdup(value);
        if (copy == NULL)
            return bzs_config_refuse(place, "out of memory");
    }
    free(*text);
    *text = copy;
    return true;
}

/** Reads 100, 100b, 10k, 10kb, 64mb, 1gb: k is a thousand, kb is 1024, and so on. */
static bool parse_size(const char *word, int64_t *size_out) {
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"", 1},           {"b", 1},
                 {"k", 1000},       {"kb", KIBIBYTE},
                 {"m", 1000000},    {"mb", KIBIBYTE * KIBIBYTE},
                 {"g", 1000000000}, {"gb", KIBIBYTE * KIBIBYTE * KIBIBYTE}};
    size_t digits = strspn(word, "0123456789");
    int64_t number;
    if (!bzs_parse_integer((struct bzs_slice){word, digits}, &number))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcasecmp(word + digits, units[i].name) == 0)
            return !__builtin_mul_overflow(number, units[i].factor, size_out);
    return false;
}

static bool parse_octal(const char *word, int64_t *mode_out) {
    if (word[0] == '\0' || strlen(word) > 5 || strspn(word, "01234567") != strlen(word))
        return false;
    *mode_out = strtol(word, NULL, 8);
    return true;
}

static bool parse_number(const char *word, int64_t *number_out) {
    return bzs_parse_integer((struct bzs_slice){word, strlen(word)}, number_out);
}

static bool refuse_number(const struct bzs_setting *setting, const struct bzs_config_place *place,
                          const char *word) {
    bool is_size = setting->kind == BZS_SIZE;
    if (is_client(place))
        return bzs_config_refuse(place, is_size ? "argument must be a memory value"
                                                : "argument couldn't be parsed into an integer");
    const char *what = is_size                      ? "a size such as 64mb"
                       : setting->kind == BZS_OCTAL ? "an octal number such as 700"
                                                    : "a number";
    return bzs_config_refuse(place, "'%s' must be %s, not '%s'", setting->name, what, word);
}

static bool refuse_range(const struct bzs_setting *setting, const struct bzs_config_place *place) {
    if (is_client(place))
        return bzs_config_refuse(place, "argument must be between %lld and %lld inclusive",
                                 (long long)setting->minimum, (long long)setting->maximum);
    if (setting->refusal != NULL)
        return bzs_config_refuse(place, "'%s': %s", setting->name, setting->refusal);
    return bzs_config_refuse(place, "'%s' must be between %lld and %lld", setting->name,
                             (long long)setting->minimum, (long long)setting->maximum);
}

static bool set_number(struct bzs_config *config, const struct bzs_setting *setting,
                       const struct bzs_config_place *place, const char *word) {
    int64_t number;
    bool parsed = setting->kind == BZS_SIZE    ? parse_size(word, &number)
                  : setting->kind == BZS_OCTAL ? parse_octal(word, &number)
                                               : parse_number(word, &number);
    if (!parsed)
        return refuse_number(setting, place, word);
    if (number < setting->minimum || number > setting->maximum)
        return refuse_range(setting, place);
    *bzs_setting_number(config, setting) = number;
    return true;
}

static bool refuse_choice(const struct bzs_setting *setting, const struct bzs_config_place *place,
                          const char *word) {
    char names[256] = "";
    for (size_t i = 0; setting->choices[i] != NULL; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", setting->choices[i]);
    }
    if (is_client(place))
        return strcmp(names, "no, yes") == 0
                   ? bzs_config_refuse(place, "argument must be 'yes' or 'no'")
                   : bzs_config_refuse(place, "argument(s) must be one of the following: %s", names);
    return bzs_config_refuse(place, "'%s' must be one of %s, not '%s'", setting->name, names, word);
}

static bool set_choice(struct bzs_config *config, const struct bzs_setting *setting,
                       const struct bzs_config_place *place, const char *word) {
    for (int64_t i = 0; setting->choices[i] != NULL; i++) {
        if (strcasecmp(setting->choices[i], word) == 0) {
            *bzs_setting_number(config, setting) = i;
            config->appendonly_was_set |= setting->offset == offsetof(struct bzs_config, appendonly);
            return true;
        }
    }
    return refuse_choice(setting, place, word);
}

/** A number, not a name: what a name stands for may change between two starts. */
static bool is_address(const char *word) {
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, word, bytes) == 1 || inet_pton(AF_INET6, word, bytes) == 1;
}

static bool set_text(struct bzs_config *config, const struct bzs_setting *setting,
                     const struct bzs_config_place *place, const char *word) {
    bool is_dir = setting->offset == offsetof(struct bzs_config, dir);
    if (is_dir && word[0] == '\0') /* a variable of a script that is not set */
        return bzs_config_refuse(place, "'dir' is empty; leave it out to keep the data in memory only");
    if (setting->offset == offsetof(struct bzs_config, http_bind) && !is_address(word))
        return bzs_config_refuse(place, "'%s' must be an address such as 127.0.0.1 or ::1, not '%s'",
                                 setting->name, word);
    return bzs_config_set_text(place, bzs_setting_text(config, setting), word);
}

/** Joins the words with blanks; for a list such as `bind`. */
static bool set_words(struct bzs_config *config, const struct bzs_setting *setting,
                      const struct bzs_config_place *place, size_t count, const char *const words[]) {
    char joined[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        int written = snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? " " : "", words[i]);
        if (written < 0 || (size_t)written >= sizeof(joined) - used)
            return bzs_config_refuse(place, "'%s' is too long", setting->name);
        used += (size_t)written;
    }
    return bzs_config_set_text(place, bzs_setting_text(config, setting), joined);
}

static bool refuse_save(const struct bzs_config_place *place, const char *format, const char *seconds,
                        const char *changes) {
    char text[256];
    snprintf(text, sizeof(text), "'save%s%s%s%s' %s", seconds[0] != '\0' ? " " : "", seconds,
             changes[0] != '\0' ? " " : "", changes, format);
    return bzs_config_refuse(place, "%s", is_client(place) ? "Invalid save parameters" : text);
}

/** Adds pairs to `save`; an empty value removes all, and the first value of a source replaces what was. */
static bool set_save(struct bzs_config *config, const struct bzs_setting *setting,
                     const struct bzs_config_place *place, size_t count, const char *const words[]) {
    bool clears = count == 0 || (count == 1 && words[0][0] == '\0');
    if (clears || !config->save_adds_up)
        config->save_point_count = 0;
    config->save_was_set = true;
    config->save_adds_up = true;
    if (!clears && count % 2 != 0)
        return refuse_save(place, "takes pairs of seconds and changes", "", "");
    for (size_t i = 0; !clears && i < count; i += 2) {
        struct bzs_save_point point;
        if (!parse_number(words[i], &point.seconds) || !parse_number(words[i + 1], &point.changes) ||
            point.seconds < setting->minimum || point.seconds > setting->maximum || point.changes < 0) {
            return refuse_save(place, "is not a number of seconds and a number of changes", words[i],
                               words[i + 1]);
        }
        if (config->save_point_count == BZS_SAVE_POINTS_MAX)
            return bzs_config_refuse(place, "'save' takes at most %d pairs", BZS_SAVE_POINTS_MAX);
        config->save_points[config->save_point_count++] = point;
    }
    return true;
}

static bool set_events(struct bzs_config *config, const struct bzs_setting *setting,
                       const struct bzs_config_place *place, const char *letters) {
    int64_t events;
    if (!bzs_events_parse(letters, &events)) {
        if (is_client(place))
            return bzs_config_refuse(place, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
        return bzs_config_refuse(place, "'%s' must be letters of KEg$lshzxetdmnA, not '%s'", setting->name,
                                 letters);
    }
    *bzs_setting_number(config, setting) = events;
    return true;
}

static bool set_limits(struct bzs_config *config, const struct bzs_setting *setting,
                       const struct bzs_config_place *place, size_t count, const char *const words[]) {
    if (count == 0 || count % 4 != 0)
        return is_client(place)
                   ? bzs_config_refuse(place, "Wrong number of arguments in buffer limit configuration.")
                   : bzs_config_refuse(place, "'%s' takes a class and three numbers", setting->name);
    for (size_t i = 0; i < count; i += 4) {
        int64_t hard, soft, seconds;
        size_t class = 0;
        while (class < BZS_OUTPUT_CLASSES && strcasecmp(words[i], class_names[class]) != 0 &&
               strcasecmp(words[i], old_class_names[class]) != 0)
            class ++;
        if (class == BZS_OUTPUT_CLASSES)
            return is_client(place)
                       ? bzs_config_refuse(place,
                                           "Invalid client class specified in buffer limit configuration.")
                       : bzs_config_refuse(place, "'%s' knows normal, replica and pubsub, not '%s'",
                                           setting->name, words[i]);
        if (!parse_size(words[i + 1], &hard) || !parse_size(words[i + 2], &soft) ||
            !parse_number(words[i + 3], &seconds) || seconds < 0)
            return is_client(place)
                       ? bzs_config_refuse(
                             place,
                             "Error in hard, soft or soft_seconds setting in buffer limit configuration.")
                       : bzs_config_refuse(place, "'%s' takes two sizes and a number of seconds",
                                           setting->name);
        config->output_limits[class].hard = hard;
        config->output_limits[class].soft = soft;
        config->output_limits[class].seconds = seconds;
    }
    return true;
}

static bool set_secret(struct bzs_config *config, const char *word) {
    config->has_password = word[0] != '\0';
    if (config->has_password)
        bzs_password_set(&config->password, word, strlen(word));
    return true;
}

static bool set_secret_hash(struct bzs_config *config, const struct bzs_setting *setting,
                            const struct bzs_config_place *place, const char *word) {
    if (!bzs_password_read(&config->password, word))
        return bzs_config_refuse(place, "'%s' must be 32 hexadecimal digits, a colon and 64 more",
                                 setting->name);
    config->has_password = 1;
    return true;
}

bool bzs_config_apply_setting(struct bzs_config *config, const struct bzs_setting *setting,
                              const struct bzs_config_place *place, size_t count, const char *const words[]) {
    if (setting->kind == BZS_SAVE)
        return set_save(config, setting, place, count, words);
    if (setting->kind == BZS_LIMITS)
        return set_limits(config, setting, place, count, words);
    if (setting->kind == BZS_WORDS && count > 0)
        return set_words(config, setting, place, count, words);
    if (count != 1)
        return bzs_config_refuse(place, "'%s' takes %s", setting->name,
                                 setting->kind == BZS_WORDS ? "one value or more" : "exactly one value");
    switch (setting->kind) {
    case BZS_TEXT:
        return set_text(config, setting, place, words[0]);
    case BZS_CHOICE:
        return set_choice(config, setting, place, words[0]);
    case BZS_EVENTS:
        return set_events(config, setting, place, words[0]);
    case BZS_SECRET:
        return set_secret(config, words[0]);
    case BZS_SECRET_HASH:
        return set_secret_hash(config, setting, place, words[0]);
    default:
        return set_number(config, setting, place, words[0]);
    }
}

static void show_save_points(struct bzs_config *config, char *buffer, size_t buffer_size) {
    struct bzs_save_point points[BZS_SAVE_POINTS_MAX];
    size_t count = bzs_config_save_points(config, points);
    size_t used = 0;
    for (size_t i = 0; i < count && used < buffer_size; i++) {
        int written = snprintf(buffer + used, buffer_size - used, "%s%lld %lld", i > 0 ? " " : "",
                               (long long)points[i].seconds, (long long)points[i].changes);
        used += written > 0 ? (size_t)written : 0;
    }
}

static void show_limits(struct bzs_config *config, char *buffer, size_t buffer_size) {
    size_t used = 0;
    for (size_t i = 0; i < BZS_OUTPUT_CLASSES && used < buffer_size; i++) {
        struct bzs_output_limit *limit = &config->output_limits[i];
        int written = snprintf(buffer + used, buffer_size - used, "%s%s %lld %lld %lld", i > 0 ? " " : "",
                               old_class_names[i], (long long)limit->hard, (long long)limit->soft,
                               (long long)limit->seconds);
        used += written > 0 ? (size_t)written : 0;
    }
}

/** Nobody gets to see the password; that there is one may be known. */
static void show_secret(struct bzs_config *config, char *buffer, size_t buffer_size) {
    snprintf(buffer, buffer_size, "%s", config->has_password ? "(hidden)" : "");
}

void bzs_config_show(struct bzs_config *config, const struct bzs_setting *setting, char *buffer,
                     size_t buffer_size) {
    char letters[BZS_EVENTS_TEXT_SIZE];
    const char *text;
    int64_t number;
    buffer[0] = '\0';
    switch (setting->kind) {
    case BZS_TEXT:
    case BZS_WORDS:
        text = *bzs_setting_text(config, setting);
        snprintf(buffer, buffer_size, "%s", text != NULL ? text : "");
        break;
    case BZS_SAVE:
        show_save_points(config, buffer, buffer_size);
        break;
    case BZS_LIMITS:
        show_limits(config, buffer, buffer_size);
        break;
    case BZS_EVENTS:
        bzs_events_show(*bzs_setting_number(config, setting), letters);
        snprintf(buffer, buffer_size, "%s", letters);
        break;
    case BZS_SECRET:
    case BZS_SECRET_HASH:
        show_secret(config, buffer, buffer_size);
        break;
    case BZS_CHOICE:
        number = *bzs_setting_number(config, setting); /* as an index it would not be read atomically */
        snprintf(buffer, buffer_size, "%s", setting->choices[number]);
        break;
    default:
        snprintf(buffer, buffer_size, setting->kind == BZS_OCTAL ? "%llo" : "%lld",
                 (unsigned long long)*bzs_setting_number(config, setting));
    }
}
