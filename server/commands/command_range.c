/**
 * @file
 * @brief APPEND, STRLEN, GETRANGE and SETRANGE: commands on a part of a value.
 */
#include "command_data.h"
#include "events.h"

#include <stdlib.h>
#include <string.h>

/** Largest new value that SETRANGE puts together on the stack. */
#define PATCH_INLINE_SIZE 1024

static void run_append(struct bzs_call *call) {
    const struct bzs_slice *key = &call->argv[1];
    const struct bzs_slice *data = &call->argv[2];
    size_t size = 0;
    blitzdb_status status = blitzdb_append(call->db, key->data, key->size, data->data, data->size, &size);

    if (bzs_data_succeeded(call, status)) {
        bzs_call_changed(call, BZS_EVENTS_STRING, "append", *key);
        bzs_reply_integer(call->reply, (int64_t)size);
    }
}

/** View callback that keeps the size of the value, 0 if there is none. */
static void keep_size(void *user, const blitzdb_view_entry *entry) {
    size_t *size = user;

    *size = entry->value == NULL ? 0 : entry->value_size;
}

/** View callback of STRLEN. */
static void reply_size(void *user, const blitzdb_view_entry *entry) {
    struct bzs_call *call = user;

    if (entry->value == NULL) {
        bzs_call_missed(call, call->argv[1]);
        bzs_reply_integer(call->reply, 0);
    } else {
        bzs_call_hit(call);
        bzs_reply_integer(call->reply, (int64_t)entry->value_size);
    }
}

static void run_strlen(struct bzs_call *call) {
    (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_size, call));
}

/** What GETRANGE asks for; negative positions count from the end. */
struct range {
    struct bzs_call *call;
    int64_t first, last;
};

/** View callback of GETRANGE: positions beyond the value are cut, an empty range is an empty string. */
static void reply_range(void *user, const blitzdb_view_entry *entry) {
    const struct range *range = user;
    int64_t size = (int64_t)entry->value_size;
    int64_t first = range->first;
    int64_t last = range->last;

    if (entry->value == NULL) {
        bzs_call_missed(range->call, range->call->argv[1]);
        bzs_reply_bulk(range->call->reply, "", 0);
        return;
    }
    bzs_call_hit(range->call);

    bool empty = size == 0 || (first < 0 && last < 0 && first > last);

    first = first < 0 ? first + size : first;
    last = last < 0 ? last + size : last;
    first = first < 0 ? 0 : first;
    last = last < 0 ? 0 : last;
    last = last >= size ? size - 1 : last;
    if (empty || first > last) {
        bzs_reply_bulk(range->call->reply, "", 0);
        return;
    }
    bzs_reply_bulk(range->call->reply, (const char *)entry->value + first, (size_t)(last - first + 1));
}

static void run_getrange(struct bzs_call *call) {
    struct range range = {call, 0, 0};

    if (bzs_arg_integer(call, 2, &range.first) && bzs_arg_integer(call, 3, &range.last))
        (void)bzs_data_succeeded(call, bzs_data_view(call, 1, reply_range, &range));
}

/** Puts the old value, zeros up to the offset and the patch together and stages the result. */
static blitzdb_status stage_patch(blitzdb_txn *txn, size_t offset, struct bzs_slice patch, size_t *size_out) {
    char buffer_inline[PATCH_INLINE_SIZE];
    char *buffer = buffer_inline;
    const void *value = NULL;
    size_t old_size = 0;
    int64_t expire_at_ms = 0;
    blitzdb_status status = blitzdb_txn_get(txn, 0, &value, &old_size, &expire_at_ms);

    if (status != BLITZDB_OK && status != BLITZDB_NOT_FOUND)
        return status;

    size_t patch_end = offset + patch.size;
    size_t size = old_size > patch_end ? old_size : patch_end;

    if (size > sizeof(buffer_inline)) {
        buffer = malloc(size);
        if (buffer == NULL)
            return BLITZDB_NO_MEMORY;
    }
    if (old_size > 0)
        memcpy(buffer, value, old_size);
    if (offset > old_size)
        memset(buffer + old_size, 0, offset - old_size);
    memcpy(buffer + offset, patch.data, patch.size);
    status = blitzdb_txn_set(txn, 0, buffer, size, expire_at_ms);
    if (buffer != buffer_inline)
        free(buffer);
    *size_out = size;
    return status;
}

/** Overwrites a part of the value with a patch that is not empty. */
static void patch_value(struct bzs_call *call, size_t offset, struct bzs_slice patch) {
    blitzdb_txn *txn = NULL;
    size_t size = 0;

    if (!bzs_data_begin(call, 1, &txn))
        return;
    if (bzs_data_succeeded(call, bzs_data_end(txn, stage_patch(txn, offset, patch, &size)))) {
        bzs_call_changed(call, BZS_EVENTS_STRING, "setrange", call->argv[1]);
        bzs_reply_integer(call->reply, (int64_t)size);
    }
}

static void run_setrange(struct bzs_call *call) {
    struct bzs_slice patch = call->argv[3];
    int64_t offset = 0;
    size_t size = 0;

    if (!bzs_arg_integer(call, 2, &offset))
        return;
    if (offset < 0) {
        bzs_reply_error(call->reply, "ERR offset is out of range");
    } else if (patch.size == 0) { /* changes nothing and creates nothing, whatever the offset */
        if (bzs_data_succeeded(call, bzs_data_view(call, 1, keep_size, &size)))
            bzs_reply_integer(call->reply, (int64_t)size);
    } else if (patch.size > BLITZDB_SIZE_MAX || (uint64_t)offset > BLITZDB_SIZE_MAX - patch.size) {
        bzs_reply_status(call, BLITZDB_TOO_LARGE);
    } else {
        patch_value(call, (size_t)offset, patch);
    }
}

const struct bzs_command bzs_commands_range[] = {
    {"append", run_append, 3, BZS_WRITE | BZS_DENYOOM | BZS_FAST, 1, 1, 1, NULL, "string", "2.0.0",
     "Appends bytes to a value; an absent key counts as empty."},
    {"strlen", run_strlen, 2, BZS_READONLY | BZS_FAST, 1, 1, 1, NULL, "string", "2.2.0",
     "Tells the size of a value in bytes."},
    {"getrange", run_getrange, 4, BZS_READONLY, 1, 1, 1, NULL, "string", "2.4.0",
     "Gets a part of a value by first and last position."},
    {"substr", run_getrange, 4, BZS_READONLY, 1, 1, 1, NULL, "string", "1.0.0", "The old name of GETRANGE."},
    {"setrange", run_setrange, 4, BZS_WRITE | BZS_DENYOOM, 1, 1, 1, NULL, "string", "2.2.0",
     "Overwrites a part of a value, filling a gap with zero bytes."},
    {NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL},
};
