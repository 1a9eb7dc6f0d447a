/* Verify and salvage: what each kind of damage is called, what is saved, and what is left alone. */
#include <blitzdb/check.h>

#include <errno.h>
#include <stdio.h>

#include "db_fixture.h"
#include "raw_file.h"

#define LOG "db/log-0000000000000000"
#define SNAPSHOT "db/snapshot-0000000000000001"

/** Findings as text, one in a line. */
static char findings[8192];
static blitzdb_error error;

static void note_finding(void *user, const blitzdb_finding *finding) {
    size_t *size = user;
    int written =
        snprintf(findings + *size, sizeof findings - *size, "%s %s %llu +%llu %s\n",
                 finding->severity == BLITZDB_SEVERITY_NOTE ? "note" : "damage", finding->file,
                 (unsigned long long)finding->offset, (unsigned long long)finding->bytes, finding->reason);
    *size += (size_t)written;
    cr_assert_lt(*size, sizeof findings);
}

static size_t findings_size;

static blitzdb_check_options options_of(void) {
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    findings_size = 0;
    findings[0] = '\0';
    options.env = mem_env_table(disk);
    options.finding = note_finding;
    options.finding_user = &findings_size;
    options.error = &error;
    return options;
}

/** Closes the database, if it is open, and verifies it; nothing is changed by that. */
static blitzdb_status verify(blitzdb_check_result *result) {
    blitzdb_check_options options = options_of();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    uint64_t digest = mem_env_digest(disk);
    blitzdb_status status = blitzdb_verify("db", &options, result);
    cr_assert_eq(mem_env_digest(disk), digest);
    return status;
}

/** Saves what is sound and opens it in `db`. */
static blitzdb_check_result salvage(void) {
    blitzdb_check_options options = options_of();
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    cr_assert_eq(blitzdb_salvage("db", "out", &options, &result), BLITZDB_OK, "%s", error.text);
    blitzdb_options open_options = fixture_options();
    open_options.flags = BLITZDB_OPEN_MUST_EXIST;
    cr_assert_eq(blitzdb_open("out", &open_options, &db), BLITZDB_OK);
    return result;
}

/** Three synced groups. */
static void fill(void) {
    const char *const keys[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(set_text(db, keys[i], keys[i]), BLITZDB_OK);
        cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    }
}

static void damage(const char *path, size_t offset) {
    static struct raw_file file;
    raw_file_read(mem_env_table(disk), path, &file);
    cr_assert_lt(offset, file.size);
    file.bytes[offset] ^= 0x10;
    raw_file_write(mem_env_table(disk), path, file.bytes, file.size);
}

TestSuite(db_check, .init = fixture_open, .fini = fixture_close);

/* A sound database: everything is counted and nothing is found. */
Test(db_check, sound) {
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    cr_assert_eq(set_text(db, "a", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    fill();

    cr_assert_eq(verify(&result), BLITZDB_OK);

    cr_assert_str_eq(findings, "");
    cr_assert_eq(result.entries, 1);
    cr_assert_eq(result.records, 3);
    cr_assert_eq(result.files, 3);
    cr_assert_eq(result.damages + result.notes, 0);
    cr_assert_str_eq(result.first_file, "");
}

/* A database that is open is not judged. */
Test(db_check, in_use) {
    blitzdb_check_options options = options_of();
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    cr_assert_eq(blitzdb_verify("db", &options, &result), BLITZDB_LOCKED);
    cr_assert(strstr(error.text, "open") != NULL);
    cr_assert_eq(blitzdb_salvage("db", "out", &options, &result), BLITZDB_LOCKED);
}

/* Where there is no database, that is said, and nothing is made. */
Test(db_check, no_database) {
    blitzdb_check_options options = options_of();
    uint64_t digest = mem_env_digest(disk);
    cr_assert_eq(blitzdb_verify("absent", &options, NULL), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_salvage("absent", "out", &options, NULL), BLITZDB_NOT_FOUND);
    cr_assert_eq(mem_env_digest(disk), digest);
    const blitzdb_env *env = mem_env_table(disk);
    cr_assert_eq(env->make_dir(env->user, "empty"), 0);
    cr_assert_eq(blitzdb_verify("empty", &options, NULL), BLITZDB_NOT_FOUND);
    cr_assert_neq(error.text[0], '\0');
}

/* Arguments that are not possible. */
Test(db_check, invalid_arguments) {
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    blitzdb_check_options options = options_of();
    result.struct_size = 1;
    cr_assert_eq(blitzdb_verify("db", &options, &result), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_verify(NULL, &options, NULL), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_verify("", &options, NULL), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_salvage("db", NULL, &options, NULL), BLITZDB_INVALID);
    options.struct_size = sizeof options + 1;
    cr_assert_eq(blitzdb_verify("db", &options, NULL), BLITZDB_INVALID);
}

/* A hole in the log: the group is named with its bytes, the others are saved. */
Test(db_check, hole_in_the_log) {
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    fill();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    damage(LOG, 64 + 38 + 34); /* groups have 32 + 6 bytes: in the records of the second */

    cr_assert_eq(verify(&result), BLITZDB_CORRUPT);

    cr_assert_eq(result.damages, 1);
    cr_assert_eq(result.damage_bytes, 38);
    cr_assert_eq(result.records, 2);
    cr_assert_str_eq(result.first_file, "log-0000000000000000");
    cr_assert_eq(result.first_offset, 64 + 38);
    cr_assert(strstr(error.text, "log-0000000000000000: offset 102: checksum of the group") == error.text);
    result = salvage();
    cr_assert_eq(result.keys, 2);
    cr_assert_eq(exists_text(db, "a"), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "b"), BLITZDB_NOT_FOUND);
    cr_assert_eq(exists_text(db, "c"), BLITZDB_OK);
}

/* Groups that moved are found again. */
Test(db_check, bytes_taken_out_of_the_log) {
    static struct raw_file file;
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    fill();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    raw_file_read(mem_env_table(disk), LOG, &file);
    memmove(file.bytes + 110, file.bytes + 120, file.size - 120);
    raw_file_write(mem_env_table(disk), LOG, file.bytes, file.size - 10);

    cr_assert_eq(verify(&result), BLITZDB_CORRUPT);

    cr_assert_eq(result.damages, 1);
    cr_assert_eq(result.damage_bytes, 28);
    result = salvage();
    cr_assert_eq(result.keys, 2);
    cr_assert_eq(exists_text(db, "c"), BLITZDB_OK);
}

/* A hole in a snapshot of several blocks leaves out the entries of one, and the log behind it counts. */
Test(db_check, hole_in_the_snapshot) {
    static char value[300000];
    const blitzdb_env *env = mem_env_table(disk);
    for (char key = 'a'; key < 'm'; key++)
        cr_assert_eq(blitzdb_set(db, &key, 1, value, sizeof value), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    fill();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    blitzdb_file *file;
    cr_assert_eq(env->open(env->user, SNAPSHOT, BLITZDB_FILE_WRITE, &file), 0);
    cr_assert_eq(env->write_at(env->user, file, "x", 1, 1500000), 0);
    cr_assert_eq(env->close(env->user, file), 0);
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;

    cr_assert_eq(verify(&result), BLITZDB_CORRUPT);

    cr_assert_eq(result.damages, 1, "%s", findings);
    cr_assert_gt(result.entries, 0);
    cr_assert_lt(result.entries, 12);
    uint64_t entries = result.entries;
    result = salvage();
    cr_assert_geq(result.keys, entries);
    cr_assert_leq(result.keys, entries + 3);
    cr_assert_str_eq(get_text(db, "a"), "a");
}

/* What is wrong with a MANIFEST is said with its place; one that cannot be read is as any such file. */
Test(db_check, damaged_manifest) {
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    fill();
    cr_assert_eq(verify(&result), BLITZDB_OK);

    mem_env_fail(disk, &(struct mem_env_fault){.call = MEM_CALL_READ, .nth = 1, .error = EIO});
    cr_assert_eq(verify(&result), BLITZDB_IO);
    cr_assert(strstr(findings, "damage MANIFEST 0 +0 the system cannot read it (errno 5)") != NULL, "%s",
              findings);

    damage("db/MANIFEST", 40);
    cr_assert_eq(verify(&result), BLITZDB_CORRUPT);
    cr_assert(strstr(findings, "damage MANIFEST 120 +0 the checksum does not fit\n") != NULL, "%s", findings);
    cr_assert_eq(result.records, 3, "the log is read nevertheless");
}

/* A block whose size its records cannot have is damage, found without memory of that size. */
Test(db_check, impossible_size_in_the_snapshot) {
    static char value[300000];
    static const uint8_t two_mib_more = 0x20;
    const blitzdb_env *env = mem_env_table(disk);
    for (char key = 'a'; key < 'm'; key++)
        cr_assert_eq(blitzdb_set(db, &key, 1, value, sizeof value), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    blitzdb_file *file;
    cr_assert_eq(env->open(env->user, SNAPSHOT, BLITZDB_FILE_WRITE, &file), 0);
    cr_assert_eq(env->write_at(env->user, file, &two_mib_more, 1, 64 + 4 + 2), 0); /* the size of block 0 */
    cr_assert_eq(env->close(env->user, file), 0);
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;

    cr_assert_eq(verify(&result), BLITZDB_CORRUPT);

    cr_assert_eq(result.damages, 1, "%s", findings);
    cr_assert(strstr(findings, "larger than its records can be") != NULL, "%s", findings);
    cr_assert_gt(result.entries, 0);
}

/* Without a MANIFEST the newest snapshot and the log behind it are taken. */
Test(db_check, lost_manifest) {
    const blitzdb_env *env = mem_env_table(disk);
    cr_assert_eq(set_text(db, "old", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    fill();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    cr_assert_eq(env->remove(env->user, "db/MANIFEST"), 0);
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;

    cr_assert_eq(verify(&result), BLITZDB_NOT_A_DATABASE);

    result = salvage();
    cr_assert_eq(result.keys, 4);
    cr_assert_eq(result.damages, 1);
    cr_assert(strstr(findings, "whether that is the newest state is not known") != NULL, "%s", findings);
}

/* A torn tail is no damage, and leftovers are named. */
Test(db_check, notes) {
    static struct raw_file file;
    const blitzdb_env *env = mem_env_table(disk);
    fill();
    struct mem_env *killed = mem_env_kill(disk);
    fixture_close();
    disk = killed;
    db = NULL;
    env = mem_env_table(disk);
    raw_file_read(env, LOG, &file);
    raw_file_write(env, LOG, file.bytes, 64 + 3 * 38 - 1); /* without the room that was prepared behind it */
    raw_file_write(env, "db/MANIFEST.tmp", "x", 1);
    raw_file_write(env, "db/snapshot-0000000000000009", "x", 1);
    raw_file_write(env, "db/snapshot-0000000000000009.tmp", "x", 1);
    raw_file_write(env, "db/readme", "x", 1);
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;

    cr_assert_eq(verify(&result), BLITZDB_OK);

    cr_assert_eq(result.notes, 5, "%s", findings);
    cr_assert_eq(result.records, 2);
    cr_assert(strstr(findings, "note log-0000000000000000 140 +37 the log ends here") != NULL, "%s",
              findings);
    cr_assert(strstr(findings, "note MANIFEST.tmp 0") != NULL);
    cr_assert(strstr(findings, "note snapshot-0000000000000009 0") != NULL);
    cr_assert(strstr(findings, "note snapshot-0000000000000009.tmp 0") != NULL);
    cr_assert(strstr(findings, "note readme 0") != NULL);
}

/* Versions to come are refused in each file; what the MANIFEST says goes for all. */
Test(db_check, newer_version) {
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    blitzdb_check_options options;
    cr_assert_eq(set_text(db, "a", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    damage(SNAPSHOT, 8);
    cr_assert_eq(verify(&result), BLITZDB_VERSION);
    damage(SNAPSHOT, 8);
    damage(LOG, 8);
    cr_assert_eq(verify(&result), BLITZDB_VERSION);
    damage(LOG, 8);
    raw_file_write(mem_env_table(disk), "db/MANIFEST", "blitzdb manifest 2\n", 19);
    cr_assert_eq(verify(&result), BLITZDB_VERSION);
    options = options_of();
    cr_assert_eq(blitzdb_salvage("db", "out", &options, &result), BLITZDB_VERSION);
    cr_assert(strstr(error.text, "version 2") != NULL, "%s", error.text);
}

/* Salvage writes into an empty directory only, and after a failure there is nothing to open. */
Test(db_check, salvage_writes_all_or_nothing) {
    blitzdb_options open_options = fixture_options();
    open_options.flags = BLITZDB_OPEN_MUST_EXIST;
    fill();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    blitzdb_status status = BLITZDB_IO;
    for (uint64_t nth = 1; status != BLITZDB_OK; nth++) {
        struct mem_env_fault fault = {.call = MEM_CALL_ANY_CHANGE, .nth = nth, .error = EIO};
        blitzdb_check_options options = options_of();
        mem_env_fail(disk, &fault);
        status = blitzdb_salvage("db", "out", &options, NULL);
        mem_env_disarm(disk);
        cr_assert(status == BLITZDB_OK || status == BLITZDB_IO);
        if (status == BLITZDB_IO) {
            cr_assert_neq(error.text[0], '\0');
            cr_assert_neq(blitzdb_open("out", &open_options, &db), BLITZDB_OK, "call %d", (int)nth);
            db = NULL;
        }
    }
    blitzdb_check_options options = options_of();
    cr_assert_eq(blitzdb_salvage("db", "out", &options, NULL), BLITZDB_CONDITION_FAILED);
    cr_assert_eq(blitzdb_open("out", &open_options, &db), BLITZDB_OK);
    cr_assert_eq(count_keys(db), 3);
}

/** Flips a bit in the payload of every group of the open log; their headers go on to vouch for them.
 * Returns how many. */
static uint64_t damage_groups(void) {
    const blitzdb_env *env = mem_env_table(disk);
    blitzdb_file *file;
    uint64_t size;
    uint64_t damaged = 0;
    size_t got;
    uint8_t header[32 + 1];
    raw_file_check(env->open(env->user, LOG, BLITZDB_FILE_WRITE, &file), "open", LOG);
    raw_file_check(env->file_size(env->user, file, &size), "size", LOG);
    for (uint64_t offset = 64; offset + sizeof header <= size; damaged++) {
        raw_file_check(env->read_at(env->user, file, header, sizeof header, offset, &got), "read", LOG);
        uint64_t end = offset + 32 + header[4] + ((uint64_t)header[5] << 8);
        if (memcmp(header, "\0\0\0", 4) == 0)
            break;          /* room for what is to come */
        header[32] ^= 0x10; /* of a group without records: of the one behind it */
        raw_file_check(env->write_at(env->user, file, header + 32, 1, offset + 32), "write", LOG);
        offset = end;
    }
    raw_file_check(env->close(env->user, file), "close", LOG);
    return damaged;
}

/** Counts findings; their text would be long. */
static void count_finding(void *user, const blitzdb_finding *finding) {
    uint64_t *damages = user;
    *damages += finding->severity == BLITZDB_SEVERITY_DAMAGE;
}

/* The last segment of a log that was not closed is read a few times, however many of its groups are damaged.
 */
Test(db_check, many_holes) {
    static char value[3000];
    blitzdb_options open_options = fixture_options();
    open_options.durability = BLITZDB_DURABILITY_NONE;
    fixture_reopen(&open_options);
    for (uint32_t key = 0; key < 1000; key++) {
        cr_assert_eq(blitzdb_set(db, &key, sizeof key, value, sizeof value), BLITZDB_OK);
        cr_assert_eq(blitzdb_write_out(db), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    fill();
    struct mem_env *image = mem_env_kill(disk);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    mem_env_destroy(disk);
    disk = image;
    uint64_t groups = damage_groups();
    cr_assert_geq(groups, 1000);

    uint64_t damages = 0;
    blitzdb_check_options options = options_of();
    options.finding = count_finding;
    options.finding_user = &damages;
    uint64_t reads = mem_env_calls(disk, MEM_CALL_READ);
    cr_assert_eq(blitzdb_verify("db", &options, NULL), BLITZDB_CORRUPT);
    cr_assert_geq(damages, groups - 2, "those that nothing vouches for are a torn tail");
    cr_assert_leq(mem_env_calls(disk, MEM_CALL_READ) - reads, 32,
                  "four windows of 1 MiB, three times at most");
}

/** Sums up what the progress says. */
static void note_progress(void *user, uint64_t done, uint64_t total) {
    uint64_t *last = user;
    cr_assert(done > *last && done <= total);
    *last = done;
}

/* The progress goes up to the whole. */
Test(db_check, progress) {
    static char value[1500000];
    blitzdb_check_options options = options_of();
    uint64_t last = 0;
    options.progress = note_progress;
    options.progress_user = &last;
    for (char key = 'a'; key < 'e'; key++) {
        cr_assert_eq(blitzdb_set(db, &key, 1, value, sizeof value), BLITZDB_OK);
        cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = NULL;
    cr_assert_eq(blitzdb_verify("db", &options, NULL), BLITZDB_OK);
    cr_assert_gt(last, 4 * sizeof value);
}
