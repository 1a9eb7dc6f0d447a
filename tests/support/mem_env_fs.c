#include "mem_env_internal.h"

#include <stdlib.h>
#include <string.h>

#include <errno.h>

/* Calls */

void mem_action_make(struct mem_env *env, const struct mem_action *action) {
    struct mem_op *op = NULL;
    switch (action->call) {
    case MEM_CALL_WRITE:
        if (action->size == 0)
            return;
        op = mem_journal_add(env, MEM_OP_WRITE, action->node);
        op->offset = action->offset;
        op->size = action->size;
        op->data = mem_resize(NULL, action->size);
        memcpy(op->data, action->data, action->size);
        mem_bytes_write(&env->nodes[action->node].live, action->data, action->size, action->offset);
        return;
    case MEM_CALL_TRUNCATE:
        mem_journal_add(env, MEM_OP_TRUNCATE, action->node)->offset = action->offset;
        mem_bytes_resize(&env->nodes[action->node].live, (size_t)action->offset);
        return;
    case MEM_CALL_RENAME:
        mem_journal_add_name(env, MEM_OP_RENAME, &action->place, action->node, action->to);
        return;
    case MEM_CALL_SYNC:
        mem_journal_commit(env, action->node);
        return;
    default:
        mem_journal_commit(env, action->node);
        mem_collect_garbage(env);
    }
}

void mem_postponed_make(struct mem_env *env) {
    mem_action_make(env, &env->postponed.action);
    free(env->postponed.data);
    env->postponed = (struct mem_postponed){0};
}

/* Files */

/** Takes the mutex, also when it answers an error: the one the call must fail with. */
static int enter(struct mem_env *env, enum mem_env_call call, const char *path) {
    bool is_change = mem_call_matches(call, MEM_CALL_ANY_CHANGE) || env->postponed.is_due;
    if (env->before_change != NULL && is_change)
        env->before_change(env->before_change_user, call, path);
    pthread_mutex_lock(&env->mutex);
    mem_mutant_enter(env, call);
    return mem_check_call(env, call, path);
}

static int leave(struct mem_env *env, int error) {
    pthread_mutex_unlock(&env->mutex);
    return error;
}

/** Makes a call, or what a mutant of the library would make of it, and leaves. */
static int make(struct mem_env *env, const struct mem_action *action) {
    if (!mem_mutant_takes(env)) {
        mem_action_make(env, action);
    } else if (!mem_mutant_leaves_out()) {
        env->postponed = (struct mem_postponed){.is_waiting = true, .is_new = true, .action = *action};
        env->postponed.data = mem_resize(NULL, action->size + 1);
        if (action->size > 0)
            memcpy(env->postponed.data, action->data, action->size);
        env->postponed.action.data = env->postponed.data;
    }
    mem_mutant_made(env, action->call, action->node);
    return leave(env, 0);
}

static blitzdb_file *open_node(struct mem_env *env, size_t node, const char *path, bool is_writable) {
    blitzdb_file *file = mem_resize(NULL, sizeof(*file));
    file->node = node;
    file->is_writable = is_writable;
    (void)snprintf(file->path, sizeof(file->path), "%s", path);
    env->nodes[node].handles++;
    env->open_files++;
    return file;
}

static void close_node(struct mem_env *env, blitzdb_file *file) {
    env->nodes[file->node].handles--;
    env->open_files--;
    free(file);
}

static int fs_open(void *user, const char *path, int mode, blitzdb_file **file_out) {
    struct mem_env *env = user;
    bool creates = mode == BLITZDB_FILE_CREATE;
    struct mem_place place;
    int error = enter(env, creates ? MEM_CALL_CREATE : MEM_CALL_OPEN, path);
    error = error == 0 ? mem_place_find(env, path, &place) : error;
    if (error != 0)
        return leave(env, error);
    size_t node = mem_place_node(env, &place);
    if (creates == (node != MEM_NO_NODE))
        return leave(env, creates ? EEXIST : ENOENT);
    if (creates) {
        node = mem_node_add(env, false);
        mem_journal_add_name(env, MEM_OP_LINK, &place, node, "");
        mem_mutant_made(env, MEM_CALL_CREATE, node);
    }
    if (env->nodes[node].is_dir)
        return leave(env, EISDIR);
    *file_out = open_node(env, node, path, mode != BLITZDB_FILE_READ);
    return leave(env, 0);
}

static int fs_close(void *user, blitzdb_file *file) {
    struct mem_env *env = user;
    int error = enter(env, MEM_CALL_CLOSE, file->path);
    close_node(env, file);
    return leave(env, error);
}

/** How much of a failing write is left behind, or of a short read is delivered. */
static size_t part_of(const struct mem_env *env, size_t size) {
    if (env->is_crashed || !env->is_armed || size == 0)
        return 0;
    switch (env->fault.part) {
    case MEM_PART_ONE_BYTE:
        return 1;
    case MEM_PART_HALF:
        return size / 2;
    case MEM_PART_ALL_BUT_ONE:
        return size - 1;
    default:
        return 0;
    }
}

static int fs_read_at(void *user, blitzdb_file *file, void *buffer, size_t size, uint64_t offset,
                      size_t *read_out) {
    struct mem_env *env = user;
    int error = enter(env, MEM_CALL_READ, file->path);
    bool is_short = error != 0 && part_of(env, size) > 0;
    if (is_short) { /* as if the file ended there: no error to see */
        size = part_of(env, size);
        error = 0;
    }
    if (error == 0) {
        const struct mem_bytes *live = &env->nodes[file->node].live;
        size_t rest = offset < live->size ? live->size - (size_t)offset : 0;
        *read_out = size < rest ? size : rest;
        if (*read_out > 0)
            memcpy(buffer, live->data + offset, *read_out);
    }
    return leave(env, error);
}

static int fs_write_at(void *user, blitzdb_file *file, const void *data, size_t size, uint64_t offset) {
    struct mem_env *env = user;
    int error = enter(env, MEM_CALL_WRITE, file->path);
    if (!file->is_writable)
        return leave(env, EBADF);
    struct mem_action action = {
        .call = MEM_CALL_WRITE, .node = file->node, .offset = offset, .data = data, .size = size};
    if (error == 0)
        return make(env, &action);
    action.size = part_of(env, size);
    mem_action_make(env, &action);
    return leave(env, error);
}

static int fs_truncate(void *user, blitzdb_file *file, uint64_t size) {
    struct mem_env *env = user;
    int error = enter(env, MEM_CALL_TRUNCATE, file->path);
    if (!file->is_writable)
        return leave(env, EBADF);
    struct mem_action action = {.call = MEM_CALL_TRUNCATE, .node = file->node, .offset = size};
    return error == 0 ? make(env, &action) : leave(env, error);
}

static int fs_sync(void *user, blitzdb_file *file) {
    struct mem_env *env = user;
    int error = enter(env, MEM_CALL_SYNC, file->path);
    struct mem_action action = {.call = MEM_CALL_SYNC, .node = file->node};
    if (error == 0)
        return make(env, &action);
    mem_journal_lose(env, file->node);
    return leave(env, error);
}

static int fs_file_size(void *user, blitzdb_file *file, uint64_t *size_out) {
    struct mem_env *env = user;
    int error = enter(env, MEM_CALL_FILE_SIZE, file->path);
    if (error == 0)
        *size_out = env->nodes[file->node].live.size;
    return leave(env, error);
}

/* Names */

static int fs_rename(void *user, const char *from, const char *to) {
    struct mem_env *env = user;
    struct mem_place old_place;
    struct mem_place new_place;
    int error = enter(env, MEM_CALL_RENAME, to);
    error = error == 0 ? mem_place_find(env, from, &old_place) : error;
    error = error == 0 ? mem_place_find(env, to, &new_place) : error;
    if (error != 0)
        return leave(env, error);
    size_t node = mem_place_node(env, &old_place);
    if (node == MEM_NO_NODE || new_place.name[0] == '\0' || old_place.dir != new_place.dir)
        return leave(env, node == MEM_NO_NODE ? ENOENT : EXDEV);
    struct mem_action action = {.call = MEM_CALL_RENAME, .node = node, .place = old_place};
    (void)snprintf(action.to, sizeof(action.to), "%s", new_place.name);
    return make(env, &action);
}

static int fs_remove(void *user, const char *path) {
    struct mem_env *env = user;
    struct mem_place place;
    int error = enter(env, MEM_CALL_REMOVE, path);
    error = error == 0 ? mem_place_find(env, path, &place) : error;
    if (error != 0)
        return leave(env, error);
    size_t node = mem_place_node(env, &place);
    if (node == MEM_NO_NODE || env->nodes[node].is_dir)
        return leave(env, node == MEM_NO_NODE ? ENOENT : EISDIR);
    mem_journal_add_name(env, MEM_OP_REMOVE, &place, node, "");
    mem_mutant_made(env, MEM_CALL_REMOVE, place.dir);
    return leave(env, 0);
}

static int fs_sync_dir(void *user, const char *path) {
    struct mem_env *env = user;
    struct mem_place place;
    int error = enter(env, MEM_CALL_SYNC_DIR, path);
    error = error == 0 ? mem_place_find(env, path, &place) : error;
    if (error != 0)
        return leave(env, error);
    size_t node = mem_place_node(env, &place);
    if (node == MEM_NO_NODE || !env->nodes[node].is_dir)
        return leave(env, node == MEM_NO_NODE ? ENOENT : ENOTDIR);
    struct mem_action action = {.call = MEM_CALL_SYNC_DIR, .node = node};
    return make(env, &action);
}

static int fs_make_dir(void *user, const char *path) {
    struct mem_env *env = user;
    struct mem_place place;
    int error = enter(env, MEM_CALL_MAKE_DIR, path);
    error = error == 0 ? mem_place_find(env, path, &place) : error;
    if (error != 0)
        return leave(env, error);
    size_t node = mem_place_node(env, &place);
    if (node != MEM_NO_NODE)
        return leave(env, env->nodes[node].is_dir ? 0 : EEXIST);
    mem_journal_add_name(env, MEM_OP_LINK, &place, mem_node_add(env, true), "");
    return leave(env, 0);
}

/** Copies the names of a directory, because the callback may change it. */
static struct mem_name *copy_names(const struct mem_env *env, size_t dir, size_t *count_out) {
    struct mem_name *copy = mem_resize(NULL, (env->live.count + 1) * sizeof(copy[0]));
    *count_out = 0;
    for (size_t i = 0; i < env->live.count; i++)
        if (env->live.items[i].dir == dir)
            copy[(*count_out)++] = env->live.items[i];
    return copy;
}

static int fs_list_dir(void *user, const char *path, blitzdb_dir_fn fn, void *caller) {
    struct mem_env *env = user;
    struct mem_place place;
    int error = enter(env, MEM_CALL_LIST_DIR, path);
    error = error == 0 ? mem_place_find(env, path, &place) : error;
    if (error != 0)
        return leave(env, error);
    size_t node = mem_place_node(env, &place);
    if (node == MEM_NO_NODE || !env->nodes[node].is_dir)
        return leave(env, node == MEM_NO_NODE ? ENOENT : ENOTDIR);
    size_t count = 0;
    struct mem_name *names = copy_names(env, node, &count);
    (void)leave(env, 0);
    for (size_t i = 0; error == 0 && i < count; i++)
        error = fn(caller, names[i].text);
    free(names);
    return error;
}

static int fs_lock(void *user, const char *path, blitzdb_file **file_out) {
    struct mem_env *env = user;
    struct mem_place place;
    int error = enter(env, MEM_CALL_LOCK, path);
    error = error == 0 ? mem_place_find(env, path, &place) : error;
    if (error != 0)
        return leave(env, error);
    size_t node = mem_place_node(env, &place);
    if (node == MEM_NO_NODE) {
        node = mem_node_add(env, false);
        mem_journal_add_name(env, MEM_OP_LINK, &place, node, "");
    }
    if (env->nodes[node].is_dir || env->nodes[node].is_locked)
        return leave(env, env->nodes[node].is_dir ? EISDIR : EWOULDBLOCK);
    env->nodes[node].is_locked = true;
    *file_out = open_node(env, node, path, true);
    return leave(env, 0);
}

static void fs_unlock(void *user, blitzdb_file *file) {
    struct mem_env *env = user;
    pthread_mutex_lock(&env->mutex);
    env->nodes[file->node].is_locked = false;
    close_node(env, file);
    (void)leave(env, 0);
}

void mem_fs_fill_table(blitzdb_env *table) {
    table->open = fs_open;
    table->close = fs_close;
    table->read_at = fs_read_at;
    table->write_at = fs_write_at;
    table->truncate = fs_truncate;
    table->sync = fs_sync;
    table->file_size = fs_file_size;
    table->rename = fs_rename;
    table->remove = fs_remove;
    table->sync_dir = fs_sync_dir;
    table->make_dir = fs_make_dir;
    table->list_dir = fs_list_dir;
    table->lock = fs_lock;
    table->unlock = fs_unlock;
}
