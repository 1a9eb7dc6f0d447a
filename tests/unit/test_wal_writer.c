/* Writing the log: what reaches the disk in which order, and what failures and crashes leave. */
#include "log_fixture.h"

#include "path.h"

/** Compares the names of the calls since the trace began. */
static void check_trace(struct mem_env *disk, const enum mem_env_call *expected, size_t count) {
    cr_assert_eq(mem_env_trace_count(disk), count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(mem_env_trace_at(disk, i).call, expected[i], "call %zu is %s", i,
                     mem_env_call_name(mem_env_trace_at(disk, i).call));
}

/** Reads the log and compares the number of records. */
static struct bzd_wal_tail check_log(struct log_fixture *fixture, uint32_t count) {
    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(fixture, &seen, &tail), BLITZDB_OK, "%s", fixture->error.text);
    cr_assert_eq(seen.count, count);
    return tail;
}

/* The example of docs/file-formats.md: a segment that begins at 4096, with two groups. */
static const uint8_t golden_segment[] = {
    0x42, 0x4c, 0x49, 0x54, 0x5a, 0x4c, 0x4f, 0x47, 0x01, 0x00, 0x00, 0x00, 0x0f, 0x17, 0x04, 0x74,
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x9c, 0x8b, 0x56, 0xb1, 0x08, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xb1, 0x93, 0x2a, 0x67,
    0x01, 0x00, 0x01, 0x61, 0x03, 0x6f, 0x6e, 0x65, 0x0f, 0x27, 0x2b, 0xd0, 0x14, 0x00, 0x00, 0x00,
    0x28, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x28, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x03, 0x00, 0x00, 0x00, 0x1c, 0x87, 0xf7, 0x88, 0x05, 0x02, 0x03, 0x00, 0x01, 0x61, 0x02, 0x01,
    0x01, 0x62, 0x03, 0x74, 0x77, 0x6f, 0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31,
};

static const uint8_t golden_database_id[BZD_DATABASE_ID_SIZE] = {
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static int golden_random(void *user, void *buffer, size_t size) {
    (void)user;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)(0xa0 + i);
    return 0;
}

static void write_golden_groups(struct bzd_wal_writer *writer) {
    uint8_t group[128];
    struct bzd_record set = {
        .type = BZD_RECORD_SET, .key = bzd_slice_of("a", 1), .value = bzd_slice_of("one", 3)};
    uint8_t *end = bzd_record_encode(group + BZD_WAL_GROUP_HEADER_SIZE, &set);
    cr_assert_eq(bzd_wal_writer_write(writer, group, (size_t)(end - group), 1, NULL), BLITZDB_OK);
    cr_assert_eq(bzd_wal_writer_sync(writer, NULL), BLITZDB_OK);

    struct bzd_record batch = {.type = BZD_RECORD_BATCH, .number = 2};
    struct bzd_record del = {.type = BZD_RECORD_DEL, .key = bzd_slice_of("a", 1)};
    struct bzd_record expiring = {.type = BZD_RECORD_SET_EXPIRING,
                                  .keyspace = 1,
                                  .key = bzd_slice_of("b", 1),
                                  .value = bzd_slice_of("two", 3),
                                  .expire_at_ms = INT64_C(1700000000000)};
    end = bzd_record_encode(group + BZD_WAL_GROUP_HEADER_SIZE, &batch);
    end = bzd_record_encode(end, &del);
    end = bzd_record_encode(end, &expiring);
    cr_assert_eq(bzd_wal_writer_write(writer, group, (size_t)(end - group), 3, NULL), BLITZDB_OK);
}

/* An encoder that changes a byte of the format makes older databases unreadable. */
Test(wal_writer, writes_the_documented_bytes) {
    struct mem_env *disk = mem_env_create(1);
    blitzdb_env env = *mem_env_table(disk);
    env.random = golden_random;
    struct bzd_wal_writer writer;
    bzd_wal_writer_init(&writer, &env, ".", golden_database_id, 1 << 20);

    cr_assert_eq(bzd_wal_writer_begin_segment(&writer, 4096, NULL), BLITZDB_OK);
    write_golden_groups(&writer);
    bzd_wal_writer_close(&writer);

    struct raw_file file;
    raw_file_read(&env, "log-0000000000001000", &file);
    cr_assert_arr_eq(file.bytes, golden_segment, sizeof golden_segment);
    cr_assert_eq(file.size, sizeof golden_segment);
    mem_env_destroy(disk);
}

static blitzdb_status count_record(void *user, const struct bzd_record *record) {
    unsigned *counts = user;
    counts[record->type]++;
    return BLITZDB_OK;
}

/* The documented bytes are read as what they say. */
Test(wal_writer, documented_bytes_are_read) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    raw_file_write(env, "log-0000000000001000", golden_segment, sizeof golden_segment);

    unsigned counts[8] = {0};
    struct bzd_wal_source source = {env, ".", golden_database_id, 4096, UINT64_MAX, false};
    struct bzd_wal_tail tail;
    cr_assert_eq(bzd_wal_read(&source, count_record, counts, &tail, NULL), BLITZDB_OK);

    cr_assert_eq(counts[BZD_RECORD_SET], 1);
    cr_assert_eq(counts[BZD_RECORD_BATCH], 1);
    cr_assert_eq(counts[BZD_RECORD_DEL], 1);
    cr_assert_eq(counts[BZD_RECORD_SET_EXPIRING], 1);
    cr_assert_eq(tail.position, 4096 + sizeof golden_segment - BZD_WAL_SEGMENT_HEADER_SIZE);
    cr_assert_eq(tail.segment_id, UINT64_C(0xa7a6a5a4a3a2a1a0));
    mem_env_destroy(disk);
}

/* A segment is created, written, synced and named on disk before anything is written behind its header. */
Test(wal_writer, begins_a_segment_in_order) {
    static const enum mem_env_call expected[] = {MEM_CALL_LIST_DIR, MEM_CALL_CREATE, MEM_CALL_WRITE,
                                                 MEM_CALL_SYNC, MEM_CALL_SYNC_DIR};
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    bzd_wal_writer_close(&fixture.writer);
    cr_assert_eq(fixture.env->remove(fixture.env->user, FIRST_SEGMENT), 0);

    mem_env_trace_begin(fixture.disk);
    cr_assert_eq(bzd_wal_writer_begin_segment(&fixture.writer, 0, &fixture.error), BLITZDB_OK);

    check_trace(fixture.disk, expected, sizeof expected / sizeof expected[0]);
    fixture_deinit(&fixture);
}

/* A group that does not fit begins the next segment, after the old one was synced whole. */
Test(wal_writer, rotates_in_order) {
    static const enum mem_env_call expected[] = {MEM_CALL_SYNC,     MEM_CALL_CLOSE, MEM_CALL_LIST_DIR,
                                                 MEM_CALL_CREATE,   MEM_CALL_WRITE, MEM_CALL_SYNC,
                                                 MEM_CALL_SYNC_DIR, MEM_CALL_WRITE};
    struct log_fixture fixture;
    fixture_init(&fixture, 200);
    fixture_append(&fixture, 5, false);
    uint64_t position = fixture.writer.position;

    mem_env_trace_begin(fixture.disk);
    fixture_append(&fixture, 5, false);

    check_trace(fixture.disk, expected, sizeof expected / sizeof expected[0]);
    cr_assert_eq(fixture.writer.segment_start, position);
    cr_assert_eq(fixture.writer.durable, position);
    check_log(&fixture, 10);
    fixture_deinit(&fixture);
}

/* A segment holds at least one group, however large. */
Test(wal_writer, a_large_group_has_a_segment_of_its_own) {
    struct log_fixture fixture;
    fixture_init(&fixture, 100);

    fixture_append(&fixture, 50, false);
    cr_assert_eq(fixture.writer.segment_start, 0);
    cr_assert_eq(mem_env_calls(fixture.disk, MEM_CALL_SYNC), 1, "the empty segment was not begun anew");
    fixture_append(&fixture, 50, false);
    cr_assert_neq(fixture.writer.segment_start, 0);

    check_log(&fixture, 100);
    fixture_deinit(&fixture);
}

/* Two segments have different ids, or old groups could be taken for new ones. */
Test(wal_writer, every_segment_has_its_own_id) {
    struct log_fixture fixture;
    fixture_init(&fixture, 100);
    uint64_t id = fixture.writer.segment_id;

    fixture_append(&fixture, 5, false);
    fixture_append(&fixture, 5, false);

    cr_assert_neq(fixture.writer.segment_id, id);
    fixture_deinit(&fixture);
}

/* The durable position grows with a sync, not with a write. */
Test(wal_writer, only_a_sync_makes_durable) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);

    fixture_append(&fixture, 1, false);
    cr_assert_eq(fixture.writer.durable, 0);
    fixture_append(&fixture, 1, true);
    cr_assert_eq(fixture.writer.durable, fixture.writer.position);
    fixture_deinit(&fixture);
}

/* A write that failed half-way is written over by the next one, at the same position. */
Test(wal_writer, goes_over_a_failed_write) {
    for (int part = MEM_PART_NONE; part <= MEM_PART_ALL_BUT_ONE; part++) {
        struct log_fixture fixture;
        fixture_init(&fixture, 1 << 20);
        fixture_append(&fixture, 2, true);
        uint64_t position = fixture.writer.position;
        struct mem_env_fault fault = {MEM_CALL_WRITE, 1, ENOSPC, false, (enum mem_env_part)part};
        mem_env_fail(fixture.disk, &fault);

        cr_assert_eq(fixture_group(&fixture, 9), BLITZDB_NO_SPACE);
        cr_assert_eq(fixture.error.system_errno, ENOSPC);
        cr_assert_not_null(strstr(fixture.error.text, "log-0000000000000000: offset "));
        cr_assert_not_null(strstr(fixture.error.text, "written: no space left on the device; make room"));
        cr_assert_eq(fixture.writer.position, position);
        cr_assert_eq(check_log(&fixture, 2).position, position);

        fixture_append(&fixture, 1, false);
        struct bzd_wal_tail tail = check_log(&fixture, 3);
        cr_assert_eq(tail.position, fixture.writer.position);
        fixture_deinit(&fixture);
    }
}

/* A failed sync is reported, noted for good, and nothing counts as durable by it. */
Test(wal_writer, a_failed_sync_makes_nothing_durable) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    fixture_append(&fixture, 1, false);
    struct mem_env_fault fault = {MEM_CALL_SYNC, 1, EIO, false, MEM_PART_NONE};
    mem_env_fail(fixture.disk, &fault);

    cr_assert_eq(bzd_wal_writer_sync(&fixture.writer, &fixture.error), BLITZDB_IO);

    cr_assert_eq(fixture.writer.durable, 0);
    cr_assert(fixture.writer.sync_failed);
    fixture_deinit(&fixture);
}

/* A rotation whose old segment cannot be synced stops there: no new segment may claim that the old one is
 * whole. */
Test(wal_writer, a_failed_sync_stops_the_rotation) {
    struct log_fixture fixture;
    fixture_init(&fixture, 200);
    fixture_append(&fixture, 5, false);
    struct mem_env_fault fault = {MEM_CALL_SYNC, 1, EIO, false, MEM_PART_NONE};
    mem_env_fail(fixture.disk, &fault);

    cr_assert_eq(fixture_group(&fixture, 5), BLITZDB_IO);

    cr_assert(fixture.writer.sync_failed);
    cr_assert_eq(fixture.writer.durable, 0);
    cr_assert_eq(mem_env_calls(fixture.disk, MEM_CALL_CREATE), 1);
    fixture_deinit(&fixture);
}

/** Lets the n-th call of a kind fail in a rotation, then tries again with a group that would fit the old
 * segment. */
static bool check_rotation_fault(enum mem_env_call call, uint64_t nth, int error, enum mem_env_part part) {
    struct log_fixture fixture;
    fixture_init(&fixture, 200);
    fixture_append(&fixture, 5, true);
    struct mem_env_fault fault = {call, nth, error, false, part};
    mem_env_fail(fixture.disk, &fault);
    blitzdb_status status = fixture_group(&fixture, 5);
    bool fired = mem_env_faults(fixture.disk) > 0;
    mem_env_disarm(fixture.disk);

    cr_assert_eq(status == BLITZDB_OK, !fired);
    if (!fired)
        cr_assert_eq(fixture.next, 10);
    struct bzd_wal_tail tail = check_log(&fixture, fixture.next);
    if (!fixture.writer.sync_failed) {
        fixture_append(&fixture, 1, true);
        tail = check_log(&fixture, fixture.next);
        cr_assert_eq(tail.position, fixture.writer.position);
        cr_assert(!fired || tail.segment_start > 0, "the old segment must take no more groups");
    }
    fixture_deinit(&fixture);
    return fired;
}

/* Wherever a rotation fails, the log stays readable; and unless a sync failed, the next write simply works.
 */
Test(wal_writer, a_failed_rotation_can_be_repeated) {
    static const enum mem_env_call calls[] = {MEM_CALL_CREATE, MEM_CALL_WRITE, MEM_CALL_SYNC,
                                              MEM_CALL_SYNC_DIR, MEM_CALL_RANDOM};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (int part = MEM_PART_NONE; part <= MEM_PART_ALL_BUT_ONE; part++) {
            uint64_t nth = 1;
            while (check_rotation_fault(calls[i], nth, ENOSPC, (enum mem_env_part)part))
                nth++;
            cr_assert_gt(nth, 1, "%s never failed", mem_env_call_name(calls[i]));
        }
    }
}

/* A repeated attempt uses the file of the first one, which may not be opened, measured or emptied either. */
Test(wal_writer, a_failing_repetition_is_reported) {
    static const enum mem_env_call calls[] = {MEM_CALL_OPEN, MEM_CALL_FILE_SIZE, MEM_CALL_TRUNCATE};
    struct log_fixture fixture;
    fixture_init(&fixture, 200);
    fixture_append(&fixture, 5, true);
    char path[BZD_PATH_MAX];
    bzd_path_numbered(path, LOG_DIR, BZD_WAL_NAME_PREFIX, fixture.writer.position, "");
    raw_file_write(fixture.env, path, "BLITZ", 5);

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct mem_env_fault fault = {calls[i], 1, EIO, false, MEM_PART_NONE};
        mem_env_fail(fixture.disk, &fault);
        cr_assert_eq(fixture_group(&fixture, 5), BLITZDB_IO);
        cr_assert_eq(mem_env_faults(fixture.disk), 1);
        mem_env_disarm(fixture.disk);
    }
    fixture_append(&fixture, 5, true);
    check_log(&fixture, 10);
    fixture_deinit(&fixture);
}

/* A file with more than a header is never written over. */
Test(wal_writer, refuses_to_replace_groups) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    fixture_append(&fixture, 5, true);
    bzd_wal_writer_close(&fixture.writer);

    cr_assert_eq(bzd_wal_writer_begin_segment(&fixture.writer, 0, &fixture.error), BLITZDB_CORRUPT);

    check_log(&fixture, 5);
    fixture_deinit(&fixture);
}

/* Going on removes a torn segment and cuts a torn tail; from then on everything that was read is durable. */
Test(wal_writer, resumes_behind_the_last_group) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    fixture_append(&fixture, 5, true);
    uint64_t position = fixture.writer.position;
    bzd_wal_writer_close(&fixture.writer);
    char torn[BZD_PATH_MAX];
    bzd_path_numbered(torn, LOG_DIR, BZD_WAL_NAME_PREFIX, position, "");
    raw_file_write(fixture.env, torn, "BLITZ", 5);

    struct bzd_wal_tail tail = check_log(&fixture, 5);
    cr_assert_eq(bzd_wal_writer_resume(&fixture.writer, &tail, &fixture.error), BLITZDB_OK);
    cr_assert_not(raw_file_exists(fixture.env, torn));
    cr_assert_eq(fixture.writer.durable, position);
    cr_assert_eq(mem_env_pending(fixture.disk), 0);
    fixture_append(&fixture, 5, true);

    check_log(&fixture, 10);
    fixture_deinit(&fixture);
}

/* Wherever going on fails, nothing is open and a second attempt works. */
Test(wal_writer, a_failed_resume_can_be_repeated) {
    for (uint64_t nth = 1;; nth++) {
        struct log_fixture fixture;
        fixture_init(&fixture, 1 << 20);
        fixture_append(&fixture, 5, true);
        struct mem_env_fault torn_write = {MEM_CALL_WRITE, 1, EIO, false, MEM_PART_HALF};
        mem_env_fail(fixture.disk, &torn_write);
        cr_assert_eq(fixture_group(&fixture, 3), BLITZDB_IO);
        bzd_wal_writer_close(&fixture.writer);
        struct bzd_wal_tail tail = check_log(&fixture, 5);
        cr_assert_gt(tail.torn_bytes, 0);

        struct mem_env_fault fault = {MEM_CALL_ANY_FILE, nth, EIO, false, MEM_PART_NONE};
        mem_env_fail(fixture.disk, &fault);
        blitzdb_status status = bzd_wal_writer_resume(&fixture.writer, &tail, &fixture.error);
        bool fired = mem_env_faults(fixture.disk) > 0;
        mem_env_disarm(fixture.disk);
        if (status != BLITZDB_OK) {
            cr_assert_eq(mem_env_open_files(fixture.disk), 0);
            fixture.error.status = BLITZDB_OK;
            cr_assert_eq(bzd_wal_writer_resume(&fixture.writer, &tail, &fixture.error), BLITZDB_OK);
        }
        fixture_append(&fixture, 1, true);
        tail = check_log(&fixture, 6);
        cr_assert_eq(tail.torn_bytes, 0);
        fixture_deinit(&fixture);
        if (!fired)
            break;
        cr_assert_neq(status, BLITZDB_OK);
    }
}

/* Segments that end at or before a position go; the one that contains it, and the last one, stay. */
Test(wal_writer, removes_what_is_not_needed) {
    struct log_fixture fixture;
    fixture_init(&fixture, 100);
    uint64_t starts[4];
    char paths[4][BZD_PATH_MAX];
    for (size_t i = 0; i < 4; i++) {
        fixture_append(&fixture, 5, true);
        starts[i] = fixture.writer.segment_start;
        bzd_path_numbered(paths[i], LOG_DIR, BZD_WAL_NAME_PREFIX, starts[i], "");
    }

    bzd_wal_remove_before(fixture.env, LOG_DIR, starts[2] - 1, 0);
    cr_assert_not(raw_file_exists(fixture.env, paths[0]));
    cr_assert(raw_file_exists(fixture.env, paths[1]));
    bzd_wal_remove_before(fixture.env, LOG_DIR, starts[2], 0);
    cr_assert_not(raw_file_exists(fixture.env, paths[1]));
    cr_assert(raw_file_exists(fixture.env, paths[2]));
    bzd_wal_remove_before(fixture.env, LOG_DIR, UINT64_MAX, 0);
    cr_assert_not(raw_file_exists(fixture.env, paths[2]));
    cr_assert(raw_file_exists(fixture.env, paths[3]));
    cr_assert_eq(mem_env_pending(fixture.disk), 0);
    fixture_deinit(&fixture);
}

/** What a run of the crash test was told. */
struct crash_run {
    uint32_t written; /* records whose write was begun */
    uint32_t durable; /* records whose sync was acknowledged */
};

/** Writes groups of three records over several segments; every second one is synced. Ends at the first
 * failure. */
static struct crash_run write_until_failure(struct log_fixture *fixture) {
    struct crash_run run = {0};
    for (uint32_t i = 0; i < 12; i++) {
        run.written = fixture->next + 3;
        if (fixture_group(fixture, 3) != BLITZDB_OK)
            break;
        /* What a rotation has synced is durable too. */
        if (i % 2 == 1 && bzd_wal_writer_sync(&fixture->writer, &fixture->error) != BLITZDB_OK)
            break;
        if (fixture->writer.durable == fixture->writer.position)
            run.durable = fixture->next;
    }
    bzd_wal_writer_close(&fixture->writer);
    return run;
}

/** Reads what a power failure left, goes on writing there, and reads again. */
static void check_image(struct log_fixture *fixture, struct mem_env *image, const struct crash_run *run,
                        const char *what) {
    const blitzdb_env *env = mem_env_table(image);
    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    blitzdb_status status = log_read_of(fixture, env, 0, UINT64_MAX, &seen, &tail);
    cr_assert_eq(status, BLITZDB_OK, "%s: %s", what, fixture->error.text);
    cr_assert(seen.count >= run->durable && seen.count <= run->written, "%s: %u records, %u durable", what,
              seen.count, run->durable);

    struct log_fixture after = *fixture;
    after.disk = image;
    after.env = env;
    after.next = seen.count;
    bzd_wal_writer_init(&after.writer, env, LOG_DIR, after.database_id, 200);
    cr_assert_eq(bzd_wal_writer_resume(&after.writer, &tail, &after.error), BLITZDB_OK);
    for (int i = 0; i < 3; i++)
        fixture_append(&after, 3, true);
    check_log(&after, seen.count + 9);
    fixture_deinit(&after);
}

/* Power may fail before any call and keep any part of what was not synced: synced groups are there, in order.
 */
Test(wal_writer, survives_power_failure_everywhere) {
    bool crashed = true;
    for (uint64_t nth = 1; crashed; nth++) {
        struct log_fixture fixture;
        fixture_init(&fixture, 200);
        mem_env_crash_at(fixture.disk, nth);
        struct crash_run run = write_until_failure(&fixture);
        crashed = mem_env_crashed(fixture.disk);
        for (int damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
            uint64_t images = mem_env_crash_count(fixture.disk, (enum mem_env_damage)damage);
            for (uint64_t i = 0; i < images; i++)
                check_image(&fixture, mem_env_crash(fixture.disk, (enum mem_env_damage)damage, i), &run,
                            mem_env_damage_name((enum mem_env_damage)damage));
        }
        fixture_deinit(&fixture);
    }
}
