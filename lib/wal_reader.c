#include "wal_reader.h"

#include <errno.h>
#include <inttypes.h>

#include "codec.h"
#include "invariant.h"
#include "listing.h"
#include "logger.h"
#include "path.h"
#include "wal_segment.h"

/** One reading of the log. */
struct reading {
    const struct bzd_wal_source *source;
    bzd_wal_record_fn take;
    void *user;
    struct bzd_wal_tail *tail;
    blitzdb_error *error;
    struct bzd_listing segments;    /* those that begin before the end */
    struct bzd_wal_segment segment; /* the open one */
    uint64_t segment_end;           /* position where it must end, UINT64_MAX: unknown, it is the last */
};

/** Tells whether the records of a group are all valid, fill it, are as many as said, and no batch is cut
 * short. */
static bool records_are_sound(const struct bzd_wal_group *group) {
    struct bzd_cursor cursor = bzd_cursor_over(group->payload);
    uint64_t count = 0;
    uint64_t batch_left = 0;
    while (bzd_cursor_left(&cursor) > 0) {
        struct bzd_record record;
        if (!bzd_record_decode(&cursor, &record))
            return false;
        count++;
        if (record.type != BZD_RECORD_BATCH)
            batch_left -= batch_left > 0;
        else if (batch_left > 0)
            return false;
        else
            batch_left = record.number;
    }
    return count == group->record_count && batch_left == 0;
}

static blitzdb_status hand_over(const struct reading *reading, const struct bzd_wal_group *group) {
    struct bzd_cursor cursor = bzd_cursor_over(group->payload);
    while (bzd_cursor_left(&cursor) > 0) {
        struct bzd_record record;
        (void)bzd_record_decode(&cursor, &record); /* was found sound */
        blitzdb_status status = reading->take(reading->user, &record);
        if (status != BLITZDB_OK)
            return status;
    }
    return BLITZDB_OK;
}

/** Takes a valid group, which stands at `offset` in the file. */
static blitzdb_status take_group(const struct reading *reading, const struct bzd_wal_group *group,
                                 uint64_t offset) {
    const struct bzd_file_reader *file = &reading->segment.file;
    uint64_t end = bzd_wal_segment_position(&reading->segment);
    if (group->durable > group->position)
        return bzd_file_reader_corrupt(file, offset, "the group claims that bytes behind it are durable",
                                       reading->error);
    if (end > reading->segment_end)
        return bzd_file_reader_corrupt(file, offset, "the group goes beyond the end of its part of the log",
                                       reading->error);
    if (!records_are_sound(group))
        return bzd_file_reader_corrupt(file, offset, "the checksum fits, but the records are not valid",
                                       reading->error);
    reading->tail->durable = group->durable;
    reading->tail->position = end;
    if (group->position >= reading->source->from)
        return hand_over(reading, group);
    if (end > reading->source->from)
        return bzd_file_reader_corrupt(file, offset, "the position to read from is inside this group",
                                       reading->error);
    return BLITZDB_OK;
}

/** Decides whether a group that is not valid is the trace of a crash. OK: it is, and the log ends before it.
 */
static blitzdb_status judge_fault(struct reading *reading, const char *fault) {
    struct bzd_wal_segment *segment = &reading->segment;
    const char *why = ", though the log goes on behind it";
    if (reading->segment_end == UINT64_MAX) {
        struct bzd_wal_rest rest;
        blitzdb_status status = bzd_wal_segment_inspect_rest(segment, &rest, reading->error);
        reading->tail->torn_bytes = rest.torn_bytes;
        if (status != BLITZDB_OK || rest.proven_to <= bzd_wal_segment_position(segment))
            return status;
        why = ", and a later group proves that it was synced";
    }
    return bzd_error_set(reading->error, BLITZDB_CORRUPT, 0, "%s: offset %" PRIu64 ": %s%s",
                         segment->file.name, segment->offset, fault, why);
}

/** Reads the groups of the open segment up to its end or to a torn group. */
static blitzdb_status read_groups(struct reading *reading) {
    struct bzd_wal_segment *segment = &reading->segment;
    while (bzd_wal_segment_position(segment) < reading->segment_end) {
        uint64_t offset = segment->offset;
        if (offset == segment->file.size && reading->segment_end == UINT64_MAX)
            return BLITZDB_OK;
        const char *fault;
        struct bzd_wal_group group;
        blitzdb_status status = bzd_wal_segment_next(segment, &group, &fault, reading->error);
        if (status == BLITZDB_OK && fault != NULL)
            return judge_fault(reading, fault);
        if (status == BLITZDB_OK)
            status = take_group(reading, &group, offset);
        if (status != BLITZDB_OK)
            return status;
    }
    return BLITZDB_OK;
}

/** A sealed log was made open again before anything was written behind its end. */
static blitzdb_status check_seal(struct reading *reading) {
    struct bzd_wal_segment *segment = &reading->segment;
    uint64_t offset = segment->offset;
    if (!reading->source->is_sealed || reading->segment_end != reading->source->end)
        return BLITZDB_OK;
    const char *fault;
    struct bzd_wal_group group;
    blitzdb_status status = bzd_wal_segment_next(segment, &group, &fault, reading->error);
    if (status == BLITZDB_OK && fault == NULL)
        return bzd_file_reader_corrupt(&segment->file, offset,
                                       "the log goes on where the MANIFEST says that it was closed",
                                       reading->error);
    return status;
}

/** Notes where the log ends if this segment is the last. */
static void note_tail(struct reading *reading) {
    const struct bzd_wal_segment *segment = &reading->segment;
    reading->tail->has_segment = true;
    reading->tail->position = bzd_wal_segment_position(segment);
    reading->tail->segment_start = segment->start;
    reading->tail->segment_id = segment->id;
    bool is_last = reading->segment_end == reading->source->end;
    reading->tail->cut_bytes = is_last ? segment->file.size - segment->offset : 0;
}

/** Reads the open segment; `fault` says what is wrong with its header, if anything. */
static blitzdb_status read_segment(struct reading *reading, const char *fault) {
    struct bzd_wal_segment *segment = &reading->segment;
    if (fault != NULL) {
        /* Its header was synced before the first group was written: with more than a header it was once good.
         */
        if (reading->segment_end != UINT64_MAX || segment->file.size > BZD_WAL_SEGMENT_HEADER_SIZE)
            return bzd_file_reader_corrupt(&segment->file, 0, fault, reading->error);
        reading->tail->torn_segment = segment->start;
        if (!reading->tail->has_segment)
            reading->tail->position = segment->start;
        return BLITZDB_OK;
    }
    if (memcmp(segment->database_id, reading->source->database_id, BZD_DATABASE_ID_SIZE) != 0)
        return bzd_file_reader_corrupt(&segment->file, 32, "the segment belongs to another database",
                                       reading->error);
    blitzdb_status status = read_groups(reading);
    note_tail(reading);
    return status == BLITZDB_OK ? check_seal(reading) : status;
}

/** Opens and reads the segment with an index. */
static blitzdb_status visit_segment(struct reading *reading, size_t index) {
    const struct bzd_wal_source *source = reading->source;
    const struct bzd_listing *segments = &reading->segments;
    reading->segment_end = index + 1 < segments->count ? segments->numbers[index + 1] : source->end;
    const char *fault;
    blitzdb_status status = bzd_wal_segment_open(&reading->segment, source->env, source->dir,
                                                 segments->numbers[index], &fault, reading->error);
    if (status != BLITZDB_OK)
        return status;
    status = read_segment(reading, fault);
    bzd_wal_segment_close(&reading->segment);
    return status;
}

/** A segment behind the end of a sealed log is one that was being created, and has no group. */
static blitzdb_status check_behind_seal(const struct reading *reading, uint64_t start) {
    const struct bzd_wal_source *source = reading->source;
    uint64_t size;
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_WAL_NAME_PREFIX, start, "");
    int failure = bzd_file_size_of(source->env, source->dir, name, &size);
    if (failure == ENOENT)
        return BLITZDB_OK;
    if (failure != 0)
        return bzd_error_set(reading->error, bzd_status_of_errno(failure), failure, "%s: %s", name,
                             bzd_text_of_errno(failure));
    if (size <= BZD_WAL_SEGMENT_HEADER_SIZE)
        return BLITZDB_OK;
    return bzd_error_set(reading->error, BLITZDB_CORRUPT, 0,
                         "%s: offset 0: the log goes on behind the position where the MANIFEST says that it "
                         "was closed",
                         name);
}

/** Lists the segments that begin before the end and finds the one that contains `from`. */
static blitzdb_status find_first(struct reading *reading, size_t *first_out) {
    const struct bzd_wal_source *source = reading->source;
    struct bzd_listing *segments = &reading->segments;
    blitzdb_status status = bzd_listing_init(segments, source->env, source->dir, BZD_WAL_NAME_PREFIX, "");
    if (status != BLITZDB_OK)
        return bzd_error_set(reading->error, status, segments->failure, "listing the log files in %s",
                             source->dir);
    while (status == BLITZDB_OK && segments->count > 0 &&
           segments->numbers[segments->count - 1] >= source->end) {
        segments->count--;
        if (source->is_sealed)
            status = check_behind_seal(reading, segments->numbers[segments->count]);
    }
    if (status != BLITZDB_OK) {
        bzd_listing_deinit(segments);
        return status;
    }

    size_t first = 0;
    while (first + 1 < segments->count && segments->numbers[first + 1] <= source->from)
        first++;
    *first_out = first;
    if (segments->count > 0 && segments->numbers[first] <= source->from)
        return BLITZDB_OK;
    bzd_listing_deinit(segments);
    return bzd_error_set(
        reading->error, BLITZDB_CORRUPT, 0,
        BZD_WAL_NAME_PREFIX "*: the segment that contains position %016" PRIx64 " is missing", source->from);
}

/** What was read must reach all that is known to have been durable. */
static blitzdb_status check_end(const struct reading *reading) {
    const struct bzd_wal_source *source = reading->source;
    const struct bzd_wal_tail *tail = reading->tail;
    uint64_t needed = source->end != UINT64_MAX ? source->end : source->from;
    if (tail->position >= needed)
        return BLITZDB_OK;
    return bzd_error_set(reading->error, BLITZDB_CORRUPT, 0,
                         BZD_WAL_NAME_PREFIX "%016" PRIx64 ": the log ends at position %016" PRIx64
                                             ", but was synced up to %016" PRIx64,
                         tail->segment_start, tail->position, needed);
}

blitzdb_status bzd_wal_read(const struct bzd_wal_source *source, bzd_wal_record_fn take, void *user,
                            struct bzd_wal_tail *tail_out, blitzdb_error *error) {
    struct reading reading = {.source = source, .take = take, .user = user, .tail = tail_out, .error = error};
    BZD_ASSERT(source->from <= source->end);
    *tail_out = (struct bzd_wal_tail){.position = source->from, .torn_segment = UINT64_MAX};
    if (source->from == source->end) /* Nothing of the log is wanted, so it does not matter what is there. */
        return BLITZDB_OK;

    size_t first = 0;
    blitzdb_status status = find_first(&reading, &first);
    if (status != BLITZDB_OK)
        return status;
    for (size_t i = first; i < reading.segments.count && status == BLITZDB_OK; i++)
        status = visit_segment(&reading, i);
    bzd_listing_deinit(&reading.segments);
    if (status == BLITZDB_OK)
        status = check_end(&reading);
    return status;
}
