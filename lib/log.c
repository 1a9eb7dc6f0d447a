#include "log.h"

#include "invariant.h"

enum {
    RELIEVE_BYTES = 256 * 1024, /* a writer that sees this much waiting writes it out */
    KEEP_BYTES = 1024 * 1024,   /* capacity a buffer keeps when it is emptied */
};

static blitzdb_status status_of(const struct bzd_log *log) {
    return atomic_load_explicit(&log->status, memory_order_relaxed);
}

blitzdb_status bzd_log_init(struct bzd_log *log, const struct bzd_wal_writer *writer, uint64_t buffer_limit,
                            const struct bzd_logger *logger) {
    memset(log, 0, sizeof *log);
    log->env = writer->env;
    log->logger = logger;
    log->buffer_limit = buffer_limit;
    log->writer = *writer;
    bzd_buffer_init(&log->collecting, log->env);
    bzd_buffer_init(&log->writing, log->env);
    atomic_init(&log->position, writer->position);
    atomic_init(&log->written, writer->position);
    atomic_init(&log->durable, writer->durable);
    atomic_init(&log->last_sync_ns, log->env->monotonic_ns(log->env->user));
    blitzdb_status status = bzd_mutex_init(&log->mutex);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_condition_init(&log->led);
    if (status != BLITZDB_OK)
        bzd_mutex_deinit(&log->mutex);
    return status;
}

void bzd_log_deinit(struct bzd_log *log) {
    bzd_wal_writer_close(&log->writer);
    bzd_buffer_deinit(&log->collecting);
    bzd_buffer_deinit(&log->writing);
    bzd_condition_deinit(&log->led);
    bzd_mutex_deinit(&log->mutex);
}

blitzdb_status bzd_log_append_begin(struct bzd_log *log, size_t size, uint8_t **to_out) {
    bzd_mutex_acquire(&log->mutex);
    size_t header = log->collecting.size == 0 ? BZD_WAL_GROUP_HEADER_SIZE : 0;
    blitzdb_status status = status_of(log) == BLITZDB_LOG_FAILED ? BLITZDB_LOG_FAILED : BLITZDB_OK;
    if (status == BLITZDB_OK && size > BZD_LOG_RECORD_MAX)
        status = BLITZDB_TOO_LARGE;
    else if (status == BLITZDB_OK && log->collecting.size + header + size > BZD_WAL_PAYLOAD_MAX)
        status = BLITZDB_NO_MEMORY; /* others have filled the group: there is room in the next one */
    if (status == BLITZDB_OK)
        status = bzd_buffer_reserve(&log->collecting, header + size);
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
    uint64_t start = atomic_load_explicit(&log->position, memory_order_relaxed) - log->collecting.size;
    bzd_mutex_release(&log->mutex);
    return start;
}

/** Hands the group to the file, unless an earlier one is still waiting there. Leader only, no lock. */
static blitzdb_status write_group(struct bzd_log *log, blitzdb_error *error) {
    if (log->writing.size == 0)
        return BLITZDB_OK;
    blitzdb_status status =
        bzd_wal_writer_write(&log->writer, log->writing.data, log->writing.size, log->writing_records, error);
    if (status == BLITZDB_OK) {
        bzd_buffer_clear(&log->writing, KEEP_BYTES);
        log->writing_records = 0;
    }
    return status;
}

/** Takes what was collected as the next group. Mutex held, leader only. */
static void take_group(struct bzd_log *log) {
    struct bzd_buffer empty = log->writing;
    log->writing = log->collecting;
    log->writing_records = log->collecting_records;
    log->collecting = empty;
    log->collecting_records = 0;
}

/** Notes how a leader fared and what the log's status is now. Mutex held. */
static void note_result(struct bzd_log *log, blitzdb_status status, bool synced) {
    atomic_store_explicit(&log->written, log->writer.position, memory_order_release);
    atomic_store_explicit(&log->durable, log->writer.durable, memory_order_release);
    if (synced) {
        atomic_fetch_add_explicit(&log->syncs, 1, memory_order_relaxed);
        uint64_t now = log->env->monotonic_ns(log->env->user);
        atomic_store_explicit(&log->last_sync_ns, now, memory_order_relaxed);
    }
    bool passing = status == BLITZDB_OK || status == BLITZDB_NO_SPACE || status == BLITZDB_NO_MEMORY;
    bool final = !passing || (status != BLITZDB_OK && log->writer.sync_failed);
    if (final || status_of(log) == BLITZDB_LOG_FAILED)
        status = BLITZDB_LOG_FAILED;
    atomic_store_explicit(&log->status, status, memory_order_relaxed);
}

/**
 * Writes everything collected so far and syncs if asked to. The mutex is held at call and return, not during
 * the work. Nobody else leads. Returns the status of this round, which names the cause, with the details.
 */
static blitzdb_status lead(struct bzd_log *log, bool sync, blitzdb_error *error) {
    log->leading = true;
    blitzdb_status status = BLITZDB_OK;
    bool retry = log->writing.size > 0;
    if (!retry)
        take_group(log);
    bzd_mutex_release(&log->mutex);
    status = write_group(log, error);
    bzd_mutex_acquire(&log->mutex);
    if (retry && status == BLITZDB_OK)
        take_group(log);
    bzd_mutex_release(&log->mutex);
    if (retry && status == BLITZDB_OK)
        status = write_group(log, error);
    bool synced = sync && status == BLITZDB_OK;
    if (synced)
        status = bzd_wal_writer_sync(&log->writer, error);
    bzd_mutex_acquire(&log->mutex);
    note_result(log, status, synced);
    log->leading = false;
    bzd_condition_signal_all(&log->led);
    return status;
}

/** Tells the caller's logger what a leader met; no lock is held. */
static void report(const struct bzd_log *log, const blitzdb_error *error) {
    if (error->status != BLITZDB_OK)
        bzd_logger_write(log->logger, BLITZDB_LOG_ERROR, "log", "%s", error->text);
}

/** Waits until `reached` has come up to `position`, leading whenever nobody else does. */
static blitzdb_status wait_for(struct bzd_log *log, const _Atomic uint64_t *reached, uint64_t position,
                               bool sync) {
    if (atomic_load_explicit(reached, memory_order_acquire) >= position)
        return BLITZDB_OK;
    blitzdb_status status = BLITZDB_OK;
    blitzdb_error error = {0};
    int cancel = bzd_cancel_disable();
    bzd_mutex_acquire(&log->mutex);
    while (status == BLITZDB_OK && atomic_load_explicit(reached, memory_order_relaxed) < position)
        if (status_of(log) == BLITZDB_LOG_FAILED)
            status = BLITZDB_LOG_FAILED;
        else if (log->leading)
            bzd_condition_wait(&log->led, &log->mutex);
        else
            status = lead(log, sync, &error);
    bzd_mutex_release(&log->mutex);
    report(log, &error);
    bzd_cancel_restore(cancel);
    return status;
}

blitzdb_status bzd_log_write_out(struct bzd_log *log, uint64_t position) {
    return wait_for(log, &log->written, position, false);
}

blitzdb_status bzd_log_sync(struct bzd_log *log, uint64_t position) {
    return wait_for(log, &log->durable, position, true);
}

/** Bytes that wait to be written. */
static uint64_t waiting_bytes(const struct bzd_log *log) {
    uint64_t written = atomic_load_explicit(&log->written, memory_order_relaxed);
    uint64_t position = atomic_load_explicit(&log->position, memory_order_relaxed);
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
    if (!log->leading && status_of(log) == BLITZDB_OK)
        (void)lead(log, false, &error); /* a failure is noted in the status and met by the next writer */
    bzd_mutex_release(&log->mutex);
    report(log, &error);
    bzd_cancel_restore(cancel);
}

blitzdb_status bzd_log_seal(struct bzd_log *log) {
    blitzdb_status status = bzd_log_sync(log, atomic_load_explicit(&log->position, memory_order_acquire));
    if (status != BLITZDB_OK)
        return status;
    uint8_t *to;
    status = bzd_log_append_begin(log, 0, &to);
    if (status == BLITZDB_NO_MEMORY)
        return BLITZDB_OK; /* all is on disk; only damage at its very end will look like a torn tail */
    return status == BLITZDB_OK ? bzd_log_sync(log, bzd_log_append_end(log, 0, 0)) : status;
}

blitzdb_status bzd_log_restart(struct bzd_log *log, blitzdb_error *error) {
    bzd_mutex_acquire(&log->mutex);
    while (log->leading)
        bzd_condition_wait(&log->led, &log->mutex);
    bzd_buffer_clear(&log->collecting, 0);
    bzd_buffer_clear(&log->writing, 0);
    log->collecting_records = 0;
    log->writing_records = 0;
    bzd_wal_writer_close(&log->writer);
    uint64_t position = atomic_load_explicit(&log->position, memory_order_relaxed);
    blitzdb_status status = bzd_wal_writer_begin_segment(&log->writer, position, error);
    if (status == BLITZDB_OK) {
        log->writer.sync_failed = false;
        atomic_store_explicit(&log->written, position, memory_order_release);
        atomic_store_explicit(&log->durable, position, memory_order_release);
        atomic_store_explicit(&log->status, BLITZDB_OK, memory_order_relaxed);
    }
    bzd_mutex_release(&log->mutex);
    return status;
}

uint64_t bzd_log_buffer_bytes(struct bzd_log *log) {
    bzd_mutex_acquire(&log->mutex);
    uint64_t bytes = log->collecting.capacity + (log->leading ? 0 : log->writing.capacity);
    bzd_mutex_release(&log->mutex);
    return bytes;
}
