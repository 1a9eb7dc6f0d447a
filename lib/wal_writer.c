#include "wal_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "codec.h"
#include "crc32c.h"
#include "invariant.h"
#include "listing.h"
#include "logger.h"
#include "path.h"

enum {
    HEADER_CHECKED_FROM = 16,
    GROUP_CHECKED_FROM = 4,
    GROUP_CHECK_OFFSET = 28,
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
    uint64_t position = writer->position;
    int failure = writer->env->sync(writer->env->user, writer->file);
    if (failure != 0) {
        writer->sync_failed = true;
        return failed(writer->segment_start, failure, "cannot be synced", error);
    }
    writer->durable = position;
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

static blitzdb_status write_header(struct bzd_wal_writer *writer, blitzdb_error *error) {
    const blitzdb_env *env = writer->env;
    int failure = env->random(env->user, &writer->segment_id, sizeof writer->segment_id);
    if (failure != 0)
        return failed(writer->segment_start, failure, "no random bytes for its id", error);

    uint8_t header[BZD_WAL_SEGMENT_HEADER_SIZE] = BZD_WAL_MAGIC;
    bzd_put_u32(header + 8, BZD_WAL_VERSION);
    bzd_put_u64(header + 16, writer->segment_id);
    bzd_put_u64(header + 24, writer->segment_start);
    memcpy(header + 32, writer->database_id, BZD_DATABASE_ID_SIZE);
    bzd_put_u32(header + 12,
                bzd_crc32c(0, header + HEADER_CHECKED_FROM, sizeof header - HEADER_CHECKED_FROM));
    failure = env->write_at(env->user, writer->file, header, sizeof header, 0);
    if (failure != 0)
        return failed(writer->segment_start, failure, "its header cannot be written", error);
    return BLITZDB_OK;
}

/** Makes the header and the file's name durable: a group behind them is worth no more than they are. */
static blitzdb_status sync_file_and_name(struct bzd_wal_writer *writer, blitzdb_error *error) {
    blitzdb_status status = bzd_wal_writer_sync(writer, error);
    if (status != BLITZDB_OK)
        return status;
    int failure = writer->env->sync_dir(writer->env->user, writer->dir);
    if (failure == 0)
        return BLITZDB_OK;
    writer->sync_failed = true;
    return failed(writer->segment_start, failure, "its directory cannot be synced", error);
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
    writer->position = position;
    writer->durable = position;
    status = create_file(writer, path, error);
    if (status == BLITZDB_OK)
        status = write_header(writer, error);
    if (status == BLITZDB_OK)
        status = sync_file_and_name(writer, error);
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
    writer->position = tail->position;
    blitzdb_status status = BLITZDB_OK;
    if (tail->torn_bytes > 0) {
        failure = env->truncate(env->user, writer->file, offset_of(writer, tail->position));
        if (failure != 0)
            status = failed(tail->segment_start, failure, "its torn tail cannot be cut", error);
    }
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
    bzd_put_u32(group + GROUP_CHECK_OFFSET,
                bzd_crc32c(seed, group + GROUP_CHECKED_FROM, GROUP_CHECK_OFFSET - GROUP_CHECKED_FROM));
    bzd_put_u32(group, bzd_crc32c(seed, group + GROUP_CHECKED_FROM, size - GROUP_CHECKED_FROM));
}

/** Tells whether a group of a size goes to the next segment; an empty segment takes any group. */
static bool needs_segment(const struct bzd_wal_writer *writer, size_t size) {
    if (writer->file == NULL)
        return true;
    uint64_t used = offset_of(writer, writer->position);
    return writer->position > writer->segment_start && used + size > writer->segment_limit;
}

blitzdb_status bzd_wal_writer_write(struct bzd_wal_writer *writer, uint8_t *group, size_t size,
                                    uint32_t record_count, blitzdb_error *error) {
    BZD_ASSERT(size >= BZD_WAL_GROUP_HEADER_SIZE && size - BZD_WAL_GROUP_HEADER_SIZE <= BZD_WAL_PAYLOAD_MAX);
    if (needs_segment(writer, size)) {
        blitzdb_status status = bzd_wal_writer_begin_segment(writer, writer->position, error);
        if (status != BLITZDB_OK)
            return status;
    }

    complete_header(writer, group, size, record_count);
    uint64_t offset = offset_of(writer, writer->position);
    int failure = writer->env->write_at(writer->env->user, writer->file, group, size, offset);
    if (failure != 0)
        return bzd_error_set(error, bzd_status_of_errno(failure), failure,
                             BZD_WAL_NAME_PREFIX "%016" PRIx64 ": offset %" PRIu64
                                                 ": %zu bytes cannot be written",
                             writer->segment_start, offset, size);
    writer->position += size;
    return BLITZDB_OK;
}

void bzd_wal_remove_before(const blitzdb_env *env, const char *dir, uint64_t position) {
    struct bzd_listing segments;
    if (bzd_listing_init(&segments, env, dir, BZD_WAL_NAME_PREFIX, "") != BLITZDB_OK)
        return;
    /* A segment ends where the next begins; the last one stays. */
    size_t removed = 0;
    for (; removed + 1 < segments.count && segments.numbers[removed + 1] <= position; removed++) {
        char path[BZD_PATH_MAX];
        bzd_path_numbered(path, dir, BZD_WAL_NAME_PREFIX, segments.numbers[removed], "");
        (void)env->remove(env->user, path);
    }
    bzd_listing_deinit(&segments);
    if (removed > 0)
        (void)env->sync_dir(env->user, dir);
}
