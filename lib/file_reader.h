/**
 * @file
 * @brief A file opened for reading, seen through a window in memory.
 *
 *     file    |----------------------------------------|
 *     window            |-----------|
 *
 * A view of some bytes moves the window there if they are not in it. The size is taken at open and every view
 * lies within it, so a size field from the file must be compared with it before a view is asked for. The
 * reader owns the file and the window; one thread, where nothing else is said.
 */
#ifndef BZD_FILE_READER_H
#define BZD_FILE_READER_H

#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#include "bytes.h"
#include "path.h"

/** Bytes the window holds, if no view is larger and the file is not smaller. */
enum { BZD_FILE_READER_WINDOW = 1 << 20 };

struct bzd_file_reader {
    const blitzdb_env *env;
    blitzdb_file *file;      /**< NULL: not open */
    char name[BZD_NAME_MAX]; /**< for messages */
    uint64_t size;
    struct bzd_buffer window;
    uint64_t window_offset; /**< where in the file the window begins */
};

/** Opens `dir/name`. BLITZDB_NOT_FOUND: there is none, `error` is left for the caller, who knows what it
 * means. */
blitzdb_status bzd_file_reader_open(struct bzd_file_reader *reader, const blitzdb_env *env, const char *dir,
                                    const char *name, blitzdb_error *error);
/** Asks how large `dir/name` is; an errno, which leaves `size_out` as it was. */
int bzd_file_size_of(const blitzdb_env *env, const char *dir, const char *name, uint64_t *size_out);
/** Shows `size` bytes from `offset`, which lie within the file; they are valid until the next call. */
blitzdb_status bzd_file_reader_view(struct bzd_file_reader *reader, uint64_t offset, uint64_t size,
                                    const uint8_t **bytes_out, blitzdb_error *error);
/** Reads `size` bytes from `offset`, which lie within the file, to the caller's memory. Leaves the window
 * alone: threads may do so side by side. */
blitzdb_status bzd_file_reader_read(const struct bzd_file_reader *reader, uint64_t offset, void *to,
                                    size_t size, blitzdb_error *error);
/** Releases everything. A reader that is not open is left as it is. */
void bzd_file_reader_close(struct bzd_file_reader *reader);
/** Fills `error` with BLITZDB_CORRUPT, the file's name, the offset and a reason; returns BLITZDB_CORRUPT. */
blitzdb_status bzd_file_reader_corrupt(const struct bzd_file_reader *reader, uint64_t offset,
                                       const char *reason, blitzdb_error *error);

#endif
