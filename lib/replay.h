/**
 * @file
 * @brief Replays the records of the log, in bulks: one thread reads and hashes while another one applies.
 *
 *     log reader ──> take: copy, hash ──> chunk A ──> apply      (helper, or the same thread)
 *                                  \────> chunk B (being filled meanwhile)
 *
 * Chunks are applied one after the other and a bulk keeps the order of the records of each key, so the result
 * is that of applying record by record. FLUSH and MAP are about all keys: they wait until everything before
 * them is applied, and so does a record too large for a chunk, which is applied where it stands. A BATCH is
 * only a bracket: its records come in one group of the log, and nobody looks before the end. Nothing expires
 * and nothing is evicted here.
 */
#ifndef BZD_REPLAY_H
#define BZD_REPLAY_H

#include "bulk.h"
#include "lock.h"
#include "progress.h"

/** Records with their keys and values. */
struct bzd_replay_chunk {
    struct bzd_bulk bulk;
    uint8_t *bytes; /**< NULL: not made yet */
    size_t size;    /**< bytes in use */
};

struct bzd_replay {
    /* constant while records come */
    struct bzd_store *store;
    struct bzd_progress *progress;
    const uint64_t *position; /**< where in the log the records taken now end */
    uint64_t from;            /**< where the replay begins */
    bool wants_helper;
    bool has_helper;
    int cancel; /**< of the thread, while there is a helper */
    /* used by the thread that takes records */
    struct bzd_replay_chunk chunks[2];
    unsigned filling; /**< the chunk that records go to */
    uint64_t records; /**< taken so far, brackets included */
    struct bzd_thread helper;
    struct bzd_mutex mutex;
    struct bzd_condition changed;
    /* guarded by `mutex` */
    struct bzd_replay_chunk *work; /**< what the helper applies; NULL: nothing */
    blitzdb_status status;         /**< of everything the helper did */
    bool is_over;                  /**< the helper should end */
};

/** Makes ready to take records. Memory comes with the first one, and a helper, if one is wanted and can be
 * had, with the first full chunk. `position` is where the log reader stands. */
void bzd_replay_init(struct bzd_replay *replay, struct bzd_store *store, bool wants_helper,
                     struct bzd_progress *progress, const uint64_t *position);
/** Takes a record; the user of the log reader. OK, NO_MEMORY, CORRUPT (a map that cannot be), CANCELED. */
blitzdb_status bzd_replay_take(void *replay, const struct bzd_record *record);
/** Applies the rest. */
blitzdb_status bzd_replay_finish(struct bzd_replay *replay);
/** Ends the helper and releases everything. */
void bzd_replay_deinit(struct bzd_replay *replay);

#endif
