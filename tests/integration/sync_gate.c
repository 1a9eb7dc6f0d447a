/**
 * @file
 * @brief fdatasync() with a gate, for a server that is tested: LD_PRELOAD it and set SYNC_GATE_SOCKET to a
 * folder.
 *
 * While the folder has a file named `shut`, a sync writes one byte into the pipe `begun` there, reads one
 * from the pipe `verdicts`, and then happens, or fails with EIO if that byte was an `e`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Opens something in the folder; -1 if it is not there. */
static int open_in(const char *folder, const char *name, int how) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return open(path, how | O_CLOEXEC);
}

/** Moves one byte into a pipe or out of it; false if that did not work. */
static bool move_byte(const char *folder, const char *name, int how, char *byte) {
    int pipe = open_in(folder, name, how);
    bool moved = pipe >= 0 && (how == O_WRONLY ? write(pipe, byte, 1) : read(pipe, byte, 1)) == 1;
    if (pipe >= 0)
        close(pipe);
    return moved;
}

static bool fails(const char *folder) {
    char verdict = 'b';
    int shut = folder != NULL ? open_in(folder, "shut", O_RDONLY) : -1;
    if (shut < 0)
        return false;
    close(shut);
    return !move_byte(folder, "begun", O_WRONLY, &verdict) ||
           !move_byte(folder, "verdicts", O_RDONLY, &verdict) || verdict == 'e';
}

__attribute__((visibility("default"))) int fdatasync(int fd) {
    if (fails(getenv("SYNC_GATE_SOCKET"))) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}
