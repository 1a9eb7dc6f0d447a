/**
 * @file
 * @brief BlitzDB: an in-memory key-value database with a log, in your process.
 *
 * A database lives in memory and, if it was opened on a directory, in a write-ahead log and a snapshot there.
 * Keys and values are byte strings of 0 to 512 MiB; any byte may occur, an empty key is legal.
 *
 *     blitzdb *db;
 *     if (blitzdb_open("data", NULL, &db) == BLITZDB_OK) {
 *         blitzdb_set(db, "greeting", 8, "hello", 5);
 *         blitzdb_close(db);
 *     }
 *
 * **Threads.** Every call is safe from any thread unless it says otherwise. Each call is atomic, those on
 * many keys too: no other thread sees a part of it. A thread that is cancelled (pthread_cancel(), deferred)
 * while it is in a call ends the call first; a callback must not be a place where it may be cancelled.
 *
 * **Ownership.** What you pass in is copied or used during the call only. What you get is copied into your
 * memory, allocated for you (release it with blitzdb_free()), or visible only inside a callback.
 *
 * **Common statuses.** Every call on a handle may also answer ::BLITZDB_FORKED (the handle belongs to the
 * parent process: open again) and ::BLITZDB_INVALID (a NULL where none may be, an option out of range: fix
 * the call). Every writing call may answer
 * - ::BLITZDB_TOO_LARGE: key or value above 512 MiB;
 * - ::BLITZDB_NO_MEMORY: memory, or a descriptor for a log file, was refused; nothing was changed, try again
 *   later;
 * - ::BLITZDB_MEMORY_LIMIT: the limit of the options is reached; delete something or allow eviction;
 * - ::BLITZDB_NO_SPACE, ::BLITZDB_IO: the log could not be written. A write that waits for the disk (mode
 *   always) may answer this after its change became visible: whether it is durable is unknown then;
 * - ::BLITZDB_LOG_FAILED: it could not be written earlier; reads go on, writes are refused until a snapshot
 *   has put all data into new files (automatic, or blitzdb_snapshot()), or a reopen.
 *
 * **Durability.** A write without an option is as durable as the database was opened for. By default, mode
 * interval, it is in the log's buffer when the call returns, and on disk within a second **if somebody does
 * what falls due with time**: a thread of the library (`options.background = BLITZDB_BACKGROUND_THREAD`), or
 * you with blitzdb_pump(). With neither it stays in the buffer until a write two intervals later,
 * blitzdb_sync() or blitzdb_close(), however long that takes; automatic snapshots and the repair of a failed
 * log do not happen either (docs/durability.md).
 */
#ifndef BLITZDB_BLITZDB_H
#define BLITZDB_BLITZDB_H

#include <stddef.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/export.h>
#include <blitzdb/options.h>
#include <blitzdb/status.h>
#include <blitzdb/version.h>

#if defined(__GNUC__) || defined(__clang__)
#define BLITZDB_NODISCARD __attribute__((warn_unused_result)) /**< the result must be looked at */
#else
#define BLITZDB_NODISCARD /**< the result must be looked at */
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Largest key and largest value, in bytes: 512 MiB. */
#define BLITZDB_SIZE_MAX ((size_t)512 * 1024 * 1024)
/** Keyspaces of a database, numbered from 0; see blitzdb_keyspace(). */
#define BLITZDB_KEYSPACES 16

/** A database, or one of its keyspaces; opaque. */
typedef struct blitzdb blitzdb;
/** A list of changes that take place together; opaque. */
typedef struct blitzdb_batch blitzdb_batch;
/** A running transaction over keys named in advance; opaque. */
typedef struct blitzdb_txn blitzdb_txn;
/** Many calls that others see as one; opaque. */
typedef struct blitzdb_section blitzdb_section;
/** A key whose changes are noticed; opaque. */
typedef struct blitzdb_watch blitzdb_watch;
/** A walk over the keys, without callbacks; opaque. */
typedef struct blitzdb_iterator blitzdb_iterator;

/**
 * @name Open and close
 * @{
 */

/**
 * @brief Opens a database, creating and recovering it as needed.
 *
 * Recovery loads the snapshot and replays the log behind it. A torn tail of the log, as a power failure
 * leaves it, is cut off; damage anywhere else is refused and nothing is changed.
 *
 * @param[in] path directory of the database, created if absent (its parent must exist); NULL: memory only. A
 * directory with other files is taken, too; they are left alone.
 * @param[in] options NULL: all defaults; copied.
 * @param[out] db_out the handle, in keyspace 0; untouched on failure.
 * @retval BLITZDB_OK the database is open.
 * @retval BLITZDB_INVALID an option is out of range; `options->error` names it.
 * @retval BLITZDB_NOT_FOUND there is no database and the flags forbid creating one.
 * @retval BLITZDB_CONDITION_FAILED there is a database and the flags ask for a new one.
 * @retval BLITZDB_LOCKED another handle or process has it open; close that one first.
 * @retval BLITZDB_CORRUPT a file is damaged; `options->error` names file and offset; restore a backup, or
 * save what is sound with `blitzdb-check DIR --salvage OUT`.
 * @retval BLITZDB_VERSION written by a newer version; use that one.
 * @retval BLITZDB_NOT_A_DATABASE the directory holds log or snapshot files but no MANIFEST; restore a backup,
 * or save what is sound with `blitzdb-check DIR --salvage OUT`.
 * @retval BLITZDB_CANCELED `options->progress` did not want to go on; nothing was changed.
 * @retval BLITZDB_NO_MEMORY, BLITZDB_IO, BLITZDB_NO_SPACE the system refused; `options->error` has the errno.
 * @par Ownership
 * close the handle with blitzdb_close().
 * @par Durability
 * when the call returns, a new database and everything recovered are on disk.
 * @par Complexity
 * linear in snapshot and log; under 1 ms for an empty database in memory.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_open(const char *path, const blitzdb_options *options,
                                                          blitzdb **db_out);

/**
 * @brief Syncs the log, releases everything and invalidates all handles of the database.
 *
 * @param[in] db any handle of the database; NULL is allowed and does nothing.
 * @retval BLITZDB_OK everything acknowledged is on disk.
 * @retval BLITZDB_IO, BLITZDB_NO_SPACE, BLITZDB_LOG_FAILED the last sync failed; the handle is gone all the
 * same.
 * @par Threads
 * no other call on the database may run or follow; iterators, batches and transactions are gone.
 * @since 0.1.0
 */
BLITZDB_API blitzdb_status blitzdb_close(blitzdb *db);

/**
 * @brief Gives the handle of one keyspace: a separate set of keys in the same database, as Redis's SELECT.
 *
 * The handle works with every call. It lives as long as the database and is not closed on its own.
 *
 * @param[in] db any handle of the database.
 * @param[in] keyspace 0 to ::BLITZDB_KEYSPACES - 1.
 * @param[out] keyspace_out the handle.
 * @retval BLITZDB_OK found; costs nothing.
 * @retval BLITZDB_INVALID no such keyspace.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_keyspace(blitzdb *db, unsigned keyspace,
                                                              blitzdb **keyspace_out);

/**
 * @brief Gives a handle of the same keyspace whose writes are as durable as asked, whatever the call.
 *
 * Deletions, increments, appends, expiries, flushes, batches and transactions made with it included; a call
 * that names a durability of its own keeps it. The handle works with every call, and blitzdb_keyspace() on it
 * keeps the durability. It lives as long as the database and is not closed on its own.
 *
 * @param[in] db any handle of the database.
 * @param[in] durability ::blitzdb_durability; default: what the database was opened with.
 * @param[out] handle_out the handle.
 * @retval BLITZDB_OK found; costs nothing.
 * @retval BLITZDB_INVALID no such durability.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_with_durability(blitzdb *db, uint32_t durability,
                                                                     blitzdb **handle_out);
/** @} */

/**
 * @name One key
 * @{
 */

/**
 * @brief Sets a key to a value; an expiry it had is gone.
 *
 * @param[in] db handle.
 * @param[in] key key bytes; may be NULL if `key_size` is 0.
 * @param[in] key_size 0 to ::BLITZDB_SIZE_MAX.
 * @param[in] value value bytes; may be NULL if `value_size` is 0.
 * @param[in] value_size 0 to ::BLITZDB_SIZE_MAX.
 * @retval BLITZDB_OK set.
 * @par Complexity
 * O(key_size + value_size).
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_set(blitzdb *db, const void *key, size_t key_size,
                                                         const void *value, size_t value_size);

/**
 * @brief Sets a key with an expiry, a condition, a durability, or with the old value returned.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[in] value,value_size the value.
 * @param[in] options NULL: as blitzdb_set().
 * @retval BLITZDB_OK set.
 * @retval BLITZDB_CONDITION_FAILED the condition did not hold; `old_value_out` is filled all the same.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_set_with(blitzdb *db, const void *key, size_t key_size,
                                                              const void *value, size_t value_size,
                                                              const blitzdb_set_options *options);

/**
 * @brief Copies the value of a key into a buffer.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[out] buffer receives the first min(buffer_size, value size) bytes; may be NULL if `buffer_size` is
 * 0.
 * @param[in] buffer_size room in bytes.
 * @param[out] value_size_out full size of the value, also when it did not fit; may be NULL.
 * @retval BLITZDB_OK the whole value was copied.
 * @retval BLITZDB_BUFFER_TOO_SMALL a part was copied; call again with at least `*value_size_out` bytes.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @par Complexity
 * two dependent memory accesses and the copy.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_get(blitzdb *db, const void *key, size_t key_size,
                                                         void *buffer, size_t buffer_size,
                                                         size_t *value_size_out);

/**
 * @brief Gets the value of a key in memory of its own.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[out] value_out the copy, never NULL on success, followed by one zero byte that is not counted.
 * @param[out] value_size_out its size in bytes.
 * @retval BLITZDB_OK found.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @retval BLITZDB_NO_MEMORY the copy could not be allocated.
 * @par Ownership
 * release `*value_out` with blitzdb_free().
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_get_alloc(blitzdb *db, const void *key, size_t key_size,
                                                               void **value_out, size_t *value_size_out);

/** A value that stays as it is; opaque. */
typedef struct blitzdb_pinned blitzdb_pinned;

/**
 * @brief Gets a value that stays readable, and as it is, whatever becomes of the key.
 *
 * A value of more than 512 KiB is not copied: it is kept where it stands, and if the key is changed, removed
 * or flushed meanwhile its memory goes with the last one who kept it. It counts as `arena_bytes` of the
 * statistics until then, not for the memory limit. A smaller value is copied.
 *
 * @param[in] db handle; that of a section will not do, as it ends first.
 * @param[in] key,key_size the key.
 * @param[out] pinned_out what keeps the value.
 * @param[out] value_out the bytes, valid until blitzdb_unpin().
 * @param[out] value_size_out their number.
 * @retval BLITZDB_OK found.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @retval BLITZDB_NO_MEMORY the copy could not be allocated.
 * @par Ownership
 * release `*pinned_out` with blitzdb_unpin() before the database is closed; from any thread.
 * @par Complexity
 * that of blitzdb_get(), without the copy if the value is large.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_get_pinned(blitzdb *db, const void *key, size_t key_size,
                                                                blitzdb_pinned **pinned_out,
                                                                const void **value_out,
                                                                size_t *value_size_out);

/** @brief Gives up a value of blitzdb_get_pinned(); its bytes may be gone at once. NULL is allowed. @since
 * 0.1.0 */
BLITZDB_API void blitzdb_unpin(blitzdb_pinned *pinned);

/** One value seen in place, inside a callback. */
typedef struct blitzdb_view_entry {
    size_t index;         /**< which of the keys of the call */
    const void *value;    /**< the bytes, valid during the callback only; NULL if the key does not exist */
    size_t value_size;    /**< their number */
    int64_t expire_at_ms; /**< Unix time in milliseconds, 0: never */
} blitzdb_view_entry;

/**
 * Sees one value without a copy. It runs under the read locks of all keys of the call: it must be short and
 * must not call the database.
 */
typedef void (*blitzdb_view_fn)(void *user, const blitzdb_view_entry *entry);

/**
 * @brief Shows the values of some keys in place, all at one moment and in the order of the keys.
 *
 * @param[in] db handle.
 * @param[in] count number of keys.
 * @param[in] keys,key_sizes the keys; the arrays may be NULL if `count` is 0.
 * @param[in] view called once for every key, absent ones included.
 * @param[in] user handed to `view`.
 * @retval BLITZDB_OK every key was shown.
 * @retval BLITZDB_NO_MEMORY no room for the hashes of the keys (only with more than 64 keys); nothing was
 * shown.
 * @par Without a callback
 * blitzdb_get_alloc(), blitzdb_mget().
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_view(blitzdb *db, size_t count, const void *const keys[],
                                                          const size_t key_sizes[], blitzdb_view_fn view,
                                                          void *user);

/**
 * @brief Gets many values at one moment; see blitzdb_get() for each.
 *
 * @param[in] db handle.
 * @param[in] count number of keys.
 * @param[in] keys,key_sizes the keys.
 * @param[out] buffers,buffer_sizes one buffer per key; a buffer may be NULL if its size is 0.
 * @param[out] value_sizes_out full size of each value found.
 * @param[out] statuses_out per key ::BLITZDB_OK, ::BLITZDB_NOT_FOUND or ::BLITZDB_BUFFER_TOO_SMALL.
 * @retval BLITZDB_OK all keys were looked up; see `statuses_out`.
 * @retval BLITZDB_NO_MEMORY no room for the hashes of the keys (only with more than 64 keys).
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_mget(blitzdb *db, size_t count, const void *const keys[],
                                                          const size_t key_sizes[], void *const buffers[],
                                                          const size_t buffer_sizes[],
                                                          size_t value_sizes_out[],
                                                          blitzdb_status statuses_out[]);

/**
 * @brief Starts loading the memory that the next calls on these keys will need.
 *
 * For a program that knows its next keys but calls for them one by one, as a server knows the commands of a
 * pipeline: with keys spread over more memory than the processor caches, waiting for all of them at once
 * takes a fraction of waiting for each. It is a hint and changes nothing that can be seen: keys may be
 * absent, and nothing is checked or reported. Worth it for 4 to 64 keys that are used at once; calls on many
 * keys do the same by themselves.
 *
 * @param[in] db handle.
 * @param[in] count number of keys; those beyond the first 64 are left out.
 * @param[in] keys,key_sizes the keys, borrowed during the call.
 * @since 0.1.0
 */
BLITZDB_API void blitzdb_prefetch(blitzdb *db, size_t count, const void *const keys[],
                                  const size_t key_sizes[]);

/**
 * @brief Deletes a key.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @retval BLITZDB_OK deleted.
 * @retval BLITZDB_NOT_FOUND there was none; nothing was logged.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_del(blitzdb *db, const void *key, size_t key_size);

/**
 * @brief Tells whether a key exists.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @retval BLITZDB_OK it does.
 * @retval BLITZDB_NOT_FOUND it does not.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_exists(blitzdb *db, const void *key, size_t key_size);

/**
 * @brief Adds to the decimal integer a key holds; an absent key counts as 0. The expiry stays.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[in] delta what to add, may be negative.
 * @param[out] result_out the new number; may be NULL.
 * @retval BLITZDB_OK added; the value is the number in decimal.
 * @retval BLITZDB_NOT_A_NUMBER the value is not a decimal integer of 64 bits.
 * @retval BLITZDB_OUT_OF_RANGE the sum does not fit 64 bits.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_increment(blitzdb *db, const void *key, size_t key_size,
                                                               int64_t delta, int64_t *result_out);

/**
 * @brief Adds to the number a key holds; an absent key counts as 0. The expiry stays.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[in] delta what to add.
 * @param[out] result_out the new number; may be NULL.
 * @retval BLITZDB_OK added; the value is the shortest decimal text that gives the same double back.
 * @retval BLITZDB_NOT_A_NUMBER the value, or `delta`, is not a finite number.
 * @retval BLITZDB_OUT_OF_RANGE the sum is not finite.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_increment_double(blitzdb *db, const void *key,
                                                                      size_t key_size, double delta,
                                                                      double *result_out);

/**
 * @brief Appends bytes to a value; an absent key counts as empty. The expiry stays.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[in] data,data_size what to append.
 * @param[out] value_size_out the new size; may be NULL.
 * @retval BLITZDB_OK appended.
 * @retval BLITZDB_TOO_LARGE the value would exceed ::BLITZDB_SIZE_MAX.
 * @par Complexity
 * linear in the new size: the value is written anew, in memory and in the log.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_append(blitzdb *db, const void *key, size_t key_size,
                                                            const void *data, size_t data_size,
                                                            size_t *value_size_out);
/** @} */

/**
 * @name Expiry
 * An expired key is absent everywhere at once; its memory is reclaimed by later work (blitzdb_pump()).
 * @{
 */

/**
 * @brief Makes a key expire some time from now.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[in] ttl_ms milliseconds from now; 0 or less deletes the key.
 * @retval BLITZDB_OK set.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @retval BLITZDB_OUT_OF_RANGE the time is more than 2^47 ms after 1970 (some 4,400 years).
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_expire(blitzdb *db, const void *key, size_t key_size,
                                                            int64_t ttl_ms);

/**
 * @brief Makes a key expire at a point in time.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[in] expire_at_ms Unix time in milliseconds; a past time deletes the key.
 * @param[in] flags ::blitzdb_expire_flags, 0: always.
 * @retval BLITZDB_OK set, or deleted.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @retval BLITZDB_CONDITION_FAILED the flags did not hold.
 * @retval BLITZDB_OUT_OF_RANGE the time is more than 2^47 ms after 1970.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_expire_at(blitzdb *db, const void *key, size_t key_size,
                                                               int64_t expire_at_ms, unsigned flags);

/**
 * @brief Takes the expiry from a key.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @retval BLITZDB_OK it had one and stays now.
 * @retval BLITZDB_CONDITION_FAILED it had none.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_persist(blitzdb *db, const void *key, size_t key_size);

/**
 * @brief Tells how long a key still lives.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[out] ttl_ms_out milliseconds left (at least 0), or -1: it does not expire.
 * @retval BLITZDB_OK found.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_ttl(blitzdb *db, const void *key, size_t key_size,
                                                         int64_t *ttl_ms_out);

/**
 * @brief Tells when a key expires.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[out] expire_at_ms_out Unix time in milliseconds, or 0: it does not expire.
 * @retval BLITZDB_OK found.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_expire_time(blitzdb *db, const void *key,
                                                                 size_t key_size, int64_t *expire_at_ms_out);

/**
 * @brief Tells what is known about a key beside its value; does not count as a use of it.
 *
 * `use` is what eviction goes by: 1 is added if the key was looked up since eviction last came by, and 2 if
 * it had found it used before. So 0 is "not used lately", or "new", and 3 is "used all the time". It is no
 * count and no time; the library keeps neither. One key in fifteen has no room for the 2. Without a memory
 * limit whose policy goes by use (LRU or LFU), and for what was not looked up since there is one, it is 0.
 *
 * @param[in] db handle.
 * @param[in] key,key_size the key.
 * @param[in,out] info set `struct_size` first, or use ::BLITZDB_KEY_INFO_INIT; written on success only.
 * @retval BLITZDB_OK found.
 * @retval BLITZDB_NOT_FOUND no such key.
 * @retval BLITZDB_INVALID a NULL pointer or a wrong `struct_size`.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_inspect(blitzdb *db, const void *key, size_t key_size,
                                                             blitzdb_key_info *info);
/** @} */

/**
 * @name Atomic batch
 * Changes collected first and applied together: all of them or none, for readers, for crashes and for errors.
 * @{
 */

/**
 * @brief Begins an empty batch.
 *
 * @param[in] db handle; changes go to its keyspace unless blitzdb_batch_select() says otherwise.
 * @param[out] batch_out the batch.
 * @retval BLITZDB_OK created.
 * @par Ownership
 * release with blitzdb_batch_destroy().
 * @par Threads
 * one thread at a time per batch.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_create(blitzdb *db, blitzdb_batch **batch_out);

/** @brief Releases a batch; what was not committed never happened. NULL is allowed. @since 0.1.0 */
BLITZDB_API void blitzdb_batch_destroy(blitzdb_batch *batch);

/** @brief Empties a batch for reuse; its keyspace stays. @since 0.1.0 */
BLITZDB_API void blitzdb_batch_clear(blitzdb_batch *batch);

/**
 * @brief Directs the changes that follow to another keyspace.
 * @retval BLITZDB_OK done.
 * @retval BLITZDB_INVALID no such keyspace.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_select(blitzdb_batch *batch, unsigned keyspace);

/** @brief Number of changes in the batch. @since 0.1.0 */
BLITZDB_API size_t blitzdb_batch_count(const blitzdb_batch *batch);

/**
 * @brief Adds a set; key and value are copied.
 *
 * @param[in] batch the batch.
 * @param[in] key,key_size the key.
 * @param[in] value,value_size the value.
 * @param[in] options NULL: plain. `durability` and `old_value_out` must be unset; a condition that does not
 * hold rolls the whole batch back.
 * @retval BLITZDB_OK added.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_set(blitzdb_batch *batch, const void *key,
                                                               size_t key_size, const void *value,
                                                               size_t value_size,
                                                               const blitzdb_set_options *options);

/** @brief Adds a deletion; an absent key is no error in a batch. @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_del(blitzdb_batch *batch, const void *key,
                                                               size_t key_size);

/** @brief Adds an increment; a value that is no number rolls the batch back. @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_increment(blitzdb_batch *batch, const void *key,
                                                                     size_t key_size, int64_t delta);

/** @brief Adds an append. @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_append(blitzdb_batch *batch, const void *key,
                                                                  size_t key_size, const void *data,
                                                                  size_t data_size);

/** @brief Adds an expiry (Unix time in ms, 0: none any more); an absent key rolls the batch back. @since
 * 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_expire_at(blitzdb_batch *batch, const void *key,
                                                                     size_t key_size, int64_t expire_at_ms);

/** @brief Adds a check that a key exists; an absent one rolls back with ::BLITZDB_CONDITION_FAILED. @since
 * 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_check_present(blitzdb_batch *batch,
                                                                         const void *key, size_t key_size);

/** @brief Adds a check that a key does not exist; see blitzdb_batch_check_present(). @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_check_absent(blitzdb_batch *batch, const void *key,
                                                                        size_t key_size);

/**
 * @brief Applies all changes in their order, each seeing those before it, or none.
 *
 * The batch keeps its changes and can be committed again.
 *
 * @param[in] batch the batch.
 * @param[in] durability ::blitzdb_durability of the whole; default: that of the batch's handle.
 * @param[out] failed_index_out on failure the index of the change that failed, or the number of changes if
 * the batch failed as a whole; may be NULL.
 * @retval BLITZDB_OK everything is done.
 * @retval BLITZDB_CONDITION_FAILED, BLITZDB_NOT_FOUND, BLITZDB_NOT_A_NUMBER, BLITZDB_OUT_OF_RANGE as the
 * single call would; nothing was changed.
 * @retval BLITZDB_TOO_LARGE the batch's log record would exceed 2 GiB.
 * @par Durability
 * one log record: after a crash all of it is there or nothing.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_batch_commit(blitzdb_batch *batch, unsigned durability,
                                                                  size_t *failed_index_out);
/** @} */

/**
 * @name Transaction over named keys
 * Reads and writes a few keys as one step: begin locks them, commit or abort unlocks them. For changes that
 * depend on what is there (rename, copy, your own arithmetic).
 * @{
 */

/** One key of a transaction. */
typedef struct blitzdb_key {
    const void *data;  /**< key bytes, copied */
    size_t size;       /**< their number */
    unsigned keyspace; /**< 0 to ::BLITZDB_KEYSPACES - 1 */
} blitzdb_key;

/**
 * @brief Begins a transaction: locks the keys for writing, in an order that cannot deadlock.
 *
 * @param[in] db handle; only says which database, the keys name their keyspaces.
 * @param[in] keys,count the keys, at most 2^28; the same key may stand twice and is one key then.
 * @param[out] txn_out the transaction.
 * @retval BLITZDB_OK locked; end it soon with blitzdb_txn_commit() or blitzdb_txn_abort().
 * @par Threads
 * begin, use and end in one thread. Between begin and end this thread must not make any other
 * call on the database: it would wait for its own locks.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_txn_begin(blitzdb *db, const blitzdb_key *keys,
                                                               size_t count, blitzdb_txn **txn_out);

/**
 * @brief Reads a key as this transaction sees it.
 *
 * @param[in] txn the transaction.
 * @param[in] index which of its keys.
 * @param[out] value_out the bytes, valid until the next call on the transaction.
 * @param[out] value_size_out their number.
 * @param[out] expire_at_ms_out Unix time in ms, 0: never; may be NULL.
 * @retval BLITZDB_OK found.
 * @retval BLITZDB_NOT_FOUND absent.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_txn_get(blitzdb_txn *txn, size_t index,
                                                             const void **value_out, size_t *value_size_out,
                                                             int64_t *expire_at_ms_out);

/**
 * @brief Sets a key. The value may be what blitzdb_txn_get() just showed.
 *
 * @param[in] txn the transaction.
 * @param[in] index which of its keys.
 * @param[in] value,value_size the value; copied.
 * @param[in] expire_at_ms Unix time in milliseconds, 0: never; a past time deletes.
 * @retval BLITZDB_OK staged.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_txn_set(blitzdb_txn *txn, size_t index,
                                                             const void *value, size_t value_size,
                                                             int64_t expire_at_ms);

/** @brief Changes the expiry of an existing key (0: never; a past time deletes). @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_txn_expire_at(blitzdb_txn *txn, size_t index,
                                                                   int64_t expire_at_ms);

/** @brief Deletes a key; ::BLITZDB_NOT_FOUND if it is absent. @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_txn_del(blitzdb_txn *txn, size_t index);

/**
 * @brief Applies the staged changes as one log record, unlocks and releases the transaction.
 *
 * @param[in] txn the transaction; gone whatever is answered (but in a forked child, where it is the
 * parent's).
 * @param[in] durability ::blitzdb_durability; default: that of the handle.
 * @retval BLITZDB_OK applied.
 * @retval BLITZDB_MEMORY_LIMIT the changes would pass the limit, nothing may be evicted, and they take more
 * memory than they free; nothing was changed.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_txn_commit(blitzdb_txn *txn, unsigned durability);

/** @brief Drops the staged changes, unlocks and releases the transaction. NULL is allowed. @since 0.1.0 */
BLITZDB_API void blitzdb_txn_abort(blitzdb_txn *txn);
/** @} */

/**
 * @name Sections and watched keys
 * A section makes one step of any calls: what MULTI and EXEC do in Redis. A watch tells it not to begin if
 * a key has changed since.
 * @{
 */

/**
 * @brief Begins to watch a key: from now on every change of it is noticed.
 *
 * A change is whatever makes or replaces its entry, the same value or another expiry included, and whatever
 * ends an entry that was there when the watch began: deletion, expiry, eviction, a flush. An exchange of
 * keyspaces counts as a change of every key watched in them.
 *
 * @param[in] db handle; its keyspace is the key's.
 * @param[in] key,key_size the key; copied.
 * @param[out] watch_out the watch.
 * @retval BLITZDB_OK watched.
 * @retval BLITZDB_NO_MEMORY no room for it.
 * @retval BLITZDB_TOO_LARGE a key above 512 MiB.
 * @par Ownership
 * release with blitzdb_watch_destroy() before the database is closed.
 * @par Threads
 * from any thread, one at a time for one watch; not by a thread that is in a section.
 * @par Complexity
 * O(1). Writes look for watches only in shards that hold a watched key.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_watch_create(blitzdb *db, const void *key,
                                                                  size_t key_size, blitzdb_watch **watch_out);

/** @brief Ends a watch, not by a thread that is in a section. NULL is allowed. @since 0.1.0 */
BLITZDB_API void blitzdb_watch_destroy(blitzdb_watch *watch);

/** What the calls of a section may do. */
enum blitzdb_section_kind {
    BLITZDB_SECTION_GROWS = 0,  /**< anything; refused at the memory limit if nothing may be evicted */
    BLITZDB_SECTION_WRITES = 1, /**< anything; at the limit, calls that would add data are refused */
    BLITZDB_SECTION_READS = 2,  /**< only read: others may read meanwhile, and a failed log does not matter */
};

/** What a section is about. */
typedef struct blitzdb_section_options {
    size_t struct_size;            /**< sizeof(blitzdb_section_options) */
    const blitzdb_key *keys;       /**< all keys that its calls will name */
    size_t key_count;              /**< their number; the same key may stand twice */
    blitzdb_watch *const *watches; /**< nothing begins if one of these keys has changed */
    size_t watch_count;            /**< their number; 0 is usual */
    uint32_t kind;                 /**< ::blitzdb_section_kind; default: grows */
    uint32_t whole; /**< non-zero: any key, and calls on whole keyspaces; `keys` may be empty then */
} blitzdb_section_options;

/** Initializer for blitzdb_section_options. */
#define BLITZDB_SECTION_OPTIONS_INIT BLITZDB_INIT(blitzdb_section_options)

/**
 * @brief Begins a section: what this thread does until its end, through handles of the section, takes place
 *        at one moment.
 *
 * Nobody else sees or changes any of its keys meanwhile, and after a crash all of it is there or nothing. The
 * calls work as always and see what those before them did; there is no way back: what a call has done is not
 * undone because a later one fails. Time stands still: nothing expires between two calls.
 *
 * Through the handles go all calls on keys, batches and transactions included, and with `whole` those on
 * keyspaces, scans and iterators, which must not outlive the section, and blitzdb_watch_keys(). A key that
 * was not named answers ::BLITZDB_INVALID, as do blitzdb_sync(), blitzdb_write_out(), blitzdb_pump(),
 * blitzdb_close(), blitzdb_with_durability() and snapshots. The default durability of its calls, and any
 * other they name, is that of blitzdb_section_end().
 *
 * @param[in] db handle; says which database.
 * @param[in] options what the section is about; borrowed for the call.
 * @param[out] section_out the section.
 * @retval BLITZDB_OK begun; end it soon with blitzdb_section_end().
 * @retval BLITZDB_CONDITION_FAILED a watched key has changed; nothing began.
 * @retval BLITZDB_MEMORY_LIMIT it may grow, and the limit is passed already.
 * @retval BLITZDB_LOG_FAILED, BLITZDB_IO, BLITZDB_NO_SPACE it may write, and the log takes no records.
 * @retval BLITZDB_NO_MEMORY no room for it; nothing began.
 * @retval BLITZDB_TOO_LARGE a key above 512 MiB.
 * @par Ownership
 * blitzdb_section_end() releases it.
 * @par Threads
 * begin, use and end in one thread, which must not be cancelled in between, nor use other handles of the
 * database: it would wait for its own locks. It holds the locks of its keys: hurry.
 * @par Durability
 * one log record. Memory that would be needed to log a call is taken before the call has an effect.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_section_begin(blitzdb *db,
                                                                   const blitzdb_section_options *options,
                                                                   blitzdb_section **section_out);

/**
 * @brief Gives the handle of one keyspace for the calls of a section; it is gone with the section.
 *
 * @param[in] section the section.
 * @param[in] keyspace 0 to ::BLITZDB_KEYSPACES - 1.
 * @param[out] handle_out the handle; not to be closed.
 * @retval BLITZDB_OK found; costs nothing.
 * @retval BLITZDB_INVALID no such keyspace, or a NULL.
 * @par Threads
 * that of the section.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_section_handle(blitzdb_section *section,
                                                                    unsigned keyspace, blitzdb **handle_out);

/**
 * @brief Logs what the section did as one record, lets others see it and releases the section.
 *
 * @param[in] section the section; gone whatever is answered (but in a forked child, where it is the
 * parent's).
 * @param[in] durability ::blitzdb_durability; default: that of the handle it was begun with.
 * @retval BLITZDB_OK done.
 * @retval BLITZDB_LOG_FAILED, BLITZDB_IO, BLITZDB_NO_SPACE the log failed after the section began: all of it
 * is visible, as after a write of mode always whose sync fails, and whether it is durable is unknown.
 * @retval BLITZDB_INVALID no such durability: the handle's was taken.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_section_end(blitzdb_section *section,
                                                                 unsigned durability);
/** @} */

/**
 * @name Walking over the keys
 * Every key present from the first to the last call is seen at least once; a key may be seen twice; keys that
 * come or go meanwhile may be seen or not. Nothing is locked between the calls.
 * @{
 */

/** One entry seen by a scan; the bytes are valid during the callback only. */
typedef struct blitzdb_scan_entry {
    const void *key;      /**< key bytes */
    size_t key_size;      /**< their number */
    const void *value;    /**< value bytes */
    size_t value_size;    /**< their number */
    int64_t expire_at_ms; /**< Unix time in milliseconds, 0: never */
} blitzdb_scan_entry;

/** Sees one entry under the shard's read lock: must be short and must not call the database. */
typedef void (*blitzdb_scan_fn)(void *user, const blitzdb_scan_entry *entry);

/**
 * @brief Visits the next entries of the keyspace.
 *
 * @param[in] db handle.
 * @param[in,out] cursor 0 to begin; set to where to go on, or to 0 at the end. Any number is safe to pass.
 * @param[in] pattern NULL: all keys; otherwise a glob as in Redis (`*`, `?`, `[a-z]`, `[^x]`, `\`).
 * @param[in] pattern_size its size in bytes.
 * @param[in] count about how many entries to look at (matching or not); 0: 10.
 * @param[in] scan called for each match.
 * @param[in] user handed to `scan`.
 * @retval BLITZDB_OK go on while `*cursor` is not 0.
 * @par Complexity
 * O(count) plus the pattern's cost for each key, which is bounded as for blitzdb_glob_match(); a key for
 * which that is not enough is not shown.
 * @par Without a callback
 * blitzdb_iterator_create().
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_scan(blitzdb *db, uint64_t *cursor, const void *pattern,
                                                          size_t pattern_size, size_t count,
                                                          blitzdb_scan_fn scan, void *user);

/** For blitzdb_glob_match(): capital and small letters of ASCII are the same. */
#define BLITZDB_GLOB_IGNORE_CASE ((uint32_t)1)

/**
 * @brief Compares a text with a glob pattern, as blitzdb_scan() compares keys.
 *
 * `*` stands for any bytes, `?` for one, `[abc]`, `[a-z]` and `[^a]` for one of a set; `\` takes the next
 * byte literally. Nothing is allocated and nothing recurses.
 *
 * @param[in] pattern,pattern_size the pattern; may be NULL if the size is 0.
 * @param[in] text,text_size the text; may be NULL if the size is 0.
 * @param[in] flags 0 or ::BLITZDB_GLOB_IGNORE_CASE.
 * @retval BLITZDB_OK it matches.
 * @retval BLITZDB_NOT_FOUND it does not.
 * @retval BLITZDB_TOO_LARGE the pattern is so long and so repetitive that the steps granted did not suffice;
 * take it for no match, or ask for a shorter one.
 * @retval BLITZDB_INVALID an unknown flag, or NULL with a size.
 * @par Threads
 * safe from any thread.
 * @par Complexity
 * mostly linear; never more than 64 Ki steps and 8 for each byte of the text.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_glob_match(const void *pattern, size_t pattern_size,
                                                                const void *text, size_t text_size,
                                                                uint32_t flags);

/**
 * @brief Begins a walk over the keyspace that copies what it finds.
 *
 * @param[in] db handle.
 * @param[in] pattern,pattern_size as in blitzdb_scan(); copied.
 * @param[out] iterator_out the iterator, before the first entry.
 * @retval BLITZDB_OK created.
 * @par Ownership
 * release with blitzdb_iterator_destroy() before the database is closed.
 * @par Threads
 * one thread at a time per iterator.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_iterator_create(blitzdb *db, const void *pattern,
                                                                     size_t pattern_size,
                                                                     blitzdb_iterator **iterator_out);

/**
 * @brief Steps to the next entry.
 *
 * @param[in] iterator the iterator.
 * @param[out] entry_out the entry; its bytes are valid until the next call on this iterator.
 * @retval BLITZDB_OK there is one.
 * @retval BLITZDB_NOT_FOUND the walk is over.
 * @retval BLITZDB_NO_MEMORY no room for the copies; call again to go on.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_iterator_next(blitzdb_iterator *iterator,
                                                                   blitzdb_scan_entry *entry_out);

/** @brief Releases an iterator. NULL is allowed. @since 0.1.0 */
BLITZDB_API void blitzdb_iterator_destroy(blitzdb_iterator *iterator);

/**
 * @brief Picks a key of the keyspace at random (not perfectly uniform, as with Redis's RANDOMKEY).
 *
 * @param[in] db handle.
 * @param[out] key_out,key_size_out a copy of the key.
 * @retval BLITZDB_OK found.
 * @retval BLITZDB_NOT_FOUND the keyspace is empty.
 * @par Ownership
 * release `*key_out` with blitzdb_free().
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_random_key(blitzdb *db, void **key_out,
                                                                size_t *key_size_out);
/** @} */

/**
 * @name Whole keyspaces
 * @{
 */

/**
 * @brief Counts the entries of the keyspace, expired ones that were not reclaimed yet included.
 *
 * @param[in] db handle.
 * @param[out] keys_out number of keys.
 * @param[out] keys_with_expiry_out how many of them have an expiry; may be NULL.
 * @retval BLITZDB_OK counted, without any lock: concurrent writes may or may not be in it.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_count(blitzdb *db, uint64_t *keys_out,
                                                           uint64_t *keys_with_expiry_out);

/** @brief Removes every key of the keyspace; linear in the keys of the database. @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_flush_keyspace(blitzdb *db);

/** @brief Removes every key of every keyspace. @since 0.1.0 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_flush_all(blitzdb *db);

/**
 * @brief Exchanges two keyspaces: whoever uses one sees the keys of the other. Takes constant time.
 * @retval BLITZDB_OK exchanged.
 * @retval BLITZDB_INVALID no such keyspace.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_swap_keyspaces(blitzdb *db, unsigned first,
                                                                    unsigned second);
/** @} */

/**
 * @name Durability and upkeep
 * @{
 */

/**
 * @brief Waits until everything acknowledged before the call is on disk.
 *
 * @param[in] db handle.
 * @retval BLITZDB_OK it is; at once for a database without a log.
 * @retval BLITZDB_NO_SPACE it may not be; writing works again when there is room.
 * @retval BLITZDB_IO, BLITZDB_LOG_FAILED it may not be; writes are refused from now on until a snapshot has
 * put all data into new files (automatic, or blitzdb_snapshot()), or a reopen.
 * @par Threads
 * concurrent callers share one sync.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_sync(blitzdb *db);

/**
 * @brief Hands everything acknowledged before the call to the operating system, without a sync.
 *
 * After this the writes survive the death of the process, not a power failure.
 *
 * @param[in] db handle.
 * @retval BLITZDB_OK handed over; at once for a database without a log.
 * @retval BLITZDB_IO, BLITZDB_NO_SPACE, BLITZDB_LOG_FAILED it was not.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_write_out(blitzdb *db);

/**
 * @brief End of the log: the position after the newest write. A write is durable once
 *        blitzdb_durable_position() has reached the position read after it.
 * @return bytes since the database was created; 0 without a log or in a forked child.
 * @since 0.1.0
 */
BLITZDB_API uint64_t blitzdb_log_position(blitzdb *db);

/** @brief The log up to this position is on disk; see blitzdb_log_position(). @since 0.1.0 */
BLITZDB_API uint64_t blitzdb_durable_position(blitzdb *db);

/**
 * @brief Writes a snapshot now and removes the log it replaces. Readers and writers go on meanwhile.
 *
 * If the log has failed (::BLITZDB_LOG_FAILED), the snapshot replaces it: once all data are on disk in new
 * files, writes are taken again.
 *
 * @param[in] db handle.
 * @param[out] error details of a failure; may be NULL.
 * @retval BLITZDB_OK the snapshot is on disk.
 * @retval BLITZDB_UNSUPPORTED the database is in memory only; see blitzdb_snapshot_to().
 * @retval BLITZDB_BUSY another snapshot is being written, here or to another directory.
 * @retval BLITZDB_CANCELED blitzdb_snapshot_cancel() was called; the old snapshot and log stay valid.
 * @retval BLITZDB_IO, BLITZDB_NO_SPACE, BLITZDB_NO_MEMORY it failed; the old snapshot and log stay valid, and
 * a log that has failed stays so.
 * @par Complexity
 * linear in the data; memory bounded by a buffer of 1 MiB and the entries of one bucket, some ten.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_snapshot(blitzdb *db, blitzdb_error *error);

/**
 * @brief Writes a copy of the whole database, as of one moment during the call, to another directory: a
 * backup of a running database, or the way to disk for one in memory. Readers and writers go on meanwhile.
 *
 * The copy is a database of its own, which blitzdb_open() opens. It does not count as a snapshot: neither the
 * log nor the statistics of the last snapshot change. A database whose log has failed can be copied, too.
 *
 * @param[in] db handle.
 * @param[in] dir directory for the copy; created if its parent exists. It must not hold a database or log and
 * snapshot files; other files in it are left alone.
 * @param[out] error details of a failure; may be NULL.
 * @retval BLITZDB_OK the copy is complete and on disk, its name included.
 * @retval BLITZDB_INVALID the path is NULL, empty or too long.
 * @retval BLITZDB_CONDITION_FAILED the directory holds a database, or files of one.
 * @retval BLITZDB_LOCKED a database is open there; it may be this one.
 * @retval BLITZDB_BUSY a snapshot or another copy is being written.
 * @retval BLITZDB_CANCELED blitzdb_snapshot_cancel() was called.
 * @retval BLITZDB_LOG_FAILED the log failed during the call; a second one copies what is in memory.
 * @retval BLITZDB_NOT_FOUND the directory's parent does not exist.
 * @retval BLITZDB_IO, BLITZDB_NO_SPACE, BLITZDB_NO_MEMORY it failed. After these, as after
 * ::BLITZDB_CANCELED, the directory holds no database; the copied one is not affected.
 * @par Durability
 * the copy has everything acknowledged before the call, whatever its durability. A crash during the call
 * leaves a directory that blitzdb_open() refuses as ::BLITZDB_NOT_A_DATABASE, or accepts as complete.
 * @par Complexity
 * linear in the data and the log written meanwhile; memory as of blitzdb_snapshot(), and 1 MiB to copy the
 * log.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_snapshot_to(blitzdb *db, const char *dir,
                                                                 blitzdb_error *error);

/**
 * @brief Asks the snapshot that is being written, here or to another directory, to end soon; its caller is
 *        answered ::BLITZDB_CANCELED. Does not wait for that.
 *
 * A snapshot that is about to be put in place may still succeed. An automatic one is tried again after 60
 * seconds.
 *
 * @param[in] db handle.
 * @retval BLITZDB_OK it was asked, or none is being written.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_snapshot_cancel(blitzdb *db);

/**
 * @brief Sets how much of one processor a snapshot, here or to another directory, may take while other
 *        threads of the program are busy.
 *
 * It works for some tenths of a millisecond, then pauses. As long as all other threads together use less than
 * a twentieth of a processor it does not pause at all. Less means that readers and writers notice less of it,
 * and that it takes longer. The snapshot that is being written is affected, too.
 *
 * @param[in] db handle.
 * @param[in] percent 1 to 100; 0: the default, 10. 100: no pauses.
 * @retval BLITZDB_OK in force.
 * @retval BLITZDB_INVALID more than 100.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_set_snapshot_share(blitzdb *db, unsigned percent);

/**
 * @brief Does what fell due with time: interval sync, a bounded piece of reclaiming expired entries,
 *        automatic snapshot. Not needed with ::BLITZDB_BACKGROUND_THREAD.
 *
 * An automatic snapshot is written whole in the call that finds it due. While other threads of the program
 * are busy it pauses between its pieces, and so takes up to ten times as long as it works, or as
 * blitzdb_set_snapshot_share() says; what else falls due is done meanwhile. Who cannot spare a thread for
 * that turns automatic snapshots off and calls blitzdb_snapshot() where it fits.
 *
 * @param[in] db handle.
 * @param[out] next_ms_out after how many milliseconds to call again, 0: at once; may be NULL.
 * @retval BLITZDB_OK done.
 * @retval BLITZDB_IO, BLITZDB_NO_SPACE, BLITZDB_LOG_FAILED the log could not be synced.
 * @par Complexity
 * bounded, a sync aside; with a snapshot as blitzdb_snapshot(), and the pauses.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_pump(blitzdb *db, uint32_t *next_ms_out);

/**
 * @brief Chooses who is told about keys that come to be, or that go without a call that removes them.
 *
 * The function is told of every key that a write creates, that is removed because it has expired, and that is
 * evicted; not of keys that a call deletes, replaces or flushes, nor of what recovery loads. An expired key
 * is absent from its moment on, but it is told about when it is removed: with ::BLITZDB_BACKGROUND_THREAD
 * within a second or so, otherwise by blitzdb_pump(), or by a write that replaces it. Events about one key
 * come in the order in which they happened. A batch or transaction that removes a key and makes it anew tells
 * nothing about that key.
 *
 * @param[in] db handle; the choice holds for the whole database, whatever the handle.
 * @param[in] key_fn called under the lock of the key's shard; see ::blitzdb_key_fn. NULL: nobody is told.
 * @param[in] user handed to `key_fn`; must stay valid until another choice is made or the database is closed.
 * @retval BLITZDB_OK chosen. No call of the function before is under way any more, and none will come.
 * @par Threads
 * any, but not from within a ::blitzdb_key_fn. The function is called by whatever thread changes the key, by
 * several at once for different keys.
 * @par Complexity
 * waits for each shard in turn; until it returns, some may be told as before. Without a function each insert,
 * expiry and eviction costs one branch more, and reads and replacements in place nothing.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_watch_keys(blitzdb *db, blitzdb_key_fn key_fn,
                                                                void *user);

/**
 * @brief Changes the memory limit of an open database.
 *
 * The limit bounds what entries, rounded to their size class, and tables take. A write that finds no room
 * evicts first what makes up for it, or is refused. So the data passes the limit by no more than one entry
 * for each thread that is writing just then; a batch or transaction counts as one entry of all its bytes.
 *
 * There are two exceptions. A limit may be below what there is already, set here or met by a recovery: every
 * write then evicts some 64 entries more than it needs, until the data is below. And blitzdb_expire() and its
 * like, which add some 8 bytes to a key, are not refused even if nothing may be evicted.
 *
 * @param[in] db handle.
 * @param[in] limit_bytes 0: none.
 * @param[in] eviction ::blitzdb_eviction.
 * @retval BLITZDB_OK in force for the next write.
 * @par Complexity
 * of a write at the limit: the entries that make up for its bytes, and at most 4096 buckets looked at, one or
 * two for each entry as a rule. A hit writes at most one bit.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_set_memory_limit(blitzdb *db, uint64_t limit_bytes,
                                                                      unsigned eviction);

/**
 * @brief Reports sizes and counters of the whole database.
 *
 * @param[in] db handle.
 * @param[in,out] stats `struct_size` must be set; the rest is filled.
 * @retval BLITZDB_OK filled; the numbers are not taken at one moment.
 * @since 0.1.0
 */
BLITZDB_API BLITZDB_NODISCARD blitzdb_status blitzdb_stats(blitzdb *db, blitzdb_stats_info *stats);

/** @brief Releases memory that a call of this database allocated for you. NULL is allowed. @since 0.1.0 */
BLITZDB_API void blitzdb_free(blitzdb *db, void *memory);

/** @brief Version of the library as text, such as "0.1.0". @since 0.1.0 */
BLITZDB_API const char *blitzdb_version(void);

/** @brief Version of the library as a number; see ::BLITZDB_VERSION_NUMBER. @since 0.1.0 */
BLITZDB_API uint32_t blitzdb_version_number(void);
/** @} */

#ifdef __cplusplus
}
#endif

#endif
