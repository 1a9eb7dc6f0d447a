#include "file_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "invariant.h"
#include "logger.h"

blitzdb_status bzd_file_reader_open(struct bzd_file_reader *reader, const blitzdb_env *env, const char *dir,
                                    const char *name, blitzdb_error *error) {
    BZD_ASSERT(strlen(name) < sizeof reader->name);
    *reader = (struct bzd_file_reader){.env = env};
    memcpy(reader->name, name, strlen(name) + 1);
    bzd_buffer_init(&reader->window, env);

    char path[BZD_PATH_MAX];
    bzd_path_join(path, dir, name);
    int failure = env->open(env->user, path, BLITZDB_FILE_READ, &reader->file);
    if (failure != 0) {
        reader->file = NULL;
        if (failure == ENOENT)
            return BLITZDB_NOT_FOUND;
        return bzd_error_set(error, bzd_status_of_errno(failure), failure, "%s: %s", name,
                             bzd_text_of_errno(failure));
    }
    failure = env->file_size(env->user, reader->file, &reader->size);
    if (failure != 0) {
        bzd_file_reader_close(reader);
        return bzd_error_set(error, bzd_status_of_errno(failure), failure, "%s: its size is not known", name);
    }
    return BLITZDB_OK;
}

int bzd_file_size_of(const blitzdb_env *env, const char *dir, const char *name, uint64_t *size_out) {
    char path[BZD_PATH_MAX];
    bzd_path_join(path, dir, name);
    blitzdb_file *file;
    int failure = env->open(env->user, path, BLITZDB_FILE_READ, &file);
    if (failure != 0)
        return failure;
    uint64_t size;
    failure = env->file_size(env->user, file, &size);
    (void)env->close(env->user, file); /* nothing was written */
    if (failure == 0)
        *size_out = size;
    return failure;
}

blitzdb_status bzd_file_reader_read(const struct bzd_file_reader *reader, uint64_t offset, void *to,
                                    size_t size, blitzdb_error *error) {
    BZD_ASSERT(offset <= reader->size && size <= reader->size - offset);
    size_t got = 0;
    int failure = reader->env->read_at(reader->env->user, reader->file, to, size, offset, &got);
    if (failure != 0)
        return bzd_error_set(error, bzd_status_of_errno(failure), failure,
                             "%s: offset %" PRIu64 ": cannot be read", reader->name, offset);
    if (got != size)
        return bzd_error_set(error, BLITZDB_IO, 0,
                             "%s: offset %" PRIu64 ": the file shrank while it was read", reader->name,
                             offset);
    return BLITZDB_OK;
}

/** Reads the window anew: at least `size` bytes from `offset`, as many more as there are and fit. */
static blitzdb_status move_window(struct bzd_file_reader *reader, uint64_t offset, uint64_t size,
                                  blitzdb_error *error) {
    uint64_t left = reader->size - offset;
    uint64_t wanted = size > BZD_FILE_READER_WINDOW ? size : BZD_FILE_READER_WINDOW;
    if (wanted > left)
        wanted = left;

    bzd_buffer_clear(&reader->window, BZD_FILE_READER_WINDOW);
    /* One byte at least, so that a view of nothing has an address as well. */
    blitzdb_status status = bzd_buffer_reserve(&reader->window, wanted > 0 ? (size_t)wanted : 1);
    if (status != BLITZDB_OK)
        return bzd_error_set(error, status, 0, "%s: offset %" PRIu64 ": no memory for %" PRIu64 " bytes",
                             reader->name, offset, wanted);

    status = bzd_file_reader_read(reader, offset, reader->window.data, (size_t)wanted, error);
    if (status != BLITZDB_OK)
        return status;
    reader->window.size = (size_t)wanted;
    reader->window_offset = offset;
    return BLITZDB_OK;
}

blitzdb_status bzd_file_reader_view(struct bzd_file_reader *reader, uint64_t offset, uint64_t size,
                                    const uint8_t **bytes_out, blitzdb_error *error) {
    BZD_ASSERT(offset <= reader->size && size <= reader->size - offset);
    uint64_t window_end = reader->window_offset + reader->window.size;
    if (offset < reader->window_offset || offset + size > window_end || reader->window.size == 0) {
        blitzdb_status status = move_window(reader, offset, size, error);
        if (status != BLITZDB_OK)
            return status;
    }
    *bytes_out = reader->window.data + (offset - reader->window_offset);
    return BLITZDB_OK;
}

void bzd_file_reader_close(struct bzd_file_reader *reader) {
    if (reader->file == NULL)
        return;
    /* Nothing was written: a failing close loses nothing. */
    (void)reader->env->close(reader->env->user, reader->file);
    reader->file = NULL;
    bzd_buffer_deinit(&reader->window);
}

blitzdb_status bzd_file_reader_corrupt(const struct bzd_file_reader *reader, uint64_t offset,
                                       const char *reason, blitzdb_error *error) {
    return bzd_error_set(error, BLITZDB_CORRUPT, 0, "%s: offset %" PRIu64 ": %s", reader->name, offset,
                         reason);
}
