/**
 * @file
 * @brief DEL, EXISTS, RENAME, COPY and their relatives: commands on keys whatever the value.
 */
#include "command_data.h"
#include "events.h"

#include <stdlib.h>
#include <string.h>

/** Deletes what there is of the keys and marks it; a key that is named twice is gone the second time. */
static blitzdb_status stage_deletions(blitzdb_txn *txn, size_t count, bool *was_there, int64_t *deleted_out) {
    blitzdb_status status = BLITZDB_OK;
    int64_t deleted = 0;

    for (size_t i = 0; i < count && status == BLITZDB_OK; i++) {
        status = blitzdb_txn_del(txn, i);
        if (status == BLITZDB_OK)
            deleted++;
        was_there[i] = status == BLITZDB_OK;
        if (status == BLITZDB_NOT_FOUND)
            status = BLITZDB_OK;
    }
    *deleted_out = deleted;
    return status;
}

/** Most keys for which DEL keeps its notes on the stack. */
#define DELETIONS_INLINE 64

/**
 * What was there is always noted: a client that begins to track, and reads an old value, while this waits for
 * its locks has to be told, so whether anybody wants to know is asked once the keys are gone.
 */
static void delete_noting(struct bzs_call *call, size_t count, bool *was_there) {
    int64_t deleted = 0;
    blitzdb_txn *txn = NULL;

    if (!bzs_data_begin(call, count, &txn) ||
        !bzs_data_succeeded(call, bzs_data_end(txn, stage_deletions(txn, count, was_there, &deleted))))
        return;
    for (size_t i = 0; i < count; i++)
        if (was_there[i])
            bzs_call_changed(call, BZS_EVENTS_GENERIC, "del", call->argv[i + 1]);
    bzs_reply_integer(call->reply, deleted);
}

static void delete_many(struct bzs_call *call) {
    bool inline_notes[DELETIONS_INLINE];
    size_t count = call->argc - 1;
    bool *was_there = count <= DELETIONS_INLINE ? inline_notes : malloc(count * sizeof(*was_there));

    if (was_there == NULL)
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
    else
        delete_noting(call, count, was_there);
    if (was_there != inline_notes)
        free(was_there);
}

/** DEL and UNLINK are the same: giving memory back is cheap here. */
static void run_del(struct bzs_call *call) {
    if (call->argc > 2) {
        delete_many(call);
        return;
    }

    blitzdb_status status = blitzdb_del(call->db, call->argv[1].data, call->argv[1].size);

    if (status == BLITZDB_OK)
        bzs_call_changed(call, BZS_EVENTS_GENERIC, "del", call->argv[1]);
    if (status == BLITZDB_NOT_FOUND || bzs_data_succeeded(call, status))
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
}

/** Counts how many of the keys exist. */
struct presence {
    struct bzs_call *call;
    int64_t count;
};

static void count_present(void *user, const blitzdb_view_entry *entry) {
    struct presence *presence = user;

    if (entry->value == NULL) {
        bzs_call_missed(presence->call, presence->call->argv[entry->index + 1]);
    } else {
        bzs_call_hit(presence->call);
        presence->count++;
    }
}

/** EXISTS and TOUCH; a key that is named twice counts twice. */
static void run_exists(struct bzs_call *call) {
    struct presence presence = {call, 0};

    if (bzs_data_succeeded(call, bzs_data_view(call, call->argc - 1, count_present, &presence)))
        bzs_reply_integer(call->reply, presence.count);
}

static void run_type(struct bzs_call *call) {
    struct presence presence = {call, 0};

    if (bzs_data_succeeded(call, bzs_data_view(call, 1, count_present, &presence)))
        bzs_reply_simple(call->reply, presence.count > 0 ? "string" : "none");
}

/** What a transfer of an entry to another key may do. */
enum transfer {
    TRANSFER_REPLACE = 1,     /**< to the target that is there already */
    TRANSFER_KEEP_SOURCE = 2, /**< copy, not move */
};

static blitzdb_status stage_transfer(blitzdb_txn *txn, unsigned flags, bool *replaces_out) {
    const void *value = NULL;
    size_t size = 0;
    int64_t expire_at_ms = 0;
    blitzdb_status target = blitzdb_txn_get(txn, 1, &value, &size, NULL);
    blitzdb_status source = blitzdb_txn_get(txn, 0, &value, &size, &expire_at_ms);

    if (source != BLITZDB_OK)
        return source;
    if (target == BLITZDB_OK && (flags & TRANSFER_REPLACE) == 0)
        return BLITZDB_CONDITION_FAILED;

    blitzdb_status status = blitzdb_txn_set(txn, 1, value, size, expire_at_ms);

    *replaces_out = target == BLITZDB_OK;
    if (status == BLITZDB_OK && (flags & TRANSFER_KEEP_SOURCE) == 0)
        status = blitzdb_txn_del(txn, 0);
    return status;
}

/**
 * Moves or copies value and expiry of a key. NOT_FOUND: there is no source; CONDITION_FAILED: there is a
 * target that may not be replaced.
 */
static blitzdb_status transfer(struct bzs_call *call, struct bzs_slice target, unsigned target_keyspace,
                               unsigned flags) {
    struct bzs_slice source = call->argv[1];
    blitzdb_key keys[] = {
        {source.data, source.size, bzs_data_keyspace(call)},
        {target.data, target.size, target_keyspace},
    };
    blitzdb_txn *txn = NULL;
    bool replaces = false;
    blitzdb_status status = blitzdb_txn_begin(call->db, keys, 2, &txn);

    if (status == BLITZDB_OK)
        status = bzs_data_end(txn, stage_transfer(txn, flags, &replaces));
    if (status == BLITZDB_OK && replaces) /* Redis deletes the target first: it is a new key then */
        bzs_call_event_in(call, target_keyspace, BZS_EVENTS_NEW, "new", target);
    return status;
}

static bool same_key(struct bzs_slice a, struct bzs_slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/** Renames the key; an absent one is an error. A key renamed to itself stays as it is. */
static blitzdb_status rename_key(struct bzs_call *call, unsigned flags) {
    struct bzs_slice source = call->argv[1];
    struct bzs_slice target = call->argv[2];

    if (!same_key(source, target))
        return transfer(call, target, bzs_data_keyspace(call), flags);

    blitzdb_status status = blitzdb_exists(call->db, source.data, source.size);

    return status == BLITZDB_OK && (flags & TRANSFER_REPLACE) == 0 ? BLITZDB_CONDITION_FAILED : status;
}

/** Tells that argument 1 has become argument 2. */
static void note_rename(const struct bzs_call *call) {
    bzs_call_changed(call, BZS_EVENTS_GENERIC, "rename_from", call->argv[1]);
    bzs_call_changed(call, BZS_EVENTS_GENERIC, "rename_to", call->argv[2]);
}

static void run_rename(struct bzs_call *call) {
    blitzdb_status status = rename_key(call, TRANSFER_REPLACE);

    if (status == BLITZDB_OK && !same_key(call->argv[1], call->argv[2]))
        note_rename(call);

    if (status == BLITZDB_NOT_FOUND)
        bzs_reply_error(call->reply, "ERR no such key");
    else if (bzs_data_succeeded(call, status))
        bzs_reply_simple(call->reply, "OK");
}

static void run_renamenx(struct bzs_call *call) {
    blitzdb_status status = rename_key(call, 0);

    if (status == BLITZDB_OK)
        note_rename(call);

    if (status == BLITZDB_NOT_FOUND)
        bzs_reply_error(call->reply, "ERR no such key");
    else if (status == BLITZDB_CONDITION_FAILED || bzs_data_succeeded(call, status))
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
}

static void reply_same_object(struct bzs_call *call) {
    bzs_reply_error(call->reply, "ERR source and destination objects are the same");
}

static void run_move(struct bzs_call *call) {
    unsigned keyspace = 0;

    if (!bzs_arg_keyspace(call, 2, &keyspace))
        return;
    if (keyspace == bzs_data_keyspace(call)) {
        reply_same_object(call);
        return;
    }

    blitzdb_status status = transfer(call, call->argv[1], keyspace, 0);

    if (status == BLITZDB_OK) {
        bzs_call_changed(call, BZS_EVENTS_GENERIC, "move_from", call->argv[1]);
        bzs_call_changed_in(call, keyspace, BZS_EVENTS_GENERIC, "move_to", call->argv[1]);
    }

    if (status == BLITZDB_NOT_FOUND || status == BLITZDB_CONDITION_FAILED || bzs_data_succeeded(call, status))
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
}

/** Reads `[DB number] [REPLACE]` behind the keys of COPY; false: the error reply has been written. */
static bool parse_copy_options(struct bzs_call *call, unsigned *keyspace_out, unsigned *flags_out) {
    for (size_t i = 3; i < call->argc; i++) {
        if (bzs_arg_is(call->argv[i], "replace")) {
            *flags_out |= TRANSFER_REPLACE;
        } else if (bzs_arg_is(call->argv[i], "db") && i + 1 < call->argc) {
            if (!bzs_arg_keyspace(call, ++i, keyspace_out))
                return false;
        } else {
            bzs_reply_syntax_error(call);
            return false;
        }
    }
    return true;
}

static void run_copy(struct bzs_call *call) {
    unsigned own_keyspace = bzs_data_keyspace(call);
    unsigned keyspace = own_keyspace;
    unsigned flags = TRANSFER_KEEP_SOURCE;

    if (!parse_copy_options(call, &keyspace, &flags))
        return;
    if (keyspace == own_keyspace && same_key(call->argv[1], call->argv[2])) {
        reply_same_object(call);
        return;
    }

    blitzdb_status status = transfer(call, call->argv[2], keyspace, flags);

    if (status == BLITZDB_OK)
        bzs_call_changed_in(call, keyspace, BZS_EVENTS_GENERIC, "copy_to", call->argv[2]);

    if (status == BLITZDB_NOT_FOUND) {
        bzs_call_missed(call, call->argv[1]);
        bzs_reply_integer(call->reply, 0);
    } else if (status == BLITZDB_CONDITION_FAILED || bzs_data_succeeded(call, status)) {
        bzs_call_hit(call);
        bzs_reply_integer(call->reply, status == BLITZDB_OK);
    }
}

const struct bzs_command bzs_commands_key[] = {
    {"del", run_del, -2, BZS_WRITE, 1, -1, 1, NULL, "generic", "1.0.0", "Deletes keys in one step."},
    {"unlink", run_del, -2, BZS_WRITE | BZS_FAST, 1, -1, 1, NULL, "generic", "4.0.0",
     "Deletes keys in one step, as DEL does."},
    {"exists", run_exists, -2, BZS_READONLY | BZS_FAST, 1, -1, 1, NULL, "generic", "1.0.0",
     "Counts how many of the keys exist."},
    {"touch", run_exists, -2, BZS_READONLY | BZS_FAST, 1, -1, 1, NULL, "generic", "3.2.1",
     "Marks keys as used and counts how many of them exist."},
    {"type", run_type, 2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "generic", "1.0.0",
     "Tells the type of a key's value."},
    {"rename", run_rename, 3, BZS_WRITE, 1, 2, 1, NULL, "generic", "1.0.0",
     "Gives a key another name, replacing what has it."},
    {"renamenx", run_renamenx, 3, BZS_WRITE | BZS_FAST, 1, 2, 1, NULL, "generic", "1.0.0",
     "Gives a key another name unless that one exists."},
    {"copy", run_copy, -3, BZS_WRITE | BZS_DENYOOM | BZS_MORE_KEYS, 1, 2, 1, NULL, "generic", "6.2.0",
     "Copies value and expiry of a key to another key, also of another database."},
    {"move", run_move, 3, BZS_WRITE | BZS_FAST | BZS_MORE_KEYS, 1, 1, 1, NULL, "generic", "1.0.0",
     "Moves a key to another database unless it exists there."},
    {NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL},
};
