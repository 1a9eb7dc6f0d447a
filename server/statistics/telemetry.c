#include "telemetry.h"

#include <string.h>
#include <time.h>

enum {
    NS_PER_US = 1000,
    NS_PER_MS = 1000000,
    ONE_BY_ONE_US = 1000, /* who wants to see commands as quick as that wants each by itself */
};

void bzs_telemetry_configure(struct bzs_telemetry *telemetry, const struct bzs_telemetry_settings *settings) {
    int64_t notable_ns = INT64_MAX;
    bool is_logging = settings->slow_us >= 0 && settings->slow_max > 0;
    if (is_logging && settings->slow_us < INT64_MAX / NS_PER_US)
        notable_ns = settings->slow_us * NS_PER_US;
    if (settings->latency_ms > 0 && settings->latency_ms < notable_ns / NS_PER_MS)
        notable_ns = settings->latency_ms * NS_PER_MS;
    atomic_store(&telemetry->slow_us, is_logging ? settings->slow_us : -1);
    atomic_store(&telemetry->slow_max, settings->slow_max);
    atomic_store(&telemetry->latency_ms, settings->latency_ms);
    atomic_store(&telemetry->keeps_histograms, settings->keeps_histograms);
    atomic_store(&telemetry->times_one_by_one, notable_ns < (int64_t)ONE_BY_ONE_US * NS_PER_US);
    atomic_store(&telemetry->notable_ns, notable_ns);
}

void bzs_telemetry_init(struct bzs_telemetry *telemetry) {
    bzs_slowlog_init(&telemetry->slowlog);
    bzs_latency_init(&telemetry->latency);
    pthread_mutex_init(&telemetry->errors_mutex, NULL);
}

void bzs_telemetry_deinit(struct bzs_telemetry *telemetry) {
    bzs_slowlog_deinit(&telemetry->slowlog);
    bzs_latency_deinit(&telemetry->latency);
    pthread_mutex_destroy(&telemetry->errors_mutex);
}

/** The counter of a code, NULL if it has none among the first `count`. */
static struct bzs_error_count *find_error(struct bzs_telemetry *telemetry, const char *code, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(telemetry->errors[i].code, code) == 0)
            return &telemetry->errors[i];
    return NULL;
}

/** The counter of a code that may be new; NULL if there is no room for another one. */
static struct bzs_error_count *find_or_add_error(struct bzs_telemetry *telemetry, const char *code) {
    pthread_mutex_lock(&telemetry->errors_mutex);
    unsigned count = atomic_load(&telemetry->error_codes);
    struct bzs_error_count *error = find_error(telemetry, code, count);
    if (error == NULL && count < BZS_ERROR_CODES_MAX) {
        error = &telemetry->errors[count];
        strcpy(error->code, code); /* of the same size */
        atomic_store(&telemetry->error_codes, count + 1);
    }
    pthread_mutex_unlock(&telemetry->errors_mutex);
    return error;
}

void bzs_telemetry_count_error(struct bzs_telemetry *telemetry, const char *text, size_t size) {
    char code[BZS_ERROR_CODE_SIZE] = "";
    for (size_t i = 0; i < size && i + 1 < sizeof(code) && text[i] != ' ' && text[i] != '\r'; i++)
        code[i] = text[i];
    struct bzs_error_count *error = find_error(telemetry, code, atomic_load(&telemetry->error_codes));
    if (error == NULL)
        error = find_or_add_error(telemetry, code);
    if (error != NULL)
        atomic_fetch_add_explicit(&error->count, 1, memory_order_relaxed);
}

void bzs_telemetry_reset(struct bzs_telemetry *telemetry) {
    atomic_fetch_add(&telemetry->generation, 1);
    for (unsigned i = 0; i < atomic_load(&telemetry->error_codes); i++)
        atomic_store(&telemetry->errors[i].count, 0);
}

void bzs_telemetry_note_event(struct bzs_telemetry *telemetry, enum bzs_latency_event event,
                              int64_t nanoseconds) {
    int64_t threshold_ms = atomic_load_explicit(&telemetry->latency_ms, memory_order_relaxed);
    if (threshold_ms > 0 && nanoseconds / NS_PER_MS >= threshold_ms)
        bzs_latency_add(&telemetry->latency, event, (int64_t)time(NULL), (uint64_t)(nanoseconds / NS_PER_MS));
}
