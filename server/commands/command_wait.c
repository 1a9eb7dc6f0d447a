#include "client.h"
#include "clock.h"
#include "command.h"
#include "loop.h"
#include "server.h"

/**
 * Reads milliseconds to wait, 0 being forever; false: the error reply is written. The end is rounded up, and
 * counted from now, not from the beginning of the turn: nobody is told too early that the time is up.
 */
static bool read_until(struct bzs_call *call, size_t index, int64_t *until_ms_out) {
    int64_t timeout_ms;
    if (!bzs_parse_integer(call->argv[index], &timeout_ms)) {
        bzs_reply_error(call->reply, "ERR timeout is not an integer or out of range");
    } else if (timeout_ms < 0) {
        bzs_reply_error(call->reply, "ERR timeout is negative");
    } else if (timeout_ms > INT64_MAX - bzs_call_now_ms(call)) {
        bzs_reply_error(call->reply, "ERR timeout is out of range");
    } else {
        *until_ms_out = timeout_ms == 0 ? INT64_MAX : bzs_clock_ms(CLOCK_MONOTONIC) + 1 + timeout_ms;
        return true;
    }
    return false;
}

/** Answers at once if there is nothing to wait for, else stops the connection. */
static void wait_or_answer(struct bzs_call *call, const struct bzs_wait *wait) {
    struct bzs_wait_state state = {.has_log = call->server->logs_writes,
                                   .durable = blitzdb_durable_position(call->server->db),
                                   .tick_ms = call->client->loop->tick_ms};
    if (bzs_wait_is_over(wait, &state) || call->client->in_exec)
        bzs_wait_answer(wait, &state, call->reply);
    else
        call->client->wait = *wait;
}

static void run_wait(struct bzs_call *call) {
    struct bzs_wait wait = {.kind = BZS_WAIT_REPLICAS};
    int64_t replicas;
    if (!bzs_arg_integer(call, 1, &replicas) || !read_until(call, 2, &wait.until_ms))
        return;
    wait.needs_replicas = replicas > 0;
    wait_or_answer(call, &wait);
}

static void run_waitaof(struct bzs_call *call) {
    struct bzs_wait wait = {.kind = BZS_WAIT_LOG};
    int64_t logs, replicas;
    if (!bzs_arg_integer(call, 1, &logs))
        return;
    if (logs < 0 || logs > 1) {
        bzs_reply_error(call->reply, "ERR value is out of range, must be between 0 and 1");
        return;
    }
    if (!bzs_parse_integer(call->argv[2], &replicas) || replicas < 0) {
        bzs_reply_error(call->reply, "ERR value is out of range, must be positive");
        return;
    }
    if (!read_until(call, 3, &wait.until_ms))
        return;
    if (logs > 0 && !call->server->logs_writes) {
        bzs_reply_error(call->reply,
                        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
        return;
    }
    wait.needs_log = logs > 0;
    wait.needs_replicas = replicas > 0;
    wait.log_position = bzs_client_log_position(call->client);
    wait_or_answer(call, &wait);
}

const struct bzs_command bzs_commands_wait[] = {
    {"wait", run_wait, 3, BZS_NOSCRIPT, 0, 0, 0, NULL, "generic", "3.0.0",
     "Waits for replicas, of which there are none."},
    {"waitaof", run_waitaof, 4, BZS_NOSCRIPT, 0, 0, 0, NULL, "generic", "7.2.0",
     "Waits until the writes of the connection are on disk."},
    {.name = NULL},
};
