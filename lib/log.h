/**
 * @file
 * @brief The log of one database: collects records of all threads in memory and commits them in groups.
 *
 * Writers append under their shard locks: a short critical section that copies bytes into the collecting
 * buffer and never waits for the disk. Later, without shard locks, somebody takes the whole buffer as one
 * group and writes it, while the others fill the next buffer.
 *
 *     position >= written >= durable          positions count bytes since the database was created
 *
 * Who needs a record durable takes part in a *round*: one thread, the leader, writes what was collected,
 * syncs it and wakes all whom that served, the followers. Who comes too late for a round waits for the next,
 * whose leader is one of those who wait. (Leader and followers as in P. Helland et al., "Group commit timers
 * and high volume transaction systems", 1987, without the timer: a leader gives way a few times instead,
 * while fewer threads are waiting than the last round has served.) Who needs a record only written does not
 * wait for a sync: writing goes on beside it, unless a new segment has to be begun.
 *
 * **Failures.** No space or no memory: the group is kept and the next writer tries again; writers are refused
 * until that works. Any other failed write, and every failed sync, is final: the log has *failed*, nobody
 * waits any more, and every later append is refused. A sync is never repeated.
 */
#ifndef BZD_LOG_H
#define BZD_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "bytes.h"
#include "lock.h"
#include "logger.h"
#include "wal_writer.h"

struct bzd_log_waiter;

struct bzd_log {
    /* constant after init */
    const blitzdb_env *env;
    const struct bzd_logger *logger;
    uint64_t buffer_limit; /**< unwritten bytes at which writers wait at the door */
    /* guarded by `mutex` */
    struct bzd_mutex mutex;
    struct bzd_buffer collecting;
    uint32_t collecting_records;
    size_t promised; /**< room in `collecting` that bzd_log_promise() keeps free */
    uint64_t taken;  /**< end of the newest record that is not in `collecting` any more */
    bool writing;    /**< somebody writes; it alone uses the three fields below */
    struct bzd_buffer group;
    uint32_t group_records;
    struct bzd_wal_writer writer;   /**< the leader of a round may sync beside one who writes */
    struct bzd_condition changed;   /**< of writing, syncing or rotating, for who waits for one of them */
    bool rotating;                  /**< the one who writes begins a segment: nobody may sync */
    bool syncing;                   /**< the leader syncs: no segment may be begun */
    bool committing;                /**< a round has a leader */
    struct bzd_log_waiter *waiters; /**< of this round, or too late for it; the newest first */
    unsigned waiting;               /**< their number */
    unsigned served;                /**< threads that the last round has served, its leader included */
    /* changed under `mutex`, read without */
    _Atomic uint64_t position; /**< end of the newest record */
    _Atomic uint64_t written;
    _Atomic uint64_t durable;
    _Atomic int status; /**< OK, NO_SPACE or NO_MEMORY (will be tried again) or LOG_FAILED (final) */
    _Atomic uint64_t syncs;
    _Atomic uint64_t last_sync_ns; /**< monotonic time of the last sync */
};

/** Largest record, a batch with all it holds included. */
#define BZD_LOG_RECORD_MAX ((size_t)2 << 30)

/** Takes over an open or a fresh writer at its position. */
blitzdb_status bzd_log_init(struct bzd_log *log, const struct bzd_wal_writer *writer, uint64_t buffer_limit,
                            const struct bzd_logger *logger);
/** Closes files and frees; nothing is written. */
void bzd_log_deinit(struct bzd_log *log);

/**
 * Waits at the door, before any shard lock: writes the buffer out if too much is waiting or an earlier write
 * found no space. Anything but OK: the log takes no records now.
 */
blitzdb_status bzd_log_admit(struct bzd_log *log);

/** Opens the collecting buffer for `size` bytes of one record (or one batch) and holds the log's mutex. */
blitzdb_status bzd_log_append_begin(struct bzd_log *log, size_t size, uint8_t **to_out);
/** Ends it; `records` counts a batch's bracket and all it holds. Returns the position behind the record. */
uint64_t bzd_log_append_end(struct bzd_log *log, size_t size, uint32_t records);

/**
 * Keeps room for `size` more bytes of a record that is being put together, so that its append cannot fail for
 * lack of memory. NO_MEMORY, LOG_FAILED: it was not kept.
 */
blitzdb_status bzd_log_promise(struct bzd_log *log, size_t size);
/** As bzd_log_append_begin(), for a record of at most `promised` bytes; the promise is over, whatever the
 * answer. LOG_FAILED. */
blitzdb_status bzd_log_append_promised(struct bzd_log *log, size_t promised, size_t size, uint8_t **to_out);
/** A position from which the log replays to the present: the start of the group being collected. */
uint64_t bzd_log_group_start(struct bzd_log *log);

/** Waits until the log is with the operating system, or on disk, up to a position. */
blitzdb_status bzd_log_write_out(struct bzd_log *log, uint64_t position);
blitzdb_status bzd_log_sync(struct bzd_log *log, uint64_t position);
/** Writes out if much is waiting and nobody else does; does not wait for others. */
void bzd_log_relieve(struct bzd_log *log);

/** Syncs, then writes an empty group that vouches for everything before it, and syncs that. The group is left
 * out if there is no memory or space for it: nobody's data depend on it. */
blitzdb_status bzd_log_seal(struct bzd_log *log);

/**
 * Drops what was not written and begins a segment at the present position, in a directory (borrowed until the
 * next restart or stop) of a database. Nothing is appended meanwhile: the database's switch is off, or the
 * log has failed. A failure stays until bzd_log_clear().
 */
blitzdb_status bzd_log_restart(struct bzd_log *log, const char *dir, const uint8_t *database_id,
                               blitzdb_error *error);
/** Takes records again. */
void bzd_log_clear(struct bzd_log *log);
/** Drops what was not written, frees the buffers and closes the file; nothing waits any more. The switch is
 * off. */
void bzd_log_stop(struct bzd_log *log);

/** Bytes of the buffers. */
uint64_t bzd_log_buffer_bytes(struct bzd_log *log);

#endif
