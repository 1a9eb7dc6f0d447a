#include "messages.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool bzs_messages_open(struct bzs_messages *messages, const char *path, int64_t level) {
    messages->level = level;
    messages->fd = STDOUT_FILENO;
    if (path != NULL)
        messages->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return messages->fd >= 0;
}

void bzs_messages_close(struct bzs_messages *messages) {
    if (messages->fd > STDERR_FILENO)
        close(messages->fd);
    messages->fd = -1;
}

/** Writes "2025-01-31T12:00:00.123Z notice " and returns its length. */
static size_t put_prefix(char *line, size_t size, enum bzs_message_level level) {
    static const char *const names[] = {"debug", "verbose", "notice", "warning", "notice"};
    struct timespec now;
    struct tm calendar;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &calendar);
    size_t used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &calendar);
    int rest = snprintf(line + used, size - used, ".%03dZ %s ", (int)(now.tv_nsec / 1000000), names[level]);
    return used + (rest > 0 ? (size_t)rest : 0);
}

void bzs_say(const struct bzs_messages *messages, enum bzs_message_level level, const char *format, ...) {
    if (level < messages->level)
        return;
    char line[1024];
    size_t used = put_prefix(line, sizeof(line), level);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
    va_end(arguments);
    size_t size = strlen(line);
    line[size++] = '\n';
    /* A log that cannot be written must not stop the server, and there is nobody left to tell. */
    ssize_t written = write(messages->fd, line, size);
    (void)written;
}
