/**
 * @file
 * @brief DBSIZE, FLUSHDB, FLUSHALL and SWAPDB: commands on whole keyspaces, which Redis calls databases.
 */
#include "command_data.h"
#include "events.h"

#include <limits.h>

static void run_dbsize(struct bzs_call *call) {
    uint64_t keys = 0;

    if (bzs_data_succeeded(call, blitzdb_count(call->db, &keys, NULL)))
        bzs_reply_integer(call->reply, (int64_t)keys);
}

/** FLUSHDB and FLUSHALL. ASYNC and SYNC are accepted and mean the same: the keys are gone when the reply
 * comes. */
static void flush(struct bzs_call *call, blitzdb_status (*flush_keys)(blitzdb *db)) {
    bool known_option =
        call->argc == 2 && (bzs_arg_is(call->argv[1], "async") || bzs_arg_is(call->argv[1], "sync"));

    if (call->argc > 1 && !known_option) {
        bzs_reply_syntax_error(call);
    } else if (bzs_data_succeeded(call, flush_keys(call->db))) {
        bzs_call_flushed(call);
        bzs_reply_simple(call->reply, "OK");
    }
}

static void run_flushdb(struct bzs_call *call) {
    flush(call, blitzdb_flush_keyspace);
}

static void run_flushall(struct bzs_call *call) {
    flush(call, blitzdb_flush_all);
}

/** Reads the index of a database into an int; the name ("first") goes into the error reply. */
static bool parse_index(struct bzs_call *call, size_t index, const char *name, int *number_out) {
    int64_t number = 0;

    if (!bzs_parse_integer(call->argv[index], &number) || number < INT_MIN || number > INT_MAX) {
        bzs_reply_error(call->reply, "ERR invalid %s DB index", name);
        return false;
    }
    *number_out = (int)number;
    return true;
}

static void run_swapdb(struct bzs_call *call) {
    int first = 0;
    int second = 0;

    if (!parse_index(call, 1, "first", &first) || !parse_index(call, 2, "second", &second))
        return;
    if (first < 0 || first >= BLITZDB_KEYSPACES || second < 0 || second >= BLITZDB_KEYSPACES) {
        bzs_reply_error(call->reply, "ERR DB index is out of range");
        return;
    }
    if (bzs_data_succeeded(call, blitzdb_swap_keyspaces(call->db, (unsigned)first, (unsigned)second)))
        bzs_reply_simple(call->reply, "OK");
}

const struct bzs_command bzs_commands_keyspace[] = {
    {"dbsize", run_dbsize, 1, BZS_READONLY | BZS_FAST, 0, 0, 0, NULL, "server", "1.0.0",
     "Counts the keys of the selected database."},
    {"flushall", run_flushall, -1, BZS_WRITE, 0, 0, 0, NULL, "server", "1.0.0",
     "Removes all keys of all databases."},
    {"flushdb", run_flushdb, -1, BZS_WRITE, 0, 0, 0, NULL, "server", "1.0.0",
     "Removes all keys of the selected database."},
    {"swapdb", run_swapdb, 3, BZS_WRITE | BZS_FAST, 0, 0, 0, NULL, "server", "4.0.0",
     "Exchanges the keys of two databases."},
    {NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL},
};
