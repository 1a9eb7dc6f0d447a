#include "crashtest_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char ready_text[] = "Ready to accept connections";
/* A watchdog for a server that does not end; no measure. */
static const uint64_t end_us = 120 * 1000000ull;

uint64_t process_clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

bool process_init(struct process *process, const char *data) {
    *process = (struct process){.output = -1, .watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    return process->watch >= 0 &&
           inotify_add_watch(process->watch, data, IN_CREATE | IN_MOVED_TO | IN_DELETE) >= 0;
}

void process_deinit(struct process *process) {
    if (process->watch >= 0)
        close(process->watch);
    process->watch = -1;
}

/** The child: nothing but calls that are safe after a fork. */
static void become_server(const char *const arguments[], const int output[2], pid_t parent) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool prepared = null >= 0 && setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
                    getppid() == parent && dup2(null, 0) >= 0 && dup2(output[1], 1) >= 0 &&
                    dup2(output[1], 2) >= 0;
    if (prepared)
        execv(arguments[0], (char *const *)(const void *)arguments);
    static const char text[] = "cannot be executed\n";
    ssize_t ignored = write(output[1], text, sizeof(text) - 1);
    (void)ignored;
    _exit(127);
}

bool process_start(struct process *process, const char *const arguments[]) {
    int output[2];
    if (pipe2(output, O_CLOEXEC) != 0)
        return false;
    pid_t parent = getpid();
    process->pid = fork();
    if (process->pid == 0)
        become_server(arguments, output, parent);
    int error = errno;
    close(output[1]);
    if (process->pid < 0) {
        close(output[0]);
        process->pid = 0;
        errno = error;
        return false;
    }
    process->output = output[0];
    process->is_ready = false;
    process->said_size = 0;
    process->said[0] = '\0';
    return true;
}

/** Takes some of what the server says; false at its end. */
static bool take_output(struct process *process) {
    if (process->said_size > PROCESS_SAID_MAX / 2) {
        size_t kept = PROCESS_SAID_MAX / 4;
        memmove(process->said, process->said + process->said_size - kept, kept);
        process->said_size = kept;
    }
    ssize_t got =
        read(process->output, process->said + process->said_size, PROCESS_SAID_MAX - process->said_size);
    if (got < 0)
        return errno == EINTR;
    process->said_size += (size_t)got;
    process->said[process->said_size] = '\0';
    process->is_ready = process->is_ready || strstr(process->said, ready_text) != NULL;
    return got > 0;
}

/** Number of changes in the data directory since the last look. */
static unsigned count_events(const struct process *process) {
    unsigned count = 0;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got;
    while ((got = read(process->watch, buffer, sizeof(buffer))) > 0)
        for (const char *at = buffer; at < buffer + got;) {
            const struct inotify_event *event = (const void *)at;
            at += sizeof(*event) + event->len;
            count++;
        }
    return count;
}

void process_forget_events(struct process *process) {
    (void)count_events(process);
}

enum process_moment process_wait_for(struct process *process, const struct process_wait *wait) {
    uint64_t end = process_clock_us() + wait->time_us;
    unsigned events = 0;
    for (;;) {
        if (wait->until_is_ready && process->is_ready)
            return PROCESS_READY;
        uint64_t now = process_clock_us();
        if (now >= end)
            return PROCESS_TIME;
        struct timespec rest = {(time_t)((end - now) / 1000000u), (long)((end - now) % 1000000u) * 1000};
        struct pollfd ready[] = {{.fd = process->output, .events = POLLIN},
                                 {.fd = wait->events > 0 ? process->watch : -1, .events = POLLIN}};
        if (ppoll(ready, 2, &rest, NULL) < 0 && errno != EINTR)
            return PROCESS_TROUBLE;
        if (ready[0].revents != 0 && !take_output(process))
            return PROCESS_ENDED;
        if (ready[1].revents != 0)
            events += count_events(process);
        if (wait->events > 0 && events >= wait->events)
            return PROCESS_EVENT;
    }
}

void process_signal(struct process *process, int number) {
    kill(process->pid, number);
}

int process_end(struct process *process) {
    int status = 0;
    struct process_wait wait = {.time_us = end_us};
    if (process_wait_for(process, &wait) != PROCESS_ENDED)
        process_signal(process, SIGKILL);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
    }
    close(process->output);
    process->output = -1;
    process->pid = 0;
    return status;
}
