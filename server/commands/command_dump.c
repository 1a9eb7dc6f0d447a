/**
 * @file
 * @brief DUMP and RESTORE: values as Redis packs them; see rdb.h.
 */
#include <stdlib.h>

#include "command_data.h"
#include "events.h"
#include "rdb.h"

static void reply_payload(void *user, const blitzdb_view_entry *entry) {
    struct bzs_call *call = user;
    uint8_t head[BZS_RDB_HEAD_MAX];
    uint8_t tail[BZS_RDB_TAIL_SIZE];
    struct bzs_slice value = {entry->value, entry->value_size};

    if (entry->value == NULL) {
        bzs_call_missed(call, call->argv[1]);
        bzs_reply_null(call->reply);
        return;
    }
    bzs_call_hit(call);

    size_t head_size = bzs_rdb_encode_head(head, &value);

    bzs_rdb_encode_tail(tail, head, head_size, value);
    bzs_reply_bulk_head(call->reply, head_size + value.size + sizeof(tail));
    bzs_reply_raw(call->reply, head, head_size);
    bzs_reply_raw(call->reply, value.data, value.size);
    bzs_reply_raw(call->reply, tail, sizeof(tail));
    bzs_reply_raw(call->reply, "\r\n", 2);
}

static void run_dump(struct bzs_call *call) {
    (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_payload, call));
}

/** What stands behind the payload of RESTORE. */
struct options {
    bool replaces;
    bool is_absolute; /**< the time is a moment */
    bool has_idle_time, has_frequency;
};

/** Reads a number that is checked and not kept: there is no such thing here. */
static bool parse_unused(struct bzs_call *call, size_t index, int64_t number_max, const char *error) {
    int64_t number = 0;

    if (!bzs_arg_integer(call, index, &number))
        return false;
    if (number < 0 || number > number_max)
        bzs_reply_error(call->reply, "ERR %s", error);
    return number >= 0 && number <= number_max;
}

/** Reads `[REPLACE] [ABSTTL] [IDLETIME s | FREQ n]`; false: the error reply has been written. */
static bool parse_options(struct bzs_call *call, struct options *options) {
    for (size_t i = 4; i < call->argc; i++) {
        bool has_more = i + 1 < call->argc;
        if (bzs_arg_is(call->argv[i], "replace")) {
            options->replaces = true;
        } else if (bzs_arg_is(call->argv[i], "absttl")) {
            options->is_absolute = true;
        } else if (bzs_arg_is(call->argv[i], "idletime") && has_more && !options->has_frequency) {
            options->has_idle_time = true;
            if (!parse_unused(call, ++i, INT64_MAX, "Invalid IDLETIME value, must be >= 0"))
                return false;
        } else if (bzs_arg_is(call->argv[i], "freq") && has_more && !options->has_idle_time) {
            options->has_frequency = true;
            if (!parse_unused(call, ++i, 255, "Invalid FREQ value, must be >= 0 and <= 255"))
                return false;
        } else {
            bzs_reply_syntax_error(call);
            return false;
        }
    }
    return true;
}

/** Reads the time, 0 being never; false: the error reply has been written. */
static bool parse_expiry(struct bzs_call *call, const struct options *options, int64_t *expire_at_ms_out) {
    int64_t time = 0;

    if (!bzs_arg_integer(call, 2, &time))
        return false;
    if (time < 0) {
        bzs_reply_error(call->reply, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    *expire_at_ms_out = 0;
    return time == 0 ||
           bzs_data_deadline(call, 2, options->is_absolute ? 0 : BZS_TIME_RELATIVE, expire_at_ms_out);
}

/** Answers a payload that cannot be taken; true if it can. */
static bool is_good(struct bzs_call *call, enum bzs_rdb_result result) {
    if (result == BZS_RDB_BAD_FOOTER)
        bzs_reply_error(call->reply, "ERR DUMP payload version or checksum are wrong");
    else if (result == BZS_RDB_BAD_DATA)
        bzs_reply_error(call->reply, "ERR Bad data format");
    else if (result == BZS_RDB_NO_MEMORY)
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
    return result == BZS_RDB_OK;
}

static void reply_busy(struct bzs_call *call) {
    bzs_reply_error(call->reply, "BUSYKEY Target key name already exists.");
}

/** Stores the value; a key that came in between is still in the way. */
static void store(struct bzs_call *call, struct bzs_slice value, bool replaces, int64_t expire_at_ms) {
    const struct bzs_slice *key = &call->argv[1];
    blitzdb_set_options how = {.struct_size = sizeof(how), .expire_at_ms = expire_at_ms};

    how.condition = replaces ? BLITZDB_IF_ANY : BLITZDB_IF_ABSENT;

    blitzdb_status status = blitzdb_set_with(call->db, key->data, key->size, value.data, value.size, &how);

    if (status == BLITZDB_CONDITION_FAILED) {
        reply_busy(call);
    } else if (bzs_data_succeeded(call, status)) {
        bzs_call_changed(call, BZS_EVENTS_GENERIC, "restore", *key);
        bzs_reply_simple(call->reply, "OK");
    }
}

static void run_restore(struct bzs_call *call) {
    struct options options = {false, false, false, false};
    const struct bzs_slice *key = &call->argv[1];
    struct bzs_rdb_value value = {.unpacked = NULL};
    int64_t expire_at_ms = 0;

    if (!parse_options(call, &options))
        return;
    if (!options.replaces && blitzdb_exists(call->db, key->data, key->size) == BLITZDB_OK) {
        reply_busy(call); /* before anything is said about time and payload, as in Redis */
        return;
    }
    if (parse_expiry(call, &options, &expire_at_ms) &&
        is_good(call, bzs_rdb_decode(call->argv[3], BLITZDB_SIZE_MAX, &value)))
        store(call, value.bytes, options.replaces, expire_at_ms);
    free(value.unpacked);
}

const struct bzs_command bzs_commands_dump[] = {
    {"dump", run_dump, 2, BZS_READONLY, 1, 1, 1, NULL, "generic", "2.6.0",
     "Packs a value so that RESTORE, here or of Redis, can unpack it."},
    {"restore", run_restore, -4, BZS_WRITE | BZS_DENYOOM, 1, 1, 1, NULL, "generic", "2.6.0",
     "Unpacks a value that DUMP, here or of Redis, has packed."},
    {.name = NULL},
};
