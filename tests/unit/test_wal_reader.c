/* Reading the log: what is handed over, what counts as the trace of a crash, and what is refused. */
#include "log_fixture.h"

/** Builds a log of several segments of two groups each; returns how many segments there are. */
static size_t write_segments(struct log_fixture *fixture, uint64_t starts[GROUPS_MAX], size_t groups) {
    size_t count = 0;
    fixture_init(fixture, 300);
    for (size_t i = 0; i < groups; i++) {
        fixture_append(fixture, 5, false);
        if (count == 0 || starts[count - 1] != fixture->writer.segment_start)
            starts[count++] = fixture->writer.segment_start;
    }
    cr_assert_eq(bzd_wal_writer_sync(&fixture->writer, &fixture->error), BLITZDB_OK);
    return count;
}

/* Everything that was written over several segments comes back in order, and the tail says where to go on. */
Test(wal_reader, reads_all_segments_in_order) {
    struct log_fixture fixture;
    uint64_t starts[GROUPS_MAX];
    size_t segments = write_segments(&fixture, starts, 9);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);

    cr_assert_geq(segments, 3);
    cr_assert_eq(seen.count, fixture.next);
    cr_assert_eq(tail.position, fixture.writer.position);
    cr_assert_eq(tail.segment_start, starts[segments - 1]);
    cr_assert_eq(tail.segment_id, fixture.writer.segment_id);
    cr_assert_eq(tail.torn_bytes, 0);
    cr_assert_eq(tail.torn_segment, UINT64_MAX);
    cr_assert(tail.has_segment);
    fixture_deinit(&fixture);
}

/* A segment without groups is a log without records. */
Test(wal_reader, reads_empty_log) {
    struct log_fixture fixture;
    fixture_init(&fixture, 300);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);

    cr_assert_eq(seen.count, 0);
    cr_assert_eq(tail.position, 0);
    cr_assert(tail.has_segment);
    fixture_deinit(&fixture);
}

/* Reading begins at the start of any group; inside one, or behind the end, it is refused. */
Test(wal_reader, begins_at_a_group) {
    struct small_log log;
    small_log_init(&log);
    struct bzd_wal_tail tail;

    for (size_t i = 0; i < log.groups; i++) {
        uint64_t from = log.group_end[i] - BZD_WAL_SEGMENT_HEADER_SIZE;
        struct log_seen seen = {.first = log.records[i]};
        cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, from, UINT64_MAX, &seen, &tail), BLITZDB_OK);
        cr_assert_eq(seen.count, log.fixture.next - log.records[i]);
    }
    struct log_seen seen = {0};
    cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, 1, UINT64_MAX, &seen, &tail), BLITZDB_CORRUPT);
    cr_assert_not_null(strstr(log.fixture.error.text, "inside this group"));
    uint64_t behind = log.fixture.writer.position + 1;
    cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, behind, UINT64_MAX, &seen, &tail),
                 BLITZDB_CORRUPT);
    fixture_deinit(&log.fixture);
}

/* A group whose segment begins at the position wanted is found, and earlier segments are not looked at. */
Test(wal_reader, skips_segments_before_the_position) {
    struct log_fixture fixture;
    uint64_t starts[GROUPS_MAX];
    cr_assert_geq(write_segments(&fixture, starts, 9), 3);
    raw_file_write(fixture.env, FIRST_SEGMENT, "rubbish", 7);

    struct log_seen seen = {.first = 10};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read_of(&fixture, fixture.env, starts[1], UINT64_MAX, &seen, &tail), BLITZDB_OK);

    cr_assert_eq(seen.count, fixture.next - 10);
    fixture_deinit(&fixture);
}

/* A closed log is read to its end; what stands behind it is not looked at. */
Test(wal_reader, stops_at_the_end) {
    struct log_fixture fixture;
    uint64_t starts[GROUPS_MAX];
    cr_assert_geq(write_segments(&fixture, starts, 9), 3);
    char path[BZD_PATH_MAX];
    fixture_segment_path(starts[2], path);
    raw_file_write(fixture.env, path, "rubbish", 7);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read_of(&fixture, fixture.env, 0, starts[2], &seen, &tail), BLITZDB_OK);

    cr_assert_eq(seen.count, 20);
    cr_assert_eq(tail.position, starts[2]);
    fixture_deinit(&fixture);
}

/* A closed log that does not reach its end, or has no group border there, is corrupt. */
Test(wal_reader, refuses_a_closed_log_that_is_too_short) {
    struct small_log log;
    small_log_init(&log);
    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    uint64_t end = log.fixture.writer.position;

    cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, 0, end + 1, &seen, &tail), BLITZDB_CORRUPT);
    seen = (struct log_seen){0};
    cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, 0, end - 1, &seen, &tail), BLITZDB_CORRUPT);
    seen = (struct log_seen){0};
    cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, 0, end, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(seen.count, log.fixture.next);
    fixture_deinit(&log.fixture);
}

/* Of a log that ends where reading begins nothing is wanted, and nothing need be there. */
Test(wal_reader, wants_nothing_of_an_empty_range) {
    struct log_fixture fixture;
    fixture_init(&fixture, 300);
    bzd_wal_writer_close(&fixture.writer);
    cr_assert_eq(fixture.env->remove(fixture.env->user, FIRST_SEGMENT), 0);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read_of(&fixture, fixture.env, 77, 77, &seen, &tail), BLITZDB_OK);

    cr_assert_eq(tail.position, 77);
    cr_assert_eq(tail.has_segment, false);
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_CORRUPT, "an open log has a segment");
    fixture_deinit(&fixture);
}

/* In a segment that has a successor every flipped bit is corruption: it was synced whole before. */
Test(wal_reader, every_bit_flip_before_the_last_segment_is_corruption) {
    struct log_fixture fixture;
    uint64_t starts[GROUPS_MAX];
    cr_assert_geq(write_segments(&fixture, starts, 3), 2);
    struct raw_file whole;
    raw_file_read(fixture.env, FIRST_SEGMENT, &whole);

    for (size_t bit = 0; bit < whole.size * 8; bit++) {
        struct raw_file damaged = whole;
        damaged.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        raw_file_write(fixture.env, FIRST_SEGMENT, damaged.bytes, damaged.size);
        struct log_seen seen = {0};
        struct bzd_wal_tail tail;
        blitzdb_status status = log_read(&fixture, &seen, &tail);
        cr_assert(status == BLITZDB_CORRUPT || (status == BLITZDB_VERSION && bit / 8 >= 8 && bit / 8 < 12),
                  "bit %zu", bit);
    }
    for (size_t size = 0; size < whole.size; size++) {
        raw_file_write(fixture.env, FIRST_SEGMENT, whole.bytes, size);
        struct log_seen seen = {0};
        struct bzd_wal_tail tail;
        cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_CORRUPT, "size %zu", size);
    }
    fixture_deinit(&fixture);
}

/* A segment that is missing is corruption, the last one apart. */
Test(wal_reader, missing_segments_are_found) {
    for (size_t missing = 0; missing < 4; missing++) {
        struct log_fixture fixture;
        uint64_t starts[GROUPS_MAX];
        size_t segments = write_segments(&fixture, starts, 8);
        cr_assert_eq(segments, 4);
        bzd_wal_writer_close(&fixture.writer);
        char path[BZD_PATH_MAX];
        fixture_segment_path(starts[missing], path);
        cr_assert_eq(fixture.env->remove(fixture.env->user, path), 0);

        struct log_seen seen = {0};
        struct bzd_wal_tail tail;
        cr_assert_eq(log_read(&fixture, &seen, &tail), missing == 3 ? BLITZDB_OK : BLITZDB_CORRUPT);
        fixture_deinit(&fixture);
    }
}

/* What a crash leaves of a new segment is a torn creation if it is no more than a header, and corruption
 * else. */
Test(wal_reader, recognises_a_torn_creation) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    fixture_append(&fixture, 5, true);
    char path[BZD_PATH_MAX];
    fixture_segment_path(fixture.writer.position, path);
    struct raw_file header = {.bytes = {0}};

    for (size_t size = 0; size <= BZD_WAL_SEGMENT_HEADER_SIZE + 1; size++) {
        raw_file_write(fixture.env, path, header.bytes, size);
        struct log_seen seen = {0};
        struct bzd_wal_tail tail;
        blitzdb_status status = log_read(&fixture, &seen, &tail);
        if (size > BZD_WAL_SEGMENT_HEADER_SIZE) {
            cr_assert_eq(status, BLITZDB_CORRUPT);
            continue;
        }
        cr_assert_eq(status, BLITZDB_OK);
        cr_assert_eq(seen.count, 5);
        cr_assert_eq(tail.torn_segment, fixture.writer.position);
        cr_assert_eq(tail.segment_start, 0);
        cr_assert_eq(tail.position, fixture.writer.position);
    }
    fixture_deinit(&fixture);
}

/* A torn creation proves that the segment before it was synced: that one may not be torn. */
Test(wal_reader, a_torn_creation_follows_a_whole_segment) {
    struct small_log log;
    small_log_init(&log);
    char path[BZD_PATH_MAX];
    fixture_segment_path(log.fixture.writer.position, path);
    raw_file_write(log.fixture.env, path, "", 0);

    struct log_seen seen;
    struct bzd_wal_tail tail;
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size - 1, &seen, &tail), BLITZDB_CORRUPT);

    fixture_segment_path(log.fixture.writer.position + 1, path);
    raw_file_write(log.fixture.env, path, "", 0);
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size, &seen, &tail), BLITZDB_CORRUPT);
    fixture_deinit(&log.fixture);
}

/* A torn creation alone is an empty log if reading begins there, and a loss if it begins later. */
Test(wal_reader, a_torn_creation_alone) {
    struct log_fixture fixture;
    fixture_init(&fixture, 300);
    raw_file_write(fixture.env, FIRST_SEGMENT, "BLITZ", 5);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(tail.torn_segment, 0);
    cr_assert_eq(tail.has_segment, false);
    cr_assert_eq(log_read_of(&fixture, fixture.env, 100, UINT64_MAX, &seen, &tail), BLITZDB_CORRUPT);
    fixture_deinit(&fixture);
}

/* What a failed write left behind the start of the next segment is not read. */
Test(wal_reader, a_segment_ends_where_the_next_begins) {
    struct log_fixture fixture;
    uint64_t starts[GROUPS_MAX];
    cr_assert_geq(write_segments(&fixture, starts, 5), 2);
    struct raw_file first;
    raw_file_read(fixture.env, FIRST_SEGMENT, &first);
    memset(first.bytes + first.size, 0xee, 100);
    raw_file_write(fixture.env, FIRST_SEGMENT, first.bytes, first.size + 100);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(seen.count, fixture.next);
    fixture_deinit(&fixture);
}

/** Writes a group of these bytes and reads the log. */
static void check_payload_is_refused(const void *payload, size_t size, uint32_t record_count) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    cr_assert_eq(fixture_write(&fixture, payload, size, record_count), BLITZDB_OK);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_CORRUPT);
    cr_assert_eq(seen.count, 0, "a group is handed over whole or not at all");
    fixture_deinit(&fixture);
}

/* Records that are not valid inside a valid group are corruption, never a torn tail. */
Test(wal_reader, refuses_invalid_records_in_a_valid_group) {
    check_payload_is_refused("\x09", 1, 1);                          /* an unknown type */
    check_payload_is_refused("\x03\x00\x01k\x03", 5, 2);             /* the second record is cut off */
    check_payload_is_refused("\x03\x00\x01k", 4, 2);                 /* fewer records than said */
    check_payload_is_refused("\x03\x00\x01k", 4, 0);                 /* more records than said */
    check_payload_is_refused("\x05\x02\x03\x00\x01k", 6, 2);         /* a batch that is not complete */
    check_payload_is_refused("\x05\x01\x05\x01\x03\x00\x01k", 8, 3); /* a batch in a batch */
    check_payload_is_refused("", 0, 1);                              /* a record in nothing */
}

static blitzdb_status count_record(void *user, const struct bzd_record *record) {
    unsigned *counts = user;
    counts[record->type]++;
    return BLITZDB_OK;
}

/* A batch is handed over with its bracket; an empty group and an empty batch hold nothing. */
Test(wal_reader, hands_over_batches) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    static const uint8_t payload[] = "\x05\x02\x03\x00\x01k\x03\x01\x00\x05\x00\x03\x02\x01q";
    cr_assert_eq(fixture_write(&fixture, payload, sizeof payload - 1, 5), BLITZDB_OK);
    cr_assert_eq(fixture_write(&fixture, NULL, 0, 0), BLITZDB_OK);

    unsigned counts[8] = {0};
    struct bzd_wal_source source = {fixture.env, LOG_DIR, fixture.database_id, 0, UINT64_MAX, false};
    struct bzd_wal_tail tail;
    cr_assert_eq(bzd_wal_read(&source, count_record, counts, &tail, &fixture.error), BLITZDB_OK);

    cr_assert_eq(counts[BZD_RECORD_BATCH], 2);
    cr_assert_eq(counts[BZD_RECORD_DEL], 3);
    cr_assert_eq(tail.position, fixture.writer.position);
    fixture_deinit(&fixture);
}

/* What the callback answers ends the reading and is passed on. */
Test(wal_reader, passes_on_the_callbacks_status) {
    struct small_log log;
    small_log_init(&log);

    struct log_seen seen = {.fail_at = 4};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&log.fixture, &seen, &tail), BLITZDB_MEMORY_LIMIT);
    cr_assert_eq(seen.count, 4);
    fixture_deinit(&log.fixture);
}

/* Whichever call fails, reading ends with that status, and everything is closed and freed. */
Test(wal_reader, every_failing_call_is_reported) {
    static const struct {
        enum mem_env_call call;
        int error;
        blitzdb_status status;
    } faults[] = {
        {MEM_CALL_ANY_MEMORY, ENOMEM, BLITZDB_NO_MEMORY},
        {MEM_CALL_LIST_DIR, EIO, BLITZDB_IO},
        {MEM_CALL_OPEN, EMFILE, BLITZDB_NO_MEMORY},
        {MEM_CALL_FILE_SIZE, EIO, BLITZDB_IO},
        {MEM_CALL_READ, EIO, BLITZDB_IO},
    };
    struct log_fixture fixture;
    uint64_t starts[GROUPS_MAX];
    cr_assert_geq(write_segments(&fixture, starts, 9), 3);
    bzd_wal_writer_close(&fixture.writer);

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        bool fired = true;
        for (uint64_t nth = 1; fired; nth++) {
            struct mem_env_fault fault = {faults[i].call, nth, faults[i].error, false, MEM_PART_NONE};
            mem_env_fail(fixture.disk, &fault);
            struct log_seen seen = {0};
            struct bzd_wal_tail tail;
            blitzdb_status status = log_read(&fixture, &seen, &tail);
            fired = mem_env_faults(fixture.disk) > 0;
            cr_assert_eq(status, fired ? faults[i].status : BLITZDB_OK);
            cr_assert(nth > 1 || fired, "the fault never fired");
            mem_env_disarm(fixture.disk);
            cr_assert_eq(mem_env_open_files(fixture.disk), 0);
            cr_assert_eq(mem_env_live_memory(fixture.disk), 0);
        }
    }
    fixture_deinit(&fixture);
}

static int read_nothing(void *user, blitzdb_file *file, void *buffer, size_t size, uint64_t offset,
                        size_t *read_out) {
    (void)user;
    (void)file;
    (void)buffer;
    (void)size;
    (void)offset;
    *read_out = 0;
    return 0;
}

/* A file that becomes shorter while it is read is an input/output error, not a torn tail. */
Test(wal_reader, a_shrinking_file_is_an_error) {
    struct small_log log;
    small_log_init(&log);
    blitzdb_env shrinking = *log.fixture.env;
    shrinking.read_at = read_nothing;

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read_of(&log.fixture, &shrinking, 0, UINT64_MAX, &seen, &tail), BLITZDB_IO);
    fixture_deinit(&log.fixture);
}
