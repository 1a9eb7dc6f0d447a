/**
 * @file
 * @brief What the whole server remembers about its commands: slow ones, late events, error codes, and what is
 *        worth noting at all.
 *
 * The numbers of each command are kept by each loop for itself (accounting.h); here is what they share. Any
 * thread may come: settings and counters are atomic, slow log and latency monitor guard themselves.
 */
#ifndef BLITZDB_SERVER_TELEMETRY_H
#define BLITZDB_SERVER_TELEMETRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "latency.h"
#include "slowlog.h"

/** Room for an error code with its end, and different codes that are told apart. */
enum { BZS_ERROR_CODE_SIZE = 24, BZS_ERROR_CODES_MAX = 64 };

/** How often an error code was answered. */
struct bzs_error_count {
    char code[BZS_ERROR_CODE_SIZE]; /**< constant once `error_codes` counts it */
    _Atomic uint64_t count;
};

/** What is worth noting; see the settings of these names. */
struct bzs_telemetry_settings {
    int64_t slow_us;       /**< slowlog-log-slower-than, negative: nothing */
    int64_t slow_max;      /**< slowlog-max-len */
    int64_t latency_ms;    /**< latency-monitor-threshold, 0: nothing */
    bool keeps_histograms; /**< latency-tracking */
};

/** What the loops share. */
struct bzs_telemetry {
    struct bzs_slowlog slowlog;
    struct bzs_latency latency;

    /* The settings in force; see bzs_telemetry_configure() */
    _Atomic int64_t slow_us;       /**< slowlog-log-slower-than, negative: off */
    _Atomic int64_t slow_max;      /**< slowlog-max-len */
    _Atomic int64_t latency_ms;    /**< latency-monitor-threshold, 0: off */
    _Atomic bool keeps_histograms; /**< latency-tracking */
    _Atomic int64_t notable_ns;    /**< what takes less is of no interest to slow log and monitor */
    _Atomic bool times_one_by_one; /**< so little is notable that commands are not timed together */

    _Atomic uint64_t generation; /**< one more with every CONFIG RESETSTAT; see accounting.h */

    pthread_mutex_t errors_mutex; /**< for adding a code */
    _Atomic unsigned error_codes;
    struct bzs_error_count errors[BZS_ERROR_CODES_MAX];
};

void bzs_telemetry_init(struct bzs_telemetry *telemetry);
void bzs_telemetry_deinit(struct bzs_telemetry *telemetry);

/** Takes over the settings, at the start and after each change of one. */
void bzs_telemetry_configure(struct bzs_telemetry *telemetry, const struct bzs_telemetry_settings *settings);

/** Counts an error reply by its code: the text behind the minus sign, up to a blank or the end of the line.
 */
void bzs_telemetry_count_error(struct bzs_telemetry *telemetry, const char *text, size_t size);

/** Sets errors to zero, and makes the loops do so with what they count: CONFIG RESETSTAT. */
void bzs_telemetry_reset(struct bzs_telemetry *telemetry);

/** Notes an event for the latency monitor if it was long enough. */
void bzs_telemetry_note_event(struct bzs_telemetry *telemetry, enum bzs_latency_event event,
                              int64_t nanoseconds);

#endif
