/**
 * @file
 * @brief The thread that opens the database, so that the server answers meanwhile.
 *
 * Until the database is there the server has an empty one in memory in its place, and refuses every command
 * that could tell the difference with -LOADING. Progress is for INFO and for the service manager.
 */
#ifndef BLITZDB_SERVER_LOADER_H
#define BLITZDB_SERVER_LOADER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/blitzdb.h>

#include "config.h"
#include "messages.h"

/** How far the loading is; everything is atomic. */
struct bzs_loading {
    _Atomic int64_t begin_ms;                 /**< Unix time of the start */
    _Atomic int64_t begin_tick_ms;            /**< the same on a clock that never jumps */
    _Atomic uint64_t bytes_total, bytes_done; /**< of the snapshot or log being read */
    _Atomic uint64_t records_done;
};

/** The loader. */
struct bzs_loader {
    struct bzs_config *config;     /**< borrowed; constant after initialisation */
    struct bzs_messages *messages; /**< the same */
    pthread_t thread;
    bool has_thread;
    int done_fd; /**< eventfd: readable once the thread has ended its work */
    struct bzs_loading loading;
    _Atomic bool canceled;

    /* Written by the thread; read after bzs_loader_join() */
    blitzdb_status status;
    blitzdb *db; /**< NULL: see `status` */
};

/** Prepares a loader; false if the system refused a descriptor. */
bool bzs_loader_init(struct bzs_loader *loader, struct bzs_config *config, struct bzs_messages *messages);

/** Starts loading; false if the system refused a thread. */
bool bzs_loader_start(struct bzs_loader *loader);

/** Waits for the end of the loading; false if it takes longer than this. */
bool bzs_loader_wait(const struct bzs_loader *loader, int timeout_ms);

/** Waits for the thread, whose work is done; then `status` and `db` may be read. */
void bzs_loader_join(struct bzs_loader *loader);

/** Cancels what goes on, so that nothing on disk has changed, and waits for the thread; what was opened stays
 * open, in `db`. */
void bzs_loader_deinit(struct bzs_loader *loader);

/** Share of the loading that is done, in percent. */
double bzs_loading_percent(const struct bzs_loading *loading);

/** Seconds the rest of the loading takes at the speed so far. */
int64_t bzs_loading_eta_s(const struct bzs_loading *loading);

#endif
