#include "command_data.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "client.h"

bool bzs_data_succeeded(struct bzs_call *call, blitzdb_status status) {
    if (status != BLITZDB_OK)
        bzs_reply_status(call, status);
    return status == BLITZDB_OK;
}

unsigned bzs_data_keyspace(const struct bzs_call *call) {
    return atomic_load_explicit(&call->client->keyspace, memory_order_relaxed);
}

blitzdb_status bzs_data_view(struct bzs_call *call, size_t count, blitzdb_view_fn view, void *user) {
    const void *keys_inline[BZS_DATA_KEYS_INLINE];
    size_t sizes_inline[BZS_DATA_KEYS_INLINE];
    const void **keys = keys_inline;
    size_t *sizes = sizes_inline;
    void *memory = NULL;

    if (count > BZS_DATA_KEYS_INLINE) {
        memory = calloc(count, sizeof(*keys) + sizeof(*sizes));
        if (memory == NULL)
            return BLITZDB_NO_MEMORY;
        keys = memory;
        sizes = (size_t *)(void *)(keys + count);
    }
    for (size_t i = 0; i < count; i++) {
        keys[i] = call->argv[i + 1].data;
        sizes[i] = call->argv[i + 1].size;
    }

    blitzdb_status status = blitzdb_view(call->db, count, keys, sizes, view, user);

    free(memory);
    return status;
}

bool bzs_data_begin(struct bzs_call *call, size_t count, blitzdb_txn **txn_out) {
    return bzs_data_begin_at(call, 1, count, txn_out);
}

bool bzs_data_begin_at(struct bzs_call *call, size_t first, size_t count, blitzdb_txn **txn_out) {
    blitzdb_key keys_inline[BZS_DATA_KEYS_INLINE];
    blitzdb_key *keys = keys_inline;
    blitzdb_key *memory = NULL;
    unsigned keyspace = bzs_data_keyspace(call);

    if (count > BZS_DATA_KEYS_INLINE) {
        memory = calloc(count, sizeof(*memory));
        if (memory == NULL)
            return bzs_data_succeeded(call, BLITZDB_NO_MEMORY);
        keys = memory;
    }
    for (size_t i = 0; i < count; i++)
        keys[i] = (blitzdb_key){call->argv[first + i].data, call->argv[first + i].size, keyspace};

    blitzdb_status status = blitzdb_txn_begin(call->db, keys, count, txn_out);

    free(memory);
    return bzs_data_succeeded(call, status);
}

blitzdb_status bzs_data_end(blitzdb_txn *txn, blitzdb_status staged) {
    if (staged == BLITZDB_OK)
        return blitzdb_txn_commit(txn, BLITZDB_DURABILITY_DEFAULT);
    blitzdb_txn_abort(txn);
    return staged;
}

/** Turns a time as it was given into Unix milliseconds; false if the result cannot be kept. */
static bool to_deadline(const struct bzs_call *call, int64_t time, unsigned how, int64_t *deadline_ms_out) {
    int64_t now = (how & BZS_TIME_RELATIVE) != 0 ? bzs_call_now_ms(call) : 0;

    if ((how & BZS_TIME_POSITIVE) != 0 && time <= 0)
        return false;
    if ((how & BZS_TIME_SECONDS) != 0) {
        if (time > INT64_MAX / 1000 || time < INT64_MIN / 1000)
            return false;
        time *= 1000;
    }
    if (time > BZS_DATA_EXPIRE_MAX_MS - now)
        return false;
    *deadline_ms_out = time + now;
    return true;
}

bool bzs_data_deadline(struct bzs_call *call, size_t index, unsigned how, int64_t *deadline_ms_out) {
    int64_t time = 0;

    if (!bzs_arg_integer(call, index, &time))
        return false;
    if (!to_deadline(call, time, how, deadline_ms_out)) {
        bzs_reply_error(call->reply, "ERR invalid expire time in '%s' command", call->command->name);
        return false;
    }
    return true;
}
