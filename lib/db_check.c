/** Verify and salvage: options, the lock of the directory, and what is done with the records. */
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "check.h"
#include "env_table.h"
#include "lock.h"
#include "logger.h"
#include "path.h"
#include "salvage.h"

/** Shards of the store a salvage fills; one thread uses it. */
enum { SALVAGE_SHARDS = 16 };

/** A check and what it holds for its time. */
struct session {
    struct bzd_check check;
    blitzdb_env env;
    blitzdb_file *lock; /**< NULL: not taken */
    size_t result_size; /**< of the caller's structure, 0: none wanted */
};

static blitzdb_status invalid(const struct session *session, const char *what) {
    return bzd_error_set(session->check.options.error, BLITZDB_INVALID, 0, "%s", what);
}

static bool path_fits(const char *path) {
    return path != NULL && path[0] != '\0' && strlen(path) <= BZD_PATH_MAX - BZD_NAME_MAX;
}

/** Copies the options and checks the arguments. */
static blitzdb_status begin(struct session *session, const char *path, const blitzdb_check_options *options,
                            const blitzdb_check_result *result) {
    memset(session, 0, sizeof *session);
    struct bzd_check *check = &session->check;
    if (options != NULL) {
        if (options->struct_size < sizeof options->struct_size || options->struct_size > sizeof *options)
            return BLITZDB_INVALID;
        memcpy(&check->options, options, options->struct_size);
    }
    if (check->options.error != NULL)
        memset(check->options.error, 0, sizeof *check->options.error);
    if (result != NULL &&
        (result->struct_size < sizeof result->struct_size || result->struct_size > sizeof *result))
        return invalid(session, "the result has a struct_size this library does not know");
    if (!path_fits(path))
        return invalid(session, "the path is empty or too long");
    if (bzd_env_complete(check->options.env, &session->env) != BLITZDB_OK)
        return invalid(session, "env has a struct_size this library does not know");
    session->result_size = result != NULL ? result->struct_size : 0;
    check->env = &session->env;
    check->dir = path;
    return BLITZDB_OK;
}

/** A lock file that may not be written is no damage: the directory or the medium is read-only. */
static bool is_read_only(int failure) {
    return failure == EACCES || failure == EPERM || failure == EROFS;
}

/**
 * Takes the lock if there is a file to lock: who opens the database makes one, so without it nobody has the
 * database open, and nothing may be made here.
 */
static blitzdb_status lock_dir(struct session *session) {
    struct bzd_check *check = &session->check;
    const blitzdb_env *env = check->env;
    char path[BZD_PATH_MAX];
    bzd_path_join(path, check->dir, BZD_LOCK_NAME);
    blitzdb_file *file;
    int failure = env->open(env->user, path, BLITZDB_FILE_READ, &file);
    if (failure == ENOENT || failure == ENOTDIR)
        return BLITZDB_OK;
    if (failure == 0) {
        (void)env->close(env->user, file);
        failure = env->lock(env->user, path, &session->lock);
    }
    if (failure == 0)
        return BLITZDB_OK;
    session->lock = NULL;
    if (failure == EWOULDBLOCK)
        return bzd_error_set(check->options.error, BLITZDB_LOCKED, 0,
                             "%s is open in another handle or process", check->dir);
    if (failure == ENOMEM)
        return bzd_error_set(check->options.error, BLITZDB_NO_MEMORY, 0, "locking %s", path);
    if (is_read_only(failure))
        bzd_check_note(check, BZD_LOCK_NAME, 0, 0,
                       "cannot be locked (errno %d); if the database is in use, findings may be wrong",
                       failure);
    else
        bzd_check_damage(check, BLITZDB_IO, BZD_LOCK_NAME, 0, 0, "cannot be locked (errno %d)", failure);
    return BLITZDB_OK;
}

/** Gives back the lock and fills the result. */
static void end(struct session *session, blitzdb_check_result *result) {
    if (session->lock != NULL)
        session->env.unlock(session->env.user, session->lock);
    session->check.result.struct_size = session->result_size;
    if (result != NULL)
        memcpy(result, &session->check.result, session->result_size);
}

blitzdb_status blitzdb_verify(const char *path, const blitzdb_check_options *options,
                              blitzdb_check_result *result) {
    struct session session;
    blitzdb_status status = begin(&session, path, options, result);
    if (status != BLITZDB_OK)
        return status;
    int cancel = bzd_cancel_disable();
    status = lock_dir(&session);
    if (status == BLITZDB_OK)
        status = bzd_check_directory(&session.check);
    end(&session, result);
    bzd_cancel_restore(cancel);
    return status != BLITZDB_OK ? status : session.check.status;
}

static blitzdb_status apply(void *user, const struct bzd_record *record) {
    return bzd_store_apply(user, record);
}

/** Reads what is sound into a store. */
static blitzdb_status collect(struct session *session, struct bzd_store *store) {
    struct bzd_check *check = &session->check;
    check->take = apply;
    check->user = store;
    blitzdb_status status = bzd_check_directory(check);
    if (status == BLITZDB_NO_MEMORY)
        return bzd_error_set(check->options.error, status, 0, "no memory for the entries");
    for (unsigned keyspace = 0; keyspace < BLITZDB_KEYSPACES; keyspace++) {
        uint64_t expiring;
        check->result.keys += bzd_store_count(store, keyspace, &expiring);
    }
    return status;
}

/** Reads the one directory and writes the other. */
static blitzdb_status copy(struct session *session, const char *out_path) {
    blitzdb_error *error = session->check.options.error;
    struct bzd_store *store = bzd_alloc_zeroed(&session->env, sizeof *store);
    if (store == NULL)
        return bzd_error_set(error, BLITZDB_NO_MEMORY, 0, "allocating a store");
    blitzdb_status status = bzd_store_init(store, &session->env, SALVAGE_SHARDS);
    if (status != BLITZDB_OK) {
        bzd_free(&session->env, store);
        return bzd_error_set(error, status, 0, "making tables");
    }
    status = collect(session, store);
    if (error != NULL && status == BLITZDB_OK)
        memset(error, 0, sizeof *error); /* that was about reading; from here on it is about writing */
    if (status == BLITZDB_OK)
        status = bzd_salvage_write(store, out_path, error);
    bzd_store_deinit(store);
    bzd_free(&session->env, store);
    return status;
}

blitzdb_status blitzdb_salvage(const char *path, const char *out_path, const blitzdb_check_options *options,
                               blitzdb_check_result *result) {
    struct session session;
    blitzdb_status status = begin(&session, path, options, result);
    if (status != BLITZDB_OK)
        return status;
    if (!path_fits(out_path))
        return invalid(&session, "the path of the new database is empty or too long");
    int cancel = bzd_cancel_disable();
    status = bzd_salvage_check_empty(&session.env, out_path, session.check.options.error);
    if (status == BLITZDB_OK)
        status = lock_dir(&session);
    if (status == BLITZDB_OK)
        status = copy(&session, out_path);
    end(&session, result);
    bzd_cancel_restore(cancel);
    return status;
}
