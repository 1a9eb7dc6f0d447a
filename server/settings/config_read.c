#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "config_place.h"
#include "words.h"

/* A file that includes itself, or a pattern that fits half the disk, ends here. */
enum { INCLUDE_DEPTH_MAX = 8, FILES_MAX = 64, FILE_SIZE_MAX = 16 * 1024 * 1024 };

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

bool bzs_config_goes_on(const struct bzs_config_place *place) {
    struct bzs_config_error *error = place->error;
    if (error->all_to == NULL)
        return false;
    fprintf(error->all_to, "%s\n", error->text);
    error->count++;
    return true;
}

bool bzs_config_split(const struct bzs_config_place *place, char *line, char *end,
                      const char *words_out[BZS_CONFIG_WORDS_MAX], size_t *count_out) {
    size_t count = 0;
    struct bzs_slice word;
    enum bzs_words_result result;
    char *cursor = line + strspn(line, " \t\r");
    *count_out = 0;
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
        words_out[count++] = start;
    }
    if (result == BZS_WORDS_UNBALANCED)
        return bzs_config_refuse(place, "unbalanced quotes");
    *count_out = count;
    return true;
}

/** The pattern of an `include`, beginning at the folder of the file it stands in. */
static void resolve(const char *source, const char *pattern, char *out, size_t size) {
    const char *slash = strrchr(source, '/');
    bool is_relative = pattern[0] != '/' && slash != NULL;
    snprintf(out, size, "%.*s%s", is_relative ? (int)(slash - source + 1) : 0, source, pattern);
}

/** Reads the files that fit a pattern, in alphabetical order. A name without wildcards has to be there. */
static bool include(struct bzs_config *config, const struct bzs_config_place *place, const char *pattern) {
    char path[BZS_CONFIG_VALUE_SIZE];
    glob_t found = {0};
    if (place->depth == INCLUDE_DEPTH_MAX)
        return bzs_config_refuse(place, "'include' within 'include', %d deep", INCLUDE_DEPTH_MAX);
    resolve(place->source, pattern, path, sizeof(path));
    bool has_wildcards = strpbrk(path, "*?[") != NULL;
    int result = has_wildcards ? glob(path, 0, NULL, &found) : GLOB_NOMATCH;
    bool done = result == 0 || result == GLOB_NOMATCH;
    if (!done)
        bzs_config_refuse(place, "'include %s' cannot be looked up", pattern);
    else if (!has_wildcards)
        done = bzs_config_read_file(config, path, place);
    for (size_t i = 0; done && i < found.gl_pathc; i++)
        done = bzs_config_read_file(config, found.gl_pathv[i], place);
    globfree(&found);
    return done;
}

static char *lower_copy(const char *text) {
    char *copy = strdup(text);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

/** Whether there is such a command, the table of commands says later. */
static bool rename_command(struct bzs_config *config, const struct bzs_config_place *place, size_t count,
                           const char *const words[]) {
    if (count != 3)
        return bzs_config_refuse(place, "'rename-command' takes a command and its new name, or \"\"");
    size_t size = (config->renamed_count + 1) * sizeof(*config->renamed);
    struct bzs_renamed_command *renamed = realloc(config->renamed, size);
    if (renamed == NULL)
        return bzs_config_refuse(place, "out of memory");
    config->renamed = renamed;
    renamed[config->renamed_count++] =
        (struct bzs_renamed_command){lower_copy(words[1]), lower_copy(words[2])};
    bool copied =
        renamed[config->renamed_count - 1].from != NULL && renamed[config->renamed_count - 1].to != NULL;
    return copied || bzs_config_refuse(place, "out of memory");
}

/** Splits one line into words and does what it says. */
static bool parse_line(struct bzs_config *config, const struct bzs_config_place *place, char *line,
                       char *end) {
    const char *words[BZS_CONFIG_WORDS_MAX];
    size_t count;
    if (!bzs_config_split(place, line, end, words, &count))
        return false;
    if (count == 0)
        return true;
    if (strcasecmp(words[0], "include") == 0)
        return count == 2 ? include(config, place, words[1])
                          : bzs_config_refuse(place, "'include' takes exactly one name");
    if (strcasecmp(words[0], "rename-command") == 0)
        return rename_command(config, place, count, words);
    config->password_in_file |=
        strcasecmp(words[0], "requirepass") == 0 || strcasecmp(words[0], "requirepass-hash") == 0;
    return bzs_config_apply(config, place, count, words);
}

static bool parse(struct bzs_config *config, struct bzs_config_place *place, char *text, size_t size) {
    static const char mark[] = "\xEF\xBB\xBF"; /* some editors begin a file in UTF-8 with it */
    bool has_mark = size >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0;
    char *end = text + size;
    for (char *line = text + (has_mark ? strlen(mark) : 0); line < end;) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *line_end = newline != NULL ? newline : end;
        place->line++;
        *line_end = '\0'; /* at the end of the text that is the byte to spare */
        if (!parse_line(config, place, line, line_end) && !bzs_config_goes_on(place))
            return false;
        line = line_end + 1;
    }
    return true;
}

bool bzs_config_parse(struct bzs_config *config, const char *source, char *text, size_t size,
                      struct bzs_config_error *error_out) {
    struct bzs_config_place place = {.source = source, .error = error_out};
    config->save_adds_up = false;
    return parse(config, &place, text, size);
}

char *bzs_config_read_stream(FILE *stream, size_t *size_out) {
    size_t size = 0;
    size_t capacity = 4096;
    char *text = malloc(capacity);
    while (text != NULL) {
        size_t got = fread(text + size, 1, capacity - size - 1, stream);
        size += got;
        if (got == 0)
            break;
        if (size > FILE_SIZE_MAX) { /* a device has no end */
            explicit_bzero(text, size);
            free(text);
            errno = EFBIG;
            return NULL;
        }
        if (size + 1 == capacity) {
            char *larger = malloc(capacity * 2);
            if (larger != NULL)
                memcpy(larger, text, size);
            explicit_bzero(text, size); /* a copy with a password in it would stay */
            free(text);
            if (larger == NULL)
                return NULL;
            text = larger;
            capacity *= 2;
        }
    }
    *size_out = size;
    return text;
}

/** Notes whether others may read a file with a password in it. */
static void note_mode(struct bzs_config *config, FILE *stream) {
    struct stat status;
    bool is_open_to_others =
        fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0;
    config->password_is_exposed |= config->password_in_file && is_open_to_others;
}

bool bzs_config_read_file(struct bzs_config *config, const char *path, const struct bzs_config_place *from) {
    bool is_stdin = strcmp(path, "-") == 0;
    struct bzs_config_place place = {
        .source = is_stdin ? "standard input" : path, .depth = from->depth + 1, .error = from->error};
    if (++config->files_read > FILES_MAX)
        return bzs_config_refuse(from, "more than %d files", FILES_MAX);
    FILE *stream = is_stdin ? stdin : fopen(path, "re");
    if (stream == NULL)
        return bzs_config_refuse(from->line > 0 ? from : &place, "%s%scannot be opened: %s",
                                 from->line > 0 ? path : "", from->line > 0 ? " " : "", strerror(errno));
    size_t size = 0;
    setvbuf(stream, NULL, _IONBF, 0); /* for the same reason */
    char *text = bzs_config_read_stream(stream, &size);
    bool failed = ferror(stream) != 0;
    int read_errno = errno;
    bool done = false;
    bool before = config->password_in_file;
    config->password_in_file = false;
    if (text == NULL || failed)
        bzs_config_refuse(&place, "cannot be read: %s", strerror(read_errno));
    else
        done = parse(config, &place, text, size);
    note_mode(config, stream);
    config->password_in_file |= before;
    if (!is_stdin)
        fclose(stream);
    if (text != NULL)
        explicit_bzero(text, size); /* there may be a password in it */
    free(text);
    return done;
}
