#include "backup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "alloc.h"
#include "listing.h"
#include "logger.h"
#include "path.h"
#include "snapshot_format.h"
#include "temporary.h"
#include "wal_format.h"

enum {
    PIECE_BYTES = 1 << 20,      /* copied at once */
    SYNC_STEP_BYTES = 16 << 20, /* most that is written without a sync */
};

static blitzdb_status failed(int failure, const char *what, const char *path, blitzdb_error *error) {
    return bzd_error_set(error, bzd_status_of_errno(failure), failure, "%s %s: %s", what, path,
                         bzd_text_of_errno(failure));
}

static int look_for_database(void *caller, const char *name) {
    bool *found = caller;
    uint64_t number;
    *found |= strcmp(name, BZD_MANIFEST_NAME) == 0 ||
              bzd_name_number(name, BZD_WAL_NAME_PREFIX, "", &number) ||
              bzd_name_number(name, BZD_SNAPSHOT_NAME_PREFIX, "", &number);
    return 0;
}

/** Refuses a directory with a database, or with what is left of one: nothing may be mixed with it. */
static blitzdb_status check_holds_none(const struct bzd_backup *backup, blitzdb_error *error) {
    bool found = false;
    int failure = backup->env->list_dir(backup->env->user, backup->dir, look_for_database, &found);
    if (failure != 0)
        return failed(failure, "listing", backup->dir, error);
    if (found)
        return bzd_error_set(error, BLITZDB_CONDITION_FAILED, 0,
                             "%s holds a database, or files of one, already; use another directory",
                             backup->dir);
    return BLITZDB_OK;
}

blitzdb_status bzd_backup_begin(struct bzd_backup *backup, const blitzdb_env *env, const char *dir,
                                blitzdb_error *error) {
    *backup = (struct bzd_backup){.env = env, .dir = dir};
    int failure = env->make_dir(env->user, dir);
    if (failure == ENOENT)
        return bzd_error_set(error, BLITZDB_NOT_FOUND, failure, "creating directory %s: %s", dir,
                             bzd_text_of_errno(failure));
    if (failure != 0)
        return failed(failure, "creating directory", dir, error);
    char path[BZD_PATH_MAX];
    bzd_path_join(path, dir, BZD_LOCK_NAME);
    failure = env->lock(env->user, path, &backup->lock_file);
    if (failure != 0) {
        backup->lock_file = NULL;
        if (failure == EWOULDBLOCK)
            return bzd_error_set(error, BLITZDB_LOCKED, 0, "%s is open in this or another handle or process",
                                 dir);
        return failed(failure, "locking", path, error);
    }
    blitzdb_status status = check_holds_none(backup, error);
    if (status != BLITZDB_OK) {
        env->unlock(env->user, backup->lock_file);
        backup->lock_file = NULL;
    }
    return status;
}

/** The segment that is being copied. */
struct segment_copy {
    struct bzd_backup *backup;
    const struct bzd_backup_log *log;
    blitzdb_error *error;
    uint8_t *piece;
    char name[BZD_NAME_MAX];
    blitzdb_file *from;
    blitzdb_file *to;
    uint64_t size;   /**< bytes of it that belong to the copy */
    uint64_t offset; /**< copied so far */
    uint64_t synced;
};

static blitzdb_status copy_failed(const struct segment_copy *copy, int failure, const char *what) {
    return bzd_error_set(copy->error, bzd_status_of_errno(failure), failure, "%s: offset %" PRIu64 ": %s",
                         copy->name, copy->offset, what);
}

/** Copies the next piece, and syncs if much was written or it was the last. */
static blitzdb_status copy_piece(struct segment_copy *copy) {
    const blitzdb_env *env = copy->backup->env;
    uint64_t left = copy->size - copy->offset;
    size_t wanted = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    size_t read = 0;
    int failure = env->read_at(env->user, copy->from, copy->piece, wanted, copy->offset, &read);
    if (failure != 0)
        return copy_failed(copy, failure, "cannot be read");
    if (read < wanted)
        return bzd_error_set(copy->error, BLITZDB_CORRUPT, 0, "%s: offset %" PRIu64 ": the file is cut off",
                             copy->name, copy->offset + read);
    failure = env->write_at(env->user, copy->to, copy->piece, wanted, copy->offset);
    if (failure != 0)
        return copy_failed(copy, failure, "the copy cannot be written");
    copy->offset += wanted;
    if (copy->offset < copy->size && copy->offset - copy->synced < SYNC_STEP_BYTES)
        return BLITZDB_OK;
    failure = env->sync(env->user, copy->to);
    if (failure != 0)
        return copy_failed(copy, failure, "the copy cannot be synced");
    copy->synced = copy->offset;
    return BLITZDB_OK;
}

static blitzdb_status open_both(struct segment_copy *copy) {
    const blitzdb_env *env = copy->backup->env;
    char path[BZD_PATH_MAX];
    bzd_path_join(path, copy->log->dir, copy->name);
    int failure = env->open(env->user, path, BLITZDB_FILE_READ, &copy->from);
    if (failure != 0)
        return copy_failed(copy, failure, "cannot be opened");
    bzd_path_join(path, copy->backup->dir, copy->name);
    failure = env->open(env->user, path, BLITZDB_FILE_CREATE, &copy->to);
    if (failure == 0)
        return BLITZDB_OK;
    (void)env->close(env->user, copy->from);
    return copy_failed(copy, failure, "the copy cannot be created");
}

/** Copies the segment that begins at a position, as far as it belongs to the copy. */
static blitzdb_status copy_segment(struct segment_copy *copy, uint64_t begin) {
    const blitzdb_env *env = copy->backup->env;
    copy->offset = 0;
    copy->synced = 0;
    bzd_name_numbered(copy->name, BZD_WAL_NAME_PREFIX, begin, "");
    blitzdb_status status = open_both(copy);
    if (status != BLITZDB_OK)
        return status;
    while (status == BLITZDB_OK && copy->offset < copy->size) {
        status = copy->log->pause(copy->log->user, copy->error);
        if (status == BLITZDB_OK)
            status = copy_piece(copy);
    }
    (void)env->close(env->user, copy->from);
    (void)env->close(env->user, copy->to); /* it was synced */
    return status;
}

static blitzdb_status copy_segments(struct segment_copy *copy, const struct bzd_listing *segments) {
    const struct bzd_backup_log *log = copy->log;
    blitzdb_status status = BLITZDB_OK;
    for (size_t i = 0; i < segments->count && status == BLITZDB_OK; i++) {
        uint64_t begin = segments->numbers[i];
        uint64_t next = i + 1 < segments->count ? segments->numbers[i + 1] : UINT64_MAX;
        if (next <= log->start || begin >= log->end)
            continue;
        copy->size = BZD_WAL_SEGMENT_HEADER_SIZE + (next < log->end ? next : log->end) - begin;
        status = copy_segment(copy, begin);
    }
    return status;
}

blitzdb_status bzd_backup_copy_log(struct bzd_backup *backup, const struct bzd_backup_log *log,
                                   blitzdb_error *error) {
    if (log->start == log->end)
        return BLITZDB_OK; /* a closed log without bytes needs no file */
    struct segment_copy copy = {.backup = backup, .log = log, .error = error};
    copy.piece = bzd_alloc(backup->env, PIECE_BYTES);
    if (copy.piece == NULL)
        return bzd_error_set(error, BLITZDB_NO_MEMORY, 0, "allocating a buffer to copy the log");
    struct bzd_listing segments;
    blitzdb_status status = bzd_listing_init(&segments, backup->env, log->dir, BZD_WAL_NAME_PREFIX, "");
    if (status == BLITZDB_OK) {
        status = copy_segments(&copy, &segments);
        bzd_listing_deinit(&segments);
    } else {
        (void)bzd_error_set(error, status, 0, "the segments of the log cannot be listed");
    }
    bzd_free(backup->env, copy.piece);
    return status;
}

blitzdb_status bzd_backup_publish(struct bzd_backup *backup, const struct bzd_manifest *manifest,
                                  blitzdb_error *error) {
    const blitzdb_env *env = backup->env;
    int failure = env->sync_dir(env->user, backup->dir);
    if (failure != 0)
        return failed(failure, "syncing directory", backup->dir, error);
    blitzdb_status status = bzd_manifest_sync_parent(env, backup->dir, error);
    if (status == BLITZDB_OK)
        status = bzd_manifest_write(env, backup->dir, manifest, error);
    backup->published = status == BLITZDB_OK;
    return status;
}

/** Removes a file of a database, but not the LOCK, which is held. Needs no memory, which may be what lacks.
 */
static int remove_file(void *caller, const char *name) {
    const struct bzd_backup *backup = caller;
    uint64_t number;
    if (!bzd_name_number(name, BZD_WAL_NAME_PREFIX, "", &number) &&
        !bzd_name_number(name, BZD_SNAPSHOT_NAME_PREFIX, "", &number) &&
        !bzd_name_number(name, BZD_SNAPSHOT_NAME_PREFIX, BZD_TEMPORARY_SUFFIX, &number))
        return 0;
    char path[BZD_PATH_MAX];
    bzd_path_join(path, backup->dir, name);
    (void)backup->env->remove(backup->env->user, path);
    return 0;
}

/** Removes what was written, the MANIFEST first and for good: the rest alone is no database. */
static void remove_all(struct bzd_backup *backup) {
    const blitzdb_env *env = backup->env;
    char path[BZD_PATH_MAX];
    bzd_path_join(path, backup->dir, BZD_MANIFEST_NAME);
    int failure = env->remove(env->user, path);
    if (failure == 0)
        failure = env->sync_dir(env->user, backup->dir);
    if (failure != 0 && failure != ENOENT)
        return;
    bzd_manifest_remove_temporary(env, backup->dir);
    (void)env->list_dir(env->user, backup->dir, remove_file, backup);
}

void bzd_backup_end(struct bzd_backup *backup) {
    if (backup->lock_file == NULL)
        return;
    if (!backup->published)
        remove_all(backup);
    backup->env->unlock(backup->env->user, backup->lock_file);
    backup->lock_file = NULL;
}
