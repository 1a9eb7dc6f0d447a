/* The group commit: what is written and synced when, and what a failure of either leaves behind. */
#include <errno.h>

#include <criterion/criterion.h>

#include "log.h"
#include "mem_env.h"
#include "record.h"
#include "wal_reader.h"

#define LOG_DIR "db"

static struct mem_env *disk;
static const blitzdb_env *env;
static uint8_t database_id[BZD_DATABASE_ID_SIZE];
static struct bzd_logger silent;
static struct bzd_log tested;

static void setup(void) {
    struct bzd_wal_writer writer;
    disk = mem_env_create(1);
    env = mem_env_table(disk);
    cr_assert_eq(env->make_dir(env->user, LOG_DIR), 0);
    bzd_wal_writer_init(&writer, env, LOG_DIR, database_id, 1 << 20);
    cr_assert_eq(bzd_wal_writer_begin_segment(&writer, 0, NULL), BLITZDB_OK);
    cr_assert_eq(bzd_log_init(&tested, &writer, 4096, &silent), BLITZDB_OK);
}

static void teardown(void) {
    bzd_log_deinit(&tested);
    cr_assert_eq(mem_env_live_memory(disk), 0);
    cr_assert_eq(mem_env_open_files(disk), 0);
    mem_env_destroy(disk);
}

TestSuite(log, .init = setup, .fini = teardown);

/** Appends DEL of a key of `size` bytes; returns the position behind it. */
static uint64_t append(size_t size) {
    static const uint8_t key[8192];
    struct bzd_record record = {.type = BZD_RECORD_DEL, .key = bzd_slice_of(key, size)};
    size_t bytes = bzd_record_size(&record);
    uint8_t *to;
    cr_assert_eq(bzd_log_append_begin(&tested, bytes, &to), BLITZDB_OK);
    (void)bzd_record_encode(to, &record);
    return bzd_log_append_end(&tested, bytes, 1);
}

static blitzdb_status count_record(void *user, const struct bzd_record *record) {
    cr_assert_eq(record->type, BZD_RECORD_DEL);
    ++*(unsigned *)user;
    return BLITZDB_OK;
}

/** Records a reader finds in the files as they are now. */
static unsigned records_on_disk(void) {
    struct bzd_wal_source source = {env, LOG_DIR, database_id, 0, UINT64_MAX, false};
    struct bzd_wal_tail tail;
    unsigned count = 0;
    cr_assert_eq(bzd_wal_read(&source, count_record, &count, &tail, NULL), BLITZDB_OK);
    return count;
}

static uint64_t load(const _Atomic uint64_t *position) {
    return atomic_load(position);
}

/* Appending moves the position and touches no file. */
Test(log, append_stays_in_memory) {
    uint64_t writes = mem_env_calls(disk, MEM_CALL_WRITE);

    uint64_t position = append(3);

    cr_assert_eq(position, load(&tested.position));
    cr_assert_gt(position, load(&tested.written));
    cr_assert_eq(mem_env_calls(disk, MEM_CALL_WRITE), writes);
}

/** Appends DEL of a key of 1000 bytes into room that was promised. */
static blitzdb_status append_promised(size_t promised) {
    static const uint8_t key[1000];
    struct bzd_record record = {.type = BZD_RECORD_DEL, .key = bzd_slice_of(key, sizeof key)};
    size_t bytes = bzd_record_size(&record);
    uint8_t *to;
    blitzdb_status status = bzd_log_append_promised(&tested, promised, bytes, &to);
    if (status == BLITZDB_OK) {
        (void)bzd_record_encode(to, &record);
        (void)bzd_log_append_end(&tested, bytes, 1);
    }
    return status;
}

/* Promised room is there when it is needed, whatever was appended and written meanwhile, and in all. */
Test(log, promises_are_kept) {
    struct mem_env_fault no_memory = {.call = MEM_CALL_ANY_MEMORY, .nth = 1, .for_good = true};
    for (unsigned writes = 0; writes < 4; writes++) {
        cr_assert_eq(bzd_log_promise(&tested, 600), BLITZDB_OK);
        if ((writes & 1) != 0)
            cr_assert_eq(bzd_log_write_out(&tested, append(3)), BLITZDB_OK);
        cr_assert_eq(bzd_log_promise(&tested, 1500), BLITZDB_OK);
        append(2000);
        if ((writes & 2) != 0)
            cr_assert_eq(bzd_log_write_out(&tested, append(3)), BLITZDB_OK);

        mem_env_fail(disk, &no_memory);
        cr_assert_eq(append_promised(1050), BLITZDB_OK);
        cr_assert_eq(append_promised(1050), BLITZDB_OK);
        mem_env_disarm(disk);
        cr_assert_eq(tested.promised, 0);
        cr_assert_eq(bzd_log_write_out(&tested, load(&tested.position)), BLITZDB_OK);
    }
}

/* Without memory for what was promised a group is not taken: it waits, and so does every writer. */
Test(log, promises_hold_a_group_back) {
    struct mem_env_fault no_memory = {.call = MEM_CALL_ANY_MEMORY, .nth = 1, .for_good = true};
    cr_assert_eq(bzd_log_promise(&tested, 1050), BLITZDB_OK);
    uint64_t position = append(3);

    mem_env_fail(disk, &no_memory);
    cr_assert_eq(bzd_log_write_out(&tested, position), BLITZDB_NO_MEMORY);
    cr_assert_eq(append_promised(1050), BLITZDB_OK);
    mem_env_disarm(disk);
    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_OK);
    cr_assert_eq(records_on_disk(), 2);
}

/* Everything collected goes out in one write, and is not durable by that. */
Test(log, write_out_is_one_group) {
    append(3);
    append(3);
    uint64_t position = append(3);
    uint64_t writes = mem_env_calls(disk, MEM_CALL_WRITE);

    cr_assert_eq(bzd_log_write_out(&tested, position), BLITZDB_OK);

    cr_assert_eq(mem_env_calls(disk, MEM_CALL_WRITE), writes + 1);
    cr_assert_eq(load(&tested.written), position);
    cr_assert_lt(load(&tested.durable), position);
    cr_assert_eq(records_on_disk(), 3);
}

/* A position that is reached already costs no call. */
Test(log, sync_of_the_past_is_free) {
    uint64_t position = append(3);
    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_OK);
    cr_assert_eq(load(&tested.durable), position);
    uint64_t syncs = mem_env_calls(disk, MEM_CALL_SYNC);

    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_OK);

    cr_assert_eq(mem_env_calls(disk, MEM_CALL_SYNC), syncs);
}

/* Without space the group is kept, writers are refused at the door, and everything is there once there is
 * room. */
Test(log, no_space_is_tried_again) {
    uint64_t position = append(3);
    struct mem_env_fault fault = {
        .call = MEM_CALL_WRITE, .nth = 1, .error = ENOSPC, .for_good = true, .part = MEM_PART_HALF};
    mem_env_fail(disk, &fault);
    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_NO_SPACE);
    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_NO_SPACE);
    append(3);

    mem_env_disarm(disk);

    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_OK);
    cr_assert_eq(bzd_log_sync(&tested, load(&tested.position)), BLITZDB_OK);
    cr_assert_eq(records_on_disk(), 2);
}

/* Any other failed write is final. */
Test(log, failed_write_is_final) {
    uint64_t position = append(3);
    struct mem_env_fault fault = {.call = MEM_CALL_WRITE, .nth = 1, .error = EIO};
    mem_env_fail(disk, &fault);

    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_IO);

    uint8_t *to;
    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_LOG_FAILED);
    cr_assert_eq(bzd_log_append_begin(&tested, 1, &to), BLITZDB_LOG_FAILED);
    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_LOG_FAILED);
}

/* A failed sync is never tried again, whatever the error, although a second one would succeed. */
Test(log, failed_sync_is_final_for_every_error) {
    uint64_t position = append(3);
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = ENOSPC};
    mem_env_fail(disk, &fault);
    cr_assert_neq(bzd_log_sync(&tested, position), BLITZDB_OK);
    uint64_t syncs = mem_env_calls(disk, MEM_CALL_SYNC);

    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_LOG_FAILED);

    cr_assert_eq(mem_env_calls(disk, MEM_CALL_SYNC), syncs);
    cr_assert_lt(load(&tested.durable), position);
}

/* The door writes out when more waits than the limit allows, and does nothing below it. */
Test(log, admit_bounds_what_waits) {
    append(3000);
    uint64_t writes = mem_env_calls(disk, MEM_CALL_WRITE);
    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_OK);
    cr_assert_eq(mem_env_calls(disk, MEM_CALL_WRITE), writes);

    uint64_t position = append(3000);

    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_OK);
    cr_assert_eq(load(&tested.written), position);
}

/* A buffer that cannot grow refuses the record and stays usable. */
Test(log, append_without_memory) {
    uint8_t *to;
    struct mem_env_fault fault = {.call = MEM_CALL_ANY_MEMORY, .nth = 1};
    mem_env_fail(disk, &fault);
    cr_assert_eq(bzd_log_append_begin(&tested, 10, &to), BLITZDB_NO_MEMORY);

    uint64_t position = append(3);

    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_OK);
    cr_assert_eq(records_on_disk(), 1);
}

/* The start of the group being collected is where a reader may begin. */
Test(log, group_start_is_a_readable_position) {
    cr_assert_eq(bzd_log_write_out(&tested, append(3)), BLITZDB_OK);
    append(3);
    uint64_t start = bzd_log_group_start(&tested);
    append(3);
    cr_assert_eq(bzd_log_write_out(&tested, load(&tested.position)), BLITZDB_OK);

    struct bzd_wal_source source = {env, LOG_DIR, database_id, start, UINT64_MAX, false};
    struct bzd_wal_tail tail;
    unsigned count = 0;
    cr_assert_eq(bzd_wal_read(&source, count_record, &count, &tail, NULL), BLITZDB_OK);
    cr_assert_eq(count, 2);
    cr_assert_eq(tail.position, load(&tested.position));
}

/* Sealing leaves a group behind that vouches for the last records: damage to them is corruption now. */
Test(log, seal_vouches_for_the_last_group) {
    append(100);
    cr_assert_eq(bzd_log_seal(&tested), BLITZDB_OK);
    blitzdb_file *file;
    uint8_t byte = 0xFF;
    cr_assert_eq(env->open(env->user, LOG_DIR "/log-0000000000000000", BLITZDB_FILE_WRITE, &file), 0);
    cr_assert_eq(env->write_at(env->user, file, &byte, 1, BZD_WAL_SEGMENT_HEADER_SIZE + 50), 0);
    cr_assert_eq(env->close(env->user, file), 0);

    struct bzd_wal_source source = {env, LOG_DIR, database_id, 0, UINT64_MAX, false};
    struct bzd_wal_tail tail;
    unsigned count = 0;
    cr_assert_eq(bzd_wal_read(&source, count_record, &count, &tail, NULL), BLITZDB_CORRUPT);
}

/* A restart begins a clean segment at the same position and clears a failure. */
Test(log, restart_clears_a_failure) {
    uint64_t position = append(3);
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO};
    mem_env_fail(disk, &fault);
    cr_assert_eq(bzd_log_sync(&tested, position), BLITZDB_IO);

    cr_assert_eq(bzd_log_restart(&tested, LOG_DIR, database_id, NULL), BLITZDB_OK);
    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_LOG_FAILED, "nobody writes before the new segment counts");
    bzd_log_clear(&tested);

    cr_assert_eq(load(&tested.position), position);
    cr_assert_eq(bzd_log_admit(&tested), BLITZDB_OK);
    cr_assert_eq(bzd_log_sync(&tested, append(3)), BLITZDB_OK);
}
