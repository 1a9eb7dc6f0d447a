#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_check.h"
#include "config_place.h"

/* Environment variables are called after the settings: BLITZDB_MAXMEMORY, BLITZDB_APPENDFSYNC. */
#define PREFIX "BLITZDB_"

/** Splits `--bind "127.0.0.1 ::1"` again at the blanks, for the settings that take several words. */
static bool apply_text(struct bzs_config *config, const struct bzs_config_place *place, const char *name,
                       const char *value) {
    const char *words[BZS_CONFIG_WORDS_MAX] = {name, value};
    size_t count = 2;
    char line[BZS_CONFIG_VALUE_SIZE];
    if (bzs_config_takes_list(name)) {
        int size = snprintf(line, sizeof(line), "%s %s", name, value[0] == '\0' ? "\"\"" : value);
        if (size < 0 || (size_t)size >= sizeof(line))
            return bzs_config_refuse(place, "'%s' is too long", name);
        if (!bzs_config_split(place, line, line + size, words, &count))
            return false;
    }
    return bzs_config_apply(config, place, count, words);
}

/** Writes the variable that stands for a setting: upper case, and dashes as underscores. */
static void name_variable(const char *setting, char *out, size_t size) {
    snprintf(out, size, PREFIX "%s", setting);
    for (char *c = out + strlen(PREFIX); *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
}

/** A password is a secret: nobody shall see it in the list of processes, or in a copy of the memory. */
static void wipe_password(const char *name, char *value) {
    if (strcasecmp(name, "requirepass") == 0)
        memset(value, 'x', strlen(value));
}

/** Kubernetes sets such variables for a service that is called "blitzdb": they are no settings. */
static bool is_of_kubernetes(const char *variable) {
    return strncmp(variable, PREFIX "SERVICE_", strlen(PREFIX "SERVICE_")) == 0 ||
           strncmp(variable, PREFIX "PORT_", strlen(PREFIX "PORT_")) == 0 ||
           strncmp(variable, PREFIX "PORT=tcp://", strlen(PREFIX "PORT=tcp://")) == 0;
}

/** A variable with the prefix that stands for no setting is a mistake, as in a file. */
static bool read_variable(struct bzs_config *config, const char *variable, struct bzs_config_error *error) {
    const char *equals = strchr(variable, '=');
    for (size_t i = 0; equals != NULL && i < bzs_setting_count; i++) {
        char name[64];
        name_variable(bzs_settings[i].name, name, sizeof(name));
        if (strlen(name) != (size_t)(equals - variable) || strncmp(variable, name, strlen(name)) != 0)
            continue;
        const struct bzs_config_place place = {.source = name, .error = error};
        bool applied = apply_text(config, &place, bzs_settings[i].name, equals + 1);
        wipe_password(bzs_settings[i].name, (char *)equals + 1);
        return applied || bzs_config_goes_on(&place);
    }
    const struct bzs_config_place place = {.source = "environment", .error = error};
    bzs_config_refuse(&place, "%.*s stands for no setting", (int)strcspn(variable, "="), variable);
    return bzs_config_goes_on(&place);
}

static bool read_environment(struct bzs_config *config, struct bzs_config_error *error) {
    extern char **environ;
    config->save_adds_up = false;
    for (char **variable = environ; *variable != NULL; variable++)
        if (strncmp(*variable, PREFIX, strlen(PREFIX)) == 0 && !is_of_kubernetes(*variable) &&
            !read_variable(config, *variable, error))
            return false;
    return true;
}

static bool read_option(struct bzs_config *config, const struct bzs_config_place *place, size_t count,
                        const char *const words[]) {
    bool takes_one = bzs_setting_find(words[0]) != NULL && !bzs_config_takes_list(words[0]);
    if (strcmp(words[0], "check-config") == 0)
        return bzs_config_refuse(place, "'--check-config' takes no value; a configuration file comes first");
    if (count > 2 && takes_one)
        return bzs_config_refuse(place, "'%s' takes exactly one value; a configuration file comes first",
                                 words[0]);
    return count == 2 ? apply_text(config, place, words[0], words[1])
                      : bzs_config_apply(config, place, count, words);
}

static bool read_options(struct bzs_config *config, int argc, char *const argv[],
                         const struct bzs_config_place *place) {
    config->save_adds_up = false;
    for (int i = 0; i < argc;) {
        if (strncmp(argv[i], "--", 2) != 0) {
            bzs_config_refuse(place, "'%s' is no option, such as --port; a configuration file comes first",
                              argv[i++]);
            if (!bzs_config_goes_on(place))
                return false;
            continue;
        }
        const char *words[BZS_CONFIG_WORDS_MAX] = {argv[i] + 2};
        size_t count = 1;
        for (i++; i < argc && strncmp(argv[i], "--", 2) != 0; i++) {
            if (count == BZS_CONFIG_WORDS_MAX)
                return bzs_config_refuse(place, "too many values for '%s'", words[0]);
            words[count++] = argv[i];
        }
        bool is_check = count == 1 && strcmp(words[0], "check-config") == 0;
        if (!is_check && !read_option(config, place, count, words) && !bzs_config_goes_on(place))
            return false;
        if (count == 2)
            wipe_password(words[0], argv[i - 1]);
    }
    return true;
}

bool bzs_config_complete(struct bzs_config *config, const struct bzs_config_place *place) {
    if (config->dir == NULL && config->appendonly)
        return bzs_config_refuse(place, "'appendonly yes' needs a directory: set 'dir'");
    bool always = config->appendfsync == BZS_APPENDFSYNC_ALWAYS;
    if (config->dir == NULL && always)
        return bzs_config_refuse(place, "'appendfsync always' needs a directory: set 'dir'");
    if (config->appendonly_was_set && !config->appendonly && always)
        return bzs_config_refuse(place,
                                 "'appendfsync always' needs a log: it does not go with 'appendonly no'");
    if (config->dir == NULL && config->save_point_count > 0)
        return bzs_config_refuse(place, "'save' needs a directory: set 'dir'");
    if (config->bind == NULL && config->unixsocket == NULL)
        return bzs_config_refuse(place, "nothing to listen on: set 'bind' or 'unixsocket'");
    if (config->dir != NULL && !config->appendonly_was_set)
        config->appendonly = 1;
    if (config->dir != NULL && !config->appendonly && !config->save_was_set) {
        const char *words[] = {"save", "3600", "1", "300", "100", "60", "10000"};
        bool applied = bzs_config_apply(config, place, 7, words);
        config->save_was_set = false;
        return applied;
    }
    return true;
}

/** Remembers the file, for CONFIG REWRITE and INFO, whatever the working directory will be. */
static bool note_file(struct bzs_config *config, const char *path, const struct bzs_config_place *place) {
    free(config->file);
    config->file = realpath(path, NULL);
    return config->file != NULL || bzs_config_set_text(place, &config->file, path);
}

/** Reads everything, weakest first. */
static bool read_sources(struct bzs_config *config, int argc, char *const argv[],
                         const struct bzs_config_place *place) {
    int first = 1;
    if (argc > 1 && (argv[1][0] != '-' || argv[1][1] == '\0')) {
        config->save_adds_up = false;
        if (!bzs_config_read_file(config, argv[1], place) && !bzs_config_goes_on(place))
            return false;
        if (strcmp(argv[1], "-") != 0 && !note_file(config, argv[1], place))
            return false;
        first = 2;
    }
    return read_environment(config, place->error) &&
           read_options(config, argc - first, argv + first, place) &&
           (bzs_config_complete(config, place) || bzs_config_goes_on(place));
}

static bool has_option(int argc, char *const argv[], const char *name, const char *short_name) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0 || strcmp(argv[i], short_name) == 0)
            return true;
    return false;
}

enum bzs_config_result bzs_config_read(struct bzs_config *config, int argc, char *const argv[],
                                       struct bzs_config_error *error_out) {
    if (has_option(argc, argv, "--help", "-h"))
        return BZS_CONFIG_HELP;
    if (has_option(argc, argv, "--version", "-v"))
        return BZS_CONFIG_VERSION;
    bool checks = has_option(argc, argv, "--check-config", "--check-config");
    error_out->all_to = checks ? stderr : NULL;
    error_out->count = 0;
    const struct bzs_config_place place = {.source = "command line", .error = error_out};
    if (!read_sources(config, argc, argv, &place))
        return BZS_CONFIG_FAILED;
    if (checks)
        bzs_config_check(config, &place);
    if (error_out->count > 0)
        return BZS_CONFIG_FAILED;
    return checks ? BZS_CONFIG_CHECKED : BZS_CONFIG_OK;
}
