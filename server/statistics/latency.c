#include "latency.h"

#include <string.h>

void bzs_latency_init(struct bzs_latency *latency) {
    memset(latency->series, 0, sizeof(latency->series));
    pthread_mutex_init(&latency->mutex, NULL);
}

void bzs_latency_deinit(struct bzs_latency *latency) {
    pthread_mutex_destroy(&latency->mutex);
}

const char *bzs_latency_name(enum bzs_latency_event event) {
    static const char *const names[] = {
        [BZS_LATENCY_COMMAND] = "command",
        [BZS_LATENCY_FAST_COMMAND] = "fast-command",
        [BZS_LATENCY_SYNC] = "aof-fsync-always",
    };
    return names[event];
}

static void append(struct bzs_latency_series *series, struct bzs_latency_sample sample) {
    if (series->count == BZS_LATENCY_SAMPLES) {
        memmove(series->samples, series->samples + 1, sizeof(series->samples) - sizeof(series->samples[0]));
        series->count--;
    }
    series->samples[series->count++] = sample;
}

void bzs_latency_add(struct bzs_latency *latency, enum bzs_latency_event event, int64_t unix_s,
                     uint64_t milliseconds) {
    pthread_mutex_lock(&latency->mutex);
    struct bzs_latency_series *series = &latency->series[event];
    struct bzs_latency_sample *last = series->count > 0 ? &series->samples[series->count - 1] : NULL;
    if (last == NULL || last->unix_s != unix_s)
        append(series, (struct bzs_latency_sample){unix_s, milliseconds});
    else if (milliseconds > last->milliseconds)
        last->milliseconds = milliseconds;
    if (milliseconds > series->longest_ms)
        series->longest_ms = milliseconds;
    pthread_mutex_unlock(&latency->mutex);
}

void bzs_latency_read(struct bzs_latency *latency, enum bzs_latency_event event,
                      struct bzs_latency_series *series_out) {
    pthread_mutex_lock(&latency->mutex);
    *series_out = latency->series[event];
    pthread_mutex_unlock(&latency->mutex);
}

size_t bzs_latency_reset(struct bzs_latency *latency, enum bzs_latency_event event) {
    pthread_mutex_lock(&latency->mutex);
    size_t count = latency->series[event].count;
    memset(&latency->series[event], 0, sizeof(latency->series[event]));
    pthread_mutex_unlock(&latency->mutex);
    return count;
}
