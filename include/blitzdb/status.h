/**
 * @file
 * @brief Status codes: what every call of BlitzDB answers, and what the caller can do about it.
 *
 * Zero is success, every other code is negative. ::BLITZDB_NOT_FOUND, ::BLITZDB_CONDITION_FAILED and
 * ::BLITZDB_BUFFER_TOO_SMALL are answers, not failures: nothing was logged and nothing is wrong.
 */
#ifndef BLITZDB_STATUS_H
#define BLITZDB_STATUS_H

#include <blitzdb/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Result of a call: ::BLITZDB_OK or one of the negative codes of ::blitzdb_status_code. */
typedef int blitzdb_status;

/** One line per code: name, number, text. The enum, the names and the texts are all made from this list. */
#define BLITZDB_STATUS_LIST(X)                                                                               \
    X(OK, 0, "success")                                                                                      \
    X(NOT_FOUND, -1, "no such key or database")                                                              \
    X(CONDITION_FAILED, -2,                                                                                  \
      "the key or directory is not in the state the call asked for; nothing was changed")                    \
    X(BUFFER_TOO_SMALL, -3, "the buffer is smaller than the value; ask again with the reported size")        \
    X(INVALID, -4, "invalid argument: a NULL, an option out of range, or a struct_size that is not set")     \
    X(TOO_LARGE, -5, "key, value or batch is larger than the limit")                                         \
    X(NOT_A_NUMBER, -6, "the value is not a number in the range of the call")                                \
    X(OUT_OF_RANGE, -7, "the result would be out of range")                                                  \
    X(NO_MEMORY, -8, "memory or a file descriptor was refused; nothing was changed")                         \
    X(MEMORY_LIMIT, -9, "the memory limit is reached and nothing may be evicted; delete or raise the limit") \
    X(IO, -10, "the operating system reported an input/output error")                                        \
    X(NO_SPACE, -11, "no space left on the device; writing works again when there is room")                  \
    X(CORRUPT, -12, "a file of the database is damaged; nothing was changed, restore it from a backup")      \
    X(VERSION, -13, "a file was written by a newer version of BlitzDB; use that version")                    \
    X(LOCKED, -14, "the database directory is open in another handle or process")                            \
    X(LOG_FAILED, -15,                                                                                       \
      "an earlier write or sync of the log failed; writes are refused, reads go on; take a snapshot or "     \
      "reopen")                                                                                              \
    X(FORKED, -16, "the handle was opened by the parent process; open the database again after fork")        \
    X(UNSUPPORTED, -17, "this database was opened without what the call needs")                              \
    X(BUSY, -18, "the same work is already under way")                                                       \
    X(NOT_A_DATABASE, -19, "the directory holds log or snapshot files but no MANIFEST")                      \
    X(CANCELED, -20, "somebody asked for the end of the work before it was done")

/** Status codes. New codes are only ever added at the end. */
enum blitzdb_status_code {
#define BLITZDB_ENUM(name, number, text) BLITZDB_##name = (number),
    BLITZDB_STATUS_LIST(BLITZDB_ENUM)
#undef BLITZDB_ENUM
};

/**
 * @brief Explains a status in one English sentence without a full stop.
 *
 * @param[in] status any value; unknown ones give "unknown status".
 * @return a static string, never NULL, not to be freed.
 * @par Threads
 * safe from any thread.
 * @since 0.1.0
 */
BLITZDB_API const char *blitzdb_status_text(blitzdb_status status);

/**
 * @brief Gives the name of a status without its prefix, such as `NOT_FOUND`, for logs and bindings.
 *
 * @param[in] status any value; unknown ones give "UNKNOWN".
 * @return a static string, never NULL, not to be freed.
 * @par Threads
 * safe from any thread.
 * @since 0.1.0
 */
BLITZDB_API const char *blitzdb_status_name(blitzdb_status status);

/** Details of a failed open or snapshot, in memory of the caller; see ::blitzdb_options. */
typedef struct blitzdb_error {
    blitzdb_status status; /**< the status that was returned */
    int system_errno;      /**< errno of the failing call, 0 if none */
    char text[512];        /**< what was being done, to which file, at which offset, and why it failed;
                                zero-terminated */
} blitzdb_error;

#ifdef __cplusplus
}
#endif

#endif
