/**
 * @file
 * @brief INFO: the sections and what they tell.
 */
#include <sys/utsname.h>

#include "client.h"
#include "command.h"
#include "info_commands.h"
#include "loop.h"
#include "memory_report.h"
#include "server.h"

/** What the sections are written from. */
struct report {
    struct bzs_call *call;
    struct bzs_server *server;
    blitzdb_stats_info stats;
    struct bzs_totals totals;
    struct bzs_reply text;
};

/** Difference of two numbers that were read at different moments: never below zero. */
static uint64_t excess(uint64_t larger, uint64_t smaller) {
    return larger > smaller ? larger - smaller : 0;
}

static void put_number(struct report *report, const char *name, uint64_t number) {
    bzs_info_put_number(&report->text, name, number);
}

static void put_server(struct report *report) {
    struct utsname system = {0};
    uname(&system);
    bzs_info_put(&report->text, "redis_version:%s\r\nblitzdb_version:%s\r\n", BZS_REDIS_VERSION,
                 blitzdb_version());
    bzs_info_put(&report->text, "redis_mode:standalone\r\nos:%s %s %s\r\n", system.sysname, system.release,
                 system.machine);
    put_number(report, "arch_bits", sizeof(void *) * 8);
    bzs_info_put_process(report->server, bzs_call_now_ms(report->call), &report->text);
}

/** Clients that track or listen; see hub.h. */
static void put_hub_clients(struct report *report) {
    const struct bzs_hub *hub = &report->server->hub;
    put_number(report, "tracking_clients", atomic_load(&hub->trackers.member_count));
    put_number(report, "blitzdb_monitor_clients", atomic_load(&hub->monitors.member_count));
}

static void put_hub_stats(struct report *report) {
    const struct bzs_hub *hub = &report->server->hub;
    put_number(report, "pubsub_channels", atomic_load(&hub->channels.topic_count));
    put_number(report, "pubsub_patterns", atomic_load(&hub->patterns.topic_count));
    put_number(report, "pubsubshard_channels", atomic_load(&hub->shard_channels.topic_count));
    put_number(report, "tracking_total_keys", atomic_load(&hub->cached_keys.topic_count));
    put_number(report, "tracking_total_items", atomic_load(&hub->cached_keys.member_count));
    put_number(report, "tracking_total_prefixes", atomic_load(&hub->prefixes.topic_count));
}

static void put_clients(struct report *report) {
    put_number(report, "connected_clients", atomic_load(&report->server->client_count));
    put_number(report, "cluster_connections", 0);
    put_number(report, "maxclients", report->server->clients_max);
    struct bzs_clients_report clients;
    bzs_clients_report(report->server, &clients);
    put_number(report, "client_recent_max_input_buffer", clients.largest_input);
    put_number(report, "client_recent_max_output_buffer", clients.largest_output);
    put_number(report, "blocked_clients", clients.blocked);
    put_number(report, "clients_in_timeout_table", clients.blocked);
    put_hub_clients(report);
}

static void put_memory(struct report *report) {
    bzs_info_put_memory(report->server, &report->stats, &report->text);
}

/** Of an estimated total, which may turn out too low. */
static double percent(uint64_t part, uint64_t total) {
    return total == 0 ? 0.0 : part >= total ? 100.0 : 100.0 * (double)part / (double)total;
}

/** The fields that clients look at while they wait for the database. */
static void put_loading(struct report *report) {
    const struct bzs_loading *loading = &report->server->loader.loading;
    bool loads = report->call->client->loop->loading;
    bzs_info_put(&report->text, "loading:%d\r\nasync_loading:0\r\n", loads);
    if (!loads)
        return;
    put_number(report, "loading_start_time", (uint64_t)loading->begin_ms / 1000);
    put_number(report, "loading_total_bytes", loading->bytes_total);
    put_number(report, "loading_rdb_used_mem", 0);
    put_number(report, "loading_loaded_bytes", loading->bytes_done);
    bzs_info_put(&report->text, "loading_loaded_perc:%.2f\r\n", bzs_loading_percent(loading));
    put_number(report, "loading_eta_seconds", (uint64_t)bzs_loading_eta_s(loading));
}

/** A snapshot replaces the log before it, which is what Redis rewrites its append-only file for. */
static void put_rewrites(struct report *report, bool failed) {
    const blitzdb_stats_info *stats = &report->stats;
    bool is_one = stats->log_enabled != 0;
    bzs_info_put(&report->text, "aof_last_rewrite_time_sec:%lld\r\n",
                 is_one && stats->snapshots > 0 ? (long long)(stats->last_snapshot_took_ms / 1000) : -1);
    bzs_info_put(&report->text, "aof_current_rewrite_time_sec:%lld\r\n",
                 is_one && stats->snapshot_running ? (long long)(stats->snapshot_took_ms / 1000) : -1);
    put_number(report, "aof_rewrites", is_one ? stats->snapshots : 0);
    put_number(report, "aof_rewrites_consecutive_failures", is_one && failed);
}

static void put_persistence(struct report *report) {
    const blitzdb_stats_info *stats = &report->stats;
    bool saved = stats->snapshots > 0;
    bool failed =
        stats->last_snapshot_status != BLITZDB_OK && stats->last_snapshot_status != BLITZDB_CANCELED;
    int64_t saved_ms = stats->last_snapshot_ms > 0 ? stats->last_snapshot_ms : report->server->started_ms;
    uint64_t unwritten = excess(stats->log_position, stats->written_position);
    put_loading(report);
    put_number(report, "rdb_changes_since_last_save", stats->changes_since_snapshot);
    put_number(report, "rdb_bgsave_in_progress", stats->snapshot_running);
    put_number(report, "rdb_last_save_time", (uint64_t)saved_ms / 1000);
    bzs_info_put(&report->text, "rdb_last_bgsave_status:%s\r\n", failed ? "err" : "ok");
    bzs_info_put(&report->text, "rdb_last_bgsave_time_sec:%lld\r\n",
                 saved ? (long long)(stats->last_snapshot_took_ms / 1000) : -1);
    bzs_info_put(&report->text, "rdb_current_bgsave_time_sec:%lld\r\n",
                 stats->snapshot_running ? (long long)(stats->snapshot_took_ms / 1000) : -1);
    put_number(report, "rdb_saves", stats->snapshots);
    put_number(report, "rdb_last_cow_size", 0);
    bzs_info_put(&report->text, "current_cow_peak:0\r\ncurrent_cow_size:0\r\ncurrent_cow_size_age:0\r\n");
    put_number(report, "current_save_keys_processed", stats->snapshot_entries);
    put_number(report, "current_save_keys_total", stats->snapshot_entries_total);
    bzs_info_put(&report->text, "current_fork_perc:%.2f\r\n",
                 percent(stats->snapshot_bytes, stats->snapshot_bytes_total));
    put_number(report, "blitzdb_snapshot_bytes", stats->snapshot_bytes);
    put_number(report, "blitzdb_last_snapshot_bytes", stats->last_snapshot_bytes);
    bzs_info_put(&report->text, "rdb_last_load_keys_expired:0\r\n");
    put_number(report, "rdb_last_load_keys_loaded", stats->recovered_entries);
    put_number(report, "aof_enabled", stats->log_enabled);
    put_number(report, "aof_rewrite_in_progress", stats->log_enabled ? stats->snapshot_running : 0);
    bzs_info_put(&report->text, "aof_rewrite_scheduled:0\r\n");
    put_rewrites(report, failed);
    bzs_info_put(&report->text, "aof_last_bgrewrite_status:%s\r\n", failed ? "err" : "ok");
    bzs_info_put(&report->text, "aof_last_write_status:%s\r\n",
                 stats->log_status == BLITZDB_OK ? "ok" : "err");
    put_number(report, "aof_current_size", stats->log_bytes);
    put_number(report, "aof_base_size", 0);
    put_number(report, "aof_buffer_length", unwritten);
    put_number(report, "aof_pending_bio_fsync", stats->written_position > stats->durable_position);
    put_number(report, "aof_delayed_fsync", 0);
    bzs_info_put(&report->text,
                 "aof_last_cow_size:0\r\nmodule_fork_in_progress:0\r\nmodule_fork_last_cow_size:0\r\n");
    put_number(report, "blitzdb_log_syncs", stats->syncs);
    put_number(report, "blitzdb_recovered_records", stats->recovered_records);
    put_number(report, "blitzdb_truncated_bytes", stats->truncated_bytes);
}

static void put_rate(struct report *report, const char *name, uint64_t bytes_per_second) {
    bzs_info_put(&report->text, "%s:%.2f\r\n", name, (double)bytes_per_second / 1024);
}

static void put_stats(struct report *report) {
    struct bzs_keeper *keeper = &report->server->keeper;
    put_number(report, "total_connections_received", atomic_load(&report->server->connections_total));
    put_number(report, "total_commands_processed", report->totals.commands);
    put_number(report, "instantaneous_ops_per_sec", atomic_load(&keeper->commands_per_second));
    put_number(report, "total_net_input_bytes", report->totals.input_bytes);
    put_number(report, "total_net_output_bytes", report->totals.output_bytes);
    put_rate(report, "instantaneous_input_kbps", atomic_load(&keeper->input_bytes_per_second));
    put_rate(report, "instantaneous_output_kbps", atomic_load(&keeper->output_bytes_per_second));
    put_number(report, "rejected_connections", atomic_load(&report->server->connections_rejected));
    put_number(report, "expired_keys", excess(report->stats.expired, report->server->baseline.expired));
    put_number(report, "evicted_keys", excess(report->stats.evicted, report->server->baseline.evicted));
    put_number(report, "keyspace_hits", report->totals.hits);
    put_number(report, "keyspace_misses", report->totals.misses);
    put_number(report, "total_error_replies", report->totals.errors);
    put_number(report, "total_reads_processed", report->totals.reads);
    put_number(report, "total_writes_processed", report->totals.writes);
    put_hub_stats(report);
    bzs_info_put_absent_stats(&report->text);
}

static void put_replication(struct report *report) {
    bzs_info_put_replication(report->server, &report->text);
}

static void put_cpu(struct report *report) {
    bzs_info_put_cpu(&report->text);
}

static void put_commandstats(struct report *report) {
    bzs_info_put_commandstats(report->server, &report->text);
}

static void put_errorstats(struct report *report) {
    bzs_info_put_errorstats(report->server, &report->text);
}

static void put_latencystats(struct report *report) {
    bzs_info_put_latencystats(report->server, &report->text);
}

static void put_nothing(struct report *report) {
    (void)report;
}

static void put_cluster(struct report *report) {
    bzs_info_put(&report->text, "cluster_enabled:0\r\n");
}

static void put_keyspace(struct report *report) {
    for (unsigned i = 0; i < BLITZDB_KEYSPACES; i++) {
        blitzdb *keyspace;
        uint64_t keys = 0;
        uint64_t expiring = 0;
        bool counted = blitzdb_keyspace(report->server->db, i, &keyspace) == BLITZDB_OK &&
                       blitzdb_count(keyspace, &keys, &expiring) == BLITZDB_OK;
        if (counted && keys > 0) {
            bzs_info_put(&report->text, "db%u:keys=%llu,expires=%llu,avg_ttl=0\r\n", i,
                         (unsigned long long)keys, (unsigned long long)expiring);
        }
    }
}

/** The sections in their order, and whether INFO shows them if none is named. */
static const struct section {
    const char *name;
    bool is_default;
    void (*put)(struct report *report);
} sections[] = {
    {"Server", true, put_server},
    {"Clients", true, put_clients},
    {"Memory", true, put_memory},
    {"Persistence", true, put_persistence},
    {"Stats", true, put_stats},
    {"Replication", true, put_replication},
    {"CPU", true, put_cpu},
    {"Modules", true, put_nothing},
    {"Commandstats", false, put_commandstats},
    {"Errorstats", true, put_errorstats},
    {"Latencystats", false, put_latencystats},
    {"Cluster", true, put_cluster},
    {"Keyspace", true, put_keyspace},
};

static bool is_asked_for(const struct bzs_call *call, const struct section *section) {
    if (call->argc == 1)
        return section->is_default;
    for (size_t i = 1; i < call->argc; i++)
        if (bzs_arg_is(call->argv[i], section->name) || bzs_arg_is(call->argv[i], "all") ||
            bzs_arg_is(call->argv[i], "everything") ||
            (section->is_default && bzs_arg_is(call->argv[i], "default")))
            return true;
    return false;
}

static void run_info(struct bzs_call *call) {
    struct report report = {
        .call = call, .server = call->server, .stats = {.struct_size = sizeof(report.stats)}};
    blitzdb_status status = blitzdb_stats(call->db, &report.stats);
    if (status != BLITZDB_OK) {
        bzs_reply_status(call, status);
        return;
    }
    report.totals = bzs_server_totals(call->server);
    bzs_reply_init(&report.text);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (is_asked_for(call, &sections[i])) {
            bzs_info_put(&report.text, "%s# %s\r\n", report.text.size > 0 ? "\r\n" : "", sections[i].name);
            sections[i].put(&report);
        }
    }
    bzs_reply_take_verbatim(call->reply, &report.text);
}

const struct bzs_command bzs_commands_info[] = {
    {"info", run_info, -1, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "1.0.0",
     "Reports numbers about the server."},
    {.name = NULL},
};
