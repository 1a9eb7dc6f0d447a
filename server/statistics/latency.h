/**
 * @file
 * @brief Latency monitor: for each kind of event the last moments at which something took too long.
 *
 * What is shorter than the setting latency-monitor-threshold is not noted, and 0 switches the monitor off. As
 * in Redis an event keeps its last 160 samples, one for each second, of which the longest counts.
 *
 * Any thread; the monitor guards itself with a mutex that is held for copying memory only.
 */
#ifndef BLITZDB_SERVER_LATENCY_H
#define BLITZDB_SERVER_LATENCY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/** What can take long. */
enum bzs_latency_event {
    BZS_LATENCY_COMMAND = 0,  /**< a command whose work depends on its arguments */
    BZS_LATENCY_FAST_COMMAND, /**< one flagged as fast */
    BZS_LATENCY_SYNC,         /**< a sync of the log that replies waited for */
};

/** Kinds of events, and samples kept of each. */
enum { BZS_LATENCY_EVENTS = 3, BZS_LATENCY_SAMPLES = 160 };

/** The longest of one second. */
struct bzs_latency_sample {
    int64_t unix_s;
    uint64_t milliseconds;
};

/** What is known about one kind of event. */
struct bzs_latency_series {
    struct bzs_latency_sample samples[BZS_LATENCY_SAMPLES]; /**< oldest first */
    size_t count;
    uint64_t longest_ms; /**< since the last reset */
};

/** The monitor. */
struct bzs_latency {
    pthread_mutex_t mutex;
    struct bzs_latency_series series[BZS_LATENCY_EVENTS]; /**< guarded by mutex */
};

void bzs_latency_init(struct bzs_latency *latency);
void bzs_latency_deinit(struct bzs_latency *latency);

/** Name of a kind of event, as LATENCY LATEST shows it. */
const char *bzs_latency_name(enum bzs_latency_event event);

/** Notes that something took long. */
void bzs_latency_add(struct bzs_latency *latency, enum bzs_latency_event event, int64_t unix_s,
                     uint64_t milliseconds);

/** Copies what is known about an event. */
void bzs_latency_read(struct bzs_latency *latency, enum bzs_latency_event event,
                      struct bzs_latency_series *series_out);

/** Forgets what is known about an event; the number of samples that were there. */
size_t bzs_latency_reset(struct bzs_latency *latency, enum bzs_latency_event event);

#endif
