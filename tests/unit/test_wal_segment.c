/* One segment of the log: damage anywhere in it is found, and told from what a crash leaves. */
#include "log_fixture.h"

#include "crc32c.h"

/* Cut anywhere, the log is what stands before the cut, the tail says what to remove, and writing goes on
 * there. */
Test(wal_segment, every_truncation_gives_a_prefix) {
    struct small_log log;
    small_log_init(&log);

    for (size_t size = 0; size <= log.file.size; size++) {
        struct log_seen seen;
        struct bzd_wal_tail tail;
        cr_assert_eq(small_log_read(&log, log.file.bytes, size, &seen, &tail), BLITZDB_OK, "size %zu: %s",
                     size, log.fixture.error.text);
        if (size < BZD_WAL_SEGMENT_HEADER_SIZE) {
            cr_assert_eq(tail.torn_segment, 0);
            cr_assert_eq(tail.has_segment, false);
            continue;
        }
        size_t whole = small_log_group_at(&log, size);
        size_t end = whole > 0 ? log.group_end[whole - 1] : BZD_WAL_SEGMENT_HEADER_SIZE;
        cr_assert_eq(seen.count, whole > 0 ? log.records[whole - 1] : 0);
        cr_assert_eq(tail.position, end - BZD_WAL_SEGMENT_HEADER_SIZE);
        cr_assert_eq(tail.cut_bytes, size - end);
        size_t trace_end = size;
        while (trace_end > end && log.file.bytes[trace_end - 1] == 0)
            trace_end--;
        cr_assert(tail.torn_bytes >= trace_end - end && tail.torn_bytes <= size - end,
                  "zeros are a trace only behind a header that counts them");

        log.fixture.next = seen.count;
        cr_assert_eq(bzd_wal_writer_resume(&log.fixture.writer, &tail, &log.fixture.error), BLITZDB_OK);
        fixture_append(&log.fixture, 2, true);
        bzd_wal_writer_close(&log.fixture.writer);
        seen = (struct log_seen){0};
        cr_assert_eq(log_read(&log.fixture, &seen, &tail), BLITZDB_OK);
        cr_assert_eq(seen.count, log.fixture.next);
        cr_assert_eq(tail.torn_bytes, 0);
    }
    fixture_deinit(&log.fixture);
}

/* A flipped bit is corruption where a later group vouches for the place, and a torn tail elsewhere. */
Test(wal_segment, every_bit_flip_is_found) {
    struct small_log log;
    small_log_init(&log);

    for (size_t bit = 0; bit < log.file.size * 8; bit++) {
        struct raw_file damaged = log.file;
        damaged.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct log_seen seen;
        struct bzd_wal_tail tail;
        blitzdb_status status = small_log_read(&log, damaged.bytes, damaged.size, &seen, &tail);

        size_t group = small_log_group_at(&log, bit / 8);
        if (bit / 8 >= 8 && bit / 8 < 12) {
            cr_assert(status == BLITZDB_VERSION || status == BLITZDB_CORRUPT, "bit %zu", bit);
        } else if (group < log.proven_groups) {
            cr_assert_eq(status, BLITZDB_CORRUPT, "bit %zu", bit);
            cr_assert_not_null(strstr(log.fixture.error.text, "log-0000000000000000: offset "));
        } else {
            cr_assert_eq(status, BLITZDB_OK, "bit %zu: %s", bit, log.fixture.error.text);
            cr_assert_eq(seen.count, log.records[group - 1]);
            cr_assert_eq(tail.torn_bytes, log.file.size - log.group_end[group - 1]);
        }
    }
    fixture_deinit(&log.fixture);
}

/* The message names the file, the offset and the reason. */
Test(wal_segment, explains_corruption) {
    struct small_log log;
    small_log_init(&log);
    log.file.bytes[log.group_end[0] + BZD_WAL_GROUP_HEADER_SIZE] ^= 1;

    struct log_seen seen;
    struct bzd_wal_tail tail;
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size, &seen, &tail), BLITZDB_CORRUPT);

    char expected[200];
    (void)snprintf(
        expected, sizeof expected,
        "log-0000000000000000: offset %zu: checksum of the group does not fit, and a later group proves "
        "that it was synced",
        log.group_end[0]);
    cr_assert_str_eq(log.fixture.error.text, expected);
    cr_assert_eq(seen.count, log.records[0]);
    fixture_deinit(&log.fixture);
}

/* A duplicated, removed or exchanged group never gives a wrong record; in proven parts it is corruption. */
Test(wal_segment, rearranged_groups_are_found) {
    struct small_log log;
    small_log_init(&log);
    struct log_seen seen;
    struct bzd_wal_tail tail;

    for (size_t i = 0; i < log.groups; i++) {
        size_t begin = i > 0 ? log.group_end[i - 1] : BZD_WAL_SEGMENT_HEADER_SIZE;
        size_t end = log.group_end[i];
        struct raw_file other = log.file;
        memmove(other.bytes + end + (end - begin), other.bytes + end, other.size - end);
        memcpy(other.bytes + end, other.bytes + begin, end - begin);
        other.size += end - begin;
        bool is_proven = i + 1 < log.proven_groups; /* the place behind it, where the next should be */
        cr_assert_eq(small_log_read(&log, other.bytes, other.size, &seen, &tail),
                     is_proven ? BLITZDB_CORRUPT : BLITZDB_OK);
        cr_assert_eq(seen.count, log.records[i],
                     "the copy and what was moved by it are not where they belong");

        other = log.file;
        memmove(other.bytes + begin, other.bytes + end, other.size - end);
        other.size -= end - begin;
        cr_assert_eq(small_log_read(&log, other.bytes, other.size, &seen, &tail),
                     i < log.proven_groups ? BLITZDB_CORRUPT : BLITZDB_OK);
        cr_assert_eq(seen.count, i > 0 ? log.records[i - 1] : 0);
    }
    /* Groups 3 and 2 exchanged: the fourth stands where it belongs and vouches for both. */
    struct raw_file other = log.file;
    size_t first = log.group_end[0];
    size_t second = log.group_end[1];
    size_t third = log.group_end[2];
    memcpy(other.bytes + first, log.file.bytes + second, third - second);
    memcpy(other.bytes + first + (third - second), log.file.bytes + first, second - first);
    cr_assert_eq(small_log_read(&log, other.bytes, other.size, &seen, &tail), BLITZDB_CORRUPT);
    fixture_deinit(&log.fixture);
}

/* Groups that another segment left in the same place do not fit: its id was another. */
Test(wal_segment, groups_of_a_recycled_file_do_not_fit) {
    struct small_log log;
    small_log_init(&log);
    struct raw_file old = log.file;
    cr_assert_eq(log.fixture.env->remove(log.fixture.env->user, FIRST_SEGMENT), 0);
    log.fixture.next = 0;
    cr_assert_eq(bzd_wal_writer_begin_segment(&log.fixture.writer, 0, &log.fixture.error), BLITZDB_OK);
    fixture_append(&log.fixture, 2, true);
    bzd_wal_writer_close(&log.fixture.writer);
    struct raw_file recycled;
    raw_file_read(log.fixture.env, FIRST_SEGMENT, &recycled);
    memcpy(recycled.bytes + recycled.size, old.bytes + recycled.size, old.size - recycled.size);

    struct log_seen seen;
    struct bzd_wal_tail tail;
    cr_assert_eq(small_log_read(&log, recycled.bytes, old.size, &seen, &tail), BLITZDB_OK);

    cr_assert_eq(seen.count, 2);
    cr_assert_eq(tail.torn_bytes, old.size - recycled.size);
    fixture_deinit(&log.fixture);
}

/* A segment of another database is refused, with a clear message. */
Test(wal_segment, refuses_another_database) {
    struct small_log log;
    small_log_init(&log);
    log.fixture.database_id[15] ^= 1;

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&log.fixture, &seen, &tail), BLITZDB_CORRUPT);

    cr_assert_not_null(strstr(log.fixture.error.text, "another database"));
    cr_assert_eq(seen.count, 0);
    fixture_deinit(&log.fixture);
}

/* A newer version is refused as such, whatever else has changed in it. */
Test(wal_segment, refuses_a_newer_version) {
    struct small_log log;
    small_log_init(&log);
    bzd_put_u32(log.file.bytes + 8, 2);

    struct log_seen seen;
    struct bzd_wal_tail tail;
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size, &seen, &tail), BLITZDB_VERSION);
    cr_assert_not_null(strstr(log.fixture.error.text, "version 2"));
    fixture_deinit(&log.fixture);
}

/* A segment under the name of another position is refused. */
Test(wal_segment, refuses_a_renamed_segment) {
    struct small_log log;
    small_log_init(&log);
    cr_assert_eq(
        log.fixture.env->rename(log.fixture.env->user, FIRST_SEGMENT, LOG_DIR "/log-0000000000000001"), 0);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, 1, UINT64_MAX, &seen, &tail), BLITZDB_CORRUPT);
    cr_assert_not_null(strstr(log.fixture.error.text, "another position"));
    fixture_deinit(&log.fixture);
}

/** Computes the checksums of a group that a test has changed. */
static void mend_group(const struct raw_file *file, uint8_t *group, size_t size) {
    uint32_t seed = bzd_crc32c(0, file->bytes + 16, 8);
    bzd_put_u32(group + 28, bzd_crc32c(seed, group + 4, 24));
    bzd_put_u32(group, bzd_crc32c(seed, group + 4, size - 4));
}

/* Sizes and positions are compared with what is possible even if the checksums fit. */
Test(wal_segment, refuses_impossible_headers) {
    struct small_log log;
    small_log_init(&log);
    struct log_seen seen;
    struct bzd_wal_tail tail;
    uint8_t *last = log.file.bytes + log.group_end[3];
    size_t last_size = log.file.size - log.group_end[3];

    /* 4 GiB in a small file: the group is cut off, and no memory is asked for. */
    bzd_put_u32(last + 4, UINT32_MAX);
    mend_group(&log.file, last, last_size);
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(seen.count, log.records[3]);
    cr_assert_eq(tail.torn_bytes, last_size);

    /* Durable before it was written. */
    bzd_put_u32(last + 4, (uint32_t)last_size - BZD_WAL_GROUP_HEADER_SIZE);
    bzd_put_u64(last + 16, UINT64_MAX);
    mend_group(&log.file, last, last_size);
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size, &seen, &tail), BLITZDB_CORRUPT);

    /* The group's checksum fits, that of its header does not. */
    bzd_put_u64(last + 16, 0);
    mend_group(&log.file, last, last_size);
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(seen.count, log.fixture.next);
    last[28] ^= 1;
    uint32_t seed = bzd_crc32c(0, log.file.bytes + 16, 8);
    bzd_put_u32(last, bzd_crc32c(seed, last + 4, last_size - 4));
    cr_assert_eq(small_log_read(&log, log.file.bytes, log.file.size, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(seen.count, log.records[3]);

    /* A segment at the end of all positions. */
    uint64_t far = UINT64_C(1) << 63;
    bzd_put_u64(log.file.bytes + 24, far);
    bzd_put_u32(log.file.bytes + 12, bzd_crc32c(0, log.file.bytes + 16, 48));
    char path[BZD_PATH_MAX];
    fixture_segment_path(far, path);
    raw_file_write(log.fixture.env, path, log.file.bytes, BZD_WAL_SEGMENT_HEADER_SIZE);
    cr_assert_eq(log_read_of(&log.fixture, log.fixture.env, far, UINT64_MAX, &seen, &tail), BLITZDB_CORRUPT);
    fixture_deinit(&log.fixture);
}

/* A user's value may look like a header that vouches for more than it should: without the id it proves
 * nothing. */
Test(wal_segment, a_value_proves_nothing) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    fixture_append(&fixture, 1, true);
    uint64_t position = fixture.writer.position;
    uint8_t payload[2 + 1 + 1 + 1 + BZD_WAL_GROUP_HEADER_SIZE] = {BZD_RECORD_SET, 0, 1, 'k',
                                                                  BZD_WAL_GROUP_HEADER_SIZE};
    uint8_t *forged = payload + 5;
    bzd_put_u64(forged + 8, position + BZD_WAL_GROUP_HEADER_SIZE + 5);
    bzd_put_u64(forged + 16, position + BZD_WAL_GROUP_HEADER_SIZE);
    bzd_put_u32(forged + 28, bzd_crc32c(0, forged + 4, 24));
    cr_assert_eq(fixture_write(&fixture, payload, sizeof payload, 1), BLITZDB_OK);
    struct raw_file file;
    raw_file_read(fixture.env, FIRST_SEGMENT, &file);
    file.bytes[BZD_WAL_SEGMENT_HEADER_SIZE + position] ^= 1;
    raw_file_write(fixture.env, FIRST_SEGMENT, file.bytes, file.size);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(tail.position, position);
    fixture_deinit(&fixture);
}

/* The search for a later group goes on beyond one window of the reader. */
Test(wal_segment, finds_a_proof_far_away) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 30);
    fixture_append(&fixture, 1, true);
    uint64_t bad = fixture.writer.position;
    size_t size = 3 << 20;
    uint8_t *group = calloc(1, size);
    cr_assert_not_null(group);
    uint8_t *value = bzd_put_varint(group + 32 + 4, size - 40);
    group[32] = BZD_RECORD_SET;
    group[34] = 1;
    cr_assert_eq(
        bzd_wal_writer_write(&fixture.writer, group, (size_t)(value - group) + size - 40, 1, &fixture.error),
        BLITZDB_OK);
    free(group);
    cr_assert_eq(bzd_wal_writer_sync(&fixture.writer, &fixture.error), BLITZDB_OK);
    cr_assert_eq(fixture_write(&fixture, NULL, 0, 0), BLITZDB_OK);
    blitzdb_file *file = fixture.writer.file;
    cr_assert_eq(
        fixture.env->write_at(fixture.env->user, file, "x", 1, BZD_WAL_SEGMENT_HEADER_SIZE + bad + 100), 0);

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_CORRUPT);
    cr_assert_not_null(strstr(fixture.error.text, "a later group proves"));
    fixture_deinit(&fixture);
}

/* Groups that moved, because bytes before them are gone, still prove that those were durable. */
Test(wal_segment, moved_groups_are_a_proof) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    for (unsigned i = 0; i < 4; i++)
        fixture_append(&fixture, 2, true);
    struct raw_file file;
    raw_file_read(fixture.env, FIRST_SEGMENT, &file);
    size_t sizes[] = {1, 5, 40};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t at = BZD_WAL_SEGMENT_HEADER_SIZE + 10;
        struct raw_file moved = file;
        memmove(moved.bytes + at, file.bytes + at + sizes[i], file.size - at - sizes[i]);
        raw_file_write(fixture.env, FIRST_SEGMENT, moved.bytes, file.size - sizes[i]);
        struct log_seen seen = {0};
        struct bzd_wal_tail tail;
        cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_CORRUPT, "%zu bytes", sizes[i]);
        cr_assert_not_null(strstr(fixture.error.text, "a later group proves"));
    }
    fixture_deinit(&fixture);
}
