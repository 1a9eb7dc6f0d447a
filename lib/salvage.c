#include "salvage.h"

#include <errno.h>
#include <string.h>

#include "backup.h"
#include "logger.h"
#include "snapshot_writer.h"

/** The snapshot of a new database. */
enum { FIRST_SERIAL = 1 };

static int refuse_any_file(void *caller, const char *name) {
    (void)caller;
    return strcmp(name, BZD_LOCK_NAME) == 0 ? 0 : EEXIST;
}

blitzdb_status bzd_salvage_check_empty(const blitzdb_env *env, const char *dir, blitzdb_error *error) {
    int failure = env->list_dir(env->user, dir, refuse_any_file, NULL);
    if (failure == 0 || failure == ENOENT)
        return BLITZDB_OK;
    if (failure == EEXIST)
        return bzd_error_set(error, BLITZDB_CONDITION_FAILED, 0, "%s is not empty", dir);
    return bzd_error_set(error, bzd_status_of_errno(failure), failure, "listing %s", dir);
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

static blitzdb_status add_shard(const struct bzd_shard *shard, struct bzd_snapshot_writer *writer,
                                blitzdb_error *error) {
    struct walk walk = {shard, writer, BLITZDB_OK};
    uint64_t cursor = 0;
    do {
        cursor = bzd_table_scan(&shard->table, cursor, add_entry, &walk);
        if (walk.status != BLITZDB_OK)
            return bzd_error_set(error, walk.status, 0, "collecting entries");
        walk.status = bzd_snapshot_writer_flush(writer, error);
    } while (cursor != 0 && walk.status == BLITZDB_OK);
    return walk.status;
}

static blitzdb_status write_snapshot(struct bzd_store *store, const char *dir, const uint8_t *database_id,
                                     blitzdb_error *error) {
    const blitzdb_env *env = store->env;
    struct bzd_snapshot_info info = {
        .serial = FIRST_SERIAL, .keyspace_map = bzd_store_map(store), .created_ms = env->now_ms(env->user)};
    memcpy(info.database_id, database_id, sizeof info.database_id);
    struct bzd_snapshot_writer writer;
    memset(&writer, 0, sizeof writer);
    blitzdb_status status = bzd_snapshot_writer_begin(&writer, env, dir, &info, error);
    for (uint32_t i = 0; i < store->shard_count && status == BLITZDB_OK; i++)
        status = add_shard(&store->shards[i], &writer, error);
    if (status == BLITZDB_OK)
        status = bzd_snapshot_writer_finish(&writer, 0, error);
    bzd_snapshot_writer_deinit(&writer);
    return status;
}

/** Writes snapshot and MANIFEST into a directory that was begun. */
static blitzdb_status write_all(struct bzd_store *store, struct bzd_backup *backup, blitzdb_error *error) {
    const blitzdb_env *env = store->env;
    /* A log from 0 to 0: the database is as it was closed without one, and the next open may begin one. */
    struct bzd_manifest manifest = {.has_snapshot = true, .snapshot_serial = FIRST_SERIAL};
    int failure = env->random(env->user, manifest.database_id, sizeof manifest.database_id);
    if (failure != 0)
        return bzd_error_set(error, BLITZDB_IO, failure, "reading random bytes for the database id");
    blitzdb_status status = write_snapshot(store, backup->dir, manifest.database_id, error);
    return status == BLITZDB_OK ? bzd_backup_publish(backup, &manifest, error) : status;
}

blitzdb_status bzd_salvage_write(struct bzd_store *store, const char *dir, blitzdb_error *error) {
    struct bzd_backup backup;
    blitzdb_status status = bzd_backup_begin(&backup, store->env, dir, error);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_salvage_check_empty(store->env, dir, error);
    if (status == BLITZDB_OK)
        status = write_all(store, &backup, error);
    bzd_backup_end(&backup);
    return status;
}
