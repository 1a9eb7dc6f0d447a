#include "snapshot_reader.h"

#include <inttypes.h>
#include <string.h>

#include "codec.h"
#include "crc32c.h"
#include "logger.h"

enum {
    LAST_BLOCK_SIZE = BZD_SNAPSHOT_BLOCK_HEADER_SIZE + BZD_SNAPSHOT_LAST_PAYLOAD_SIZE,
};

static blitzdb_status corrupt(const struct bzd_snapshot_reader *reader, uint64_t offset, const char *reason,
                              blitzdb_error *error) {
    return bzd_file_reader_corrupt(&reader->file, offset, reason, error);
}

/* -- Header ---------------------------------------------------------------------------------------- */

static blitzdb_status read_header(struct bzd_snapshot_reader *reader, const uint8_t *database_id,
                                  blitzdb_error *error) {
    if (reader->file.size < BZD_SNAPSHOT_HEADER_SIZE)
        return corrupt(reader, 0, "the header is cut off", error);
    uint8_t header[BZD_SNAPSHOT_HEADER_SIZE];
    blitzdb_status status = bzd_file_reader_read(&reader->file, 0, header, sizeof header, error);
    if (status != BLITZDB_OK)
        return status;

    if (memcmp(header, BZD_SNAPSHOT_MAGIC, 8) != 0)
        return corrupt(reader, 0, "this is not a snapshot", error);
    uint32_t version = bzd_load_u32(header + 8);
    if (version > BZD_SNAPSHOT_VERSION)
        return bzd_error_set(error, BLITZDB_VERSION, 0,
                             "%s: offset 8: format version %u; this version knows %d", reader->file.name,
                             (unsigned)version, BZD_SNAPSHOT_VERSION);
    uint32_t crc = bzd_crc32c(0, header + BZD_SNAPSHOT_HEADER_CHECKED_FROM,
                              BZD_SNAPSHOT_HEADER_SIZE - BZD_SNAPSHOT_HEADER_CHECKED_FROM);
    if (version == 0 || bzd_load_u32(header + 12) != crc)
        return corrupt(reader, 0, "checksum of the header does not fit", error);
    if (memcmp(header + 32, database_id, sizeof reader->info.database_id) != 0)
        return corrupt(reader, 32, "the snapshot belongs to another database", error);

    reader->snapshot_id = bzd_load_u64(header + 16);
    reader->info.start_position = bzd_load_u64(header + 24);
    memcpy(reader->info.database_id, header + 32, sizeof reader->info.database_id);
    reader->info.keyspace_map = bzd_load_u64(header + 48);
    reader->info.created_ms = (int64_t)bzd_load_u64(header + 56);
    return BLITZDB_OK;
}

blitzdb_status bzd_snapshot_reader_open(struct bzd_snapshot_reader *reader, const blitzdb_env *env,
                                        const char *dir, uint64_t serial, const uint8_t *database_id,
                                        blitzdb_error *error) {
    *reader = (struct bzd_snapshot_reader){.info = {.serial = serial}};
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_SNAPSHOT_NAME_PREFIX, serial, "");
    blitzdb_status status = bzd_file_reader_open(&reader->file, env, dir, name, error);
    if (status == BLITZDB_NOT_FOUND)
        return bzd_error_set(error, BLITZDB_CORRUPT, 0, "%s: the MANIFEST names it, but it is missing", name);
    if (status != BLITZDB_OK)
        return status;
    status = read_header(reader, database_id, error);
    if (status != BLITZDB_OK)
        bzd_snapshot_reader_close(reader);
    return status;
}

void bzd_snapshot_reader_close(struct bzd_snapshot_reader *reader) {
    bzd_file_reader_close(&reader->file);
}

/* -- Blocks ---------------------------------------------------------------------------------------- */

/** Whether the checksum of a block in memory fits. */
static bool is_sound(const struct bzd_snapshot_reader *reader, const uint8_t *bytes, size_t size) {
    uint8_t id[8];
    bzd_put_u64(id, reader->snapshot_id);
    uint32_t crc = bzd_crc32c(0, id, sizeof id);
    return bzd_load_u32(bytes) ==
           bzd_crc32c(crc, bytes + BZD_SNAPSHOT_BLOCK_CHECKED_FROM, size - BZD_SNAPSHOT_BLOCK_CHECKED_FROM);
}

uint64_t bzd_snapshot_reader_expect(const struct bzd_snapshot_reader *reader) {
    uint8_t last[LAST_BLOCK_SIZE];
    uint64_t size = reader->file.size;
    if (size < sizeof last ||
        bzd_file_reader_read(&reader->file, size - sizeof last, last, sizeof last, NULL) != BLITZDB_OK)
        return 0;
    if (!is_sound(reader, last, sizeof last) || bzd_load_u32(last + 8) != BZD_SNAPSHOT_LAST_BLOCK)
        return 0;
    uint64_t count = bzd_load_u64(last + BZD_SNAPSHOT_BLOCK_HEADER_SIZE);
    return count <= size / BZD_SNAPSHOT_LEAST_RECORD_SIZE ? count : 0;
}

/** Whether a block of so many records can have a payload of this size. */
static bool is_possible(uint32_t payload, uint32_t records) {
    return payload <= BZD_SNAPSHOT_BLOCK_SIZE || (records == 1 && payload <= BZD_SNAPSHOT_RECORD_MAX);
}

blitzdb_status bzd_snapshot_reader_find(const struct bzd_snapshot_reader *reader,
                                        const struct bzd_snapshot_block *before,
                                        struct bzd_snapshot_block *block_out, blitzdb_error *error) {
    uint64_t offset = before != NULL ? before->offset + before->size : BZD_SNAPSHOT_HEADER_SIZE;
    uint64_t left = reader->file.size - offset;
    if (left < BZD_SNAPSHOT_BLOCK_HEADER_SIZE)
        return corrupt(reader, offset, "the snapshot is cut off at a block's header", error);
    uint8_t header[BZD_SNAPSHOT_BLOCK_HEADER_SIZE];
    blitzdb_status status = bzd_file_reader_read(&reader->file, offset, header, sizeof header, error);
    if (status != BLITZDB_OK)
        return status;
    uint64_t size = BZD_SNAPSHOT_BLOCK_HEADER_SIZE + (uint64_t)bzd_load_u32(header + 4);
    if (size > left)
        return corrupt(reader, offset, "the block is longer than the file", error);
    if (!is_possible(bzd_load_u32(header + 4), bzd_load_u32(header + 8)))
        return corrupt(reader, offset, "the block is larger than its records can be", error);
    block_out->offset = offset;
    block_out->size = size;
    block_out->record_count = bzd_load_u32(header + 8);
    block_out->number = before != NULL ? before->number + 1 : 0;
    return BLITZDB_OK;
}

blitzdb_status bzd_snapshot_reader_load(const struct bzd_snapshot_reader *reader,
                                        const struct bzd_snapshot_block *block, struct bzd_buffer *memory,
                                        struct bzd_slice *payload_out, blitzdb_error *error) {
    size_t size = (size_t)block->size;
    bzd_buffer_clear(memory, BZD_SNAPSHOT_BLOCK_HEADER_SIZE + BZD_SNAPSHOT_BLOCK_SIZE);
    blitzdb_status status = bzd_buffer_reserve(memory, size);
    if (status != BLITZDB_OK)
        return bzd_error_set(error, status, 0, "%s: offset %" PRIu64 ": no memory for %zu bytes",
                             reader->file.name, block->offset, size);
    status = bzd_file_reader_read(&reader->file, block->offset, memory->data, size, error);
    if (status != BLITZDB_OK)
        return status;

    const uint8_t *bytes = memory->data;
    if (!is_sound(reader, bytes, size))
        return corrupt(reader, block->offset, "checksum of the block does not fit", error);
    if (bzd_load_u32(bytes + 12) != block->number)
        return corrupt(reader, block->offset, "the block is not the next one", error);
    *payload_out =
        bzd_slice_of(bytes + BZD_SNAPSHOT_BLOCK_HEADER_SIZE, size - BZD_SNAPSHOT_BLOCK_HEADER_SIZE);
    return BLITZDB_OK;
}

blitzdb_status bzd_snapshot_reader_records(const struct bzd_snapshot_reader *reader,
                                           const struct bzd_snapshot_block *block, struct bzd_slice payload,
                                           bzd_snapshot_record_fn take, void *user, blitzdb_error *error) {
    struct bzd_cursor cursor = bzd_cursor_over(payload);
    uint32_t count = 0;
    for (; bzd_cursor_left(&cursor) > 0; count++) {
        struct bzd_record record;
        if (!bzd_record_decode(&cursor, &record) ||
            (record.type != BZD_RECORD_SET && record.type != BZD_RECORD_SET_EXPIRING))
            return corrupt(reader, block->offset, "the checksum fits, but a record is not valid", error);
        blitzdb_status status = take(user, &record);
        if (status != BLITZDB_OK)
            return status;
    }
    if (count != block->record_count)
        return corrupt(reader, block->offset, "the block has not as many records as it says", error);
    return BLITZDB_OK;
}

blitzdb_status bzd_snapshot_reader_end(const struct bzd_snapshot_reader *reader,
                                       const struct bzd_snapshot_block *block, struct bzd_slice payload,
                                       uint64_t records, struct bzd_snapshot_info *info_out,
                                       blitzdb_error *error) {
    uint64_t end = block->offset + block->size;
    if (payload.size != BZD_SNAPSHOT_LAST_PAYLOAD_SIZE)
        return corrupt(reader, block->offset, "the last block has a wrong size", error);
    const uint8_t *bytes = payload.data;
    if (bzd_load_u64(bytes) != records)
        return corrupt(reader, block->offset, "the snapshot has not as many records as it says", error);
    uint64_t end_position = bzd_load_u64(bytes + 8);
    if (end_position < reader->info.start_position)
        return corrupt(reader, block->offset, "the end position is before the start position", error);
    if (end != reader->file.size)
        return corrupt(reader, end, "the file goes on behind the last block", error);
    *info_out = reader->info;
    info_out->record_count = records;
    info_out->end_position = end_position;
    return BLITZDB_OK;
}
