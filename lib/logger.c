#include "logger.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bzd_logger_write(const struct bzd_logger *logger, int level, const char *module, const char *format,
                      ...) {
    if (logger->fn == NULL || level > (int)logger->level)
        return;

    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    logger->fn(logger->user, level, module, message);
}

blitzdb_status bzd_status_of_errno(int system_errno) {
    switch (system_errno) {
    case ENOSPC:
    case EDQUOT:
        return BLITZDB_NO_SPACE;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return BLITZDB_NO_MEMORY; /* passing, like that: a descriptor may be free the next time */
    default:
        return BLITZDB_IO;
    }
}

/** What kept a file or directory from being opened, NULL if the error says nothing special. */
static const char *obstacle_of_errno(int system_errno) {
    switch (system_errno) {
    case EISDIR:
        return "a directory stands in the place of the file";
    case ELOOP:
        return "a symbolic link stands in the place of the file; links are not followed";
    case EINVAL:
        return "a device, pipe or socket stands in the place of the file";
    case ENOTDIR:
        return "a part of the path is a file, not a directory";
    case ENOENT:
        return "the directory it belongs into does not exist; create that first";
    case EACCES:
    case EPERM:
        return "this user has no permission; the owner of the database has all it needs";
    case EROFS:
        return "the file system is read-only, and a database has to be written to";
    case EMFILE:
    case ENFILE:
        return "no descriptor is left; raise the limit (ulimit -n)";
    case ENAMETOOLONG:
        return "the name is too long";
    default:
        return NULL;
    }
}

const char *bzd_text_of_errno(int system_errno) {
    const char *obstacle = obstacle_of_errno(system_errno);
    return obstacle != NULL ? obstacle : "cannot be opened";
}

/** Why a call on a file failed, of whatever kind, NULL if there are no words for it. */
static const char *reason_of_errno(int system_errno) {
    switch (system_errno) {
    case ENOSPC:
        return "no space left on the device; make room";
    case EDQUOT:
        return "the disk quota is used up; make room";
    case EFBIG:
        return "the file may not get that large; raise the limit (ulimit -f)";
    case EIO:
        return "input/output error of the device; look at the kernel's log";
    case ENOMEM:
        return "the system has no memory left";
    case ENOENT:
        return "the file or its directory is not there";
    case EINVAL:
        return "the file system cannot do that, or a device, pipe or socket stands in the place of the file";
    default:
        return obstacle_of_errno(system_errno);
    }
}

/** Ends the text of an error with its reason, unless it is said already. */
static void add_reason(blitzdb_error *error) {
    const char *obstacle = obstacle_of_errno(error->system_errno);
    const char *reason = reason_of_errno(error->system_errno);
    char number[32];
    if (obstacle != NULL && strstr(error->text, obstacle) != NULL)
        return;
    if (reason == NULL) {
        (void)snprintf(number, sizeof number, "system error %d", error->system_errno);
        reason = number;
    }
    if (strstr(error->text, reason) != NULL) /* it came along with the text of an error below */
        return;
    size_t used = strlen(error->text);
    (void)snprintf(error->text + used, sizeof error->text - used, "%s%s", used > 0 ? ": " : "", reason);
}

blitzdb_status bzd_error_set(blitzdb_error *error, blitzdb_status status, int system_errno,
                             const char *format, ...) {
    if (error == NULL || error->status != BLITZDB_OK)
        return status;

    error->status = status;
    error->system_errno = system_errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (system_errno != 0 && status != BLITZDB_NOT_FOUND) /* then the text names what is not there */
        add_reason(error);
    return status;
}
