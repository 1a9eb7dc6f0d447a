#include "mem_env_internal.h"

#include <stdlib.h>
#include <string.h>

void *mem_resize(void *memory, size_t size) {
    void *resized = realloc(memory, size);
    if (resized == NULL) {
        perror("mem_env");
        exit(2);
    }
    return resized;
}

void *mem_reserve(void *items, size_t count, size_t *capacity, size_t item_size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return mem_resize(items, *capacity * item_size);
}

/* Clock and random */

static int64_t table_now_ms(void *user) {
    return mem_env_now_ms(user);
}

static uint64_t table_monotonic_ns(void *user) {
    struct mem_env *env = user;
    pthread_mutex_lock(&env->mutex);
    uint64_t now_ns = env->monotonic_ns;
    pthread_mutex_unlock(&env->mutex);
    return now_ns;
}

static int table_random(void *user, void *buffer, size_t size) {
    struct mem_env *env = user;
    uint8_t *bytes = buffer;
    pthread_mutex_lock(&env->mutex);
    int error = mem_check_call(env, MEM_CALL_RANDOM, NULL);
    for (size_t i = 0; error == 0 && i < size; i++)
        bytes[i] = (uint8_t)rng_next(&env->rng);
    pthread_mutex_unlock(&env->mutex);
    return error;
}

int64_t mem_env_now_ms(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    int64_t now_ms = env->now_ms;
    pthread_mutex_unlock(&env->mutex);
    return now_ms;
}

void mem_env_set_now_ms(struct mem_env *env, int64_t now_ms) {
    pthread_mutex_lock(&env->mutex);
    env->now_ms = now_ms;
    pthread_mutex_unlock(&env->mutex);
}

void mem_env_advance_ms(struct mem_env *env, uint64_t elapsed_ms) {
    pthread_mutex_lock(&env->mutex);
    env->now_ms += (int64_t)elapsed_ms;
    env->monotonic_ns += elapsed_ms * UINT64_C(1000000);
    pthread_mutex_unlock(&env->mutex);
}

/* Memory */

static bool may_allocate(struct mem_env *env, enum mem_env_call call) {
    pthread_mutex_lock(&env->mutex);
    int error = mem_check_call(env, call, NULL);
    pthread_mutex_unlock(&env->mutex);
    return error == 0;
}

static void count_memory(struct mem_env *env, int64_t change) {
    pthread_mutex_lock(&env->mutex);
    env->live_memory += change;
    pthread_mutex_unlock(&env->mutex);
}

static void *table_alloc(void *user, size_t size) {
    const blitzdb_env *system = blitzdb_env_default();
    void *memory = may_allocate(user, MEM_CALL_ALLOC) ? system->alloc(system->user, size) : NULL;
    count_memory(user, memory != NULL);
    return memory;
}

static void *table_realloc(void *user, void *memory, size_t size) {
    const blitzdb_env *system = blitzdb_env_default();
    if (!may_allocate(user, MEM_CALL_REALLOC))
        return NULL;
    void *resized = system->realloc(system->user, memory, size);
    count_memory(user, resized != NULL && memory == NULL);
    return resized;
}

static void table_free(void *user, void *memory) {
    const blitzdb_env *system = blitzdb_env_default();
    count_memory(user, memory != NULL ? -1 : 0);
    system->free(system->user, memory);
}

static void *table_map(void *user, size_t size, size_t alignment, unsigned flags) {
    void *memory = may_allocate(user, MEM_CALL_MAP) ? mem_mapping_take(size, alignment, flags) : NULL;
    count_memory(user, memory != NULL);
    return memory;
}

static void table_unmap(void *user, void *memory, size_t size) {
    count_memory(user, memory != NULL ? -1 : 0);
    mem_mapping_give(memory, size);
}

static void table_discard(void *user, void *memory, size_t size) {
    (void)user;
    const blitzdb_env *system = blitzdb_env_default();
    system->discard(system->user, memory, size);
}

/* Life */

struct mem_env *mem_env_create(uint64_t seed) {
    struct mem_env *env = mem_resize(NULL, sizeof(*env));
    memset(env, 0, sizeof(*env));
    pthread_mutex_init(&env->mutex, NULL);
    env->rng.state = seed;
    env->now_ms = MEM_ENV_START_MS;
    env->monotonic_ns = 1;
    env->table = (blitzdb_env){
        .struct_size = sizeof(blitzdb_env),
        .user = env,
        .alloc = table_alloc,
        .realloc = table_realloc,
        .free = table_free,
        .map = table_map,
        .unmap = table_unmap,
        .discard = table_discard,
        .now_ms = table_now_ms,
        .monotonic_ns = table_monotonic_ns,
        .random = table_random,
    };
    mem_fs_fill_table(&env->table);
    (void)mem_node_add(env, true); /* the root, MEM_ROOT */
    return env;
}

void mem_env_destroy(struct mem_env *env) {
    if (env == NULL)
        return;
    mem_disk_deinit(env);
    free(env->trace);
    free(env->postponed.data);
    pthread_mutex_destroy(&env->mutex);
    free(env);
}

const blitzdb_env *mem_env_table(const struct mem_env *env) {
    return &env->table;
}
