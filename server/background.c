#include "background.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/** The end of the process that was started: with 0 once the other one is ready, else as that one ended. */
static void wait_for_child(int fd, pid_t child) {
    char ready;
    int status = 0;
    if (read(fd, &ready, 1) == 1)
        _exit(0);
    bool known = waitpid(child, &status, 0) == child && WIFEXITED(status);
    _exit(known ? WEXITSTATUS(status) : EXIT_FAILURE);
}

static void leave_terminal(void) {
    setsid();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null_fd >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null_fd, fd);
    if (null_fd > STDERR_FILENO)
        close(null_fd);
}

bool bzs_background_enter(struct bzs_background *background) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_child(ends[0], child);
    }
    close(ends[0]);
    background->fd = ends[1];
    leave_terminal();
    return true;
}

void bzs_background_ready(struct bzs_background *background) {
    if (background->fd < 0)
        return;
    ssize_t written = write(background->fd, "r", 1);
    (void)written; /* nobody waits any more */
    close(background->fd);
    background->fd = -1;
}
