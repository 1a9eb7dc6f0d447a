#include "setting_effects.h"

#include "loop.h"
#include "server.h"
#include "telemetry.h"

/** Writes why a setting cannot be changed; always false. */
static bool refuse(struct bzs_config_change *change, const char *why) {
    const struct bzs_config_place place = {.error = &change->error};
    return bzs_config_refuse(&place, "%s", why);
}

/** The staged value if the setting is part of the change, else the one in force. */
static int64_t future(const struct bzs_config_change *change, const char *name) {
    bool changes = bzs_config_change_has(change, name);
    struct bzs_config *config = changes ? (struct bzs_config *)&change->staged : change->config;
    return *bzs_setting_number(config, bzs_setting_find(name));
}

static bool change_memory(struct bzs_server *server, struct bzs_config_change *change) {
    blitzdb_status status = blitzdb_set_memory_limit(server->db, (uint64_t)future(change, "maxmemory"),
                                                     (unsigned)future(change, "maxmemory-policy"));
    return status == BLITZDB_OK || refuse(change, blitzdb_status_text(status));
}

static bool change_clients_max(struct bzs_server *server, struct bzs_config_change *change) {
    unsigned wanted = (unsigned)change->staged.clients_max;
    unsigned allowed = bzs_server_allow_clients(wanted, server->loop_count);
    const struct bzs_config_place place = {.error = &change->error};
    if (allowed < wanted)
        return bzs_config_refuse(
            &place,
            "The operating system is not able to handle the specified number of clients, "
            "try with %u",
            allowed);
    server->clients_max = wanted;
    return true;
}

static bool change_log_level(struct bzs_server *server, struct bzs_config_change *change) {
    server->messages->level = change->staged.log_level;
    return true;
}

/** From now on there is something to keep from debuggers and core dumps. */
static bool change_password(struct bzs_server *server, struct bzs_config_change *change) {
    (void)server;
    if (change->staged.has_password)
        bzs_password_protect();
    return true;
}

/** There has to be a place for snapshots. */
static bool change_save(struct bzs_server *server, struct bzs_config_change *change) {
    bool possible = server->config->dir != NULL || change->staged.save_point_count == 0;
    return possible || refuse(change, "this server keeps its data in memory only");
}

/** There has to be a log to sync. The connections take the new value over once it is in force. */
static bool change_fsync(struct bzs_server *server, struct bzs_config_change *change) {
    bool possible = server->logs_writes || change->staged.appendfsync != BZS_APPENDFSYNC_ALWAYS;
    return possible || refuse(change, "this server has no log that could be synced");
}

/** A loop that waits without a limit does not look for idle clients. */
static bool change_timeout(struct bzs_server *server, struct bzs_config_change *change) {
    (void)change;
    for (unsigned i = 0; i < server->loop_count; i++)
        bzs_loop_wake(&server->loops[i]);
    return true;
}

static bool change_telemetry(struct bzs_server *server, struct bzs_config_change *change) {
    const struct bzs_telemetry_settings settings = {
        .slow_us = future(change, "slowlog-log-slower-than"),
        .slow_max = future(change, "slowlog-max-len"),
        .latency_ms = future(change, "latency-monitor-threshold"),
        .keeps_histograms = future(change, "latency-tracking") != 0,
    };
    bzs_telemetry_configure(server->telemetry, &settings);
    return true;
}

/** While no event is wanted, commands do not even look. */
static bool change_events(struct bzs_server *server, struct bzs_config_change *change) {
    bzs_hub_watch_events(&server->hub, change->staged.notify_events != 0);
    return true;
}

/* Those that can fail come first, so that nothing has to be undone. */
static const struct {
    const char *name;
    bool (*follow)(struct bzs_server *server, struct bzs_config_change *change);
} effects[] = {
    {"appendfsync", change_fsync},
    {"save", change_save},
    {"maxclients", change_clients_max},
    {"maxmemory", change_memory},
    {"maxmemory-policy", change_memory},
    {"requirepass", change_password},
    {"notify-keyspace-events", change_events},
    {"loglevel", change_log_level},
    {"timeout", change_timeout},
    {"slowlog-log-slower-than", change_telemetry},
    {"slowlog-max-len", change_telemetry},
    {"latency-monitor-threshold", change_telemetry},
    {"latency-tracking", change_telemetry},
};

bool bzs_setting_effects(struct bzs_server *server, struct bzs_config_change *change, const char **name_out) {
    for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
        *name_out = effects[i].name;
        if (bzs_config_change_has(change, effects[i].name) && !effects[i].follow(server, change))
            return false;
    }
    return true;
}
