#include "logger.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

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
    return status;
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

const char *bzd_text_of_errno(int system_errno) {
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
        return "cannot be opened";
    }
}
