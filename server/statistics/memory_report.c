#include "memory_report.h"

#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "loop.h"
#include "server.h"

uint64_t bzs_memory_resident(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t larger(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

void bzs_clients_report(struct bzs_server *server, struct bzs_clients_report *report_out) {
    struct bzs_clients_report report = {0};
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct bzs_loop *loop = &server->loops[i];
        pthread_mutex_lock(&loop->clients_mutex);
        for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
            const struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
            uint64_t input = atomic_load_explicit(&client->input_room, memory_order_relaxed);
            uint64_t output = atomic_load_explicit(&client->output_room, memory_order_relaxed);
            report.memory += sizeof(*client) + input + output;
            report.largest_input = larger(report.largest_input, input);
            report.largest_output = larger(report.largest_output, output);
        }
        pthread_mutex_unlock(&loop->clients_mutex);
        report.blocked += atomic_load_explicit(&loop->blocked_count, memory_order_relaxed);
    }
    *report_out = report;
}

void bzs_memory_report(struct bzs_server *server, const blitzdb_stats_info *stats,
                       struct bzs_memory_report *report_out) {
    struct bzs_clients_report clients;
    bzs_clients_report(server, &clients);
    bzs_keeper_note_memory(&server->keeper, stats->memory_bytes);
    *report_out = (struct bzs_memory_report){
        .used = stats->memory_bytes,
        .peak = atomic_load(&server->keeper.memory_peak),
        .dataset = stats->entry_bytes,
        .overhead = stats->memory_bytes > stats->entry_bytes ? stats->memory_bytes - stats->entry_bytes : 0,
        .resident = atomic_load(&server->keeper.resident_bytes),
        .active = stats->arena_bytes,
        .clients = clients.memory,
        .system = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE),
        .log_buffer = stats->log_buffer_bytes,
        .keys = stats->keys,
    };
}
