#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin_http.h"
#include "clock.h"
#include "config_oddities.h"
#include "database.h"
#include "events.h"
#include "loop.h"
#include "telemetry.h"

/* Descriptors the server itself needs beside those of its clients: log, listeners, epoll sets, standard
 * streams. */
enum { OWN_DESCRIPTORS = 32 };
/* A database that is loaded within this time lets the first connections wait; they see no -LOADING. */
enum { SHORT_LOADING_MS = 50 };

static void make_run_id(char run_id[41]) {
    unsigned char bytes[20] = {0};
    ssize_t size = getrandom(bytes, sizeof(bytes), 0);
    (void)size; /* a run id of zeros is worth more than no server */
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(run_id + 2 * i, 3, "%02x", bytes[i]);
}

unsigned bzs_server_allow_clients(unsigned wanted, unsigned loop_count) {
    rlim_t own = OWN_DESCRIPTORS + 2 * loop_count;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted + own)
        return wanted;
    limit.rlim_cur = limit.rlim_max < wanted + own ? limit.rlim_max : wanted + own;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted + own)
        return wanted;
    return limit.rlim_cur > own ? (unsigned)(limit.rlim_cur - own) : 1;
}

/** `maxclients`, or what the limit of open files leaves of it. */
static unsigned allowed_clients(struct bzs_config *config, const struct bzs_messages *messages,
                                unsigned loop_count) {
    unsigned wanted = (unsigned)config->clients_max;
    unsigned allowed = bzs_server_allow_clients(wanted, loop_count);
    if (allowed < wanted) {
        bzs_say(messages, BZS_WARNING, "maxclients lowered to %u: the limit of open files is %u", allowed,
                allowed + OWN_DESCRIPTORS + 2 * loop_count);
        config->clients_max = allowed;
    }
    return allowed;
}

static unsigned wanted_loops(struct bzs_config *config) {
    long cores = config->threads > 0 ? (long)config->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > BZS_THREADS_MAX ? BZS_THREADS_MAX : (unsigned)cores;
}

/** Wakes the loops that hold replies; the syncer calls it after each sync. */
static void wake_holders(void *user) {
    struct bzs_server *server = user;
    for (unsigned i = 0; i < server->loop_count; i++)
        if (atomic_exchange(&server->loops[i].awaits_sync, false))
            bzs_loop_wake(&server->loops[i]);
}

static bool create_loops(struct bzs_server *server, unsigned count) {
    server->loops = aligned_alloc(_Alignof(struct bzs_loop), count * sizeof(struct bzs_loop));
    if (server->loops == NULL)
        return false;
    for (unsigned i = 0; i < count; i++) {
        bool ready = bzs_loop_init(&server->loops[i], server);
        server->loop_count++; /* what was begun has to be released, too */
        if (!ready)
            return false;
    }
    return true;
}

static void fill_in(struct bzs_server *server) {
    server->started_ms = bzs_clock_ms(CLOCK_REALTIME);
    server->logs_writes = server->config->dir != NULL && server->config->appendonly;
    server->clients_max = allowed_clients(server->config, server->messages, wanted_loops(server->config));
    make_run_id(server->run_id);
    if (server->config->has_password)
        bzs_password_protect();
    const struct bzs_telemetry_settings settings = {.slow_us = server->config->slowlog_us,
                                                    .slow_max = server->config->slowlog_max,
                                                    .latency_ms = server->config->latency_threshold_ms,
                                                    .keeps_histograms =
                                                        server->config->latency_tracking != 0};
    bzs_telemetry_init(server->telemetry);
    bzs_telemetry_configure(server->telemetry, &settings);
}

static blitzdb_status close_database(blitzdb *db) {
    return db != NULL ? blitzdb_close(db) : BLITZDB_OK;
}

/** Prepares what needs memory and descriptors; BZS_SERVER_OK if all of it could be had. */
static enum bzs_server_result prepare(struct bzs_server *server) {
    blitzdb *placeholder = NULL;
    bool ready = bzs_loader_init(&server->loader, server->config, server->messages);
    server->stopped_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->ready_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ready = ready && server->stopped_fd >= 0 && server->ready_fd >= 0 &&
            bzs_database_open_placeholder(&placeholder) == BLITZDB_OK;
    server->placeholder = placeholder;
    server->db = placeholder;
    if (!bzs_listener_open(&server->listener, server->config, server->messages))
        return BZS_SERVER_BIND_FAILED;
    if (ready && create_loops(server, wanted_loops(server->config)))
        return BZS_SERVER_OK;
    bzs_say(server->messages, BZS_WARNING, "the system refused memory or descriptors for the threads");
    return BZS_SERVER_FAILED;
}

enum bzs_server_result bzs_server_create(struct bzs_config *config, struct bzs_messages *messages,
                                         struct bzs_server **server_out) {
    struct bzs_server *server = aligned_alloc(_Alignof(struct bzs_server), sizeof(*server));
    struct bzs_telemetry *telemetry = calloc(1, sizeof(*telemetry));
    if (server == NULL || telemetry == NULL) {
        free(server);
        free(telemetry);
        return BZS_SERVER_FAILED;
    }
    memset(server, 0, sizeof(*server));
    server->telemetry = telemetry;
    server->config = config;
    server->messages = messages;
    bzs_config_say_oddities(config, messages);
    if (config->dir == NULL)
        bzs_say(messages, BZS_NOTICE, "no 'dir': the data stays in memory and is gone when the server ends");
    server->loading = true;
    server->stopped_fd = -1;
    server->ready_fd = -1;
    server->loader.done_fd = -1;
    pthread_mutex_init(&server->change_mutex, NULL);
    bzs_login_limit_init(&server->login_limit);
    fill_in(server);
    bzs_syncer_init(&server->syncer, messages, telemetry);
    bzs_keeper_init(&server->keeper, server);
    bzs_hub_init(&server->hub);
    bzs_hub_watch_events(&server->hub, config->notify_events != 0);
    enum bzs_server_result result = prepare(server);
    if (result == BZS_SERVER_OK && !bzs_admin_http_start(server, &server->http))
        result = BZS_SERVER_BIND_FAILED;
    if (result != BZS_SERVER_OK)
        bzs_server_destroy(server);
    else
        *server_out = server;
    return result;
}

/** Says that a thread could not be had, and stops; always false. */
static bool give_up(struct bzs_server *server) {
    bzs_say(server->messages, BZS_WARNING, "the system refused a thread");
    bzs_server_stop(server);
    return false;
}

bool bzs_server_start(struct bzs_server *server) {
    bool started = bzs_loader_start(&server->loader);
    if (started)
        bzs_loader_wait(&server->loader, SHORT_LOADING_MS);
    atomic_store(&server->loops_running, server->loop_count);
    atomic_store(&server->loops_loading, server->loop_count);
    for (unsigned i = 0; started && i < server->loop_count; i++)
        started = bzs_loop_start(&server->loops[i]);
    return started || give_up(server);
}

void bzs_server_note_adoption(struct bzs_server *server) {
    if (atomic_fetch_sub(&server->loops_loading, 1) > 1)
        return;
    (void)close_database(atomic_exchange(&server->placeholder, NULL));
    server->loading = false;
    eventfd_write(server->ready_fd, 1);
}

void bzs_server_announce(struct bzs_server *server) {
    atomic_fetch_add(&server->settings_epoch, 1);
    for (unsigned i = 0; i < server->loop_count; i++)
        bzs_loop_wake(&server->loops[i]);
}

blitzdb_status bzs_server_attach(struct bzs_server *server) {
    struct bzs_config *config = server->config;
    bzs_loader_join(&server->loader);
    blitzdb_status status = server->loader.status;
    blitzdb *db = server->loader.db;
    pthread_mutex_lock(&server->change_mutex); /* the limit may have been changed meanwhile */
    if (status == BLITZDB_OK)
        status = blitzdb_set_memory_limit(db, (uint64_t)config->memory_limit, (unsigned)config->eviction);
    if (status == BLITZDB_OK)
        status = blitzdb_watch_keys(db, bzs_events_of_library, server);
    if (status == BLITZDB_OK)
        server->db = db;
    pthread_mutex_unlock(&server->change_mutex);
    if (status != BLITZDB_OK) {
        bzs_server_stop(server);
        return status;
    }
    bool started = bzs_keeper_start(&server->keeper) &&
                   (!server->logs_writes || bzs_syncer_start(&server->syncer, db, wake_holders, server));
    if (!started) {
        give_up(server);
        return BLITZDB_NO_MEMORY;
    }
    bzs_server_announce(server);
    return BLITZDB_OK;
}

void bzs_server_stop(struct bzs_server *server) {
    atomic_store(&server->stopping, true);
    for (unsigned i = 0; i < server->loop_count; i++)
        bzs_loop_wake(&server->loops[i]);
}

static void join_loops(struct bzs_server *server) {
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (server->loops[i].has_thread) {
            pthread_join(server->loops[i].thread, NULL);
            server->loops[i].has_thread = false;
        }
    }
}

static bool has_unsaved_changes(const struct bzs_server *server) {
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    return blitzdb_stats(server->db, &stats) != BLITZDB_OK || stats.changes_since_snapshot > 0;
}

bool bzs_server_prepare_stop(struct bzs_server *server, enum bzs_final_snapshot how) {
    struct bzs_config *config = server->config;
    struct bzs_save_point points[BZS_SAVE_POINTS_MAX];
    bool has_save_points = !config->appendonly && bzs_config_save_points(config, points) > 0;
    bool saves = config->dir != NULL && !server->loading &&
                 (how == BZS_FINAL_SNAPSHOT_ALWAYS || (how == BZS_FINAL_SNAPSHOT_DEFAULT && has_save_points));
    if (saves && bzs_keeper_snapshot_next(&server->keeper) != BLITZDB_OK)
        return false;
    /* With a log nothing can be missing; without one the commands until the end of the loops are. */
    atomic_store(&server->saves_at_end, saves && !config->appendonly);
    return true;
}

bool bzs_server_wait(struct bzs_server *server) {
    join_loops(server);
    bzs_keeper_stop(&server->keeper);
    bool saves = atomic_load(&server->saves_at_end) && has_unsaved_changes(server);
    return !saves || bzs_keeper_snapshot_next(&server->keeper) == BLITZDB_OK;
}

/** The loops end first: while they do, they need the syncer for their last replies. */
blitzdb_status bzs_server_destroy(struct bzs_server *server) {
    bzs_admin_http_stop(server->http); /* it looks at everything */
    bzs_server_stop(server);
    join_loops(server);
    bzs_loader_deinit(&server->loader);
    if (server->loader.db != NULL && blitzdb_watch_keys(server->loader.db, NULL, NULL) != BLITZDB_OK)
        bzs_say(server->messages, BZS_DEBUG, "this process is a child of the one that opened the database");
    bzs_syncer_deinit(&server->syncer);
    bzs_keeper_deinit(&server->keeper);
    for (unsigned i = 0; i < server->loop_count; i++)
        bzs_loop_deinit(&server->loops[i]);
    bzs_hub_deinit(&server->hub);
    bzs_listener_close(&server->listener);
    if (server->stopped_fd >= 0)
        close(server->stopped_fd);
    if (server->ready_fd >= 0)
        close(server->ready_fd);
    pthread_mutex_destroy(&server->change_mutex);
    bzs_login_limit_deinit(&server->login_limit);
    (void)close_database(server->placeholder);
    blitzdb_status status = close_database(server->loader.db);
    if (status != BLITZDB_OK)
        bzs_say(server->messages, BZS_WARNING, "the last sync failed: %s", blitzdb_status_text(status));
    bzs_telemetry_deinit(server->telemetry);
    free(server->telemetry);
    free(server->loops);
    free(server);
    return status;
}

struct bzs_totals bzs_server_totals_since_start(const struct bzs_server *server) {
    struct bzs_totals totals = {0};
    for (unsigned i = 0; i < server->loop_count; i++) {
        const struct bzs_counters *counters = &server->loops[i].counters;
        totals.commands += atomic_load_explicit(&counters->commands, memory_order_relaxed);
        totals.hits += atomic_load_explicit(&counters->hits, memory_order_relaxed);
        totals.misses += atomic_load_explicit(&counters->misses, memory_order_relaxed);
        totals.errors += atomic_load_explicit(&counters->errors, memory_order_relaxed);
        totals.input_bytes += atomic_load_explicit(&counters->input_bytes, memory_order_relaxed);
        totals.output_bytes += atomic_load_explicit(&counters->output_bytes, memory_order_relaxed);
        totals.reads += atomic_load_explicit(&counters->reads, memory_order_relaxed);
        totals.writes += atomic_load_explicit(&counters->writes, memory_order_relaxed);
    }
    return totals;
}

struct bzs_totals bzs_server_totals(const struct bzs_server *server) {
    struct bzs_totals totals = bzs_server_totals_since_start(server);
    const struct bzs_baseline *baseline = &server->baseline;
    totals.commands -= baseline->commands;
    totals.hits -= baseline->hits;
    totals.misses -= baseline->misses;
    totals.errors -= baseline->errors;
    totals.input_bytes -= baseline->input_bytes;
    totals.output_bytes -= baseline->output_bytes;
    totals.reads -= baseline->reads;
    totals.writes -= baseline->writes;
    return totals;
}
