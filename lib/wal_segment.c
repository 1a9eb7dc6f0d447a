#include "wal_segment.h"

#include <string.h>

#include "codec.h"
#include "crc32c.h"
#include "logger.h"
#include "path.h"

/** Checksums of groups begin with the segment id, so that groups of another segment never fit. */
static uint32_t checksum(const struct bzd_wal_segment *segment, const uint8_t *group, uint64_t end) {
    uint8_t id[8];
    bzd_put_u64(id, segment->id);
    return bzd_crc32c(bzd_crc32c(0, id, sizeof id), group + BZD_WAL_GROUP_CHECKED_FROM,
                      (size_t)end - BZD_WAL_GROUP_CHECKED_FROM);
}

/** Takes a header apart. `fault_out` names a fault that a write cut short can leave. */
static blitzdb_status check_header(struct bzd_wal_segment *segment, const uint8_t *header,
                                   const char **fault_out, blitzdb_error *error) {
    if (memcmp(header, BZD_WAL_MAGIC, 8) != 0) {
        *fault_out = "this is not a log segment";
        return BLITZDB_OK;
    }
    uint32_t version = bzd_load_u32(header + 8);
    if (version > BZD_WAL_VERSION)
        return bzd_error_set(error, BLITZDB_VERSION, 0,
                             "%s: offset 8: format version %u; this version knows %d", segment->file.name,
                             (unsigned)version, BZD_WAL_VERSION);
    uint32_t crc = bzd_crc32c(0, header + BZD_WAL_HEADER_CHECKED_FROM,
                              BZD_WAL_SEGMENT_HEADER_SIZE - BZD_WAL_HEADER_CHECKED_FROM);
    if (version == 0 || bzd_load_u32(header + 12) != crc) {
        *fault_out = "checksum of the segment's header does not fit";
        return BLITZDB_OK;
    }
    segment->id = bzd_load_u64(header + 16);
    if (bzd_load_u64(header + 24) != segment->start)
        return bzd_file_reader_corrupt(&segment->file, 24,
                                       "the segment begins at another position than its name says", error);
    memcpy(segment->database_id, header + 32, BZD_DATABASE_ID_SIZE);
    segment->recycled = (bzd_load_u32(header + 48) & BZD_WAL_RECYCLED) != 0;
    return BLITZDB_OK;
}

static blitzdb_status read_header(struct bzd_wal_segment *segment, const char **fault_out,
                                  blitzdb_error *error) {
    /* So far no sum of a position and a file's size can overflow. */
    if (segment->start > INT64_MAX || segment->file.size > INT64_MAX)
        return bzd_file_reader_corrupt(&segment->file, 0, "its position or size is not possible", error);
    if (segment->file.size < BZD_WAL_SEGMENT_HEADER_SIZE) {
        *fault_out = "the segment's header is cut off";
        return BLITZDB_OK;
    }
    const uint8_t *header;
    blitzdb_status status =
        bzd_file_reader_view(&segment->file, 0, BZD_WAL_SEGMENT_HEADER_SIZE, &header, error);
    if (status != BLITZDB_OK)
        return status;
    return check_header(segment, header, fault_out, error);
}

blitzdb_status bzd_wal_segment_open(struct bzd_wal_segment *segment, const blitzdb_env *env, const char *dir,
                                    uint64_t start, const char **fault_out, blitzdb_error *error) {
    *segment = (struct bzd_wal_segment){.start = start, .offset = BZD_WAL_SEGMENT_HEADER_SIZE};
    *fault_out = NULL;
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_WAL_NAME_PREFIX, start, "");
    blitzdb_status status = bzd_file_reader_open(&segment->file, env, dir, name, error);
    if (status == BLITZDB_NOT_FOUND)
        return bzd_error_set(error, BLITZDB_IO, 0, "%s: vanished while the log was read", name);
    if (status != BLITZDB_OK)
        return status;

    status = read_header(segment, fault_out, error);
    if (status != BLITZDB_OK)
        bzd_wal_segment_close(segment);
    return status;
}

void bzd_wal_segment_close(struct bzd_wal_segment *segment) {
    bzd_file_reader_close(&segment->file);
}

/** The position in the log of an offset in the file. */
static uint64_t position_at(const struct bzd_wal_segment *segment, uint64_t offset) {
    return segment->start + (offset - BZD_WAL_SEGMENT_HEADER_SIZE);
}

uint64_t bzd_wal_segment_position(const struct bzd_wal_segment *segment) {
    return position_at(segment, segment->offset);
}

static bool group_header_fits(const struct bzd_wal_segment *segment, const uint8_t *header) {
    return bzd_load_u32(header + BZD_WAL_GROUP_CHECK_OFFSET) ==
           checksum(segment, header, BZD_WAL_GROUP_CHECK_OFFSET);
}

/** The fault of the header of a group that should stand at the present offset, or NULL. */
static const char *header_fault(const struct bzd_wal_segment *segment, const uint8_t *header) {
    if (!group_header_fits(segment, header))
        return "checksum of the group's header does not fit";
    if (bzd_load_u64(header + 8) != bzd_wal_segment_position(segment))
        return "the group belongs to another position";
    uint64_t room = segment->file.size - segment->offset - BZD_WAL_GROUP_HEADER_SIZE;
    uint64_t payload_size = bzd_load_u32(header + 4);
    if (payload_size > room)
        return "the group is cut off";
    return NULL;
}

blitzdb_status bzd_wal_segment_next(struct bzd_wal_segment *segment, struct bzd_wal_group *group_out,
                                    const char **fault_out, blitzdb_error *error) {
    *fault_out = NULL;
    if (segment->file.size - segment->offset < BZD_WAL_GROUP_HEADER_SIZE) {
        *fault_out = "the group's header is cut off";
        return BLITZDB_OK;
    }
    const uint8_t *group;
    blitzdb_status status =
        bzd_file_reader_view(&segment->file, segment->offset, BZD_WAL_GROUP_HEADER_SIZE, &group, error);
    if (status != BLITZDB_OK)
        return status;
    *fault_out = header_fault(segment, group);
    if (*fault_out != NULL)
        return BLITZDB_OK;

    uint64_t size = BZD_WAL_GROUP_HEADER_SIZE + (uint64_t)bzd_load_u32(group + 4);
    status = bzd_file_reader_view(&segment->file, segment->offset, size, &group, error);
    if (status != BLITZDB_OK)
        return status;
    if (bzd_load_u32(group) != checksum(segment, group, size)) {
        *fault_out = "checksum of the group does not fit";
        return BLITZDB_OK;
    }
    *group_out = (struct bzd_wal_group){
        .position = bzd_load_u64(group + 8),
        .durable = bzd_load_u64(group + 16),
        .record_count = bzd_load_u32(group + 24),
        .payload = bzd_slice_of(group + BZD_WAL_GROUP_HEADER_SIZE, (size_t)size - BZD_WAL_GROUP_HEADER_SIZE),
    };
    segment->offset += size;
    return BLITZDB_OK;
}

/** How far behind the bad place a header's position may be. It is no bound of the format: it makes it as good
 * as impossible that random bytes pass for a header. */
#define SEARCH_REACH ((uint64_t)1 << 40)

/**
 * Whether a header is one of this segment's, at or behind a position. It may stand where its position says
 * or, if bytes before it were removed or inserted, elsewhere: only this segment's writer can have made it,
 * and what it says of the log was true when it was written, wherever it stands now.
 */
static bool is_later_header(const struct bzd_wal_segment *segment, const uint8_t *header,
                            uint64_t least_position) {
    uint64_t position = bzd_load_u64(header + 8);
    /* Most bytes fail the first test, and prepared zeros, of an empty log, the last but one. */
    return position - least_position < SEARCH_REACH && bzd_load_u64(header + 16) <= position &&
           bzd_load_u64(header + 24) != 0 && group_header_fits(segment, header);
}

/** Looks for headers among those that begin in the first bytes of a view. */
static void look_for_headers(const struct bzd_wal_segment *segment, const uint8_t *bytes, size_t size,
                             uint64_t offset, struct bzd_wal_rest *rest) {
    uint64_t bad_position = bzd_wal_segment_position(segment);
    for (size_t i = 0; i + BZD_WAL_GROUP_HEADER_SIZE <= size; i++) {
        const uint8_t *header = bytes + i;
        if (!is_later_header(segment, header, bad_position))
            continue;
        uint64_t end = offset + i + BZD_WAL_GROUP_HEADER_SIZE + bzd_load_u32(header + 4);
        rest->torn_bytes = (end < segment->file.size ? end : segment->file.size) - segment->offset;
        uint64_t durable = bzd_load_u64(header + 16);
        rest->proven_to = durable > rest->proven_to ? durable : rest->proven_to;
    }
}

/** Notes the last byte of a view that is not zero. */
static void look_for_bytes(const struct bzd_wal_segment *segment, const uint8_t *bytes, size_t size,
                           uint64_t offset, struct bzd_wal_rest *rest) {
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    uint64_t end = offset + size - segment->offset;
    if (size > 0 && end > rest->torn_bytes)
        rest->torn_bytes = end;
}

blitzdb_status bzd_wal_segment_inspect_rest(struct bzd_wal_segment *segment, struct bzd_wal_rest *rest_out,
                                            blitzdb_error *error) {
    *rest_out = (struct bzd_wal_rest){0};
    uint64_t offset = segment->offset;
    while (offset < segment->file.size) {
        uint64_t left = segment->file.size - offset;
        uint64_t size = left < BZD_FILE_READER_WINDOW ? left : BZD_FILE_READER_WINDOW;
        const uint8_t *bytes;
        blitzdb_status status = bzd_file_reader_view(&segment->file, offset, size, &bytes, error);
        if (status != BLITZDB_OK)
            return status;
        look_for_headers(segment, bytes, (size_t)size, offset, rest_out);
        if (!segment->recycled)
            look_for_bytes(segment, bytes, (size_t)size, offset, rest_out);
        if (size == left)
            return BLITZDB_OK;
        offset +=
            size - (BZD_WAL_GROUP_HEADER_SIZE - 1); /* a header may begin in one view and end in another */
    }
    return BLITZDB_OK;
}

/** How much a search looks at in one step: little against the window of the reader, so that many searches
 * behind each other share what one of them has read. */
enum { SEARCH_STEP = 1 << 14 };

/** Searches the file from an offset; UINT64_MAX: there is no such header. */
static blitzdb_status search(struct bzd_wal_segment *segment, uint64_t offset, uint64_t least_position,
                             uint64_t *found_out, blitzdb_error *error) {
    *found_out = UINT64_MAX;
    while (segment->file.size >= offset + BZD_WAL_GROUP_HEADER_SIZE) {
        uint64_t left = segment->file.size - offset;
        uint64_t size = left < SEARCH_STEP ? left : SEARCH_STEP;
        const uint8_t *bytes;
        blitzdb_status status = bzd_file_reader_view(&segment->file, offset, size, &bytes, error);
        if (status != BLITZDB_OK)
            return status;
        for (size_t i = 0; i + BZD_WAL_GROUP_HEADER_SIZE <= size; i++) {
            if (is_later_header(segment, bytes + i, least_position)) {
                *found_out = offset + i;
                return BLITZDB_OK;
            }
        }
        offset += size - (BZD_WAL_GROUP_HEADER_SIZE - 1);
    }
    return BLITZDB_OK;
}

/** Makes the segment stand at a group, wherever its position says it should be. */
static blitzdb_status move_to(struct bzd_wal_segment *segment, uint64_t offset, blitzdb_error *error) {
    const uint8_t *header;
    blitzdb_status status =
        bzd_file_reader_view(&segment->file, offset, BZD_WAL_GROUP_HEADER_SIZE, &header, error);
    if (status != BLITZDB_OK)
        return status;
    /* From here on positions count from where the group is now; an overflow is as good as any number. */
    segment->start = bzd_load_u64(header + 8) - (offset - BZD_WAL_SEGMENT_HEADER_SIZE);
    segment->offset = offset;
    return BLITZDB_OK;
}

/** Goes to the next header behind an offset. Not found: the segment is left as it is. */
static blitzdb_status go_to_next(struct bzd_wal_segment *segment, uint64_t offset, uint64_t least_position,
                                 bool *found_out, blitzdb_error *error) {
    uint64_t found;
    *found_out = false;
    blitzdb_status status = search(segment, offset, least_position, &found, error);
    if (status != BLITZDB_OK || found == UINT64_MAX)
        return status;
    status = move_to(segment, found, error);
    *found_out = status == BLITZDB_OK;
    return status;
}

blitzdb_status bzd_wal_segment_find_group(struct bzd_wal_segment *segment, bool *found_out,
                                          blitzdb_error *error) {
    uint64_t bad_offset = segment->offset;
    uint64_t bad_position = bzd_wal_segment_position(segment);
    blitzdb_status status = go_to_next(segment, bad_offset, bad_position, found_out, error);
    bool is_bad_one = segment->offset == bad_offset && bzd_wal_segment_position(segment) == bad_position;
    if (status != BLITZDB_OK || !*found_out || !is_bad_one)
        return status;
    /* This is the group at the bad place itself: its header is sound, what stands behind it is not. */
    return go_to_next(segment, bad_offset + 1, bad_position, found_out, error);
}
