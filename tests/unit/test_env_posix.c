/* The POSIX environment: memory, clocks, files, directories and the lock, on a real file system. */
#include <blitzdb/env.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tmpdir.h"

static const blitzdb_env *env;
static struct tmpdir dir;
static char path[TMPDIR_PATH_MAX];

static void set_up(void) {
    env = blitzdb_env_default();
    tmpdir_create(&dir);
    tmpdir_join(&dir, "file", path, sizeof path);
}

static void tear_down(void) {
    tmpdir_remove(&dir);
}

static blitzdb_file *create_file(void) {
    blitzdb_file *file = NULL;
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_CREATE, &file), 0);
    return file;
}

TestSuite(memory, .init = set_up, .fini = tear_down);
TestSuite(clock, .init = set_up, .fini = tear_down);
TestSuite(open, .init = set_up, .fini = tear_down);
TestSuite(file, .init = set_up, .fini = tear_down);
TestSuite(directory, .init = set_up, .fini = tear_down);
TestSuite(lock, .init = set_up, .fini = tear_down);

/* Every member of the table is there. */
Test(memory, table_is_complete) {
    cr_assert_eq(env->struct_size, sizeof *env);
    const unsigned char *bytes = (const unsigned char *)&env->alloc;
    const unsigned char none[sizeof env->alloc] = {0};
    const size_t count = (sizeof *env - offsetof(blitzdb_env, alloc)) / sizeof none;
    for (size_t i = 0; i < count; i++)
        cr_assert_neq(memcmp(bytes + i * sizeof none, none, sizeof none), 0, "member %zu", i);
}

/* A mapping stands where it was asked to stand, and is zero. */
Test(memory, map_is_aligned_and_zeroed) {
    for (size_t alignment = 4096; alignment <= (size_t)4 << 20; alignment *= 4) {
        unsigned char *memory = env->map(env->user, 12288, alignment, 0);
        cr_assert_not_null(memory);
        cr_assert_eq((uintptr_t)memory % alignment, 0);
        for (size_t i = 0; i < 12288; i++)
            cr_assert_eq(memory[i], 0);
        memset(memory, 1, 12288);
        env->unmap(env->user, memory, 12288);
    }
}

/* Huge pages are a wish: the mapping is there with or without them. */
Test(memory, map_huge) {
    const size_t size = (size_t)4 << 20;
    unsigned char *memory = env->map(env->user, size, (size_t)2 << 20, BLITZDB_MAP_HUGE);
    cr_assert_not_null(memory);
    memset(memory, 1, size);
    env->unmap(env->user, memory, size);
}

/* More than there is gives NULL, also where the slack for the alignment would overflow. */
Test(memory, map_too_large) {
    cr_assert_null(env->map(env->user, SIZE_MAX & ~(size_t)4095, (size_t)2 << 20, 0));
    cr_assert_null(env->map(env->user, (size_t)1 << 62, 4096, 0));
}

/* Discarded pages may be written again. */
Test(memory, discard) {
    unsigned char *memory = env->map(env->user, 16384, 4096, 0);
    cr_assert_not_null(memory);
    memset(memory, 7, 16384);

    env->discard(env->user, memory + 4096, 4096);

    cr_assert_eq(memory[0], 7);
    cr_assert(memory[4096] == 0 || memory[4096] == 7);
    memory[4096] = 9;
    cr_assert_eq(memory[4096], 9);
    env->unmap(env->user, memory, 16384);
}

/* A part that holds no whole page keeps its bytes, and so do its neighbours: pages may be larger than those
 * who ask believe. */
Test(memory, discard_less_than_a_page) {
    unsigned char *memory = env->map(env->user, 16384, 4096, 0);
    cr_assert_not_null(memory);
    memset(memory, 7, 16384);

    env->discard(env->user, memory, 1024);
    env->discard(env->user, memory + 4096 + 100, 4096);

    for (int i = 0; i < 16384; i++)
        cr_assert_eq(memory[i], 7, "byte %d", i);
    env->unmap(env->user, memory, 16384);
}

/* Two draws of 32 random bytes differ, and an odd size fills the last byte too. */
Test(memory, random_bytes) {
    unsigned char a[32] = {0};
    unsigned char b[32] = {0};
    unsigned char large[1001];
    cr_assert_eq(env->random(env->user, a, sizeof a), 0);
    cr_assert_eq(env->random(env->user, b, sizeof b), 0);
    cr_assert_neq(memcmp(a, b, sizeof a), 0);

    int filled = 0;
    for (int i = 0; i < 16 && !filled; i++) {
        large[1000] = 0;
        cr_assert_eq(env->random(env->user, large, sizeof large), 0);
        filled = large[1000] != 0;
    }
    cr_assert(filled);
}

/* The wall clock is past 2020; the other one does not go back. */
Test(clock, both) {
    cr_assert_gt(env->now_ms(env->user), INT64_C(1577836800000));
    const uint64_t first = env->monotonic_ns(env->user);
    cr_assert_geq(env->monotonic_ns(env->user), first);
}

/* Processor times grow, and a thread has used no more than its process. */
Test(clock, processor_times) {
    uint64_t thread;
    uint64_t process;
    uint64_t later;
    env->cpu_ns(env->user, &thread, &process);
    cr_assert_leq(thread, process);
    do /* work, until the clock has seen it */
        env->cpu_ns(env->user, &later, &process);
    while (later == thread);
    cr_assert_gt(later, thread);
}

/* A new file belongs to its owner alone and is closed when a program is executed. */
Test(open, create_is_private) {
    blitzdb_file *file = create_file();

    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0600);
    int fd = -1;
    for (int i = 3; i < 64 && fd < 0; i++) {
        struct stat other;
        if (fstat(i, &other) == 0 && other.st_ino == info.st_ino && other.st_dev == info.st_dev)
            fd = i;
    }
    cr_assert_geq(fd, 3);
    cr_assert_neq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    cr_assert_eq(env->close(env->user, file), 0);
}

/* Creating takes the name or fails; opening takes an existing file or fails. */
Test(open, modes) {
    blitzdb_file *file = NULL;
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_READ, &file), ENOENT);
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_WRITE, &file), ENOENT);
    cr_assert_eq(env->open(env->user, path, 99, &file), EINVAL);
    cr_assert_null(file);

    file = create_file();
    blitzdb_file *other = NULL;
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_CREATE, &other), EEXIST);
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_READ, &other), 0);
    cr_assert_eq(env->write_at(env->user, other, "x", 1, 0), EBADF);
    cr_assert_eq(env->close(env->user, other), 0);
    cr_assert_eq(env->close(env->user, file), 0);
}

/* Nothing but a regular file is opened; a FIFO that nobody writes to does not block, a link is not followed.
 */
Test(open, refuses_what_is_no_file, .timeout = 60) {
    char other[TMPDIR_PATH_MAX];
    blitzdb_file *file = NULL;
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_READ, &file), EINVAL);
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_WRITE, &file), EINVAL);
    cr_assert_eq(env->lock(env->user, path, &file), EINVAL);

    tmpdir_join(&dir, "folder", other, sizeof other);
    cr_assert_eq(mkdir(other, 0700), 0);
    cr_assert_eq(env->open(env->user, other, BLITZDB_FILE_READ, &file), EISDIR);

    tmpdir_join(&dir, "socket", other, sizeof other);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cr_assert_lt(snprintf(address.sun_path, sizeof address.sun_path, "%s", other),
                 (int)sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    cr_assert_eq(env->open(env->user, other, BLITZDB_FILE_READ, &file), EINVAL);
    cr_assert_eq(env->lock(env->user, other, &file), EINVAL);
    close(fd);

    tmpdir_join(&dir, "link", other, sizeof other);
    cr_assert_eq(symlink("/dev/null", other), 0);
    cr_assert_eq(env->open(env->user, other, BLITZDB_FILE_READ, &file), ELOOP);
    cr_assert_eq(env->open(env->user, other, BLITZDB_FILE_CREATE, &file), EEXIST);
    cr_assert_eq(env->lock(env->user, other, &file), ELOOP);
    cr_assert_null(file);
}

/* What was written is read, and the end of the file shows as a short read. */
Test(file, write_and_read) {
    blitzdb_file *file = create_file();
    char buffer[16];
    size_t got = 99;

    cr_assert_eq(env->write_at(env->user, file, "hello", 5, 0), 0);
    cr_assert_eq(env->write_at(env->user, file, "HE", 2, 0), 0);
    cr_assert_eq(env->read_at(env->user, file, buffer, sizeof buffer, 0, &got), 0);
    cr_assert_eq(got, 5);
    cr_assert_arr_eq(buffer, "HEllo", 5);
    cr_assert_eq(env->read_at(env->user, file, buffer, 2, 3, &got), 0);
    cr_assert_eq(got, 2);
    cr_assert_arr_eq(buffer, "lo", 2);
    cr_assert_eq(env->read_at(env->user, file, buffer, sizeof buffer, 5, &got), 0);
    cr_assert_eq(got, 0);
    cr_assert_eq(env->sync(env->user, file), 0);
    cr_assert_eq(env->close(env->user, file), 0);
}

/* A gap and a grown file read as zero; the size follows. */
Test(file, sizes) {
    blitzdb_file *file = create_file();
    uint64_t size = 99;
    cr_assert_eq(env->file_size(env->user, file, &size), 0);
    cr_assert_eq(size, 0);

    cr_assert_eq(env->write_at(env->user, file, "x", 1, 9), 0);
    cr_assert_eq(env->file_size(env->user, file, &size), 0);
    cr_assert_eq(size, 10);
    cr_assert_eq(env->truncate(env->user, file, 100), 0);
    char buffer[100];
    size_t got = 0;
    cr_assert_eq(env->read_at(env->user, file, buffer, 100, 0, &got), 0);
    cr_assert_eq(got, 100);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(buffer[i], i == 9 ? 'x' : 0);
    cr_assert_eq(env->truncate(env->user, file, 3), 0);
    cr_assert_eq(env->file_size(env->user, file, &size), 0);
    cr_assert_eq(size, 3);
    cr_assert_eq(env->close(env->user, file), 0);
}

/* Offsets the system cannot count to are refused instead of wrapping around. */
Test(file, absurd_offsets) {
    blitzdb_file *file = create_file();
    char byte = 0;
    size_t got = 0;

    cr_assert_eq(env->read_at(env->user, file, &byte, 1, UINT64_MAX, &got), EINVAL);
    cr_assert_eq(env->write_at(env->user, file, &byte, 1, INT64_MAX), EFBIG);
    cr_assert_eq(env->truncate(env->user, file, (uint64_t)INT64_MAX + 1), EFBIG);
    cr_assert_eq(env->close(env->user, file), 0);
}

static bool has_file(const char *name) {
    char joined[TMPDIR_PATH_MAX];
    tmpdir_join(&dir, name, joined, sizeof joined);
    return access(joined, F_OK) == 0;
}

/* A rename replaces its target; a removed file is gone; both can be made durable. */
Test(directory, rename_and_remove) {
    char other[TMPDIR_PATH_MAX];
    tmpdir_join(&dir, "other", other, sizeof other);
    cr_assert_eq(env->close(env->user, create_file()), 0);

    cr_assert_eq(env->rename(env->user, path, other), 0);
    cr_assert_not(has_file("file"));
    cr_assert(has_file("other"));
    cr_assert_eq(env->rename(env->user, path, other), ENOENT);
    cr_assert_eq(env->sync_dir(env->user, dir.path), 0);
    cr_assert_eq(env->remove(env->user, other), 0);
    cr_assert_eq(env->remove(env->user, other), ENOENT);
    cr_assert_eq(env->sync_dir(env->user, other), ENOENT);
}

/* A directory is made once; an existing one is no error, a file of that name is. */
Test(directory, make) {
    char made[TMPDIR_PATH_MAX];
    tmpdir_join(&dir, "made", made, sizeof made);

    cr_assert_eq(env->make_dir(env->user, made), 0);
    struct stat info;
    cr_assert_eq(stat(made, &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0700);
    cr_assert_eq(env->make_dir(env->user, made), 0);
    cr_assert_eq(env->close(env->user, create_file()), 0);
    cr_assert_eq(env->make_dir(env->user, path), ENOTDIR);
}

struct listing {
    int count;
    int answer;
};

static int count_entry(void *caller, const char *name) {
    struct listing *listing = caller;
    cr_assert_str_neq(name, ".");
    cr_assert_str_neq(name, "..");
    listing->count++;
    return listing->answer;
}

/* Every entry is named once; a callback that does not answer 0 ends the list. */
Test(directory, list) {
    char other[TMPDIR_PATH_MAX];
    tmpdir_join(&dir, "made", other, sizeof other);
    cr_assert_eq(env->make_dir(env->user, other), 0);
    cr_assert_eq(env->close(env->user, create_file()), 0);

    struct listing all = {0, 0};
    cr_assert_eq(env->list_dir(env->user, dir.path, count_entry, &all), 0);
    cr_assert_eq(all.count, 2);
    struct listing first = {0, 77};
    cr_assert_eq(env->list_dir(env->user, dir.path, count_entry, &first), 77);
    cr_assert_eq(first.count, 1);
    cr_assert_eq(env->list_dir(env->user, path, count_entry, &all), ENOTDIR);
}

/* The lock file is made when needed; a second handle is refused, in the same process too, until the first one
 * gives it back. */
Test(lock, excludes) {
    blitzdb_file *first = NULL;
    blitzdb_file *second = NULL;

    cr_assert_eq(env->lock(env->user, path, &first), 0);
    cr_assert_eq(env->lock(env->user, path, &second), EWOULDBLOCK);
    cr_assert_null(second);

    env->unlock(env->user, first);
    cr_assert_eq(env->lock(env->user, path, &second), 0);
    env->unlock(env->user, second);
}

/* A lock in a folder that does not exist says so. */
Test(lock, needs_its_folder) {
    char deep[TMPDIR_PATH_MAX];
    tmpdir_join(&dir, "none/lock", deep, sizeof deep);
    blitzdb_file *file = NULL;

    cr_assert_eq(env->lock(env->user, deep, &file), ENOENT);
}
