/**
 * @file
 * @brief Checking a database directory byte by byte, and saving what is sound of a damaged one.
 *
 * Both calls work on a directory that nobody has open; they read only, need no handle and change nothing in
 * it. The program `blitzdb-check` is made of them (docs/tools.md).
 *
 *     blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
 *     if (blitzdb_verify("data", NULL, &result) == BLITZDB_CORRUPT)
 *         printf("%s: offset %llu: %s\n", result.first_file, (unsigned long long)result.first_offset,
 *                result.first_reason);
 */
#ifndef BLITZDB_CHECK_H
#define BLITZDB_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <blitzdb/blitzdb.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a finding means. */
enum blitzdb_severity {
    BLITZDB_SEVERITY_NOTE = 1,   /**< harmless: a leftover, or the torn end of the log after a crash */
    BLITZDB_SEVERITY_DAMAGE = 2, /**< blitzdb_open() refuses the directory because of this */
};

/** One thing that was found; its texts are valid during the callback only. */
typedef struct blitzdb_finding {
    uint32_t severity;     /**< ::blitzdb_severity */
    blitzdb_status status; /**< of a damage: ::BLITZDB_CORRUPT, ::BLITZDB_VERSION, ::BLITZDB_IO or
                              ::BLITZDB_NOT_A_DATABASE; of a note ::BLITZDB_OK */
    const char *file;      /**< name in the directory, or "." for the directory as a whole */
    uint64_t offset;       /**< in the file, 0 if it is about the file as a whole */
    uint64_t bytes;        /**< from there on, cannot be used; 0 if that is not known */
    const char *reason;    /**< one sentence without a full stop */
} blitzdb_finding;

/** Receives one finding; it must not use the directory. */
typedef void (*blitzdb_finding_fn)(void *user, const blitzdb_finding *finding);

/** Receives how many bytes of how many were read so far, about once for each MiB. */
typedef void (*blitzdb_check_progress_fn)(void *user, uint64_t bytes_done, uint64_t bytes_total);

/** How to check. Zero means the default in every field. */
typedef struct blitzdb_check_options {
    size_t struct_size;                 /**< sizeof(blitzdb_check_options) */
    const blitzdb_env *env;             /**< files, memory, random bytes; default blitzdb_env_default() */
    blitzdb_finding_fn finding;         /**< receives every finding; default none */
    void *finding_user;                 /**< handed to `finding` */
    blitzdb_check_progress_fn progress; /**< receives the progress; default none */
    void *progress_user;                /**< handed to `progress` */
    blitzdb_error *error;               /**< filled when the answer is not OK; default none */
} blitzdb_check_options;

/** Initializer for blitzdb_check_options: no callbacks. */
#define BLITZDB_CHECK_OPTIONS_INIT BLITZDB_INIT(blitzdb_check_options)

/** What was read and found. */
typedef struct blitzdb_check_result {
    size_t struct_size;     /**< sizeof(blitzdb_check_result) as the caller compiled it */
    uint64_t files;         /**< files read: MANIFEST, snapshot, segments of the log */
    uint64_t bytes;         /**< their sizes */
    uint64_t entries;       /**< entries in sound blocks of the snapshot */
    uint64_t records;       /**< records in sound groups of the log behind the snapshot */
    uint64_t damages;       /**< findings that are damage */
    uint64_t notes;         /**< findings that are harmless */
    uint64_t damage_bytes;  /**< bytes that cannot be used, as far as they are known */
    uint64_t keys;          /**< of a salvage: keys in the new database, expired ones included */
    uint64_t first_offset;  /**< of the first damage, or of the first note if there is no damage */
    char first_file[64];    /**< its file, "" if nothing was found */
    char first_reason[192]; /**< its reason */
} blitzdb_check_result;

/** Initializer for blitzdb_check_result. */
#define BLITZDB_CHECK_RESULT_INIT BLITZDB_INIT(blitzdb_check_result)

/**
 * @brief Reads every byte of a database and reports everything that is not as it was written.
 *
 * MANIFEST, snapshot and all of the log are read to their ends, whatever is found on the way; files that do
 * not belong to the database are named. Nothing is changed. The answer is ::BLITZDB_OK if and only if
 * blitzdb_open() would find the directory sound.
 *
 * A directory that is open is not checked, because what is being written cannot be judged: check a copy made
 * by blitzdb_snapshot_to(), or close the database (stop the server) first. A directory whose lock cannot be
 * taken because it is read-only is checked all the same, and a note says so.
 *
 * @param[in] path directory of the database.
 * @param[in] options NULL: all defaults; used during the call only.
 * @param[in,out] result `struct_size` must be set; the rest is filled if the directory could be read at all,
 * with damage or without. May be NULL.
 * @retval BLITZDB_OK no damage; there may be notes.
 * @retval BLITZDB_CORRUPT, BLITZDB_VERSION, BLITZDB_NOT_A_DATABASE there is damage: this is the first one.
 * @retval BLITZDB_IO the same for a file that cannot be read, or the directory cannot be read at all.
 * @retval BLITZDB_NOT_FOUND there is no database at this path.
 * @retval BLITZDB_LOCKED it is open, here or in another process.
 * @retval BLITZDB_NO_MEMORY, BLITZDB_INVALID nothing is known.
 * @par Threads
 * safe from any thread; callbacks come from the calling one.
 * @par Complexity
 * linear in the bytes of the directory; memory for 1 MiB, the largest group of the log, and the largest entry
 * of the snapshot.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_verify(const char *path,
                                                            const blitzdb_check_options *options,
                                                            blitzdb_check_result *result);

/**
 * @brief Writes a new database with what is sound of a damaged one; the damaged one is not changed.
 *
 * All blocks of the snapshot and, in their order, all groups of the log whose checksums fit are taken; what
 * does not is left out, and reported as by blitzdb_verify(), with the bytes that are lost. A batch is in one
 * group: it is there as a whole or not at all. Every value in the new database was written once, but **what
 * was lost may have been newer**: behind a hole in the log a key may have an older value than it had last, a
 * deleted key may be back, and keyspaces may be as they were before they were swapped or emptied. A hole in
 * the snapshot leaves keys out. Which keys these are cannot be known.
 *
 * Without a MANIFEST the newest snapshot with a sound header is taken, and the log from its position. Groups
 * that moved, because bytes before them were removed or inserted, are found again.
 *
 * @param[in] path directory of the damaged database.
 * @param[in] out_path directory of the new one, absent or empty; its parent must exist.
 * @param[in] options NULL: all defaults.
 * @param[in,out] result as of blitzdb_verify(), and `keys`. `damages` 0: nothing was lost. May be NULL.
 * @retval BLITZDB_OK the new database is on disk and can be opened; `result` tells what it lacks.
 * @retval BLITZDB_CONDITION_FAILED `out_path` is not empty.
 * @retval BLITZDB_VERSION the MANIFEST was written by a newer version, so nothing is known of the rest.
 * @retval BLITZDB_NOT_FOUND, BLITZDB_LOCKED, BLITZDB_INVALID as of blitzdb_verify(), or for `out_path`, whose
 * parent must exist.
 * @retval BLITZDB_NO_MEMORY, BLITZDB_NO_SPACE, BLITZDB_IO writing failed; nothing that could be opened is
 * left in `out_path`.
 * @par Threads
 * safe from any thread; callbacks come from the calling one.
 * @par Durability
 * the new database is on disk when the call returns.
 * @par Complexity
 * linear in the bytes of the directory; memory for all entries, as an open database needs it.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_salvage(const char *path, const char *out_path,
                                                             const blitzdb_check_options *options,
                                                             blitzdb_check_result *result);

#ifdef __cplusplus
}
#endif

#endif
