/* The MANIFEST: one valid version at any time, and not a byte that is not checked. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "crc32c.h"
#include "manifest.h"
#include "mem_env.h"
#include "raw_file.h"

#define PATH "./MANIFEST"

/* The example of docs/file-formats.md. */
static const char golden_text[] = "blitzdb manifest 1\n"
                                  "database 00112233445566778899aabbccddeeff\n"
                                  "snapshot 0000000000000003\n"
                                  "log 0000000000001000 open\n"
                                  "crc32c 0a939570\n";

static const struct bzd_manifest golden = {
    .database_id = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
                    0xff},
    .has_snapshot = true,
    .snapshot_serial = 3,
    .log_start = 0x1000,
    .log_end = UINT64_MAX,
};

static bool equal(const struct bzd_manifest *left, const struct bzd_manifest *right) {
    return memcmp(left->database_id, right->database_id, sizeof left->database_id) == 0 &&
           left->has_snapshot == right->has_snapshot && left->snapshot_serial == right->snapshot_serial &&
           left->log_start == right->log_start && left->log_end == right->log_end &&
           left->is_sealed == right->is_sealed;
}

/** Puts bytes in place of the MANIFEST and reads it. */
static blitzdb_status read_bytes(const blitzdb_env *env, const void *bytes, size_t size,
                                 blitzdb_error *error) {
    raw_file_write(env, PATH, bytes, size);
    *error = (blitzdb_error){.status = BLITZDB_OK};
    struct bzd_manifest manifest;
    blitzdb_status status = bzd_manifest_read(env, ".", &manifest, error);
    cr_assert_eq(error->status, status);
    return status;
}

/** Reads these lines with the checksum that fits them. */
static blitzdb_status read_lines(const blitzdb_env *env, const char *lines) {
    char text[2048];
    int size =
        snprintf(text, sizeof text, "%scrc32c %08x\n", lines, (unsigned)bzd_crc32c(0, lines, strlen(lines)));
    blitzdb_error error;
    return read_bytes(env, text, (size_t)size, &error);
}

/* The bytes are the documented ones. */
Test(manifest, writes_the_documented_bytes) {
    struct mem_env *disk = mem_env_create(1);
    cr_assert_eq(bzd_manifest_write(mem_env_table(disk), ".", &golden, NULL), BLITZDB_OK);

    struct raw_file file;
    raw_file_read(mem_env_table(disk), PATH, &file);
    cr_assert_eq(file.size, sizeof golden_text - 1);
    cr_assert_arr_eq(file.bytes, golden_text, sizeof golden_text - 1);
    mem_env_destroy(disk);
}

/* What was written is read, in each of its forms. */
Test(manifest, round_trip) {
    struct mem_env *disk = mem_env_create(1);
    struct bzd_manifest forms[5] = {golden, golden, golden, golden, golden};
    forms[1].log_end = 0x2000;
    forms[2].has_snapshot = false;
    forms[2].snapshot_serial = 0;
    forms[3].snapshot_serial = UINT64_MAX;
    forms[3].log_start = forms[3].log_end = UINT64_MAX - 1;
    forms[4].log_end = 0x2000;
    forms[4].is_sealed = true;

    for (size_t i = 0; i < 5; i++) {
        struct bzd_manifest manifest;
        cr_assert_eq(bzd_manifest_write(mem_env_table(disk), ".", &forms[i], NULL), BLITZDB_OK);
        cr_assert_eq(bzd_manifest_read(mem_env_table(disk), ".", &manifest, NULL), BLITZDB_OK);
        cr_assert(equal(&manifest, &forms[i]), "form %zu", i);
    }
    cr_assert_eq(mem_env_live_memory(disk), 0);
    cr_assert_eq(mem_env_open_files(disk), 0);
    mem_env_destroy(disk);
}

/* A directory without one is not damaged, it is just not a database yet. */
Test(manifest, may_be_absent) {
    struct mem_env *disk = mem_env_create(1);
    struct bzd_manifest manifest;
    blitzdb_error error = {.status = BLITZDB_OK};
    cr_assert_eq(bzd_manifest_read(mem_env_table(disk), ".", &manifest, &error), BLITZDB_NOT_FOUND);
    cr_assert_eq(error.status, BLITZDB_OK);
    mem_env_destroy(disk);
}

/* Cut anywhere, it is refused. */
Test(manifest, every_truncation_is_corruption) {
    struct mem_env *disk = mem_env_create(1);
    blitzdb_error error;
    for (size_t size = 0; size < sizeof golden_text - 1; size++) {
        cr_assert_eq(read_bytes(mem_env_table(disk), golden_text, size, &error), BLITZDB_CORRUPT, "%zu",
                     size);
        cr_assert_not_null(strstr(error.text, "MANIFEST: offset "));
    }
    mem_env_destroy(disk);
}

/* Every flipped bit is refused; in the version's digit it may look like a newer one. */
Test(manifest, every_bit_flip_is_refused) {
    struct mem_env *disk = mem_env_create(1);
    for (size_t bit = 0; bit < (sizeof golden_text - 1) * 8; bit++) {
        char damaged[sizeof golden_text];
        memcpy(damaged, golden_text, sizeof damaged);
        damaged[bit / 8] = (char)(damaged[bit / 8] ^ (1 << bit % 8));
        blitzdb_error error;
        blitzdb_status status = read_bytes(mem_env_table(disk), damaged, sizeof damaged - 1, &error);
        cr_assert(status == BLITZDB_CORRUPT || (status == BLITZDB_VERSION && bit / 8 == 17), "bit %zu", bit);
    }
    mem_env_destroy(disk);
}

/* A newer version is refused as such, whatever follows the first line. */
Test(manifest, refuses_newer_versions) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    blitzdb_error error;
    cr_assert_eq(read_bytes(env, "blitzdb manifest 2\n", 19, &error), BLITZDB_VERSION);
    cr_assert_not_null(strstr(error.text, "version 2"));
    cr_assert_eq(read_bytes(env, "blitzdb manifest 999999999\nmore", 31, &error), BLITZDB_VERSION);
    char large[1000];
    memset(large, 'x', sizeof large);
    memcpy(large, "blitzdb manifest 17\n", 20);
    cr_assert_eq(read_bytes(env, large, sizeof large, &error), BLITZDB_VERSION);
    mem_env_destroy(disk);
}

/* Lines that are not as documented are refused even if the checksum fits. */
Test(manifest, refuses_other_texts) {
    static const char *const texts[] = {
        "",
        "blitzdb manifest \n",
        "blitzdb manifest 01\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\nlog 0000000000001000 "
        "open\n",
        "blitzdb manifest 0\n",
        "blitzdb manifest 1000000000\n",
        "blitzdb manifest 1x\n",
        "blitzdb manifest 1\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddee\nsnapshot none\nlog 0000000000001000 "
        "open\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899AABBCCDDEEFF\nsnapshot none\nlog 0000000000001000 "
        "open\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot 3\nlog 0000000000001000 "
        "open\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot \nlog 0000000000001000 "
        "open\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\nlog 0000000000001000 "
        "close\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\nlog "
        "0000000000001000\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 0000000000000fff\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 sealed open\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 sealed ffffffffffffffff\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 sealed 0000000000000fff\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 sealed\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 sealed 1000\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 ffffffffffffffff\n",
        "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\nsnapshot none\n"
        "log 0000000000001000 open\nextra\n",
    };
    struct mem_env *disk = mem_env_create(1);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert_eq(read_lines(mem_env_table(disk), texts[i]), BLITZDB_CORRUPT, "text %zu", i);
    cr_assert_eq(read_lines(mem_env_table(disk),
                            "blitzdb manifest 1\ndatabase 00112233445566778899aabbccddeeff\n"
                            "snapshot none\nlog 0000000000001000 0000000000001000\n"),
                 BLITZDB_OK, "the check of this test itself");
    mem_env_destroy(disk);
}

/* A large file is neither loaded nor believed. */
Test(manifest, refuses_a_large_file) {
    struct mem_env *disk = mem_env_create(1);
    char text[1500];
    memset(text, '\n', sizeof text);
    memcpy(text, golden_text, sizeof golden_text - 1);
    blitzdb_error error;
    cr_assert_eq(read_bytes(mem_env_table(disk), text, sizeof text, &error), BLITZDB_CORRUPT);
    mem_env_destroy(disk);
}

/* It is synced, renamed over the old one, and the name is synced. */
Test(manifest, is_replaced_in_order) {
    static const enum mem_env_call expected[] = {MEM_CALL_REMOVE,  MEM_CALL_CREATE, MEM_CALL_WRITE,
                                                 MEM_CALL_SYNC,    MEM_CALL_RENAME, MEM_CALL_CLOSE,
                                                 MEM_CALL_SYNC_DIR};
    struct mem_env *disk = mem_env_create(1);
    mem_env_trace_begin(disk);
    cr_assert_eq(bzd_manifest_write(mem_env_table(disk), ".", &golden, NULL), BLITZDB_OK);
    cr_assert_eq(mem_env_trace_count(disk), sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        cr_assert_eq(mem_env_trace_at(disk, i).call, expected[i], "call %zu is %s", i,
                     mem_env_call_name(mem_env_trace_at(disk, i).call));
    mem_env_destroy(disk);
}

/** An environment with an old manifest, on disk. */
static struct mem_env *with_old_manifest(struct bzd_manifest *old_out) {
    struct mem_env *disk = mem_env_create(1);
    *old_out = golden;
    old_out->snapshot_serial = 2;
    cr_assert_eq(bzd_manifest_write(mem_env_table(disk), ".", old_out, NULL), BLITZDB_OK);
    return disk;
}

/* Wherever replacing fails, it says so, nothing is left behind, and one of the two is there. */
Test(manifest, every_failing_call_is_reported) {
    bool fired = true;
    for (uint64_t nth = 1; fired; nth++) {
        struct bzd_manifest old;
        struct mem_env *disk = with_old_manifest(&old);
        struct mem_env_fault fault = {MEM_CALL_ANY_CHANGE, nth, ENOSPC, false, MEM_PART_HALF};
        mem_env_fail(disk, &fault);
        blitzdb_error error = {.status = BLITZDB_OK};
        blitzdb_status status = bzd_manifest_write(mem_env_table(disk), ".", &golden, &error);
        fired = mem_env_faults(disk) > 0;
        mem_env_disarm(disk);

        cr_assert_eq(status, fired ? BLITZDB_NO_SPACE : BLITZDB_OK);
        cr_assert_eq(error.status, status);
        struct bzd_manifest manifest;
        cr_assert_eq(bzd_manifest_read(mem_env_table(disk), ".", &manifest, NULL), BLITZDB_OK);
        cr_assert(equal(&manifest, &golden) || (fired && equal(&manifest, &old)));
        cr_assert_not(raw_file_exists(mem_env_table(disk), PATH ".tmp"));
        cr_assert_eq(mem_env_open_files(disk), 0);
        mem_env_destroy(disk);
    }
}

/* Whenever power fails, the old one or the new one is there, whole. */
Test(manifest, survives_power_failure_everywhere) {
    bool crashed = true;
    for (uint64_t nth = 1; crashed; nth++) {
        struct bzd_manifest old;
        struct mem_env *disk = with_old_manifest(&old);
        mem_env_crash_at(disk, nth);
        bool written = bzd_manifest_write(mem_env_table(disk), ".", &golden, NULL) == BLITZDB_OK;
        crashed = mem_env_crashed(disk);
        for (int damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
            uint64_t images = mem_env_crash_count(disk, (enum mem_env_damage)damage);
            for (uint64_t i = 0; i < images; i++) {
                struct mem_env *image = mem_env_crash(disk, (enum mem_env_damage)damage, i);
                struct bzd_manifest manifest;
                cr_assert_eq(bzd_manifest_read(mem_env_table(image), ".", &manifest, NULL), BLITZDB_OK);
                cr_assert(equal(&manifest, &golden) || (!written && equal(&manifest, &old)));
                mem_env_destroy(image);
            }
        }
        mem_env_destroy(disk);
    }
}
