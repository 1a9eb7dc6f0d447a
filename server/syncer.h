/**
 * @file
 * @brief The thread that syncs the log for held replies and for clients that wait (WAITAOF).
 *
 * Loops ask for a sync and go on with other clients. A sync begins after every request, so it covers
 * everything written before the request was made; requests that come while one is running share the next. A
 * loop that finds the syncer at work need not ask: it is called back, and can ask then for what has come
 * meanwhile. After every sync `synced` is called, which wakes the loops; they compare
 * blitzdb_durable_position() with what they hold. That position also moves by other syncs (a snapshot makes
 * one), so the thread must not be clever about it: whoever asked is called back.
 */
#ifndef BLITZDB_SERVER_SYNCER_H
#define BLITZDB_SERVER_SYNCER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/blitzdb.h>

#include "messages.h"
#include "telemetry.h"

/** The syncer. */
struct bzs_syncer {
    /* Constant after initialisation */
    blitzdb *db;
    const struct bzs_messages *messages;
    struct bzs_telemetry *telemetry; /**< told how long a sync took */
    void (*synced)(void *user); /**< called in the syncer's thread after each sync, failed ones included */
    void *user;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t mutex;
    pthread_cond_t asked;
    bool wanted;   /**< guarded by mutex: somebody has asked since the last sync began */
    bool stopping; /**< guarded by mutex */

    _Atomic bool busy;         /**< asked for a sync that has not ended */
    _Atomic uint64_t failures; /**< syncs that failed: what was held then must not be acknowledged */
};

/** Prepares the syncer; no thread runs yet. */
void bzs_syncer_init(struct bzs_syncer *syncer, const struct bzs_messages *messages,
                     struct bzs_telemetry *telemetry);

/** Starts the thread; false if the system refused. */
bool bzs_syncer_start(struct bzs_syncer *syncer, blitzdb *db, void (*synced)(void *user), void *user);

/** Ends the thread, if it was started, and releases everything. */
void bzs_syncer_deinit(struct bzs_syncer *syncer);

/** Asks for a sync of everything written so far. Does not wait. */
void bzs_syncer_request(struct bzs_syncer *syncer);

#endif
