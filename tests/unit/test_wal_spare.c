/* Space that is there before it is needed: zeros behind the log's end, and segments that become new ones. */
#include "log_fixture.h"

#include "listing.h"
#include "wal_spare.h"

#define SPARE LOG_DIR "/spare-0000000000000000"

static uint64_t writes_of(const struct log_fixture *fixture) {
    return mem_env_calls(fixture->disk, MEM_CALL_WRITE);
}

/* The first group that makes the file grow prepares space, the next ones go over it; the reader sees nothing
 * of it, and trim takes it away. */
Test(wal_spare, zeros_are_prepared_for_small_writes) {
    struct log_fixture fixture;
    fixture_init(&fixture, 1 << 20);
    fixture.writer.prepare_bytes = 32 * 1024;
    fixture_append(&fixture, 2, true);
    cr_assert_geq(fixture.writer.file_size, 32 * 1024);
    uint64_t writes = writes_of(&fixture);
    fixture_append(&fixture, 2, true);
    cr_assert_eq(writes_of(&fixture), writes + 1, "no space is prepared while there is some");

    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(seen.count, 4);
    cr_assert_eq(tail.position, fixture.writer.position);
    cr_assert_eq(tail.torn_bytes, 0);
    cr_assert_gt(tail.cut_bytes, 0);

    bzd_wal_writer_trim(&fixture.writer);
    seen = (struct log_seen){0};
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(tail.cut_bytes, 0);
    fixture_deinit(&fixture);
}

/* Space is not prepared beyond the segment, nor where it cannot be, and that is no failure. */
Test(wal_spare, preparing_has_limits) {
    struct log_fixture fixture;
    fixture_init(&fixture, 8192);
    fixture.writer.prepare_bytes = 32 * 1024;
    fixture_append(&fixture, 2, false);
    cr_assert_eq(fixture.writer.file_size, 8192);
    fixture_deinit(&fixture);

    fixture_init(&fixture, 1 << 20);
    fixture.writer.prepare_bytes = 32 * 1024;
    struct mem_env_fault fault = {MEM_CALL_WRITE, 2, ENOSPC, true, MEM_PART_HALF};
    mem_env_fail(fixture.disk, &fault);
    cr_assert_eq(fixture_group(&fixture, 2), BLITZDB_OK);
    cr_assert_eq(mem_env_faults(fixture.disk), 1);
    mem_env_disarm(fixture.disk);
    fixture_append(&fixture, 2, true);
    struct log_seen seen = {0};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read(&fixture, &seen, &tail), BLITZDB_OK);
    cr_assert_eq(seen.count, 4);
    fixture_deinit(&fixture);
}

/** Two segments of 200 bytes, of which the first is set aside. */
static void make_spare(struct log_fixture *fixture) {
    fixture_init(fixture, 200);
    fixture_append(fixture, 5, true);
    fixture_append(fixture, 5, true);
    cr_assert_gt(fixture->writer.segment_start, 0);
    bzd_wal_remove_before(fixture->env, LOG_DIR, UINT64_MAX, 150);
    cr_assert_not(raw_file_exists(fixture->env, FIRST_SEGMENT));
    cr_assert(raw_file_exists(fixture->env, SPARE));
}

/** Reads the log from the second segment on; it must hold all records but the first five. */
static void check_rest(struct log_fixture *fixture, uint64_t from) {
    struct log_seen seen = {.first = 5};
    struct bzd_wal_tail tail;
    cr_assert_eq(log_read_of(fixture, fixture->env, from, UINT64_MAX, &seen, &tail), BLITZDB_OK, "%s",
                 fixture->error.text);
    cr_assert_eq(seen.count, fixture->next - 5);
    cr_assert_eq(tail.torn_bytes, 0, "old bytes are no trace of a write");
}

/* A segment that is not needed becomes the next one; its old groups are not read again. */
Test(wal_spare, a_segment_is_recycled) {
    struct log_fixture fixture;
    make_spare(&fixture);
    uint64_t from = fixture.writer.segment_start;
    uint64_t creates = mem_env_calls(fixture.disk, MEM_CALL_CREATE);
    fixture_append(&fixture, 1, true);
    fixture_append(&fixture, 4, true);
    cr_assert_gt(fixture.writer.segment_start, from);
    cr_assert_eq(mem_env_calls(fixture.disk, MEM_CALL_CREATE), creates);
    cr_assert_not(raw_file_exists(fixture.env, SPARE));
    check_rest(&fixture, from);
    fixture_append(&fixture, 1, true);
    check_rest(&fixture, from);
    fixture_deinit(&fixture);
}

/* Wherever recycling fails, a new file takes its place; and if the power fails, nothing is lost. */
Test(wal_spare, recycling_may_fail) {
    for (uint64_t nth = 1;; nth++) {
        struct log_fixture fixture;
        make_spare(&fixture);
        uint64_t from = fixture.writer.segment_start;
        struct mem_env_fault fault = {MEM_CALL_ANY_FILE, nth, EIO, false, MEM_PART_HALF};
        mem_env_fail(fixture.disk, &fault);
        blitzdb_status status = fixture_group(&fixture, 5);
        bool fired = mem_env_faults(fixture.disk) > 0;
        mem_env_disarm(fixture.disk);
        if (!fixture.writer.sync_failed) {
            fixture_append(&fixture, status == BLITZDB_OK ? 1 : 5, true);
            check_rest(&fixture, from);
        }
        fixture_deinit(&fixture);
        if (!fired)
            break;
    }
}

/** Removes the spare files when one of them is about to become a segment, as another thread may. */
static void remove_spares(void *user, enum mem_env_call call, const char *path) {
    if (call == MEM_CALL_RENAME && strstr(path, "log-") != NULL)
        bzd_wal_spare_remove_all(user, LOG_DIR);
}

/* A spare file that another thread removes when it is being used is replaced by a new file. */
Test(wal_spare, removed_by_another_thread) {
    struct log_fixture fixture;
    make_spare(&fixture);
    uint64_t from = fixture.writer.segment_start;
    size_t files = mem_env_open_files(fixture.disk);
    mem_env_before_change(fixture.disk, remove_spares, (void *)(uintptr_t)fixture.env);
    fixture_append(&fixture, 5, true);
    mem_env_before_change(fixture.disk, NULL, NULL);
    cr_assert_gt(fixture.writer.segment_start, from);
    cr_assert_not(raw_file_exists(fixture.env, SPARE));
    cr_assert_eq(mem_env_open_files(fixture.disk), files);
    check_rest(&fixture, from);
    fixture_deinit(&fixture);
}

/* No more than a few are kept, none of another size, and none at all where they are of no use. */
Test(wal_spare, few_are_kept) {
    struct log_fixture fixture;
    fixture_init(&fixture, 200);
    for (int i = 0; i < 5; i++)
        fixture_append(&fixture, 5, true);
    fixture_append(&fixture, 40, true); /* a segment of its own, too large to be kept */
    fixture_append(&fixture, 5, true);
    bzd_wal_remove_before(fixture.env, LOG_DIR, UINT64_MAX, 150);
    struct bzd_listing spares;
    cr_assert_eq(bzd_listing_init(&spares, fixture.env, LOG_DIR, BZD_WAL_SPARE_PREFIX, ""), BLITZDB_OK);
    cr_assert_eq(spares.count, BZD_WAL_SPARES_MAX);
    bzd_listing_deinit(&spares);
    bzd_wal_remove_before(fixture.env, LOG_DIR, UINT64_MAX, 0);
    cr_assert(raw_file_exists(fixture.env, SPARE), "another thread may be using it");
    bzd_wal_spare_remove_all(fixture.env, LOG_DIR);
    cr_assert_not(raw_file_exists(fixture.env, SPARE));
    fixture_deinit(&fixture);
}
