/**
 * @file
 * @brief The thread for what takes long or comes round every second: snapshots that a client asked for
 *        (BGSAVE), the `save` points of the configuration, and the rates and the memory peak of INFO.
 */
#ifndef BLITZDB_SERVER_KEEPER_H
#define BLITZDB_SERVER_KEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/blitzdb.h>

struct bzs_server;

/** The keeper. */
struct bzs_keeper {
    struct bzs_server *server; /**< constant after initialisation */
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t mutex;
    pthread_cond_t asked;
    pthread_cond_t saved; /**< a snapshot has ended */
    bool saving;          /**< guarded by mutex: a thread of the server writes a snapshot */
    bool snapshot_wanted; /**< guarded by mutex: asked for and not begun */
    bool stopping;        /**< guarded by mutex */

    /* Only for the own thread */
    uint64_t sampled_commands, sampled_input, sampled_output;
    int64_t sampled_ms, failed_ms;

    _Atomic bool has_failed; /**< the last snapshot that ended by itself could not be written */

    /* Shown by INFO */
    _Atomic uint64_t commands_per_second, input_bytes_per_second, output_bytes_per_second;
    _Atomic uint64_t memory_peak;
    _Atomic uint64_t resident_bytes; /**< memory of the process in RAM, as of the last tick */
};

/** Prepares the keeper; no thread runs yet. */
void bzs_keeper_init(struct bzs_keeper *keeper, struct bzs_server *server);

/** Starts the thread; false if the system refused. */
bool bzs_keeper_start(struct bzs_keeper *keeper);

/** Ends the thread, if it runs; the snapshot it is writing is canceled. */
void bzs_keeper_stop(struct bzs_keeper *keeper);

/** Stops the keeper and releases everything. */
void bzs_keeper_deinit(struct bzs_keeper *keeper);

/** Asks for a snapshot in the background; false if one is under way. */
bool bzs_keeper_request_snapshot(struct bzs_keeper *keeper);

/** True from the request for a snapshot until it is written. */
bool bzs_keeper_is_saving(struct bzs_keeper *keeper);

/** Writes a snapshot in the caller's thread and says in the log how it went; ::BLITZDB_BUSY if one is under
 * way.
 */
blitzdb_status bzs_keeper_snapshot(struct bzs_keeper *keeper);

/** Makes the snapshot that was asked for, or is being written, end; false if there is none. */
bool bzs_keeper_cancel_snapshot(struct bzs_keeper *keeper);

/** Writes a snapshot in place of the one under way, which is canceled: everything written before the call is
 * in it.
 */
blitzdb_status bzs_keeper_snapshot_next(struct bzs_keeper *keeper);

/** Remembers the highest memory use. */
void bzs_keeper_note_memory(struct bzs_keeper *keeper, uint64_t memory_bytes);

#endif
