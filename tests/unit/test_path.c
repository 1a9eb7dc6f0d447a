/* File names: composed and recognised. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "listing.h"
#include "mem_env.h"
#include "path.h"
#include "raw_file.h"

/* A number is 16 lower-case hexadecimal digits, so that names sort as numbers do. */
Test(path, composes_names) {
    char path[BZD_PATH_MAX];
    char name[BZD_NAME_MAX];

    bzd_path_join(path, "some/dir", "MANIFEST");
    cr_assert_str_eq(path, "some/dir/MANIFEST");
    bzd_path_numbered(path, "dir", "log-", 0x12ab, "");
    cr_assert_str_eq(path, "dir/log-00000000000012ab");
    bzd_name_numbered(name, "snapshot-", UINT64_MAX, ".tmp");
    cr_assert_str_eq(name, "snapshot-ffffffffffffffff.tmp");
}

/* A directory that is too long is cut, never written beyond the buffer. */
Test(path, is_bounded) {
    char dir[2 * BZD_PATH_MAX];
    memset(dir, 'x', sizeof dir - 1);
    dir[sizeof dir - 1] = '\0';
    char path[BZD_PATH_MAX];

    bzd_path_join(path, dir, "MANIFEST");

    cr_assert_eq(strlen(path), BZD_PATH_MAX - 1);
}

/* Only the exact form is recognised. */
Test(path, recognises_names) {
    uint64_t number = 0;
    cr_assert(bzd_name_number("log-00000000000012ab", "log-", "", &number));
    cr_assert_eq(number, 0x12ab);
    cr_assert(bzd_name_number("log-ffffffffffffffff.tmp", "log-", ".tmp", &number));
    cr_assert_eq(number, UINT64_MAX);

    static const char *const others[] = {
        "",
        "log-",
        "log-00000000000012a",
        "log-00000000000012abc",
        "log-00000000000012AB",
        "LOCK",
        "log-+0000000000012ab",
        "log_00000000000012ab",
        "log-00000000000012ab.tmp",
        "log-0x000000000012ab",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert_not(bzd_name_number(others[i], "log-", "", &number), "%s", others[i]);
}

/* A list has the numbers in ascending order and passes over other names. */
Test(listing, is_sorted) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    for (uint64_t i = 0; i < 100; i++) {
        char path[BZD_PATH_MAX];
        bzd_path_numbered(path, ".", "log-", i * 37 % 100, "");
        raw_file_write(env, path, "", 0);
    }
    raw_file_write(env, "./log-1", "", 0);
    raw_file_write(env, "./log-0000000000000001.tmp", "", 0);

    struct bzd_listing listing;
    cr_assert_eq(bzd_listing_init(&listing, env, ".", "log-", ""), BLITZDB_OK);

    cr_assert_eq(listing.count, 100);
    for (uint64_t i = 0; i < 100; i++)
        cr_assert_eq(listing.numbers[i], i);
    bzd_listing_deinit(&listing);
    cr_assert_eq(mem_env_live_memory(disk), 0);
    mem_env_destroy(disk);
}

/* Without memory, or without the directory, there is no list and nothing to release. */
Test(listing, reports_failures) {
    struct mem_env *disk = mem_env_create(1);
    const blitzdb_env *env = mem_env_table(disk);
    raw_file_write(env, "./log-0000000000000001", "", 0);

    struct bzd_listing listing;
    cr_assert_eq(bzd_listing_init(&listing, env, "absent", "log-", ""), BLITZDB_IO);
    cr_assert_eq(listing.failure, ENOENT);
    struct mem_env_fault fault = {MEM_CALL_REALLOC, 1, ENOMEM, false, MEM_PART_NONE};
    mem_env_fail(disk, &fault);
    cr_assert_eq(bzd_listing_init(&listing, env, ".", "log-", ""), BLITZDB_NO_MEMORY);
    cr_assert_eq(mem_env_live_memory(disk), 0);
    mem_env_destroy(disk);
}
