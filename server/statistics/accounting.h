/**
 * @file
 * @brief Accounting: how often each command ran, how long it took, and how often it failed; one account for
 *        each loop.
 *
 * A clock read costs as much as a tenth of a GET, so quick commands that follow each other in a pipeline are
 * timed together, as a group:
 *
 *     bzs_account_begin --- GET GET SET GET --- bzs_account_close        one clock read at each end
 *                           '---- runs ----'    time / 4 for each of them
 *
 * A group ends with a batch of the input, which has up to 64 commands, or before and after a command whose
 * work depends on its arguments; such a one is timed by itself. So the time of a quick command is the mean of
 * its group, and the sums are exact: nothing that the loop did for commands between its reads is missing, or
 * counted twice. If the settings ask for commands quicker than a millisecond (slowlog-log-slower-than), each
 * one is timed by itself.
 *
 * Time begins when the bytes of a command are in memory and ends when its reply is written there: parsing,
 * loading of the keys' memory and execution, but neither system calls for the socket nor the wait for a sync.
 *
 * Only the loop's thread writes. Others may read at any time and see every number whole; those of an account
 * whose generation is not that of the telemetry are from before a reset, and count as zero.
 */
#ifndef BLITZDB_SERVER_ACCOUNTING_H
#define BLITZDB_SERVER_ACCOUNTING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "command.h"
#include "histogram.h"
#include "reply.h"

struct bzs_client;
struct bzs_telemetry;

/** Changes from one command to another in a group, and the size from which on an argument or reply counts. */
enum { BZS_GROUP_RUNS_MAX = 16, BZS_LARGE_SIZE = 16 * 1024 };

/** The numbers of one command. */
struct bzs_command_account {
    _Atomic uint64_t calls, nanoseconds;
    _Atomic uint64_t rejected;                 /**< not run: wrong number of arguments, no login, ... */
    _Atomic uint64_t failed;                   /**< run, and answered by an error */
    _Atomic(struct bzs_histogram *) histogram; /**< made with the first call; NULL: none */
};

/** Commands being timed together. */
struct bzs_group {
    int64_t begin_ns;
    unsigned quick_flag; /**< BZS_QUICK, or 0: every command by itself */
    unsigned runs;
    struct bzs_run {
        const struct bzs_command *command;
        size_t count;
    } run[BZS_GROUP_RUNS_MAX];
    const struct bzs_slice *first_argv; /**< of the first command; valid until the group is closed */
    size_t first_argc;
};

/** One loop's account. */
struct bzs_account {
    struct bzs_group group; /**< only for the loop's thread */
    _Atomic uint64_t generation;
    struct bzs_command_account commands[BZS_COMMAND_ROWS_MAX]; /**< by bzs_command_id() */
};

/** Sums over all loops for one command. */
struct bzs_command_sum {
    uint64_t calls, nanoseconds, rejected, failed;
};

/** Releases the histograms. */
void bzs_account_deinit(struct bzs_account *account);

/** Begins a group: bytes of a client are about to be run. */
void bzs_account_begin(struct bzs_client *client);
/** Ends the group and begins the next one; before the arguments of its commands go. */
void bzs_account_close(const struct bzs_client *client);

/** Counts the error answered since this point of the stream of replies; failed or not even run. */
void bzs_account_failed(const struct bzs_call *call, uint64_t output);
/** The same for a command that was not run. */
void bzs_account_rejected(const struct bzs_call *call, uint64_t output);
/** The same for an error that belongs to no command; false if what was answered is none. */
bool bzs_account_error(const struct bzs_client *client, uint64_t output);

/** Whether a command is timed together with its neighbours: its work depends on nothing, and nothing is
 * large. */
static inline bool bzs_group_takes(const struct bzs_group *group, const struct bzs_call *call) {
    return (call->command->flags & group->quick_flag) != 0 &&
           call->argv[call->argc - 1].size < BZS_LARGE_SIZE && group->runs < BZS_GROUP_RUNS_MAX;
}

/** Adds a command that has run. There is room: a full group takes nobody, so it was closed before. */
static inline void bzs_group_add(struct bzs_group *group, const struct bzs_call *call) {
    struct bzs_run *run = &group->run[group->runs];
    if (group->runs == 0) {
        group->first_argv = call->argv;
        group->first_argc = call->argc;
    } else if (run[-1].command == call->command) {
        run[-1].count++;
        return;
    }
    run->command = call->command;
    run->count = 1;
    group->runs++;
}

/** Adds up one command over all loops. */
struct bzs_command_sum bzs_account_sum(const struct bzs_server *server, const struct bzs_command *command);
/** Adds up the histograms of one command over all loops; false if it was never called. */
bool bzs_account_histogram(const struct bzs_server *server, const struct bzs_command *command,
                           struct bzs_histogram_sum *sum_out);

#endif
