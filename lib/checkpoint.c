#include "checkpoint.h"

#include <errno.h>

#include "path.h"
#include "snapshot_writer.h"
#include "wal_spare.h"

blitzdb_status bzd_checkpoint_init(struct bzd_checkpoint *checkpoint, struct bzd_store *store,
                                   struct bzd_log *log, const char *dir,
                                   const struct bzd_manifest *manifest) {
    checkpoint->store = store;
    checkpoint->log = log;
    checkpoint->dir = dir;
    checkpoint->manifest = *manifest;
    checkpoint->serial = manifest->has_snapshot ? manifest->snapshot_serial : 0;
    atomic_init(&checkpoint->log_start, manifest->log_start);
    atomic_init(&checkpoint->tried_ns, store->env->monotonic_ns(store->env->user));
    return bzd_pace_init(&checkpoint->pace, store->env);
}

void bzd_checkpoint_deinit(struct bzd_checkpoint *checkpoint) {
    bzd_pace_deinit(&checkpoint->pace);
}

/** Switches the log of a database without one on or off, between two writes. */
static void set_logging(struct bzd_checkpoint *checkpoint, bool on) {
    bzd_store_write_acquire_all(checkpoint->store);
    *checkpoint->logging = on;
    bzd_store_write_release_all(checkpoint->store);
}

/** One snapshot on its way. */
struct attempt {
    struct bzd_checkpoint *checkpoint;
    const struct bzd_checkpoint_request *request;
    struct bzd_backup *backup; /* NULL: the snapshot goes to the database's own directory */
    const char *dir;           /* where the snapshot goes */
    bool frozen;               /* the log has failed: writes are refused, the data do not change */
    struct bzd_snapshot_info info;
    struct bzd_snapshot_writer writer;
};

/** Lets others have their turn; CANCELED: the snapshot is to end. */
static blitzdb_status pause_between(void *user, blitzdb_error *error) {
    struct attempt *attempt = user;
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    if (attempt->request->pause != NULL)
        attempt->request->pause(attempt->request->user);
    bzd_pace_step(&checkpoint->pace);
    if (atomic_load_explicit(&checkpoint->state, memory_order_relaxed) == BZD_CHECKPOINT_CANCELED ||
        atomic_load_explicit(&checkpoint->closing, memory_order_relaxed))
        return bzd_error_set(error, BLITZDB_CANCELED, 0, "the snapshot was canceled");
    return BLITZDB_OK;
}

/** Writes the group being collected: the window begins with the next one, which is short then. */
static blitzdb_status end_group(struct bzd_checkpoint *checkpoint, blitzdb_error *error) {
    uint64_t position = atomic_load_explicit(&checkpoint->log->position, memory_order_acquire);
    blitzdb_status status = bzd_log_write_out(checkpoint->log, position);
    if (status != BLITZDB_OK)
        return bzd_error_set(error, status, 0, "writing the log before a snapshot");
    return BLITZDB_OK;
}

/** Begins the log of a database without one, beside the snapshot. */
static blitzdb_status begin_log(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    atomic_store(&checkpoint->window_status, BLITZDB_OK);
    blitzdb_status status = bzd_log_restart(checkpoint->log, attempt->dir, attempt->info.database_id, error);
    if (status == BLITZDB_OK)
        bzd_log_clear(checkpoint->log);
    return status;
}

/** Notes where the log stands and what the keyspaces mean there, between two writes. */
static blitzdb_status begin_window(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    struct bzd_store *store = checkpoint->store;
    blitzdb_status status = BLITZDB_OK;
    if (checkpoint->window_only)
        status = begin_log(attempt, error);
    else if (!attempt->frozen)
        status = end_group(checkpoint, error);
    if (status != BLITZDB_OK)
        return status;
    bzd_store_write_acquire_all(store);
    /* Of a failed log the end is the start: what it refuses is not published, and what it took is. */
    attempt->info.start_position =
        attempt->frozen ? atomic_load_explicit(&checkpoint->log->position, memory_order_relaxed)
                        : bzd_log_group_start(checkpoint->log);
    attempt->info.keyspace_map = bzd_store_map(store);
    if (checkpoint->window_only)
        *checkpoint->logging = true;
    bzd_store_write_release_all(store);
    return BLITZDB_OK;
}

/** Ends the window and makes the log durable up to there. */
static blitzdb_status end_window(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    attempt->info.end_position = attempt->info.start_position;
    if (attempt->frozen)
        return BLITZDB_OK;
    if (checkpoint->window_only)
        set_logging(checkpoint, false);
    uint64_t end = atomic_load_explicit(&checkpoint->log->position, memory_order_acquire);
    attempt->info.end_position = end;
    blitzdb_status status = atomic_load(&checkpoint->window_status);
    if (status != BLITZDB_OK)
        return bzd_error_set(error, status, 0, "logging the changes beside a snapshot");
    status = bzd_log_sync(checkpoint->log, end);
    if (status != BLITZDB_OK)
        return bzd_error_set(error, status, 0, "syncing the log behind a snapshot");
    return BLITZDB_OK;
}

/** Carries a walk over one shard. */
struct walk {
    const struct bzd_shard *shard;
    struct bzd_snapshot_writer *writer;
    blitzdb_status status;
};

static void add_entry(void *user, bzd_ref ref) {
    struct walk *walk = user;
    struct bzd_record record = bzd_shard_record_of(walk->shard, ref);
    if (walk->status == BLITZDB_OK)
        walk->status = bzd_snapshot_writer_add(walk->writer, &record);
}

static void note_progress(struct attempt *attempt) {
    struct bzd_checkpoint_progress *progress = &attempt->checkpoint->progress;
    const struct bzd_snapshot_writer *writer = &attempt->writer;
    atomic_store_explicit(&progress->entries, writer->info.record_count, memory_order_relaxed);
    atomic_store_explicit(&progress->bytes, writer->offset + writer->block.size, memory_order_relaxed);
}

/** Adds every entry of a shard; the read lock is given back after a few buckets, and when a block is full. */
static blitzdb_status add_shard(struct attempt *attempt, struct bzd_shard *shard, blitzdb_error *error) {
    enum { BUCKETS_AT_ONCE = 32 };
    struct bzd_snapshot_writer *writer = &attempt->writer;
    struct walk walk = {shard, writer, BLITZDB_OK};
    uint64_t cursor = 0;
    do {
        bzd_rwlock_read_acquire(&shard->lock);
        unsigned buckets = 0;
        do {
            cursor = bzd_table_scan(&shard->table, cursor, add_entry, &walk);
            buckets++;
        } while (cursor != 0 && buckets < BUCKETS_AT_ONCE && writer->block.size < BZD_SNAPSHOT_BLOCK_SIZE);
        bzd_rwlock_read_release(&shard->lock);
        if (walk.status != BLITZDB_OK)
            return bzd_error_set(error, walk.status, 0, "collecting entries for a snapshot");
        walk.status = bzd_snapshot_writer_flush(writer, error);
        note_progress(attempt);
        if (walk.status == BLITZDB_OK)
            walk.status = pause_between(attempt, error);
    } while (cursor != 0 && walk.status == BLITZDB_OK);
    return walk.status;
}

static blitzdb_status add_all_shards(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_store *store = attempt->checkpoint->store;
    blitzdb_status status = BLITZDB_OK;
    for (uint32_t i = 0; i < store->shard_count && status == BLITZDB_OK; i++)
        status = add_shard(attempt, &store->shards[i], error);
    return status;
}

/** Writes the file; the window is open and is closed whatever happens. */
static blitzdb_status write_snapshot(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_snapshot_writer *writer = &attempt->writer;
    const blitzdb_env *env = attempt->checkpoint->store->env;
    blitzdb_status status = bzd_snapshot_writer_begin(writer, env, attempt->dir, &attempt->info, error);
    if (status == BLITZDB_OK)
        status = add_all_shards(attempt, error);
    blitzdb_status window_status = end_window(attempt, status == BLITZDB_OK ? error : NULL);
    if (status == BLITZDB_OK)
        status = window_status;
    if (status == BLITZDB_OK)
        status = bzd_snapshot_writer_finish(writer, attempt->info.end_position, error);
    if (status == BLITZDB_OK)
        note_progress(attempt);
    bzd_snapshot_writer_deinit(writer);
    return status;
}

/** Removes what the MANIFEST does not name. It is sure which one is on disk, and no log is being written that
 * a database without a log has only for the time of a snapshot. Failures are harmless. */
static void remove_leftovers(const struct bzd_checkpoint *checkpoint) {
    const blitzdb_env *env = checkpoint->store->env;
    const struct bzd_manifest *manifest = &checkpoint->manifest;
    bzd_snapshot_remove_others(env, checkpoint->dir,
                               manifest->has_snapshot ? manifest->snapshot_serial : UINT64_MAX);
    if (checkpoint->window_only)
        (void)bzd_wal_remove_from(env, checkpoint->dir, manifest->log_end);
}

/** Whether the MANIFEST that is there names the snapshot it named before: then no later one was put in place.
 */
static bool names_old_snapshot(const struct bzd_checkpoint *checkpoint) {
    const struct bzd_manifest *old = &checkpoint->manifest;
    struct bzd_manifest found;
    return bzd_manifest_read(checkpoint->store->env, checkpoint->dir, &found, NULL) == BLITZDB_OK &&
           found.has_snapshot == old->has_snapshot && found.snapshot_serial == old->snapshot_serial;
}

/**
 * If an attempt has left it open which MANIFEST is on disk, puts the old one in place again: without that, no
 * snapshot could be removed that any failed attempt has written, and each would leave one more.
 */
static blitzdb_status settle_doubt(struct bzd_checkpoint *checkpoint, blitzdb_error *error) {
    if (!checkpoint->in_doubt)
        return BLITZDB_OK;
    blitzdb_status status =
        bzd_manifest_write(checkpoint->store->env, checkpoint->dir, &checkpoint->manifest, error);
    if (status != BLITZDB_OK)
        return status;
    checkpoint->in_doubt = false;
    remove_leftovers(checkpoint);
    return BLITZDB_OK;
}

/** Writes a MANIFEST of the own directory that names the new snapshot. */
static blitzdb_status name_snapshot(struct attempt *attempt, uint64_t log_end, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    struct bzd_manifest manifest = checkpoint->manifest;
    manifest.has_snapshot = true;
    manifest.snapshot_serial = attempt->info.serial;
    manifest.log_start = attempt->info.start_position;
    manifest.log_end = log_end;
    blitzdb_status status = bzd_manifest_write(checkpoint->store->env, checkpoint->dir, &manifest, error);
    if (status != BLITZDB_OK)
        return status;
    checkpoint->manifest = manifest;
    atomic_store(&checkpoint->log_start, manifest.log_start);
    return BLITZDB_OK;
}

/** Removes the file in which the new segment is to begin: an earlier attempt may have left one. */
static blitzdb_status clear_name_of_segment(struct attempt *attempt, blitzdb_error *error) {
    const blitzdb_env *env = attempt->checkpoint->store->env;
    char path[BZD_PATH_MAX];
    bzd_path_numbered(path, attempt->dir, BZD_WAL_NAME_PREFIX, attempt->info.start_position, "");
    int failure = env->remove(env->user, path);
    if (failure == 0 || failure == ENOENT)
        return BLITZDB_OK;
    return bzd_error_set(error, bzd_status_of_errno(failure), failure, "removing %s", path);
}

/**
 * Replaces a failed log: the snapshot has everything, so a new segment begins behind it. The MANIFEST stops
 * naming the old segments, of which the last may be torn, before there is one behind them; and it names the
 * new one only when that is on disk.
 */
static blitzdb_status replace_log(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    blitzdb_status status = name_snapshot(attempt, attempt->info.start_position, error);
    if (status == BLITZDB_OK)
        status = clear_name_of_segment(attempt, error);
    /* What had a fault is not written again; and once the log is cleared, spare files are its writers'. */
    bzd_wal_spare_remove_all(checkpoint->store->env, checkpoint->dir);
    if (status == BLITZDB_OK)
        status = bzd_log_restart(checkpoint->log, checkpoint->dir, attempt->info.database_id, error);
    if (status == BLITZDB_OK)
        status = name_snapshot(attempt, UINT64_MAX, error);
    if (status != BLITZDB_OK)
        return status;
    bzd_logger_write(checkpoint->log->logger, BLITZDB_LOG_WARNING, "snapshot",
                     "a new log file replaces the failed log: writes are taken again");
    bzd_log_clear(checkpoint->log); /* behind the message: nobody is told OK before it */
    return BLITZDB_OK;
}

/** Puts the snapshot in place of what the database began with, then removes that. */
static blitzdb_status publish(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    const blitzdb_env *env = checkpoint->store->env;
    blitzdb_status status;
    if (attempt->frozen)
        status = replace_log(attempt, error);
    else
        status =
            name_snapshot(attempt, checkpoint->window_only ? attempt->info.end_position : UINT64_MAX, error);
    if (status != BLITZDB_OK) {
        checkpoint->in_doubt = !names_old_snapshot(checkpoint);
        return status;
    }
    bzd_snapshot_remove_others(env, checkpoint->dir, attempt->info.serial);
    bool reuses = !checkpoint->window_only && !attempt->frozen;
    bzd_wal_remove_before(env, checkpoint->dir, attempt->info.start_position,
                          reuses ? checkpoint->log->writer.segment_limit : 0);
    return BLITZDB_OK;
}

/** Makes a database of another directory: the snapshot, and the log behind it up to what is durable now. */
static blitzdb_status publish_backup(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    struct bzd_manifest manifest = {
        .has_snapshot = true,
        .snapshot_serial = attempt->info.serial,
        .log_start = attempt->info.start_position,
        .log_end = attempt->info.end_position,
    };
    memcpy(manifest.database_id, attempt->info.database_id, sizeof manifest.database_id);
    blitzdb_status status = BLITZDB_OK;
    if (!checkpoint->window_only && !attempt->frozen) {
        manifest.log_end = atomic_load_explicit(&checkpoint->log->durable, memory_order_acquire);
        struct bzd_backup_log log = {checkpoint->dir, manifest.log_start, manifest.log_end, pause_between,
                                     attempt};
        status = bzd_backup_copy_log(attempt->backup, &log, error);
    }
    return status == BLITZDB_OK ? bzd_backup_publish(attempt->backup, &manifest, error) : status;
}

/** A copy whose log is its own is a database of its own. */
static blitzdb_status choose_id(struct attempt *attempt, blitzdb_error *error) {
    const struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    const blitzdb_env *env = checkpoint->store->env;
    uint8_t *id = attempt->info.database_id;
    memcpy(id, checkpoint->manifest.database_id, sizeof attempt->info.database_id);
    if (attempt->backup == NULL || !checkpoint->window_only)
        return BLITZDB_OK;
    int failure = env->random(env->user, id, sizeof attempt->info.database_id);
    if (failure == 0)
        return BLITZDB_OK;
    return bzd_error_set(error, BLITZDB_IO, failure, "reading random bytes for the database id");
}

/** Collects and writes; the window is closed behind it. */
static blitzdb_status collect(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    const blitzdb_env *env = checkpoint->store->env;
    attempt->info.created_ms = env->now_ms(env->user);
    attempt->info.serial = attempt->backup == NULL ? ++checkpoint->serial : 1;
    blitzdb_status status = choose_id(attempt, error);
    if (status == BLITZDB_OK)
        status = begin_window(attempt, error);
    if (status == BLITZDB_OK)
        status = write_snapshot(attempt, error);
    if (checkpoint->window_only)
        bzd_log_stop(checkpoint->log);
    return status == BLITZDB_OK ? pause_between(attempt, error) : status;
}

/** Makes a snapshot in the own directory. One that fails leaves no file, unless a MANIFEST may name it. */
static blitzdb_status make_snapshot(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    blitzdb_status status = settle_doubt(checkpoint, error);
    if (status != BLITZDB_OK)
        return status;
    status = collect(attempt, error);
    if (status == BLITZDB_OK)
        status = publish(attempt, error);
    if (status != BLITZDB_OK && !checkpoint->in_doubt)
        remove_leftovers(checkpoint);
    return status;
}

/** Makes a snapshot in another directory, which is ready; what a failed one leaves is removed with that. */
static blitzdb_status make_backup(struct attempt *attempt, blitzdb_error *error) {
    blitzdb_status status = collect(attempt, error);
    return status == BLITZDB_OK ? publish_backup(attempt, error) : status;
}

static blitzdb_status run(struct attempt *attempt, blitzdb_error *error) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    attempt->frozen = !checkpoint->window_only && atomic_load(&checkpoint->log->status) == BLITZDB_LOG_FAILED;
    attempt->dir = checkpoint->dir;
    if (attempt->request->dir == NULL)
        return make_snapshot(attempt, error);
    struct bzd_backup backup;
    blitzdb_status status = bzd_backup_begin(&backup, checkpoint->store->env, attempt->request->dir, error);
    attempt->dir = backup.dir;
    attempt->backup = &backup;
    if (status == BLITZDB_OK)
        status = make_backup(attempt, error);
    bzd_backup_end(&backup);
    return status;
}

static void begin_progress(struct bzd_checkpoint *checkpoint, uint64_t began_ns) {
    struct bzd_checkpoint_progress *progress = &checkpoint->progress;
    const struct bzd_store *store = checkpoint->store;
    uint64_t entries = 0;
    uint64_t bytes = BZD_SNAPSHOT_HEADER_SIZE;
    for (unsigned keyspace = 0; keyspace < BLITZDB_KEYSPACES; keyspace++) {
        uint64_t expiring;
        entries += bzd_store_count(store, keyspace, &expiring);
    }
    for (uint32_t i = 0; i < store->shard_count; i++)
        bytes += atomic_load_explicit(&store->shards[i].entry_bytes, memory_order_relaxed);
    atomic_store(&progress->entries, 0);
    atomic_store(&progress->entries_total, entries);
    atomic_store(&progress->bytes, 0);
    atomic_store(&progress->bytes_total,
                 bytes + entries); /* a record takes one more than an entry's header */
    atomic_store(&progress->began_ns, began_ns);
}

/** Remembers how a snapshot in the own directory went. */
static void note_result(const struct attempt *attempt, blitzdb_status status, uint64_t changes) {
    struct bzd_checkpoint *checkpoint = attempt->checkpoint;
    const blitzdb_env *env = checkpoint->store->env;
    uint64_t now_ns = env->monotonic_ns(env->user);
    atomic_store(&checkpoint->tried_ns, now_ns);
    if (attempt->frozen) {
        atomic_store(&checkpoint->repaired_ns, now_ns);
        atomic_store(&checkpoint->has_repaired, true);
    }
    atomic_store(&checkpoint->status, status);
    if (status != BLITZDB_OK)
        return;
    atomic_store(&checkpoint->changes, changes);
    atomic_store(&checkpoint->finished_ms, env->now_ms(env->user));
    atomic_store(&checkpoint->took_ms, (now_ns - atomic_load(&checkpoint->progress.began_ns)) / 1000000);
    atomic_store(&checkpoint->size_bytes, atomic_load(&checkpoint->progress.bytes));
    atomic_fetch_add(&checkpoint->finished, 1);
}

static void tell(const struct attempt *attempt, uint64_t took_ns, const blitzdb_error *details) {
    const struct bzd_logger *logger = attempt->checkpoint->log->logger;
    const char *kind = attempt->request->dir == NULL ? "" : "backup ";
    blitzdb_status status = details->status;
    if (status == BLITZDB_OK)
        bzd_logger_write(logger, BLITZDB_LOG_INFO, "snapshot", "%swritten in %llu ms", kind,
                         (unsigned long long)(took_ns / 1000000));
    else if (status == BLITZDB_CANCELED)
        bzd_logger_write(logger, BLITZDB_LOG_INFO, "snapshot", "%scanceled", kind);
    else
        bzd_logger_write(logger, BLITZDB_LOG_ERROR, "snapshot", "%sfailed: %s", kind, details->text);
}

blitzdb_status bzd_checkpoint_run(struct bzd_checkpoint *checkpoint,
                                  const struct bzd_checkpoint_request *request, blitzdb_error *error) {
    const blitzdb_env *env = checkpoint->store->env;
    int idle = BZD_CHECKPOINT_IDLE;
    if (!atomic_compare_exchange_strong(&checkpoint->state, &idle, BZD_CHECKPOINT_RUNNING))
        return bzd_error_set(error, BLITZDB_BUSY, 0, "another snapshot is being written");
    struct attempt attempt = {.checkpoint = checkpoint, .request = request};
    blitzdb_error details = {0};
    int cancel = bzd_cancel_disable();
    bzd_pace_begin(&checkpoint->pace);
    begin_progress(checkpoint, env->monotonic_ns(env->user));
    uint64_t changes = bzd_store_count_writes(checkpoint->store);
    blitzdb_status status = run(&attempt, &details);
    if (request->dir == NULL)
        note_result(&attempt, status, changes);
    uint64_t took_ns = env->monotonic_ns(env->user) - atomic_load(&checkpoint->progress.began_ns);
    atomic_store(&checkpoint->state, BZD_CHECKPOINT_IDLE);
    details.status = status;
    tell(&attempt, took_ns, &details);
    bzd_cancel_restore(cancel);
    return bzd_error_set(error, status, details.system_errno, "%s", details.text);
}

void bzd_checkpoint_cancel(struct bzd_checkpoint *checkpoint) {
    int running = BZD_CHECKPOINT_RUNNING;
    if (atomic_compare_exchange_strong(&checkpoint->state, &running, BZD_CHECKPOINT_CANCELED))
        bzd_pace_wake(&checkpoint->pace);
}

void bzd_checkpoint_close(struct bzd_checkpoint *checkpoint) {
    atomic_store(&checkpoint->closing, true);
    bzd_pace_wake(&checkpoint->pace);
}

void bzd_checkpoint_spoil(struct bzd_checkpoint *checkpoint, blitzdb_status status) {
    int fine = BLITZDB_OK;
    (void)atomic_compare_exchange_strong(&checkpoint->window_status, &fine, status);
}
