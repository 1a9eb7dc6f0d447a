/** Reads the log segment by segment and goes on behind a fault. */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "codec.h"
#include "crc32c.h"
#include "path.h"
#include "store.h"
#include "wal_segment.h"

#define LOST_WRITES "the writes there are lost, so keys may have older values or be back"

/** One reading. */
struct walk {
    struct bzd_check *check;
    const struct bzd_check_plan *plan;
    struct bzd_wal_segment segment;
    uint64_t segment_end; /**< position where it must end, UINT64_MAX: not known, it is the last */
    uint64_t position;    /**< end of the last group that was sound */
    uint64_t proven_to;   /**< highest position that a look at the rest of the segment has proven */
    bool has_hole;        /**< something was missing or damaged */
};

static bool is_last(const struct walk *walk) {
    return walk->segment_end == UINT64_MAX;
}

static void damage(struct walk *walk, uint64_t offset, uint64_t bytes, const char *fault) {
    walk->has_hole = true;
    bzd_check_damage(walk->check, BLITZDB_CORRUPT, walk->segment.file.name, offset, bytes, "%s; " LOST_WRITES,
                     fault);
}

/** Reports that the file cannot be read behind an offset; NO_MEMORY ends the check. */
static blitzdb_status unreadable(struct walk *walk, const blitzdb_error *error) {
    const struct bzd_wal_segment *segment = &walk->segment;
    walk->has_hole = true;
    return bzd_check_unreadable(walk->check, segment->file.name, segment->offset,
                                segment->file.size - segment->offset, error);
}

/** Whether the records of a group are all valid, fill it, are as many as said, and no batch is cut short. */
static bool records_are_sound(const struct bzd_wal_group *group) {
    struct bzd_cursor cursor = bzd_cursor_over(group->payload);
    uint64_t count = 0;
    uint64_t batch_left = 0;
    for (; bzd_cursor_left(&cursor) > 0; count++) {
        struct bzd_record record;
        if (!bzd_record_decode(&cursor, &record))
            return false;
        if (record.type == BZD_RECORD_MAP && !bzd_map_is_valid(record.number))
            return false;
        bool opens_batch = record.type == BZD_RECORD_BATCH;
        if (opens_batch && batch_left > 0)
            return false;
        batch_left = opens_batch ? record.number : batch_left - (batch_left > 0);
    }
    return count == group->record_count && batch_left == 0;
}

static blitzdb_status hand_over(struct walk *walk, const struct bzd_wal_group *group) {
    struct bzd_cursor cursor = bzd_cursor_over(group->payload);
    while (bzd_cursor_left(&cursor) > 0) {
        struct bzd_record record;
        (void)bzd_record_decode(&cursor, &record); /* was found sound */
        blitzdb_status status = bzd_check_take(walk->check, &record);
        if (status != BLITZDB_OK)
            return status;
    }
    walk->check->result.records += group->record_count;
    return BLITZDB_OK;
}

/** Takes a group whose checksums fit, which stands at an offset. */
static blitzdb_status take_group(struct walk *walk, const struct bzd_wal_group *group, uint64_t offset) {
    uint64_t end = bzd_wal_segment_position(&walk->segment);
    uint64_t size = walk->segment.offset - offset;
    const char *fault = NULL;
    if (group->durable > group->position)
        fault = "the group claims that bytes behind it are durable";
    else if (!records_are_sound(group))
        fault = "the checksum of the group fits, but its records are not valid";
    if (fault != NULL) {
        damage(walk, offset, size, fault);
        return BLITZDB_OK;
    }
    walk->position = end;
    if (end > walk->segment_end) {
        walk->has_hole = true;
        bzd_check_damage(walk->check, BLITZDB_CORRUPT, walk->segment.file.name, offset, 0,
                         "the group goes beyond the end of its part of the log; it is used");
    }
    if (end <= walk->plan->log_start)
        return BLITZDB_OK; /* all of it is in the snapshot */
    if (group->position < walk->plan->log_start) {
        walk->has_hole = true;
        bzd_check_damage(walk->check, BLITZDB_CORRUPT, walk->segment.file.name, offset, 0,
                         "the position to read from is inside this group; it is used as a whole");
    }
    return hand_over(walk, group);
}

/**
 * Whether the group that is not valid at the present offset was once good. The rest of the segment is looked
 * at only if no look before has proven as much: twice, however many groups are damaged.
 */
static blitzdb_status is_proven(struct walk *walk, bool *proven_out, struct bzd_wal_rest *rest_out,
                                blitzdb_error *error) {
    uint64_t position = bzd_wal_segment_position(&walk->segment);
    *proven_out = !is_last(walk) || walk->proven_to > position;
    if (*proven_out)
        return BLITZDB_OK;
    blitzdb_status status = bzd_wal_segment_inspect_rest(&walk->segment, rest_out, error);
    if (rest_out->proven_to > walk->proven_to)
        walk->proven_to = rest_out->proven_to;
    *proven_out = walk->proven_to > position;
    return status;
}

/** Decides what a group that is not valid means, and goes to the next one behind it, if there is one. */
static blitzdb_status step_over(struct walk *walk, const char *fault, bool *ended_out, blitzdb_error *error) {
    struct bzd_wal_segment *segment = &walk->segment;
    uint64_t offset = segment->offset;
    uint64_t left = segment->file.size - offset;
    struct bzd_wal_rest rest = {0};
    bool proven;
    blitzdb_status status = is_proven(walk, &proven, &rest, error);
    if (status != BLITZDB_OK)
        return status;
    *ended_out = true;
    if (!proven) {
        if (rest.torn_bytes > 0) /* else it is room that was prepared for what was to come */
            bzd_check_note(
                walk->check, segment->file.name, offset, rest.torn_bytes,
                "the log ends here (%s); what follows was never known to be on the disk and is cut "
                "off when the database is opened",
                fault);
        return BLITZDB_OK;
    }
    bool found;
    status = bzd_wal_segment_find_group(segment, &found, error);
    if (status != BLITZDB_OK)
        return status;
    *ended_out = !found;
    damage(walk, offset, found ? segment->offset - offset : left, fault);
    return BLITZDB_OK;
}

/** Reads the next group or steps over what should be one. */
static blitzdb_status next_group(struct walk *walk, bool *ended_out, blitzdb_error *error,
                                 blitzdb_status *take_status) {
    struct bzd_wal_group group;
    const char *fault;
    uint64_t offset = walk->segment.offset;
    blitzdb_status status = bzd_wal_segment_next(&walk->segment, &group, &fault, error);
    if (status == BLITZDB_OK && fault != NULL)
        return step_over(walk, fault, ended_out, error);
    if (status == BLITZDB_OK)
        *take_status = take_group(walk, &group, offset);
    return status;
}

/** Reads the groups of a segment whose header was looked at. */
static blitzdb_status walk_groups(struct walk *walk) {
    struct bzd_wal_segment *segment = &walk->segment;
    blitzdb_error error = {0};
    bool ended = false;
    while (!ended && bzd_wal_segment_position(segment) < walk->segment_end) {
        uint64_t offset = segment->offset;
        if (offset == segment->file.size && is_last(walk))
            return BLITZDB_OK;
        blitzdb_status take_status = BLITZDB_OK;
        blitzdb_status status = next_group(walk, &ended, &error, &take_status);
        if (status != BLITZDB_OK)
            return unreadable(walk, &error);
        if (take_status != BLITZDB_OK)
            return take_status;
        bzd_check_progress(walk->check, segment->offset - offset);
    }
    return BLITZDB_OK;
}

/** Whether a group stands behind the end of a sealed log. */
static blitzdb_status goes_on(struct walk *walk, bool *goes_on_out, blitzdb_error *error) {
    struct bzd_wal_segment *segment = &walk->segment;
    uint64_t offset = segment->offset;
    struct bzd_wal_group group;
    const char *fault;
    *goes_on_out = false;
    if (!walk->plan->is_sealed || walk->segment_end != walk->plan->log_end)
        return BLITZDB_OK;
    blitzdb_status status = bzd_wal_segment_next(segment, &group, &fault, error);
    *goes_on_out = status == BLITZDB_OK && fault == NULL;
    segment->offset = offset;
    return status;
}

/** Reads a segment to its end. A sealed log must not go on behind its end; if it does, all of it is taken. */
static blitzdb_status walk_to_end(struct walk *walk) {
    struct bzd_wal_segment *segment = &walk->segment;
    blitzdb_error error = {0};
    bool is_more;
    blitzdb_status status = walk_groups(walk);
    if (status != BLITZDB_OK || bzd_wal_segment_position(segment) < walk->segment_end)
        return status;
    if (goes_on(walk, &is_more, &error) != BLITZDB_OK)
        return unreadable(walk, &error);
    if (is_more) {
        bzd_check_damage(walk->check, BLITZDB_CORRUPT, segment->file.name, segment->offset, 0,
                         "the log goes on where the MANIFEST says that it was closed; it is used");
        walk->segment_end = UINT64_MAX;
        return walk_groups(walk);
    }
    uint64_t behind = segment->file.size - segment->offset;
    if (behind > 0)
        bzd_check_note(walk->check, segment->file.name, segment->offset, behind,
                       "behind the end of this part of the log; it is not read");
    return BLITZDB_OK;
}

/** Reports what is wrong with a header; false: nothing of the segment is used. */
static bool judge_header(struct walk *walk, const uint8_t *header) {
    struct bzd_wal_segment *segment = &walk->segment;
    const char *name = segment->file.name;
    uint32_t version = bzd_load_u32(header + 8);
    bool is_segment = memcmp(header, BZD_WAL_MAGIC, 8) == 0;
    uint32_t crc = bzd_crc32c(0, header + BZD_WAL_HEADER_CHECKED_FROM,
                              BZD_WAL_SEGMENT_HEADER_SIZE - BZD_WAL_HEADER_CHECKED_FROM);
    segment->id = bzd_load_u64(header + 16);
    segment->recycled = (bzd_load_u32(header + 48) & BZD_WAL_RECYCLED) != 0;
    if (is_segment && version > BZD_WAL_VERSION) {
        walk->has_hole = true;
        bzd_check_damage(walk->check, BLITZDB_VERSION, name, 8, segment->file.size,
                         "format version %u; this version knows %d, so nothing of the file is used",
                         (unsigned)version, BZD_WAL_VERSION);
        return false;
    }
    bool is_sound = is_segment && version != 0 && bzd_load_u32(header + 12) == crc;
    bool is_torn = is_last(walk) && segment->file.size <= BZD_WAL_SEGMENT_HEADER_SIZE;
    if (!is_sound && is_torn) {
        bzd_check_note(walk->check, name, 0, segment->file.size,
                       "the last segment was being created when the system stopped; it holds nothing");
        return false;
    }
    if (!is_sound) {
        bzd_check_damage(
            walk->check, BLITZDB_CORRUPT, name, 0, 0, "%s; groups are used if their checksums fit",
            is_segment ? "checksum of the segment's header does not fit" : "this is not a log segment");
    } else if (bzd_load_u64(header + 24) != segment->start) {
        bzd_check_damage(walk->check, BLITZDB_CORRUPT, name, 24, 0,
                         "the segment begins at another position than its name says; what the groups say is "
                         "used");
        segment->start = bzd_load_u64(header + 24);
    }
    if (is_sound && walk->plan->has_id &&
        memcmp(header + 32, walk->plan->database_id, BZD_DATABASE_ID_SIZE) != 0) {
        damage(walk, 32, segment->file.size,
               "the segment belongs to another database; nothing of it is used");
        return false;
    }
    return true;
}

static blitzdb_status walk_segment(struct walk *walk) {
    struct bzd_wal_segment *segment = &walk->segment;
    blitzdb_error error = {0};
    const uint8_t *header;
    if (segment->start > INT64_MAX || segment->file.size > INT64_MAX) {
        damage(walk, 0, segment->file.size, "its position or size is not possible");
        return BLITZDB_OK;
    }
    if (segment->file.size < BZD_WAL_SEGMENT_HEADER_SIZE) {
        if (is_last(walk))
            bzd_check_note(walk->check, segment->file.name, 0, segment->file.size,
                           "the last segment was being created when the system stopped; it holds nothing");
        else
            damage(walk, 0, segment->file.size, "the segment's header is cut off");
        return BLITZDB_OK;
    }
    if (bzd_file_reader_view(&segment->file, 0, BZD_WAL_SEGMENT_HEADER_SIZE, &header, &error) != BLITZDB_OK)
        return unreadable(walk, &error);
    if (!judge_header(walk, header))
        return BLITZDB_OK;
    segment->offset = BZD_WAL_SEGMENT_HEADER_SIZE;
    bzd_check_progress(walk->check, BZD_WAL_SEGMENT_HEADER_SIZE);
    return walk_to_end(walk);
}

/** Opens and reads the segment that begins at a position. */
static blitzdb_status visit_segment(struct walk *walk, uint64_t start) {
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_WAL_NAME_PREFIX, start, "");
    walk->segment = (struct bzd_wal_segment){.start = start};
    walk->proven_to = 0;
    blitzdb_status status = bzd_check_open(walk->check, &walk->segment.file, name);
    if (status == BLITZDB_IO) {
        walk->has_hole = true;
        return BLITZDB_OK;
    }
    if (status != BLITZDB_OK)
        return status;
    status = walk_segment(walk);
    bzd_wal_segment_close(&walk->segment);
    return status;
}

/** What was read must reach all that is known to have been durable. */
static void check_end(struct walk *walk) {
    uint64_t needed = walk->plan->log_end != UINT64_MAX ? walk->plan->log_end : walk->plan->log_start;
    if (walk->plan->log_least > needed)
        needed = walk->plan->log_least;
    if (walk->has_hole || walk->position >= needed)
        return;
    bzd_check_damage(walk->check, BLITZDB_CORRUPT, ".", 0, needed - walk->position,
                     "the log ends at position %016" PRIx64 ", but was synced up to %016" PRIx64
                     "; " LOST_WRITES,
                     walk->position, needed);
}

/** The first segment to read, and whether the one that is needed is there. */
static size_t find_first(struct walk *walk, const struct bzd_listing *segments, size_t count) {
    uint64_t from = walk->plan->log_start;
    size_t first = 0;
    while (first + 1 < count && segments->numbers[first + 1] <= from)
        first++;
    if (count > 0 && segments->numbers[first] <= from)
        return first;
    walk->has_hole = true;
    bzd_check_damage(walk->check, BLITZDB_CORRUPT, ".", 0, 0,
                     "the segment of the log that contains position %016" PRIx64 " is missing; " LOST_WRITES,
                     from);
    return first;
}

/** Whether a segment holds more than the header with which it is created. */
static bool has_groups(const struct walk *walk, uint64_t start) {
    uint64_t size = 0;
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_WAL_NAME_PREFIX, start, "");
    (void)bzd_file_size_of(walk->check->env, walk->check->dir, name, &size);
    return size > BZD_WAL_SEGMENT_HEADER_SIZE;
}

/** How many segments belong to the log: those behind the end of a closed one do not. */
static size_t count_segments(struct walk *walk, const struct bzd_listing *segments) {
    const struct bzd_check_plan *plan = walk->plan;
    size_t count = segments->count;
    while (count > 0 && segments->numbers[count - 1] >= plan->log_end) {
        uint64_t start = segments->numbers[count - 1];
        if (plan->is_sealed && has_groups(walk, start)) {
            char name[BZD_NAME_MAX];
            bzd_name_numbered(name, BZD_WAL_NAME_PREFIX, start, "");
            walk->has_hole = true;
            bzd_check_damage(
                walk->check, BLITZDB_CORRUPT, name, 0, 0,
                "the log goes on behind the position where the MANIFEST says that it was closed; "
                "it is used");
            return count;
        }
        count--;
    }
    return count;
}

blitzdb_status bzd_check_log(struct bzd_check *check, const struct bzd_check_plan *plan,
                             const struct bzd_listing *segments) {
    struct walk walk = {.check = check, .plan = plan, .position = plan->log_start};
    if (plan->log_start == plan->log_end) {
        check_end(&walk);
        return BLITZDB_OK;
    }
    size_t count = count_segments(&walk, segments);
    blitzdb_status status = BLITZDB_OK;
    size_t first = find_first(&walk, segments, count);
    if (first < count)
        walk.position = segments->numbers[first];
    for (size_t i = first; i < count && status == BLITZDB_OK; i++) {
        bool is_behind_end = segments->numbers[i] >= plan->log_end;
        walk.segment_end = i + 1 < count   ? segments->numbers[i + 1]
                           : is_behind_end ? UINT64_MAX
                                           : plan->log_end;
        status = visit_segment(&walk, segments->numbers[i]);
    }
    if (status == BLITZDB_OK)
        check_end(&walk);
    return status;
}
