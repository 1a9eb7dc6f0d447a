/**
 * @file
 * @brief The environment: every file, directory, clock, random and memory call BlitzDB makes.
 *
 * A database reaches the outside world through one table of function pointers, given at open and copied
 * there. The default is POSIX (blitzdb_env_default()). A program that wants its own allocator, a frozen clock
 * or a simulated disk copies the default table, replaces what it wants and passes it in ::blitzdb_options.
 *
 * Calls on files answer 0 or a positive errno value. `user` is handed back unchanged. Every function must be
 * safe from any thread; different files may be used at once, one file is never used by two threads at once
 * except for `sync` beside `write_at`.
 */
#ifndef BLITZDB_ENV_H
#define BLITZDB_ENV_H

#include <stddef.h>
#include <stdint.h>

#include <blitzdb/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An open file; what it points to belongs to the environment that opened it. */
typedef struct blitzdb_file blitzdb_file;

/** How a file is opened. */
enum blitzdb_open_mode {
    BLITZDB_FILE_READ = 0,   /**< existing file, reading */
    BLITZDB_FILE_WRITE = 1,  /**< existing file, reading and writing */
    BLITZDB_FILE_CREATE = 2, /**< new file, reading and writing; EEXIST if the name is taken */
};

/** What a mapping of memory is for; flags, combined with `|`. */
enum blitzdb_map_flags {
    BLITZDB_MAP_HUGE = 1,         /**< ask for huge pages; falls back silently */
    BLITZDB_MAP_WIPE_ON_FORK = 2, /**< reads as zero in a forked child; NULL if that cannot be had */
};

/** Receives the name (without folder) of one directory entry; answers 0 to go on. */
typedef int (*blitzdb_dir_fn)(void *caller, const char *name);

/** The table. Copy blitzdb_env_default() and replace members; a NULL member means the default's. */
typedef struct blitzdb_env {
    size_t struct_size; /**< sizeof(blitzdb_env) as the caller compiled it */
    void *user;         /**< handed to every function below */

    /** Returns at least `size` bytes aligned to 16, or NULL. `size` is never 0. */
    void *(*alloc)(void *user, size_t size);
    /** Resizes what `alloc` gave (or NULL); on NULL the old block stays valid. */
    void *(*realloc)(void *user, void *memory, size_t size);
    /** Releases what `alloc` gave; NULL does nothing. */
    void (*free)(void *user, void *memory);
    /** Returns `size` zeroed bytes (a multiple of 4096) aligned to `alignment` (a power of two), or NULL. */
    void *(*map)(void *user, size_t size, size_t alignment, unsigned flags);
    /** Releases a whole mapping. */
    void (*unmap)(void *user, void *memory, size_t size);
    /** Gives the whole pages in a part of a mapping back, whatever size pages have; the bytes of the part
     * read as zero or as before from now on, all others as before. */
    void (*discard)(void *user, void *memory, size_t size);

    /** Wall clock, Unix time in milliseconds. */
    int64_t (*now_ms)(void *user);
    /** Clock that never goes back, in nanoseconds from an arbitrary start. */
    uint64_t (*monotonic_ns)(void *user);
    /** Fills the buffer with unpredictable bytes. */
    int (*random)(void *user, void *buffer, size_t size);

    /** Opens a file; `mode` is one of ::blitzdb_open_mode. Anything but a regular file is refused, without
     * waiting for anybody: EISDIR, ELOOP for a link at the end of the path, EINVAL for the rest. */
    int (*open)(void *user, const char *path, int mode, blitzdb_file **file_out);
    /** Closes; the handle is gone whatever is answered. */
    int (*close)(void *user, blitzdb_file *file);
    /** Reads up to `size` bytes; a smaller `*read_out` means the end of the file. */
    int (*read_at)(void *user, blitzdb_file *file, void *buffer, size_t size, uint64_t offset,
                   size_t *read_out);
    /** Writes all bytes or fails; after a failure any part may have been written. */
    int (*write_at)(void *user, blitzdb_file *file, const void *data, size_t size, uint64_t offset);
    /** Sets the size; growing reads as zero. */
    int (*truncate)(void *user, blitzdb_file *file, uint64_t size);
    /** Makes the contents and size durable (fdatasync). */
    int (*sync)(void *user, blitzdb_file *file);
    /** Reports the size in bytes. */
    int (*file_size)(void *user, blitzdb_file *file, uint64_t *size_out);

    /**
     * Writes the absolute form of a path, zero-terminated, so that a later change of the working directory
     * does not matter; ENAMETOOLONG if it does not fit. NULL beside an `open` of your own: paths are taken
     * as they are given.
     */
    int (*absolute_path)(void *user, const char *path, char *absolute_out, size_t size);
    /** Renames within one file system, replacing `to` atomically. */
    int (*rename)(void *user, const char *from, const char *to);
    /** Removes a file. */
    int (*remove)(void *user, const char *path);
    /** Makes creations, renames and removals in a directory durable. */
    int (*sync_dir)(void *user, const char *path);
    /** Creates a directory (mode 0700); an existing one is no error. */
    int (*make_dir)(void *user, const char *path);
    /** Calls `fn` for every entry but "." and ".."; a non-zero answer of `fn` ends the list and is returned.
     */
    int (*list_dir)(void *user, const char *path, blitzdb_dir_fn fn, void *caller);
    /** Creates the file if needed and takes an exclusive lock on it; EWOULDBLOCK if another handle has it. */
    int (*lock)(void *user, const char *path, blitzdb_file **file_out);
    /** Gives the lock back and closes the handle. */
    void (*unlock)(void *user, blitzdb_file *file);

    /**
     * Processor time that the calling thread, and that all threads of the process have used, in nanoseconds.
     * NULL beside a `monotonic_ns` of your own: not known, and snapshots do not give way to other threads.
     */
    void (*cpu_ns)(void *user, uint64_t *thread_out, uint64_t *process_out);
} blitzdb_env;

/**
 * @brief Returns the POSIX environment: malloc, mmap, getrandom, clock_gettime and files opened
 * close-on-exec.
 *
 * @return a constant table that lives as long as the library.
 * @par Threads
 * safe from any thread.
 * @since 0.1.0
 */
BLITZDB_API const blitzdb_env *blitzdb_env_default(void);

#ifdef __cplusplus
}
#endif

#endif
