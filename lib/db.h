/**
 * @file
 * @brief The database behind the handle: fields grouped by what guards them, and the door every call comes
 * through.
 *
 * `struct blitzdb` is one keyspace of a database; `struct bzd_core` is the database. The store holds the
 * data, the log what must survive; everything in db_*.c ties the two together and knows no file format.
 *
 * Lock order: shard locks ascending, then arena mutex, then log mutex. The wake mutex of the background
 * thread and the mutex of a snapshot's pace are never held together with another one.
 */
#ifndef BZD_DB_H
#define BZD_DB_H

#include <blitzdb/blitzdb.h>

#include "alloc.h"
#include "checkpoint.h"
#include "log.h"
#include "logger.h"
#include "path.h"
#include "recovery.h"
#include "store.h"

/** Values of ::blitzdb_durability. */
enum { BZD_DURABILITIES = BLITZDB_DURABILITY_ALWAYS + 1 };

struct bzd_core;
struct bzd_section;

/** A handle: one keyspace of a database, and how durable writes through it are. All handles live in the core,
 * but for those of a section. */
struct blitzdb {
    struct bzd_core *core;
    unsigned keyspace;           /**< as selected, not as stored */
    unsigned durability;         /**< of writes that do not say; default: the database's */
    struct bzd_section *section; /**< that calls through it are part of; NULL: none. See section.h. */
};

struct bzd_core {
    /* constant after open */
    blitzdb_env env;
    struct bzd_logger logger;
    struct blitzdb handles[BZD_DURABILITIES][BLITZDB_KEYSPACES];
    volatile uint8_t *alive_page; /**< holds 1; reads as 0 in a forked child */
    uint32_t durability;
    uint32_t sync_interval_ms;
    uint32_t snapshot_interval_s;
    uint64_t snapshot_min_changes;
    uint64_t snapshot_log_bytes;
    bool has_thread; /**< the background thread runs */
    bool has_log;    /**< writes are logged at all times */
    char *dir;       /**< NULL: memory only */
    blitzdb_file *lock_file;
    struct bzd_recovery_result recovered;
    /* atomic; every call reads them, so they stand apart from what calls write */
    _Atomic uint64_t memory_limit;
    _Atomic uint32_t eviction;
    _Atomic bool tracks_use; /**< there is a limit, and its policy asks which entries are used */
    /* locks of their own */
    struct bzd_store store;
    struct bzd_log log; /**< without `has_log` used only while a snapshot is written */
    struct bzd_checkpoint checkpoint;
    /* guarded by all shards' write locks; read under any of them */
    bool logging; /**< writes append records now */
    /* atomic */
    _Atomic uint32_t evict_shard;       /**< next shard to search for something to evict */
    _Atomic uint32_t sweep_shard;       /**< next shard to search for expired entries */
    _Atomic uint64_t interval_position; /**< newest write that counts on an interval sync; see background.c */
    _Atomic uint64_t random;            /**< counter behind the choice of random keys */
    /* guarded by `wake_mutex` */
    struct bzd_mutex wake_mutex;
    struct bzd_condition wake;
    bool stopping;
    struct bzd_thread thread;
};

/** Checks a handle; anything but OK must be returned as it is. */
static inline blitzdb_status bzd_enter(const blitzdb *db) {
    if (db == NULL)
        return BLITZDB_INVALID;
    return db->core->alive_page[0] == 1 ? BLITZDB_OK : BLITZDB_FORKED;
}

static inline bool bzd_size_is_valid(const void *data, size_t size) {
    return data != NULL || size == 0;
}

/** Checks key arguments: INVALID or TOO_LARGE. */
static inline blitzdb_status bzd_check_bytes(const void *data, size_t size) {
    if (size > BLITZDB_SIZE_MAX)
        return BLITZDB_TOO_LARGE;
    return bzd_size_is_valid(data, size) ? BLITZDB_OK : BLITZDB_INVALID;
}

static inline int64_t bzd_now_ms(const struct bzd_core *core) {
    return core->env.now_ms(core->env.user);
}

/** Tells who wants to know about a key; see db_watch.c. The shard is locked for writing, here and below. */
void bzd_tell_key(const struct bzd_core *core, const struct bzd_shard *shard, unsigned stored_keyspace,
                  struct bzd_slice key, unsigned event);

/** True if somebody does. */
static inline bool bzd_tells_keys(const struct bzd_shard *shard) {
    return shard->key_fn != NULL;
}

/** Notes that an entry is used, for the policies that want to know. Its shard is locked. */
static inline void bzd_touch(struct bzd_core *core, struct bzd_shard *shard, uint64_t hash, bzd_ref ref) {
    if (atomic_load_explicit(&core->tracks_use, memory_order_relaxed))
        bzd_table_touch(&shard->table, hash, ref);
}

/** A well-mixed number from a counter, under the database's secret. */
static inline uint64_t bzd_random(struct bzd_core *core) {
    uint64_t count = atomic_fetch_add_explicit(&core->random, 1, memory_order_relaxed);
    return bzd_hash(&core->store.hash_key, BLITZDB_KEYSPACES, bzd_slice_of(&count, sizeof count));
}

/**
 * Appends one record that stands alone, if writes are logged; `position_out` is behind it, or stays as it
 * was, as it does in a section. The shards it is about are locked for writing.
 */
blitzdb_status bzd_append_record(const blitzdb *db, const struct bzd_record *record, uint64_t *position_out);

/** The part of bzd_admit() that is about the log; of a handle that is no section's. */
blitzdb_status bzd_admit_log(struct bzd_core *core);

/** The door of every write, before any lock: the log takes records, and entries of `growth` bytes of keys and
 * values fit (0: the write frees, or adds so little that it is never refused). */
blitzdb_status bzd_admit(const blitzdb *db, size_t growth);

/** Makes room behind a write that may have passed the limit; in a section its end does that. */
void bzd_evict_behind(const blitzdb *db);

/** Waits for, or triggers, what a durability asks of a write that ends at `position`; default: the
 * database's. */
blitzdb_status bzd_settle(struct bzd_core *core, uint64_t position, unsigned durability);

/** One bounded round of everything that falls due; see blitzdb_pump(). */
blitzdb_status bzd_pump(struct bzd_core *core, uint32_t *next_ms_out);

/** Starts and stops the background thread, if the options ask for one. */
blitzdb_status bzd_background_start(struct bzd_core *core);
void bzd_background_stop(struct bzd_core *core);

/** Removes expired entries from some buckets; returns true if it found so many that more should follow at
 * once. */
bool bzd_expire_sweep(struct bzd_core *core);

/** Sets the limit and the policy, a valid one. */
void bzd_limit_set(struct bzd_core *core, uint64_t limit_bytes, uint32_t eviction);
/** True if `growth` more bytes stay within the memory limit. */
bool bzd_fits_limit(const struct bzd_core *core, size_t growth);
/** Frees memory until `growth` more bytes fit the limit; MEMORY_LIMIT if nothing may be evicted. */
blitzdb_status bzd_evict_for(struct bzd_core *core, size_t growth);

/** Bytes of log that a recovery would read now. The database has a log. */
uint64_t bzd_log_bytes(const struct bzd_core *core);

/** Changes by callers that the last snapshot of this handle may not hold. */
uint64_t bzd_changes_since_snapshot(const struct bzd_core *core);

/**
 * How an append to the log went for the write it belongs to. Without a log of its own a database logs for a
 * snapshot only: a record that cannot be taken fails the snapshot, never the write.
 */
static inline blitzdb_status bzd_append_status(struct bzd_core *core, blitzdb_status status) {
    if (status == BLITZDB_OK || core->has_log)
        return status;
    bzd_checkpoint_spoil(&core->checkpoint, status);
    return BLITZDB_OK;
}

/** Syncs the log if the interval is over; what a snapshot does between two pieces of work. */
void bzd_sync_if_due(void *core);

/** Writes the absolute form of a path a caller gave; INVALID if it is empty or too long for file names. */
blitzdb_status bzd_absolute_path(const blitzdb_env *env, const char *path, char absolute_out[BZD_PATH_MAX],
                                 blitzdb_error *error);

#endif
