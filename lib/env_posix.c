#include <blitzdb/env.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct blitzdb_file {
    int fd;
};

/* -- Memory ------------------------------------------------------------------------------------------ */

static void *posix_alloc(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void *posix_realloc(void *user, void *memory, size_t size) {
    (void)user;
    return realloc(memory, size);
}

static void posix_free(void *user, void *memory) {
    (void)user;
    free(memory);
}

/** Maps `size` bytes at a multiple of `alignment`: takes that much more and gives both ends back. */
static void *map_aligned(size_t size, size_t alignment) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t slack = alignment > page ? alignment - page : 0;
    if (size > SIZE_MAX - slack)
        return NULL;
    uint8_t *memory = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;

    const size_t before = slack > 0 ? (0 - (uintptr_t)memory) & (alignment - 1) : 0;
    if (before > 0)
        munmap(memory, before);
    if (before < slack)
        munmap(memory + before + size, slack - before);
    return memory + before;
}

static void *posix_map(void *user, size_t size, size_t alignment, unsigned flags) {
    (void)user;
    void *memory = map_aligned(size, alignment);
    if (memory == NULL)
        return NULL;
    if ((flags & BLITZDB_MAP_WIPE_ON_FORK) != 0 && madvise(memory, size, MADV_WIPEONFORK) != 0) {
        munmap(memory, size);
        return NULL;
    }
    /* Huge pages are a matter of speed only; without them the mapping is as good. */
    if ((flags & BLITZDB_MAP_HUGE) != 0)
        (void)madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

static void posix_unmap(void *user, void *memory, size_t size) {
    (void)user;
    munmap(memory, size);
}

/** Only the pages that lie in the part as a whole: the system would take the others' rest with them. */
static void posix_discard(void *user, void *memory, size_t size) {
    (void)user;
    const uintptr_t mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    uintptr_t begin = ((uintptr_t)memory + mask) & ~mask;
    uintptr_t end = ((uintptr_t)memory + size) & ~mask;
    if (begin < end)
        (void)madvise((uint8_t *)memory + (begin - (uintptr_t)memory), end - begin, MADV_DONTNEED);
}

/* -- Clocks and chance ------------------------------------------------------------------------------- */

static int64_t posix_now_ms(void *user) {
    (void)user;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t nanoseconds_of(clockid_t clock) {
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t posix_monotonic_ns(void *user) {
    (void)user;
    return nanoseconds_of(CLOCK_MONOTONIC);
}

static void posix_cpu_ns(void *user, uint64_t *thread_out, uint64_t *process_out) {
    (void)user;
    *thread_out = nanoseconds_of(CLOCK_THREAD_CPUTIME_ID);
    *process_out = nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static int posix_random(void *user, void *buffer, size_t size) {
    (void)user;
    uint8_t *at = buffer;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno != EINTR)
            return errno;
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
    return 0;
}

/* -- Files ------------------------------------------------------------------------------------------- */

/** Opens a regular file and nothing else. O_NONBLOCK keeps a FIFO from blocking before it is refused. */
static int open_regular(const char *path, int flags, int *fd_out) {
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return errno == ENXIO ? EINVAL : errno; /* a socket, or a FIFO that nobody reads */

    struct stat info;
    int error = fstat(fd, &info) != 0 ? errno : 0;
    if (error == 0 && !S_ISREG(info.st_mode))
        error = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    if (error != 0) {
        close(fd);
        return error;
    }
    *fd_out = fd;
    return 0;
}

/** Opens into a new handle; nothing is left behind on failure but, with O_CREAT, the empty file. */
static int open_handle(const char *path, int flags, blitzdb_file **file_out) {
    blitzdb_file *file = malloc(sizeof *file);
    if (file == NULL)
        return ENOMEM;
    int error = open_regular(path, flags, &file->fd);
    if (error != 0) {
        free(file);
        return error;
    }
    *file_out = file;
    return 0;
}

static int posix_open(void *user, const char *path, int mode, blitzdb_file **file_out) {
    (void)user;
    switch (mode) {
    case BLITZDB_FILE_READ:
        return open_handle(path, O_RDONLY, file_out);
    case BLITZDB_FILE_WRITE:
        return open_handle(path, O_RDWR, file_out);
    case BLITZDB_FILE_CREATE:
        return open_handle(path, O_RDWR | O_CREAT | O_EXCL, file_out);
    default:
        return EINVAL;
    }
}

/** Linux closes the descriptor even when it answers EINTR; trying again could close somebody else's. */
static int close_fd(int fd) {
    return close(fd) != 0 && errno != EINTR ? errno : 0;
}

static int posix_close(void *user, blitzdb_file *file) {
    (void)user;
    int error = close_fd(file->fd);
    free(file);
    return error;
}

/** The system counts in off_t; a range that does not fit cannot be in a file. */
static bool fits_file(uint64_t offset, size_t size) {
    return offset <= INT64_MAX && size <= INT64_MAX - offset;
}

static int posix_read_at(void *user, blitzdb_file *file, void *buffer, size_t size, uint64_t offset,
                         size_t *read_out) {
    (void)user;
    if (!fits_file(offset, size))
        return EINVAL;
    uint8_t *to = buffer;
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file->fd, to + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno != EINTR)
            return errno;
        if (got == 0)
            break;
        if (got > 0)
            done += (size_t)got;
    }
    *read_out = done;
    return 0;
}

static int posix_write_at(void *user, blitzdb_file *file, const void *data, size_t size, uint64_t offset) {
    (void)user;
    if (!fits_file(offset, size))
        return EFBIG;
    const uint8_t *from = data;
    size_t done = 0;
    while (done < size) {
        ssize_t put = pwrite(file->fd, from + done, size - done, (off_t)(offset + done));
        if (put < 0 && errno != EINTR)
            return errno;
        /* A disk that takes nothing and names no reason would keep us here for ever. */
        if (put == 0)
            return EIO;
        if (put > 0)
            done += (size_t)put;
    }
    return 0;
}

static int posix_truncate(void *user, blitzdb_file *file, uint64_t size) {
    (void)user;
    if (!fits_file(size, 0))
        return EFBIG;
    int failed;
    do
        failed = ftruncate(file->fd, (off_t)size);
    while (failed != 0 && errno == EINTR);
    return failed != 0 ? errno : 0;
}

static int posix_sync(void *user, blitzdb_file *file) {
    (void)user;
    int failed;
    do
        failed = fdatasync(file->fd);
    while (failed != 0 && errno == EINTR);
    return failed != 0 ? errno : 0;
}

static int posix_file_size(void *user, blitzdb_file *file, uint64_t *size_out) {
    (void)user;
    struct stat info;
    if (fstat(file->fd, &info) != 0)
        return errno;
    *size_out = (uint64_t)info.st_size;
    return 0;
}

/* -- Names and directories --------------------------------------------------------------------------- */

static int posix_absolute_path(void *user, const char *path, char *absolute_out, size_t size) {
    (void)user;
    size_t used = 0;
    if (path[0] != '/') {
        if (getcwd(absolute_out, size) == NULL)
            return errno == ERANGE ? ENAMETOOLONG : errno;
        used = strlen(absolute_out);
    }
    bool needs_slash = used > 1;
    if (used + needs_slash + strlen(path) >= size)
        return ENAMETOOLONG;
    if (needs_slash)
        absolute_out[used++] = '/';
    memcpy(absolute_out + used, path, strlen(path) + 1);
    return 0;
}

static int posix_rename(void *user, const char *from, const char *to) {
    (void)user;
    return rename(from, to) != 0 ? errno : 0;
}

static int posix_remove(void *user, const char *path) {
    (void)user;
    return unlink(path) != 0 ? errno : 0;
}

static int posix_sync_dir(void *user, const char *path) {
    (void)user;
    int fd;
    do
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return errno;
    int failed;
    do
        failed = fsync(fd);
    while (failed != 0 && errno == EINTR);
    int error = failed != 0 ? errno : 0;
    int close_error = close_fd(fd);
    return error != 0 ? error : close_error;
}

static int posix_make_dir(void *user, const char *path) {
    (void)user;
    if (mkdir(path, 0700) == 0)
        return 0;
    int error = errno;
    struct stat info;
    if (error == EEXIST && stat(path, &info) == 0)
        return S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
    return error;
}

static bool is_self_or_parent(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int list_entries(DIR *dir, blitzdb_dir_fn fn, void *caller) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno;
        if (is_self_or_parent(entry->d_name))
            continue;
        int answer = fn(caller, entry->d_name);
        if (answer != 0)
            return answer;
    }
}

static int posix_list_dir(void *user, const char *path, blitzdb_dir_fn fn, void *caller) {
    (void)user;
    DIR *dir;
    do
        dir = opendir(path);
    while (dir == NULL && errno == EINTR);
    if (dir == NULL)
        return errno;
    int answer = list_entries(dir, fn, caller);
    closedir(dir);
    return answer;
}

/** The lock belongs to the open file, not to the process, so a second open in this process fails as well. */
static int posix_lock(void *user, const char *path, blitzdb_file **file_out) {
    blitzdb_file *file;
    int error = open_handle(path, O_RDWR | O_CREAT, &file);
    if (error != 0)
        return error;
    int failed;
    do
        failed = flock(file->fd, LOCK_EX | LOCK_NB);
    while (failed != 0 && errno == EINTR);
    if (failed != 0) {
        error = errno;
        posix_close(user, file);
        return error;
    }
    *file_out = file;
    return 0;
}

static void posix_unlock(void *user, blitzdb_file *file) {
    /* Closing alone would leave the lock with a forked child that has inherited the descriptor. */
    (void)flock(file->fd, LOCK_UN);
    (void)posix_close(user, file);
}

const blitzdb_env *blitzdb_env_default(void) {
    static const blitzdb_env env = {
        .struct_size = sizeof(blitzdb_env),
        .alloc = posix_alloc,
        .realloc = posix_realloc,
        .free = posix_free,
        .map = posix_map,
        .unmap = posix_unmap,
        .discard = posix_discard,
        .now_ms = posix_now_ms,
        .monotonic_ns = posix_monotonic_ns,
        .random = posix_random,
        .open = posix_open,
        .close = posix_close,
        .read_at = posix_read_at,
        .write_at = posix_write_at,
        .truncate = posix_truncate,
        .sync = posix_sync,
        .file_size = posix_file_size,
        .absolute_path = posix_absolute_path,
        .rename = posix_rename,
        .remove = posix_remove,
        .sync_dir = posix_sync_dir,
        .make_dir = posix_make_dir,
        .list_dir = posix_list_dir,
        .lock = posix_lock,
        .unlock = posix_unlock,
        .cpu_ns = posix_cpu_ns,
    };
    return &env;
}
