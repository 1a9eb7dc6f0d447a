/** What falls due with time, and the thread that does it if the options ask for one. */
#include "db.h"

enum {
    PUMP_INTERVAL_MS = 100, /* longest pause between two rounds */
    RETRY_MS = 60000,       /* between two attempts at a snapshot that fails, or repairs */
};

static uint64_t ms_since(const struct bzd_core *core, uint64_t then_ns) {
    return (core->env.monotonic_ns(core->env.user) - then_ns) / 1000000;
}

/** Up to where somebody counts on the interval: everything, unless the database is opened without syncs. */
static uint64_t interval_position(struct bzd_core *core) {
    if (core->durability == BLITZDB_DURABILITY_NONE)
        return atomic_load_explicit(&core->interval_position, memory_order_relaxed);
    return atomic_load_explicit(&core->log.position, memory_order_relaxed);
}

/** True if something waits for a sync and the last one is `intervals` intervals ago. */
static bool sync_is_due(struct bzd_core *core, unsigned intervals) {
    struct bzd_log *log = &core->log;
    if (!core->has_log ||
        interval_position(core) <= atomic_load_explicit(&log->durable, memory_order_relaxed))
        return false;
    uint64_t last_sync_ns = atomic_load_explicit(&log->last_sync_ns, memory_order_relaxed);
    return ms_since(core, last_sync_ns) >= (uint64_t)core->sync_interval_ms * intervals;
}

/** Remembers a write that counts on the interval in a database opened without syncs. */
static void raise_interval_position(struct bzd_core *core, uint64_t position) {
    uint64_t before = atomic_load_explicit(&core->interval_position, memory_order_relaxed);
    while (before < position &&
           !atomic_compare_exchange_weak_explicit(&core->interval_position, &before, position,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

/** Ends a logged write as its durability asks. */
static blitzdb_status settle(struct bzd_core *core, uint64_t position, unsigned durability) {
    if (durability == BLITZDB_DURABILITY_ALWAYS)
        return bzd_log_sync(&core->log, position);
    if (durability == BLITZDB_DURABILITY_INTERVAL) {
        if (core->durability == BLITZDB_DURABILITY_NONE)
            raise_interval_position(core, position);
        /* The thread, if there is one, syncs in time, also while it writes a snapshot. Without one a write
         * steps in for a pump that does not come. */
        if (!core->has_thread && sync_is_due(core, 2))
            return bzd_log_sync(&core->log, position);
    }
    bzd_log_relieve(&core->log);
    return BLITZDB_OK;
}

blitzdb_status bzd_settle(struct bzd_core *core, uint64_t position, unsigned durability) {
    if (!core->has_log) { /* the log runs for a snapshot, which waits for it by itself */
        bzd_log_relieve(&core->log);
        return BLITZDB_OK;
    }
    blitzdb_status status =
        settle(core, position, durability == BLITZDB_DURABILITY_DEFAULT ? core->durability : durability);
    /* The change is visible already: no caller may take it for one that did not happen. */
    return status == BLITZDB_NO_MEMORY ? BLITZDB_IO : status;
}

uint64_t bzd_log_bytes(const struct bzd_core *core) {
    uint64_t start = atomic_load(&core->checkpoint.log_start); /* first: it may only move on meanwhile */
    return atomic_load(&core->log.position) - start;
}

uint64_t bzd_changes_since_snapshot(const struct bzd_core *core) {
    uint64_t covered = atomic_load(&core->checkpoint.changes); /* first: the count only grows meanwhile */
    return bzd_store_count_writes(&core->store) - covered;
}

void bzd_sync_if_due(void *user) {
    struct bzd_core *core = user;
    if (sync_is_due(core, 1))
        (void)bzd_log_sync(&core->log, atomic_load(&core->log.position)); /* its status is the log's */
}

/** True if a snapshot should replace the failed log: at once, but never a minute after the last such attempt,
 * whatever became of it, as a disk may fail again and again. */
static bool repair_is_due(struct bzd_core *core) {
    const struct bzd_checkpoint *checkpoint = &core->checkpoint;
    bool is_automatic = core->snapshot_interval_s != 0 || core->snapshot_log_bytes != UINT64_MAX;
    return is_automatic && core->has_log && atomic_load(&core->log.status) == BLITZDB_LOG_FAILED &&
           (!atomic_load(&checkpoint->has_repaired) ||
            ms_since(core, atomic_load(&checkpoint->repaired_ns)) >= RETRY_MS);
}

static bool snapshot_is_due(struct bzd_core *core) {
    struct bzd_checkpoint *checkpoint = &core->checkpoint;
    if (core->dir == NULL || bzd_checkpoint_is_running(checkpoint))
        return false;
    if (repair_is_due(core))
        return true;
    if (atomic_load(&checkpoint->status) != BLITZDB_OK &&
        ms_since(core, atomic_load(&checkpoint->tried_ns)) < RETRY_MS)
        return false; /* the last one failed: not again at once */
    if (core->has_log && bzd_log_bytes(core) >= core->snapshot_log_bytes)
        return true;
    if (core->snapshot_interval_s == 0 ||
        ms_since(core, atomic_load(&checkpoint->tried_ns)) < 1000 * (uint64_t)core->snapshot_interval_s)
        return false;
    return bzd_changes_since_snapshot(core) >= core->snapshot_min_changes;
}

/** The pump at work on a snapshot. */
struct long_work {
    struct bzd_core *core;
    uint64_t swept_ns;
};

/** What must not wait for the end of a snapshot that the pump itself writes. */
static void do_due_work(void *user) {
    struct long_work *work = user;
    bzd_sync_if_due(work->core);
    if (ms_since(work->core, work->swept_ns) < PUMP_INTERVAL_MS)
        return;
    (void)bzd_expire_sweep(work->core);
    work->swept_ns = work->core->env.monotonic_ns(work->core->env.user);
}

static void take_snapshot(struct bzd_core *core) {
    struct long_work work = {core, core->env.monotonic_ns(core->env.user)};
    struct bzd_checkpoint_request request = {.pause = do_due_work, .user = &work};
    (void)bzd_checkpoint_run(&core->checkpoint, &request, NULL); /* its status is kept, and was logged */
}

blitzdb_status bzd_pump(struct bzd_core *core, uint32_t *next_ms_out) {
    blitzdb_status status = BLITZDB_OK;
    if (sync_is_due(core, 1))
        status = bzd_log_sync(&core->log, atomic_load(&core->log.position));
    bool busy = bzd_expire_sweep(core);
    if (snapshot_is_due(core))
        take_snapshot(core);
    uint32_t next_ms = core->has_log && core->sync_interval_ms < PUMP_INTERVAL_MS ? core->sync_interval_ms
                                                                                  : PUMP_INTERVAL_MS;
    *next_ms_out = busy ? 0 : next_ms;
    return status;
}

/** The thread: a round, a pause, until close. */
static void run(void *argument) {
    struct bzd_core *core = argument;
    bzd_mutex_acquire(&core->wake_mutex);
    while (!core->stopping) {
        uint32_t next_ms;
        bzd_mutex_release(&core->wake_mutex);
        (void)bzd_pump(core, &next_ms); /* a failed sync is in the log's status and meets the next writer */
        bzd_mutex_acquire(&core->wake_mutex);
        if (!core->stopping && next_ms > 0)
            bzd_condition_wait_ms(&core->wake, &core->wake_mutex, next_ms);
    }
    bzd_mutex_release(&core->wake_mutex);
}

blitzdb_status bzd_background_start(struct bzd_core *core) {
    blitzdb_status status = bzd_mutex_init(&core->wake_mutex);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_condition_init(&core->wake);
    if (status != BLITZDB_OK)
        goto err_mutex;
    core->has_thread = true;
    status = bzd_thread_start(&core->thread, run, core);
    if (status == BLITZDB_OK)
        return BLITZDB_OK;
    core->has_thread = false;
    bzd_condition_deinit(&core->wake);
err_mutex:
    bzd_mutex_deinit(&core->wake_mutex);
    return status;
}

void bzd_background_stop(struct bzd_core *core) {
    if (!core->has_thread)
        return;
    bzd_checkpoint_close(&core->checkpoint); /* the thread may be writing a snapshot: nobody waits for that */
    bzd_mutex_acquire(&core->wake_mutex);
    core->stopping = true;
    bzd_condition_signal_all(&core->wake);
    bzd_mutex_release(&core->wake_mutex);
    bzd_thread_join(&core->thread);
    bzd_condition_deinit(&core->wake);
    bzd_mutex_deinit(&core->wake_mutex);
}
