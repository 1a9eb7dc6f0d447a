#include "mem_env_internal.h"

#include <string.h>

#include <sys/mman.h>

/** Mappings kept, and the sizes for which that pays. */
enum { POOL_MAX = 64, PAGE_BYTES = 4096, PAGES_MAX = 512 };

/** A mapping that was given back. */
struct kept_mapping {
    void *memory; /**< NULL: none */
    size_t size;
    size_t alignment;
    unsigned flags;
};

static struct {
    pthread_mutex_t mutex;
    bool is_on;
    struct kept_mapping mappings[POOL_MAX];
    struct kept_mapping given[POOL_MAX]; /**< those that are in use and will be kept */
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void mem_env_keep_mappings(void) {
    pool.is_on = true;
}

/** Zeroes what was touched of a mapping; the other pages never held anything. */
static void clear(const struct kept_mapping *mapping) {
    unsigned char is_there[PAGES_MAX];
    if (mincore(mapping->memory, mapping->size, is_there) != 0) {
        memset(mapping->memory, 0, mapping->size);
        return;
    }
    for (size_t i = 0; i < mapping->size / PAGE_BYTES; i++)
        if ((is_there[i] & 1) != 0)
            memset((char *)mapping->memory + i * PAGE_BYTES, 0, PAGE_BYTES);
}

/** Notes a mapping in the first free place of a list; false: there is none. */
static bool note(struct kept_mapping *list, const struct kept_mapping *mapping) {
    for (size_t i = 0; i < POOL_MAX; i++) {
        if (list[i].memory == NULL) {
            list[i] = *mapping;
            return true;
        }
    }
    return false;
}

static void *take_kept(size_t size, size_t alignment, unsigned flags) {
    for (size_t i = 0; i < POOL_MAX; i++) {
        struct kept_mapping *kept = &pool.mappings[i];
        if (kept->memory != NULL && kept->size == size && kept->alignment == alignment &&
            kept->flags == flags && note(pool.given, kept)) {
            void *memory = kept->memory;
            kept->memory = NULL;
            return memory;
        }
    }
    return NULL;
}

void *mem_mapping_take(size_t size, size_t alignment, unsigned flags) {
    const blitzdb_env *system = blitzdb_env_default();
    if (!pool.is_on || size > (size_t)PAGE_BYTES * PAGES_MAX)
        return system->map(system->user, size, alignment, flags);
    pthread_mutex_lock(&pool.mutex);
    void *memory = take_kept(size, alignment, flags);
    if (memory == NULL) {
        memory = system->map(system->user, size, alignment, flags);
        if (memory != NULL)
            (void)note(pool.given, &(struct kept_mapping){memory, size, alignment, flags});
    }
    pthread_mutex_unlock(&pool.mutex);
    return memory;
}

void mem_mapping_give(void *memory, size_t size) {
    const blitzdb_env *system = blitzdb_env_default();
    bool is_kept = false;
    pthread_mutex_lock(&pool.mutex);
    for (size_t i = 0; memory != NULL && !is_kept && i < POOL_MAX; i++) {
        if (pool.given[i].memory == memory) {
            struct kept_mapping mapping = pool.given[i];
            pool.given[i].memory = NULL;
            clear(&mapping);
            is_kept = note(pool.mappings, &mapping);
            break;
        }
    }
    pthread_mutex_unlock(&pool.mutex);
    if (!is_kept)
        system->unmap(system->user, memory, size);
}
