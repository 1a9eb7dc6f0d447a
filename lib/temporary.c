#include "temporary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "invariant.h"
#include "logger.h"

static void temporary_path(const struct bzd_temporary *temporary, char path_out[BZD_PATH_MAX]) {
    (void)snprintf(path_out, BZD_PATH_MAX, "%s/%s" BZD_TEMPORARY_SUFFIX, temporary->dir, temporary->name);
}

static blitzdb_status failed(const struct bzd_temporary *temporary, int failure, const char *what,
                             blitzdb_error *error) {
    return bzd_error_set(error, bzd_status_of_errno(failure), failure, "%s" BZD_TEMPORARY_SUFFIX ": %s",
                         temporary->name, what);
}

blitzdb_status bzd_temporary_create(struct bzd_temporary *temporary, const blitzdb_env *env, const char *dir,
                                    const char *name, blitzdb_error *error) {
    BZD_ASSERT(strlen(name) < sizeof temporary->name);
    *temporary = (struct bzd_temporary){.env = env, .dir = dir};
    memcpy(temporary->name, name, strlen(name) + 1);

    char path[BZD_PATH_MAX];
    temporary_path(temporary, path);
    int failure = env->remove(env->user, path);
    if (failure != 0 && failure != ENOENT)
        return failed(temporary, failure, "a file left by a crash cannot be removed", error);
    failure = env->open(env->user, path, BLITZDB_FILE_CREATE, &temporary->file);
    if (failure != 0) {
        temporary->file = NULL;
        return failed(temporary, failure, "cannot be created", error);
    }
    return BLITZDB_OK;
}

blitzdb_status bzd_temporary_write(struct bzd_temporary *temporary, const void *data, size_t size,
                                   uint64_t offset, blitzdb_error *error) {
    const blitzdb_env *env = temporary->env;
    int failure = env->write_at(env->user, temporary->file, data, size, offset);
    if (failure == 0)
        return BLITZDB_OK;
    return bzd_error_set(error, bzd_status_of_errno(failure), failure,
                         "%s" BZD_TEMPORARY_SUFFIX ": offset %" PRIu64 ": %zu bytes cannot be written",
                         temporary->name, offset, size);
}

blitzdb_status bzd_temporary_sync(struct bzd_temporary *temporary, blitzdb_error *error) {
    int failure = temporary->env->sync(temporary->env->user, temporary->file);
    return failure == 0 ? BLITZDB_OK : failed(temporary, failure, "cannot be synced", error);
}

blitzdb_status bzd_temporary_publish(struct bzd_temporary *temporary, blitzdb_error *error) {
    const blitzdb_env *env = temporary->env;
    blitzdb_status status = bzd_temporary_sync(temporary, error);
    if (status != BLITZDB_OK) {
        bzd_temporary_discard(temporary);
        return status;
    }

    char from[BZD_PATH_MAX];
    char to[BZD_PATH_MAX];
    temporary_path(temporary, from);
    bzd_path_join(to, temporary->dir, temporary->name);
    int failure = env->rename(env->user, from, to);
    if (failure != 0) {
        status = failed(temporary, failure, "cannot be renamed", error);
        bzd_temporary_discard(temporary);
        return status;
    }

    /* Everything is synced: a failing close loses nothing. */
    (void)env->close(env->user, temporary->file);
    temporary->file = NULL;
    failure = env->sync_dir(env->user, temporary->dir);
    if (failure != 0)
        return bzd_error_set(error, bzd_status_of_errno(failure), failure,
                             "%s: the directory cannot be synced after the rename", temporary->name);
    return BLITZDB_OK;
}

void bzd_temporary_discard(struct bzd_temporary *temporary) {
    if (temporary->file == NULL)
        return;
    const blitzdb_env *env = temporary->env;
    (void)env->close(env->user, temporary->file);
    temporary->file = NULL;

    /* A file that stays is removed by the next attempt. */
    char path[BZD_PATH_MAX];
    temporary_path(temporary, path);
    (void)env->remove(env->user, path);
}
