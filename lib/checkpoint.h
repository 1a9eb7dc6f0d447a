/**
 * @file
 * @brief Checkpoint: writes a snapshot beside running readers and writers, and puts it in place of the old
 * log or, with the log behind it, into a directory of its own.
 *
 * A fuzzy scan plus a window of log: note where the log stands, walk the shards under short read locks, note
 * where the log stands now, make it durable that far, finish the file, name it in the MANIFEST, and only then
 * remove what it replaces. No fork, no copy of the data; memory is one block and the entries of one bucket.
 *
 *     window of           own directory              another directory
 *     a running log       stays where it is          is copied, and closed by the MANIFEST
 *     no log              switched on for the window, written beside the snapshot, closed by the MANIFEST
 *     a failed log        empty: nothing changes; in the own directory a new segment then begins behind
 *                         the snapshot, and the log works again
 */
#ifndef BZD_CHECKPOINT_H
#define BZD_CHECKPOINT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "backup.h"
#include "log.h"
#include "manifest.h"
#include "pace.h"
#include "store.h"

/** What a snapshot is doing. */
enum bzd_checkpoint_state {
    BZD_CHECKPOINT_IDLE,
    BZD_CHECKPOINT_RUNNING,
    BZD_CHECKPOINT_CANCELED, /**< runs, and is to end soon */
};

/** How far the running snapshot has come; the totals are estimates. */
struct bzd_checkpoint_progress {
    _Atomic uint64_t began_ns; /**< monotonic */
    _Atomic uint64_t entries;
    _Atomic uint64_t entries_total;
    _Atomic uint64_t bytes;
    _Atomic uint64_t bytes_total;
};

struct bzd_checkpoint {
    /* constant after init */
    struct bzd_store *store;
    struct bzd_log *log;
    const char *dir;  /**< NULL: memory only */
    bool window_only; /**< the log runs only while a snapshot is written */
    bool *logging;    /**< the database's switch, guarded by all shards' write locks */
    /* used by the snapshot that runs */
    struct bzd_manifest manifest; /**< as last published */
    uint64_t serial; /**< of the last attempt; never used again, as an unsynced MANIFEST may name it */
    bool in_doubt;   /**< the MANIFEST on disk may be a later one than `manifest` */
    /* atomic */
    _Atomic int state;         /**< ::bzd_checkpoint_state; who leaves IDLE may write a snapshot */
    _Atomic bool closing;      /**< no snapshot is begun or goes on */
    _Atomic int window_status; /**< why a record is missing in the window of a database without a log */
    struct bzd_checkpoint_progress progress;
    struct bzd_pace pace; /**< gives way to other threads */
    /* atomic, about snapshots in the own directory */
    _Atomic uint64_t changes;     /**< callers' changes when the last finished one began */
    _Atomic uint64_t finished;    /**< snapshots done */
    _Atomic int64_t finished_ms;  /**< Unix time of the last */
    _Atomic uint64_t took_ms;     /**< time of the last */
    _Atomic uint64_t size_bytes;  /**< of the last one's file */
    _Atomic int status;           /**< of the last attempt */
    _Atomic uint64_t tried_ns;    /**< monotonic time of the last attempt, at first of the open */
    _Atomic bool has_repaired;    /**< a failed log was to be replaced */
    _Atomic uint64_t repaired_ns; /**< monotonic time of the last attempt at that */
    _Atomic uint64_t log_start;   /**< where recovery would begin to read the log */
};

/** How to write a snapshot. */
struct bzd_checkpoint_request {
    const char *dir; /**< absolute path of another directory; NULL: the database's own, which it has */
    void (*pause)(void *user); /**< called between two short pieces of work, without a lock; NULL: none */
    void *user;
};

/** Fills in a zeroed structure, but for `window_only` and `logging`, which the caller sets. */
blitzdb_status bzd_checkpoint_init(struct bzd_checkpoint *checkpoint, struct bzd_store *store,
                                   struct bzd_log *log, const char *dir, const struct bzd_manifest *manifest);
void bzd_checkpoint_deinit(struct bzd_checkpoint *checkpoint);

/**
 * Writes a snapshot now. BLITZDB_BUSY: another one runs. BLITZDB_CANCELED: somebody asked for its end. After
 * a failure the old snapshot and log stand, and another directory holds no database.
 */
blitzdb_status bzd_checkpoint_run(struct bzd_checkpoint *checkpoint,
                                  const struct bzd_checkpoint_request *request, blitzdb_error *error);

/** Makes the snapshot that runs, if any, end soon. Does not wait. */
void bzd_checkpoint_cancel(struct bzd_checkpoint *checkpoint);
/** The same, and every later attempt is canceled, too. */
void bzd_checkpoint_close(struct bzd_checkpoint *checkpoint);

static inline bool bzd_checkpoint_is_running(const struct bzd_checkpoint *checkpoint) {
    return atomic_load_explicit(&checkpoint->state, memory_order_relaxed) != BZD_CHECKPOINT_IDLE;
}

/** Notes that the window of a database without a log lacks a record: the snapshot fails, not the write. */
void bzd_checkpoint_spoil(struct bzd_checkpoint *checkpoint, blitzdb_status status);

#endif
