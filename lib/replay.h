/**
 * @file
 * @brief Replays the records of the log, in bulks: one thread reads and hashes while others apply.
 *
 *     log reader ──> take: copy, hash, sort ──> chunk A ──> parts, given out one by one: helpers, and the
 *                                        \────> chunk B      thread that reads, when B is full
 *
 * Chunks are applied one after the other, and a bulk keeps the order of the records of each key, so the
 * result is that of applying record by record. FLUSH and MAP are about all keys: they wait until everything
 * before them is applied, and so does a record too large for a chunk, which is applied where it stands. A
 * BATCH is only a bracket: its records come in one group of the log, and nobody looks before the end. Nothing
 * expires and nothing is evicted here.
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

enum { BZD_REPLAY_HELPERS_MAX = BZD_BULK_PARTS - 1 };

struct bzd_replay {
    /* constant while records come */
    struct bzd_store *store;
    struct bzd_progress *progress;
    const uint64_t *position; /**< where in the log the records taken now end */
    uint64_t from;            /**< where the replay begins */
    /* used by the thread that takes records */
    uint32_t helpers_wanted;
    uint32_t helper_count;
    struct bzd_thread helpers[BZD_REPLAY_HELPERS_MAX];
    struct bzd_replay_chunk chunks[2];
    unsigned filling; /**< the chunk that records go to */
    uint64_t records; /**< taken so far, brackets included */
    struct bzd_mutex mutex;
    struct bzd_condition changed;
    /* guarded by `mutex` */
    const struct bzd_bulk *work; /**< what is being applied; NULL: nothing */
    uint32_t parts_begun;        /**< of `work` */
    uint32_t parts_done;
    blitzdb_status status; /**< of everything that was applied */
    bool is_over;          /**< the helpers should end */
};

/** Makes ready to take records; `threads` at most, this one included, do the work. Memory comes with the
 * first record, helpers with the first full chunk, as many as the system grants. `position` is where the log
 * reader stands. The caller holds cancellation off until the deinit, as helpers use what is on its stack.
 * BLITZDB_NO_MEMORY: nothing to deinit. */
blitzdb_status bzd_replay_init(struct bzd_replay *replay, struct bzd_store *store, uint32_t threads,
                               struct bzd_progress *progress, const uint64_t *position);
/** Takes a record; the user of the log reader. OK, NO_MEMORY, CORRUPT (a map that cannot be), CANCELED. */
blitzdb_status bzd_replay_take(void *replay, const struct bzd_record *record);
/** Applies the rest. */
blitzdb_status bzd_replay_finish(struct bzd_replay *replay);
/** Ends the helpers and releases everything. */
void bzd_replay_deinit(struct bzd_replay *replay);

#endif
