/*
 * Any file is a whole snapshot or is refused. The first byte says whether the checksums are mended before, so
 * that the fuzzer comes behind them; the rest is the file snapshot-0000000000000001.
 */
#include <stdlib.h>
#include <string.h>

#include "../support/whole_snapshot.h"
#include "codec.h"
#include "crc32c.h"
#include "one_file_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Makes the checksum of the header fit, and those of the blocks as far as their sizes lead. */
static void mend(uint8_t *snapshot, size_t size) {
    if (size < BZD_SNAPSHOT_HEADER_SIZE)
        return;
    bzd_put_u32(snapshot + 12, bzd_crc32c(0, snapshot + 16, 48));
    uint32_t seed = bzd_crc32c(0, snapshot + 16, 8);
    size_t offset = BZD_SNAPSHOT_HEADER_SIZE;
    while (size - offset >= BZD_SNAPSHOT_BLOCK_HEADER_SIZE) {
        uint8_t *block = snapshot + offset;
        size_t payload = bzd_load_u32(block + 4);
        if (payload > size - offset - BZD_SNAPSHOT_BLOCK_HEADER_SIZE)
            return;
        bzd_put_u32(block, bzd_crc32c(seed, block + 4, 12 + payload));
        offset += BZD_SNAPSHOT_BLOCK_HEADER_SIZE + payload;
    }
}

static blitzdb_status touch(void *user, const struct bzd_record *record) {
    uint32_t *sum = user;
    *sum = bzd_crc32c(*sum, record->key.data, record->key.size);
    *sum = bzd_crc32c(*sum, record->value.data, record->value.size);
    return BLITZDB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t database_id[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                            0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    if (size < 1)
        return 0;
    size_t snapshot_size = size - 1;
    uint8_t *snapshot = malloc(size);
    if (snapshot == NULL)
        return 0;
    memcpy(snapshot, data + 1, snapshot_size);
    if ((data[0] & 1) != 0)
        mend(snapshot, snapshot_size);

    struct one_file_env env;
    one_file_env_init(&env, "snapshot-0000000000000001", snapshot, snapshot_size);
    struct bzd_snapshot_info info;
    blitzdb_error error = {.status = BLITZDB_OK};
    uint32_t sum = 0;
    blitzdb_status status = read_whole_snapshot(&env.table, ".", 1, database_id, touch, &sum, &info, &error);
    if (status != BLITZDB_OK && status != BLITZDB_CORRUPT && status != BLITZDB_VERSION)
        abort();
    if (status != error.status)
        abort();
    free(snapshot);
    return 0;
}
