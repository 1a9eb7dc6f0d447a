/* Log messages and error details. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "logger.h"

struct heard {
    int count;
    int level;
    char module[16];
    char message[1024];
};

static void hear(void *user, int level, const char *module, const char *message) {
    struct heard *heard = user;
    heard->count++;
    heard->level = level;
    snprintf(heard->module, sizeof heard->module, "%s", module);
    snprintf(heard->message, sizeof heard->message, "%s", message);
}

/* A message reaches the callback formatted, with its level and module. */
Test(log, formats) {
    struct heard heard = {0};
    const struct bzd_logger logger = {hear, &heard, BLITZDB_LOG_INFO};

    bzd_logger_write(&logger, BLITZDB_LOG_INFO, "open", "recovered %d of %s", 7, "x");

    cr_assert_eq(heard.count, 1);
    cr_assert_eq(heard.level, BLITZDB_LOG_INFO);
    cr_assert_str_eq(heard.module, "open");
    cr_assert_str_eq(heard.message, "recovered 7 of x");
}

/* What is more detailed than the level asked for is not formatted at all. */
Test(log, respects_the_level) {
    struct heard heard = {0};
    const struct bzd_logger logger = {hear, &heard, BLITZDB_LOG_WARNING};

    bzd_logger_write(&logger, BLITZDB_LOG_INFO, "open", "no");
    cr_assert_eq(heard.count, 0);
    bzd_logger_write(&logger, BLITZDB_LOG_ERROR, "open", "yes");
    cr_assert_eq(heard.count, 1);
}

/* Without a callback the library is silent. */
Test(log, silent_without_callback) {
    const struct bzd_logger logger = {NULL, NULL, BLITZDB_LOG_DEBUG};

    bzd_logger_write(&logger, BLITZDB_LOG_ERROR, "open", "nobody hears %s", "this");
}

/* A message longer than the buffer is cut, not overrun. */
Test(log, long_messages_are_cut) {
    struct heard heard = {0};
    const struct bzd_logger logger = {hear, &heard, BLITZDB_LOG_INFO};
    char text[900];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    bzd_logger_write(&logger, BLITZDB_LOG_INFO, "open", "%s", text);

    cr_assert_eq(strlen(heard.message), 511);
}

/* The first error is kept; what goes wrong while cleaning up does not hide it. */
Test(error, first_one_wins) {
    blitzdb_error error = {0};

    cr_assert_eq(bzd_error_set(&error, BLITZDB_IO, EIO, "reading %s", "a"), BLITZDB_IO);
    cr_assert_eq(bzd_error_set(&error, BLITZDB_NO_SPACE, ENOSPC, "closing"), BLITZDB_NO_SPACE);

    cr_assert_eq(error.status, BLITZDB_IO);
    cr_assert_eq(error.system_errno, EIO);
    cr_assert_str_eq(error.text, "reading a: input/output error of the device; look at the kernel's log");
}

/* An error of the system ends with its reason, once, and with what helps. */
Test(error, says_why) {
    static const struct {
        int system_errno;
        const char *text, *whole;
    } cases[] = {
        {ENOSPC, "a: cannot be written", "a: cannot be written: no space left on the device; make room"},
        {ENOSPC, "b: no space left on the device; make room", "b: no space left on the device; make room"},
        {EISDIR, "c", "c: a directory stands in the place of the file"},
        {EISDIR, "d: a directory stands in the place of the file",
         "d: a directory stands in the place of the file"},
        {ENOTSUP, "e", NULL},
        {0, "f", "f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        blitzdb_error error = {0};
        (void)bzd_error_set(&error, BLITZDB_IO, cases[i].system_errno, "%s", cases[i].text);
        if (cases[i].whole != NULL)
            cr_assert_str_eq(error.text, cases[i].whole);
        else
            cr_assert_not_null(strstr(error.text, "e: system error "));
    }
}

/* A text that fills the buffer is cut, with its reason; that of something that is not there says it all. */
Test(error, reason_fits) {
    blitzdb_error error = {0};
    char text[sizeof error.text - 4];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)bzd_error_set(&error, BLITZDB_IO, EIO, "%s", text);
    cr_assert_eq(strlen(error.text), sizeof error.text - 1);

    memset(&error, 0, sizeof error);
    (void)bzd_error_set(&error, BLITZDB_NOT_FOUND, ENOENT, "there is no directory x");
    cr_assert_str_eq(error.text, "there is no directory x");
}

/* Whoever does not want details passes NULL and gets the status all the same. */
Test(error, may_be_null) {
    cr_assert_eq(bzd_error_set(NULL, BLITZDB_CORRUPT, 0, "at %d", 1), BLITZDB_CORRUPT);
}

/* The caller learns what it can act on; every other errno is an input/output error. */
Test(status_of_errno, names_what_can_be_acted_on) {
    cr_assert_eq(bzd_status_of_errno(ENOSPC), BLITZDB_NO_SPACE);
    cr_assert_eq(bzd_status_of_errno(EDQUOT), BLITZDB_NO_SPACE);
    cr_assert_eq(bzd_status_of_errno(ENOMEM), BLITZDB_NO_MEMORY);
    cr_assert_eq(bzd_status_of_errno(EIO), BLITZDB_IO);
    cr_assert_eq(bzd_status_of_errno(EACCES), BLITZDB_IO);
}

/* What kept a file from being opened is said in words, and an error that says nothing special is not silent.
 */
Test(text_of_errno, says_what_stands_in_the_way) {
    cr_assert_not_null(strstr(bzd_text_of_errno(EISDIR), "a directory stands"));
    cr_assert_not_null(strstr(bzd_text_of_errno(ELOOP), "symbolic link"));
    cr_assert_not_null(strstr(bzd_text_of_errno(EINVAL), "device, pipe or socket"));
    cr_assert_not_null(strstr(bzd_text_of_errno(EMFILE), "ulimit -n"));
    cr_assert_not_null(strstr(bzd_text_of_errno(EROFS), "read-only"));
    cr_assert_not_null(strstr(bzd_text_of_errno(EACCES), "permission"));
    cr_assert_str_eq(bzd_text_of_errno(EIO), "cannot be opened");
}
