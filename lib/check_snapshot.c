/** Reads a snapshot block by block and finds the next sound one behind a fault. */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "codec.h"
#include "crc32c.h"
#include "path.h"
#include "snapshot_format.h"
#include "store.h"

enum {
    /* The search for a block computes checksums of at most so many times the file: it must end even in a
     * file made to slow it down. */
    SEARCH_FACTOR = 64,
};

/** One reading. */
struct walk {
    struct bzd_check *check;
    struct bzd_file_reader file;
    struct bzd_check_snapshot_info info;
    uint64_t keyspace_map;
    uint64_t snapshot_id;
    uint64_t offset;       /**< of the next block */
    uint64_t next_number;  /**< of the next block */
    uint64_t record_count; /**< in sound blocks */
    bool has_lost;         /**< a block was lost, so the total says nothing */
    bool is_behind_hole;   /**< the next block may have any later number */
    bool has_last;
};

/** A block whose checksum fits. */
struct block {
    uint32_t number;
    uint32_t record_count;
    struct bzd_slice payload;
};

static void damage(const struct walk *walk, uint64_t offset, uint64_t bytes, const char *reason) {
    bzd_check_damage(walk->check, BLITZDB_CORRUPT, walk->file.name, offset, bytes, "%s", reason);
}

/** Takes the header apart; the reason why it is not sound, or NULL. */
static const char *parse_header(struct walk *walk, const uint8_t *header) {
    walk->snapshot_id = bzd_load_u64(header + 16);
    walk->info.start_position = bzd_load_u64(header + 24);
    walk->info.end_position = walk->info.start_position;
    memcpy(walk->info.database_id, header + 32, sizeof walk->info.database_id);
    walk->keyspace_map = bzd_load_u64(header + 48);
    if (memcmp(header, BZD_SNAPSHOT_MAGIC, 8) != 0)
        return "this is not a snapshot";
    uint32_t version = bzd_load_u32(header + 8);
    uint32_t crc = bzd_crc32c(0, header + BZD_SNAPSHOT_HEADER_CHECKED_FROM,
                              BZD_SNAPSHOT_HEADER_SIZE - BZD_SNAPSHOT_HEADER_CHECKED_FROM);
    if (version == 0 || bzd_load_u32(header + 12) != crc)
        return "checksum of the header does not fit";
    if (!bzd_map_is_valid(walk->keyspace_map))
        return "the keyspace map is not possible";
    walk->info.is_readable = true;
    return NULL;
}

/** Tells what is wrong with the header; false: the file is not to be read further. */
static bool judge_header(struct walk *walk, const uint8_t *header, const struct bzd_check_plan *plan) {
    bool is_ours = memcmp(header, BZD_SNAPSHOT_MAGIC, 8) == 0;
    uint32_t version = bzd_load_u32(header + 8);
    const char *reason = parse_header(walk, header);
    if (is_ours && version > BZD_SNAPSHOT_VERSION) {
        walk->info.is_readable = false;
        bzd_check_damage(walk->check, BLITZDB_VERSION, walk->file.name, 8, walk->file.size,
                         "format version %u; this version knows %d, so nothing of the file is used",
                         (unsigned)version, BZD_SNAPSHOT_VERSION);
        return false;
    }
    if (reason != NULL) {
        bzd_check_damage(
            walk->check, BLITZDB_CORRUPT, walk->file.name, 0, 0,
            "%s; blocks are used if their checksums fit, but what the keyspaces mean is not sure", reason);
        return true;
    }
    if (!plan->has_id || memcmp(walk->info.database_id, plan->database_id, BZD_DATABASE_ID_SIZE) == 0)
        return true;
    walk->info.is_readable = false;
    damage(walk, 32, walk->file.size, "the snapshot belongs to another database; nothing of it is used");
    return false;
}

/** Whether a block of so many records can have a payload of this size. */
static bool is_possible(uint64_t payload, uint64_t records) {
    return payload <= BZD_SNAPSHOT_BLOCK_SIZE || (records == 1 && payload <= BZD_SNAPSHOT_RECORD_MAX);
}

/** Looks at a block at an offset, which has room for a header. Not a block: NULL in `payload.data`. */
static blitzdb_status look_at_block(struct walk *walk, uint64_t offset, struct block *block_out,
                                    const char **fault_out, blitzdb_error *error) {
    const uint8_t *bytes;
    uint64_t left = walk->file.size - offset;
    blitzdb_status status =
        bzd_file_reader_view(&walk->file, offset, BZD_SNAPSHOT_BLOCK_HEADER_SIZE, &bytes, error);
    if (status != BLITZDB_OK)
        return status;
    uint64_t size = BZD_SNAPSHOT_BLOCK_HEADER_SIZE + (uint64_t)bzd_load_u32(bytes + 4);
    *fault_out = "the block is longer than the file";
    if (size > left)
        return BLITZDB_OK;
    *fault_out = "the block is larger than its records can be";
    if (!is_possible(size - BZD_SNAPSHOT_BLOCK_HEADER_SIZE, bzd_load_u32(bytes + 8)))
        return BLITZDB_OK;
    status = bzd_file_reader_view(&walk->file, offset, size, &bytes, error);
    if (status != BLITZDB_OK)
        return status;
    uint8_t id[8];
    bzd_put_u64(id, walk->snapshot_id);
    uint32_t crc = bzd_crc32c(0, id, sizeof id);
    *fault_out = "checksum of the block does not fit";
    if (bzd_load_u32(bytes) != bzd_crc32c(crc, bytes + BZD_SNAPSHOT_BLOCK_CHECKED_FROM,
                                          (size_t)size - BZD_SNAPSHOT_BLOCK_CHECKED_FROM))
        return BLITZDB_OK;
    *fault_out = NULL;
    block_out->record_count = bzd_load_u32(bytes + 8);
    block_out->number = bzd_load_u32(bytes + 12);
    block_out->payload =
        bzd_slice_of(bytes + BZD_SNAPSHOT_BLOCK_HEADER_SIZE, (size_t)size - BZD_SNAPSHOT_BLOCK_HEADER_SIZE);
    return BLITZDB_OK;
}

/** Whether a header could be one of the blocks that are missing; spares most offsets the checksum. */
static bool is_plausible(const struct walk *walk, const uint8_t *header, uint64_t left) {
    uint64_t size = bzd_load_u32(header + 4);
    uint64_t count = bzd_load_u32(header + 8);
    uint64_t number = bzd_load_u32(header + 12);
    uint64_t most = walk->next_number + walk->file.size / BZD_SNAPSHOT_BLOCK_HEADER_SIZE;
    if (size > left - BZD_SNAPSHOT_BLOCK_HEADER_SIZE || number > most)
        return false;
    if (count == BZD_SNAPSHOT_LAST_BLOCK)
        return size == BZD_SNAPSHOT_LAST_PAYLOAD_SIZE;
    return count > 0 && size >= BZD_SNAPSHOT_LEAST_RECORD_SIZE * count && is_possible(size, count);
}

/** Finds the next sound block behind the present offset; the end of the file if there is none. */
static blitzdb_status find_block(struct walk *walk, uint64_t *found_out, blitzdb_error *error) {
    uint64_t budget = SEARCH_FACTOR * walk->file.size;
    uint64_t offset = walk->offset + 1;
    *found_out = walk->file.size;
    for (; offset + BZD_SNAPSHOT_BLOCK_HEADER_SIZE <= walk->file.size; offset++) {
        const uint8_t *header;
        blitzdb_status status =
            bzd_file_reader_view(&walk->file, offset, BZD_SNAPSHOT_BLOCK_HEADER_SIZE, &header, error);
        if (status != BLITZDB_OK)
            return status;
        if (!is_plausible(walk, header, walk->file.size - offset))
            continue;
        uint64_t cost = BZD_SNAPSHOT_BLOCK_HEADER_SIZE + (uint64_t)bzd_load_u32(header + 4);
        if (cost > budget)
            return BLITZDB_OK;
        budget -= cost;
        struct block block;
        const char *fault;
        status = look_at_block(walk, offset, &block, &fault, error);
        if (status != BLITZDB_OK)
            return status;
        if (fault == NULL) {
            *found_out = offset;
            return BLITZDB_OK;
        }
    }
    return BLITZDB_OK;
}

/** Whether all records of a block are what a snapshot may hold, and as many as it says. */
static bool records_are_sound(const struct block *block) {
    struct bzd_cursor cursor = bzd_cursor_over(block->payload);
    uint32_t count = 0;
    for (; bzd_cursor_left(&cursor) > 0; count++) {
        struct bzd_record record;
        if (!bzd_record_decode(&cursor, &record) ||
            (record.type != BZD_RECORD_SET && record.type != BZD_RECORD_SET_EXPIRING))
            return false;
    }
    return count == block->record_count;
}

static blitzdb_status take_records(struct walk *walk, const struct block *block, uint64_t offset) {
    if (!records_are_sound(block)) {
        walk->has_lost = true;
        damage(walk, offset, BZD_SNAPSHOT_BLOCK_HEADER_SIZE + block->payload.size,
               "the checksum of the block fits, but its records are not valid");
        return BLITZDB_OK;
    }
    struct bzd_cursor cursor = bzd_cursor_over(block->payload);
    while (bzd_cursor_left(&cursor) > 0) {
        struct bzd_record record;
        (void)bzd_record_decode(&cursor, &record); /* was found sound */
        blitzdb_status status = bzd_check_take(walk->check, &record);
        if (status != BLITZDB_OK)
            return status;
    }
    walk->record_count += block->record_count;
    return BLITZDB_OK;
}

/** Checks what the last block says about the whole. */
static void take_last_block(struct walk *walk, const struct block *block, uint64_t offset) {
    walk->has_last = true;
    if (block->payload.size != BZD_SNAPSHOT_LAST_PAYLOAD_SIZE) {
        damage(walk, offset, 0, "the last block has a wrong size");
        return;
    }
    const uint8_t *payload = block->payload.data;
    uint64_t end = bzd_load_u64(payload + 8);
    if (!walk->has_lost && bzd_load_u64(payload) != walk->record_count)
        damage(walk, offset, 0, "the snapshot has not as many records as it says");
    if (walk->info.is_readable && end < walk->info.start_position)
        damage(walk, offset, 0, "the end position is before the start position");
    else
        walk->info.end_position = end;
    if (walk->offset != walk->file.size)
        damage(walk, walk->offset, walk->file.size - walk->offset, "the file goes on behind the last block");
}

/** Takes a block whose checksum fits and steps over it. */
static blitzdb_status take_block(struct walk *walk, const struct block *block) {
    uint64_t offset = walk->offset;
    bool is_expected =
        block->number == walk->next_number || (walk->is_behind_hole && block->number > walk->next_number);
    walk->is_behind_hole = false;
    if (!is_expected) {
        walk->has_lost = true;
        bzd_check_damage(walk->check, BLITZDB_CORRUPT, walk->file.name, offset, 0,
                         "block %u stands where block %" PRIu64 " should; it is used",
                         (unsigned)block->number, walk->next_number);
    }
    if (block->number >= walk->next_number)
        walk->next_number = (uint64_t)block->number + 1;
    walk->offset += BZD_SNAPSHOT_BLOCK_HEADER_SIZE + block->payload.size;
    if (block->record_count != BZD_SNAPSHOT_LAST_BLOCK)
        return take_records(walk, block, offset);
    take_last_block(walk, block, offset);
    return BLITZDB_OK;
}

/** Reports a bad place and goes to the next sound block. */
static blitzdb_status step_over(struct walk *walk, const char *fault, blitzdb_error *error) {
    uint64_t next;
    blitzdb_status status = find_block(walk, &next, error);
    if (status != BLITZDB_OK)
        return status;
    walk->has_lost = true;
    walk->is_behind_hole = true;
    bzd_check_damage(walk->check, BLITZDB_CORRUPT, walk->file.name, walk->offset, next - walk->offset,
                     "%s; the entries there are lost, and keys the log does not set again are missing",
                     fault);
    walk->offset = next;
    return BLITZDB_OK;
}

/** Reads the next block or steps over what should be one. */
static blitzdb_status next_block(struct walk *walk, blitzdb_error *error, blitzdb_status *take_status) {
    struct block block = {0};
    const char *fault = "the snapshot is cut off at a block's header";
    blitzdb_status status = BLITZDB_OK;
    if (walk->file.size - walk->offset >= BZD_SNAPSHOT_BLOCK_HEADER_SIZE)
        status = look_at_block(walk, walk->offset, &block, &fault, error);
    if (status != BLITZDB_OK)
        return status;
    if (fault != NULL)
        return step_over(walk, fault, error);
    *take_status = take_block(walk, &block);
    return BLITZDB_OK;
}

static blitzdb_status walk_blocks(struct walk *walk) {
    blitzdb_error error = {0};
    while (walk->offset < walk->file.size && !walk->has_last) {
        uint64_t before = walk->offset;
        blitzdb_status take_status = BLITZDB_OK;
        blitzdb_status status = next_block(walk, &error, &take_status);
        if (status != BLITZDB_OK)
            return bzd_check_unreadable(walk->check, walk->file.name, walk->offset,
                                        walk->file.size - walk->offset, &error);
        if (take_status != BLITZDB_OK)
            return take_status;
        bzd_check_progress(walk->check, walk->offset - before);
    }
    if (!walk->has_last)
        damage(walk, walk->offset, 0, "the snapshot has no end; what was behind this is missing");
    return BLITZDB_OK;
}

/** The keyspace map goes first, because the records behind it name stored keyspaces. */
static blitzdb_status take_map(const struct walk *walk) {
    struct bzd_record record = {.type = BZD_RECORD_MAP, .number = walk->keyspace_map};
    return bzd_map_is_valid(walk->keyspace_map) ? bzd_check_take(walk->check, &record) : BLITZDB_OK;
}

static blitzdb_status walk_file(struct walk *walk, const struct bzd_check_plan *plan) {
    const uint8_t *header;
    blitzdb_error error = {0};
    if (walk->file.size < BZD_SNAPSHOT_HEADER_SIZE) {
        damage(walk, 0, walk->file.size, "the header is cut off");
        return BLITZDB_OK;
    }
    if (bzd_file_reader_view(&walk->file, 0, BZD_SNAPSHOT_HEADER_SIZE, &header, &error) != BLITZDB_OK)
        return bzd_check_unreadable(walk->check, walk->file.name, 0, walk->file.size, &error);
    if (!judge_header(walk, header, plan))
        return BLITZDB_OK;
    bzd_check_progress(walk->check, BZD_SNAPSHOT_HEADER_SIZE);
    walk->offset = BZD_SNAPSHOT_HEADER_SIZE;
    blitzdb_status status = take_map(walk);
    return status == BLITZDB_OK ? walk_blocks(walk) : status;
}

blitzdb_status bzd_check_snapshot(struct bzd_check *check, const struct bzd_check_plan *plan,
                                  struct bzd_check_snapshot_info *info_out) {
    struct walk walk = {.check = check};
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_SNAPSHOT_NAME_PREFIX, plan->snapshot_serial, "");
    *info_out = walk.info;
    blitzdb_status status = bzd_check_open(check, &walk.file, name);
    if (status != BLITZDB_OK)
        return status == BLITZDB_IO ? BLITZDB_OK : status;
    status = walk_file(&walk, plan);
    bzd_file_reader_close(&walk.file);
    check->result.entries += walk.record_count;
    *info_out = walk.info;
    return status;
}

blitzdb_status bzd_check_peek_snapshot(struct bzd_check *check, uint64_t serial,
                                       struct bzd_check_snapshot_info *info_out) {
    struct walk walk = {.check = check};
    blitzdb_error error = {0};
    char name[BZD_NAME_MAX];
    bzd_name_numbered(name, BZD_SNAPSHOT_NAME_PREFIX, serial, "");
    *info_out = walk.info;
    blitzdb_status status = bzd_file_reader_open(&walk.file, check->env, check->dir, name, &error);
    if (status != BLITZDB_OK)
        return status == BLITZDB_NO_MEMORY ? status : BLITZDB_OK;
    const uint8_t *header;
    if (walk.file.size >= BZD_SNAPSHOT_HEADER_SIZE)
        status = bzd_file_reader_view(&walk.file, 0, BZD_SNAPSHOT_HEADER_SIZE, &header, &error);
    if (walk.file.size >= BZD_SNAPSHOT_HEADER_SIZE && status == BLITZDB_OK) {
        (void)parse_header(&walk, header);
        walk.info.is_readable = walk.info.is_readable && bzd_load_u32(header + 8) <= BZD_SNAPSHOT_VERSION;
    }
    bzd_file_reader_close(&walk.file);
    *info_out = walk.info;
    return status == BLITZDB_NO_MEMORY ? status : BLITZDB_OK;
}
