#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_place.h"
#include "decimal.h"

enum setting_kind {
    NUMBER, /* between minimum and maximum */
    OCTAL,  /* the same, written as in chmod */
    SIZE,   /* the same, in bytes, with a unit */
    CHOICE, /* index into choices */
    TEXT,   /* one word */
    WORDS,  /* any number of words */
    SAVE,   /* pairs of seconds and changes */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset; /* of the integer or text in the configuration */
    int64_t minimum, maximum;
    const char *const *choices; /* ends with NULL */
    const char *fallback;       /* default, parsed like any value; NULL: none */
    const char *refusal;        /* said instead of the usual message about the range */
    const char *value;          /* for --help: the kind of value ... */
    const char *help;           /* ... and what it means */
};

static const char *const yes_no[] = {"no", "yes", NULL};
static const char *const fsync_names[] = {"always", "everysec", "no", NULL};
static const char *const level_names[] = {"debug", "verbose", "notice", "warning", NULL};
static const char *const eviction_names[] = {"noeviction",     "allkeys-lru",     "volatile-lru",
                                             "allkeys-random", "volatile-random", "volatile-ttl",
                                             "allkeys-lfu",    "volatile-lfu",    NULL};

#define AT(member) offsetof(struct bzs_config, member)
#define MEBIBYTE (1024 * 1024)

/* In the order of CONFIG GET *. Choices stand in the order of the enum they stand for. */
static const struct setting settings[] = {
    {"bind", WORDS, AT(bind), 0, 0, NULL, "127.0.0.1", NULL, "ADDRESS...",
     "addresses to listen on; * is all of IPv4, ::* all of IPv6"},
    {"port", NUMBER, AT(port), 0, 65535, NULL, "6379", NULL, "PORT", "TCP port; 0: one the system chooses"},
    {"unixsocket", TEXT, AT(unixsocket), 0, 0, NULL, NULL, NULL, "PATH",
     "socket in the file system to listen on as well (default: none)"},
    {"unixsocketperm", OCTAL, AT(unixsocket_mode), 0, 0777, NULL, "0", NULL, "MODE",
     "permissions of that socket, such as 700; 0: 755"},
    {"tcp-backlog", NUMBER, AT(tcp_backlog), 1, 65535, NULL, "511", NULL, "NUMBER",
     "connections that may wait to be accepted"},
    {"tcp-keepalive", NUMBER, AT(tcp_keepalive), 0, 32767, NULL, "300", NULL, "SECONDS",
     "silence before a peer is probed; 0: never"},
    {"timeout", NUMBER, AT(timeout_s), 0, INT32_MAX, NULL, "0", NULL, "SECONDS",
     "idle time before a client is closed; 0: never"},
    {"maxclients", NUMBER, AT(clients_max), 1, 1000000, NULL, "10000", NULL, "NUMBER", "connections at once"},
    {"threads", NUMBER, AT(threads), 0, 256, NULL, "0", NULL, "NUMBER",
     "threads that run commands; 0: one for each core"},
    {"databases", NUMBER, AT(databases), 16, 16, NULL, "16", "there are always 16 databases", "NUMBER",
     "always 16"},
    {"proto-max-bulk-len", SIZE, AT(bulk_size_max), MEBIBYTE, 512 * MEBIBYTE, NULL, "512mb",
     "must be between 1mb and 512mb, the largest value of the database", "SIZE",
     "largest argument of a command"},
    {"requirepass", TEXT, AT(password), 0, 0, NULL, NULL, NULL, "PASSWORD",
     "password that clients have to give (default: none)"},
    {"protected-mode", CHOICE, AT(protected_mode), 0, 0, yes_no, "yes", NULL, "yes|no",
     "without a password, accept connections of this machine only"},
    {"dir", TEXT, AT(dir), 0, 0, NULL, NULL, NULL, "DIRECTORY",
     "where the data is kept (default: in memory only)"},
    {"appendonly", CHOICE, AT(appendonly), 0, 0, yes_no, NULL, NULL, "yes|no",
     "log every write (default: yes with --dir)"},
    {"appendfsync", CHOICE, AT(appendfsync), 0, 0, fsync_names, "everysec", NULL, "MODE",
     "when the log is synced: always, everysec or no"},
    {"save", SAVE, AT(save), 1, INT32_MAX, NULL, NULL, NULL, "SECONDS CHANGES...",
     "snapshot after SECONDS with CHANGES or more (default without a log: 3600 1 300 100 60 10000)"},
    {"maxmemory", SIZE, AT(memory_limit), 0, INT64_MAX, NULL, "0", NULL, "SIZE",
     "limit of the memory for data; 0: none"},
    {"maxmemory-policy", CHOICE, AT(eviction), 0, 0, eviction_names, "noeviction", NULL, "POLICY",
     "what is evicted at the limit: noeviction; allkeys- or volatile- and lru, lfu or random; or "
     "volatile-ttl"},
    {"loglevel", CHOICE, AT(log_level), 0, 0, level_names, "notice", NULL, "LEVEL",
     "debug, verbose, notice or warning"},
    {"logfile", TEXT, AT(logfile), 0, 0, NULL, NULL, NULL, "PATH",
     "where messages go (default: standard output)"},
    {"pidfile", TEXT, AT(pidfile), 0, 0, NULL, NULL, NULL, "PATH",
     "file for the number of the process (default: none)"},
    {"daemonize", CHOICE, AT(daemonize), 0, 0, yes_no, "no", NULL, "yes|no", "can only be no"},
};

enum { SETTING_COUNT = sizeof(settings) / sizeof(settings[0]) };

static int64_t *integer_of(struct bzs_config *config, const struct setting *setting) {
    return (int64_t *)(void *)((char *)config + setting->offset);
}

static char **text_of(struct bzs_config *config, const struct setting *setting) {
    return (char **)(void *)((char *)config + setting->offset);
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
    } units[] = {{"", 1},        {"b", 1},         {"k", 1000},       {"kb", 1024},
                 {"m", 1000000}, {"mb", MEBIBYTE}, {"g", 1000000000}, {"gb", 1024LL * MEBIBYTE}};
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

static bool set_number(struct bzs_config *config, const struct setting *setting,
                       const struct bzs_config_place *place, const char *word) {
    int64_t number;
    bool parsed = setting->kind == SIZE ? parse_size(word, &number)
                  : setting->kind == OCTAL
                      ? parse_octal(word, &number)
                      : bzs_parse_integer((struct bzs_slice){word, strlen(word)}, &number);
    if (!parsed) {
        const char *what = setting->kind == SIZE    ? "a size such as 64mb"
                           : setting->kind == OCTAL ? "an octal number such as 700"
                                                    : "a number";
        return bzs_config_refuse(place, "'%s' must be %s, not '%s'", setting->name, what, word);
    }
    if (number < setting->minimum || number > setting->maximum) {
        if (setting->refusal != NULL)
            return bzs_config_refuse(place, "'%s': %s", setting->name, setting->refusal);
        return bzs_config_refuse(place, "'%s' must be between %lld and %lld", setting->name,
                                 (long long)setting->minimum, (long long)setting->maximum);
    }
    *integer_of(config, setting) = number;
    return true;
}

static bool set_choice(struct bzs_config *config, const struct setting *setting,
                       const struct bzs_config_place *place, const char *word) {
    char names[256] = "";
    for (int64_t i = 0; setting->choices[i] != NULL; i++) {
        if (strcasecmp(setting->choices[i], word) == 0) {
            *integer_of(config, setting) = i;
            return true;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", setting->choices[i]);
    }
    return bzs_config_refuse(place, "'%s' must be one of %s, not '%s'", setting->name, names, word);
}

/** Joins the words with blanks; for a list such as `bind`. */
static bool set_words(struct bzs_config *config, const struct setting *setting,
                      const struct bzs_config_place *place, size_t count, const char *const words[]) {
    char joined[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        int written = snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? " " : "", words[i]);
        if (written < 0 || (size_t)written >= sizeof(joined) - used)
            return bzs_config_refuse(place, "'%s' is too long", setting->name);
        used += (size_t)written;
    }
    return bzs_config_set_text(place, text_of(config, setting), joined);
}

/** Writes the pairs the way CONFIG GET shows them. */
static bool show_save_points(struct bzs_config *config, const struct bzs_config_place *place) {
    char text[BZS_SAVE_POINTS_MAX * 48] = "";
    size_t used = 0;
    for (size_t i = 0; i < config->save_point_count; i++) {
        const struct bzs_save_point *point = &config->save_points[i];
        int written = snprintf(text + used, sizeof(text) - used, "%s%lld %lld", i > 0 ? " " : "",
                               (long long)point->seconds, (long long)point->changes);
        used += written > 0 ? (size_t)written : 0;
    }
    return bzs_config_set_text(place, &config->save, text);
}

/** Adds pairs to `save`; an empty value removes all, and the first value given replaces the default. */
static bool set_save(struct bzs_config *config, const struct setting *setting,
                     const struct bzs_config_place *place, size_t count, const char *const words[]) {
    bool clears = count == 0 || (count == 1 && words[0][0] == '\0');
    if (clears || !config->save_was_set)
        config->save_point_count = 0;
    config->save_was_set = true;
    if (!clears && count % 2 != 0)
        return bzs_config_refuse(place, "'save' takes pairs of seconds and changes");
    for (size_t i = 0; !clears && i < count; i += 2) {
        struct bzs_save_point point;
        if (!bzs_parse_integer((struct bzs_slice){words[i], strlen(words[i])}, &point.seconds) ||
            !bzs_parse_integer((struct bzs_slice){words[i + 1], strlen(words[i + 1])}, &point.changes) ||
            point.seconds < setting->minimum || point.seconds > setting->maximum || point.changes < 0) {
            return bzs_config_refuse(place, "'save %s %s' is not a number of seconds and a number of changes",
                                     words[i], words[i + 1]);
        }
        if (config->save_point_count == BZS_SAVE_POINTS_MAX)
            return bzs_config_refuse(place, "'save' takes at most %d pairs", BZS_SAVE_POINTS_MAX);
        config->save_points[config->save_point_count++] = point;
    }
    return show_save_points(config, place);
}

static const struct setting *find_setting(const char *name) {
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strcasecmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}

static bool apply(struct bzs_config *config, const struct setting *setting,
                  const struct bzs_config_place *place, size_t count, const char *const words[]) {
    if (setting->kind == SAVE)
        return set_save(config, setting, place, count, words);
    if (setting->kind == WORDS && count > 0)
        return set_words(config, setting, place, count, words);
    if (count != 1)
        return bzs_config_refuse(place, "'%s' takes exactly one value", setting->name);
    if (setting->offset == AT(dir) && words[0][0] == '\0') /* a variable of a script that is not set */
        return bzs_config_refuse(place, "'dir' is empty; leave it out to keep the data in memory only");
    if (setting->kind == TEXT)
        return bzs_config_set_text(place, text_of(config, setting), words[0]);
    if (setting->kind != CHOICE)
        return set_number(config, setting, place, words[0]);
    config->appendonly_was_set |= setting->offset == AT(appendonly);
    return set_choice(config, setting, place, words[0]);
}

bool bzs_config_takes_list(const char *name) {
    const struct setting *setting = find_setting(name);
    return setting != NULL && (setting->kind == WORDS || setting->kind == SAVE);
}

/** Shows the right form to who wrote `port=1234`. */
static bool refuse_unknown(const struct bzs_config_place *place, const char *word) {
    char name[64];
    size_t size = strcspn(word, "=");
    snprintf(name, sizeof(name), "%.*s", (int)size, word);
    if (word[size] == '\0' || find_setting(name) == NULL)
        return bzs_config_refuse(place, "unknown setting '%s'", word);
    return bzs_config_refuse(place, "unknown setting '%s'; write %s%s %s", word, place->line == 0 ? "--" : "",
                             name, word + size + 1);
}

bool bzs_config_apply(struct bzs_config *config, const struct bzs_config_place *place, size_t count,
                      const char *const words[]) {
    const struct setting *setting = find_setting(words[0]);
    if (setting == NULL)
        return refuse_unknown(place, words[0]);
    return apply(config, setting, place, count - 1, words + 1);
}

bool bzs_config_init(struct bzs_config *config) {
    *config = (struct bzs_config){0};
    struct bzs_config_error error;
    struct bzs_config_place place = {"default", 0, &error};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].fallback == NULL)
            continue;
        char word[64];
        snprintf(word, sizeof(word), "%s", settings[i].fallback);
        const char *words[] = {word};
        if (!apply(config, &settings[i], &place, 1, words)) {
            bzs_config_deinit(config);
            return false;
        }
    }
    return true;
}

void bzs_config_deinit(struct bzs_config *config) {
    if (config->password != NULL)
        explicit_bzero(config->password, strlen(config->password));
    char *texts[] = {config->bind,    config->unixsocket, config->dir,  config->password,
                     config->logfile, config->pidfile,    config->save, config->file};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    *config = (struct bzs_config){0};
}

size_t bzs_config_count(void) {
    return SETTING_COUNT;
}

const char *bzs_config_name(size_t index) {
    return settings[index].name;
}

const char *bzs_config_value(const struct bzs_config *config, size_t index, char *buffer,
                             size_t buffer_size) {
    const struct setting *setting = &settings[index];
    const char *member = (const char *)config + setting->offset;
    if (setting->kind == TEXT || setting->kind == WORDS || setting->kind == SAVE) {
        const char *text = *(char *const *)(const void *)member;
        return text != NULL ? text : "";
    }
    int64_t number = *(const int64_t *)(const void *)member;
    if (setting->kind == CHOICE)
        return setting->choices[number];
    snprintf(buffer, buffer_size, setting->kind == OCTAL ? "%llo" : "%lld", (unsigned long long)number);
    return buffer;
}

const char *bzs_config_value_of(const struct bzs_config *config, const char *name, char *buffer,
                                size_t buffer_size) {
    return bzs_config_value(config, (size_t)(find_setting(name) - settings), buffer, buffer_size);
}

void bzs_config_print_usage(FILE *stream) {
    fputs("Usage: blitzdb-server [CONFIG-FILE] [--SETTING VALUE]...\n"
          "\n"
          "Serves a BlitzDB database over the Redis protocol. Without arguments: in memory only, on\n"
          "127.0.0.1:6379. CONFIG-FILE is in the dialect of redis.conf, - reads it from standard input.\n"
          "With --dir DIRECTORY the data is durable. Settings:\n\n",
          stream);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", setting->name, setting->value);
        fprintf(stream, "  %-27s %s", left, setting->help);
        if (setting->fallback != NULL)
            fprintf(stream, " (default: %s)", setting->fallback);
        fputs("\n", stream);
    }
}
