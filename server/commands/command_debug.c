/**
 * @file
 * @brief DEBUG, as far as clients' own tests need it, and LOLWUT.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "lightning.h"
#include "server.h"

/** Whether the setting lets this connection use DEBUG. */
static bool may_debug(const struct bzs_call *call) {
    int64_t setting = call->server->config->debug_command;
    return setting == BZS_DEBUG_YES ||
           (setting == BZS_DEBUG_LOCAL && bzs_listener_peer_is_local(call->client->fd));
}

/** Keeps the thread of this connection busy: what a slow command does to its neighbours. */
static void run_debug_wait(struct bzs_call *call) {
    enum { SECONDS_MAX = 3600 };
    char text[32] = "";
    size_t size = call->argv[2].size < sizeof(text) ? call->argv[2].size : sizeof(text) - 1;
    memcpy(text, call->argv[2].data, size);
    double seconds = strtod(text, NULL);
    if (seconds > 0)
        poll(NULL, 0, (int)((seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1000));
    bzs_reply_simple(call->reply, "OK");
}

static void run_debug(struct bzs_call *call) {
    static const char *const lines[] = {
        "SLEEP <seconds>", "    Keep the thread of this connection busy. Decimals are allowed.", NULL};
    if (!may_debug(call))
        bzs_reply_error(
            call->reply,
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", "
            "you can run it from a local connection, otherwise you need to set this option in the "
            "configuration file, and then restart the server.");
    else if (call->argc == 3 && bzs_arg_is(call->argv[1], "sleep"))
        run_debug_wait(call);
    else if (call->argc == 2 && bzs_arg_is(call->argv[1], "help"))
        bzs_reply_help(call, lines);
    else
        bzs_reply_subcommand_error(call);
}

/** LOLWUT [VERSION version] [columns [rows [seed]]]: a bolt of lightning. */
static void run_lolwut(struct bzs_call *call) {
    size_t first = 1;
    int64_t version;
    int64_t numbers[] = {60, 24, bzs_call_now_ms(call)};
    if (call->argc > 2 && bzs_arg_is(call->argv[1], "version")) {
        if (!bzs_arg_integer(call, 2, &version))
            return;
        first = 3;
    }
    for (size_t i = first; i < call->argc && i - first < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!bzs_arg_integer(call, i, &numbers[i - first]))
            return;
    struct bzs_reply picture;
    bzs_reply_init(&picture);
    bzs_lightning_draw(numbers[0], numbers[1], (uint64_t)numbers[2], &picture);
    static const char signature[] = "BlitzDB ver. ";
    bzs_reply_raw(&picture, signature, sizeof(signature) - 1);
    bzs_reply_raw(&picture, blitzdb_version(), strlen(blitzdb_version()));
    bzs_reply_raw(&picture, "\n", 1);
    bzs_reply_take_verbatim(call->reply, &picture);
}

const struct bzs_command bzs_commands_debug[] = {
    {"debug", run_debug, -2, BZS_ADMIN | BZS_NOSCRIPT | BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server",
     "1.0.0", "Keeps a thread busy, for tests."},
    {"lolwut", run_lolwut, -1, BZS_READONLY | BZS_FAST, 0, 0, 0, NULL, "server", "5.0.0",
     "Draws a bolt of lightning."},
    {.name = NULL},
};
