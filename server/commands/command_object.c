/**
 * @file
 * @brief OBJECT: how a value is kept, and how much its key is used.
 */

#include "command_data.h"
#include "server.h"

/** Sizes by which Redis chooses a form for a string; clients and tools know them. */
enum { INTEGER_SIZE_MAX = 20, EMBEDDED_SIZE_MAX = 44 };

/** What is known about the key in argument 2; false: the answer, null or an error, has been written. */
static bool inspect(struct bzs_call *call, blitzdb_key_info *info_out) {
    *info_out = (blitzdb_key_info)BLITZDB_KEY_INFO_INIT;
    blitzdb_status status = blitzdb_inspect(call->db, call->argv[2].data, call->argv[2].size, info_out);
    if (status == BLITZDB_NOT_FOUND)
        bzs_reply_null(call->reply);
    else if (status != BLITZDB_OK)
        bzs_reply_status(call, status);
    return status == BLITZDB_OK;
}

/** True for a value that is an integer in its shortest form, as Redis would keep it. */
static bool is_integer(struct bzs_call *call) {
    char value[INTEGER_SIZE_MAX];
    size_t size;
    int64_t number;
    blitzdb_status status =
        blitzdb_get(call->db, call->argv[2].data, call->argv[2].size, value, sizeof(value), &size);
    return status == BLITZDB_OK && bzs_parse_integer((struct bzs_slice){value, size}, &number);
}

static void run_encoding(struct bzs_call *call) {
    blitzdb_key_info info;
    if (!inspect(call, &info))
        return;
    if (info.value_size <= INTEGER_SIZE_MAX && is_integer(call))
        bzs_reply_text(call->reply, "int");
    else
        bzs_reply_text(call->reply, info.value_size <= EMBEDDED_SIZE_MAX ? "embstr" : "raw");
}

static bool goes_by_frequency(const struct bzs_call *call) {
    int64_t eviction = call->server->config->eviction;
    return eviction == BLITZDB_EVICTION_ALLKEYS_LFU || eviction == BLITZDB_EVICTION_VOLATILE_LFU;
}

/** Four levels, 0 to 3, where Redis has 256: the two marks eviction goes by; see blitzdb_inspect(). */
static void run_freq(struct bzs_call *call) {
    blitzdb_key_info info;
    if (!inspect(call, &info))
        return;
    if (goes_by_frequency(call))
        bzs_reply_integer(call->reply, info.use);
    else
        bzs_reply_error(
            call->reply,
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
            "that when switching between policies at runtime LRU and LFU data will take some time to "
            "adjust.");
}

/** There is no time of the last use, under no policy, and none is made up. */
static void run_idletime(struct bzs_call *call) {
    blitzdb_key_info info;
    if (!inspect(call, &info))
        return;
    if (goes_by_frequency(call))
        bzs_reply_error(
            call->reply,
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
            "switching between policies at runtime LRU and LFU data will take some time to adjust.");
    else
        bzs_reply_error(call->reply,
                        "ERR idle time not tracked: this server remembers that a key was used, not "
                        "when");
}

static void run_refcount(struct bzs_call *call) {
    blitzdb_key_info info;
    if (inspect(call, &info))
        bzs_reply_integer(call->reply, 1);
}

static void run_help(struct bzs_call *call) {
    static const char *const lines[] = {"ENCODING <key>",
                                        "    int, embstr or raw, as Redis would choose for the value.",
                                        "FREQ <key>",
                                        "    0 to 3: how much the key is used, with an LFU maxmemory-policy.",
                                        "IDLETIME <key>",
                                        "    Refused: times of use are not kept.",
                                        "REFCOUNT <key>",
                                        "    Always 1: values are not shared.",
                                        NULL};
    bzs_reply_help(call, lines);
}

static const struct bzs_command object_commands[] = {
    {"object|encoding", run_encoding, 3, BZS_READONLY, 2, 2, 1, NULL, "generic", "2.2.3",
     "Tells the form a value would have in Redis."},
    {"object|freq", run_freq, 3, BZS_READONLY, 2, 2, 1, NULL, "generic", "4.0.0",
     "Tells how much a key is used."},
    {"object|help", run_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "generic", "6.2.0",
     "Explains the subcommands."},
    {"object|idletime", run_idletime, 3, BZS_READONLY, 2, 2, 1, NULL, "generic", "2.2.3",
     "Refused: times of use are not kept."},
    {"object|refcount", run_refcount, 3, BZS_READONLY, 2, 2, 1, NULL, "generic", "2.2.3",
     "Tells how many share a value: one."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_object[] = {
    {"object", NULL, -2, 0, 0, 0, 0, object_commands, "generic", "2.2.3",
     "Groups the commands about values."},
    {.name = NULL},
};
