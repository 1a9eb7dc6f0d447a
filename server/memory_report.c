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

static uint64_t client_buffers(struct bzs_server *server) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct bzs_loop *loop = &server->loops[i];
        pthread_mutex_lock(&loop->clients_mutex);
        for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
            const struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
            bytes += sizeof(*client) + atomic_load_explicit(&client->input_room, memory_order_relaxed) +
                     atomic_load_explicit(&client->output_room, memory_order_relaxed);
        }
        pthread_mutex_unlock(&loop->clients_mutex);
    }
    return bytes;
}

void bzs_memory_report(struct bzs_server *server, const blitzdb_stats_info *stats,
                       struct bzs_memory_report *report_out) {
    bzs_keeper_note_memory(&server->keeper, stats->memory_bytes);
    *report_out = (struct bzs_memory_report){
        .used = stats->memory_bytes,
        .peak = atomic_load(&server->keeper.memory_peak),
        .dataset = stats->entry_bytes,
        .overhead = stats->memory_bytes > stats->entry_bytes ? stats->memory_bytes - stats->entry_bytes : 0,
        .resident = atomic_load(&server->keeper.resident_bytes),
        .active = stats->arena_bytes,
        .clients = client_buffers(server),
        .system = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE),
        .log_buffer = stats->log_buffer_bytes,
        .keys = stats->keys,
    };
}
