/**
 * @file
 * @brief EXPIRE, TTL, PERSIST and their relatives: when keys go away.
 */
#include "command_data.h"
#include "events.h"

/** Reads `NX`, `XX`, `GT` and `LT` behind the time; false: the error reply has been written. */
static bool parse_expire_flags(struct bzs_call *call, unsigned *flags_out) {
    const unsigned not_with_none = BLITZDB_EXPIRE_IF_SET | BLITZDB_EXPIRE_IF_GREATER | BLITZDB_EXPIRE_IF_LESS;
    unsigned flags = 0;

    for (size_t i = 3; i < call->argc; i++) {
        struct bzs_slice word = call->argv[i];

        if (bzs_arg_is(word, "nx")) {
            flags |= BLITZDB_EXPIRE_IF_NONE;
        } else if (bzs_arg_is(word, "xx")) {
            flags |= BLITZDB_EXPIRE_IF_SET;
        } else if (bzs_arg_is(word, "gt")) {
            flags |= BLITZDB_EXPIRE_IF_GREATER;
        } else if (bzs_arg_is(word, "lt")) {
            flags |= BLITZDB_EXPIRE_IF_LESS;
        } else {
            int shown = word.size < 512 ? (int)word.size : 512;

            bzs_reply_error(call->reply, "ERR Unsupported option %.*s", shown, word.data);
            return false;
        }
    }
    if ((flags & BLITZDB_EXPIRE_IF_NONE) != 0 && (flags & not_with_none) != 0) {
        bzs_reply_error(call->reply, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((flags & BLITZDB_EXPIRE_IF_GREATER) != 0 && (flags & BLITZDB_EXPIRE_IF_LESS) != 0) {
        bzs_reply_error(call->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    *flags_out = flags;
    return true;
}

/** Sets the expiry to the time in argument 2; `how` is ::bzs_data_time. A past time deletes the key. */
static void set_expiry(struct bzs_call *call, unsigned how) {
    const struct bzs_slice *key = &call->argv[1];
    int64_t deadline_ms = 0;
    unsigned flags = 0;

    if (!parse_expire_flags(call, &flags) || !bzs_data_deadline(call, 2, how, &deadline_ms))
        return;

    blitzdb_status status = blitzdb_expire_at(call->db, key->data, key->size, deadline_ms, flags);

    if (status == BLITZDB_OK)
        bzs_call_changed(call, BZS_EVENTS_GENERIC, deadline_ms <= bzs_call_now_ms(call) ? "del" : "expire",
                         *key);

    if (status == BLITZDB_NOT_FOUND || status == BLITZDB_CONDITION_FAILED || bzs_data_succeeded(call, status))
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
}

static void run_expire(struct bzs_call *call) {
    set_expiry(call, BZS_TIME_SECONDS | BZS_TIME_RELATIVE);
}

static void run_pexpire(struct bzs_call *call) {
    set_expiry(call, BZS_TIME_RELATIVE);
}

static void run_expireat(struct bzs_call *call) {
    set_expiry(call, BZS_TIME_SECONDS);
}

static void run_pexpireat(struct bzs_call *call) {
    set_expiry(call, 0);
}

/** Answers with a time of a key: -2 if there is no such key, -1 if it does not expire, else rounded to units.
 */
static void reply_time(struct bzs_call *call, blitzdb_status status, int64_t time_ms, bool expires,
                       bool seconds) {
    if (status == BLITZDB_NOT_FOUND) {
        bzs_call_missed(call, call->argv[1]);
        bzs_reply_integer(call->reply, -2);
    } else if (bzs_data_succeeded(call, status)) {
        bzs_call_hit(call);
        bzs_reply_integer(call->reply, !expires ? -1 : seconds ? (time_ms + 500) / 1000 : time_ms);
    }
}

static void tell_ttl(struct bzs_call *call, bool seconds) {
    int64_t ttl_ms = 0;
    blitzdb_status status = blitzdb_ttl(call->db, call->argv[1].data, call->argv[1].size, &ttl_ms);

    reply_time(call, status, ttl_ms, ttl_ms != -1, seconds);
}

static void tell_expire_time(struct bzs_call *call, bool seconds) {
    int64_t expire_at_ms = 0;
    blitzdb_status status =
        blitzdb_expire_time(call->db, call->argv[1].data, call->argv[1].size, &expire_at_ms);

    reply_time(call, status, expire_at_ms, expire_at_ms != 0, seconds);
}

static void run_ttl(struct bzs_call *call) {
    tell_ttl(call, true);
}

static void run_pttl(struct bzs_call *call) {
    tell_ttl(call, false);
}

static void run_expiretime(struct bzs_call *call) {
    tell_expire_time(call, true);
}

static void run_pexpiretime(struct bzs_call *call) {
    tell_expire_time(call, false);
}

static void run_persist(struct bzs_call *call) {
    blitzdb_status status = blitzdb_persist(call->db, call->argv[1].data, call->argv[1].size);

    if (status == BLITZDB_OK)
        bzs_call_changed(call, BZS_EVENTS_GENERIC, "persist", call->argv[1]);

    if (status == BLITZDB_NOT_FOUND || status == BLITZDB_CONDITION_FAILED || bzs_data_succeeded(call, status))
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
}

const struct bzs_command bzs_commands_expire[] = {
    {"expire", run_expire, -3, BZS_WRITE | BZS_FAST, 1, 1, 1, NULL, "generic", "1.0.0",
     "Makes a key expire some seconds from now."},
    {"pexpire", run_pexpire, -3, BZS_WRITE | BZS_FAST, 1, 1, 1, NULL, "generic", "2.6.0",
     "Makes a key expire some milliseconds from now."},
    {"expireat", run_expireat, -3, BZS_WRITE | BZS_FAST, 1, 1, 1, NULL, "generic", "1.2.0",
     "Makes a key expire at a Unix time in seconds."},
    {"pexpireat", run_pexpireat, -3, BZS_WRITE | BZS_FAST, 1, 1, 1, NULL, "generic", "2.6.0",
     "Makes a key expire at a Unix time in milliseconds."},
    {"ttl", run_ttl, 2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "generic", "1.0.0",
     "Tells how many seconds a key still lives."},
    {"pttl", run_pttl, 2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "generic", "2.6.0",
     "Tells how many milliseconds a key still lives."},
    {"expiretime", run_expiretime, 2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "generic", "7.0.0",
     "Tells the Unix time in seconds at which a key expires."},
    {"pexpiretime", run_pexpiretime, 2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "generic", "7.0.0",
     "Tells the Unix time in milliseconds at which a key expires."},
    {"persist", run_persist, 2, BZS_WRITE | BZS_FAST, 1, 1, 1, NULL, "generic", "2.2.0",
     "Takes the expiry from a key."},
    {NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL},
};
