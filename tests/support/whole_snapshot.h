/**
 * @file
 * @brief Reads a snapshot as a whole, one block after the other: what the tests of the format need.
 */
#ifndef BLITZDB_TESTS_WHOLE_SNAPSHOT_H
#define BLITZDB_TESTS_WHOLE_SNAPSHOT_H

#include "snapshot_reader.h"

/** Reads all blocks of an open snapshot. */
static inline blitzdb_status read_all_blocks(const struct bzd_snapshot_reader *reader,
                                             struct bzd_buffer *memory, bzd_snapshot_record_fn take,
                                             void *user, struct bzd_snapshot_info *info_out,
                                             blitzdb_error *error) {
    struct bzd_snapshot_block block;
    struct bzd_slice payload;
    uint64_t records = 0;
    blitzdb_status status = bzd_snapshot_reader_find(reader, NULL, &block, error);
    while (status == BLITZDB_OK) {
        status = bzd_snapshot_reader_load(reader, &block, memory, &payload, error);
        if (status == BLITZDB_OK && bzd_snapshot_block_is_last(&block))
            return bzd_snapshot_reader_end(reader, &block, payload, records, info_out, error);
        if (status == BLITZDB_OK)
            status = bzd_snapshot_reader_records(reader, &block, payload, take, user, error);
        records += block.record_count;
        if (status == BLITZDB_OK)
            status = bzd_snapshot_reader_find(reader, &block, &block, error);
    }
    return status;
}

/** Reads snapshot `serial` of a directory; `info_out` is filled on success. */
static inline blitzdb_status read_whole_snapshot(const blitzdb_env *env, const char *dir, uint64_t serial,
                                                 const uint8_t *database_id, bzd_snapshot_record_fn take,
                                                 void *user, struct bzd_snapshot_info *info_out,
                                                 blitzdb_error *error) {
    struct bzd_snapshot_reader reader;
    struct bzd_buffer memory;
    blitzdb_status status = bzd_snapshot_reader_open(&reader, env, dir, serial, database_id, error);
    if (status != BLITZDB_OK)
        return status;
    bzd_buffer_init(&memory, env);
    status = read_all_blocks(&reader, &memory, take, user, info_out, error);
    bzd_buffer_deinit(&memory);
    bzd_snapshot_reader_close(&reader);
    return status;
}

#endif
