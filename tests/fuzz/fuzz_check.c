/*
 * Any directory can be checked to its end. The first byte says what the rest is: bit 0, its checksums are
 * mended before; bit 1, it is a snapshot and not the first segment of a log. There is no MANIFEST, so all is
 * taken that is sound.
 */
#include <stdlib.h>
#include <string.h>

#include <blitzdb/check.h>

#include "codec.h"
#include "crc32c.h"
#include "one_file_env.h"

enum { HEADER = 64, MEND = 1, SNAPSHOT = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Makes the checksum of the header fit, and those of groups or blocks as far as their sizes lead. */
static void mend(uint8_t *file, size_t size, bool is_snapshot) {
    size_t piece_header = is_snapshot ? 16 : 32;
    if (size < HEADER)
        return;
    bzd_put_u32(file + 12, bzd_crc32c(0, file + 16, 48));
    uint32_t seed = bzd_crc32c(0, file + 16, 8);
    size_t offset = HEADER;
    while (size - offset >= piece_header) {
        uint8_t *piece = file + offset;
        size_t left = size - offset - piece_header;
        size_t payload = bzd_load_u32(piece + 4);
        if (!is_snapshot)
            bzd_put_u32(piece + 28, bzd_crc32c(seed, piece + 4, 24));
        if (payload > left)
            return;
        bzd_put_u32(piece, bzd_crc32c(seed, piece + 4, piece_header - 4 + payload));
        offset += piece_header + payload;
    }
}

/** Ends the run: a property does not hold. */
static void require(int holds) {
    if (!holds)
        abort();
}

static void look_at_finding(void *user, const blitzdb_finding *finding) {
    uint64_t *damages = user;
    *damages += finding->severity == BLITZDB_SEVERITY_DAMAGE;
    require(finding->reason[0] != '\0' && finding->file[0] != '\0');
    require((finding->severity == BLITZDB_SEVERITY_DAMAGE) == (finding->status != BLITZDB_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    uint8_t *file = malloc(size);
    if (file == NULL)
        return 0;
    bool is_snapshot = (data[0] & SNAPSHOT) != 0;
    memcpy(file, data + 1, size - 1);
    if ((data[0] & MEND) != 0)
        mend(file, size - 1, is_snapshot);

    struct one_file_env env;
    one_file_env_init(&env, is_snapshot ? "snapshot-0000000000000001" : "log-0000000000000000", file,
                      size - 1);
    uint64_t damages = 0;
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    options.env = &env.table;
    options.finding = look_at_finding;
    options.finding_user = &damages;
    blitzdb_status status = blitzdb_verify(".", &options, &result);
    require(result.damages == damages);
    /* Only a log without a group may be what a creation left; all else lacks its MANIFEST. */
    require(status == BLITZDB_NOT_FOUND ? !is_snapshot && size - 1 <= HEADER : damages > 0);
    free(file);
    return 0;
}
