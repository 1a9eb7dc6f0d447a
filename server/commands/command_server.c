#include <time.h>

#include "client.h"
#include "command.h"
#include "server.h"

static void run_time(struct bzs_call *call) {
    struct timespec now;
    char digits[BZS_DECIMAL_SIZE];
    clock_gettime(CLOCK_REALTIME, &now);
    bzs_reply_array(call->reply, 2);
    bzs_reply_bulk(call->reply, digits, bzs_format_integer(now.tv_sec, digits));
    bzs_reply_bulk(call->reply, digits, bzs_format_integer(now.tv_nsec / 1000, digits));
}

static void run_lastsave(struct bzs_call *call) {
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    blitzdb_status status = blitzdb_stats(call->db, &stats);
    if (status != BLITZDB_OK) {
        bzs_reply_status(call, status);
        return;
    }
    int64_t saved_ms = stats.last_snapshot_ms > 0 ? stats.last_snapshot_ms : call->server->started_ms;
    bzs_reply_integer(call->reply, saved_ms / 1000);
}

/** True if a snapshot can be taken now; otherwise the reason has been answered. */
static bool can_save(struct bzs_call *call, const char *busy) {
    blitzdb_stats_info stats = {.struct_size = sizeof(stats)};
    if (call->server->config->dir == NULL) {
        bzs_reply_error(call->reply, "ERR this server keeps its data in memory only; start it with "
                                     "--dir DIRECTORY to save it");
        return false;
    }
    blitzdb_status status = blitzdb_stats(call->db, &stats);
    if (status != BLITZDB_OK) {
        bzs_reply_status(call, status);
        return false;
    }
    if (stats.snapshot_running || bzs_keeper_is_saving(&call->server->keeper)) {
        bzs_reply_error(call->reply, "%s", busy);
        return false;
    }
    return true;
}

#define SAVE_IN_PROGRESS "ERR Background save already in progress"
#define REWRITE_IN_PROGRESS "ERR Background append only file rewriting already in progress"

static void run_save(struct bzs_call *call) {
    if (!can_save(call, SAVE_IN_PROGRESS))
        return;
    blitzdb_status status = bzs_keeper_snapshot(&call->server->keeper);
    if (status == BLITZDB_OK)
        bzs_reply_simple(call->reply, "OK");
    else if (status == BLITZDB_BUSY)
        bzs_reply_error(call->reply, SAVE_IN_PROGRESS);
    else
        bzs_reply_error(call->reply, "ERR %s", blitzdb_status_text(status));
}

static void save_in_background(struct bzs_call *call, const char *started, const char *busy) {
    if (!can_save(call, busy))
        return;
    if (bzs_keeper_request_snapshot(&call->server->keeper))
        bzs_reply_simple(call->reply, started);
    else
        bzs_reply_error(call->reply, "%s", busy);
}

static void cancel_save(struct bzs_call *call) {
    if (bzs_keeper_cancel_snapshot(&call->server->keeper))
        bzs_reply_simple(call->reply, "Background saving cancelled");
    else
        bzs_reply_error(call->reply, "ERR Background saving is currently not in progress or scheduled");
}

/** BGSAVE, BGSAVE SCHEDULE as Redis has it, and BGSAVE CANCEL as Valkey has it. */
static void run_bgsave(struct bzs_call *call) {
    if (call->argc == 2 && bzs_arg_is(call->argv[1], "cancel")) {
        cancel_save(call);
        return;
    }
    if (call->argc > 2 || (call->argc == 2 && !bzs_arg_is(call->argv[1], "schedule"))) {
        bzs_reply_syntax_error(call);
        return;
    }
    save_in_background(call, "Background saving started", SAVE_IN_PROGRESS);
}

/** A snapshot replaces the log before it: just what rewriting the append-only file is for. */
static void run_bgrewriteaof(struct bzs_call *call) {
    save_in_background(call, "Background append only file rewriting started", REWRITE_IN_PROGRESS);
}

/** The words behind SHUTDOWN. */
struct shutdown_options {
    bool no_save, save, now, force, abort;
};

static bool parse_shutdown(const struct bzs_call *call, struct shutdown_options *options) {
    for (size_t i = 1; i < call->argc; i++) {
        options->no_save |= bzs_arg_is(call->argv[i], "nosave");
        options->save |= bzs_arg_is(call->argv[i], "save");
        options->now |= bzs_arg_is(call->argv[i], "now");
        options->force |= bzs_arg_is(call->argv[i], "force");
        options->abort |= bzs_arg_is(call->argv[i], "abort");
    }
    size_t words = (size_t)options->no_save + options->save + options->now + options->force + options->abort;
    return words == call->argc - 1 && !(options->save && options->no_save) && (!options->abort || words == 1);
}

/** Has no reply if it succeeds: the end of the connection is the answer. */
static void run_shutdown(struct bzs_call *call) {
    struct shutdown_options options = {0};
    if (!parse_shutdown(call, &options)) {
        bzs_reply_syntax_error(call);
        return;
    }
    if (options.abort) {
        bzs_reply_error(call->reply, "ERR No shutdown in progress.");
        return;
    }
    enum bzs_final_snapshot how = options.no_save ? BZS_FINAL_SNAPSHOT_NEVER
                                  : options.save  ? BZS_FINAL_SNAPSHOT_ALWAYS
                                                  : BZS_FINAL_SNAPSHOT_DEFAULT;
    if (!bzs_server_prepare_stop(call->server, how) && !options.force) {
        bzs_reply_error(call->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
        return;
    }
    bzs_say(call->server->messages, BZS_NOTICE, "a client asked for the end of the server");
    call->client->close_when_sent = true;
    bzs_server_stop(call->server);
}

enum { UPKEEP = BZS_ADMIN | BZS_NOSCRIPT | BZS_NO_ASYNC_LOADING };

const struct bzs_command bzs_commands_server[] = {
    {"bgrewriteaof", run_bgrewriteaof, 1, UPKEEP, 0, 0, 0, NULL, "server", "1.0.0",
     "Replaces the log by a snapshot in the background."},
    {"bgsave", run_bgsave, -1, UPKEEP, 0, 0, 0, NULL, "server", "1.0.0",
     "Writes a snapshot in the background."},
    {"lastsave", run_lastsave, 1, BZS_LOADING | BZS_STALE | BZS_FAST, 0, 0, 0, NULL, "server", "1.0.0",
     "Tells when the last snapshot was written."},
    {"save", run_save, 1, UPKEEP | BZS_NO_MULTI, 0, 0, 0, NULL, "server", "1.0.0",
     "Writes a snapshot and waits for it."},
    {"shutdown", run_shutdown, -1,
     BZS_ADMIN | BZS_NOSCRIPT | BZS_LOADING | BZS_STALE | BZS_ALLOW_BUSY | BZS_NO_MULTI, 0, 0, 0, NULL,
     "server", "1.0.0", "Ends the server."},
    {"time", run_time, 1, BZS_LOADING | BZS_STALE | BZS_FAST, 0, 0, 0, NULL, "server", "2.6.0",
     "Tells the time of the server."},
    {.name = NULL},
};
