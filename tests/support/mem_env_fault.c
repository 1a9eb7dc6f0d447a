#include "mem_env_internal.h"

#include <errno.h>

static bool is_memory(enum mem_env_call call) {
    return call <= MEM_CALL_MAP;
}

static bool is_change(enum mem_env_call call) {
    switch (call) {
    case MEM_CALL_CREATE:
    case MEM_CALL_WRITE:
    case MEM_CALL_TRUNCATE:
    case MEM_CALL_SYNC:
    case MEM_CALL_RENAME:
    case MEM_CALL_REMOVE:
    case MEM_CALL_SYNC_DIR:
    case MEM_CALL_MAKE_DIR:
    case MEM_CALL_LOCK:
        return true;
    default:
        return false;
    }
}

bool mem_call_matches(enum mem_env_call call, enum mem_env_call group) {
    switch (group) {
    case MEM_CALL_ANY_MEMORY:
        return is_memory(call);
    case MEM_CALL_ANY_FILE:
        return call >= MEM_CALL_OPEN;
    case MEM_CALL_ANY_CHANGE:
        return is_change(call);
    default:
        return call == group;
    }
}

static void note_call(struct mem_trace_item *item, enum mem_env_call call, const char *path) {
    item->call = call;
    (void)snprintf(item->path, sizeof(item->path), "%s", path != NULL ? path : "");
}

static void trace(struct mem_env *env, enum mem_env_call call, const char *path) {
    env->trace = mem_reserve(env->trace, env->trace_count, &env->trace_capacity, sizeof(env->trace[0]));
    note_call(&env->trace[env->trace_count++], call, path);
}

/** Lets the power fail when its call has come; answers whether it has failed. */
static bool power_is_off(struct mem_env *env, enum mem_env_call call) {
    if (call < MEM_CALL_OPEN)
        return false;
    if (env->crash_countdown > 0 && is_change(call)) {
        env->crash_countdown--;
        env->is_crashed = env->crash_countdown == 0;
    }
    return env->is_crashed;
}

int mem_check_call(struct mem_env *env, enum mem_env_call call, const char *path) {
    env->calls[call]++;
    if (env->is_tracing && path != NULL)
        trace(env, call, path);
    if (power_is_off(env, call))
        return EIO;
    if (!env->is_armed || !mem_call_matches(call, env->fault.call))
        return 0;
    env->fault_seen++;
    if (env->fault_seen < env->fault.nth || (env->fault_seen > env->fault.nth && !env->fault.for_good))
        return 0;
    env->fault_count++;
    note_call(&env->fault_hit, call, path);
    return env->fault.error != 0 ? env->fault.error : ENOMEM;
}

void mem_env_fail(struct mem_env *env, const struct mem_env_fault *fault) {
    pthread_mutex_lock(&env->mutex);
    env->fault = *fault;
    env->fault_seen = 0;
    env->fault_count = 0;
    env->is_armed = true;
    pthread_mutex_unlock(&env->mutex);
}

void mem_env_disarm(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    env->is_armed = false;
    pthread_mutex_unlock(&env->mutex);
}

struct mem_env_trace_entry mem_env_fault_hit(struct mem_env *env) {
    return (struct mem_env_trace_entry){env->fault_hit.call, env->fault_hit.path};
}

void mem_env_rearm(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    env->is_armed = true;
    pthread_mutex_unlock(&env->mutex);
}

void mem_env_crash_at(struct mem_env *env, uint64_t nth) {
    pthread_mutex_lock(&env->mutex);
    env->crash_countdown = nth;
    pthread_mutex_unlock(&env->mutex);
}

void mem_env_before_change(struct mem_env *env, mem_env_before_fn before, void *user) {
    env->before_change = before;
    env->before_change_user = user;
}

bool mem_env_crashed(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    bool is_crashed = env->is_crashed;
    pthread_mutex_unlock(&env->mutex);
    return is_crashed;
}

uint64_t mem_env_faults(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    uint64_t count = env->fault_count;
    pthread_mutex_unlock(&env->mutex);
    return count;
}

uint64_t mem_env_calls(struct mem_env *env, enum mem_env_call call) {
    uint64_t sum = 0;
    pthread_mutex_lock(&env->mutex);
    for (unsigned kind = 0; kind < MEM_CALL_KINDS; kind++)
        sum += mem_call_matches((enum mem_env_call)kind, call) ? env->calls[kind] : 0;
    pthread_mutex_unlock(&env->mutex);
    return sum;
}

int64_t mem_env_live_memory(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    int64_t count = env->live_memory;
    pthread_mutex_unlock(&env->mutex);
    return count;
}

size_t mem_env_open_files(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    size_t count = env->open_files;
    pthread_mutex_unlock(&env->mutex);
    return count;
}

void mem_env_trace_begin(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    env->is_tracing = true;
    env->trace_count = 0;
    pthread_mutex_unlock(&env->mutex);
}

size_t mem_env_trace_count(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    size_t count = env->trace_count;
    pthread_mutex_unlock(&env->mutex);
    return count;
}

struct mem_env_trace_entry mem_env_trace_at(struct mem_env *env, size_t index) {
    struct mem_env_trace_entry entry = {MEM_CALL_KINDS, ""};
    pthread_mutex_lock(&env->mutex);
    if (index < env->trace_count)
        entry = (struct mem_env_trace_entry){env->trace[index].call, env->trace[index].path};
    pthread_mutex_unlock(&env->mutex);
    return entry;
}

const char *mem_env_call_name(enum mem_env_call call) {
    static const char *const names[] = {
        "alloc",    "realloc",  "map",  "random",     "open",     "create",     "close",    "read",
        "write",    "truncate", "sync", "file_size",  "rename",   "remove",     "sync_dir", "make_dir",
        "list_dir", "lock",     "none", "any memory", "any file", "any change",
    };
    return (size_t)call < sizeof(names) / sizeof(names[0]) ? names[call] : "unknown";
}
