/**
 * @file
 * @brief The server under test: started, watched, killed and waited for by blitzdb-crashtest.
 *
 * The server is a process group of its own, so that Control-C reaches this program alone, and dies with it.
 * What it says goes through a pipe, whose end also tells that it is gone. Its data directory is watched, so
 * that it can be killed at the moment when a file there is created, renamed or removed.
 */
#ifndef BLITZDB_CRASHTEST_PROCESS_H
#define BLITZDB_CRASHTEST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_ARGUMENTS_MAX 24
#define PROCESS_SAID_MAX 8192

/** How the wait for a moment ended. */
enum process_moment {
    PROCESS_TIME,   /**< the time has come */
    PROCESS_EVENT,  /**< the last of the events that were waited for has happened */
    PROCESS_READY,  /**< it said that it is ready */
    PROCESS_ENDED,  /**< it is gone, and can be waited for */
    PROCESS_TROUBLE /**< the system refused to wait */
};

/** A server. */
struct process {
    pid_t pid;     /**< 0: none */
    int output;    /**< read end of its standard output and error */
    int watch;     /**< inotify on the data directory */
    bool is_ready; /**< it has said so */
    size_t said_size;
    char said[PROCESS_SAID_MAX + 1]; /**< the end of what it said; zero-terminated */
};

/** What to wait for: whichever comes first. */
struct process_wait {
    uint64_t time_us;    /**< this long */
    unsigned events;     /**< so many changes in the data directory since they were forgotten; 0: none */
    bool until_is_ready; /**< the message that connections are accepted */
};

/** Begins to watch a directory; false with errno if that cannot be done. */
bool process_init(struct process *process, const char *data);
void process_deinit(struct process *process);

/** Starts the program; `arguments` ends with NULL. False with errno if that cannot be done. */
bool process_start(struct process *process, const char *const arguments[]);

/** Changes of the data directory count from here on. */
void process_forget_events(struct process *process);

enum process_moment process_wait_for(struct process *process, const struct process_wait *wait);

void process_signal(struct process *process, int number);

/** Waits for its end, reading what it says meanwhile; the status of waitpid(). Kills it if it hangs. */
int process_end(struct process *process);

/** Microseconds of a clock that never goes back. */
uint64_t process_clock_us(void);

#endif
