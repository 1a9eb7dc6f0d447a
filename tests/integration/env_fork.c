/**
 * @file
 * @brief What a forked child sees of the POSIX environment: memory that is to be wiped is, and a lock the
 * parent gave back is free although the child still has the descriptor.
 *
 * A program of its own, because Criterion's tests must not fork. Usage: env_fork.
 */
#include <blitzdb/env.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tmpdir.h"

enum { SIZE = 8192 };

static void expect(int fact, const char *text) {
    if (!fact) {
        fprintf(stderr, "failed: %s\n", text);
        exit(1);
    }
}

static int all_bytes_are(const unsigned char *memory, unsigned char byte) {
    for (size_t i = 0; i < SIZE; i++)
        if (memory[i] != byte)
            return 0;
    return 1;
}

/** Answers the child's exit status. */
static int wait_for(pid_t child) {
    int status = 0;
    expect(waitpid(child, &status, 0) == child, "the child is waited for");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_wiped_memory(const blitzdb_env *env) {
    unsigned char *wiped = env->map(env->user, SIZE, 4096, BLITZDB_MAP_WIPE_ON_FORK);
    unsigned char *kept = env->map(env->user, SIZE, 4096, 0);
    expect(wiped != NULL && kept != NULL, "memory is mapped");
    memset(wiped, 7, SIZE);
    memset(kept, 7, SIZE);

    pid_t child = fork();
    expect(child >= 0, "the process forks");
    if (child == 0)
        _exit(all_bytes_are(wiped, 0) && all_bytes_are(kept, 7) ? 0 : 1);
    expect(wait_for(child) == 0, "the child sees zeros in the one mapping and the bytes in the other");
    expect(all_bytes_are(wiped, 7), "the parent sees its bytes");

    env->unmap(env->user, wiped, SIZE);
    env->unmap(env->user, kept, SIZE);
}

static void check_lock_of_parent(const blitzdb_env *env, const char *path) {
    blitzdb_file *first = NULL;
    blitzdb_file *second = NULL;
    int gate[2];
    expect(env->lock(env->user, path, &first) == 0, "the lock is taken");
    expect(pipe(gate) == 0, "a pipe is made");

    pid_t child = fork();
    expect(child >= 0, "the process forks");
    if (child == 0) {
        /* Lives, with the inherited descriptor, until the parent closes the pipe. */
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(gate[0]);
    expect(env->lock(env->user, path, &second) == EWOULDBLOCK, "the lock is still held");
    env->unlock(env->user, first);
    expect(env->lock(env->user, path, &second) == 0, "the lock is free once the parent gave it back");
    env->unlock(env->user, second);
    close(gate[1]);
    expect(wait_for(child) == 0, "the child ends");
}

int main(void) {
    const blitzdb_env *env = blitzdb_env_default();
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    tmpdir_create(&dir);
    tmpdir_join(&dir, "LOCK", path, sizeof path);

    check_wiped_memory(env);
    check_lock_of_parent(env, path);

    tmpdir_remove(&dir);
    puts("env_fork: ok");
    return 0;
}
