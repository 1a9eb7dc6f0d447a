/**
 * @file
 * @brief Memory through the environment the caller gave us.
 *
 * Small objects come from `alloc`, zeroed pages from `map`. Nothing here counts: whoever owns memory accounts
 * it.
 */
#ifndef BZD_ALLOC_H
#define BZD_ALLOC_H

#include <string.h>

#include <blitzdb/env.h>

static inline void *bzd_alloc(const blitzdb_env *env, size_t size) {
    return env->alloc(env->user, size > 0 ? size : 1);
}

static inline void *bzd_alloc_zeroed(const blitzdb_env *env, size_t size) {
    void *memory = bzd_alloc(env, size);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

static inline void *bzd_realloc(const blitzdb_env *env, void *memory, size_t size) {
    return env->realloc(env->user, memory, size > 0 ? size : 1);
}

static inline void bzd_free(const blitzdb_env *env, void *memory) {
    if (memory != NULL)
        env->free(env->user, memory);
}

#endif
