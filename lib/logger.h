/**
 * @file
 * @brief Messages to the caller's log callback; silent without one.
 *
 * The level is tested before anything is formatted, into a bounded buffer on the stack. Never called with a
 * lock of the database held; never given keys or values.
 */
#ifndef BZD_LOGGER_H
#define BZD_LOGGER_H

#include <stdint.h>

#include <blitzdb/options.h>

struct bzd_logger {
    blitzdb_log_fn fn; /**< NULL: silent */
    void *user;
    uint32_t level; /**< most detailed level that passes */
};

void bzd_logger_write(const struct bzd_logger *logger, int level, const char *module, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * Fills `error` (may be NULL) unless it holds an earlier one; returns `status`. `system_errno` 0: none;
 * otherwise the text is ended with what that means and what helps, unless it says so itself.
 */
blitzdb_status bzd_error_set(blitzdb_error *error, blitzdb_status status, int system_errno,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

/** The status for an errno of the environment: ENOSPC and EDQUOT give NO_SPACE, ENOMEM NO_MEMORY, others IO.
 */
blitzdb_status bzd_status_of_errno(int system_errno);

/**
 * What kept a file or directory from being opened, in the words of somebody who has to do something about it;
 * for errors that say nothing special "cannot be opened". A static string.
 */
const char *bzd_text_of_errno(int system_errno);

#endif
