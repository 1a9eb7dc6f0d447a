/**
 * @file
 * @brief The rounds of blitzdb-crashtest: start, compare, load, kill; and again.
 *
 * Each round starts the server with other settings on the data the last one left, compares all that changed,
 * and lets the clients write until the server is killed: after 5 to 500 ms of load, in the middle of a
 * snapshot or of the change to a new log file (when a file appears, is renamed or goes), in the middle of a
 * shutdown, without a log, and before it, in the middle of recovery.
 */
#ifndef BLITZDB_CRASHTEST_CAMPAIGN_H
#define BLITZDB_CRASHTEST_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>

/** Arguments handed on to the server, behind those that are chosen. */
#define CAMPAIGN_MORE_MAX 12

struct campaign_settings {
    uint64_t seconds; /**< 0: no limit */
    uint64_t kills;   /**< 0: no limit */
    uint64_t seed;
    const char *server; /**< path of the program */
    const char *dir;    /**< data directory, NULL: one that is removed afterwards */
    bool is_verbose;
    const char *more[CAMPAIGN_MORE_MAX];
    unsigned more_count;
};

/** How it went. */
enum campaign_result {
    CAMPAIGN_SOUND,      /**< nothing was lost */
    CAMPAIGN_FAILED,     /**< something was lost, or the server did what it must not do */
    CAMPAIGN_IMPOSSIBLE, /**< it could not be carried out */
};

/** Runs it, tells its progress and prints the line that sums it up. */
enum campaign_result campaign_run(const struct campaign_settings *settings);

/** Ends it after the present round; may be called by a signal handler. */
void campaign_stop(void);

#endif
