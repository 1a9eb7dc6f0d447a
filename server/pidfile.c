#include "pidfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool bzs_pidfile_write(const char *path, const struct bzs_messages *messages) {
    if (path == NULL)
        return false;
    FILE *file = fopen(path, "we");
    bool written = file != NULL && fprintf(file, "%ld\n", (long)getpid()) > 0;
    if (file != NULL && fclose(file) != 0)
        written = false;
    if (!written)
        bzs_say(messages, BZS_WARNING, "the pid file %s cannot be written: %s", path, strerror(errno));
    return written;
}

/** True if the file still holds the number of this process; another one may have written its own meanwhile.
 */
static bool is_own(const char *path) {
    FILE *file = fopen(path, "re");
    long number = 0;
    bool own = file != NULL && fscanf(file, "%ld", &number) == 1 && number == (long)getpid();
    if (file != NULL)
        fclose(file);
    return own;
}

void bzs_pidfile_remove(const char *path) {
    if (is_own(path))
        unlink(path);
}
