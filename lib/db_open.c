/** Opening and closing: options, directory, recovery, threads, and the order in which they come and go. */
#include <errno.h>

#include "env_table.h"
#include "loader.h"
#include "path.h"
#include "section.h"

enum {
    DEFAULT_SYNC_INTERVAL_MS = 1000,
    PAGE_BYTES = 4096,
    DEFAULT_RECOVERY_THREADS = 8, /* at most */
};

#define DEFAULT_SEGMENT_BYTES ((uint64_t)64 << 20)
#define DEFAULT_BUFFER_BYTES ((uint64_t)4 << 20)
#define MOST_BUFFER_BYTES ((uint64_t)1 << 30)
#define DEFAULT_SNAPSHOT_LOG_BYTES ((uint64_t)1 << 30)
#define LEAST_SEGMENT_BYTES ((uint64_t)4096)

/** Copies what the caller knows of the structure; the rest is zero, which means default. */
static blitzdb_status copy_options(const blitzdb_options *given, blitzdb_options *options) {
    memset(options, 0, sizeof *options);
    if (given == NULL)
        return BLITZDB_OK;
    if (given->struct_size < sizeof given->struct_size || given->struct_size > sizeof *options)
        return BLITZDB_INVALID; /* not initialised, or from a newer header: its fields would be ignored */
    memcpy(options, given, given->struct_size);
    return BLITZDB_OK;
}

static blitzdb_status invalid(const blitzdb_options *options, const char *what) {
    return bzd_error_set(options->error, BLITZDB_INVALID, 0, "option %s", what);
}

static uint64_t or_default(uint64_t given, uint64_t otherwise) {
    return given != 0 ? given : otherwise;
}

/** A library that was not asked for a thread starts none. */
static uint32_t default_threads(const blitzdb_options *options) {
    if (options->background != BLITZDB_BACKGROUND_THREAD)
        return 1;
    uint32_t processors = bzd_processor_count();
    return processors < DEFAULT_RECOVERY_THREADS ? processors : DEFAULT_RECOVERY_THREADS;
}

/** Refuses what is out of range and puts the defaults in. */
static blitzdb_status complete_options(blitzdb_options *options) {
    uint32_t flags = BLITZDB_OPEN_MUST_EXIST | BLITZDB_OPEN_MUST_CREATE | BLITZDB_OPEN_NO_LOG;
    uint32_t shards = (uint32_t)or_default(options->shard_count, BZD_SHARDS_DEFAULT);
    uint32_t both = BLITZDB_OPEN_MUST_EXIST | BLITZDB_OPEN_MUST_CREATE;
    if ((options->flags & ~flags) != 0 || (options->flags & both) == both)
        return invalid(options, "flags has unknown or contradictory bits");
    if (options->reserved != 0 || options->reserved2 != 0 || options->reserved3 != 0)
        return invalid(options, "reserved is not zero");
    if (options->durability > BLITZDB_DURABILITY_ALWAYS)
        return invalid(options, "durability is none of blitzdb_durability");
    if (options->durability == BLITZDB_DURABILITY_ALWAYS && (options->flags & BLITZDB_OPEN_NO_LOG) != 0)
        return invalid(options, "durability always needs a log");
    if (options->eviction > BLITZDB_EVICTION_VOLATILE_LFU)
        return invalid(options, "eviction is none of blitzdb_eviction");
    if (options->background > BLITZDB_BACKGROUND_THREAD)
        return invalid(options, "background is none of blitzdb_background");
    if (shards > BZD_SHARDS_MAX || (shards & (shards - 1)) != 0)
        return invalid(options, "shard_count is not a power of two up to 1024");
    if (options->log_buffer_bytes > MOST_BUFFER_BYTES)
        return invalid(options, "log_buffer_bytes is above 1 GiB");
    if (options->log_segment_bytes != 0 && options->log_segment_bytes < LEAST_SEGMENT_BYTES)
        return invalid(options, "log_segment_bytes is below 4096");
    if (options->recovery_threads > BZD_LOADER_THREADS_MAX)
        return invalid(options, "recovery_threads is above 64");
    options->shard_count = shards;
    options->recovery_threads = (uint32_t)or_default(options->recovery_threads, default_threads(options));
    options->durability = (uint32_t)or_default(options->durability, BLITZDB_DURABILITY_INTERVAL);
    options->sync_interval_ms = (uint32_t)or_default(options->sync_interval_ms, DEFAULT_SYNC_INTERVAL_MS);
    options->snapshot_min_changes = or_default(options->snapshot_min_changes, 1);
    options->snapshot_log_bytes = or_default(options->snapshot_log_bytes, DEFAULT_SNAPSHOT_LOG_BYTES);
    options->log_segment_bytes = or_default(options->log_segment_bytes, DEFAULT_SEGMENT_BYTES);
    options->log_buffer_bytes = or_default(options->log_buffer_bytes, DEFAULT_BUFFER_BYTES);
    options->log_level = (uint32_t)or_default(options->log_level, BLITZDB_LOG_INFO);
    return BLITZDB_OK;
}

/** Makes the directory and takes its lock. */
static blitzdb_status lock_dir(struct bzd_core *core, const blitzdb_options *options) {
    const blitzdb_env *env = &core->env;
    char path[BZD_PATH_MAX];
    int error = 0;
    if ((options->flags & BLITZDB_OPEN_MUST_EXIST) == 0)
        error = env->make_dir(env->user, core->dir);
    if (error != 0)
        return bzd_error_set(options->error, bzd_status_of_errno(error), error, "creating directory %s: %s",
                             core->dir, bzd_text_of_errno(error));
    bzd_path_join(path, core->dir, BZD_LOCK_NAME);
    error = env->lock(env->user, path, &core->lock_file);
    if (error == 0)
        return BLITZDB_OK;
    core->lock_file = NULL;
    if (error == EWOULDBLOCK)
        return bzd_error_set(options->error, BLITZDB_LOCKED, 0,
                             "%s is open in another handle or process; close that one, "
                             "or use another directory",
                             core->dir);
    if (error == ENOENT)
        return bzd_error_set(options->error, BLITZDB_NOT_FOUND, error, "there is no directory %s", core->dir);
    return bzd_error_set(options->error, bzd_status_of_errno(error), error, "locking %s: %s", path,
                         bzd_text_of_errno(error));
}

/** Recovers the directory and gets the log going. */
static blitzdb_status open_files(struct bzd_core *core, const blitzdb_options *options) {
    struct bzd_progress progress;
    bzd_progress_init(&progress, &core->env, options->progress, options->progress_user);
    struct bzd_recovery_request request = {.env = &core->env,
                                           .logger = &core->logger,
                                           .dir = core->dir,
                                           .flags = options->flags,
                                           .log_segment_bytes = options->log_segment_bytes,
                                           .threads = options->recovery_threads,
                                           .progress = &progress,
                                           .error = options->error};
    struct bzd_wal_writer writer;
    blitzdb_status status = bzd_recover(&request, &core->store, &writer, &core->recovered);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_log_init(&core->log, &writer, options->log_buffer_bytes, &core->logger);
    if (status != BLITZDB_OK) {
        bzd_wal_writer_close(&writer);
        return bzd_error_set(options->error, status, 0, "making the log");
    }
    core->has_log = (options->flags & BLITZDB_OPEN_NO_LOG) == 0;
    core->logging = core->has_log;
    return BLITZDB_OK;
}

/** Makes the log that a database in memory needs while it is written to a directory. */
static blitzdb_status init_log_in_memory(struct bzd_core *core, const blitzdb_options *options) {
    static const uint8_t no_id[BZD_DATABASE_ID_SIZE];
    struct bzd_wal_writer writer;
    bzd_wal_writer_init(&writer, &core->env, NULL, no_id, options->log_segment_bytes);
    blitzdb_status status = bzd_log_init(&core->log, &writer, options->log_buffer_bytes, &core->logger);
    return status == BLITZDB_OK ? status : bzd_error_set(options->error, status, 0, "making the log");
}

blitzdb_status bzd_absolute_path(const blitzdb_env *env, const char *path, char absolute_out[BZD_PATH_MAX],
                                 blitzdb_error *error) {
    size_t size = strlen(path);
    int failure = 0;
    if (size > 0 && size < BZD_PATH_MAX && env->absolute_path != NULL)
        failure = env->absolute_path(env->user, path, absolute_out, BZD_PATH_MAX);
    else if (size < BZD_PATH_MAX)
        memcpy(absolute_out, path, size + 1);
    if (failure != 0 && failure != ENAMETOOLONG)
        return bzd_error_set(error, bzd_status_of_errno(failure), failure, "finding the working directory");
    if (size == 0)
        return bzd_error_set(error, BLITZDB_INVALID, 0, "the path is empty");
    if (size >= BZD_PATH_MAX || failure != 0 || strlen(absolute_out) > BZD_PATH_MAX - BZD_NAME_MAX)
        return bzd_error_set(error, BLITZDB_INVALID, 0,
                             "the path is too long: %d bytes are possible, from the root on: %s",
                             BZD_PATH_MAX - BZD_NAME_MAX, path);
    return BLITZDB_OK;
}

/** Keeps the absolute form of the path: the program may change its working directory later. */
static blitzdb_status keep_path(struct bzd_core *core, const char *path, const blitzdb_options *options) {
    char absolute[BZD_PATH_MAX];
    blitzdb_status status = bzd_absolute_path(&core->env, path, absolute, options->error);
    if (status != BLITZDB_OK)
        return status;
    size_t size = strlen(absolute) + 1;
    core->dir = bzd_alloc(&core->env, size);
    if (core->dir == NULL)
        return bzd_error_set(options->error, BLITZDB_NO_MEMORY, 0, "allocating a path");
    memcpy(core->dir, absolute, size);
    return BLITZDB_OK;
}

static blitzdb_status open_dir(struct bzd_core *core, const char *path, const blitzdb_options *options) {
    blitzdb_status status = keep_path(core, path, options);
    if (status == BLITZDB_OK)
        status = lock_dir(core, options);
    if (status != BLITZDB_OK)
        return status;
    status = open_files(core, options);
    if (status != BLITZDB_OK) {
        core->env.unlock(core->env.user, core->lock_file);
        core->lock_file = NULL;
    }
    return status;
}

/** Fills in what does not change any more. */
static void init_constants(struct bzd_core *core, const blitzdb_options *options) {
    core->logger = (struct bzd_logger){options->log, options->log_user, options->log_level};
    core->durability = options->durability;
    core->sync_interval_ms = options->sync_interval_ms;
    core->snapshot_interval_s = options->snapshot_interval_s;
    core->snapshot_min_changes = options->snapshot_min_changes;
    core->snapshot_log_bytes = options->snapshot_log_bytes;
    bzd_limit_set(core, options->memory_limit_bytes, options->eviction);
    for (unsigned i = 0; i < BZD_DURABILITIES; i++)
        for (unsigned k = 0; k < BLITZDB_KEYSPACES; k++)
            core->handles[i][k] = (struct blitzdb){core, k, i, NULL};
}

/** Maps the page that tells parent from child. */
static blitzdb_status map_alive_page(struct bzd_core *core) {
    core->alive_page = core->env.map(core->env.user, PAGE_BYTES, PAGE_BYTES, BLITZDB_MAP_WIPE_ON_FORK);
    if (core->alive_page == NULL)
        return BLITZDB_NO_MEMORY;
    core->alive_page[0] = 1;
    return BLITZDB_OK;
}

static void unmap_alive_page(struct bzd_core *core) {
    core->env.unmap(core->env.user, (void *)(uintptr_t)core->alive_page, PAGE_BYTES);
}

/** Gives back what open_dir() took, but for the log. */
static void close_dir(struct bzd_core *core) {
    if (core->lock_file != NULL)
        core->env.unlock(core->env.user, core->lock_file);
    bzd_free(&core->env, core->dir);
}

/** Makes a zeroed core work. On failure everything is given back but the core itself. */
static blitzdb_status open_core(struct bzd_core *core, const char *path, const blitzdb_options *options) {
    init_constants(core, options);
    blitzdb_status status = map_alive_page(core);
    if (status != BLITZDB_OK)
        return bzd_error_set(options->error, status, 0, "mapping a page");
    status = bzd_store_init(&core->store, &core->env, options->shard_count);
    if (status != BLITZDB_OK) {
        (void)bzd_error_set(options->error, status, 0, "making the tables");
        goto err_unmap;
    }
    status = path != NULL ? open_dir(core, path, options) : init_log_in_memory(core, options);
    if (status != BLITZDB_OK)
        goto err_close_dir;
    core->checkpoint.window_only = !core->has_log;
    core->checkpoint.logging = &core->logging;
    status = bzd_checkpoint_init(&core->checkpoint, &core->store, &core->log, core->dir,
                                 &core->recovered.manifest);
    if (status != BLITZDB_OK) {
        (void)bzd_error_set(options->error, status, 0, "preparing snapshots");
        goto err_log;
    }
    if (options->background == BLITZDB_BACKGROUND_THREAD)
        status = bzd_background_start(core);
    if (status == BLITZDB_OK)
        return BLITZDB_OK;
    (void)bzd_error_set(options->error, status, 0, "starting the background thread");
    bzd_checkpoint_deinit(&core->checkpoint);
err_log:
    bzd_log_deinit(&core->log);
err_close_dir:
    close_dir(core);
    bzd_store_deinit(&core->store);
err_unmap:
    unmap_alive_page(core);
    return status;
}

/** Opens with the options as they were given. */
static blitzdb_status open_given(const char *path, const blitzdb_options *given, blitzdb **db_out) {
    blitzdb_options options;
    blitzdb_env env;
    blitzdb_status status = copy_options(given, &options);
    if (status != BLITZDB_OK)
        return status;
    if (options.error != NULL)
        memset(options.error, 0, sizeof *options.error);
    status = complete_options(&options);
    if (status != BLITZDB_OK)
        return status;
    if (bzd_env_complete(options.env, &env) != BLITZDB_OK)
        return invalid(&options, "env has a struct_size this library does not know");
    struct bzd_core *core = bzd_alloc_zeroed(&env, sizeof *core);
    if (core == NULL)
        return bzd_error_set(options.error, BLITZDB_NO_MEMORY, 0, "allocating the handle");
    core->env = env;
    status = open_core(core, path, &options);
    if (status != BLITZDB_OK) {
        bzd_free(&env, core);
        return bzd_error_set(options.error, status, 0, "opening %s", path != NULL ? path : "in memory");
    }
    *db_out = &core->handles[BLITZDB_DURABILITY_DEFAULT][0];
    return BLITZDB_OK;
}

blitzdb_status blitzdb_open(const char *path, const blitzdb_options *given, blitzdb **db_out) {
    if (db_out == NULL)
        return BLITZDB_INVALID;
    int cancel = bzd_cancel_disable();
    blitzdb_status status = open_given(path, given, db_out);
    bzd_cancel_restore(cancel);
    return status;
}

/**
 * Notes in the MANIFEST where the log ends, so that even what was written last cannot be lost unseen. Without
 * it only that is lost: everything is on disk.
 */
static void seal_manifest(struct bzd_core *core) {
    blitzdb_error error = {0};
    struct bzd_manifest manifest = core->checkpoint.manifest;
    manifest.log_end = atomic_load(&core->log.durable);
    manifest.is_sealed = true;
    if (manifest.log_end == manifest.log_start)
        return;
    if (bzd_manifest_write(&core->env, core->dir, &manifest, &error) != BLITZDB_OK)
        bzd_logger_write(&core->logger, BLITZDB_LOG_WARNING, "close",
                         "%s; damage at the end of the log will "
                         "look like a crash",
                         error.text);
}

blitzdb_status blitzdb_close(blitzdb *db) {
    if (db == NULL)
        return BLITZDB_OK;
    blitzdb_status status = bzd_enter_outside(db);
    if (status != BLITZDB_OK)
        return status;
    struct bzd_core *core = db->core;
    blitzdb_env env = core->env;
    int cancel = bzd_cancel_disable();
    bzd_background_stop(core);
    if (core->has_log)
        status = bzd_log_seal(&core->log);
    if (core->has_log && status == BLITZDB_OK)
        seal_manifest(core);
    bzd_checkpoint_deinit(&core->checkpoint);
    bzd_log_deinit(&core->log);
    close_dir(core);
    bzd_store_deinit(&core->store);
    unmap_alive_page(core);
    bzd_free(&env, core);
    bzd_cancel_restore(cancel);
    return status;
}

blitzdb_status blitzdb_keyspace(blitzdb *db, unsigned keyspace, blitzdb **keyspace_out) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (keyspace >= BLITZDB_KEYSPACES || keyspace_out == NULL)
        return BLITZDB_INVALID;
    *keyspace_out =
        db->section != NULL ? &db->section->handles[keyspace] : &db->core->handles[db->durability][keyspace];
    return BLITZDB_OK;
}

blitzdb_status blitzdb_with_durability(blitzdb *db, uint32_t durability, blitzdb **handle_out) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (durability > BLITZDB_DURABILITY_ALWAYS || handle_out == NULL || db->section != NULL)
        return BLITZDB_INVALID;
    *handle_out = &db->core->handles[durability][db->keyspace];
    return BLITZDB_OK;
}

void blitzdb_free(blitzdb *db, void *memory) {
    if (db != NULL)
        bzd_free(&db->core->env, memory);
}
