/**
 * @file
 * @brief MEMORY: what a key takes, and what the server takes.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory_report.h"
#include "server.h"

/** MEMORY USAGE key [SAMPLES count]: exact, so there is nothing to sample. */
static void run_usage(struct bzs_call *call) {
    blitzdb_key_info info = BLITZDB_KEY_INFO_INIT;
    int64_t samples;
    for (size_t i = 3; i < call->argc; i += 2) {
        if (!bzs_arg_is(call->argv[i], "samples") || i + 1 == call->argc) {
            bzs_reply_syntax_error(call);
            return;
        }
        if (!bzs_arg_integer(call, i + 1, &samples))
            return;
        if (samples < 0) {
            bzs_reply_syntax_error(call);
            return;
        }
    }
    blitzdb_status status = blitzdb_inspect(call->db, call->argv[2].data, call->argv[2].size, &info);
    if (status == BLITZDB_OK)
        bzs_reply_integer(call->reply, (int64_t)info.memory_bytes);
    else if (status == BLITZDB_NOT_FOUND)
        bzs_reply_null(call->reply);
    else
        bzs_reply_status(call, status);
}

static bool read_report(struct bzs_call *call, struct bzs_memory_report *report_out) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    blitzdb_status status = blitzdb_stats(call->db, &stats);
    if (status == BLITZDB_OK)
        bzs_memory_report(call->server, &stats, report_out);
    else
        bzs_reply_status(call, status);
    return status == BLITZDB_OK;
}

/** One line of MEMORY STATS. */
struct figure {
    const char *name;
    bool is_ratio;
    double number;
};

static void reply_figures(struct bzs_call *call, const struct figure *figures, size_t count) {
    bzs_reply_map(call->reply, count);
    for (size_t i = 0; i < count; i++) {
        bzs_reply_text(call->reply, figures[i].name);
        if (figures[i].is_ratio)
            bzs_reply_double(call->reply, figures[i].number);
        else
            bzs_reply_integer(call->reply, (int64_t)figures[i].number);
    }
}

static double difference(uint64_t left, uint64_t right) {
    return (double)left - (double)right;
}

static void run_stats(struct bzs_call *call) {
    struct bzs_memory_report report;
    if (!read_report(call, &report))
        return;
    const struct figure figures[] = {
        {"peak.allocated", false, (double)report.peak},
        {"total.allocated", false, (double)report.used},
        {"startup.allocated", false, 0},
        {"replication.backlog", false, 0},
        {"clients.slaves", false, 0},
        {"clients.normal", false, (double)report.clients},
        {"cluster.links", false, 0},
        {"aof.buffer", false, (double)report.log_buffer},
        {"lua.caches", false, 0},
        {"functions.caches", false, 0},
        {"overhead.total", false, (double)report.overhead},
        {"keys.count", false, (double)report.keys},
        {"keys.bytes-per-key", false, (double)(report.keys > 0 ? report.used / report.keys : 0)},
        {"dataset.bytes", false, (double)report.dataset},
        {"dataset.percentage", true, 100 * bzs_ratio(report.dataset, report.used)},
        {"peak.percentage", true, 100 * bzs_ratio(report.used, report.peak)},
        {"allocator.allocated", false, (double)report.dataset},
        {"allocator.active", false, (double)report.active},
        {"allocator.resident", false, (double)report.resident},
        {"allocator-fragmentation.ratio", true, bzs_ratio(report.active, report.dataset)},
        {"allocator-fragmentation.bytes", false, difference(report.active, report.dataset)},
        {"allocator-rss.ratio", true, bzs_ratio(report.resident, report.active)},
        {"allocator-rss.bytes", false, difference(report.resident, report.active)},
        {"rss-overhead.ratio", true, bzs_ratio(report.resident, report.used)},
        {"rss-overhead.bytes", false, difference(report.resident, report.used)},
        {"fragmentation", true, bzs_ratio(report.resident, report.used)},
        {"fragmentation.bytes", false, difference(report.resident, report.used)},
    };
    reply_figures(call, figures, sizeof(figures) / sizeof(figures[0]));
}

/** Adds a sentence. */
static void advise(char *text, size_t size, const char *sentence) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s\n", sentence);
}

static void run_doctor(struct bzs_call *call) {
    enum { SMALL = 16 * 1024 * 1024 };
    struct bzs_memory_report report;
    char text[1024] = "";
    int64_t limit = call->server->config->memory_limit;
    if (!read_report(call, &report))
        return;
    if (report.used < SMALL)
        advise(text, sizeof(text), "There is so little data that nothing can be said about its memory.");
    else if (report.active > 0 && bzs_ratio(report.dataset, report.active) < 0.7)
        advise(text, sizeof(text),
               "Less than 70 % of the memory held for entries is in use. After deletions it is given back "
               "bit by "
               "bit; if it stays, sizes change in a way that the free places do not fit.");
    if (limit > 0 && report.used > (uint64_t)limit / 10 * 9)
        advise(text, sizeof(text), "More than 90 % of maxmemory is in use.");
    if (report.clients > report.used && report.clients > SMALL)
        advise(text, sizeof(text),
               "Connections hold more memory than the data. Look for clients that do not read their replies: "
               "omem in CLIENT LIST.");
    if (report.resident > report.system / 10 * 9)
        advise(text, sizeof(text), "The process takes more than 90 % of the machine's memory.");
    if (text[0] == '\0')
        advise(text, sizeof(text), "The memory is in good order.");
    bzs_reply_verbatim(call->reply, text, strlen(text) - 1);
}

/** The database gives free memory back by itself; what the buffers of connections left is given back here. */
static void run_purge(struct bzs_call *call) {
    malloc_trim(0);
    bzs_reply_simple(call->reply, "OK");
}

static void run_malloc_stats(struct bzs_call *call) {
    struct bzs_memory_report report;
    struct mallinfo2 heap = mallinfo2();
    char text[512];
    if (!read_report(call, &report))
        return;
    int size =
        snprintf(text, sizeof(text),
                 "entries: %llu bytes\narenas of the entries: %llu bytes\ntables, arenas and log buffers: "
                 "%llu bytes\nheap of the server in use: %zu bytes\nheap of the server: %zu bytes\n"
                 "process in RAM: %llu bytes\n",
                 (unsigned long long)report.dataset, (unsigned long long)report.active,
                 (unsigned long long)report.used, heap.uordblks + heap.hblkhd, heap.arena + heap.hblkhd,
                 (unsigned long long)report.resident);
    bzs_reply_verbatim(call->reply, text, (size_t)size);
}

static void run_help(struct bzs_call *call) {
    static const char *const lines[] = {"DOCTOR",
                                        "    What can be said about the memory, in words.",
                                        "MALLOC-STATS",
                                        "    Memory of the entries, the arenas and the heap.",
                                        "PURGE",
                                        "    Give free memory of the heap back to the system.",
                                        "STATS",
                                        "    The memory of the server in numbers.",
                                        "USAGE <key> [SAMPLES <count>]",
                                        "    Bytes that a key and its value take.",
                                        NULL};
    bzs_reply_help(call, lines);
}

static const struct bzs_command memory_commands[] = {
    {"memory|doctor", run_doctor, 2, 0, 0, 0, 0, NULL, "server", "4.0.0", "Tells in words about the memory."},
    {"memory|help", run_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "4.0.0",
     "Explains the subcommands."},
    {"memory|malloc-stats", run_malloc_stats, 2, 0, 0, 0, 0, NULL, "server", "4.0.0",
     "Tells about the memory of entries and heap."},
    {"memory|purge", run_purge, 2, 0, 0, 0, 0, NULL, "server", "4.0.0", "Gives free memory back."},
    {"memory|stats", run_stats, 2, 0, 0, 0, 0, NULL, "server", "4.0.0", "Returns numbers about the memory."},
    {"memory|usage", run_usage, -3, BZS_READONLY, 2, 2, 1, NULL, "server", "4.0.0",
     "Tells how much memory a key takes."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_memory[] = {
    {"memory", NULL, -2, 0, 0, 0, 0, memory_commands, "server", "4.0.0", "Groups the commands about memory."},
    {.name = NULL},
};
