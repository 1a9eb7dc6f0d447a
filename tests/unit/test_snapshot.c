/* Snapshots: written as documented, read only as a whole, and never left behind half-finished. */
#include <criterion/criterion.h>

#include "codec.h"
#include "crc32c.h"
#include "mem_env.h"
#include "raw_file.h"
#include "snapshot_writer.h"
#include "whole_snapshot.h"

#define FINAL_PATH "./snapshot-0000000000000003"
#define TEMPORARY_PATH FINAL_PATH ".tmp"

/* The example of docs/file-formats.md: two entries, from position 0x1000 to 0x1028. */
static const uint8_t golden_snapshot[] = {
    0x42, 0x4c, 0x49, 0x54, 0x5a, 0x53, 0x4e, 0x50, 0x01, 0x00, 0x00, 0x00, 0x20, 0xb7, 0x63, 0x61, 0xa0,
    0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11,
    0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x10, 0x32, 0x54,
    0x76, 0x98, 0xba, 0xdc, 0xfe, 0x00, 0x68, 0xe5, 0xcf, 0x8b, 0x01, 0x00, 0x00, 0x1a, 0x10, 0x36, 0x24,
    0x16, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x61, 0x03,
    0x6f, 0x6e, 0x65, 0x02, 0x01, 0x01, 0x62, 0x03, 0x74, 0x77, 0x6f, 0xe0, 0xa4, 0x99, 0xff, 0xbc, 0x31,
    0x2c, 0x77, 0x7f, 0x88, 0x10, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00, 0x00, 0x00, 0x02,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x28, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/** What the golden snapshot says about itself. */
static const struct bzd_snapshot_info golden_info = {
    .serial = 3,
    .start_position = 0x1000,
    .end_position = 0x1028,
    .keyspace_map = UINT64_C(0xfedcba9876543210),
    .created_ms = INT64_C(1700000000000),
    .record_count = 2,
    .database_id = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
                    0xff},
};

static int golden_random(void *user, void *buffer, size_t size) {
    (void)user;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)(0xa0 + i);
    return 0;
}

/** Writes the two entries of the golden snapshot; ends at the first failure. */
static blitzdb_status write_golden(const blitzdb_env *env, struct bzd_snapshot_writer *writer,
                                   blitzdb_error *error) {
    struct bzd_record set = {
        .type = BZD_RECORD_SET, .key = bzd_slice_of("a", 1), .value = bzd_slice_of("one", 3)};
    struct bzd_record expiring = {.type = BZD_RECORD_SET_EXPIRING,
                                  .keyspace = 1,
                                  .key = bzd_slice_of("b", 1),
                                  .value = bzd_slice_of("two", 3),
                                  .expire_at_ms = INT64_C(1700000060000)};
    blitzdb_status status = bzd_snapshot_writer_begin(writer, env, ".", &golden_info, error);
    if (status == BLITZDB_OK)
        status = bzd_snapshot_writer_add(writer, &set);
    if (status == BLITZDB_OK)
        status = bzd_snapshot_writer_flush(writer, error);
    if (status == BLITZDB_OK)
        status = bzd_snapshot_writer_add(writer, &expiring);
    if (status == BLITZDB_OK)
        status = bzd_snapshot_writer_finish(writer, golden_info.end_position, error);
    return status;
}

/** Counts records and bytes; fails at a count if asked to. */
struct seen {
    uint64_t count;
    uint64_t value_bytes;
    uint64_t fail_at;
};

static blitzdb_status take(void *user, const struct bzd_record *record) {
    struct seen *seen = user;
    seen->count++;
    seen->value_bytes += record->value.size;
    return seen->count == seen->fail_at ? BLITZDB_MEMORY_LIMIT : BLITZDB_OK;
}

/** Puts bytes in place of the snapshot and reads it. */
static blitzdb_status read_bytes(const blitzdb_env *env, const void *bytes, size_t size, struct seen *seen,
                                 blitzdb_error *error) {
    raw_file_write(env, FINAL_PATH, bytes, size);
    *seen = (struct seen){0};
    *error = (blitzdb_error){.status = BLITZDB_OK};
    struct bzd_snapshot_info info;
    return read_whole_snapshot(env, ".", 3, golden_info.database_id, take, seen, &info, error);
}

/* An encoder that changes a byte of the format makes older snapshots unreadable. */
Test(snapshot, writes_the_documented_bytes) {
    struct mem_env *disk = mem_env_create(1);
    blitzdb_env env = *mem_env_table(disk);
    env.random = golden_random;

    struct bzd_snapshot_writer writer;
    cr_assert_eq(write_golden(&env, &writer, NULL), BLITZDB_OK);
    bzd_snapshot_writer_deinit(&writer);

    struct raw_file file;
    raw_file_read(&env, FINAL_PATH, &file);
    cr_assert_eq(file.size, sizeof golden_snapshot);
    cr_assert_arr_eq(file.bytes, golden_snapshot, sizeof golden_snapshot);
    cr_assert_eq(mem_env_live_memory(disk), 0);
    mem_env_destroy(disk);
}

/* The documented bytes are read as what they say. */
Test(snapshot, reads_the_documented_bytes) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    raw_file_write(env, FINAL_PATH, golden_snapshot, sizeof golden_snapshot);

    struct seen seen = {0};
    struct bzd_snapshot_info info;
    cr_assert_eq(read_whole_snapshot(env, ".", 3, golden_info.database_id, take, &seen, &info, NULL),
                 BLITZDB_OK);

    cr_assert_eq(seen.count, 2);
    cr_assert_eq(info.serial, golden_info.serial);
    cr_assert_eq(info.start_position, golden_info.start_position);
    cr_assert_eq(info.end_position, golden_info.end_position);
    cr_assert_eq(info.keyspace_map, golden_info.keyspace_map);
    cr_assert_eq(info.created_ms, golden_info.created_ms);
    cr_assert_eq(info.record_count, golden_info.record_count);
    cr_assert_arr_eq(info.database_id, golden_info.database_id, sizeof info.database_id);
    cr_assert_eq(mem_env_live_memory(disk), 0);
    cr_assert_eq(mem_env_open_files(disk), 0);
    mem_env_destroy(disk);
}

/* The file is synced, then renamed, then its name is synced. */
Test(snapshot, is_published_in_order) {
    static const enum mem_env_call expected[] = {MEM_CALL_REMOVE, MEM_CALL_CREATE, MEM_CALL_WRITE,
                                                 MEM_CALL_WRITE,  MEM_CALL_WRITE,  MEM_CALL_SYNC,
                                                 MEM_CALL_RENAME, MEM_CALL_CLOSE,  MEM_CALL_SYNC_DIR};
    struct mem_env *disk = mem_env_create(1);
    struct bzd_snapshot_writer writer;

    mem_env_trace_begin(disk);
    cr_assert_eq(write_golden(mem_env_table(disk), &writer, NULL), BLITZDB_OK);

    cr_assert_eq(mem_env_trace_count(disk), sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        cr_assert_eq(mem_env_trace_at(disk, i).call, expected[i], "call %zu is %s", i,
                     mem_env_call_name(mem_env_trace_at(disk, i).call));
    bzd_snapshot_writer_deinit(&writer);
    mem_env_destroy(disk);
}

/** Adds a record with a value of a size, and flushes. */
static void add_sized(struct bzd_snapshot_writer *writer, const uint8_t *bytes, size_t size) {
    struct bzd_record record = {
        .type = BZD_RECORD_SET, .key = bzd_slice_of("key", 3), .value = bzd_slice_of(bytes, size)};
    cr_assert_eq(bzd_snapshot_writer_add(writer, &record), BLITZDB_OK);
}

/* Many blocks, some of one large record, with and without flushes between: all comes back, no block is too
 * large. */
Test(snapshot, round_trip_over_many_blocks) {
    enum { LARGE = 3 << 20 };
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    uint8_t *bytes = calloc(1, LARGE);
    cr_assert_not_null(bytes);
    struct bzd_snapshot_writer writer;
    cr_assert_eq(bzd_snapshot_writer_begin(&writer, env, ".", &golden_info, NULL), BLITZDB_OK);

    uint64_t value_bytes = 0;
    for (size_t i = 0; i < 300; i++) {
        size_t size = i % 100 == 50 ? LARGE : i * 100;
        add_sized(&writer, bytes, size);
        value_bytes += size;
        if (i % 3 == 0) {
            cr_assert_eq(bzd_snapshot_writer_flush(&writer, NULL), BLITZDB_OK);
            cr_assert_lt(writer.block.size, (size_t)BZD_SNAPSHOT_BLOCK_SIZE, "memory must stay bounded");
        }
    }
    cr_assert_eq(bzd_snapshot_writer_finish(&writer, golden_info.end_position, NULL), BLITZDB_OK);
    bzd_snapshot_writer_deinit(&writer);
    free(bytes);

    struct seen seen = {0};
    struct bzd_snapshot_info info;
    cr_assert_eq(read_whole_snapshot(env, ".", 3, golden_info.database_id, take, &seen, &info, NULL),
                 BLITZDB_OK);
    cr_assert_eq(seen.count, 300);
    cr_assert_eq(seen.value_bytes, value_bytes);
    cr_assert_eq(info.record_count, 300);
    cr_assert_eq(mem_env_live_memory(disk), 0);
    mem_env_destroy(disk);
}

/* A block is full at 1 MiB; a record larger than that has one of its own. */
Test(snapshot, large_records_stand_alone) {
    enum { LARGE = BZD_SNAPSHOT_BLOCK_SIZE + 1 };
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    uint8_t *bytes = calloc(1, LARGE);
    cr_assert_not_null(bytes);
    struct bzd_snapshot_writer writer;
    cr_assert_eq(bzd_snapshot_writer_begin(&writer, env, ".", &golden_info, NULL), BLITZDB_OK);
    add_sized(&writer, bytes, 100);
    add_sized(&writer, bytes, LARGE);
    add_sized(&writer, bytes, 100);
    cr_assert_eq(bzd_snapshot_writer_finish(&writer, golden_info.end_position, NULL), BLITZDB_OK);
    bzd_snapshot_writer_deinit(&writer);

    blitzdb_file *file;
    cr_assert_eq(env->open(env->user, FINAL_PATH, BLITZDB_FILE_READ, &file), 0);
    uint64_t offset = BZD_SNAPSHOT_HEADER_SIZE;
    for (uint32_t block = 0; block < 3; block++) {
        uint8_t header[BZD_SNAPSHOT_BLOCK_HEADER_SIZE];
        size_t got;
        cr_assert_eq(env->read_at(env->user, file, header, sizeof header, offset, &got), 0);
        cr_assert_eq(bzd_load_u32(header + 8), 1, "records in block %u", block);
        cr_assert_eq(bzd_load_u32(header + 12), block);
        offset += sizeof header + bzd_load_u32(header + 4);
    }
    cr_assert_eq(env->close(env->user, file), 0);
    free(bytes);
    mem_env_destroy(disk);
}

/* A snapshot of nothing is a snapshot. */
Test(snapshot, may_be_empty) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    struct bzd_snapshot_writer writer;
    cr_assert_eq(bzd_snapshot_writer_begin(&writer, env, ".", &golden_info, NULL), BLITZDB_OK);
    cr_assert_eq(bzd_snapshot_writer_finish(&writer, golden_info.end_position, NULL), BLITZDB_OK);
    bzd_snapshot_writer_deinit(&writer);

    struct seen seen = {0};
    struct bzd_snapshot_info info;
    cr_assert_eq(read_whole_snapshot(env, ".", 3, golden_info.database_id, take, &seen, &info, NULL),
                 BLITZDB_OK);
    cr_assert_eq(seen.count, 0);
    mem_env_destroy(disk);
}

/* Cut anywhere, or longer by a byte, it is no snapshot any more. */
Test(snapshot, every_truncation_is_corruption) {
    struct mem_env *disk = mem_env_create(1);
    struct seen seen;
    blitzdb_error error;
    for (size_t size = 0; size < sizeof golden_snapshot; size++) {
        cr_assert_eq(read_bytes(mem_env_table(disk), golden_snapshot, size, &seen, &error), BLITZDB_CORRUPT);
        cr_assert_not_null(strstr(error.text, "snapshot-0000000000000003: offset "));
    }
    uint8_t longer[sizeof golden_snapshot + 1] = {0};
    memcpy(longer, golden_snapshot, sizeof golden_snapshot);
    cr_assert_eq(read_bytes(mem_env_table(disk), longer, sizeof longer, &seen, &error), BLITZDB_CORRUPT);
    mem_env_destroy(disk);
}

/* No flipped bit goes unnoticed. */
Test(snapshot, every_bit_flip_is_corruption) {
    struct mem_env *disk = mem_env_create(1);
    for (size_t bit = 0; bit < sizeof golden_snapshot * 8; bit++) {
        uint8_t damaged[sizeof golden_snapshot];
        memcpy(damaged, golden_snapshot, sizeof damaged);
        damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct seen seen;
        blitzdb_error error;
        blitzdb_status status = read_bytes(mem_env_table(disk), damaged, sizeof damaged, &seen, &error);
        bool in_version = bit / 8 >= 8 && bit / 8 < 12;
        cr_assert(status == BLITZDB_CORRUPT || (in_version && status == BLITZDB_VERSION), "bit %zu", bit);
        cr_assert_eq(error.status, status);
    }
    mem_env_destroy(disk);
}

/** Computes the checksums of a snapshot with one block of `size` payload bytes that a test has changed. */
static void mend(uint8_t *bytes, size_t size) {
    bzd_put_u32(bytes + 12, bzd_crc32c(0, bytes + 16, 48));
    uint32_t seed = bzd_crc32c(0, bytes + 16, 8);
    bzd_put_u32(bytes + 64, bzd_crc32c(seed, bytes + 68, 12 + size));
    uint8_t *last = bytes + 80 + size;
    bzd_put_u32(last, bzd_crc32c(seed, last + 4, 28));
}

/* What is wrong is found even if all checksums fit. */
Test(snapshot, refuses_what_cannot_be) {
    static const struct {
        size_t offset;
        uint8_t byte;
        blitzdb_status status;
    } changes[] = {
        {8, 2, BLITZDB_VERSION},      /* version */
        {8, 0, BLITZDB_CORRUPT},      /* version */
        {47, 0xfe, BLITZDB_CORRUPT},  /* database id */
        {25, 0x20, BLITZDB_CORRUPT},  /* start position, behind the end */
        {68, 21, BLITZDB_CORRUPT},    /* payload size */
        {71, 0xff, BLITZDB_CORRUPT},  /* payload size: 4 GiB */
        {72, 3, BLITZDB_CORRUPT},     /* record count of the block */
        {76, 1, BLITZDB_CORRUPT},     /* block number */
        {80, 3, BLITZDB_CORRUPT},     /* a record that may not be in a snapshot */
        {81, 16, BLITZDB_CORRUPT},    /* keyspace */
        {106, 15, BLITZDB_CORRUPT},   /* size of the last payload */
        {118, 3, BLITZDB_CORRUPT},    /* record count of all */
        {127, 0x0f, BLITZDB_CORRUPT}, /* end position, before the start */
    };
    struct mem_env *disk = mem_env_create(1);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t changed[sizeof golden_snapshot];
        memcpy(changed, golden_snapshot, sizeof changed);
        cr_assert_neq(changed[changes[i].offset], changes[i].byte);
        changed[changes[i].offset] = changes[i].byte;
        mend(changed, 22);
        struct seen seen;
        blitzdb_error error;
        blitzdb_status status = read_bytes(mem_env_table(disk), changed, sizeof changed, &seen, &error);
        cr_assert_eq(status, changes[i].status, "change %zu: %d", i, status);
    }
    mem_env_destroy(disk);
}

/* A size that blocks of so many records cannot have is not believed: memory of that size might not be there.
 */
Test(snapshot, refuses_impossible_sizes_before_it_asks_for_memory) {
    enum { SIZE = 3 << 20 };
    static const struct {
        uint32_t payload;
        uint32_t records;
        const char *reason;
    } blocks[] = {
        {(2 << 20) + 22, 2, "larger than its records can be"},
        {BZD_SNAPSHOT_BLOCK_SIZE + 1, 0, "larger than its records can be"},
        {BZD_SNAPSHOT_BLOCK_SIZE + 1, BZD_SNAPSHOT_LAST_BLOCK, "larger than its records can be"},
        {BZD_SNAPSHOT_BLOCK_SIZE, 2, "checksum"},
        {BZD_SNAPSHOT_BLOCK_SIZE + 1, 1, "checksum"},
    };
    struct mem_env *disk = mem_env_create(1);
    uint8_t *bytes = calloc(1, SIZE);
    cr_assert_not_null(bytes);
    memcpy(bytes, golden_snapshot, sizeof golden_snapshot);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        struct seen seen;
        blitzdb_error error;
        bzd_put_u32(bytes + 68, blocks[i].payload);
        bzd_put_u32(bytes + 72, blocks[i].records);
        cr_assert_eq(read_bytes(mem_env_table(disk), bytes, SIZE, &seen, &error), BLITZDB_CORRUPT);
        cr_assert_not_null(strstr(error.text, blocks[i].reason), "block %zu: %s", i, error.text);
    }
    free(bytes);
    mem_env_destroy(disk);
}

/* A last block that is too short for what it should say is refused before that is read. */
Test(snapshot, refuses_a_short_last_block) {
    enum { SHORT = sizeof golden_snapshot - 8 };
    uint8_t bytes[SHORT];
    memcpy(bytes, golden_snapshot, SHORT);
    uint8_t *last = bytes + SHORT - 24;
    bzd_put_u32(last + 4, 8);
    bzd_put_u32(last, bzd_crc32c(bzd_crc32c(0, bytes + 16, 8), last + 4, 20));
    struct mem_env *disk = mem_env_create(1);
    struct seen seen;
    blitzdb_error error;

    cr_assert_eq(read_bytes(mem_env_table(disk), bytes, SHORT, &seen, &error), BLITZDB_CORRUPT);
    cr_assert_not_null(strstr(error.text, "wrong size"));
    mem_env_destroy(disk);
}

/* A valid record of another type has no place in a snapshot. */
Test(snapshot, refuses_other_records) {
    uint8_t bytes[sizeof golden_snapshot];
    memcpy(bytes, golden_snapshot, sizeof bytes);
    bytes[72] = 1;              /* one record in the block, */
    bytes[118] = 1;             /* and in all: */
    bytes[80] = BZD_RECORD_DEL; /* it deletes */
    bytes[82] = 22 - 3;         /* the key that fills the rest */
    mend(bytes, 22);
    struct mem_env *disk = mem_env_create(1);
    struct seen seen;
    blitzdb_error error;

    cr_assert_eq(read_bytes(mem_env_table(disk), bytes, sizeof bytes, &seen, &error), BLITZDB_CORRUPT);
    cr_assert_eq(seen.count, 0);
    mem_env_destroy(disk);
}

/* A snapshot that the MANIFEST names and that is not there is corruption. */
Test(snapshot, a_missing_one_is_corruption) {
    struct mem_env *disk = mem_env_create(1);
    struct seen seen = {0};
    struct bzd_snapshot_info info;
    blitzdb_error error = {.status = BLITZDB_OK};

    cr_assert_eq(
        read_whole_snapshot(mem_env_table(disk), ".", 9, golden_info.database_id, take, &seen, &info, &error),
        BLITZDB_CORRUPT);

    cr_assert_not_null(strstr(error.text, "snapshot-0000000000000009"));
    mem_env_destroy(disk);
}

/* What the callback answers ends the reading and is passed on. */
Test(snapshot, passes_on_the_callbacks_status) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    raw_file_write(env, FINAL_PATH, golden_snapshot, sizeof golden_snapshot);

    struct seen seen = {.fail_at = 1};
    struct bzd_snapshot_info info;
    cr_assert_eq(read_whole_snapshot(env, ".", 3, golden_info.database_id, take, &seen, &info, NULL),
                 BLITZDB_MEMORY_LIMIT);

    cr_assert_eq(seen.count, 1);
    cr_assert_eq(mem_env_live_memory(disk), 0);
    cr_assert_eq(mem_env_open_files(disk), 0);
    mem_env_destroy(disk);
}

/** Writes with one fault; tells whether it fired. Nothing may be left but a file put in place. */
static bool check_write_fault(enum mem_env_call call, uint64_t nth, int error_number) {
    struct mem_env *disk = mem_env_create(1);
    struct mem_env_fault fault = {call, nth, error_number, false, MEM_PART_HALF};
    mem_env_fail(disk, &fault);
    struct bzd_snapshot_writer writer;
    memset(&writer, 0, sizeof writer);
    blitzdb_status status = write_golden(mem_env_table(disk), &writer, NULL);
    bool fired = mem_env_faults(disk) > 0;
    mem_env_disarm(disk);
    bzd_snapshot_writer_deinit(&writer);

    cr_assert_eq(status == BLITZDB_OK, !fired || call == MEM_CALL_CLOSE, "%s %d", mem_env_call_name(call),
                 status);
    cr_assert_not(raw_file_exists(mem_env_table(disk), TEMPORARY_PATH));
    cr_assert_eq(mem_env_live_memory(disk), 0);
    cr_assert_eq(mem_env_open_files(disk), 0);
    mem_env_destroy(disk);
    return fired;
}

/* Wherever writing fails, it says so, and nothing half-finished stays. */
Test(snapshot, every_failing_write_is_reported) {
    static const enum mem_env_call calls[] = {MEM_CALL_ANY_MEMORY, MEM_CALL_RANDOM, MEM_CALL_CREATE,
                                              MEM_CALL_WRITE,      MEM_CALL_SYNC,   MEM_CALL_RENAME,
                                              MEM_CALL_SYNC_DIR,   MEM_CALL_REMOVE, MEM_CALL_CLOSE};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        uint64_t nth = 1;
        while (check_write_fault(calls[i], nth, calls[i] == MEM_CALL_ANY_MEMORY ? ENOMEM : ENOSPC))
            nth++;
        cr_assert_gt(nth, 1, "%s never failed", mem_env_call_name(calls[i]));
    }
}

/* Whichever call fails while reading, it is reported, and everything is closed and freed. */
Test(snapshot, every_failing_read_is_reported) {
    static const enum mem_env_call calls[] = {MEM_CALL_ANY_MEMORY, MEM_CALL_OPEN, MEM_CALL_FILE_SIZE,
                                              MEM_CALL_READ};
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    raw_file_write(env, FINAL_PATH, golden_snapshot, sizeof golden_snapshot);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        bool memory = calls[i] == MEM_CALL_ANY_MEMORY;
        struct mem_env_fault fault = {calls[i], 1, memory ? ENOMEM : EIO, false, MEM_PART_NONE};
        mem_env_fail(disk, &fault);
        struct seen seen = {0};
        struct bzd_snapshot_info info;
        cr_assert_eq(read_whole_snapshot(env, ".", 3, golden_info.database_id, take, &seen, &info, NULL),
                     memory ? BLITZDB_NO_MEMORY : BLITZDB_IO);
        mem_env_disarm(disk);
        cr_assert_eq(mem_env_live_memory(disk), 0);
        cr_assert_eq(mem_env_open_files(disk), 0);
    }
    mem_env_destroy(disk);
}

/* A temporary file that a crash left is replaced; a writer that gives up removes its own. */
Test(snapshot, temporary_files_do_not_stay) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    raw_file_write(env, TEMPORARY_PATH, golden_snapshot, sizeof golden_snapshot);

    struct bzd_snapshot_writer writer;
    cr_assert_eq(bzd_snapshot_writer_begin(&writer, env, ".", &golden_info, NULL), BLITZDB_OK);
    cr_assert(raw_file_exists(env, TEMPORARY_PATH));
    bzd_snapshot_writer_deinit(&writer);

    cr_assert_not(raw_file_exists(env, TEMPORARY_PATH));
    cr_assert_not(raw_file_exists(env, FINAL_PATH));
    bzd_snapshot_writer_deinit(&writer);
    mem_env_destroy(disk);
}

/* Other snapshots and temporary files are removed; the one that counts and files of other kinds stay. */
Test(snapshot, removes_others) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    static const char *const stay[] = {FINAL_PATH, "./log-0000000000000000", "./snapshot-x", "./MANIFEST"};
    static const char *const go[] = {"./snapshot-0000000000000002", "./snapshot-0000000000000004",
                                     TEMPORARY_PATH, "./snapshot-0000000000000004.tmp"};
    for (size_t i = 0; i < 4; i++) {
        raw_file_write(env, stay[i], "", 0);
        raw_file_write(env, go[i], "", 0);
    }

    bzd_snapshot_remove_others(env, ".", 3);

    for (size_t i = 0; i < 4; i++) {
        cr_assert(raw_file_exists(env, stay[i]), "%s", stay[i]);
        cr_assert_not(raw_file_exists(env, go[i]), "%s", go[i]);
    }
    mem_env_destroy(disk);
}

/* Whenever power fails, the name stands for a whole snapshot or for nothing. */
Test(snapshot, survives_power_failure_everywhere) {
    bool crashed = true;
    for (uint64_t nth = 1; crashed; nth++) {
        struct mem_env *disk = mem_env_create(1);
        mem_env_crash_at(disk, nth);
        struct bzd_snapshot_writer writer;
        memset(&writer, 0, sizeof writer);
        bool finished = write_golden(mem_env_table(disk), &writer, NULL) == BLITZDB_OK;
        bzd_snapshot_writer_deinit(&writer);
        crashed = mem_env_crashed(disk);
        for (int damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
            uint64_t images = mem_env_crash_count(disk, (enum mem_env_damage)damage);
            for (uint64_t i = 0; i < images; i++) {
                struct mem_env *image = mem_env_crash(disk, (enum mem_env_damage)damage, i);
                struct seen seen = {0};
                struct bzd_snapshot_info info;
                bool exists = raw_file_exists(mem_env_table(image), FINAL_PATH);
                cr_assert(exists || !finished, "a finished snapshot is lost");
                if (exists)
                    cr_assert_eq(read_whole_snapshot(mem_env_table(image), ".", 3, golden_info.database_id,
                                                     take, &seen, &info, NULL),
                                 BLITZDB_OK);
                mem_env_destroy(image);
            }
        }
        mem_env_destroy(disk);
    }
}
