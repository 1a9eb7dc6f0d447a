#include "benchmark_run.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "benchmark_progress.h"
#include "benchmark_socket.h"

static const uint64_t second_ns = 1000000000;
static const uint64_t look_ns = 100000000; /**< how often the main thread looks whether it should stop */

/** Set by a signal or by a thread that failed. */
static atomic_bool stop;

void run_stop(void) {
    atomic_store(&stop, true);
}

/** The threads of a run, and how the main thread learns that they are done. */
struct crew {
    const struct settings *settings;
    struct worker *workers;
    uint64_t ready; /**< workers that were prepared */
    int *idle;
    uint64_t idle_count;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    uint64_t running; /**< guarded by `mutex` */
};

/** A thread of a phase. */
struct member {
    pthread_t thread;
    struct crew *crew;
    struct worker *worker;
};

static void *run_member(void *user) {
    struct member *member = user;
    worker_run(member->worker);
    pthread_mutex_lock(&member->crew->mutex);
    member->crew->running--;
    pthread_cond_signal(&member->crew->ended);
    pthread_mutex_unlock(&member->crew->mutex);
    return NULL;
}

static uint64_t count_done(const struct crew *crew) {
    uint64_t done = 0;
    for (uint64_t i = 0; i < crew->ready; i++)
        done += atomic_load_explicit(&crew->workers[i].done, memory_order_relaxed);
    return done;
}

static double share_done(const struct phase *phase, uint64_t now, uint64_t done) {
    double share = 0;
    if (phase->operations != UINT64_MAX && phase->operations > 0)
        share = (double)done / (double)phase->operations;
    if (phase->duration_ns > 0) {
        double time = (double)(now - phase->begin_ns) / (double)phase->duration_ns;
        share = time > share && phase->rate == 0 ? time : share;
    }
    return share < 1 ? share : 1;
}

/** Waits for all threads, and tells about it. */
static void await_members(struct crew *crew, const struct phase *phase, struct progress *progress) {
    pthread_mutex_lock(&crew->mutex);
    while (crew->running > 0) {
        uint64_t until = worker_now_ns() + look_ns;
        struct timespec time = {.tv_sec = (time_t)(until / second_ns), .tv_nsec = (long)(until % second_ns)};
        pthread_cond_timedwait(&crew->ended, &crew->mutex, &time);
        uint64_t now = worker_now_ns();
        if (crew->running == 0 || now < progress_next_ns(progress))
            continue;
        uint64_t done = count_done(crew);
        progress_show(progress, now, done, share_done(phase, now, done));
    }
    pthread_mutex_unlock(&crew->mutex);
}

/** The first failure of a thread goes to `error`. */
static bool collect_failure(const struct crew *crew, char error[ERROR_SIZE]) {
    for (uint64_t i = 0; i < crew->ready; i++) {
        if (crew->workers[i].failure[0] == '\0')
            continue;
        memcpy(error, crew->workers[i].failure, ERROR_SIZE);
        return false;
    }
    return true;
}

/** Runs a phase in all threads; answers how long it took, 0 with an error if it failed. */
static uint64_t run_phase(struct crew *crew, struct phase phase, const char *doing, char error[ERROR_SIZE]) {
    struct member *members = calloc(crew->ready, sizeof *members);
    struct progress progress;
    bool started = members != NULL;
    phase.begin_ns = worker_now_ns();
    for (uint64_t i = 0; i < crew->ready; i++)
        worker_begin(&crew->workers[i], &phase);
    progress_begin(&progress, doing, crew->settings->quiet, phase.begin_ns);
    uint64_t count = 0;
    crew->running = crew->ready;
    for (; started && count < crew->ready; count += started) {
        members[count] = (struct member){.crew = crew, .worker = &crew->workers[count]};
        started = pthread_create(&members[count].thread, NULL, run_member, &members[count]) == 0;
    }
    if (!started) {
        snprintf(error, ERROR_SIZE, "cannot start %" PRIu64 " threads", crew->ready);
        pthread_mutex_lock(&crew->mutex);
        crew->running -= crew->ready - count;
        pthread_mutex_unlock(&crew->mutex);
        run_stop();
    }
    await_members(crew, &phase, &progress);
    for (uint64_t i = 0; i < count; i++)
        pthread_join(members[i].thread, NULL);
    free(members);
    uint64_t now = worker_now_ns();
    bool fine = started && collect_failure(crew, error);
    progress_end(&progress, now, count_done(crew), fine);
    return fine ? now - phase.begin_ns : 0;
}

static void add_up(const struct crew *crew, struct run_result *result) {
    for (uint64_t i = 0; i < crew->ready; i++) {
        const struct worker *worker = &crew->workers[i];
        result->operations += atomic_load(&worker->done);
        histogram_merge(&result->latency, &worker->latency);
        if (result->counts.errors == 0)
            memcpy(result->counts.error, worker->counts.error, sizeof result->counts.error);
        result->counts.errors += worker->counts.errors;
        result->counts.misses += worker->counts.misses;
        result->totals.keys += worker->totals.keys;
        result->totals.wrong_values += worker->totals.wrong_values;
        result->totals.bytes_sent += worker->totals.bytes_sent;
        result->totals.bytes_received += worker->totals.bytes_received;
        result->totals.unsent += worker->totals.unsent;
    }
}

static bool fill(struct crew *crew, struct run_result *result, char error[ERROR_SIZE]) {
    const struct settings *settings = crew->settings;
    struct phase phase = {.fills = true, .operations = settings->keys, .pipeline = settings->fill_pipeline};
    uint64_t spent = run_phase(crew, phase, "filling", error);
    if (spent == 0)
        return false;
    struct run_result filled = {0};
    add_up(crew, &filled);
    if (filled.counts.errors > 0) {
        snprintf(error, ERROR_SIZE, "the server refused %" PRIu64 " of %" PRIu64 " SETs while filling: %s",
                 filled.counts.errors, filled.operations, filled.counts.error);
        return false;
    }
    result->filled_keys = filled.operations;
    result->fill_seconds = (double)spent * 1e-9;
    return true;
}

/** The phase to be measured; with a rate, number and time of the commands are one. */
static struct phase plan(const struct settings *settings) {
    struct phase phase = {.operations = settings->operations,
                          .duration_ns = settings->duration_ns,
                          .rate = settings->rate,
                          .pipeline = settings->pipeline};
    if (phase.rate == 0)
        return phase;
    if (phase.duration_ns == 0)
        phase.duration_ns = (uint64_t)((double)phase.operations * 1e9 / (double)phase.rate);
    uint64_t due = schedule_total(phase.rate, phase.duration_ns);
    phase.operations = due < phase.operations ? due : phase.operations;
    return phase;
}

static bool warm_up(struct crew *crew, char error[ERROR_SIZE]) {
    struct phase phase = plan(crew->settings);
    phase.duration_ns = crew->settings->warm_up_ns;
    phase.operations = phase.rate > 0 ? schedule_total(phase.rate, phase.duration_ns) : UINT64_MAX;
    return run_phase(crew, phase, "warming up", error) > 0;
}

static bool measure(struct crew *crew, struct run_result *result, char error[ERROR_SIZE]) {
    const struct settings *settings = crew->settings;
    struct phase phase = plan(settings);
    struct process_meter before = {0};
    struct process_meter after = {0};
    bool read = settings->server_pid == 0 || process_read_meter(settings->server_pid, &before);
    uint64_t own = process_own_cpu_ns();
    uint64_t spent = run_phase(crew, phase, "measuring", error);
    if (spent == 0)
        return false;
    result->own_cpu_seconds = (double)(process_own_cpu_ns() - own) * 1e-9;
    result->seconds = (double)spent * 1e-9;
    result->scheduled = phase.rate > 0 ? phase.operations : 0;
    add_up(crew, result);
    if (settings->server_pid == 0)
        return true;
    if (!read || !process_read_meter(settings->server_pid, &after)) {
        snprintf(error, ERROR_SIZE, "the process %" PRIu64 " of --server-pid is gone", settings->server_pid);
        return false;
    }
    result->server = process_spent(&before, &after);
    return true;
}

static bool open_idle(struct crew *crew, char error[ERROR_SIZE]) {
    const struct settings *settings = crew->settings;
    crew->idle = calloc(settings->idle + 1, sizeof *crew->idle);
    while (crew->idle != NULL && crew->idle_count < settings->idle && !atomic_load(&stop)) {
        int fd = socket_open(settings, true, error);
        if (fd < 0)
            return false;
        crew->idle[crew->idle_count++] = fd;
    }
    if (crew->idle == NULL)
        snprintf(error, ERROR_SIZE, "out of memory");
    return crew->idle != NULL;
}

static bool open_busy(struct crew *crew, const struct workload *workload, char error[ERROR_SIZE]) {
    crew->workers = calloc(crew->settings->threads, sizeof *crew->workers);
    if (crew->workers == NULL) {
        snprintf(error, ERROR_SIZE, "out of memory");
        return false;
    }
    for (; crew->ready < crew->settings->threads; crew->ready++)
        if (!worker_init(&crew->workers[crew->ready], workload, crew->ready, &stop)) {
            crew->ready++;
            return collect_failure(crew, error);
        }
    return true;
}

static void close_all(struct crew *crew) {
    for (uint64_t i = 0; i < crew->ready; i++)
        worker_deinit(&crew->workers[i]);
    for (uint64_t i = 0; i < crew->idle_count; i++)
        close(crew->idle[i]);
    free(crew->workers);
    free(crew->idle);
}

static void note_resident(const struct settings *settings, uint64_t *bytes_out) {
    *bytes_out = settings->server_pid != 0 ? process_resident(settings->server_pid) : 0;
}

/** All steps, one after the other. */
static bool run_steps(struct crew *crew, const struct workload *workload, struct run_result *result,
                      char error[ERROR_SIZE]) {
    const struct settings *settings = crew->settings;
    note_resident(settings, &result->server_start_resident);
    if (!open_busy(crew, workload, error))
        return false;
    if (settings->fill && !fill(crew, result, error))
        return false;
    note_resident(settings, &result->server_filled_resident);
    if (!open_idle(crew, error))
        return false;
    note_resident(settings, &result->server_idle_resident);
    bool more = settings->operations > 0;
    if (more && settings->warm_up_ns > 0 && !warm_up(crew, error))
        return false;
    if (more && !measure(crew, result, error))
        return false;
    note_resident(settings, &result->server_resident);
    return true;
}

bool run_benchmark(const struct settings *settings, struct run_result *result, char error[ERROR_SIZE]) {
    struct process_meter meter;
    struct workload workload;
    struct crew crew = {.settings = settings, .mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_condattr_t attributes;
    result->server_known = settings->server_pid != 0;
    if (result->server_known && !process_read_meter(settings->server_pid, &meter)) {
        snprintf(error, ERROR_SIZE, "there is no process %" PRIu64 " to read; --server-pid is the server's",
                 settings->server_pid);
        return false;
    }
    if (!socket_raise_limit(settings->connections + settings->idle, error))
        return false;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&crew.ended, &attributes);
    pthread_condattr_destroy(&attributes);
    bool fine = workload_init(&workload, settings, error) && run_steps(&crew, &workload, result, error);
    close_all(&crew);
    workload_deinit(&workload);
    pthread_cond_destroy(&crew.ended);
    return fine;
}
