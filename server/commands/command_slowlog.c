/**
 * @file
 * @brief SLOWLOG: the last commands that took longer than allowed.
 */
#include "command.h"
#include "server.h"
#include "telemetry.h"

enum { SHOWN_BY_DEFAULT = 10 };

static void run_get(struct bzs_call *call) {
    int64_t count = SHOWN_BY_DEFAULT;
    if (call->argc > 3) {
        bzs_reply_subcommand_error(call);
        return;
    }
    if (call->argc == 3 && (!bzs_parse_integer(call->argv[2], &count) || count < -1)) {
        bzs_reply_error(call->reply, "ERR count should be greater than or equal to -1");
        return;
    }
    bzs_slowlog_reply(&call->server->telemetry->slowlog, count < 0 ? SIZE_MAX : (size_t)count, call->reply);
}

static void run_len(struct bzs_call *call) {
    bzs_reply_integer(call->reply, (int64_t)bzs_slowlog_count(&call->server->telemetry->slowlog));
}

static void run_reset(struct bzs_call *call) {
    bzs_slowlog_reset(&call->server->telemetry->slowlog);
    bzs_reply_simple(call->reply, "OK");
}

static void run_help(struct bzs_call *call) {
    static const char *const lines[] = {
        "GET [<count>]",
        "    The newest entries: number, time, microseconds, arguments, address",
        "    and name of the client. 10 if no count is given, -1 for all.",
        "LEN",
        "    How many entries there are.",
        "RESET",
        "    Forget all entries.",
        NULL};
    bzs_reply_help(call, lines);
}

enum { WATCHING = BZS_ADMIN | BZS_LOADING | BZS_STALE };

static const struct bzs_command slowlog_commands[] = {
    {"slowlog|get", run_get, -2, WATCHING, 0, 0, 0, NULL, "server", "2.2.12",
     "Returns the newest entries of the slow log."},
    {"slowlog|help", run_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "6.2.0",
     "Explains the subcommands."},
    {"slowlog|len", run_len, 2, WATCHING, 0, 0, 0, NULL, "server", "2.2.12",
     "Counts the entries of the slow log."},
    {"slowlog|reset", run_reset, 2, WATCHING, 0, 0, 0, NULL, "server", "2.2.12", "Empties the slow log."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_slowlog[] = {
    {"slowlog", NULL, -2, 0, 0, 0, 0, slowlog_commands, "server", "2.2.12",
     "Groups the commands about slow commands."},
    {.name = NULL},
};
