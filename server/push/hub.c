#include "hub.h"

void bzs_hub_init(struct bzs_hub *hub) {
    pthread_mutex_init(&hub->mutex, NULL);
    bzs_topics_init(&hub->channels, BZS_STRIPES_MAX);
    bzs_topics_init(&hub->shard_channels, BZS_STRIPES_MAX);
    bzs_topics_init(&hub->patterns, 1);
    bzs_topics_init(&hub->cached_keys, BZS_STRIPES_MAX);
    bzs_topics_init(&hub->prefixes, 1);
    bzs_topics_init(&hub->trackers, 1);
    bzs_topics_init(&hub->monitors, 1);
}

void bzs_hub_deinit(struct bzs_hub *hub) {
    bzs_topics_deinit(&hub->channels);
    bzs_topics_deinit(&hub->shard_channels);
    bzs_topics_deinit(&hub->patterns);
    bzs_topics_deinit(&hub->cached_keys);
    bzs_topics_deinit(&hub->prefixes);
    bzs_topics_deinit(&hub->trackers);
    bzs_topics_deinit(&hub->monitors);
    pthread_mutex_destroy(&hub->mutex);
}

/** The mutex is held, so the last one who comes sees everything. */
static void refresh(struct bzs_hub *hub) {
    unsigned watching = 0;
    if (hub->tells_events)
        watching |= BZS_WATCHING_EVENTS;
    if (atomic_load(&hub->trackers.member_count) > 0)
        watching |= BZS_WATCHING_TRACKING;
    if (atomic_load(&hub->monitors.member_count) > 0)
        watching |= BZS_WATCHING_MONITORS;
    if (atomic_load(&hub->pause_until_ms) != 0)
        watching |= BZS_WATCHING_PAUSE;
    atomic_store(&hub->watching, watching);
}

void bzs_hub_refresh(struct bzs_hub *hub) {
    pthread_mutex_lock(&hub->mutex);
    refresh(hub);
    pthread_mutex_unlock(&hub->mutex);
}

void bzs_hub_watch_events(struct bzs_hub *hub, bool on) {
    pthread_mutex_lock(&hub->mutex);
    hub->tells_events = on;
    refresh(hub);
    pthread_mutex_unlock(&hub->mutex);
}

/** Ends a pause whose time is up; the mutex is held. */
static void end_old_pause(struct bzs_hub *hub, int64_t tick_ms) {
    if (atomic_load(&hub->pause_until_ms) <= tick_ms) {
        atomic_store(&hub->pause_until_ms, 0);
        atomic_store(&hub->pause_all, false);
    }
}

void bzs_hub_pause(struct bzs_hub *hub, int64_t tick_ms, int64_t until_ms, bool all) {
    pthread_mutex_lock(&hub->mutex);
    end_old_pause(hub, tick_ms);
    if (all)
        atomic_store(&hub->pause_all, true);
    if (until_ms > atomic_load(&hub->pause_until_ms))
        atomic_store(&hub->pause_until_ms, until_ms);
    refresh(hub);
    pthread_mutex_unlock(&hub->mutex);
}

void bzs_hub_end_old_pause(struct bzs_hub *hub, int64_t tick_ms) {
    pthread_mutex_lock(&hub->mutex);
    end_old_pause(hub, tick_ms);
    refresh(hub);
    pthread_mutex_unlock(&hub->mutex);
}
