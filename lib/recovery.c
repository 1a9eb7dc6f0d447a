#include "recovery.h"

#include "file_reader.h"
#include "listing.h"
#include "loader.h"
#include "path.h"
#include "replay.h"
#include "snapshot_reader.h"
#include "wal_format.h"
#include "wal_reader.h"
#include "wal_spare.h"

/** What else is in a directory that has no MANIFEST. */
struct leftovers {
    const struct bzd_recovery_request *request;
    bool has_data; /**< something only a database could have written, and no half-finished creation */
};

/** A creation that was interrupted leaves temporary files and a first segment without groups, nothing more.
 */
static int look_at_leftover(void *caller, const char *name) {
    struct leftovers *leftovers = caller;
    uint64_t number;
    if (bzd_name_number(name, BZD_SNAPSHOT_NAME_PREFIX, "", &number)) {
        leftovers->has_data = true;
    } else if (bzd_name_number(name, BZD_WAL_NAME_PREFIX, "", &number)) {
        uint64_t size = UINT64_MAX; /* unknown counts as data */
        (void)bzd_file_size_of(leftovers->request->env, leftovers->request->dir, name, &size);
        if (number != 0 || size > BZD_WAL_SEGMENT_HEADER_SIZE)
            leftovers->has_data = true;
    }
    return 0;
}

/** Refuses a directory whose MANIFEST is gone: creating a database there would lose what it holds. */
static blitzdb_status check_is_empty(const struct bzd_recovery_request *request) {
    const blitzdb_env *env = request->env;
    struct leftovers leftovers = {request, false};
    int error = env->list_dir(env->user, request->dir, look_at_leftover, &leftovers);
    if (error != 0)
        return bzd_error_set(request->error, bzd_status_of_errno(error), error, "listing %s", request->dir);
    if (leftovers.has_data)
        return bzd_error_set(
            request->error, BLITZDB_NOT_A_DATABASE, 0,
            "%s holds log or snapshot files but no MANIFEST; restore it from a backup, or use an "
            "empty directory",
            request->dir);
    return BLITZDB_OK;
}

enum { PREPARE_BYTES = 256 * 1024 }; /* of log space, at once; see wal_writer.h */

static void init_writer(struct bzd_wal_writer *writer, const struct bzd_recovery_request *request,
                        const uint8_t *database_id) {
    bzd_wal_writer_init(writer, request->env, request->dir, database_id, request->log_segment_bytes);
    writer->prepare_bytes = PREPARE_BYTES;
}

/** Makes a new database: first segment, then the MANIFEST that makes it count. */
static blitzdb_status create(const struct bzd_recovery_request *request, struct bzd_wal_writer *writer,
                             struct bzd_manifest *manifest) {
    const blitzdb_env *env = request->env;
    bool logged = (request->flags & BLITZDB_OPEN_NO_LOG) == 0;
    blitzdb_status status = check_is_empty(request);
    if (status == BLITZDB_OK)
        status = bzd_manifest_sync_parent(env, request->dir, request->error);
    if (status != BLITZDB_OK)
        return status;
    memset(manifest, 0, sizeof *manifest);
    manifest->log_end = logged ? UINT64_MAX : 0;
    int error = env->random(env->user, manifest->database_id, sizeof manifest->database_id);
    if (error != 0)
        return bzd_error_set(request->error, BLITZDB_IO, error, "reading random bytes for the database id");
    init_writer(writer, request, manifest->database_id);
    if (logged)
        status = bzd_wal_writer_begin_segment(writer, 0, request->error);
    if (status == BLITZDB_OK)
        status = bzd_manifest_write(env, request->dir, manifest, request->error);
    if (status != BLITZDB_OK)
        bzd_wal_writer_close(writer);
    return status;
}

/** Loads an open snapshot; `info_out` is what it says of itself. */
static blitzdb_status load_snapshot(const struct bzd_recovery_request *request, struct bzd_store *store,
                                    const struct bzd_snapshot_reader *reader,
                                    struct bzd_snapshot_info *info_out) {
    blitzdb_status status = bzd_progress_begin(request->progress, BLITZDB_PHASE_SNAPSHOT, reader->file.size);
    if (status == BLITZDB_OK)
        status = bzd_loader_run(reader, store, request->threads, request->progress, info_out, request->error);
    if (status == BLITZDB_OK)
        status = bzd_progress_end(request->progress, info_out->record_count);
    return status;
}

/** Loads the snapshot the MANIFEST names; `durable_out` is where the log was durable to when it was done. */
static blitzdb_status read_snapshot(const struct bzd_recovery_request *request, struct bzd_store *store,
                                    struct bzd_recovery_result *result, uint64_t *durable_out) {
    const struct bzd_manifest *manifest = &result->manifest;
    struct bzd_snapshot_reader reader;
    struct bzd_snapshot_info info;
    blitzdb_status status =
        bzd_snapshot_reader_open(&reader, request->env, request->dir, manifest->snapshot_serial,
                                 manifest->database_id, request->error);
    if (status != BLITZDB_OK)
        return status;
    status = load_snapshot(request, store, &reader, &info);
    bzd_snapshot_reader_close(&reader);
    if (status != BLITZDB_OK)
        return status;
    if (!bzd_map_is_valid(info.keyspace_map) || info.start_position != manifest->log_start)
        return bzd_error_set(request->error, BLITZDB_CORRUPT, 0,
                             "snapshot %016llx in %s does not belong to the MANIFEST beside it",
                             (unsigned long long)manifest->snapshot_serial, request->dir);
    atomic_store(&store->keyspace_map, info.keyspace_map);
    result->entries = info.record_count;
    *durable_out = info.end_position;
    return BLITZDB_OK;
}

/** Size of a segment in bytes of log, 0: not known. */
static uint64_t segment_bytes(const struct bzd_recovery_request *request, uint64_t start) {
    uint64_t size = 0;
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_WAL_NAME_PREFIX, start, "");
    (void)bzd_file_size_of(request->env, request->dir, name, &size);
    return size > BZD_WAL_SEGMENT_HEADER_SIZE ? size - BZD_WAL_SEGMENT_HEADER_SIZE : 0;
}

/** Bytes of log that will be read at most, for those who watch; what cannot be learned counts as none. */
static uint64_t count_log_bytes(const struct bzd_recovery_request *request,
                                const struct bzd_manifest *manifest) {
    struct bzd_listing segments;
    uint64_t end = manifest->log_end;
    if (request->progress->fn == NULL)
        return 0;
    if (end != UINT64_MAX)
        return end - manifest->log_start;
    if (bzd_listing_init(&segments, request->env, request->dir, BZD_WAL_NAME_PREFIX, "") != BLITZDB_OK)
        return 0;
    if (segments.count > 0) {
        uint64_t last = segments.numbers[segments.count - 1];
        end = last + segment_bytes(request, last);
    }
    bzd_listing_deinit(&segments);
    return end != UINT64_MAX && end > manifest->log_start ? end - manifest->log_start : 0;
}

/** Replays the log; `durable` is how far it was durable once. */
static blitzdb_status read_log(const struct bzd_recovery_request *request, struct bzd_store *store,
                               struct bzd_recovery_result *result, struct bzd_wal_tail *tail,
                               uint64_t durable) {
    const struct bzd_manifest *manifest = &result->manifest;
    struct bzd_wal_source source = {request->env,        request->dir,      manifest->database_id,
                                    manifest->log_start, manifest->log_end, manifest->is_sealed};
    struct bzd_replay replay;
    blitzdb_status status =
        bzd_progress_begin(request->progress, BLITZDB_PHASE_LOG, count_log_bytes(request, manifest));
    if (status != BLITZDB_OK)
        return status;
    tail->position = source.from;
    status = bzd_replay_init(&replay, store, request->threads, request->progress, &tail->position);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_wal_read(&source, bzd_replay_take, &replay, tail, request->error);
    if (status == BLITZDB_OK)
        status = bzd_replay_finish(&replay);
    result->records = replay.records;
    bzd_replay_deinit(&replay);
    if (status == BLITZDB_OK && tail->position < durable)
        return bzd_error_set(
            request->error, BLITZDB_CORRUPT, 0,
            "the log in %s ends at position %llu, but was durable up to %llu when the snapshot was "
            "taken",
            request->dir, (unsigned long long)tail->position, (unsigned long long)durable);
    return status == BLITZDB_OK ? bzd_progress_end(request->progress, result->records) : status;
}

/** Loads the snapshot and replays the log; reads only. */
static blitzdb_status load(const struct bzd_recovery_request *request, struct bzd_store *store,
                           struct bzd_recovery_result *result, struct bzd_wal_tail *tail) {
    uint64_t durable = result->manifest.log_start;
    blitzdb_status status = BLITZDB_OK;
    if (result->manifest.has_snapshot)
        status = read_snapshot(request, store, result, &durable);
    if (status == BLITZDB_OK)
        status = read_log(request, store, result, tail, durable);
    if (status == BLITZDB_CANCELED)
        return bzd_error_set(request->error, status, 0, "the progress callback did not want to go on");
    return status;
}

/**
 * Removes the segments an aborted snapshot of a database without a log has left behind the log's end. The
 * removals need no sync of their own: they count once the MANIFEST says that the log goes on, and the names
 * are synced before it does, with those of the new segment.
 */
static blitzdb_status remove_stale_segments(const struct bzd_recovery_request *request, uint64_t from) {
    int error = bzd_wal_remove_from(request->env, request->dir, from);
    if (error == 0)
        return BLITZDB_OK;
    return bzd_error_set(request->error, bzd_status_of_errno(error), error, "removing unused log files in %s",
                         request->dir);
}

/** Makes the log ready to be written, or closed for a database that is opened without one. */
static blitzdb_status go_on(const struct bzd_recovery_request *request, struct bzd_wal_writer *writer,
                            struct bzd_manifest *manifest, const struct bzd_wal_tail *tail) {
    bool logged = (request->flags & BLITZDB_OPEN_NO_LOG) == 0;
    bool was_open = manifest->log_end == UINT64_MAX;
    blitzdb_status status = BLITZDB_OK;
    init_writer(writer, request, manifest->database_id);
    writer->position = tail->position;
    writer->durable = tail->position;
    if (!was_open)
        status = remove_stale_segments(request, manifest->log_end);
    if (status == BLITZDB_OK && (was_open || manifest->is_sealed) && tail->has_segment)
        status = bzd_wal_writer_resume(writer, tail, request->error);
    if (status == BLITZDB_OK && logged && writer->file == NULL)
        status = bzd_wal_writer_begin_segment(writer, tail->position, request->error);
    if (status == BLITZDB_OK && (logged != was_open || manifest->is_sealed)) {
        manifest->is_sealed = false;
        manifest->log_end = logged ? UINT64_MAX : tail->position;
        status = bzd_manifest_write(request->env, request->dir, manifest, request->error);
    }
    if (status != BLITZDB_OK || !logged)
        bzd_wal_writer_close(writer);
    return status;
}

/**
 * Makes the names durable that were read. A process that died, or an open that failed, between a rename and
 * its directory sync leaves names that a power failure may still take back, after what they replace was
 * removed.
 */
static blitzdb_status sync_names(const struct bzd_recovery_request *request) {
    const blitzdb_env *env = request->env;
    int error = env->sync_dir(env->user, request->dir);
    if (error == 0)
        return BLITZDB_OK;
    return bzd_error_set(request->error, bzd_status_of_errno(error), error, "syncing directory %s",
                         request->dir);
}

static blitzdb_status open_existing(const struct bzd_recovery_request *request, struct bzd_store *store,
                                    struct bzd_wal_writer *writer, struct bzd_recovery_result *result) {
    struct bzd_wal_tail tail;
    blitzdb_status status = load(request, store, result, &tail);
    if (status != BLITZDB_OK)
        return status;
    status = sync_names(request);
    if (status == BLITZDB_OK)
        status = go_on(request, writer, &result->manifest, &tail);
    if (status != BLITZDB_OK)
        return status;
    result->truncated_bytes = tail.torn_bytes;
    bzd_snapshot_remove_others(request->env, request->dir,
                               result->manifest.has_snapshot ? result->manifest.snapshot_serial : UINT64_MAX);
    bool logged = (request->flags & BLITZDB_OPEN_NO_LOG) == 0;
    if (!logged)
        bzd_wal_spare_remove_all(request->env, request->dir);
    bzd_wal_remove_before(request->env, request->dir, result->manifest.log_start,
                          logged ? request->log_segment_bytes : 0);
    bzd_manifest_remove_temporary(request->env, request->dir);
    if (tail.torn_bytes > 0)
        bzd_logger_write(request->logger, BLITZDB_LOG_WARNING, "recovery",
                         "cut %llu bytes of a torn write off the log at %llu",
                         (unsigned long long)tail.torn_bytes, (unsigned long long)tail.position);
    bzd_logger_write(request->logger, BLITZDB_LOG_INFO, "recovery",
                     "loaded %llu entries and replayed %llu records", (unsigned long long)result->entries,
                     (unsigned long long)result->records);
    return BLITZDB_OK;
}

blitzdb_status bzd_recover(const struct bzd_recovery_request *request, struct bzd_store *store,
                           struct bzd_wal_writer *writer, struct bzd_recovery_result *result_out) {
    memset(result_out, 0, sizeof *result_out);
    blitzdb_status status =
        bzd_manifest_read(request->env, request->dir, &result_out->manifest, request->error);
    if (status == BLITZDB_OK && (request->flags & BLITZDB_OPEN_MUST_CREATE) != 0)
        return bzd_error_set(request->error, BLITZDB_CONDITION_FAILED, 0, "%s holds a database already",
                             request->dir);
    if (status == BLITZDB_OK)
        return open_existing(request, store, writer, result_out);
    if (status != BLITZDB_NOT_FOUND)
        return status;
    if ((request->flags & BLITZDB_OPEN_MUST_EXIST) != 0)
        return bzd_error_set(request->error, BLITZDB_NOT_FOUND, 0, "there is no database in %s",
                             request->dir);
    result_out->created = true;
    return create(request, writer, &result_out->manifest);
}
