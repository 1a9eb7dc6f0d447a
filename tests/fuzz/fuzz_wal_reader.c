/*
 * Any file is a log with a torn tail or is refused. The first byte says whether the checksums are mended
 * before, so that the fuzzer comes behind them; the rest is the segment log-0000000000000000.
 */
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "crc32c.h"
#include "one_file_env.h"
#include "wal_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Makes the checksum of the segment's header fit, and those of the groups as far as their sizes lead. */
static void mend(uint8_t *segment, size_t size) {
    if (size < BZD_WAL_SEGMENT_HEADER_SIZE)
        return;
    bzd_put_u32(segment + 12, bzd_crc32c(0, segment + 16, 48));
    uint32_t seed = bzd_crc32c(0, segment + 16, 8);
    size_t offset = BZD_WAL_SEGMENT_HEADER_SIZE;
    while (size - offset >= BZD_WAL_GROUP_HEADER_SIZE) {
        uint8_t *group = segment + offset;
        size_t left = size - offset - BZD_WAL_GROUP_HEADER_SIZE;
        size_t payload = bzd_load_u32(group + 4);
        bzd_put_u32(group + 28, bzd_crc32c(seed, group + 4, 24));
        if (payload > left)
            return;
        bzd_put_u32(group, bzd_crc32c(seed, group + 4, 28 + payload));
        offset += BZD_WAL_GROUP_HEADER_SIZE + payload;
    }
}

static blitzdb_status touch(void *user, const struct bzd_record *record) {
    uint32_t *sum = user;
    *sum = bzd_crc32c(*sum, record->key.data, record->key.size);
    *sum = bzd_crc32c(*sum, record->value.data, record->value.size);
    return BLITZDB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t database_id[BZD_DATABASE_ID_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                              0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    if (size < 1)
        return 0;
    size_t segment_size = size - 1;
    uint8_t *segment = malloc(size);
    if (segment == NULL)
        return 0;
    memcpy(segment, data + 1, segment_size);
    if ((data[0] & 1) != 0)
        mend(segment, segment_size);

    struct one_file_env env;
    one_file_env_init(&env, "log-0000000000000000", segment, segment_size);
    struct bzd_wal_source source = {&env.table, ".", database_id, 0, UINT64_MAX, false};
    struct bzd_wal_tail tail;
    blitzdb_error error = {.status = BLITZDB_OK};
    uint32_t sum = 0;
    blitzdb_status status = bzd_wal_read(&source, touch, &sum, &tail, &error);
    if (status != BLITZDB_OK && status != BLITZDB_CORRUPT && status != BLITZDB_VERSION)
        abort();
    if (status != error.status || (status == BLITZDB_OK && tail.position + tail.torn_bytes > segment_size))
        abort();
    free(segment);
    return 0;
}
