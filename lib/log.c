#include "log.h"

enum {
    RELIEVE_BYTES = 64 * 1024, /* a writer that sees this much waiting writes it out */
    KEEP_BYTES = 1024 * 1024,  /* capacity a buffer keeps when it is emptied */
    GATHER_YIELDS = 16,        /* how often a leader gives way before it looks at what was collected */
};

static blitzdb_status status_of(const struct bzd_log *log) {
    return atomic_load_explicit(&log->status, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *position) {
    return atomic_load_explicit(position, memory_order_relaxed);
}

/** A thread that waits for a round; lives on its stack until it is woken. */
struct bzd_log_waiter {
    uint64_t position;
    struct bzd_log_waiter *next;
    struct bzd_event woken;
    bool leads; /**< was woken to lead the next round */
};

blitzdb_status bzd_log_init(struct bzd_log *log, const struct bzd_wal_writer *writer, uint64_t buffer_limit,
                            const struct bzd_logger *logger) {
    memset(log, 0, sizeof *log);
    log->env = writer->env;
    log->logger = logger;
    log->buffer_limit = buffer_limit;
    log->writer = *writer;
    bzd_buffer_init(&log->collecting, log->env);
    bzd_buffer_init(&log->group, log->env);
    log->taken = writer->position;
    atomic_init(&log->position, writer->position);
    atomic_init(&log->written, writer->position);
    atomic_init(&log->durable, writer->durable);
    atomic_init(&log->last_sync_ns, log->env->monotonic_ns(log->env->user));
    blitzdb_status status = bzd_mutex_init(&log->mutex);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_condition_init(&log->changed);
    if (status != BLITZDB_OK)
        bzd_mutex_deinit(&log->mutex);
    return status;
}

void bzd_log_deinit(struct bzd_log *log) {
    bzd_wal_writer_close(&log->writer);
    bzd_buffer_deinit(&log->collecting);
    bzd_buffer_deinit(&log->group);
    bzd_condition_deinit(&log->changed);
    bzd_mutex_deinit(&log->mutex);
}

/* ---- Appending ---- */

/** Makes room for so many bytes beside what is promised. Mutex held. */
static blitzdb_status make_room(struct bzd_log *log, size_t size) {
    size_t wanted = log->promised + size;
    if (status_of(log) == BLITZDB_LOG_FAILED)
        return BLITZDB_LOG_FAILED;
    if (log->collecting.size + wanted > BZD_WAL_PAYLOAD_MAX)
        return BLITZDB_NO_MEMORY; /* others have filled the group: there is room in the next one */
    return bzd_buffer_reserve(&log->collecting, wanted);
}

blitzdb_status bzd_log_promise(struct bzd_log *log, size_t size) {
    bzd_mutex_acquire(&log->mutex);
    blitzdb_status status = make_room(log, BZD_WAL_GROUP_HEADER_SIZE + size);
    if (status == BLITZDB_OK)
        log->promised += size;
    bzd_mutex_release(&log->mutex);
    return status;
}

blitzdb_status bzd_log_append_begin(struct bzd_log *log, size_t size, uint8_t **to_out) {
    return bzd_log_append_promised(log, 0, size, to_out);
}

blitzdb_status bzd_log_append_promised(struct bzd_log *log, size_t promised, size_t size, uint8_t **to_out) {
    bzd_mutex_acquire(&log->mutex);
    log->promised -= promised;
    size_t header = log->collecting.size == 0 ? BZD_WAL_GROUP_HEADER_SIZE : 0;
    blitzdb_status status = size > BZD_LOG_RECORD_MAX ? BLITZDB_TOO_LARGE : make_room(log, header + size);
    if (status != BLITZDB_OK) {
        bzd_mutex_release(&log->mutex);
        return status;
    }
    log->collecting.size += header;
    atomic_fetch_add_explicit(&log->position, header, memory_order_release);
    *to_out = log->collecting.data + log->collecting.size;
    return BLITZDB_OK;
}

uint64_t bzd_log_append_end(struct bzd_log *log, size_t size, uint32_t records) {
    log->collecting.size += size;
    log->collecting_records += records;
    uint64_t position = atomic_fetch_add_explicit(&log->position, size, memory_order_release) + size;
    bzd_mutex_release(&log->mutex);
    return position;
}

uint64_t bzd_log_group_start(struct bzd_log *log) {
    bzd_mutex_acquire(&log->mutex);
    uint64_t start = load(&log->position) - log->collecting.size;
    bzd_mutex_release(&log->mutex);
    return start;
}

/* ---- Writing: by one thread at a time, beside a sync ---- */

/** Notes where the files stand and what the log's status is after a step. Mutex held. */
static void note_result(struct bzd_log *log, blitzdb_status status) {
    atomic_store_explicit(&log->written, load(&log->writer.position), memory_order_release);
    atomic_store_explicit(&log->durable, load(&log->writer.durable), memory_order_release);
    bool passing = status == BLITZDB_OK || status == BLITZDB_NO_SPACE || status == BLITZDB_NO_MEMORY;
    bool final = !passing || atomic_load(&log->writer.sync_failed);
    if (final || status_of(log) == BLITZDB_LOG_FAILED)
        status = BLITZDB_LOG_FAILED;
    atomic_store_explicit(&log->status, status, memory_order_relaxed);
}

/** Takes what was collected as the next group. Mutex held; nobody else writes, and no group waits. */
static void take_group(struct bzd_log *log) {
    struct bzd_buffer empty = log->group;
    log->group = log->collecting;
    log->group_records = log->collecting_records;
    log->collecting = empty;
    log->collecting_records = 0;
    log->taken = load(&log->position);
}

/** Hands the group to the file. The mutex is held at call and return, not during the work. */
static blitzdb_status write_group(struct bzd_log *log, blitzdb_error *error) {
    if (log->group.size == 0)
        return BLITZDB_OK;
    log->rotating = bzd_wal_writer_needs_segment(&log->writer, log->group.size);
    while (log->rotating && log->syncing)
        bzd_condition_wait(&log->changed, &log->mutex);
    if (log->rotating && status_of(log) == BLITZDB_LOG_FAILED) { /* by that sync: it must not be repeated */
        log->rotating = false;
        return BLITZDB_LOG_FAILED;
    }
    bzd_mutex_release(&log->mutex);
    blitzdb_status status =
        bzd_wal_writer_write(&log->writer, log->group.data, log->group.size, log->group_records, error);
    if (status == BLITZDB_OK)
        bzd_buffer_clear(&log->group, KEEP_BYTES);
    bzd_mutex_acquire(&log->mutex);
    log->rotating = false;
    note_result(log, status);
    return status;
}

/** Writes everything collected so far. Mutex held as above; nobody else writes. The status names the cause.
 */
static blitzdb_status write_collected(struct bzd_log *log, blitzdb_error *error) {
    log->writing = true;
    blitzdb_status status = write_group(log, error); /* an earlier one that found no space */
    if (status == BLITZDB_OK && log->promised > 0) { /* the next buffer has to keep the promises */
        status = bzd_buffer_reserve(&log->group, BZD_WAL_GROUP_HEADER_SIZE + log->promised);
        if (status != BLITZDB_OK)
            note_result(log, status);
    }
    if (status == BLITZDB_OK) {
        take_group(log);
        status = write_group(log, error);
    }
    log->writing = false;
    bzd_condition_signal_all(&log->changed);
    return status;
}

/** Tells the caller's logger what went wrong; no lock is held. */
static void report(const struct bzd_log *log, const blitzdb_error *error) {
    if (error->status != BLITZDB_OK)
        bzd_logger_write(log->logger, BLITZDB_LOG_ERROR, "log", "%s", error->text);
}

blitzdb_status bzd_log_write_out(struct bzd_log *log, uint64_t position) {
    if (atomic_load_explicit(&log->written, memory_order_acquire) >= position)
        return BLITZDB_OK;
    blitzdb_status status = BLITZDB_OK;
    blitzdb_error error = {0};
    int cancel = bzd_cancel_disable();
    bzd_mutex_acquire(&log->mutex);
    while (status == BLITZDB_OK && load(&log->written) < position)
        if (status_of(log) == BLITZDB_LOG_FAILED)
            status = BLITZDB_LOG_FAILED;
        else if (log->writing)
            bzd_condition_wait(&log->changed, &log->mutex);
        else
            status = write_collected(log, &error);
    bzd_mutex_release(&log->mutex);
    report(log, &error);
    bzd_cancel_restore(cancel);
    return status;
}

/* ---- Rounds: one at a time makes everything durable that was collected ---- */

/** Syncs what is written. Mutex held as above; leader only. */
static blitzdb_status sync_written(struct bzd_log *log, blitzdb_error *error) {
    while (log->rotating)
        bzd_condition_wait(&log->changed, &log->mutex);
    if (status_of(log) == BLITZDB_LOG_FAILED) /* beginning a segment syncs: it must not be repeated */
        return BLITZDB_LOG_FAILED;
    log->syncing = true;
    bzd_mutex_release(&log->mutex);
    blitzdb_status status = bzd_wal_writer_sync(&log->writer, error);
    bzd_mutex_acquire(&log->mutex);
    log->syncing = false;
    note_result(log, status == BLITZDB_OK ? status_of(log) : status); /* a write may have failed beside it */
    atomic_fetch_add_explicit(&log->syncs, 1, memory_order_relaxed);
    atomic_store_explicit(&log->last_sync_ns, log->env->monotonic_ns(log->env->user), memory_order_relaxed);
    bzd_condition_signal_all(&log->changed);
    return status;
}

/** Gives those a chance to append again whom the last round has served. Mutex held as above. */
static void gather(struct bzd_log *log) {
    for (unsigned i = 0; i < GATHER_YIELDS && log->waiting + 1 < log->served; i++) {
        bzd_mutex_release(&log->mutex);
        bzd_thread_yield();
        bzd_mutex_acquire(&log->mutex);
    }
}

/** Takes those out of the list whose position is durable, or all if the round failed. Mutex held. */
static struct bzd_log_waiter *take_served(struct bzd_log *log, bool all) {
    struct bzd_log_waiter *served = NULL;
    struct bzd_log_waiter **link = &log->waiters;
    uint64_t durable = load(&log->durable);
    while (*link != NULL) {
        struct bzd_log_waiter *waiter = *link;
        if (!all && waiter->position > durable) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        waiter->next = served;
        served = waiter;
        log->waiting--;
        log->served++;
    }
    return served;
}

/** Takes one of those that wait to lead the next round; NULL: nobody waits. Mutex held. */
static struct bzd_log_waiter *take_leader(struct bzd_log *log) {
    struct bzd_log_waiter *leader = log->waiters;
    if (leader == NULL)
        return NULL;
    log->waiters = leader->next;
    log->waiting--;
    leader->next = NULL;
    leader->leads = true;
    return leader;
}

/** Wakes all of a list; a waiter is gone as soon as it is woken. */
static void wake(struct bzd_log_waiter *waiters) {
    while (waiters != NULL) {
        struct bzd_log_waiter *next = waiters->next;
        bzd_event_post(&waiters->woken);
        waiters = next;
    }
}

/** Ends a round, whose leader the caller was: wakes the leader of the next one, then whom it served. The
 * mutex is held at call and return, not while others are woken. */
static void end_round(struct bzd_log *log, blitzdb_status status) {
    log->committing = false;
    log->served = 1;
    struct bzd_log_waiter *served = take_served(log, status != BLITZDB_OK);
    struct bzd_log_waiter *leader = take_leader(log);
    bzd_condition_signal_all(&log->changed);
    bzd_mutex_release(&log->mutex);
    wake(leader);
    wake(served);
    bzd_mutex_acquire(&log->mutex);
}

/** Leads a round. Mutex held as above; no round has a leader. The status names the cause. */
static blitzdb_status lead(struct bzd_log *log, blitzdb_error *error) {
    log->committing = true;
    gather(log);
    while (log->writing)
        bzd_condition_wait(&log->changed, &log->mutex);
    blitzdb_status status = status_of(log) == BLITZDB_LOG_FAILED ? BLITZDB_LOG_FAILED : BLITZDB_OK;
    if (status == BLITZDB_OK)
        status = write_collected(log, error);
    if (status == BLITZDB_OK)
        status = sync_written(log, error);
    end_round(log, status);
    return status;
}

/**
 * Waits until a round has served the position, has failed, or was too early and needs somebody to lead the
 * next. The mutex is held at call, and at return unless the position is durable. Who was woken to lead and
 * need not passes it on: others may be waiting.
 */
static bool follow(struct bzd_log *log, uint64_t position) {
    struct bzd_log_waiter waiter = {.position = position, .next = log->waiters};
    bzd_event_init(&waiter.woken);
    log->waiters = &waiter;
    log->waiting++;
    bzd_mutex_release(&log->mutex);
    bzd_event_wait(&waiter.woken);
    bool served = atomic_load_explicit(&log->durable, memory_order_acquire) >= position;
    if (served && !waiter.leads)
        return true;
    bzd_mutex_acquire(&log->mutex);
    if (!served)
        return false;
    struct bzd_log_waiter *leader = log->committing ? NULL : take_leader(log);
    bzd_mutex_release(&log->mutex);
    wake(leader);
    return true;
}

blitzdb_status bzd_log_sync(struct bzd_log *log, uint64_t position) {
    if (atomic_load_explicit(&log->durable, memory_order_acquire) >= position)
        return BLITZDB_OK;
    blitzdb_status status = BLITZDB_OK;
    blitzdb_error error = {0};
    bool served = false;
    int cancel = bzd_cancel_disable();
    bzd_mutex_acquire(&log->mutex);
    while (status == BLITZDB_OK && !served && load(&log->durable) < position)
        if (log->committing)
            served = follow(log, position);
        else
            status = lead(log, &error); /* of a failed log, too: it wakes all who wait for a round */
    if (!served)
        bzd_mutex_release(&log->mutex);
    report(log, &error);
    bzd_cancel_restore(cancel);
    return status;
}

/* ---- What the database asks for ---- */

/** Bytes that wait to be written. */
static uint64_t waiting_bytes(const struct bzd_log *log) {
    uint64_t written = load(&log->written);
    uint64_t position = load(&log->position);
    return position > written ? position - written : 0; /* the two were not read at one moment */
}

blitzdb_status bzd_log_admit(struct bzd_log *log) {
    blitzdb_status status = status_of(log);
    if (status == BLITZDB_LOG_FAILED)
        return status;
    if (status == BLITZDB_OK && waiting_bytes(log) <= log->buffer_limit)
        return BLITZDB_OK;
    return bzd_log_write_out(log, atomic_load_explicit(&log->position, memory_order_acquire));
}

void bzd_log_relieve(struct bzd_log *log) {
    if (waiting_bytes(log) < RELIEVE_BYTES)
        return;
    blitzdb_error error = {0};
    int cancel = bzd_cancel_disable();
    bzd_mutex_acquire(&log->mutex);
    if (!log->writing && status_of(log) == BLITZDB_OK)
        (void)write_collected(log, &error); /* a failure is noted in the status and met by the next writer */
    bzd_mutex_release(&log->mutex);
    report(log, &error);
    bzd_cancel_restore(cancel);
}

/** Appends and writes a group without records, and makes it the end of the file. */
static blitzdb_status write_seal(struct bzd_log *log, uint64_t *position_out) {
    uint8_t *to;
    blitzdb_status status = bzd_log_append_begin(log, 0, &to);
    if (status != BLITZDB_OK)
        return status;
    *position_out = bzd_log_append_end(log, 0, 0);
    status = bzd_log_write_out(log, *position_out);
    if (status == BLITZDB_OK)
        bzd_wal_writer_trim(&log->writer);
    return status;
}

blitzdb_status bzd_log_seal(struct bzd_log *log) {
    blitzdb_status status = bzd_log_sync(log, atomic_load_explicit(&log->position, memory_order_acquire));
    if (status != BLITZDB_OK)
        return status;
    uint64_t position = 0;
    status = write_seal(log, &position);
    if (status == BLITZDB_NO_MEMORY || status == BLITZDB_NO_SPACE)
        return BLITZDB_OK; /* all is on disk; nobody's data depend on the seal */
    return status == BLITZDB_OK ? bzd_log_sync(log, position) : status;
}

/** Waits for those who write or sync for others, and drops what was not written. Mutex held. */
static void halt(struct bzd_log *log) {
    while (log->writing || log->committing)
        bzd_condition_wait(&log->changed, &log->mutex);
    bzd_buffer_clear(&log->collecting, 0);
    bzd_buffer_clear(&log->group, 0);
    log->collecting_records = 0;
    log->taken = load(&log->position);
    bzd_wal_writer_close(&log->writer);
}

/** Nothing waits any more. Mutex held. */
static void settle_at(struct bzd_log *log, uint64_t position) {
    atomic_store_explicit(&log->written, position, memory_order_release);
    atomic_store_explicit(&log->durable, position, memory_order_release);
}

blitzdb_status bzd_log_restart(struct bzd_log *log, const char *dir, const uint8_t *database_id,
                               blitzdb_error *error) {
    bzd_mutex_acquire(&log->mutex);
    halt(log);
    log->writer.dir = dir;
    memcpy(log->writer.database_id, database_id, BZD_DATABASE_ID_SIZE);
    blitzdb_status status = bzd_wal_writer_begin_segment(&log->writer, log->taken, error);
    if (status == BLITZDB_OK) {
        atomic_store(&log->writer.sync_failed, false);
        settle_at(log, log->taken);
    }
    bzd_mutex_release(&log->mutex);
    return status;
}

void bzd_log_clear(struct bzd_log *log) {
    bzd_mutex_acquire(&log->mutex);
    atomic_store_explicit(&log->status, BLITZDB_OK, memory_order_relaxed);
    bzd_mutex_release(&log->mutex);
}

void bzd_log_stop(struct bzd_log *log) {
    bzd_mutex_acquire(&log->mutex);
    halt(log);
    settle_at(log, log->taken);
    bzd_mutex_release(&log->mutex);
}

uint64_t bzd_log_buffer_bytes(struct bzd_log *log) {
    bzd_mutex_acquire(&log->mutex);
    uint64_t bytes = log->collecting.capacity + (log->writing ? 0 : log->group.capacity);
    bzd_mutex_release(&log->mutex);
    return bytes;
}
