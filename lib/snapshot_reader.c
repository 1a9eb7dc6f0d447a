#include "snapshot_reader.h"

#include <inttypes.h>
#include <string.h>

#include "codec.h"
#include "crc32c.h"
#include "file_reader.h"
#include "logger.h"

enum {
    HEADER_CHECKED_FROM = 16,
    BLOCK_CHECKED_FROM = 4,
};

/** One reading of a snapshot. */
struct reading {
    struct bzd_file_reader file;
    bzd_snapshot_record_fn take;
    void *user;
    blitzdb_error *error;
    struct bzd_snapshot_info info;
    uint64_t snapshot_id;
    uint64_t offset;       /**< of the next block */
    uint32_t block_number; /**< of the next block */
};

/** A block whose checksum fits. */
struct block {
    uint32_t record_count;
    struct bzd_slice payload;
};

static blitzdb_status corrupt(const struct reading *reading, uint64_t offset, const char *reason) {
    return bzd_file_reader_corrupt(&reading->file, offset, reason, reading->error);
}

static blitzdb_status read_header(struct reading *reading, const uint8_t *database_id) {
    if (reading->file.size < BZD_SNAPSHOT_HEADER_SIZE)
        return corrupt(reading, 0, "the header is cut off");
    const uint8_t *header;
    blitzdb_status status =
        bzd_file_reader_view(&reading->file, 0, BZD_SNAPSHOT_HEADER_SIZE, &header, reading->error);
    if (status != BLITZDB_OK)
        return status;

    if (memcmp(header, BZD_SNAPSHOT_MAGIC, 8) != 0)
        return corrupt(reading, 0, "this is not a snapshot");
    uint32_t version = bzd_load_u32(header + 8);
    if (version > BZD_SNAPSHOT_VERSION)
        return bzd_error_set(reading->error, BLITZDB_VERSION, 0,
                             "%s: offset 8: format version %u; this version knows %d", reading->file.name,
                             (unsigned)version, BZD_SNAPSHOT_VERSION);
    uint32_t crc =
        bzd_crc32c(0, header + HEADER_CHECKED_FROM, BZD_SNAPSHOT_HEADER_SIZE - HEADER_CHECKED_FROM);
    if (version == 0 || bzd_load_u32(header + 12) != crc)
        return corrupt(reading, 0, "checksum of the header does not fit");
    if (memcmp(header + 32, database_id, sizeof reading->info.database_id) != 0)
        return corrupt(reading, 32, "the snapshot belongs to another database");

    reading->snapshot_id = bzd_load_u64(header + 16);
    reading->info.start_position = bzd_load_u64(header + 24);
    memcpy(reading->info.database_id, header + 32, sizeof reading->info.database_id);
    reading->info.keyspace_map = bzd_load_u64(header + 48);
    reading->info.created_ms = (int64_t)bzd_load_u64(header + 56);
    reading->offset = BZD_SNAPSHOT_HEADER_SIZE;
    return BLITZDB_OK;
}

/** Reads the next block, checks it and steps over it. */
static blitzdb_status next_block(struct reading *reading, struct block *block_out) {
    uint64_t offset = reading->offset;
    uint64_t left = reading->file.size - offset;
    if (left < BZD_SNAPSHOT_BLOCK_HEADER_SIZE)
        return corrupt(reading, offset, "the snapshot is cut off at a block's header");
    const uint8_t *bytes;
    blitzdb_status status =
        bzd_file_reader_view(&reading->file, offset, BZD_SNAPSHOT_BLOCK_HEADER_SIZE, &bytes, reading->error);
    if (status != BLITZDB_OK)
        return status;
    uint64_t size = BZD_SNAPSHOT_BLOCK_HEADER_SIZE + (uint64_t)bzd_load_u32(bytes + 4);
    if (size > left)
        return corrupt(reading, offset, "the block is longer than the file");
    status = bzd_file_reader_view(&reading->file, offset, size, &bytes, reading->error);
    if (status != BLITZDB_OK)
        return status;

    uint8_t id[8];
    bzd_put_u64(id, reading->snapshot_id);
    uint32_t crc = bzd_crc32c(0, id, sizeof id);
    if (bzd_load_u32(bytes) != bzd_crc32c(crc, bytes + BLOCK_CHECKED_FROM, (size_t)size - BLOCK_CHECKED_FROM))
        return corrupt(reading, offset, "checksum of the block does not fit");
    if (bzd_load_u32(bytes + 12) != reading->block_number)
        return corrupt(reading, offset, "the block is not the next one");
    block_out->record_count = bzd_load_u32(bytes + 8);
    block_out->payload =
        bzd_slice_of(bytes + BZD_SNAPSHOT_BLOCK_HEADER_SIZE, (size_t)size - BZD_SNAPSHOT_BLOCK_HEADER_SIZE);
    reading->block_number++;
    reading->offset += size;
    return BLITZDB_OK;
}

/** Hands the records of a block over. */
static blitzdb_status take_records(struct reading *reading, const struct block *block, uint64_t offset) {
    struct bzd_cursor cursor = bzd_cursor_over(block->payload);
    uint32_t count = 0;
    for (; bzd_cursor_left(&cursor) > 0; count++) {
        struct bzd_record record;
        if (!bzd_record_decode(&cursor, &record) ||
            (record.type != BZD_RECORD_SET && record.type != BZD_RECORD_SET_EXPIRING))
            return corrupt(reading, offset, "the checksum fits, but a record is not valid");
        blitzdb_status status = reading->take(reading->user, &record);
        if (status != BLITZDB_OK)
            return status;
    }
    if (count != block->record_count)
        return corrupt(reading, offset, "the block has not as many records as it says");
    reading->info.record_count += count;
    return BLITZDB_OK;
}

/** Checks what the last block says about the whole. */
static blitzdb_status take_last_block(struct reading *reading, const struct block *block, uint64_t offset) {
    if (block->payload.size != BZD_SNAPSHOT_LAST_PAYLOAD_SIZE)
        return corrupt(reading, offset, "the last block has a wrong size");
    const uint8_t *payload = block->payload.data;
    if (bzd_load_u64(payload) != reading->info.record_count)
        return corrupt(reading, offset, "the snapshot has not as many records as it says");
    reading->info.end_position = bzd_load_u64(payload + 8);
    if (reading->info.end_position < reading->info.start_position)
        return corrupt(reading, offset, "the end position is before the start position");
    if (reading->offset != reading->file.size)
        return corrupt(reading, reading->offset, "the file goes on behind the last block");
    return BLITZDB_OK;
}

static blitzdb_status read_all(struct reading *reading, const uint8_t *database_id) {
    blitzdb_status status = read_header(reading, database_id);
    while (status == BLITZDB_OK) {
        struct block block = {0};
        uint64_t offset = reading->offset;
        status = next_block(reading, &block);
        if (status == BLITZDB_OK && block.record_count == BZD_SNAPSHOT_LAST_BLOCK)
            return take_last_block(reading, &block, offset);
        if (status == BLITZDB_OK)
            status = take_records(reading, &block, offset);
    }
    return status;
}

blitzdb_status bzd_snapshot_read(const blitzdb_env *env, const char *dir, uint64_t serial,
                                 const uint8_t *database_id, bzd_snapshot_record_fn take, void *user,
                                 struct bzd_snapshot_info *info_out, blitzdb_error *error) {
    struct reading reading = {.take = take, .user = user, .error = error, .info = {.serial = serial}};
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_SNAPSHOT_NAME_PREFIX, serial, "");
    blitzdb_status status = bzd_file_reader_open(&reading.file, env, dir, name, error);
    if (status == BLITZDB_NOT_FOUND)
        return bzd_error_set(error, BLITZDB_CORRUPT, 0, "%s: the MANIFEST names it, but it is missing", name);
    if (status != BLITZDB_OK)
        return status;
    status = read_all(&reading, database_id);
    bzd_file_reader_close(&reading.file);
    if (status == BLITZDB_OK)
        *info_out = reading.info;
    return status;
}
