/* The status list: one code, one name, one text, and the versions beside it. */
#include <blitzdb/blitzdb.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LIST_COUNT(name, number, text) +1

enum { STATUS_COUNT = 0 BLITZDB_STATUS_LIST(LIST_COUNT) };

/* Success is zero, and the numbers that other languages have written down never change. */
Test(status_codes, are_stable) {
    cr_assert_eq(BLITZDB_OK, 0);
    cr_assert_eq(BLITZDB_NOT_FOUND, -1);
    cr_assert_eq(BLITZDB_INVALID, -4);
    cr_assert_eq(BLITZDB_NO_MEMORY, -8);
    cr_assert_eq(BLITZDB_CORRUPT, -12);
    cr_assert_eq(BLITZDB_NOT_A_DATABASE, -19);
}

/* Codes are dense: a binding walks them from 0 down until the name is "UNKNOWN". */
Test(status_codes, are_dense) {
    for (int i = 0; i < STATUS_COUNT; i++)
        cr_assert_str_neq(blitzdb_status_name(-i), "UNKNOWN", "code %d", -i);
    cr_assert_str_eq(blitzdb_status_name(-STATUS_COUNT), "UNKNOWN");
}

/* A name is the constant without its prefix. */
Test(status_name, matches_the_constant) {
    cr_assert_str_eq(blitzdb_status_name(BLITZDB_OK), "OK");
    cr_assert_str_eq(blitzdb_status_name(BLITZDB_BUFFER_TOO_SMALL), "BUFFER_TOO_SMALL");
    cr_assert_str_eq(blitzdb_status_name(1), "UNKNOWN");
}

/* Every text is one sentence without a full stop, and no two are the same. */
Test(status_text, is_distinct_and_unpunctuated) {
    for (int i = 0; i < STATUS_COUNT; i++) {
        const char *text = blitzdb_status_text(-i);
        cr_assert_gt(strlen(text), 3);
        cr_assert_neq(text[strlen(text) - 1], '.');
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(text, blitzdb_status_text(-j));
    }
}

/* Numbers that are no status get a text all the same. */
Test(status_text, of_unknown_numbers) {
    cr_assert_str_eq(blitzdb_status_text(1), "unknown status");
    cr_assert_str_eq(blitzdb_status_text(-1000), "unknown status");
}

/* The library reports the version of the headers it was built with. */
Test(version, is_that_of_the_headers) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", BLITZDB_VERSION_MAJOR, BLITZDB_VERSION_MINOR,
             BLITZDB_VERSION_PATCH);

    cr_assert_str_eq(blitzdb_version(), text);
    cr_assert_eq(blitzdb_version_number(), BLITZDB_VERSION_NUMBER);
}
