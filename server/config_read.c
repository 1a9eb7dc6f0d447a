#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_place.h"
#include "words.h"

bool bzs_config_refuse(const struct bzs_config_place *place, const char *format, ...) {
    char *text = place->error->text;
    size_t room = sizeof(place->error->text);
    int used = place->source == NULL ? 0
               : place->line > 0     ? snprintf(text, room, "%s:%zu: ", place->source, place->line)
                                     : snprintf(text, room, "%s: ", place->source);
    if (used >= 0 && (size_t)used < room) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text + used, room - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return false;
}

/** Splits one line into words, zero-terminates them where they stand, and applies it. */
static bool parse_line(struct bzs_config *config, const struct bzs_config_place *place, char *line,
                       char *end) {
    const char *words[BZS_CONFIG_WORDS_MAX];
    size_t count = 0;
    struct bzs_slice word;
    enum bzs_words_result result;
    char *cursor = line + strspn(line, " \t\r");
    if (*cursor == '#')
        return true;
    while ((result = bzs_words_next(&cursor, end, &word)) == BZS_WORDS_WORD) {
        if (count == BZS_CONFIG_WORDS_MAX)
            return bzs_config_refuse(place, "too many words in one line");
        if (memchr(word.data, '\0', word.size) != NULL)
            return bzs_config_refuse(place, "a zero byte cannot be part of a setting");
        char *start = line + (word.data - line);
        if (cursor < end)
            cursor++;
        start[word.size] = '\0';
        words[count++] = start;
    }
    if (result == BZS_WORDS_UNBALANCED)
        return bzs_config_refuse(place, "unbalanced quotes");
    return count == 0 || bzs_config_apply(config, place, count, words);
}

bool bzs_config_parse(struct bzs_config *config, const char *source, char *text, size_t size,
                      struct bzs_config_error *error_out) {
    struct bzs_config_place place = {source, 0, error_out};
    config->save_adds_up = false;
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors begin a file in UTF-8 with it */
    bool has_mark = size >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0;
    char *end = text + size;
    for (char *line = text + (has_mark ? strlen(mark) : 0); line < end;) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *line_end = newline != NULL ? newline : end;
        place.line++;
        *line_end = '\0'; /* at the end of the text that is the byte to spare */
        if (!parse_line(config, &place, line, line_end))
            return false;
        line = line_end + 1;
    }
    return true;
}

/** Reads a whole stream, with one byte to spare behind it. */
static char *read_stream(FILE *stream, size_t *size_out) {
    size_t size = 0;
    size_t capacity = 4096;
    char *text = malloc(capacity);
    while (text != NULL) {
        size_t got = fread(text + size, 1, capacity - size - 1, stream);
        size += got;
        if (got == 0)
            break;
        if (size + 1 == capacity) {
            char *larger = realloc(text, capacity * 2);
            if (larger == NULL) {
                free(text);
                return NULL;
            }
            text = larger;
            capacity *= 2;
        }
    }
    *size_out = size;
    return text;
}

static bool read_file(struct bzs_config *config, const char *path, struct bzs_config_error *error_out) {
    bool is_stdin = strcmp(path, "-") == 0;
    struct bzs_config_place place = {is_stdin ? "standard input" : path, 0, error_out};
    FILE *stream = is_stdin ? stdin : fopen(path, "re");
    if (stream == NULL)
        return bzs_config_refuse(&place, "cannot be opened: %s", strerror(errno));
    size_t size = 0;
    char *text = read_stream(stream, &size);
    bool failed = ferror(stream) != 0;
    int read_errno = errno;
    if (!is_stdin)
        fclose(stream);
    bool done = false;
    if (text == NULL || failed) {
        bzs_config_refuse(&place, "cannot be read: %s",
                          text == NULL ? "out of memory" : strerror(read_errno));
    } else {
        done = bzs_config_parse(config, place.source, text, size, error_out) &&
               (is_stdin || bzs_config_set_text(&place, &config->file, path));
    }
    free(text);
    return done;
}

/** Splits `--bind "127.0.0.1 ::1"` again at the blanks, for the settings that take several words. */
static bool apply_option(struct bzs_config *config, const struct bzs_config_place *place, size_t count,
                         const char *const words[]) {
    if (count != 2 || !bzs_config_takes_list(words[0]))
        return bzs_config_apply(config, place, count, words);
    char line[1024];
    int size = snprintf(line, sizeof(line), "%s %s", words[0], words[1][0] == '\0' ? "\"\"" : words[1]);
    if (size < 0 || (size_t)size >= sizeof(line))
        return bzs_config_refuse(place, "'%s' is too long", words[0]);
    return parse_line(config, place, line, line + size);
}

static bool read_options(struct bzs_config *config, int argc, char *const argv[],
                         const struct bzs_config_place *place) {
    config->save_adds_up = false;
    for (int i = 0; i < argc;) {
        if (strncmp(argv[i], "--", 2) != 0)
            return bzs_config_refuse(place, "'%s' is not an option; options begin with --", argv[i]);
        const char *words[BZS_CONFIG_WORDS_MAX] = {argv[i] + 2};
        size_t count = 1;
        for (i++; i < argc && strncmp(argv[i], "--", 2) != 0; i++) {
            if (count == BZS_CONFIG_WORDS_MAX)
                return bzs_config_refuse(place, "too many values for '%s'", words[0]);
            words[count++] = argv[i];
        }
        if (!apply_option(config, place, count, words))
            return false;
    }
    return true;
}

/** Checks what no single setting can know, and fills in the defaults that depend on others. */
static bool complete(struct bzs_config *config, const struct bzs_config_place *place) {
    if (config->daemonize)
        return bzs_config_refuse(place, "'daemonize' can only be no: let the service manager run the server");
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
        return bzs_config_apply(config, place, 7, words);
    }
    return true;
}

enum bzs_config_result bzs_config_read(struct bzs_config *config, int argc, char *const argv[],
                                       struct bzs_config_error *error_out) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return BZS_CONFIG_HELP;
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-v") == 0)
            return BZS_CONFIG_VERSION;
    }
    struct bzs_config_place place = {"command line", 0, error_out};
    int first = 1;
    if (argc > 1 && strncmp(argv[1], "--", 2) != 0) {
        if (!read_file(config, argv[1], error_out))
            return BZS_CONFIG_FAILED;
        first = 2;
    }
    bool done = read_options(config, argc - first, argv + first, &place) && complete(config, &place);
    return done ? BZS_CONFIG_OK : BZS_CONFIG_FAILED;
}
