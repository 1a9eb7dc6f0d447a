/**
 * @file
 * @brief LATENCY: what took too long and when, and how long each command takes.
 */
#include <stdio.h>
#include <string.h>

#include "accounting.h"
#include "command.h"
#include "loop.h"
#include "server.h"
#include "telemetry.h"

/** Finds the event with this name; false if there is none. */
static bool find_event(struct bzs_slice name, enum bzs_latency_event *event_out) {
    for (unsigned i = 0; i < BZS_LATENCY_EVENTS; i++) {
        if (bzs_arg_is(name, bzs_latency_name((enum bzs_latency_event)i))) {
            *event_out = (enum bzs_latency_event)i;
            return true;
        }
    }
    return false;
}

static void run_latest(struct bzs_call *call) {
    struct bzs_latency_series series[BZS_LATENCY_EVENTS];
    size_t count = 0;
    for (unsigned i = 0; i < BZS_LATENCY_EVENTS; i++) {
        bzs_latency_read(&call->server->telemetry->latency, (enum bzs_latency_event)i, &series[i]);
        count += series[i].count > 0;
    }
    bzs_reply_array(call->reply, count);
    for (unsigned i = 0; i < BZS_LATENCY_EVENTS; i++) {
        if (series[i].count == 0)
            continue;
        const struct bzs_latency_sample *last = &series[i].samples[series[i].count - 1];
        bzs_reply_array(call->reply, 4);
        bzs_reply_text(call->reply, bzs_latency_name((enum bzs_latency_event)i));
        bzs_reply_integer(call->reply, last->unix_s);
        bzs_reply_integer(call->reply, (int64_t)last->milliseconds);
        bzs_reply_integer(call->reply, (int64_t)series[i].longest_ms);
    }
}

static void run_history(struct bzs_call *call) {
    struct bzs_latency_series series = {.count = 0};
    enum bzs_latency_event event;
    if (find_event(call->argv[2], &event))
        bzs_latency_read(&call->server->telemetry->latency, event, &series);
    bzs_reply_array(call->reply, series.count);
    for (size_t i = 0; i < series.count; i++) {
        bzs_reply_array(call->reply, 2);
        bzs_reply_integer(call->reply, series.samples[i].unix_s);
        bzs_reply_integer(call->reply, (int64_t)series.samples[i].milliseconds);
    }
}

static void run_reset(struct bzs_call *call) {
    struct bzs_latency *latency = &call->server->telemetry->latency;
    int64_t events = 0;
    for (unsigned i = 0; call->argc == 2 && i < BZS_LATENCY_EVENTS; i++)
        events += bzs_latency_reset(latency, (enum bzs_latency_event)i) > 0;
    for (size_t i = 2; i < call->argc; i++) {
        enum bzs_latency_event event;
        events += find_event(call->argv[i], &event) && bzs_latency_reset(latency, event) > 0;
    }
    bzs_reply_integer(call->reply, events);
}

enum { BAR_SIZE = 40 };

/** Draws one bar for each sample, newest last. */
static void draw(const struct bzs_latency_series *series, const char *name, int64_t now_s,
                 struct bzs_reply *text) {
    char line[160];
    int size = snprintf(line, sizeof(line), "%s: longest %llu ms since the last reset\n", name,
                        (unsigned long long)series->longest_ms);
    bzs_reply_raw(text, line, (size_t)size);
    for (size_t i = 0; i < series->count; i++) {
        const struct bzs_latency_sample *sample = &series->samples[i];
        char bar[BAR_SIZE + 1] = "";
        size_t filled =
            series->longest_ms > 0 ? (size_t)(sample->milliseconds * BAR_SIZE / series->longest_ms) : 0;
        memset(bar, '#', filled < BAR_SIZE ? filled : BAR_SIZE);
        size = snprintf(line, sizeof(line), "%8lld s ago %8llu ms |%s\n", (long long)(now_s - sample->unix_s),
                        (unsigned long long)sample->milliseconds, bar);
        bzs_reply_raw(text, line, (size_t)size);
    }
}

static void run_graph(struct bzs_call *call) {
    struct bzs_latency_series series = {.count = 0};
    enum bzs_latency_event event = BZS_LATENCY_COMMAND;
    if (find_event(call->argv[2], &event))
        bzs_latency_read(&call->server->telemetry->latency, event, &series);
    if (series.count == 0) {
        bzs_reply_error(call->reply, "ERR No samples available for event '%.*s'", (int)call->argv[2].size,
                        call->argv[2].data);
        return;
    }
    struct bzs_reply text;
    bzs_reply_init(&text);
    draw(&series, bzs_latency_name(event), bzs_call_now_ms(call) / 1000, &text);
    bzs_reply_take_verbatim(call->reply, &text);
}

static const char *advice(enum bzs_latency_event event) {
    switch (event) {
    case BZS_LATENCY_COMMAND:
        return "SLOWLOG GET names the commands. Look for KEYS, large values and commands with many keys.";
    case BZS_LATENCY_FAST_COMMAND:
        return "Commands that are quick by themselves had to wait: for the processor, for memory that was "
               "swapped out, or for another thread that holds the same keys.";
    default:
        return "The disk is slow or busy. Replies of writes with appendfsync always wait for it.";
    }
}

static void run_doctor(struct bzs_call *call) {
    struct bzs_telemetry *telemetry = call->server->telemetry;
    char text[2048] = "";
    size_t used = 0;
    if (atomic_load(&telemetry->latency_ms) == 0)
        used = (size_t)snprintf(text, sizeof(text),
                                "The latency monitor is off. CONFIG SET latency-monitor-threshold "
                                "MILLISECONDS switches it on.\n");
    for (unsigned i = 0; i < BZS_LATENCY_EVENTS && used < sizeof(text); i++) {
        struct bzs_latency_series series;
        enum bzs_latency_event event = (enum bzs_latency_event)i;
        bzs_latency_read(&telemetry->latency, event, &series);
        if (series.count > 0)
            used += (size_t)snprintf(
                text + used, sizeof(text) - used,
                "%s: %zu samples, the longest %llu ms, the last one %lld s ago. %s\n",
                bzs_latency_name(event), series.count, (unsigned long long)series.longest_ms,
                (long long)(bzs_call_now_ms(call) / 1000 - series.samples[series.count - 1].unix_s),
                advice(event));
    }
    if (used == 0)
        used = (size_t)snprintf(text, sizeof(text), "Nothing took longer than %lld ms.\n",
                                (long long)atomic_load(&telemetry->latency_ms));
    bzs_reply_verbatim(call->reply, text, used < sizeof(text) ? used : sizeof(text) - 1);
}

/** Writes how many calls took at most 1, 2, 4, 8, ... us, as far as that changes; powers of two of 1024 ns.
 */
static void reply_distribution(struct bzs_call *call, const struct bzs_histogram_sum *sum) {
    enum { FIRST_BITS = 10 };
    int64_t limits[BZS_HISTOGRAM_BITS];
    uint64_t counts[BZS_HISTOGRAM_BITS];
    size_t steps = 0;
    uint64_t before = 0;
    for (unsigned bits = FIRST_BITS; bits <= BZS_HISTOGRAM_BITS && before < sum->total; bits++) {
        uint64_t count = bzs_histogram_below(sum, bits);
        uint64_t limit_ns = ((uint64_t)1 << bits) + ((uint64_t)1 << bits) / 128 - 1; /* as Redis rounds it */
        if (count > before) {
            limits[steps] = (int64_t)(limit_ns / 1000);
            counts[steps++] = count;
        }
        before = count;
    }
    bzs_reply_map(call->reply, steps);
    for (size_t i = 0; i < steps; i++) {
        bzs_reply_integer(call->reply, limits[i]);
        bzs_reply_integer(call->reply, (int64_t)counts[i]);
    }
}

/** Writes what is known about a command to `names`; false if it was never called. */
static bool reply_histogram(struct bzs_call *call, const struct bzs_command *command) {
    struct bzs_histogram_sum sum;
    if (!bzs_account_histogram(call->server, command, &sum))
        return false;
    bzs_reply_text(call->reply, command->name);
    bzs_reply_map(call->reply, 2);
    bzs_reply_text(call->reply, "calls");
    bzs_reply_integer(call->reply, (int64_t)sum.total);
    bzs_reply_text(call->reply, "histogram_usec");
    reply_distribution(call, &sum);
    return true;
}

/** Does the same for a command and its subcommands; how many were written. */
static size_t reply_histograms(struct bzs_call *call, const struct bzs_command *command) {
    size_t count = reply_histogram(call, command);
    for (const struct bzs_command *child = command->subcommands; child != NULL && child->name != NULL;
         child++)
        count += reply_histogram(call, child);
    return count;
}

static void run_histogram(struct bzs_call *call) {
    struct bzs_reply *reply = call->reply;
    struct bzs_reply gathered;
    size_t count = 0;
    bzs_reply_init(&gathered);
    gathered.protocol = reply->protocol;
    call->reply = &gathered; /* how many there are is known at the end only */
    for (size_t i = 0; call->argc == 2 && i < bzs_command_count(); i++)
        count += reply_histograms(call, bzs_command_at(i));
    for (size_t i = 2; i < call->argc; i++) {
        const struct bzs_command *command = bzs_command_find_full(call->argv[i]);
        count += command != NULL ? reply_histograms(call, command) : 0;
    }
    call->reply = reply;
    bzs_reply_map(reply, count);
    bzs_reply_take(reply, &gathered);
}

static void run_help(struct bzs_call *call) {
    static const char *const lines[] = {"DOCTOR",
                                        "    What was slow, in words, and what may help.",
                                        "GRAPH <event>",
                                        "    The samples of an event as bars.",
                                        "HISTOGRAM [<command> ...]",
                                        "    How many calls of these commands, or of all, took how long.",
                                        "HISTORY <event>",
                                        "    The samples of an event.",
                                        "LATEST",
                                        "    For each event the last sample and the longest one.",
                                        "RESET [<event> ...]",
                                        "    Forget the samples of these events, or of all.",
                                        NULL};
    bzs_reply_help(call, lines);
}

enum { WATCHING = BZS_ADMIN | BZS_NOSCRIPT | BZS_LOADING | BZS_STALE };

static const struct bzs_command latency_commands[] = {
    {"latency|doctor", run_doctor, 2, WATCHING, 0, 0, 0, NULL, "server", "2.8.13",
     "Tells in words what was slow."},
    {"latency|graph", run_graph, 3, WATCHING, 0, 0, 0, NULL, "server", "2.8.13",
     "Draws the samples of an event."},
    {"latency|help", run_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "2.8.13",
     "Explains the subcommands."},
    {"latency|histogram", run_histogram, -2, WATCHING, 0, 0, 0, NULL, "server", "7.0.0",
     "Returns how long the calls of commands took."},
    {"latency|history", run_history, 3, WATCHING, 0, 0, 0, NULL, "server", "2.8.13",
     "Returns the samples of an event."},
    {"latency|latest", run_latest, 2, WATCHING, 0, 0, 0, NULL, "server", "2.8.13",
     "Returns the last sample of each event."},
    {"latency|reset", run_reset, -2, WATCHING, 0, 0, 0, NULL, "server", "2.8.13",
     "Forgets the samples of events."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_latency[] = {
    {"latency", NULL, -2, 0, 0, 0, 0, latency_commands, "server", "2.8.13",
     "Groups the commands about late events."},
    {.name = NULL},
};
