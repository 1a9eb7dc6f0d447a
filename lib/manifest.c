#include "manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codec.h"
#include "crc32c.h"
#include "file_reader.h"
#include "invariant.h"
#include "logger.h"
#include "path.h"
#include "temporary.h"

enum {
    VERSION = 1,
    TEXT_MAX = 256,         /* of version 1, with room to spare */
    CHECKSUM_LINE = 16,     /* "crc32c 89abcdef\n" */
    VERSION_DIGITS_MAX = 9, /* of any version to come */
};

/** Steps over a text that must come next. */
static void expect(struct bzd_cursor *text, const char *word) {
    struct bzd_slice expected = bzd_slice_of(word, strlen(word));
    if (!bzd_slice_equal(bzd_cursor_bytes(text, expected.size), expected))
        text->failed = true;
}

/** Steps over a text if it comes next. */
static bool accept(struct bzd_cursor *text, const char *word) {
    struct bzd_cursor ahead = *text;
    expect(&ahead, word);
    if (ahead.failed)
        return false;
    *text = ahead;
    return true;
}

/** A number of exactly so many lower-case hexadecimal digits. */
static uint64_t take_hex(struct bzd_cursor *text, unsigned digits) {
    static const char alphabet[] = "0123456789abcdef";
    uint64_t number = 0;
    for (unsigned i = 0; i < digits; i++) {
        const char *found = memchr(alphabet, bzd_cursor_u8(text), sizeof alphabet - 1);
        if (found == NULL) {
            text->failed = true;
            return 0;
        }
        number = number << 4 | (uint64_t)(found - alphabet);
    }
    return number;
}

/** The decimal number behind "blitzdb manifest ", or 0 if there is none. */
static uint32_t take_version(struct bzd_cursor *text) {
    expect(text, "blitzdb manifest ");
    uint32_t version = 0;
    for (unsigned i = 0; i <= VERSION_DIGITS_MAX; i++) {
        uint8_t digit = bzd_cursor_u8(text);
        if (digit == '\n' && !text->failed)
            return version;
        if (digit < '0' || digit > '9' || i == VERSION_DIGITS_MAX || (digit == '0' && i == 0))
            break;
        version = version * 10 + (uint32_t)(digit - '0');
    }
    return 0;
}

static void take_log(struct bzd_cursor *text, struct bzd_manifest *manifest) {
    expect(text, "log ");
    manifest->log_start = take_hex(text, 16);
    expect(text, " ");
    manifest->log_end = UINT64_MAX;
    if (accept(text, "open\n"))
        return;
    manifest->is_sealed = accept(text, "sealed ");
    manifest->log_end = take_hex(text, 16);
    expect(text, "\n");
    if (manifest->log_end == UINT64_MAX || manifest->log_end < manifest->log_start)
        text->failed = true;
}

/** The lines between the version and the checksum, all of them and nothing else. */
static bool take_lines(struct bzd_cursor *text, struct bzd_manifest *manifest) {
    expect(text, "database ");
    for (unsigned i = 0; i < BZD_DATABASE_ID_SIZE; i++)
        manifest->database_id[i] = (uint8_t)take_hex(text, 2);
    expect(text, "\nsnapshot ");
    manifest->has_snapshot = !accept(text, "none\n");
    if (manifest->has_snapshot) {
        manifest->snapshot_serial = take_hex(text, 16);
        expect(text, "\n");
    }
    take_log(text, manifest);
    return !text->failed && bzd_cursor_left(text) == 0;
}

static bool checksum_fits(struct bzd_slice lines, const uint8_t *checksum_line) {
    struct bzd_cursor text = bzd_cursor_over(bzd_slice_of(checksum_line, CHECKSUM_LINE));
    expect(&text, "crc32c ");
    uint64_t crc = take_hex(&text, 8);
    expect(&text, "\n");
    return !text.failed && crc == bzd_crc32c(0, lines.data, lines.size);
}

static blitzdb_status corrupt(struct bzd_manifest_fault *fault, uint64_t offset, const char *reason) {
    fault->offset = offset;
    (void)snprintf(fault->reason, sizeof fault->reason, "%s", reason);
    return BLITZDB_CORRUPT;
}

/** Takes the whole text apart. Of a larger file only TEXT_MAX bytes are there, which no valid text fills. */
static blitzdb_status parse(const uint8_t *bytes, uint64_t file_size, struct bzd_manifest *manifest,
                            struct bzd_manifest_fault *fault) {
    size_t size = file_size < TEXT_MAX ? (size_t)file_size : TEXT_MAX;
    struct bzd_cursor text = bzd_cursor_over(bzd_slice_of(bytes, size));
    uint32_t version = take_version(&text);
    if (version == 0)
        return corrupt(fault, 0, "the first line does not name a version");
    if (version > VERSION) {
        fault->offset = 0;
        (void)snprintf(fault->reason, sizeof fault->reason, "version %u; this version knows %d",
                       (unsigned)version, VERSION);
        return BLITZDB_VERSION;
    }

    size_t lines_size = size > CHECKSUM_LINE ? size - CHECKSUM_LINE : 0;
    if (lines_size < (size_t)(text.at - bytes))
        return corrupt(fault, file_size, "the file is cut off");
    if (!checksum_fits(bzd_slice_of(bytes, lines_size), bytes + lines_size))
        return corrupt(fault, lines_size, "the checksum does not fit");
    text.end = bytes + lines_size;
    if (!take_lines(&text, manifest))
        return corrupt(fault, (uint64_t)(text.at - bytes), "the checksum fits, but a line is not valid");
    return BLITZDB_OK;
}

blitzdb_status bzd_manifest_examine(const blitzdb_env *env, const char *dir,
                                    struct bzd_manifest *manifest_out, struct bzd_manifest_fault *fault_out,
                                    blitzdb_error *error) {
    struct bzd_file_reader file;
    blitzdb_status status = bzd_file_reader_open(&file, env, dir, BZD_MANIFEST_NAME, error);
    if (status != BLITZDB_OK)
        return status;

    const uint8_t *bytes;
    status = bzd_file_reader_view(&file, 0, file.size < TEXT_MAX ? file.size : TEXT_MAX, &bytes, error);
    struct bzd_manifest manifest = {.has_snapshot = false};
    if (status == BLITZDB_OK) {
        status = parse(bytes, file.size, &manifest, fault_out);
        if (status != BLITZDB_OK)
            (void)bzd_error_set(error, status, 0, BZD_MANIFEST_NAME ": offset %" PRIu64 ": %s",
                                fault_out->offset, fault_out->reason);
    }
    bzd_file_reader_close(&file);
    if (status == BLITZDB_OK)
        *manifest_out = manifest;
    return status;
}

blitzdb_status bzd_manifest_read(const blitzdb_env *env, const char *dir, struct bzd_manifest *manifest_out,
                                 blitzdb_error *error) {
    struct bzd_manifest_fault fault;
    return bzd_manifest_examine(env, dir, manifest_out, &fault, error);
}

/** Appends to a text that was sized for all of it. */
static size_t put_text(char *text, size_t size, const char *words) {
    size_t words_size = strlen(words);
    BZD_ASSERT(size + words_size <= TEXT_MAX);
    memcpy(text + size, words, words_size);
    return size + words_size;
}

static size_t put_hex(char *text, size_t size, uint64_t number, int digits) {
    char words[17];
    (void)snprintf(words, sizeof words, "%0*" PRIx64, digits, number);
    return put_text(text, size, words);
}

/** Writes the text to `text`, which has room for TEXT_MAX bytes; returns its size. */
static size_t format(char *text, const struct bzd_manifest *manifest) {
    size_t size = put_text(text, 0, "blitzdb manifest 1\ndatabase ");
    for (unsigned i = 0; i < BZD_DATABASE_ID_SIZE; i++)
        size = put_hex(text, size, manifest->database_id[i], 2);
    size = put_text(text, size, "\nsnapshot ");
    if (manifest->has_snapshot)
        size = put_hex(text, size, manifest->snapshot_serial, 16);
    else
        size = put_text(text, size, "none");
    size = put_text(text, size, "\nlog ");
    size = put_hex(text, size, manifest->log_start, 16);
    size = put_text(text, size, " ");
    if (manifest->is_sealed)
        size = put_text(text, size, "sealed ");
    if (manifest->log_end == UINT64_MAX)
        size = put_text(text, size, "open");
    else
        size = put_hex(text, size, manifest->log_end, 16);
    size = put_text(text, size, "\n");
    uint32_t crc = bzd_crc32c(0, text, size);
    size = put_text(text, size, "crc32c ");
    size = put_hex(text, size, crc, 8);
    return put_text(text, size, "\n");
}

blitzdb_status bzd_manifest_write(const blitzdb_env *env, const char *dir,
                                  const struct bzd_manifest *manifest, blitzdb_error *error) {
    BZD_ASSERT(manifest->log_start <= manifest->log_end);
    BZD_ASSERT(!manifest->is_sealed || manifest->log_end != UINT64_MAX);
    char text[TEXT_MAX];
    size_t size = format(text, manifest);

    struct bzd_temporary file;
    blitzdb_status status = bzd_temporary_create(&file, env, dir, BZD_MANIFEST_NAME, error);
    if (status == BLITZDB_OK)
        status = bzd_temporary_write(&file, text, size, 0, error);
    if (status == BLITZDB_OK)
        status = bzd_temporary_publish(&file, error);
    bzd_temporary_discard(&file);
    return status;
}

blitzdb_status bzd_manifest_sync_parent(const blitzdb_env *env, const char *dir, blitzdb_error *error) {
    char parent[BZD_PATH_MAX];
    bzd_path_parent(parent, dir);
    int failure = env->sync_dir(env->user, parent);
    if (failure == 0)
        return BLITZDB_OK;
    return bzd_error_set(error, bzd_status_of_errno(failure), failure, "syncing directory %s: %s", parent,
                         bzd_text_of_errno(failure));
}

void bzd_manifest_remove_temporary(const blitzdb_env *env, const char *dir) {
    char path[BZD_PATH_MAX];
    bzd_path_join(path, dir, BZD_MANIFEST_NAME BZD_TEMPORARY_SUFFIX);
    (void)env->remove(env->user, path);
}
