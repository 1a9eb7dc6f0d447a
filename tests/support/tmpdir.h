/**
 * @file
 * @brief A temporary directory for tests that use real files.
 *
 * It stands under ${TMPDIR:-/tmp}. The test that created it removes it.
 */
#ifndef BLITZDB_TESTS_TMPDIR_H
#define BLITZDB_TESTS_TMPDIR_H

#include <stddef.h>

/** Room for the path of a temporary directory. */
#define TMPDIR_PATH_MAX 512

/** Path of a temporary directory. */
struct tmpdir {
    char path[TMPDIR_PATH_MAX];
};

/** Creates an empty directory; ends the program with a message if that fails. */
void tmpdir_create(struct tmpdir *dir);

/** Removes the directory with everything in it; does nothing if it was not created. */
void tmpdir_remove(struct tmpdir *dir);

/** Writes "directory/name" to `path`, which has room for `size` bytes. */
void tmpdir_join(const struct tmpdir *dir, const char *name, char *path, size_t size);

#endif
