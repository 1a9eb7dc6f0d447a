#include "waiting.h"

static bool is_durable(const struct bzs_wait *wait, const struct bzs_wait_state *state) {
    return state->has_log && state->durable >= wait->log_position;
}

bool bzs_wait_is_endless(const struct bzs_wait *wait) {
    return wait->kind != BZS_WAIT_NONE && wait->needs_replicas && wait->until_ms == INT64_MAX;
}

bool bzs_wait_is_over(const struct bzs_wait *wait, const struct bzs_wait_state *state) {
    if (state->tick_ms >= wait->until_ms)
        return true;
    if (wait->needs_time)
        return state->stopping;
    if (wait->needs_log && state->failed)
        return true;
    if (wait->needs_replicas)
        return state->stopping;
    return !wait->needs_log || is_durable(wait, state);
}

void bzs_wait_answer(const struct bzs_wait *wait, const struct bzs_wait_state *state,
                     struct bzs_reply *reply) {
    bool durable = is_durable(wait, state);
    if (wait->kind == BZS_WAIT_REPLICAS) {
        bzs_reply_integer(reply, 0);
    } else if (wait->needs_log && state->failed && !durable) {
        bzs_reply_error(reply, "MISCONF Errors writing to the AOF file: it could not be synced");
    } else {
        bzs_reply_array(reply, 2);
        bzs_reply_integer(reply, durable ? 1 : 0);
        bzs_reply_integer(reply, 0);
    }
}
