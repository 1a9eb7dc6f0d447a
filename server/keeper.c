#include "keeper.h"

#include <sched.h>

#include "clock.h"
#include "memory_report.h"
#include "server.h"

/* After a failed snapshot the save points wait this long, so that a full disk is not hammered. */
enum { RETRY_MS = 5000, TICK_MS = 1000 };
/* The library announces no end of a snapshot it began by itself, so its end is looked for this often. */
enum { BUSY_MS = 100 };

static int64_t now_ms(void) {
    return bzs_clock_ms(CLOCK_REALTIME);
}

void bzs_keeper_init(struct bzs_keeper *keeper, struct bzs_server *server) {
    *keeper = (struct bzs_keeper){.server = server, .sampled_ms = now_ms()};
    atomic_store(&keeper->resident_bytes, bzs_memory_resident());
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->asked, &attributes);
    pthread_cond_init(&keeper->saved, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&keeper->mutex, NULL);
}

void bzs_keeper_note_memory(struct bzs_keeper *keeper, uint64_t memory_bytes) {
    uint64_t peak = atomic_load(&keeper->memory_peak);
    while (memory_bytes > peak && !atomic_compare_exchange_weak(&keeper->memory_peak, &peak, memory_bytes)) {
    }
}

/* Of a processor while others are busy, for those who wait for a snapshot. */
enum { WHOLE_SHARE = 100, DEFAULT_SHARE = 0 };

/** Writes a snapshot, as the only one of this process that the server began. */
static blitzdb_status write_snapshot(struct bzs_keeper *keeper, unsigned share_percent) {
    blitzdb *db = keeper->server->db;
    blitzdb_status set = blitzdb_set_snapshot_share(db, share_percent);
    if (set != BLITZDB_OK)
        return set;
    blitzdb_status status = blitzdb_snapshot(db, NULL); /* the library says how it ended */
    if (status != BLITZDB_BUSY && status != BLITZDB_CANCELED)
        atomic_store(&keeper->has_failed, status != BLITZDB_OK);
    set = blitzdb_set_snapshot_share(db, DEFAULT_SHARE); /* its own snapshots give way */
    return status == BLITZDB_OK ? set : status;
}

static void end_saving(struct bzs_keeper *keeper) {
    pthread_mutex_lock(&keeper->mutex);
    keeper->saving = false;
    pthread_cond_broadcast(&keeper->saved);
    pthread_mutex_unlock(&keeper->mutex);
}

blitzdb_status bzs_keeper_snapshot(struct bzs_keeper *keeper) {
    pthread_mutex_lock(&keeper->mutex);
    bool busy = keeper->saving;
    keeper->saving = true;
    pthread_mutex_unlock(&keeper->mutex);
    if (busy)
        return BLITZDB_BUSY;

    blitzdb_status status = write_snapshot(keeper, WHOLE_SHARE);
    end_saving(keeper);
    return status;
}

/** Asks for the end of the snapshot that is being written. One that has not begun yet hears nothing of it. */
static void cancel_running(struct bzs_keeper *keeper) {
    blitzdb_status status = blitzdb_snapshot_cancel(keeper->server->db);
    if (status != BLITZDB_OK)
        bzs_say(keeper->server->messages, BZS_WARNING, "no snapshot can be canceled: %s",
                blitzdb_status_text(status));
}

/** Waits for the end of the snapshot that is being written, by the server or by the library. */
static void wait_for_snapshot(struct bzs_keeper *keeper) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += BUSY_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_mutex_lock(&keeper->mutex);
    (void)pthread_cond_timedwait(&keeper->saved, &keeper->mutex, &until);
    pthread_mutex_unlock(&keeper->mutex);
}

blitzdb_status bzs_keeper_snapshot_next(struct bzs_keeper *keeper) {
    blitzdb_status status = bzs_keeper_snapshot(keeper);
    while (status == BLITZDB_BUSY) {
        cancel_running(keeper);
        wait_for_snapshot(keeper);
        status = bzs_keeper_snapshot(keeper);
    }
    return status;
}

/** Tells whether the library writes a snapshot. */
static bool is_running(struct bzs_keeper *keeper) {
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    return blitzdb_stats(keeper->server->db, &stats) == BLITZDB_OK && stats.snapshot_running;
}

static bool is_saving(struct bzs_keeper *keeper) {
    pthread_mutex_lock(&keeper->mutex);
    bool saving = keeper->saving;
    pthread_mutex_unlock(&keeper->mutex);
    return saving;
}

bool bzs_keeper_cancel_snapshot(struct bzs_keeper *keeper) {
    pthread_mutex_lock(&keeper->mutex);
    bool waits = keeper->snapshot_wanted;
    keeper->snapshot_wanted = false;
    pthread_mutex_unlock(&keeper->mutex);
    bool runs = is_running(keeper);
    while (!runs && is_saving(keeper)) { /* it is about to begin, or just over */
        sched_yield();
        runs = is_running(keeper);
    }
    cancel_running(keeper);
    return runs || waits;
}

static uint64_t rate(uint64_t before, uint64_t now, int64_t elapsed_ms) {
    return (now - before) * 1000 / (uint64_t)elapsed_ms;
}

static void sample(struct bzs_keeper *keeper, const blitzdb_stats_info *stats) {
    int64_t now = now_ms();
    int64_t elapsed = now - keeper->sampled_ms;
    struct bzs_totals totals = bzs_server_totals_since_start(keeper->server);
    if (elapsed > 0) { /* the wall clock may have been set back */
        atomic_store(&keeper->commands_per_second, rate(keeper->sampled_commands, totals.commands, elapsed));
        atomic_store(&keeper->input_bytes_per_second,
                     rate(keeper->sampled_input, totals.input_bytes, elapsed));
        atomic_store(&keeper->output_bytes_per_second,
                     rate(keeper->sampled_output, totals.output_bytes, elapsed));
    }
    keeper->sampled_ms = now;
    keeper->sampled_commands = totals.commands;
    keeper->sampled_input = totals.input_bytes;
    keeper->sampled_output = totals.output_bytes;
    bzs_keeper_note_memory(keeper, stats->memory_bytes);
    atomic_store(&keeper->resident_bytes, bzs_memory_resident());
}

static bool save_point_is_due(const struct bzs_keeper *keeper, const blitzdb_stats_info *stats) {
    struct bzs_save_point points[BZS_SAVE_POINTS_MAX];
    size_t count = bzs_config_save_points(keeper->server->config, points);
    int64_t now = now_ms();
    int64_t last = stats->last_snapshot_ms > 0 ? stats->last_snapshot_ms : keeper->server->started_ms;
    if (stats->changes_since_snapshot == 0 || now - keeper->failed_ms < RETRY_MS)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct bzs_save_point *point = &points[i];
        if (stats->changes_since_snapshot >= (uint64_t)point->changes && now - last >= point->seconds * 1000)
            return true;
    }
    return false;
}

static void tick(struct bzs_keeper *keeper) {
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    if (blitzdb_stats(keeper->server->db, &stats) != BLITZDB_OK)
        return;
    sample(keeper, &stats);
    if (save_point_is_due(keeper, &stats))
        bzs_keeper_request_snapshot(keeper);
}

/** Waits for a request, the next tick or the end, whichever comes first. */
static void wait_a_tick(struct bzs_keeper *keeper) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TICK_MS / 1000;
    int timed_out = 0;
    while (!keeper->stopping && !keeper->snapshot_wanted && timed_out == 0)
        timed_out = pthread_cond_timedwait(&keeper->asked, &keeper->mutex, &until);
}

/** Writes the snapshot that was asked for; nobody else does, because `saving` is set. */
static void save_as_wanted(struct bzs_keeper *keeper) {
    blitzdb_status status = write_snapshot(keeper, DEFAULT_SHARE);
    if (status != BLITZDB_OK && status != BLITZDB_BUSY)
        keeper->failed_ms = now_ms();
    end_saving(keeper);
}

static void *run(void *argument) {
    struct bzs_keeper *keeper = argument;
    pthread_mutex_lock(&keeper->mutex);
    while (!keeper->stopping) {
        wait_a_tick(keeper);
        bool begins = keeper->snapshot_wanted && !keeper->stopping && !keeper->saving;
        keeper->saving |= begins;
        keeper->snapshot_wanted = false; /* one that is being written is as good */
        pthread_mutex_unlock(&keeper->mutex);
        if (begins)
            save_as_wanted(keeper);
        tick(keeper);
        pthread_mutex_lock(&keeper->mutex);
    }
    pthread_mutex_unlock(&keeper->mutex);
    return NULL;
}

bool bzs_keeper_start(struct bzs_keeper *keeper) {
    keeper->has_thread = pthread_create(&keeper->thread, NULL, run, keeper) == 0;
    return keeper->has_thread;
}

void bzs_keeper_stop(struct bzs_keeper *keeper) {
    if (!keeper->has_thread)
        return;
    pthread_mutex_lock(&keeper->mutex);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->asked);
    while (keeper->saving) {
        pthread_mutex_unlock(&keeper->mutex);
        cancel_running(keeper);
        wait_for_snapshot(keeper);
        pthread_mutex_lock(&keeper->mutex);
    }
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    keeper->has_thread = false;
}

void bzs_keeper_deinit(struct bzs_keeper *keeper) {
    bzs_keeper_stop(keeper);
    pthread_cond_destroy(&keeper->asked);
    pthread_cond_destroy(&keeper->saved);
    pthread_mutex_destroy(&keeper->mutex);
}

bool bzs_keeper_is_saving(struct bzs_keeper *keeper) {
    pthread_mutex_lock(&keeper->mutex);
    bool saving = keeper->snapshot_wanted || keeper->saving;
    pthread_mutex_unlock(&keeper->mutex);
    return saving;
}

bool bzs_keeper_request_snapshot(struct bzs_keeper *keeper) {
    pthread_mutex_lock(&keeper->mutex);
    bool accepted = !keeper->snapshot_wanted && !keeper->saving;
    if (accepted) {
        keeper->snapshot_wanted = true;
        pthread_cond_signal(&keeper->asked);
    }
    pthread_mutex_unlock(&keeper->mutex);
    return accepted;
}
