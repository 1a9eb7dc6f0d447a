#include "wal_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "alloc.h"
#include "codec.h"
#include "crc32c.h"
#include "invariant.h"
#include "listing.h"
#include "logger.h"
#include "path.h"
#include "wal_spare.h"

enum {
    SMALL_BYTES = 64 * 1024, /* between two syncs: preparing space pays */
    ZEROS_BYTES = 16 * 1024,
    REWRITE_BYTES = 64 * 1024, /* at once */
};

void bzd_wal_writer_init(struct bzd_wal_writer *writer, const blitzdb_env *env, const char *dir,
                         const uint8_t *database_id, uint64_t segment_limit) {
    *writer = (struct bzd_wal_writer){.env = env, .dir = dir, .segment_limit = segment_limit};
    memcpy(writer->database_id, database_id, BZD_DATABASE_ID_SIZE);
}

/** Reports a failed call of the environment on the segment that starts at a position. */
static blitzdb_status failed(uint64_t start, int failure, const char *what, blitzdb_error *error) {
    return bzd_error_set(error, bzd_status_of_errno(failure), failure,
                         BZD_WAL_NAME_PREFIX "%016" PRIx64 ": %s", start, what);
}

static uint64_t offset_of(const struct bzd_wal_writer *writer, uint64_t position) {
    return BZD_WAL_SEGMENT_HEADER_SIZE + (position - writer->segment_start);
}

blitzdb_status bzd_wal_writer_sync(struct bzd_wal_writer *writer, blitzdb_error *error) {
    /* Without a file there is nothing to sync: the durable position is the end of the log then. */
    if (writer->file == NULL)
        return BLITZDB_OK;
    uint64_t position = atomic_load_explicit(&writer->position, memory_order_acquire);
    int failure = writer->env->sync(writer->env->user, writer->file);
    if (failure != 0) {
        atomic_store(&writer->sync_failed, true);
        return failed(writer->segment_start, failure, "cannot be synced", error);
    }
    atomic_store_explicit(&writer->durable, position, memory_order_release);
    return BLITZDB_OK;
}

void bzd_wal_writer_close(struct bzd_wal_writer *writer) {
    if (writer->file == NULL)
        return;
    /* What matters was synced, and what was not synced has no promise to break. */
    (void)writer->env->close(writer->env->user, writer->file);
    writer->file = NULL;
}

/** Opens the file of an earlier attempt again and empties it; refuses if it holds more than a header. */
static blitzdb_status reuse_file(struct bzd_wal_writer *writer, const char *path, blitzdb_error *error) {
    const blitzdb_env *env = writer->env;
    int failure = env->open(env->user, path, BLITZDB_FILE_WRITE, &writer->file);
    if (failure != 0) {
        writer->file = NULL;
        return failed(writer->segment_start, failure, "cannot be opened", error);
    }
    uint64_t size;
    failure = env->file_size(env->user, writer->file, &size);
    if (failure != 0)
        return failed(writer->segment_start, failure, "its size is not known", error);
    if (size > BZD_WAL_SEGMENT_HEADER_SIZE)
        return bzd_error_set(error, BLITZDB_CORRUPT, 0,
                             BZD_WAL_NAME_PREFIX "%016" PRIx64
                                                 ": holds data where a new segment should begin",
                             writer->segment_start);
    failure = env->truncate(env->user, writer->file, 0);
    if (failure != 0)
        return failed(writer->segment_start, failure, "cannot be emptied", error);
    return BLITZDB_OK;
}

static blitzdb_status create_file(struct bzd_wal_writer *writer, const char *path, blitzdb_error *error) {
    const blitzdb_env *env = writer->env;
    int failure = env->open(env->user, path, BLITZDB_FILE_CREATE, &writer->file);
    if (failure == 0)
        return BLITZDB_OK;
    writer->file = NULL;
    if (failure == EEXIST)
        return reuse_file(writer, path, error);
    return failed(writer->segment_start, failure, "cannot be created", error);
}

static blitzdb_status write_header(struct bzd_wal_writer *writer, uint32_t flags, blitzdb_error *error) {
    const blitzdb_env *env = writer->env;
    int failure = env->random(env->user, &writer->segment_id, sizeof writer->segment_id);
    if (failure != 0)
        return failed(writer->segment_start, failure, "no random bytes for its id", error);

    uint8_t header[BZD_WAL_SEGMENT_HEADER_SIZE] = BZD_WAL_MAGIC;
    bzd_put_u32(header + 8, BZD_WAL_VERSION);
    bzd_put_u64(header + 16, writer->segment_id);
    bzd_put_u64(header + 24, writer->segment_start);
    memcpy(header + 32, writer->database_id, BZD_DATABASE_ID_SIZE);
    bzd_put_u32(header + 48, flags);
    bzd_put_u32(header + 12, bzd_crc32c(0, header + BZD_WAL_HEADER_CHECKED_FROM,
                                        sizeof header - BZD_WAL_HEADER_CHECKED_FROM));
    failure = env->write_at(env->user, writer->file, header, sizeof header, 0);
    if (failure != 0)
        return failed(writer->segment_start, failure, "its header cannot be written", error);
    if (writer->file_size < sizeof header)
        writer->file_size = sizeof header;
    return BLITZDB_OK;
}

/** Makes the file's name durable. */
static blitzdb_status sync_name(struct bzd_wal_writer *writer, blitzdb_error *error) {
    int failure = writer->env->sync_dir(writer->env->user, writer->dir);
    if (failure == 0)
        return BLITZDB_OK;
    atomic_store(&writer->sync_failed, true);
    return failed(writer->segment_start, failure, "its directory cannot be synced", error);
}

/** Makes the header and the file's name durable: a group behind them is worth no more than they are. */
static blitzdb_status sync_file_and_name(struct bzd_wal_writer *writer, blitzdb_error *error) {
    blitzdb_status status = bzd_wal_writer_sync(writer, error);
    return status == BLITZDB_OK ? sync_name(writer, error) : status;
}

/** Begins the segment in a file of its own. */
static blitzdb_status begin_in_new_file(struct bzd_wal_writer *writer, const char *path,
                                        blitzdb_error *error) {
    writer->file_size = 0;
    blitzdb_status status = create_file(writer, path, error);
    if (status == BLITZDB_OK)
        status = write_header(writer, 0, error);
    if (status == BLITZDB_OK)
        status = sync_file_and_name(writer, error);
    return status;
}

static bool is_there(const blitzdb_env *env, const char *path) {
    blitzdb_file *file;
    int failure = env->open(env->user, path, BLITZDB_FILE_READ, &file);
    if (failure == 0)
        (void)env->close(env->user, file);
    return failure != ENOENT;
}

/** Opens a spare file for the segment; false: there is none, or it cannot be used. */
static bool take_spare_file(struct bzd_wal_writer *writer, const char *path, struct bzd_wal_spare *spare) {
    const blitzdb_env *env = writer->env;
    if (!bzd_wal_spare_open(spare, env, writer->dir))
        return false;
    if (is_there(env, path)) { /* what an earlier attempt has left goes first */
        (void)env->close(env->user, spare->file);
        return false;
    }
    writer->file = spare->file;
    writer->file_size = spare->size;
    if (write_header(writer, BZD_WAL_RECYCLED, NULL) == BLITZDB_OK)
        return true;
    bzd_wal_spare_discard(spare, env, writer->dir);
    writer->file = NULL;
    return false;
}

/**
 * Begins the segment in a spare file whose header is written. It is on disk before the file has its name, so
 * there is no moment at which it could be read under the old one. If the file was removed meanwhile, a new
 * one takes its place.
 */
static blitzdb_status begin_in_spare_file(struct bzd_wal_writer *writer, const struct bzd_wal_spare *spare,
                                          const char *path, blitzdb_error *error) {
    blitzdb_status status = bzd_wal_writer_sync(writer, error);
    if (status != BLITZDB_OK)
        return status;
    int failure = bzd_wal_spare_rename(spare, writer->env, writer->dir, writer->segment_start);
    if (failure == ENOENT) {
        bzd_wal_writer_close(writer);
        return begin_in_new_file(writer, path, error);
    }
    if (failure != 0)
        return failed(writer->segment_start, failure, "a spare file cannot be given its name", error);
    return sync_name(writer, error);
}

blitzdb_status bzd_wal_writer_begin_segment(struct bzd_wal_writer *writer, uint64_t position,
                                            blitzdb_error *error) {
    BZD_ASSERT(writer->file == NULL || writer->position == position);
    blitzdb_status status = bzd_wal_writer_sync(writer, error);
    if (status != BLITZDB_OK)
        return status;
    /* From here on the old segment takes no group any more: it must end where the new one begins. */
    bzd_wal_writer_close(writer);

    char path[BZD_PATH_MAX];
    bzd_path_numbered(path, writer->dir, BZD_WAL_NAME_PREFIX, position, "");
    writer->segment_start = position;
    atomic_store(&writer->position, position);
    atomic_store(&writer->durable, position);
    struct bzd_wal_spare spare;
    if (take_spare_file(writer, path, &spare))
        status = begin_in_spare_file(writer, &spare, path, error);
    else
        status = begin_in_new_file(writer, path, error);
    if (status != BLITZDB_OK)
        bzd_wal_writer_close(writer);
    return status;
}

/** Removes what a crash left of a segment's creation. */
static blitzdb_status remove_torn_segment(const struct bzd_wal_writer *writer, uint64_t start,
                                          blitzdb_error *error) {
    const blitzdb_env *env = writer->env;
    char path[BZD_PATH_MAX];
    bzd_path_numbered(path, writer->dir, BZD_WAL_NAME_PREFIX, start, "");
    int failure = env->remove(env->user, path);
    if (failure == 0)
        failure = env->sync_dir(env->user, writer->dir);
    if (failure != 0)
        return failed(start, failure, "cannot be removed", error);
    return BLITZDB_OK;
}

/**
 * Writes the end of the log again that no group proves to be on disk. After a failed sync the system may show
 * bytes that it could not write and takes for written: a sync alone would report success and save nothing,
 * and what is appended behind them would be lost with them when the power fails.
 */
static blitzdb_status rewrite_unproven(struct bzd_wal_writer *writer, const struct bzd_wal_tail *tail,
                                       blitzdb_error *error) {
    const blitzdb_env *env = writer->env;
    uint64_t end = offset_of(writer, tail->position);
    uint64_t offset = tail->durable > tail->segment_start ? offset_of(writer, tail->durable) : 0;
    uint8_t *bytes = bzd_alloc(env, REWRITE_BYTES);
    if (bytes == NULL)
        return failed(tail->segment_start, ENOMEM, "no memory to write its end again", error);
    int failure = 0;
    while (failure == 0 && offset < end) {
        size_t size = end - offset < REWRITE_BYTES ? (size_t)(end - offset) : REWRITE_BYTES;
        size_t got = 0;
        failure = env->read_at(env->user, writer->file, bytes, size, offset, &got);
        if (failure == 0 && got != size)
            failure = EIO; /* it was there a moment ago */
        if (failure == 0)
            failure = env->write_at(env->user, writer->file, bytes, size, offset);
        offset += size;
    }
    bzd_free(env, bytes);
    return failure == 0 ? BLITZDB_OK
                        : failed(tail->segment_start, failure, "its end cannot be written again", error);
}

blitzdb_status bzd_wal_writer_resume(struct bzd_wal_writer *writer, const struct bzd_wal_tail *tail,
                                     blitzdb_error *error) {
    BZD_ASSERT(tail->has_segment && writer->file == NULL);
    const blitzdb_env *env = writer->env;
    if (tail->torn_segment != UINT64_MAX) {
        blitzdb_status status = remove_torn_segment(writer, tail->torn_segment, error);
        if (status != BLITZDB_OK)
            return status;
    }

    char path[BZD_PATH_MAX];
    bzd_path_numbered(path, writer->dir, BZD_WAL_NAME_PREFIX, tail->segment_start, "");
    int failure = env->open(env->user, path, BLITZDB_FILE_WRITE, &writer->file);
    if (failure != 0) {
        writer->file = NULL;
        return failed(tail->segment_start, failure, "cannot be opened for writing", error);
    }
    writer->segment_id = tail->segment_id;
    writer->segment_start = tail->segment_start;
    atomic_store(&writer->position, tail->position);
    writer->file_size = offset_of(writer, tail->position);
    blitzdb_status status = BLITZDB_OK;
    if (tail->cut_bytes > 0) {
        failure = env->truncate(env->user, writer->file, offset_of(writer, tail->position));
        if (failure != 0)
            status = failed(tail->segment_start, failure, "its torn tail cannot be cut", error);
    }
    if (status == BLITZDB_OK)
        status = rewrite_unproven(writer, tail, error);
    if (status == BLITZDB_OK)
        status = bzd_wal_writer_sync(writer, error);
    if (status != BLITZDB_OK)
        bzd_wal_writer_close(writer);
    return status;
}

/** Completes the header of a group that goes to the present position. */
static void complete_header(const struct bzd_wal_writer *writer, uint8_t *group, size_t size,
                            uint32_t record_count) {
    uint8_t id[8];
    bzd_put_u64(id, writer->segment_id);
    uint32_t seed = bzd_crc32c(0, id, sizeof id);

    bzd_put_u32(group + 4, (uint32_t)(size - BZD_WAL_GROUP_HEADER_SIZE));
    bzd_put_u64(group + 8, writer->position);
    bzd_put_u64(group + 16, writer->durable);
    bzd_put_u32(group + 24, record_count);
    bzd_put_u32(group + BZD_WAL_GROUP_CHECK_OFFSET,
                bzd_crc32c(seed, group + BZD_WAL_GROUP_CHECKED_FROM,
                           BZD_WAL_GROUP_CHECK_OFFSET - BZD_WAL_GROUP_CHECKED_FROM));
    bzd_put_u32(group,
                bzd_crc32c(seed, group + BZD_WAL_GROUP_CHECKED_FROM, size - BZD_WAL_GROUP_CHECKED_FROM));
}

/* An empty segment takes any group. */
bool bzd_wal_writer_needs_segment(const struct bzd_wal_writer *writer, size_t size) {
    if (writer->file == NULL)
        return true;
    uint64_t used = offset_of(writer, writer->position);
    return writer->position > writer->segment_start && used + size > writer->segment_limit;
}

/**
 * Writes zeros behind a group that ends at an offset, if it made the file grow, as far as the segment goes;
 * see wal_writer.h. Returns an errno. That there is no room is none: only speed is lost.
 */
static int prepare_space(struct bzd_wal_writer *writer, uint64_t end) {
    static const uint8_t zeros[ZEROS_BYTES];
    if (end <= writer->file_size)
        return 0;
    writer->file_size = end;
    uint64_t durable = atomic_load_explicit(&writer->durable, memory_order_relaxed);
    bool is_small = end - offset_of(writer, durable) <= SMALL_BYTES;
    uint64_t to = is_small ? end + writer->prepare_bytes : end;
    if (to > writer->segment_limit)
        to = writer->segment_limit;
    int failure = 0;
    while (failure == 0 && writer->file_size < to) {
        uint64_t left = to - writer->file_size;
        size_t size = left < ZEROS_BYTES ? (size_t)left : ZEROS_BYTES;
        failure = writer->env->write_at(writer->env->user, writer->file, zeros, size, writer->file_size);
        if (failure == 0)
            writer->file_size += size;
    }
    return failure != 0 && bzd_status_of_errno(failure) == BLITZDB_NO_SPACE ? 0 : failure;
}

blitzdb_status bzd_wal_writer_write(struct bzd_wal_writer *writer, uint8_t *group, size_t size,
                                    uint32_t record_count, blitzdb_error *error) {
    BZD_ASSERT(size >= BZD_WAL_GROUP_HEADER_SIZE && size - BZD_WAL_GROUP_HEADER_SIZE <= BZD_WAL_PAYLOAD_MAX);
    if (bzd_wal_writer_needs_segment(writer, size)) {
        blitzdb_status status = bzd_wal_writer_begin_segment(writer, writer->position, error);
        if (status != BLITZDB_OK)
            return status;
    }

    complete_header(writer, group, size, record_count);
    uint64_t offset = offset_of(writer, writer->position);
    int failure = writer->env->write_at(writer->env->user, writer->file, group, size, offset);
    if (failure == 0)
        failure = prepare_space(writer, offset + size);
    if (failure != 0)
        return bzd_error_set(error, bzd_status_of_errno(failure), failure,
                             BZD_WAL_NAME_PREFIX "%016" PRIx64 ": offset %" PRIu64
                                                 ": %zu bytes cannot be written",
                             writer->segment_start, offset, size);
    atomic_fetch_add_explicit(&writer->position, size, memory_order_release);
    return BLITZDB_OK;
}

void bzd_wal_writer_trim(struct bzd_wal_writer *writer) {
    uint64_t end = offset_of(writer, writer->position);
    if (writer->file == NULL || writer->file_size <= end)
        return;
    if (writer->env->truncate(writer->env->user, writer->file, end) == 0)
        writer->file_size = end;
}

/** Removes a segment that ends at a position, or sets it aside if it is as large as new ones will be. */
static void remove_segment(const blitzdb_env *env, const char *dir, uint64_t start, uint64_t end,
                           uint64_t segment_limit) {
    uint64_t size = end - start;
    char path[BZD_PATH_MAX];
    if (size <= segment_limit && size > segment_limit / 2) {
        bzd_wal_spare_keep(env, dir, start);
        return;
    }
    bzd_path_numbered(path, dir, BZD_WAL_NAME_PREFIX, start, "");
    (void)env->remove(env->user, path);
}

void bzd_wal_remove_before(const blitzdb_env *env, const char *dir, uint64_t position,
                           uint64_t segment_limit) {
    struct bzd_listing segments;
    if (bzd_listing_init(&segments, env, dir, BZD_WAL_NAME_PREFIX, "") != BLITZDB_OK)
        return;
    /* A segment ends where the next begins; the last one stays. */
    size_t removed = 0;
    while (removed + 1 < segments.count && segments.numbers[removed + 1] <= position)
        removed++;
    /* The next one may have been begun just now, by another thread: its name must be on disk first, or a
     * power failure could leave neither. */
    if (removed > 0 && env->sync_dir(env->user, dir) != 0)
        removed = 0;
    for (size_t i = 0; i < removed; i++)
        remove_segment(env, dir, segments.numbers[i], segments.numbers[i + 1], segment_limit);
    bzd_listing_deinit(&segments);
    if (removed > 0)
        (void)env->sync_dir(env->user, dir);
}

/** Segments that are to be removed. */
struct stale_segments {
    const blitzdb_env *env;
    const char *dir;
    uint64_t from;
};

static int remove_stale_segment(void *caller, const char *name) {
    const struct stale_segments *stale = caller;
    uint64_t start;
    if (!bzd_name_number(name, BZD_WAL_NAME_PREFIX, "", &start) || start < stale->from)
        return 0;
    char path[BZD_PATH_MAX];
    bzd_path_join(path, stale->dir, name);
    return stale->env->remove(stale->env->user, path);
}

int bzd_wal_remove_from(const blitzdb_env *env, const char *dir, uint64_t position) {
    struct stale_segments stale = {env, dir, position};
    return env->list_dir(env->user, dir, remove_stale_segment, &stale);
}
