#include "messages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

enum {
    TEXT_SIZE = 4096,                /* of one message; what is longer is cut */
    LINE_SIZE = TEXT_SIZE * 6 + 128, /* room for it as JSON, where a byte may take six */
    LOST_SAID_S = 60,                /* how often standard error hears that the log cannot be written */
};

static int open_file(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
}

bool bzs_messages_open(struct bzs_messages *messages, const struct bzs_config *config) {
    static const int facilities[] = {LOG_USER,   LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2, LOG_LOCAL3,
                                     LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7};
    *messages = (struct bzs_messages){.fd = STDOUT_FILENO, .path = config->logfile};
    messages->level = config->log_level;
    messages->is_json = config->log_format == BZS_LOG_JSON;
    messages->to_syslog = config->syslog_enabled;
    if (messages->to_syslog)
        openlog(config->syslog_ident, LOG_PID | LOG_NDELAY, facilities[config->syslog_facility]);
    if (messages->path != NULL)
        messages->fd = open_file(messages->path);
    return messages->fd >= 0;
}

void bzs_messages_close(struct bzs_messages *messages) {
    if (messages->fd > STDERR_FILENO)
        close(messages->fd);
    messages->fd = -1;
    if (messages->to_syslog)
        closelog();
}

/** The number of the descriptor stays, because other threads use it at any time. */
void bzs_messages_reopen(struct bzs_messages *messages) {
    if (messages->path == NULL)
        return;
    int fd = open_file(messages->path);
    if (fd < 0 || dup3(fd, messages->fd, O_CLOEXEC) < 0)
        bzs_say(messages, BZS_WARNING, "the log file %s cannot be opened again: %s", messages->path,
                strerror(errno));
    if (fd >= 0)
        close(fd);
}

static const char *name_of(enum bzs_message_level level) {
    static const char *const names[] = {"debug", "verbose", "notice", "warning", "notice"};
    return names[level];
}

/** Writes "2025-01-31T12:00:00.123Z". */
static void put_time(char *out, size_t size) {
    struct timespec now;
    struct tm calendar;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &calendar);
    size_t used = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &calendar);
    snprintf(out + used, size - used, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/** Makes a line of a message, with its end; returns its size. */
static size_t put_line(const struct bzs_messages *messages, enum bzs_message_level level, const char *text,
                       char line[LINE_SIZE]) {
    char time[64];
    put_time(time, sizeof(time));
    if (!messages->is_json)
        return (size_t)snprintf(line, LINE_SIZE, "%s %s %s\n", time, name_of(level), text);
    char escaped[TEXT_SIZE * 6 + 8];
    bzs_json_escape(text, escaped, sizeof(escaped));
    return (size_t)snprintf(line, LINE_SIZE, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n", time,
                            name_of(level), escaped);
}

/** Tells standard error now and then that messages are lost; the server goes on all the same. */
static void note_lost(struct bzs_messages *messages, int why) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t said_s = messages->lost_said_s;
    bool first = atomic_fetch_add(&messages->lost, 1) == 0;
    if (!first && now.tv_sec - said_s < LOST_SAID_S)
        return;
    if (!atomic_compare_exchange_strong(&messages->lost_said_s, &said_s, (int64_t)now.tv_sec))
        return;
    dprintf(STDERR_FILENO, "blitzdb-server: the log could not be written: %s\n", strerror(why));
}

static void write_line(struct bzs_messages *messages, const char *line, size_t size) {
    ssize_t written = write(messages->fd, line, size);
    if (written != (ssize_t)size) {
        note_lost(messages, written < 0 ? errno : ENOSPC);
        return;
    }
    uint64_t lost = messages->lost != 0 ? atomic_exchange(&messages->lost, 0) : 0;
    if (lost > 0)
        bzs_say(messages, BZS_ALWAYS, "%llu messages before this one could not be written",
                (unsigned long long)lost);
}

void bzs_say(const struct bzs_messages *messages, enum bzs_message_level level, const char *format, ...) {
    static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_NOTICE};
    if (level < messages->level)
        return;
    char text[TEXT_SIZE];
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (messages->to_syslog)
        syslog(priorities[level], "%s", text);
    if (messages->to_terminal && messages->path != NULL && level == BZS_WARNING)
        dprintf(STDERR_FILENO, "blitzdb-server: %s\n", text);
    size_t size = put_line(messages, level, text, line);
    write_line((struct bzs_messages *)messages, line, size); /* changes atomic members only */
}
