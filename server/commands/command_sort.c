/**
 * @file
 * @brief SORT and SORT_RO, as far as there is something to sort: a string is the wrong type, and what is not
 *        there is empty.
 */
#include "command_data.h"
#include "events.h"

/** Reads the words behind the key; `target_out` is the argument of STORE, 0: none. False: the error reply has
 * been written. */
static bool parse_options(struct bzs_call *call, bool may_store, size_t *target_out) {
    for (size_t i = 2; i < call->argc; i++) {
        struct bzs_slice word = call->argv[i];
        size_t left = call->argc - i - 1;
        int64_t unused = 0;
        if (bzs_arg_is(word, "asc") || bzs_arg_is(word, "desc") || bzs_arg_is(word, "alpha"))
            continue;
        if (bzs_arg_is(word, "limit") && left >= 2) {
            if (!bzs_arg_integer(call, i + 1, &unused) || !bzs_arg_integer(call, i + 2, &unused))
                return false;
            i += 2;
        } else if (may_store && bzs_arg_is(word, "store") && left >= 1) {
            *target_out = ++i;
        } else if ((bzs_arg_is(word, "by") || bzs_arg_is(word, "get")) && left >= 1) {
            i++;
        } else {
            bzs_reply_syntax_error(call);
            return false;
        }
    }
    return true;
}

/** Answers a list without elements, or stores it, which deletes the target. */
static void reply_empty(struct bzs_call *call, size_t target) {
    if (target == 0) {
        bzs_reply_array(call->reply, 0);
        return;
    }

    blitzdb_status status = blitzdb_del(call->db, call->argv[target].data, call->argv[target].size);

    if (status == BLITZDB_OK)
        bzs_call_changed(call, BZS_EVENTS_GENERIC, "del", call->argv[target]);
    if (status == BLITZDB_NOT_FOUND || bzs_data_succeeded(call, status))
        bzs_reply_integer(call->reply, 0);
}

static void sort(struct bzs_call *call, bool may_store) {
    size_t target = 0;

    if (!parse_options(call, may_store, &target))
        return;

    blitzdb_status status = blitzdb_exists(call->db, call->argv[1].data, call->argv[1].size);

    if (status == BLITZDB_NOT_FOUND) {
        bzs_call_missed(call, call->argv[1]);
        reply_empty(call, target);
    } else if (bzs_data_succeeded(call, status)) {
        bzs_call_hit(call);
        bzs_reply_error(call->reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
    }
}

static void run_sort(struct bzs_call *call) {
    sort(call, true);
}

static void run_sort_ro(struct bzs_call *call) {
    sort(call, false);
}

const struct bzs_command bzs_commands_sort[] = {
    {"sort", run_sort, -2, BZS_WRITE | BZS_DENYOOM | BZS_MOVABLE_KEYS | BZS_MORE_KEYS, 1, 1, 1, NULL,
     "generic", "1.0.0", "Sorts a list or set, of which there are none."},
    {"sort_ro", run_sort_ro, -2, BZS_READONLY | BZS_MOVABLE_KEYS, 1, 1, 1, NULL, "generic", "7.0.0",
     "Sorts a list or set, of which there are none."},
    {.name = NULL},
};
