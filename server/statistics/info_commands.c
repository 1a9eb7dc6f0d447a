#include "info_commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounting.h"
#include "loop.h"
#include "server.h"
#include "telemetry.h"

void bzs_info_put(struct bzs_reply *text, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    bzs_reply_raw(text, line, strlen(line));
}

void bzs_info_put_number(struct bzs_reply *text, const char *name, uint64_t number) {
    bzs_info_put(text, "%s:%llu\r\n", name, (unsigned long long)number);
}

/** Calls a function for every command and subcommand. */
static void for_each_command(const struct bzs_server *server, struct bzs_reply *text,
                             void (*put)(const struct bzs_server *server, const struct bzs_command *command,
                                         struct bzs_reply *text)) {
    for (size_t i = 0; i < bzs_command_count(); i++) {
        const struct bzs_command *command = bzs_command_at(i);
        put(server, command, text);
        for (const struct bzs_command *child = command->subcommands; child != NULL && child->name != NULL;
             child++)
            put(server, child, text);
    }
}

static void put_commandstat(const struct bzs_server *server, const struct bzs_command *command,
                            struct bzs_reply *text) {
    struct bzs_command_sum sum = bzs_account_sum(server, command);
    if (sum.calls == 0 && sum.rejected == 0 && sum.failed == 0)
        return;
    uint64_t microseconds = sum.nanoseconds / 1000;
    bzs_info_put(
        text, "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu\r\n",
        command->name, (unsigned long long)sum.calls, (unsigned long long)microseconds,
        sum.calls > 0 ? (double)sum.nanoseconds / 1000.0 / (double)sum.calls : 0.0,
        (unsigned long long)sum.rejected, (unsigned long long)sum.failed);
}

void bzs_info_put_commandstats(const struct bzs_server *server, struct bzs_reply *text) {
    for_each_command(server, text, put_commandstat);
}

void bzs_info_put_errorstats(const struct bzs_server *server, struct bzs_reply *text) {
    const struct bzs_telemetry *telemetry = server->telemetry;
    for (unsigned i = 0; i < atomic_load(&telemetry->error_codes); i++) {
        uint64_t count = atomic_load(&telemetry->errors[i].count);
        if (count > 0)
            bzs_info_put(text, "errorstat_%s:count=%llu\r\n", telemetry->errors[i].code,
                         (unsigned long long)count);
    }
}

static void put_latencystat(const struct bzs_server *server, const struct bzs_command *command,
                            struct bzs_reply *text) {
    struct bzs_histogram_sum sum;
    if (!bzs_account_histogram(server, command, &sum))
        return;
    const char *rest = server->config->latency_percentiles != NULL ? server->config->latency_percentiles : "";
    const char *separator = "";
    bzs_info_put(text, "latency_percentiles_usec_%s:", command->name);
    char *end;
    for (double percentage = strtod(rest, &end); end != rest; percentage = strtod(rest, &end)) {
        bzs_info_put(text, "%sp%g=%.3f", separator, percentage,
                     (double)bzs_histogram_percentile(&sum, percentage) / 1000.0);
        separator = ",";
        rest = end;
    }
    bzs_info_put(text, "\r\n");
}

void bzs_info_put_latencystats(const struct bzs_server *server, struct bzs_reply *text) {
    for_each_command(server, text, put_latencystat);
}
