/**
 * @file
 * @brief A log on a simulated disk whose records are numbered, so that a reader can tell a wrong one.
 *
 * Record n sets the key n (four bytes) to a value that follows from n. A reading counts the records it is
 * given and notes whether each was the next one: what it has seen is then a piece of the log without holes.
 * Unit tests of writer and reader share this file; each test owns its fixture.
 */
#ifndef BLITZDB_TESTS_LOG_FIXTURE_H
#define BLITZDB_TESTS_LOG_FIXTURE_H

#include <criterion/criterion.h>

#include "mem_env.h"
#include "path.h"
#include "raw_file.h"
#include "record.h"
#include "wal_reader.h"
#include "wal_writer.h"

#define LOG_DIR "db"
#define FIRST_SEGMENT LOG_DIR "/log-0000000000000000"

/** Bytes of the longest group fixture_group() makes. */
enum { FIXTURE_GROUP_MAX = 4096 };

struct log_fixture {
    struct mem_env *disk;
    const blitzdb_env *env;
    uint8_t database_id[BZD_DATABASE_ID_SIZE];
    struct bzd_wal_writer writer;
    uint32_t next; /**< number of the next record */
    blitzdb_error error;
};

/** What a reading saw. */
struct log_seen {
    uint32_t first;   /**< number the first record should have */
    uint32_t count;   /**< records seen */
    bool wrong;       /**< one was not the next */
    uint32_t fail_at; /**< the callback fails at this count, 0: never */
};

/** An empty log with its first segment; `segment_limit` as the writer's. */
static inline void fixture_init(struct log_fixture *fixture, uint64_t segment_limit) {
    *fixture = (struct log_fixture){.disk = mem_env_create(1)};
    memcpy(fixture->database_id, "database-id-0001", BZD_DATABASE_ID_SIZE);
    fixture->env = mem_env_table(fixture->disk);
    cr_assert_eq(fixture->env->make_dir(fixture->env->user, LOG_DIR), 0);
    cr_assert_eq(fixture->env->sync_dir(fixture->env->user, "."), 0);
    bzd_wal_writer_init(&fixture->writer, fixture->env, LOG_DIR, fixture->database_id, segment_limit);
    cr_assert_eq(bzd_wal_writer_begin_segment(&fixture->writer, 0, &fixture->error), BLITZDB_OK);
}

/** Closes everything; nothing may have been left open or allocated. */
static inline void fixture_deinit(struct log_fixture *fixture) {
    bzd_wal_writer_close(&fixture->writer);
    cr_assert_eq(mem_env_open_files(fixture->disk), 0);
    cr_assert_eq(mem_env_live_memory(fixture->disk), 0);
    mem_env_destroy(fixture->disk);
}

/** Makes the value of a record; returns its size. */
static inline size_t fixture_value(uint32_t number, uint8_t value_out[16]) {
    size_t size = number % 12;
    for (size_t i = 0; i < size; i++)
        value_out[i] = (uint8_t)(number * 31 + i);
    return size;
}

/** Writes a group with a payload of any bytes. */
static inline blitzdb_status fixture_write(struct log_fixture *fixture, const void *payload, size_t size,
                                           uint32_t record_count) {
    uint8_t group[FIXTURE_GROUP_MAX];
    cr_assert_leq(BZD_WAL_GROUP_HEADER_SIZE + size, sizeof group);
    if (size > 0)
        memcpy(group + BZD_WAL_GROUP_HEADER_SIZE, payload, size);
    fixture->error.status = BLITZDB_OK;
    return bzd_wal_writer_write(&fixture->writer, group, BZD_WAL_GROUP_HEADER_SIZE + size, record_count,
                                &fixture->error);
}

/** Writes a group of the next `count` numbered records; the numbers count as used only if that works. */
static inline blitzdb_status fixture_group(struct log_fixture *fixture, uint32_t count) {
    uint8_t payload[FIXTURE_GROUP_MAX - BZD_WAL_GROUP_HEADER_SIZE];
    uint8_t *to = payload;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = fixture->next + i;
        uint8_t key[4];
        uint8_t value[16];
        bzd_put_u32(key, number);
        struct bzd_record record = {.type = BZD_RECORD_SET,
                                    .keyspace = number % 16,
                                    .key = bzd_slice_of(key, sizeof key),
                                    .value = bzd_slice_of(value, fixture_value(number, value))};
        cr_assert_leq((size_t)(to - payload) + bzd_record_size(&record), sizeof payload);
        to = bzd_record_encode(to, &record);
    }
    blitzdb_status status = fixture_write(fixture, payload, (size_t)(to - payload), count);
    if (status == BLITZDB_OK)
        fixture->next += count;
    return status;
}

/** Writes one group and, if asked to, syncs it. */
static inline void fixture_append(struct log_fixture *fixture, uint32_t count, bool synced) {
    cr_assert_eq(fixture_group(fixture, count), BLITZDB_OK);
    if (synced)
        cr_assert_eq(bzd_wal_writer_sync(&fixture->writer, &fixture->error), BLITZDB_OK);
}

/** Takes a record of a reading. */
static inline blitzdb_status log_take(void *user, const struct bzd_record *record) {
    struct log_seen *seen = user;
    uint32_t number = seen->first + seen->count;
    uint8_t key[4];
    uint8_t value[16];
    bzd_put_u32(key, number);
    if (record->type != BZD_RECORD_SET || record->keyspace != number % 16 ||
        !bzd_slice_equal(record->key, bzd_slice_of(key, sizeof key)) ||
        !bzd_slice_equal(record->value, bzd_slice_of(value, fixture_value(number, value))))
        seen->wrong = true;
    seen->count++;
    return seen->count == seen->fail_at ? BLITZDB_MEMORY_LIMIT : BLITZDB_OK;
}

/** Reads the log of an environment from a position to another. */
static inline blitzdb_status log_read_of(struct log_fixture *fixture, const blitzdb_env *env, uint64_t from,
                                         uint64_t end, struct log_seen *seen, struct bzd_wal_tail *tail_out) {
    struct bzd_wal_source source = {env, LOG_DIR, fixture->database_id, from, end, false};
    fixture->error = (blitzdb_error){.status = BLITZDB_OK};
    blitzdb_status status = bzd_wal_read(&source, log_take, seen, tail_out, &fixture->error);
    cr_assert_eq(seen->wrong, false, "a wrong record was handed over");
    /* A callback's own refusal is passed through without a text. */
    if (seen->fail_at == 0)
        cr_assert_eq(fixture->error.status, status);
    return status;
}

/** Reads the whole log. */
static inline blitzdb_status log_read(struct log_fixture *fixture, struct log_seen *seen,
                                      struct bzd_wal_tail *tail_out) {
    return log_read_of(fixture, fixture->env, 0, UINT64_MAX, seen, tail_out);
}

/** Path of the segment that begins at a position. */
static inline void fixture_segment_path(uint64_t start, char path_out[BZD_PATH_MAX]) {
    bzd_path_numbered(path_out, LOG_DIR, BZD_WAL_NAME_PREFIX, start, "");
}

/** Most groups that a test writes. */
enum { GROUPS_MAX = 16 };

/** A log of one segment: its bytes and where each group ends in the file. */
struct small_log {
    struct log_fixture fixture;
    struct raw_file file;
    size_t group_end[GROUPS_MAX]; /* offset in the file */
    uint32_t records[GROUPS_MAX]; /* records up to there */
    size_t groups;
    size_t proven_groups; /* what a later durable position vouches for */
};

/** Appends a group and notes where it ends. */
static inline void small_log_append(struct small_log *log, uint32_t count, bool synced) {
    fixture_append(&log->fixture, count, synced);
    log->group_end[log->groups] = BZD_WAL_SEGMENT_HEADER_SIZE + (size_t)log->fixture.writer.position;
    log->records[log->groups] = log->fixture.next;
    log->groups++;
}

/** Three synced groups, then two that nothing vouches for. The third is vouched for by the fourth. */
static inline void small_log_init(struct small_log *log) {
    memset(log, 0, sizeof *log);
    fixture_init(&log->fixture, 1 << 20);
    small_log_append(log, 2, true);
    small_log_append(log, 1, false);
    small_log_append(log, 3, true);
    small_log_append(log, 2, false);
    small_log_append(log, 1, false);
    log->proven_groups = 3;
    bzd_wal_writer_close(&log->fixture.writer);
    raw_file_read(log->fixture.env, FIRST_SEGMENT, &log->file);
    cr_assert_eq(log->file.size, log->group_end[log->groups - 1]);
}

/** The group that an offset in the file is in. */
static inline size_t small_log_group_at(const struct small_log *log, size_t offset) {
    size_t group = 0;
    while (group < log->groups && offset >= log->group_end[group])
        group++;
    return group;
}

/** Puts other bytes in place of the segment and reads it. */
static inline blitzdb_status small_log_read(struct small_log *log, const void *bytes, size_t size,
                                            struct log_seen *seen, struct bzd_wal_tail *tail_out) {
    raw_file_write(log->fixture.env, FIRST_SEGMENT, bytes, size);
    *seen = (struct log_seen){0};
    return log_read(&log->fixture, seen, tail_out);
}

#endif
