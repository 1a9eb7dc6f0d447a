#include "snapshot_writer.h"

#include <string.h>

#include "codec.h"
#include "crc32c.h"
#include "invariant.h"
#include "listing.h"
#include "logger.h"

enum {
    SYNC_STEP_BYTES = 16 << 20,
};

static blitzdb_status write_header(struct bzd_snapshot_writer *writer, blitzdb_error *error) {
    const blitzdb_env *env = writer->file.env;
    const struct bzd_snapshot_info *info = &writer->info;
    int failure = env->random(env->user, &writer->snapshot_id, sizeof writer->snapshot_id);
    if (failure != 0)
        return bzd_error_set(error, bzd_status_of_errno(failure), failure, "%s: no random bytes for its id",
                             writer->file.name);

    uint8_t header[BZD_SNAPSHOT_HEADER_SIZE] = BZD_SNAPSHOT_MAGIC;
    bzd_put_u32(header + 8, BZD_SNAPSHOT_VERSION);
    bzd_put_u64(header + 16, writer->snapshot_id);
    bzd_put_u64(header + 24, info->start_position);
    memcpy(header + 32, info->database_id, sizeof info->database_id);
    bzd_put_u64(header + 48, info->keyspace_map);
    bzd_put_u64(header + 56, (uint64_t)info->created_ms);
    bzd_put_u32(header + 12, bzd_crc32c(0, header + BZD_SNAPSHOT_HEADER_CHECKED_FROM,
                                        sizeof header - BZD_SNAPSHOT_HEADER_CHECKED_FROM));
    writer->offset = sizeof header;
    return bzd_temporary_write(&writer->file, header, sizeof header, 0, error);
}

blitzdb_status bzd_snapshot_writer_begin(struct bzd_snapshot_writer *writer, const blitzdb_env *env,
                                         const char *dir, const struct bzd_snapshot_info *info,
                                         blitzdb_error *error) {
    *writer = (struct bzd_snapshot_writer){.info = *info};
    writer->info.record_count = 0;
    bzd_buffer_init(&writer->block, env);
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_SNAPSHOT_NAME_PREFIX, info->serial, "");
    blitzdb_status status = bzd_temporary_create(&writer->file, env, dir, name, error);
    if (status == BLITZDB_OK)
        status = write_header(writer, error);
    if (status != BLITZDB_OK)
        bzd_snapshot_writer_deinit(writer);
    return status;
}

/** Room for `size` bytes of payload in the open block; begins one if it would grow beyond its size. */
static blitzdb_status make_room(struct bzd_snapshot_writer *writer, size_t size) {
    struct bzd_buffer *block = &writer->block;
    size_t payload = block->size > 0 ? block->size - writer->last_block - BZD_SNAPSHOT_BLOCK_HEADER_SIZE : 0;
    bool fits = block->size > 0 && (payload == 0 || payload + size <= BZD_SNAPSHOT_BLOCK_SIZE);
    blitzdb_status status = bzd_buffer_reserve(block, BZD_SNAPSHOT_BLOCK_HEADER_SIZE + size);
    if (status != BLITZDB_OK || fits)
        return status;

    writer->last_block = block->size;
    writer->block_records = 0;
    memset(block->data + block->size, 0, BZD_SNAPSHOT_BLOCK_HEADER_SIZE);
    block->size += BZD_SNAPSHOT_BLOCK_HEADER_SIZE;
    return BLITZDB_OK;
}

blitzdb_status bzd_snapshot_writer_add(struct bzd_snapshot_writer *writer, const struct bzd_record *record) {
    BZD_ASSERT(record->type == BZD_RECORD_SET || record->type == BZD_RECORD_SET_EXPIRING);
    size_t size = bzd_record_size(record);
    blitzdb_status status = make_room(writer, size);
    if (status != BLITZDB_OK)
        return status;

    struct bzd_buffer *block = &writer->block;
    bzd_record_encode(block->data + block->size, record);
    block->size += size;
    uint8_t *header = block->data + writer->last_block;
    bzd_put_u32(header + 4, (uint32_t)(block->size - writer->last_block - BZD_SNAPSHOT_BLOCK_HEADER_SIZE));
    bzd_put_u32(header + 8, ++writer->block_records);
    writer->info.record_count++;
    return BLITZDB_OK;
}

/** Numbers a block whose size and count are known, and computes its checksum; returns the address behind it.
 */
static uint8_t *complete_block(struct bzd_snapshot_writer *writer, uint8_t *block) {
    size_t size = BZD_SNAPSHOT_BLOCK_HEADER_SIZE + (size_t)bzd_load_u32(block + 4);
    bzd_put_u32(block + 12, writer->block_number++);
    uint8_t id[8];
    bzd_put_u64(id, writer->snapshot_id);
    uint32_t crc = bzd_crc32c(0, id, sizeof id);
    bzd_put_u32(block, bzd_crc32c(crc, block + BZD_SNAPSHOT_BLOCK_CHECKED_FROM,
                                  size - BZD_SNAPSHOT_BLOCK_CHECKED_FROM));
    return block + size;
}

/** Writes all blocks out. Checksums are computed here, where no lock is held. */
static blitzdb_status write_blocks(struct bzd_snapshot_writer *writer, blitzdb_error *error) {
    struct bzd_buffer *block = &writer->block;
    if (block->size == 0)
        return BLITZDB_OK;
    for (uint8_t *at = block->data; at < block->data + block->size;)
        at = complete_block(writer, at);
    blitzdb_status status =
        bzd_temporary_write(&writer->file, block->data, block->size, writer->offset, error);
    if (status != BLITZDB_OK)
        return status;
    writer->offset += block->size;
    bzd_buffer_clear(block, 2 * (size_t)BZD_SNAPSHOT_BLOCK_SIZE);
    if (writer->offset - writer->synced < SYNC_STEP_BYTES)
        return BLITZDB_OK;
    writer->synced = writer->offset;
    return bzd_temporary_sync(&writer->file, error);
}

blitzdb_status bzd_snapshot_writer_flush(struct bzd_snapshot_writer *writer, blitzdb_error *error) {
    if (writer->block.size < BZD_SNAPSHOT_BLOCK_SIZE)
        return BLITZDB_OK;
    return write_blocks(writer, error);
}

static blitzdb_status write_last_block(struct bzd_snapshot_writer *writer, uint64_t end_position,
                                       blitzdb_error *error) {
    uint8_t block[BZD_SNAPSHOT_BLOCK_HEADER_SIZE + BZD_SNAPSHOT_LAST_PAYLOAD_SIZE] = {0};
    bzd_put_u32(block + 4, BZD_SNAPSHOT_LAST_PAYLOAD_SIZE);
    bzd_put_u32(block + 8, BZD_SNAPSHOT_LAST_BLOCK);
    bzd_put_u64(block + BZD_SNAPSHOT_BLOCK_HEADER_SIZE, writer->info.record_count);
    bzd_put_u64(block + BZD_SNAPSHOT_BLOCK_HEADER_SIZE + 8, end_position);
    complete_block(writer, block);
    return bzd_temporary_write(&writer->file, block, sizeof block, writer->offset, error);
}

blitzdb_status bzd_snapshot_writer_finish(struct bzd_snapshot_writer *writer, uint64_t end_position,
                                          blitzdb_error *error) {
    blitzdb_status status = write_blocks(writer, error);
    if (status == BLITZDB_OK)
        status = write_last_block(writer, end_position, error);
    if (status == BLITZDB_OK)
        status = bzd_temporary_publish(&writer->file, error);
    return status;
}

void bzd_snapshot_writer_deinit(struct bzd_snapshot_writer *writer) {
    bzd_temporary_discard(&writer->file);
    bzd_buffer_deinit(&writer->block);
}

/** Removes the files of one suffix, except one if there is no suffix. */
static void remove_files(const blitzdb_env *env, const char *dir, const char *suffix, uint64_t keep) {
    struct bzd_listing files;
    if (bzd_listing_init(&files, env, dir, BZD_SNAPSHOT_NAME_PREFIX, suffix) != BLITZDB_OK)
        return;
    for (size_t i = 0; i < files.count; i++) {
        char path[BZD_PATH_MAX];
        bzd_path_numbered(path, dir, BZD_SNAPSHOT_NAME_PREFIX, files.numbers[i], suffix);
        if (suffix[0] != '\0' || files.numbers[i] != keep)
            (void)env->remove(env->user, path);
    }
    bzd_listing_deinit(&files);
}

void bzd_snapshot_remove_others(const blitzdb_env *env, const char *dir, uint64_t serial) {
    remove_files(env, dir, "", serial);
    remove_files(env, dir, BZD_TEMPORARY_SUFFIX, serial);
}
