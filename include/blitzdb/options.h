/**
 * @file
 * @brief Option structures. Zero means the default in every field; fill `struct_size` or use the `_INIT`
 * macro.
 */
#ifndef BLITZDB_OPTIONS_H
#define BLITZDB_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * When a write is safe. See docs/durability.md for what each survives. A database without a log has nothing
 * to wait for: every write counts as done at once.
 */
enum blitzdb_durability {
    BLITZDB_DURABILITY_DEFAULT =
        0, /**< of a write: its handle's, then the database's; of a database: interval */
    BLITZDB_DURABILITY_NONE = 1,     /**< logged, never synced on its own; the next sync covers it */
    BLITZDB_DURABILITY_INTERVAL = 2, /**< the writer does not wait; synced within `sync_interval_ms` by the
                                          thread of ::BLITZDB_BACKGROUND_THREAD or your blitzdb_pump(), by
                                          nobody without them */
    BLITZDB_DURABILITY_ALWAYS = 3,   /**< on disk before the call returns; concurrent writers share a sync */
};

/**
 * What to remove when `memory_limit_bytes` is reached. The names are Redis's `maxmemory-policy`.
 *
 * LRU and LFU keep no time and no counter: a hit sets one bit, if it is not set yet, and a clock hand
 * decides, with one more bit, what stays (docs/performance.md has the hit ratios). Both spare what is used
 * again and again from a scan of keys that are used once; LFU forgets more slowly. A key that was just
 * written has to be used once to stay. The policies for keys with an expiry read entries to find such keys:
 * if these are fewer than one in some 25,000, a write may be refused although there is one.
 */
enum blitzdb_eviction {
    BLITZDB_EVICTION_NONE = 0,            /**< refuse growing writes with ::BLITZDB_MEMORY_LIMIT */
    BLITZDB_EVICTION_ALLKEYS_LRU = 1,     /**< any key, those first that were not used lately */
    BLITZDB_EVICTION_VOLATILE_LRU = 2,    /**< the same among keys with an expiry */
    BLITZDB_EVICTION_ALLKEYS_RANDOM = 3,  /**< any key */
    BLITZDB_EVICTION_VOLATILE_RANDOM = 4, /**< any key with an expiry */
    BLITZDB_EVICTION_VOLATILE_TTL = 5,    /**< of a sample of 32, those that expire first */
    BLITZDB_EVICTION_ALLKEYS_LFU = 6,     /**< any key, those first that are not used often */
    BLITZDB_EVICTION_VOLATILE_LFU = 7,    /**< the same among keys with an expiry */
};

/** How a database is opened; flags, combined with `|`. */
enum blitzdb_open_flags {
    BLITZDB_OPEN_MUST_EXIST = 1,  /**< ::BLITZDB_NOT_FOUND instead of creating a database */
    BLITZDB_OPEN_MUST_CREATE = 2, /**< ::BLITZDB_CONDITION_FAILED if there is a database already */
    BLITZDB_OPEN_NO_LOG = 4,      /**< no log: only snapshots reach the disk, the rest is lost at exit */
};

/** Who does the work that falls due with time: interval syncs, expiry, automatic snapshots, the repair of a
 * failed log. Without a thread and without blitzdb_pump() nobody does, but for a sync by the first write
 * after two intervals. */
enum blitzdb_background {
    BLITZDB_BACKGROUND_CALLER = 0, /**< nobody but you: call blitzdb_pump() now and then; no thread */
    BLITZDB_BACKGROUND_THREAD = 1, /**< one thread of the library, with all signals blocked */
};

/** Severity of a log message. */
enum blitzdb_log_level {
    BLITZDB_LOG_ERROR = 1,   /**< something was lost or refused */
    BLITZDB_LOG_WARNING = 2, /**< something unusual was handled */
    BLITZDB_LOG_INFO = 3,    /**< a change of state: opened, recovered, snapshot taken */
    BLITZDB_LOG_DEBUG = 4,   /**< details for a developer */
};

/**
 * Receives one log message (no newline, never a key or a value). Called without any lock of the database
 * held, from the thread that did the work; it may call BlitzDB, but not close the database.
 */
typedef void (*blitzdb_log_fn)(void *user, int level, const char *module, const char *message);

/** What happened to a key: what a ::blitzdb_key_fn is told. */
enum blitzdb_key_event {
    BLITZDB_KEY_CREATED = 1, /**< a write made a key that was not there */
    BLITZDB_KEY_EXPIRED = 2, /**< an expired key was removed: by the upkeep, or because a write replaced it */
    BLITZDB_KEY_EVICTED = 3, /**< a key was removed for the memory limit */
};

/**
 * Receives one event about a key; see blitzdb_watch_keys(). Called while the lock of the key's shard is held:
 * it may take note of the key, which is valid during the call, and must neither call BlitzDB nor wait for
 * anybody who does. `keyspace` is the number by which the key is selected, `event` a ::blitzdb_key_event.
 */
typedef void (*blitzdb_key_fn)(void *user, unsigned keyspace, const void *key, size_t key_size,
                               unsigned event);

/** What blitzdb_open() does with an existing database, in this order. */
enum blitzdb_phase {
    BLITZDB_PHASE_SNAPSHOT = 1, /**< loads the snapshot; left out if there is none */
    BLITZDB_PHASE_LOG = 2,      /**< replays the log behind it */
};

/** How far blitzdb_open() has come. */
typedef struct blitzdb_progress {
    size_t struct_size;    /**< sizeof(blitzdb_progress) of the library */
    uint32_t phase;        /**< ::blitzdb_phase */
    uint32_t reserved;     /**< 0 */
    uint64_t bytes_done;   /**< bytes of the phase's files that were read */
    uint64_t bytes_total;  /**< bytes there are to read, at most; 0: none, or not known */
    uint64_t records_done; /**< entries loaded, or records replayed, in this phase */
} blitzdb_progress;

/**
 * Receives the progress of blitzdb_open(): at the begin and end of each phase, and at most every 100 ms
 * between; not for a new database. Called from the thread that opens, without any lock held. Zero goes on;
 * anything else ends the open with ::BLITZDB_CANCELED, and nothing on disk has been changed. `progress` is
 * valid during the call.
 */
typedef int (*blitzdb_progress_fn)(void *user, const blitzdb_progress *progress);

/** Sets `struct_size` and leaves the rest at zero; C++ before 20 knows no designated initializers. */
#ifdef __cplusplus
#define BLITZDB_INIT(type)                                                                                   \
    { sizeof(type) }
#else
#define BLITZDB_INIT(type)                                                                                   \
    { .struct_size = sizeof(type) }
#endif

/** How to open a database. */
typedef struct blitzdb_options {
    size_t struct_size; /**< sizeof(blitzdb_options): lets a newer library see which fields you know */

    /* What it does */
    uint32_t flags;            /**< ::blitzdb_open_flags; default 0: create if absent, with a log */
    uint32_t durability;       /**< ::blitzdb_durability of writes that do not say; default interval. Always
                                    cannot be had with ::BLITZDB_OPEN_NO_LOG */
    uint32_t sync_interval_ms; /**< longest time without a sync in mode interval, if there is a thread or
                                    somebody pumps; default 1000 */
    uint32_t eviction;         /**< ::blitzdb_eviction at the memory limit; default none */
    /** Bound on entries, rounded to their size class, and tables; default 0: none. What it promises is said
     * at blitzdb_set_memory_limit(). */
    uint64_t memory_limit_bytes;
    uint32_t background;           /**< ::blitzdb_background; default the caller's blitzdb_pump() */
    uint32_t snapshot_interval_s;  /**< automatic snapshot after this time with changes; default 0: off */
    uint64_t snapshot_min_changes; /**< changes needed for an automatic snapshot by time; default 1 */
    uint64_t
        snapshot_log_bytes; /**< automatic snapshot after this much log; default 1 GiB, UINT64_MAX: off */

    /* How fast */
    uint32_t shard_count;       /**< locks and tables, a power of two up to 1024; default 128. More: more
                                     writers at once, a few hundred bytes each */
    uint32_t reserved;          /**< leave zero */
    uint64_t log_segment_bytes; /**< size of a log file before the next is begun; default 64 MiB */
    uint64_t log_buffer_bytes;  /**< log bytes not yet written before writers wait; default 4 MiB */

    /* Hooks */
    const blitzdb_env *env; /**< default blitzdb_env_default(); copied */
    blitzdb_log_fn log;     /**< default none: silent */
    void *log_user;         /**< handed to `log` */
    uint32_t log_level;     /**< ::blitzdb_log_level; default info */
    uint32_t reserved2;     /**< leave zero */
    blitzdb_error *error;   /**< filled when blitzdb_open() fails; default none; not kept after open */

    /* Opening a large database */
    blitzdb_progress_fn progress; /**< told how far recovery has come; default none */
    void *progress_user;          /**< handed to `progress` */
    uint32_t recovery_threads;    /**< threads that load, the calling one included, up to 64; they end before
                                       blitzdb_open() does. Default: 1 without ::BLITZDB_BACKGROUND_THREAD,
                                       as the library then starts none; with it one for each processor, up
                                       to 8. Each needs some 2 MiB meanwhile, and what a
                                       larger entry takes */
    uint32_t reserved3;           /**< leave zero */
} blitzdb_options;

/** Initializer for blitzdb_options: everything at its default. */
#define BLITZDB_OPTIONS_INIT BLITZDB_INIT(blitzdb_options)

/** When a set takes place. */
enum blitzdb_condition {
    BLITZDB_IF_ANY = 0,     /**< always */
    BLITZDB_IF_ABSENT = 1,  /**< only if the key does not exist (Redis NX) */
    BLITZDB_IF_PRESENT = 2, /**< only if it exists (Redis XX) */
    BLITZDB_IF_EQUAL = 3,   /**< only if it exists and its value is `expected`: compare and set */
};

/** How to set one key. At most one of `ttl_ms`, `expire_at_ms`, `keep_ttl`; none: the key does not expire. */
typedef struct blitzdb_set_options {
    size_t struct_size;  /**< sizeof(blitzdb_set_options) */
    uint32_t condition;  /**< ::blitzdb_condition; default any */
    uint32_t durability; /**< ::blitzdb_durability of this write; default the handle's */
    int64_t ttl_ms;      /**< expires this many milliseconds from now; default 0: never; negative: invalid */
    int64_t
        expire_at_ms;  /**< expires at this Unix time in ms; a past time deletes the key; default 0: never */
    uint32_t keep_ttl; /**< non-zero: the expiry of the value that is replaced stays */
    uint32_t reserved; /**< leave zero */
    const void *expected; /**< for ::BLITZDB_IF_EQUAL: the value to compare with; borrowed for the call */
    size_t expected_size; /**< its size in bytes */
    void **old_value_out; /**< if set, receives a copy of the value before, or NULL: there was none, or the
                             call failed and the key still has it (but not by its condition: then it is handed
                             out as well); release with blitzdb_free() */
    size_t *old_size_out; /**< its size; needed with `old_value_out` */
} blitzdb_set_options;

/** Initializer for blitzdb_set_options: a plain set. */
#define BLITZDB_SET_OPTIONS_INIT BLITZDB_INIT(blitzdb_set_options)

/** When blitzdb_expire_at() takes place; flags, combined with `|` as in Redis's EXPIRE. */
enum blitzdb_expire_flags {
    BLITZDB_EXPIRE_IF_NONE = 1,    /**< only if the key has no expiry (NX) */
    BLITZDB_EXPIRE_IF_SET = 2,     /**< only if it has one (XX) */
    BLITZDB_EXPIRE_IF_GREATER = 4, /**< only to a later time; no expiry counts as infinite (GT) */
    BLITZDB_EXPIRE_IF_LESS = 8,    /**< only to an earlier time (LT) */
};

/** What blitzdb_stats() reports; counters run from open. */
typedef struct blitzdb_stats_info {
    size_t struct_size;        /**< sizeof(blitzdb_stats_info) as the caller compiled it */
    uint64_t keys;             /**< entries in all keyspaces, expired but not yet reclaimed ones included */
    uint64_t keys_with_expiry; /**< of these, entries that have an expiry */
    uint64_t memory_bytes;     /**< all memory below, together */
    uint64_t entry_bytes;      /**< entries as they are laid out: headers, keys and values */
    uint64_t arena_bytes;      /**< memory held for entries, slack included */
    uint64_t table_bytes;      /**< buckets and overflow nodes */
    uint64_t log_buffer_bytes; /**< log buffers */
    uint64_t writes;           /**< records applied */
    uint64_t expired;          /**< entries reclaimed after their expiry */
    uint64_t evicted;          /**< entries removed for the memory limit */
    uint64_t log_position;     /**< end of the log, in bytes since the database was created */
    uint64_t written_position; /**< the log up to here was handed to the operating system */
    uint64_t durable_position; /**< the log up to here is on disk */
    uint64_t log_bytes;        /**< log that recovery would read now */
    uint64_t syncs;            /**< syncs of the log done */
    uint64_t snapshots; /**< snapshots finished; copies in other directories do not count, here and below */
    uint64_t changes_since_snapshot; /**< records since the last snapshot began */
    int64_t last_snapshot_ms;        /**< Unix time of the last finished snapshot of this handle, 0: none */
    int32_t last_snapshot_status;    /**< ::blitzdb_status of the last snapshot */
    uint32_t snapshot_running;       /**< 1 while a snapshot, or a copy in another directory, is written */
    uint32_t log_enabled;            /**< 1 if writes are logged */
    int32_t log_status;              /**< ::BLITZDB_OK, or why writes are refused */
    uint64_t recovered_entries;      /**< entries loaded from the snapshot at open */
    uint64_t recovered_records;      /**< log records replayed at open */
    uint64_t truncated_bytes;        /**< torn tail of the log cut at open */
    uint64_t snapshot_took_ms;       /**< time since the running snapshot began; 0 if none runs, as the next
                                          four */
    uint64_t snapshot_entries;       /**< entries it has collected so far */
    uint64_t snapshot_entries_total; /**< entries there were when it began: about what it will collect */
    uint64_t snapshot_bytes;         /**< bytes of its file so far */
    uint64_t snapshot_bytes_total;   /**< about what the file will have */
    uint64_t last_snapshot_took_ms;  /**< time the last finished snapshot of this handle took */
    uint64_t last_snapshot_bytes;    /**< size of its file */
} blitzdb_stats_info;

/** Initializer for blitzdb_stats_info. */
#define BLITZDB_STATS_INFO_INIT BLITZDB_INIT(blitzdb_stats_info)

/** What blitzdb_inspect() tells about one key. */
typedef struct blitzdb_key_info {
    size_t struct_size;    /**< sizeof(blitzdb_key_info) as the caller compiled it */
    uint64_t value_size;   /**< bytes of the value */
    uint64_t memory_bytes; /**< memory of the entry as the memory limit counts it: header, key and value,
                              rounded to a block. Its place in the table, some 10 bytes, is not in it */
    int64_t expire_at_ms;  /**< Unix time in milliseconds, 0: it does not expire */
    uint32_t use;          /**< 0 to 3, more for a key that is used more; see blitzdb_inspect() */
    uint32_t reserved;     /**< zero */
} blitzdb_key_info;

/** Initializer for blitzdb_key_info. */
#define BLITZDB_KEY_INFO_INIT BLITZDB_INIT(blitzdb_key_info)

#ifdef __cplusplus
}
#endif

#endif
