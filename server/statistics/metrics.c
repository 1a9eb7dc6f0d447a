#include "metrics.h"

#include <sys/resource.h>
#include <time.h>

#include "accounting.h"
#include "info_commands.h"
#include "loop.h"
#include "memory_report.h"
#include "server.h"
#include "telemetry.h"

#define GAUGE "gauge"
#define COUNTER "counter"

static const double ns_per_s = 1e9;
static const double us_per_s = 1e6;

void bzs_metrics_put_head(struct bzs_reply *text, const char *name, const char *type, const char *help) {
    bzs_info_put(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/** Fifteen digits keep every number of bytes that a machine can have. */
static void put_value(struct bzs_reply *text, double value) {
    bzs_info_put(text, " %.15g\n", value);
}

void bzs_metrics_put(struct bzs_reply *text, const char *name, const char *type, const char *help,
                     double value) {
    bzs_metrics_put_head(text, name, type, help);
    bzs_info_put(text, "%s", name);
    put_value(text, value);
}

void bzs_metrics_put_label(struct bzs_reply *text, const char *value) {
    bzs_reply_raw(text, "\"", 1);
    for (; *value != '\0'; value++) {
        const char *escaped = *value == '\\'   ? "\\\\"
                              : *value == '"'  ? "\\\""
                              : *value == '\n' ? "\\n"
                                               : NULL;
        bzs_reply_raw(text, escaped != NULL ? escaped : value, escaped != NULL ? 2 : 1);
    }
    bzs_reply_raw(text, "\"", 1);
}

/** Adds one value of a metric with one label. */
static void put_labelled(struct bzs_reply *text, const char *name, const char *label, const char *label_value,
                         double value) {
    bzs_info_put(text, "%s{%s=", name, label);
    bzs_metrics_put_label(text, label_value);
    bzs_reply_raw(text, "}", 1);
    put_value(text, value);
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / us_per_s;
}

static void put_process(const struct bzs_server *server, struct bzs_reply *text) {
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    bzs_metrics_put(text, "redis_up", GAUGE, "1 if the server answers", 1);
    bzs_metrics_put(text, "redis_start_time_seconds", GAUGE, "Unix time of the start",
                    (double)(server->started_ms / 1000));
    bzs_metrics_put(text, "redis_uptime_in_seconds", GAUGE, "Time since the start",
                    (double)(time(NULL) - server->started_ms / 1000));
    bzs_metrics_put(text, "redis_cpu_user_seconds_total", COUNTER, "CPU time in the process",
                    seconds_of(usage.ru_utime));
    bzs_metrics_put(text, "redis_cpu_sys_seconds_total", COUNTER, "CPU time in the kernel for the process",
                    seconds_of(usage.ru_stime));
    bzs_metrics_put(text, "redis_loading_dump_file", GAUGE, "1 while the database is being loaded",
                    atomic_load(&server->loading));
    bzs_metrics_put_head(text, "redis_instance_info", GAUGE, "What the server is, in labels");
    bzs_info_put(text,
                 "redis_instance_info{redis_version=\"%s\",redis_mode=\"standalone\",role=\"master\","
                 "run_id=\"%s\",tcp_port=\"%d\",blitzdb_version=\"%s\"} 1\n",
                 BZS_REDIS_VERSION, server->run_id, server->listener.port, blitzdb_version());
}

static void put_clients(struct bzs_server *server, struct bzs_reply *text) {
    struct bzs_clients_report clients;
    bzs_clients_report(server, &clients);
    bzs_metrics_put(text, "redis_connected_clients", GAUGE, "Connections",
                    atomic_load(&server->client_count));
    bzs_metrics_put(text, "redis_blocked_clients", GAUGE, "Connections whose last command waits",
                    (double)clients.blocked);
    bzs_metrics_put(text, "redis_client_recent_max_input_buffer_bytes", GAUGE, "Largest input buffer",
                    (double)clients.largest_input);
    bzs_metrics_put(text, "redis_client_recent_max_output_buffer_bytes", GAUGE, "Largest output buffer",
                    (double)clients.largest_output);
    bzs_metrics_put(text, "redis_config_maxclients", GAUGE, "Setting maxclients", server->clients_max);
    const struct bzs_hub *hub = &server->hub;
    bzs_metrics_put(text, "redis_tracking_clients", GAUGE, "Connections that are told of changed keys",
                    (double)atomic_load(&hub->trackers.member_count));
    bzs_metrics_put(text, "redis_tracking_total_keys", GAUGE, "Keys they are told of",
                    (double)atomic_load(&hub->cached_keys.topic_count));
    bzs_metrics_put(text, "redis_pubsub_channels", GAUGE, "Channels that have subscribers",
                    (double)atomic_load(&hub->channels.topic_count));
    bzs_metrics_put(text, "redis_pubsub_patterns", GAUGE, "Patterns that have subscribers",
                    (double)atomic_load(&hub->patterns.topic_count));
    bzs_metrics_put(text, "redis_connections_received_total", COUNTER, "Connections accepted",
                    (double)atomic_load(&server->connections_total));
    bzs_metrics_put(text, "redis_rejected_connections_total", COUNTER, "Connections refused",
                    (double)atomic_load(&server->connections_rejected));
}

static void put_totals(const struct bzs_server *server, struct bzs_reply *text) {
    struct bzs_totals totals = bzs_server_totals(server);
    bzs_metrics_put(text, "redis_commands_processed_total", COUNTER, "Commands run", (double)totals.commands);
    bzs_metrics_put(text, "redis_net_input_bytes_total", COUNTER, "Bytes read", (double)totals.input_bytes);
    bzs_metrics_put(text, "redis_net_output_bytes_total", COUNTER, "Bytes sent", (double)totals.output_bytes);
    bzs_metrics_put(text, "redis_keyspace_hits_total", COUNTER, "Look-ups that found their key",
                    (double)totals.hits);
    bzs_metrics_put(text, "redis_keyspace_misses_total", COUNTER, "Look-ups that found no key",
                    (double)totals.misses);
}

static void put_errors(const struct bzs_telemetry *telemetry, struct bzs_reply *text) {
    static const char name[] = "redis_errors_total";
    bzs_metrics_put_head(text, name, COUNTER, "Error replies by their code");
    for (unsigned i = 0; i < atomic_load(&telemetry->error_codes); i++)
        put_labelled(text, name, "err", telemetry->errors[i].code,
                     (double)atomic_load(&telemetry->errors[i].count));
}

/** The numbers kept for each command. */
enum { CALLS, SECONDS, REJECTED, FAILED, COMMAND_METRICS };

static void put_command(const struct bzs_server *server, const struct bzs_command *command, int metric,
                        const char *name, struct bzs_reply *text) {
    struct bzs_command_sum sum = bzs_account_sum(server, command);
    const double values[] = {[CALLS] = (double)sum.calls,
                             [SECONDS] = (double)sum.nanoseconds / ns_per_s,
                             [REJECTED] = (double)sum.rejected,
                             [FAILED] = (double)sum.failed};
    if (sum.calls > 0 || sum.rejected > 0)
        put_labelled(text, name, "cmd", command->name, values[metric]);
}

static void put_commands(const struct bzs_server *server, struct bzs_reply *text) {
    static const struct {
        const char *name, *help;
    } metrics[COMMAND_METRICS] = {
        [CALLS] = {"redis_commands_total", "Calls by command"},
        [SECONDS] = {"redis_commands_duration_seconds_total", "Time spent by command"},
        [REJECTED] = {"redis_commands_rejected_calls_total", "Calls refused by command"},
        [FAILED] = {"redis_commands_failed_calls_total", "Calls answered by an error, by command"},
    };
    for (int metric = 0; metric < COMMAND_METRICS; metric++) {
        bzs_metrics_put_head(text, metrics[metric].name, COUNTER, metrics[metric].help);
        for (size_t i = 0; i < bzs_command_count(); i++) {
            const struct bzs_command *command = bzs_command_at(i);
            const struct bzs_command *child = command->subcommands;
            for (; command != NULL && command->name != NULL; command = child != NULL ? child++ : NULL)
                put_command(server, command, metric, metrics[metric].name, text);
        }
    }
}

static void put_slowlog(struct bzs_telemetry *telemetry, struct bzs_reply *text) {
    bzs_metrics_put(text, "redis_slowlog_length", GAUGE, "Entries of the slow log",
                    (double)bzs_slowlog_count(&telemetry->slowlog));
}

static void put_memory(struct bzs_server *server, const blitzdb_stats_info *stats, struct bzs_reply *text) {
    struct bzs_memory_report memory;
    bzs_memory_report(server, stats, &memory);
    const struct {
        const char *name, *help;
        uint64_t bytes;
    } metrics[] = {
        {"redis_memory_used_bytes", "Memory of the database", memory.used},
        {"redis_memory_used_rss_bytes", "Memory of the process in RAM", memory.resident},
        {"redis_memory_used_peak_bytes", "Most memory of the database that was seen", memory.peak},
        {"redis_memory_used_dataset_bytes", "Headers, keys and values", memory.dataset},
        {"redis_memory_used_overhead_bytes", "Memory of the database beside that", memory.overhead},
        {"redis_memory_max_bytes", "Setting maxmemory", (uint64_t)server->config->memory_limit},
        {"redis_allocator_allocated_bytes", "Memory of entries", memory.dataset},
        {"redis_allocator_active_bytes", "Memory held for entries", memory.active},
        {"redis_allocator_resident_bytes", "Memory of the process in RAM", memory.resident},
        {"redis_mem_clients_normal", "Memory of connections", memory.clients},
    };
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        bzs_metrics_put(text, metrics[i].name, GAUGE, metrics[i].help, (double)metrics[i].bytes);
    bzs_metrics_put(text, "redis_mem_fragmentation_ratio", GAUGE,
                    "Memory in RAM for each byte of the database", bzs_ratio(memory.resident, memory.used));
}

static void put_persistence(const struct bzs_server *server, const blitzdb_stats_info *stats,
                            struct bzs_reply *text) {
    bool failed =
        stats->last_snapshot_status != BLITZDB_OK && stats->last_snapshot_status != BLITZDB_CANCELED;
    int64_t saved_ms = stats->last_snapshot_ms > 0 ? stats->last_snapshot_ms : server->started_ms;
    const struct {
        const char *name, *help;
        double value;
    } metrics[] = {
        {"redis_rdb_changes_since_last_save", "Changes since the last snapshot",
         (double)stats->changes_since_snapshot},
        {"redis_rdb_bgsave_in_progress", "1 while a snapshot is written", stats->snapshot_running},
        {"redis_rdb_last_save_timestamp_seconds", "Unix time of the last snapshot",
         (double)(saved_ms / 1000)},
        {"redis_rdb_last_bgsave_status", "1 unless the last snapshot failed", !failed},
        {"redis_rdb_last_bgsave_duration_seconds", "Time the last snapshot took",
         (double)stats->last_snapshot_took_ms / 1000},
        {"redis_aof_enabled", "1 if writes are logged", stats->log_enabled},
        {"redis_aof_rewrite_in_progress", "1 while a snapshot replaces the log",
         stats->log_enabled && stats->snapshot_running},
        {"redis_aof_last_write_status", "0 if the log refuses writes", stats->log_status == BLITZDB_OK},
        {"redis_aof_last_bgrewrite_status", "1 unless the last snapshot failed", !failed},
        {"redis_aof_current_size_bytes", "Size of the log", (double)stats->log_bytes},
        {"redis_aof_pending_bio_fsync", "1 if something written is not on disk yet",
         stats->written_position > stats->durable_position},
    };
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        bzs_metrics_put(text, metrics[i].name, GAUGE, metrics[i].help, metrics[i].value);
}

static void put_removals(const struct bzs_server *server, const blitzdb_stats_info *stats,
                         struct bzs_reply *text) {
    uint64_t expired = atomic_load(&server->baseline.expired);
    uint64_t evicted = atomic_load(&server->baseline.evicted);
    bzs_metrics_put(text, "redis_expired_keys_total", COUNTER, "Keys removed after their expiry",
                    (double)(stats->expired > expired ? stats->expired - expired : 0));
    bzs_metrics_put(text, "redis_evicted_keys_total", COUNTER, "Keys removed for the memory limit",
                    (double)(stats->evicted > evicted ? stats->evicted - evicted : 0));
}

static void put_keyspaces(blitzdb *db, struct bzs_reply *text) {
    static const char *const names[] = {"redis_db_keys", "redis_db_keys_expiring"};
    static const char *const helps[] = {"Keys by keyspace", "Keys that have an expiry, by keyspace"};
    for (int metric = 0; metric < 2; metric++) {
        bzs_metrics_put_head(text, names[metric], GAUGE, helps[metric]);
        for (unsigned i = 0; i < BLITZDB_KEYSPACES; i++) {
            char name[] = "db00";
            blitzdb *keyspace;
            uint64_t counts[2] = {0, 0};
            name[2] = (char)(i < 10 ? '0' + i : '1');
            name[3] = (char)(i < 10 ? '\0' : '0' + i % 10);
            if (blitzdb_keyspace(db, i, &keyspace) == BLITZDB_OK &&
                blitzdb_count(keyspace, &counts[0], &counts[1]) == BLITZDB_OK)
                put_labelled(text, names[metric], "db", name, (double)counts[metric]);
        }
    }
}

void bzs_metrics_write(struct bzs_server *server, struct bzs_reply *text) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    put_process(server, text);
    put_clients(server, text);
    put_totals(server, text);
    put_commands(server, text);
    put_errors(server->telemetry, text);
    put_slowlog(server->telemetry, text);
    if (atomic_load(&server->loading) || blitzdb_stats(server->db, &stats) != BLITZDB_OK)
        return;
    put_memory(server, &stats, text);
    put_persistence(server, &stats, text);
    put_removals(server, &stats, text);
    put_keyspaces(server->db, text);
}
