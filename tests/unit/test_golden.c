/* What earlier versions wrote is read, and what later ones write is refused by name. */
#include <criterion/criterion.h>

#include <blitzdb/check.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "golden.h"
#include "tmpdir.h"

enum { FILE_MAX = 65536, PATH_ROOM = 1024 };

static blitzdb_env env;

static void init(void) {
    env = *blitzdb_env_default();
    env.now_ms = golden_now_ms;
}

TestSuite(golden, .init = init);

/** Reads a file that fits. */
static size_t read_file(const char *path, uint8_t *bytes) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    size_t size = fread(bytes, 1, FILE_MAX, file);
    cr_assert_lt(size, FILE_MAX, "%s", path);
    (void)fclose(file);
    return size;
}

static void write_file(const char *path, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

/** Copies a golden directory to a temporary place, where it may be opened. */
static void copy_directory(const char *from, const char *to) {
    static uint8_t bytes[FILE_MAX];
    DIR *dir = opendir(from);
    cr_assert_not_null(dir, "%s", from);
    cr_assert_eq(mkdir(to, 0700), 0);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char source[PATH_ROOM];
        char target[PATH_ROOM];
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "expected.txt") == 0)
            continue;
        (void)snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        (void)snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        write_file(target, bytes, read_file(source, bytes));
    }
    (void)closedir(dir);
}

static blitzdb_options options_of(blitzdb_error *error) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = &env;
    options.flags = BLITZDB_OPEN_MUST_EXIST;
    options.shard_count = 1;
    options.error = error;
    return options;
}

/** Opens a database and compares what it shows with a text. */
static void expect_text(const char *path, const uint8_t *expected, size_t expected_size) {
    blitzdb_error error;
    blitzdb_options options = options_of(&error);
    blitzdb *db = NULL;
    char *text = NULL;
    size_t size = 0;
    cr_assert_eq(blitzdb_open(path, &options, &db), BLITZDB_OK, "%s: %s", path, error.text);
    FILE *out = open_memstream(&text, &size);
    cr_assert_eq(golden_print(out, db), BLITZDB_OK);
    cr_assert_eq(fclose(out), 0);
    cr_assert_eq(size, expected_size, "%s shows:\n%s", path, text);
    cr_assert_arr_eq(text, expected, size, "%s shows:\n%s", path, text);
    free(text);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
}

/** Verifies, saves, opens, and opens again what the first open has left. */
static void check_directory(const char *golden) {
    static uint8_t expected[FILE_MAX];
    struct tmpdir work;
    char path[PATH_ROOM];
    char saved[PATH_ROOM];
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    options.env = &env;
    tmpdir_create(&work);
    tmpdir_join(&work, "db", path, sizeof path);
    tmpdir_join(&work, "saved", saved, sizeof saved);
    copy_directory(golden, path);
    char text_path[PATH_ROOM + 16];
    (void)snprintf(text_path, sizeof text_path, "%s/expected.txt", golden);
    size_t expected_size = read_file(text_path, expected);

    cr_assert_eq(blitzdb_verify(path, &options, NULL), BLITZDB_OK, "%s", golden);
    cr_assert_eq(blitzdb_salvage(path, saved, &options, NULL), BLITZDB_OK, "%s", golden);
    expect_text(saved, expected, expected_size);
    expect_text(path, expected, expected_size);
    expect_text(path, expected, expected_size);
    cr_assert_eq(blitzdb_verify(path, &options, NULL), BLITZDB_OK, "%s", golden);
    tmpdir_remove(&work);
}

/** Checks every directory of a version; returns how many there were. */
static unsigned check_version(const char *version) {
    unsigned count = 0;
    char folder[PATH_ROOM / 2];
    (void)snprintf(folder, sizeof folder, "%s/%s", BLITZDB_GOLDEN, version);
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        char path[PATH_ROOM];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check_directory(path);
        count++;
    }
    (void)closedir(dir);
    return count;
}

/* Version 1. A new one is a line here. */
Test(golden, every_version_is_read) {
    cr_assert_geq(check_version("v1"), 10);
}

/** Makes a file of a copy one of a later version and opens it: refused, with the file's name, unchanged. */
static void expect_too_new(const char *name, size_t offset, uint8_t byte) {
    static uint8_t before[FILE_MAX];
    static uint8_t after[FILE_MAX];
    struct tmpdir work;
    char path[PATH_ROOM / 2];
    char file[PATH_ROOM];
    blitzdb_error error;
    blitzdb_options options = options_of(&error);
    blitzdb *db = NULL;
    tmpdir_create(&work);
    tmpdir_join(&work, "db", path, sizeof path);
    copy_directory(BLITZDB_GOLDEN "/v1/snapshot_and_log", path);
    (void)snprintf(file, sizeof file, "%s/%s", path, name);
    size_t size = read_file(file, before);
    before[offset] = byte;
    write_file(file, before, size);

    cr_assert_eq(blitzdb_open(path, &options, &db), BLITZDB_VERSION);

    cr_assert(strstr(error.text, name) != NULL && strstr(error.text, "version") != NULL, "%s", error.text);
    cr_assert_eq(read_file(file, after), size);
    cr_assert_arr_eq(after, before, size);
    blitzdb_check_options check = BLITZDB_CHECK_OPTIONS_INIT;
    check.env = &env;
    cr_assert_eq(blitzdb_verify(path, &check, NULL), BLITZDB_VERSION);
    tmpdir_remove(&work);
}

/* The version is looked at before anything else that may have changed with it, in each of the formats. */
Test(golden, later_versions_are_refused) {
    expect_too_new("MANIFEST", strlen("blitzdb manifest "), '2');
    expect_too_new("log-0000000000000000", 8, 2);
    expect_too_new("snapshot-0000000000000001", 8, 2);
}
