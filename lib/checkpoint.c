#include "checkpoint.h"

#include "snapshot_writer.h"

void bzd_checkpoint_init(struct bzd_checkpoint *checkpoint, struct bzd_store *store, struct bzd_log *log,
                         const char *dir, const struct bzd_manifest *manifest) {
    checkpoint->store = store;
    checkpoint->log = log;
    checkpoint->dir = dir;
    checkpoint->manifest = *manifest;
    checkpoint->serial = manifest->has_snapshot ? manifest->snapshot_serial : 0;
    atomic_init(&checkpoint->log_start, manifest->log_start);
    atomic_init(&checkpoint->tried_ns, store->env->monotonic_ns(store->env->user));
}

/** Switches the log of a database without one on or off, between two writes. */
static void set_logging(struct bzd_checkpoint *checkpoint, bool on) {
    bzd_store_write_acquire_all(checkpoint->store);
    *checkpoint->logging = on;
    bzd_store_write_release_all(checkpoint->store);
}

/** Writes the group being collected: the window begins with the next one, which is short then. */
static blitzdb_status end_group(struct bzd_checkpoint *checkpoint, blitzdb_error *error) {
    uint64_t position = atomic_load_explicit(&checkpoint->log->position, memory_order_acquire);
    blitzdb_status status = bzd_log_write_out(checkpoint->log, position);
    if (status != BLITZDB_OK)
        return bzd_error_set(error, status, 0, "writing the log before a snapshot");
    return BLITZDB_OK;
}

/** Notes where the log stands and what the keyspaces mean there, between two writes. */
static blitzdb_status begin_window(struct bzd_checkpoint *checkpoint, struct bzd_snapshot_info *info,
                                   blitzdb_error *error) {
    struct bzd_store *store = checkpoint->store;
    blitzdb_status status =
        checkpoint->window_only ? bzd_log_restart(checkpoint->log, error) : end_group(checkpoint, error);
    if (status != BLITZDB_OK)
        return status;
    bzd_store_write_acquire_all(store);
    info->start_position = bzd_log_group_start(checkpoint->log);
    info->keyspace_map = bzd_store_map(store);
    if (checkpoint->window_only)
        *checkpoint->logging = true;
    bzd_store_write_release_all(store);
    return BLITZDB_OK;
}

/** Ends the window and makes the log durable up to there. */
static blitzdb_status end_window(struct bzd_checkpoint *checkpoint, uint64_t *end_out, blitzdb_error *error) {
    if (checkpoint->window_only)
        set_logging(checkpoint, false);
    uint64_t end = atomic_load_explicit(&checkpoint->log->position, memory_order_acquire);
    blitzdb_status status = bzd_log_sync(checkpoint->log, end);
    *end_out = end;
    if (status != BLITZDB_OK)
        return bzd_error_set(error, status, 0, "syncing the log behind a snapshot");
    return BLITZDB_OK;
}

/** Carries a walk over one shard. */
struct walk {
    struct bzd_shard *shard;
    struct bzd_snapshot_writer *writer;
    blitzdb_status status;
};

static void add_entry(void *user, bzd_ref ref) {
    struct walk *walk = user;
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(walk->shard->arena, ref), &entry);
    struct bzd_record record = {
        .type = entry.expire_at_ms == 0 ? BZD_RECORD_SET : BZD_RECORD_SET_EXPIRING,
        .keyspace = entry.keyspace,
        .key = entry.key,
        .value = entry.value,
        .expire_at_ms = entry.expire_at_ms,
    };
    if (walk->status == BLITZDB_OK)
        walk->status = bzd_snapshot_writer_add(walk->writer, &record);
}

/** Adds every entry of a shard; the read lock is given back whenever a block is full. */
static blitzdb_status add_shard(struct bzd_shard *shard, struct bzd_snapshot_writer *writer,
                                blitzdb_error *error) {
    enum { BUCKETS_AT_ONCE = 32 };
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
    } while (cursor != 0 && walk.status == BLITZDB_OK);
    return walk.status;
}

static blitzdb_status add_all_shards(struct bzd_checkpoint *checkpoint, struct bzd_snapshot_writer *writer,
                                     blitzdb_error *error) {
    blitzdb_status status = BLITZDB_OK;
    for (uint32_t i = 0; i < checkpoint->store->shard_count && status == BLITZDB_OK; i++)
        status = add_shard(&checkpoint->store->shards[i], writer, error);
    return status;
}

/** Names the new snapshot in the MANIFEST, then removes what it replaces. */
static blitzdb_status publish(struct bzd_checkpoint *checkpoint, const struct bzd_snapshot_info *info,
                              blitzdb_error *error) {
    const blitzdb_env *env = checkpoint->store->env;
    struct bzd_manifest manifest = checkpoint->manifest;
    manifest.has_snapshot = true;
    manifest.snapshot_serial = info->serial;
    manifest.log_start = info->start_position;
    manifest.log_end = checkpoint->window_only ? info->end_position : UINT64_MAX;
    blitzdb_status status = bzd_manifest_write(env, checkpoint->dir, &manifest, error);
    if (status != BLITZDB_OK)
        return status;
    checkpoint->manifest = manifest;
    atomic_store(&checkpoint->log_start, manifest.log_start);
    bzd_snapshot_remove_others(env, checkpoint->dir, info->serial);
    bzd_wal_remove_before(env, checkpoint->dir, info->start_position,
                          checkpoint->window_only ? 0 : checkpoint->log->writer.segment_limit);
    return BLITZDB_OK;
}

/** Writes the file; the window is open and is closed whatever happens. */
static blitzdb_status write_snapshot(struct bzd_checkpoint *checkpoint, struct bzd_snapshot_info *info,
                                     blitzdb_error *error) {
    struct bzd_snapshot_writer writer;
    memset(&writer, 0, sizeof writer);
    blitzdb_status status =
        bzd_snapshot_writer_begin(&writer, checkpoint->store->env, checkpoint->dir, info, error);
    if (status == BLITZDB_OK)
        status = add_all_shards(checkpoint, &writer, error);
    blitzdb_status window_status =
        end_window(checkpoint, &info->end_position, status == BLITZDB_OK ? error : NULL);
    if (status == BLITZDB_OK)
        status = window_status;
    if (status == BLITZDB_OK)
        status = bzd_snapshot_writer_finish(&writer, info->end_position, error);
    bzd_snapshot_writer_deinit(&writer);
    return status;
}

static blitzdb_status run(struct bzd_checkpoint *checkpoint, blitzdb_error *error) {
    const blitzdb_env *env = checkpoint->store->env;
    struct bzd_snapshot_info info = {
        .serial = ++checkpoint->serial,
        .created_ms = env->now_ms(env->user),
    };
    memcpy(info.database_id, checkpoint->manifest.database_id, sizeof info.database_id);
    blitzdb_status status = begin_window(checkpoint, &info, error);
    if (status == BLITZDB_OK)
        status = write_snapshot(checkpoint, &info, error);
    if (status == BLITZDB_OK)
        status = publish(checkpoint, &info, error);
    return status;
}

blitzdb_status bzd_checkpoint_run(struct bzd_checkpoint *checkpoint, blitzdb_error *error) {
    const blitzdb_env *env = checkpoint->store->env;
    if (atomic_exchange(&checkpoint->running, true))
        return bzd_error_set(error, BLITZDB_BUSY, 0, "another snapshot is being written");
    blitzdb_error details = {0};
    int cancel = bzd_cancel_disable();
    uint64_t began_ns = env->monotonic_ns(env->user);
    uint64_t changes = bzd_store_count_writes(checkpoint->store);
    blitzdb_status status = run(checkpoint, &details);
    uint64_t ended_ns = env->monotonic_ns(env->user);
    uint64_t took_ms = (ended_ns - began_ns) / 1000000;
    atomic_store(&checkpoint->tried_ns, ended_ns);
    atomic_store(&checkpoint->status, status);
    if (status == BLITZDB_OK) {
        atomic_store(&checkpoint->changes, changes);
        atomic_store(&checkpoint->finished_ms, env->now_ms(env->user));
        atomic_fetch_add(&checkpoint->finished, 1);
    }
    atomic_store(&checkpoint->running, false);
    const struct bzd_logger *logger = checkpoint->log->logger;
    if (status == BLITZDB_OK)
        bzd_logger_write(logger, BLITZDB_LOG_INFO, "snapshot", "written in %llu ms",
                         (unsigned long long)took_ms);
    else
        bzd_logger_write(logger, BLITZDB_LOG_ERROR, "snapshot", "failed: %s", details.text);
    bzd_cancel_restore(cancel);
    return bzd_error_set(error, status, details.system_errno, "%s", details.text);
}
