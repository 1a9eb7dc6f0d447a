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

/** Lets standard streams lead nowhere. */
static void give_up_streams(int first, int last) {
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = first; null_fd >= 0 && fd <= last; fd++)
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
    setsid();
    give_up_streams(STDIN_FILENO, STDIN_FILENO);
    return true;
}

void bzs_background_ready(struct bzs_background *background) {
    if (background->fd < 0)
        return;
    give_up_streams(STDOUT_FILENO, STDERR_FILENO); /* first, so that who reads them sees their end, too */
    ssize_t written = write(background->fd, "r", 1);
    (void)written; /* nobody waits any more */
    close(background->fd);
    background->fd = -1;
}
