/**
 * @file
 * @brief A simulated environment: files in memory that can lose power, a clock that stands still until the
 * test moves it, seeded random bytes, counted memory, and faults at a chosen call.
 *
 * A file is a durable image plus an ordered list of pending writes and truncates; `sync` makes those durable.
 * A directory is durable entries plus pending creations, renames and removals; `sync_dir` makes those
 * durable. The two are independent, which is stricter than most file systems: a synced file is lost if its
 * directory entry was not synced, and a rename may survive while the contents of the renamed file do not.
 *
 *     calls of the library --> live state            what reads see
 *                          \-> journal of pending    what a power failure may lose
 *     sync, sync_dir ------->  durable state         what it cannot lose
 *
 * mem_env_crash() makes a new environment from the durable state and a choice of the pending operations. The
 * choices are grouped in classes of damage, and every class says how many images it has, so that a test can
 * go through all of them. A call that fails by a fault changes nothing, with two exceptions that are real: a
 * failed write may leave a part (::mem_env_part), and a failed sync makes the writes it should have saved
 * impossible to save: a later sync succeeds without them, as on Linux, where the pages count as clean after
 * the error.
 *
 * Memory calls go on to blitzdb_env_default(). All functions are safe from any thread. Paths are absolute or
 * relative to the one root, which exists; a rename stays within one directory (EXDEV otherwise).
 */
#ifndef BLITZDB_TESTS_MEM_ENV_H
#define BLITZDB_TESTS_MEM_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <blitzdb/env.h>

/** The simulated environment; opaque. */
struct mem_env;

/** Kinds of calls, for counters, faults and the trace. */
enum mem_env_call {
    MEM_CALL_ALLOC,
    MEM_CALL_REALLOC,
    MEM_CALL_MAP,
    MEM_CALL_RANDOM,
    MEM_CALL_OPEN,   /**< of an existing file */
    MEM_CALL_CREATE, /**< open with BLITZDB_FILE_CREATE */
    MEM_CALL_CLOSE,
    MEM_CALL_READ,
    MEM_CALL_WRITE,
    MEM_CALL_TRUNCATE,
    MEM_CALL_SYNC,
    MEM_CALL_FILE_SIZE,
    MEM_CALL_RENAME,
    MEM_CALL_REMOVE,
    MEM_CALL_SYNC_DIR,
    MEM_CALL_MAKE_DIR,
    MEM_CALL_LIST_DIR,
    MEM_CALL_LOCK,
    MEM_CALL_KINDS,      /**< number of single kinds; what follows are groups */
    MEM_CALL_ANY_MEMORY, /**< alloc, realloc, map */
    MEM_CALL_ANY_FILE,   /**< open to lock */
    MEM_CALL_ANY_CHANGE, /**< the file calls that can change what is on disk, sync and lock included */
};

/** What a failing write leaves behind; a failing read delivers as much, and no error. */
enum mem_env_part {
    MEM_PART_NONE,
    MEM_PART_ONE_BYTE,
    MEM_PART_HALF,
    MEM_PART_ALL_BUT_ONE,
};

/** A fault to come. */
struct mem_env_fault {
    enum mem_env_call call; /**< the kind, or the group, that is counted */
    uint64_t nth;           /**< which of the calls from now on fails, from 1 */
    int error;              /**< the errno it answers; memory calls answer NULL */
    bool for_good;          /**< all later calls of the kind fail as well */
    enum mem_env_part part; /**< for writes and reads */
};

/** Classes of damage of a power failure; "operation" is a pending write, truncate, creation, rename, removal.
 */
enum mem_env_damage {
    MEM_DAMAGE_DROPPED,     /**< nothing pending reached the disk; one image */
    MEM_DAMAGE_APPLIED,     /**< all of it did; one image if there is anything pending */
    MEM_DAMAGE_PREFIX,      /**< the first 1, 2, ... operations did */
    MEM_DAMAGE_ONE_MISSING, /**< all but one; a lost directory entry is among these */
    MEM_DAMAGE_ONE_ALONE,   /**< one, and nothing else */
    MEM_DAMAGE_TORN,        /**< the last write is cut at a 512-byte boundary, all else applied */
    MEM_DAMAGE_SIZE_ONLY,   /**< one file has its new size, but zeros where it was written */
    MEM_DAMAGE_NAMES_ONLY,  /**< image 0: all names and no contents; then one per pending rename: all but the
                                 contents of the renamed file */
    MEM_DAMAGE_CONTENTS_ONLY, /**< all writes and no name */
    MEM_DAMAGE_RANDOM, /**< any operations, writes torn in sectors of 512 bytes; the index is the seed */
    MEM_DAMAGE_KINDS,
};

/** Images that mem_env_crash_count() reports for ::MEM_DAMAGE_RANDOM; any other index is as good. */
#define MEM_DAMAGE_RANDOM_IMAGES 16

/** One call in the trace. */
struct mem_env_trace_entry {
    enum mem_env_call call;
    const char *path; /**< as the file was opened, or ""; valid until the next call on the environment */
};

/** @name Life
 * @{ */

/** Creates an environment with an empty root. Everything here ends the program when memory runs out. */
struct mem_env *mem_env_create(uint64_t seed);

/** Destroys it; no database may use it any more. NULL is allowed. */
void mem_env_destroy(struct mem_env *env);

/**
 * From now on, in all environments, small mappings that are given back are cleared and kept for the next
 * database: a test that opens many of them spends half of its time there otherwise.
 */
void mem_env_keep_mappings(void);

/** The table to pass in the options; lives as long as the environment. */
const blitzdb_env *mem_env_table(const struct mem_env *env);
/** @} */

/** @name Clock
 * @{ */

/** The wall clock; it starts at ::MEM_ENV_START_MS. */
int64_t mem_env_now_ms(struct mem_env *env);

/** First value of the wall clock: 2023-11-14. */
#define MEM_ENV_START_MS INT64_C(1700000000000)

/** Sets the wall clock, also backwards; the monotonic clock stays. */
void mem_env_set_now_ms(struct mem_env *env, int64_t now_ms);

/** Lets time pass on both clocks. */
void mem_env_advance_ms(struct mem_env *env, uint64_t elapsed_ms);
/** @} */

/** @name Power failure
 * @{ */

/** Number of images in a class of damage at this moment. */
uint64_t mem_env_crash_count(struct mem_env *env, enum mem_env_damage damage);

/** Makes what the disk could look like after a power failure now; clocks go on, faults and locks are gone. */
struct mem_env *mem_env_crash(struct mem_env *env, enum mem_env_damage damage, uint64_t index);

/**
 * Makes what is there if only the process ends now: a copy with the same files, locks taken back, in which
 * what is pending is still pending.
 */
struct mem_env *mem_env_kill(struct mem_env *env);

/** Name of a class, for reports. */
const char *mem_env_damage_name(enum mem_env_damage damage);

/** A number that is equal for environments with the same files, names and contents (as reads see them). */
uint64_t mem_env_digest(struct mem_env *env);

/** Number of operations that a power failure may lose. */
size_t mem_env_pending(struct mem_env *env);

/** Number of those that are writes to a file that has a name, and that a sync could save. */
size_t mem_env_pending_writes(struct mem_env *env);

/** Prints the pending operations, one per line. */
void mem_env_print_pending(struct mem_env *env, FILE *out);
/** @} */

/** @name Faults, counters, trace
 * @{ */

/** Arms a fault in place of the one before. */
void mem_env_fail(struct mem_env *env, const struct mem_env_fault *fault);

/**
 * Power fails before the n-th changing file call from now (from 1): it and every later file call answer EIO
 * and change nothing. 0 takes the order back.
 */
void mem_env_crash_at(struct mem_env *env, uint64_t nth);

/** Sees a changing file call before it is made, outside the mutex: it may use the environment and the
 * database. */
typedef void (*mem_env_before_fn)(void *user, enum mem_env_call call, const char *path);

/** Calls a function before every changing file call; NULL: no more. No other thread uses the environment now.
 */
void mem_env_before_change(struct mem_env *env, mem_env_before_fn before, void *user);

/** Tells whether the power has failed. */
bool mem_env_crashed(struct mem_env *env);

/** How many calls failed by the armed fault. */
uint64_t mem_env_faults(struct mem_env *env);

/** The call that failed by the armed fault last, for reports. */
struct mem_env_trace_entry mem_env_fault_hit(struct mem_env *env);

/** Takes the fault back; calls succeed again. */
void mem_env_disarm(struct mem_env *env);

/** Puts the fault that was taken back in force again, with its count where it was. */
void mem_env_rearm(struct mem_env *env);

/** Number of calls of a kind or a group so far, failed ones included. */
uint64_t mem_env_calls(struct mem_env *env, enum mem_env_call call);

/** Blocks and mappings that were not given back yet. */
int64_t mem_env_live_memory(struct mem_env *env);

/** Files that are open now, locks included. */
size_t mem_env_open_files(struct mem_env *env);

/** Begins an empty trace of the file calls. */
void mem_env_trace_begin(struct mem_env *env);

/** Number of calls in the trace. */
size_t mem_env_trace_count(struct mem_env *env);

/** One call of the trace. */
struct mem_env_trace_entry mem_env_trace_at(struct mem_env *env, size_t index);

/** Name of a kind of call, for reports. */
const char *mem_env_call_name(enum mem_env_call call);
/** @} */

#endif
