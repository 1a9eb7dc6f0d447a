/**
 * @file
 * @brief The section Memory of INFO.
 */

#include "info_commands.h"
#include "memory_report.h"
#include "server.h"

/** Adds a size twice: in bytes and, as name_human, in a unit for people. */
static void put_size(struct bzs_reply *text, const char *name, uint64_t size) {
    static const char units[] = "BKMGTPE";
    double scaled = (double)size;
    size_t unit = 0;
    while (scaled >= 1024 && unit + 2 < sizeof(units)) {
        scaled /= 1024;
        unit++;
    }
    bzs_info_put_number(text, name, size);
    bzs_info_put(text, unit == 0 ? "%s_human:%.0f%c\r\n" : "%s_human:%.2f%c\r\n", name, scaled, units[unit]);
}

/** Adds how much larger one amount is than the other, as a ratio and in bytes. */
static void put_growth(struct bzs_reply *text, const char *name, uint64_t larger, uint64_t smaller) {
    bzs_info_put(text, "%s_ratio:%.2f\r\n%s_bytes:%lld\r\n", name, bzs_ratio(larger, smaller), name,
                 (long long)larger - (long long)smaller);
}

/** Nothing of it is here: no scripts, no replicas, no cluster, no defragmentation in the background. */
static void put_absent(struct bzs_reply *text) {
    static const char *const sizes[] = {"used_memory_lua", "used_memory_vm_total", "used_memory_scripts"};
    static const char *const numbers[] = {
        "used_memory_vm_eval",   "used_memory_scripts_eval",      "number_of_cached_scripts",
        "number_of_functions",   "number_of_libraries",           "used_memory_vm_functions",
        "used_memory_functions", "mem_not_counted_for_evict",     "mem_replication_backlog",
        "mem_clients_slaves",    "mem_total_replication_buffers", "mem_cluster_links",
        "active_defrag_running", "lazyfree_pending_objects",      "lazyfreed_objects",
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        put_size(text, sizes[i], 0);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        bzs_info_put_number(text, numbers[i], 0);
}

void bzs_info_put_memory(struct bzs_server *server, const blitzdb_stats_info *stats, struct bzs_reply *text) {
    struct bzs_memory_report report;
    char policy[BZS_CONFIG_VALUE_SIZE];
    bzs_memory_report(server, stats, &report);
    put_size(text, "used_memory", report.used);
    put_size(text, "used_memory_rss", report.resident);
    put_size(text, "used_memory_peak", report.peak);
    bzs_info_put(text, "used_memory_peak_perc:%.2f%%\r\n", 100 * bzs_ratio(report.used, report.peak));
    bzs_info_put_number(text, "used_memory_overhead", report.overhead);
    bzs_info_put_number(text, "used_memory_startup", 0);
    bzs_info_put_number(text, "used_memory_dataset", report.dataset);
    bzs_info_put(text, "used_memory_dataset_perc:%.2f%%\r\n", 100 * bzs_ratio(report.dataset, report.used));
    bzs_info_put_number(text, "allocator_allocated", report.dataset);
    bzs_info_put_number(text, "allocator_active", report.active);
    bzs_info_put_number(text, "allocator_resident", report.resident);
    put_size(text, "total_system_memory", report.system);
    put_size(text, "maxmemory", (uint64_t)server->config->memory_limit);
    bzs_info_put(text, "maxmemory_policy:%s\r\n",
                 bzs_config_value_of(server->config, "maxmemory-policy", policy, sizeof(policy)));
    put_growth(text, "allocator_frag", report.active, report.dataset);
    put_growth(text, "allocator_rss", report.resident, report.active);
    put_growth(text, "rss_overhead", report.resident, report.used);
    put_growth(text, "mem_fragmentation", report.resident, report.used);
    bzs_info_put_number(text, "mem_clients_normal", report.clients);
    bzs_info_put_number(text, "mem_aof_buffer", report.log_buffer);
    bzs_info_put(text, "mem_allocator:blitzdb\r\n");
    put_absent(text);
}
