#include "config_rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_place.h"

/** A rewriting under way. */
struct rewriting {
    struct bzs_config *config;
    struct bzs_config file; /**< what the file says as it is */
    char *text;             /**< the file; every line ends with a zero */
    size_t size;
    size_t *last_lines; /**< of each setting, the number of its last line; 0: none */
    FILE *out;
    const struct bzs_config_place *place; /**< for errors */
};

/** Writes a word so that it is read back as it is. */
static void put_word(FILE *out, const char *word) {
    bool is_plain = word[0] != '\0' && word[0] != '#';
    for (const char *c = word; *c != '\0'; c++)
        is_plain &= *c > ' ' && *c < 0x7F && *c != '"' && *c != '\'' && *c != '\\';
    if (is_plain) {
        fputs(word, out);
        return;
    }
    fputc('"', out);
    for (const char *c = word; *c != '\0'; c++)
        fprintf(out,
                *c == '"' || *c == '\\'  ? "\\%c"
                : *c >= ' ' && *c < 0x7F ? "%c"
                                         : "\\x%02x",
                (unsigned char)*c);
    fputc('"', out);
}

/** The password can only be written as what is known of it. */
static void put_secret(struct rewriting *rewriting) {
    char text[BZS_PASSWORD_TEXT_SIZE];
    if (!rewriting->config->has_password) {
        fputs("requirepass \"\"\n", rewriting->out);
        return;
    }
    bzs_password_show(&rewriting->config->password, text);
    fprintf(rewriting->out, "requirepass-hash %s\n", text);
}

/** Writes the line, or lines, of a setting. */
static void put_setting(struct rewriting *rewriting, const struct bzs_setting *setting) {
    char value[BZS_CONFIG_VALUE_SIZE];
    if (setting->kind == BZS_SECRET) {
        put_secret(rewriting);
        return;
    }
    bzs_config_show(rewriting->config, setting, value, sizeof(value));
    fprintf(rewriting->out, "%s ", setting->name);
    if (bzs_config_takes_list(setting->name) && value[0] != '\0')
        fputs(value, rewriting->out); /* numbers and names: nothing to quote */
    else
        put_word(rewriting->out, value);
    fputc('\n', rewriting->out);
}

/** True if the file has to say something else about a setting. */
static bool differs(struct rewriting *rewriting, const struct bzs_setting *setting) {
    char now[BZS_CONFIG_VALUE_SIZE];
    char before[BZS_CONFIG_VALUE_SIZE];
    if (setting->change != BZS_CHANGES)
        return false;
    if (setting->kind == BZS_SECRET)
        return rewriting->config->password_was_changed;
    if (setting->kind == BZS_SAVE && !rewriting->config->save_was_set)
        return false; /* a default that depends on others */
    bzs_config_show(rewriting->config, setting, now, sizeof(now));
    bzs_config_show(&rewriting->file, setting, before, sizeof(before));
    return strcmp(now, before) != 0;
}

/** The setting of a line, NULL: a comment, or one that is none of the table. The hash counts as the password.
 */
static const struct bzs_setting *setting_of(const struct rewriting *rewriting, const char *line) {
    const struct bzs_setting *setting = NULL;
    const char *words[BZS_CONFIG_WORDS_MAX];
    size_t count = 0;
    char *copy = strdup(line);
    if (copy != NULL && bzs_config_split(rewriting->place, copy, copy + strlen(copy), words, &count) &&
        count > 0)
        setting = bzs_setting_find(words[0]);
    if (copy != NULL)
        explicit_bzero(copy, strlen(copy));
    free(copy);
    return setting != NULL && setting->kind == BZS_SECRET_HASH ? bzs_setting_find("requirepass") : setting;
}

/** True for a line that another file stands in for. */
static bool is_include(const char *line) {
    static const char word[] = "include";
    line += strspn(line, " \t\r");
    return strncasecmp(line, word, strlen(word)) == 0 &&
           (line[strlen(word)] == ' ' || line[strlen(word)] == '\t');
}

/** Cuts the text into lines and notes which setting was set last where. */
static void find_lines(struct rewriting *rewriting) {
    size_t number = 0;
    for (char *line = rewriting->text; line < rewriting->text + rewriting->size;) {
        line[strcspn(line, "\n")] = '\0';
        number++;
        const struct bzs_setting *setting = setting_of(rewriting, line);
        if (setting != NULL)
            rewriting->last_lines[setting - bzs_settings] = number;
        if (is_include(line)) /* what stands above may not be the last word: new values go to the end */
            memset(rewriting->last_lines, 0, bzs_setting_count * sizeof(*rewriting->last_lines));
        line += strlen(line) + 1;
    }
}

static void put_lines(struct rewriting *rewriting) {
    size_t number = 0;
    for (char *line = rewriting->text; line < rewriting->text + rewriting->size; line += strlen(line) + 1) {
        number++;
        const struct bzs_setting *setting = setting_of(rewriting, line);
        if (setting == NULL || !differs(rewriting, setting))
            fprintf(rewriting->out, "%s\n", line);
        else if (rewriting->last_lines[setting - bzs_settings] == number)
            put_setting(rewriting, setting);
    }
}

static bool has_marker(const struct rewriting *rewriting) {
    for (const char *line = rewriting->text; line < rewriting->text + rewriting->size;
         line += strlen(line) + 1)
        if (strcmp(line, BZS_REWRITE_MARKER) == 0)
            return true;
    return false;
}

static void put_new_settings(struct rewriting *rewriting) {
    bool marked = has_marker(rewriting);
    for (size_t i = 0; i < bzs_setting_count; i++) {
        if (rewriting->last_lines[i] != 0 || !differs(rewriting, &bzs_settings[i]))
            continue;
        if (!marked)
            fputs("\n" BZS_REWRITE_MARKER "\n", rewriting->out);
        marked = true;
        put_setting(rewriting, &bzs_settings[i]);
    }
}

/** Makes the rename durable. The file is in place already, so that a failure is none of the rewriting. */
static void sync_folder(const char *path) {
    char folder[BZS_CONFIG_VALUE_SIZE];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path + 1) : 1,
             slash != NULL ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

static bool refuse_errno(const struct rewriting *rewriting) {
    return bzs_config_refuse(rewriting->place, "%s", strerror(errno));
}

/** Writes what belongs into the file to a new one beside it, with its mode and, if possible, its owner. */
static bool write_beside(struct rewriting *rewriting, const char *path, const struct stat *status) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse_errno(rewriting);
    if (fchown(fd, status->st_uid, status->st_gid) != 0)
        errno = 0; /* only root may give files away; the mode below decides who reads it */
    rewriting->out = fdopen(fd, "w");
    if (rewriting->out == NULL || fchmod(fd, status->st_mode & 0777) != 0) {
        refuse_errno(rewriting);
        rewriting->out != NULL ? (void)fclose(rewriting->out) : (void)close(fd);
        return false;
    }
    put_lines(rewriting);
    put_new_settings(rewriting);
    bool written = fflush(rewriting->out) == 0 && ferror(rewriting->out) == 0 && fsync(fd) == 0;
    if (!written)
        refuse_errno(rewriting);
    return (fclose(rewriting->out) == 0 || (written && refuse_errno(rewriting))) && written;
}

static bool replace(struct rewriting *rewriting, const char *path) {
    char beside[BZS_CONFIG_VALUE_SIZE];
    struct stat status;
    snprintf(beside, sizeof(beside), "%s.rewrite-%ld", path, (long)getpid());
    if (stat(path, &status) != 0)
        return refuse_errno(rewriting);
    bool done = write_beside(rewriting, beside, &status);
    if (done && rename(beside, path) != 0)
        done = refuse_errno(rewriting);
    if (!done)
        unlink(beside);
    else
        sync_folder(path);
    return done;
}

static bool read_text(struct rewriting *rewriting, const char *path) {
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return refuse_errno(rewriting);
    rewriting->text = bzs_config_read_stream(stream, &rewriting->size);
    bool failed = rewriting->text == NULL || ferror(stream) != 0;
    fclose(stream);
    if (failed)
        return bzs_config_refuse(rewriting->place, "the file cannot be read");
    rewriting->text[rewriting->size] = '\0';
    return memchr(rewriting->text, '\0', rewriting->size) == NULL ||
           bzs_config_refuse(rewriting->place, "there is a zero byte in the file");
}

bool bzs_config_rewrite(struct bzs_config *config, struct bzs_config_error *error_out) {
    const struct bzs_config_place place = {.error = error_out};
    struct rewriting rewriting = {.config = config, .place = &place};
    if (!bzs_config_init(&rewriting.file))
        return bzs_config_refuse(&place, "out of memory");
    rewriting.last_lines = calloc(bzs_setting_count, sizeof(*rewriting.last_lines));
    bool done = rewriting.last_lines != NULL || bzs_config_refuse(&place, "out of memory");
    done = done && bzs_config_read_file(&rewriting.file, config->file, &place) &&
           read_text(&rewriting, config->file);
    if (done) {
        find_lines(&rewriting);
        done = replace(&rewriting, config->file);
    }
    if (rewriting.text != NULL)
        explicit_bzero(rewriting.text, rewriting.size);
    free(rewriting.text);
    free(rewriting.last_lines);
    bzs_config_deinit(&rewriting.file);
    return done;
}
