/**
 * @file
 * @brief An environment with a single read-only file, for fuzz targets that read files.
 *
 * The bytes are borrowed from the fuzzer and nothing is copied, so a run costs no more than the code under
 * test. Memory above a bound is refused: a reader that believes a size field shows itself. One thread.
 */
#ifndef BLITZDB_TESTS_ONE_FILE_ENV_H
#define BLITZDB_TESTS_ONE_FILE_ENV_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/env.h>

/** Largest block of memory a reader may ask for; it buffers 1 MiB, and the inputs are small. */
#define ONE_FILE_ALLOC_MAX ((size_t)2 << 20)

/** The file and the table that shows it. */
struct one_file_env {
    blitzdb_env table;
    const char *name;
    const uint8_t *data;
    size_t size;
};

static inline void *one_file_realloc(void *user, void *memory, size_t size) {
    (void)user;
    if (size > ONE_FILE_ALLOC_MAX) {
        (void)fprintf(stderr, "%zu bytes asked for\n", size);
        abort();
    }
    return realloc(memory, size);
}

static inline int one_file_open(void *user, const char *path, int mode, blitzdb_file **file_out) {
    const struct one_file_env *env = user;
    const char *slash = strrchr(path, '/');
    if (mode != BLITZDB_FILE_READ || strcmp(slash != NULL ? slash + 1 : path, env->name) != 0)
        return ENOENT;
    *file_out = user;
    return 0;
}

static inline int one_file_close(void *user, blitzdb_file *file) {
    (void)user;
    (void)file;
    return 0;
}

static inline int one_file_read_at(void *user, blitzdb_file *file, void *buffer, size_t size, uint64_t offset,
                                   size_t *read_out) {
    const struct one_file_env *env = user;
    (void)file;
    size_t left = offset < env->size ? env->size - (size_t)offset : 0;
    *read_out = size < left ? size : left;
    if (*read_out > 0)
        memcpy(buffer, env->data + offset, *read_out);
    return 0;
}

static inline int one_file_size(void *user, blitzdb_file *file, uint64_t *size_out) {
    const struct one_file_env *env = user;
    (void)file;
    *size_out = env->size;
    return 0;
}

static inline int one_file_list_dir(void *user, const char *path, blitzdb_dir_fn fn, void *caller) {
    const struct one_file_env *env = user;
    (void)path;
    return fn(caller, env->name);
}

/** Makes the environment of one file. */
static inline void one_file_env_init(struct one_file_env *env, const char *name, const uint8_t *data,
                                     size_t size) {
    *env = (struct one_file_env){.table = *blitzdb_env_default(), .name = name, .data = data, .size = size};
    env->table.user = env;
    env->table.realloc = one_file_realloc;
    env->table.open = one_file_open;
    env->table.close = one_file_close;
    env->table.read_at = one_file_read_at;
    env->table.file_size = one_file_size;
    env->table.list_dir = one_file_list_dir;
}

#endif
