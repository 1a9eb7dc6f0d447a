#include "syncer.h"

#include "clock.h"

void bzs_syncer_init(struct bzs_syncer *syncer, const struct bzs_messages *messages,
                     struct bzs_telemetry *telemetry) {
    *syncer = (struct bzs_syncer){.messages = messages, .telemetry = telemetry};
    pthread_mutex_init(&syncer->mutex, NULL);
    pthread_cond_init(&syncer->asked, NULL);
}

/** Waits until somebody asks; false at the end. */
static bool wait_for_request(struct bzs_syncer *syncer) {
    pthread_mutex_lock(&syncer->mutex);
    while (!syncer->stopping && !syncer->wanted)
        pthread_cond_wait(&syncer->asked, &syncer->mutex);
    bool go_on = !syncer->stopping;
    syncer->wanted = false;
    pthread_mutex_unlock(&syncer->mutex);
    return go_on;
}

/** The syncer is at work still if somebody has asked meanwhile. */
static void note_end(struct bzs_syncer *syncer) {
    pthread_mutex_lock(&syncer->mutex);
    atomic_store(&syncer->busy, syncer->wanted);
    pthread_mutex_unlock(&syncer->mutex);
}

static void *run(void *argument) {
    struct bzs_syncer *syncer = argument;
    while (wait_for_request(syncer)) {
        int64_t begin_ns = bzs_clock_ns();
        blitzdb_status status = blitzdb_sync(syncer->db);
        bzs_telemetry_note_event(syncer->telemetry, BZS_LATENCY_SYNC, bzs_clock_ns() - begin_ns);
        if (status != BLITZDB_OK) {
            bzs_say(syncer->messages, BZS_WARNING, "the log could not be synced: %s",
                    blitzdb_status_text(status));
            atomic_fetch_add(&syncer->failures, 1);
        }
        note_end(syncer);
        syncer->synced(syncer->user);
    }
    return NULL;
}

bool bzs_syncer_start(struct bzs_syncer *syncer, blitzdb *db, void (*synced)(void *user), void *user) {
    syncer->db = db;
    syncer->synced = synced;
    syncer->user = user;
    syncer->has_thread = pthread_create(&syncer->thread, NULL, run, syncer) == 0;
    return syncer->has_thread;
}

void bzs_syncer_deinit(struct bzs_syncer *syncer) {
    if (syncer->has_thread) {
        pthread_mutex_lock(&syncer->mutex);
        syncer->stopping = true;
        pthread_cond_signal(&syncer->asked);
        pthread_mutex_unlock(&syncer->mutex);
        pthread_join(syncer->thread, NULL);
    }
    pthread_cond_destroy(&syncer->asked);
    pthread_mutex_destroy(&syncer->mutex);
}

void bzs_syncer_request(struct bzs_syncer *syncer) {
    pthread_mutex_lock(&syncer->mutex);
    syncer->wanted = true;
    atomic_store(&syncer->busy, true);
    pthread_cond_signal(&syncer->asked);
    pthread_mutex_unlock(&syncer->mutex);
}
