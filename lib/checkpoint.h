/**
 * @file
 * @brief Checkpoint: writes a snapshot beside running readers and writers, publishes it and drops the old
 * log.
 *
 * A fuzzy scan plus a window of log: note where the log stands, walk the shards under short read locks, note
 * where the log stands now, make it durable that far, finish the file, name it in the MANIFEST, and only then
 * remove what it replaces. No fork, no copy of the data; memory is one block. A database without a log
 * switches its log on for the window only.
 */
#ifndef BZD_CHECKPOINT_H
#define BZD_CHECKPOINT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "log.h"
#include "manifest.h"
#include "store.h"

struct bzd_checkpoint {
    /* constant after init */
    struct bzd_store *store;
    struct bzd_log *log;
    const char *dir;
    bool window_only; /**< the log runs only while a snapshot is written */
    bool *logging;    /**< the database's switch, guarded by all shards' write locks */
    /* used by the snapshot that runs */
    struct bzd_manifest manifest; /**< as last published; after a failure the one on disk may be newer */
    uint64_t
        serial; /**< of the last attempt; never used again, as a MANIFEST whose sync failed may name it */
    /* atomic */
    _Atomic bool running;        /**< the one who sets it may write a snapshot */
    _Atomic uint64_t changes;    /**< callers\' changes when the last finished one began */
    _Atomic uint64_t finished;   /**< snapshots done */
    _Atomic int64_t finished_ms; /**< Unix time of the last */
    _Atomic int status;          /**< of the last */
    _Atomic uint64_t tried_ns;   /**< monotonic time of the last attempt, at first of the open */
    _Atomic uint64_t log_start;  /**< where recovery would begin to read the log */
};

/** Fills in a zeroed structure, but for `window_only` and `logging`, which the caller sets. */
void bzd_checkpoint_init(struct bzd_checkpoint *checkpoint, struct bzd_store *store, struct bzd_log *log,
                         const char *dir, const struct bzd_manifest *manifest);

/** Writes a snapshot now. BLITZDB_BUSY: another one runs. After a failure the old snapshot and log stand. */
blitzdb_status bzd_checkpoint_run(struct bzd_checkpoint *checkpoint, blitzdb_error *error);

#endif
