/**
 * @file
 * @brief Whole files through an environment, for tests that damage them.
 *
 * Everything works in caller-owned memory and ends the program with a message if the environment refuses.
 */
#ifndef BLITZDB_TESTS_RAW_FILE_H
#define BLITZDB_TESTS_RAW_FILE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <blitzdb/env.h>

/** Contents of one file of a test. */
struct raw_file {
    uint8_t bytes[16384];
    size_t size;
};

/** Ends the program if a call failed. */
static inline void raw_file_check(int failure, const char *what, const char *path) {
    if (failure != 0) {
        (void)fprintf(stderr, "%s: %s: errno %d\n", path, what, failure);
        exit(2);
    }
}

/** Reads a file that fits. */
static inline void raw_file_read(const blitzdb_env *env, const char *path, struct raw_file *file_out) {
    blitzdb_file *file;
    raw_file_check(env->open(env->user, path, BLITZDB_FILE_READ, &file), "open", path);
    raw_file_check(env->read_at(env->user, file, file_out->bytes, sizeof file_out->bytes, 0, &file_out->size),
                   "read", path);
    raw_file_check(env->close(env->user, file), "close", path);
}

/** Makes a file hold just these bytes, on disk. */
static inline void raw_file_write(const blitzdb_env *env, const char *path, const void *bytes, size_t size) {
    int failure = env->remove(env->user, path);
    raw_file_check(failure == ENOENT ? 0 : failure, "remove", path);
    blitzdb_file *file;
    raw_file_check(env->open(env->user, path, BLITZDB_FILE_CREATE, &file), "create", path);
    if (size > 0)
        raw_file_check(env->write_at(env->user, file, bytes, size, 0), "write", path);
    raw_file_check(env->sync(env->user, file), "sync", path);
    raw_file_check(env->close(env->user, file), "close", path);
}

/** Tells whether there is a file of this name. */
static inline bool raw_file_exists(const blitzdb_env *env, const char *path) {
    blitzdb_file *file;
    if (env->open(env->user, path, BLITZDB_FILE_READ, &file) != 0)
        return false;
    (void)env->close(env->user, file);
    return true;
}

#endif
