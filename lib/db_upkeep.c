/** Durability, snapshots, upkeep and statistics of the whole database. */
#include "section.h"

static uint64_t position_of(struct bzd_core *core) {
    return core->has_log ? atomic_load_explicit(&core->log.position, memory_order_acquire) : 0;
}

blitzdb_status blitzdb_sync(blitzdb *db) {
    blitzdb_status status = bzd_enter_outside(db);
    if (status != BLITZDB_OK || !db->core->has_log)
        return status;
    return bzd_log_sync(&db->core->log, position_of(db->core));
}

blitzdb_status blitzdb_write_out(blitzdb *db) {
    blitzdb_status status = bzd_enter_outside(db);
    if (status != BLITZDB_OK || !db->core->has_log)
        return status;
    return bzd_log_write_out(&db->core->log, position_of(db->core));
}

uint64_t blitzdb_log_position(blitzdb *db) {
    return bzd_enter(db) == BLITZDB_OK ? position_of(db->core) : 0;
}

uint64_t blitzdb_durable_position(blitzdb *db) {
    if (bzd_enter(db) != BLITZDB_OK || !db->core->has_log)
        return 0;
    return atomic_load_explicit(&db->core->log.durable, memory_order_acquire);
}

blitzdb_status blitzdb_snapshot(blitzdb *db, blitzdb_error *error) {
    if (error != NULL)
        memset(error, 0, sizeof *error);
    blitzdb_status status = bzd_enter_outside(db);
    if (status != BLITZDB_OK)
        return status;
    struct bzd_core *core = db->core;
    if (core->dir == NULL)
        return bzd_error_set(error, BLITZDB_UNSUPPORTED, 0,
                             "the database is in memory only; open it on a directory to take snapshots, or "
                             "write it to one with blitzdb_snapshot_to()");
    struct bzd_checkpoint_request request = {.pause = bzd_sync_if_due, .user = core};
    return bzd_checkpoint_run(&core->checkpoint, &request, error);
}

blitzdb_status blitzdb_snapshot_to(blitzdb *db, const char *dir, blitzdb_error *error) {
    if (error != NULL)
        memset(error, 0, sizeof *error);
    blitzdb_status status = bzd_enter_outside(db);
    if (status != BLITZDB_OK)
        return status;
    if (dir == NULL)
        return BLITZDB_INVALID;
    struct bzd_core *core = db->core;
    char path[BZD_PATH_MAX];
    status = bzd_absolute_path(&core->env, dir, path, error);
    if (status != BLITZDB_OK)
        return status;
    struct bzd_checkpoint_request request = {.dir = path, .pause = bzd_sync_if_due, .user = core};
    return bzd_checkpoint_run(&core->checkpoint, &request, error);
}

blitzdb_status blitzdb_snapshot_cancel(blitzdb *db) {
    blitzdb_status status = bzd_enter(db);
    if (status == BLITZDB_OK)
        bzd_checkpoint_cancel(&db->core->checkpoint);
    return status;
}

blitzdb_status blitzdb_set_snapshot_share(blitzdb *db, unsigned percent) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (percent > 100)
        return BLITZDB_INVALID;
    bzd_pace_set_share(&db->core->checkpoint.pace, percent == 0 ? BZD_PACE_SHARE_DEFAULT : percent);
    return BLITZDB_OK;
}

blitzdb_status blitzdb_pump(blitzdb *db, uint32_t *next_ms_out) {
    uint32_t next_ms;
    blitzdb_status status = bzd_enter_outside(db);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_pump(db->core, &next_ms);
    if (next_ms_out != NULL)
        *next_ms_out = next_ms;
    return status;
}

/** Adds up what the shards and arenas know. */
static void fill_store_stats(const struct bzd_store *store, blitzdb_stats_info *stats) {
    for (unsigned keyspace = 0; keyspace < BLITZDB_KEYSPACES; keyspace++) {
        uint64_t expiring;
        stats->keys += bzd_store_count(store, keyspace, &expiring);
        stats->keys_with_expiry += expiring;
    }
    for (uint32_t i = 0; i < store->shard_count; i++) {
        const struct bzd_shard *shard = &store->shards[i];
        stats->entry_bytes += atomic_load_explicit(&shard->entry_bytes, memory_order_relaxed);
        stats->table_bytes += atomic_load_explicit(&shard->table_bytes, memory_order_relaxed);
        stats->expired += atomic_load_explicit(&shard->expired, memory_order_relaxed);
        stats->evicted += atomic_load_explicit(&shard->evicted, memory_order_relaxed);
    }
    for (unsigned i = 0; i < BZD_ARENAS; i++)
        stats->arena_bytes += atomic_load_explicit(&store->arenas[i].held_bytes, memory_order_relaxed);
}

/** How far the running snapshot is, and what is known of those before. */
static void fill_snapshot_stats(struct bzd_core *core, blitzdb_stats_info *stats) {
    struct bzd_checkpoint *checkpoint = &core->checkpoint;
    struct bzd_checkpoint_progress *progress = &checkpoint->progress;
    stats->snapshots = atomic_load(&checkpoint->finished);
    stats->last_snapshot_ms = atomic_load(&checkpoint->finished_ms);
    stats->last_snapshot_status = atomic_load(&checkpoint->status);
    stats->last_snapshot_took_ms = atomic_load(&checkpoint->took_ms);
    stats->last_snapshot_bytes = atomic_load(&checkpoint->size_bytes);
    stats->snapshot_running = bzd_checkpoint_is_running(checkpoint);
    if (stats->snapshot_running == 0)
        return;
    uint64_t now_ns = core->env.monotonic_ns(core->env.user);
    uint64_t began_ns = atomic_load(&progress->began_ns);
    stats->snapshot_took_ms = now_ns > began_ns ? (now_ns - began_ns) / 1000000 : 0;
    stats->snapshot_entries = atomic_load(&progress->entries);
    stats->snapshot_entries_total = atomic_load(&progress->entries_total);
    stats->snapshot_bytes = atomic_load(&progress->bytes);
    stats->snapshot_bytes_total = atomic_load(&progress->bytes_total);
}

static void fill_log_stats(struct bzd_core *core, blitzdb_stats_info *stats) {
    struct bzd_log *log = &core->log;
    stats->log_buffer_bytes = bzd_log_buffer_bytes(log);
    stats->log_position = position_of(core);
    stats->written_position = core->has_log ? atomic_load(&log->written) : 0;
    stats->durable_position = core->has_log ? atomic_load(&log->durable) : 0;
    stats->log_bytes = core->has_log ? bzd_log_bytes(core) : 0;
    stats->syncs = atomic_load(&log->syncs);
    stats->log_enabled = core->has_log;
    stats->log_status = core->has_log ? atomic_load(&log->status) : BLITZDB_OK;
    stats->recovered_entries = core->recovered.entries;
    stats->recovered_records = core->recovered.records;
    stats->truncated_bytes = core->recovered.truncated_bytes;
}

blitzdb_status blitzdb_stats(blitzdb *db, blitzdb_stats_info *stats) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    blitzdb_stats_info filled = {0};
    if (stats == NULL || stats->struct_size < sizeof stats->struct_size || stats->struct_size > sizeof filled)
        return BLITZDB_INVALID;
    struct bzd_core *core = db->core;
    fill_store_stats(&core->store, &filled);
    fill_log_stats(core, &filled);
    fill_snapshot_stats(core, &filled);
    filled.writes = bzd_store_count_writes(&core->store);
    filled.changes_since_snapshot = bzd_changes_since_snapshot(core);
    filled.memory_bytes = filled.arena_bytes + filled.table_bytes + filled.log_buffer_bytes;
    filled.struct_size = stats->struct_size;
    memcpy(stats, &filled, filled.struct_size);
    return BLITZDB_OK;
}
