#include "statistics.h"

#include "server.h"
#include "telemetry.h"

void bzs_statistics_reset(struct bzs_server *server) {
    struct bzs_totals totals = bzs_server_totals_since_start(server);
    struct bzs_baseline *baseline = &server->baseline;
    baseline->commands = totals.commands;
    baseline->hits = totals.hits;
    baseline->misses = totals.misses;
    baseline->errors = totals.errors;
    baseline->input_bytes = totals.input_bytes;
    baseline->output_bytes = totals.output_bytes;
    baseline->reads = totals.reads;
    baseline->writes = totals.writes;
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    if (blitzdb_stats(server->db, &stats) == BLITZDB_OK) {
        baseline->expired = stats.expired;
        baseline->evicted = stats.evicted;
    }
    bzs_telemetry_reset(server->telemetry);
    server->connections_total = 0;
    server->connections_rejected = 0;
}
