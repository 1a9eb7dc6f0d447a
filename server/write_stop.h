/**
 * @file
 * @brief Refuses writes while they could not be saved: the setting stop-writes-on-bgsave-error.
 *
 * Who has snapshots and no log would otherwise learn from the next restart that hours of writes are gone.
 */
#ifndef BLITZDB_SERVER_WRITE_STOP_H
#define BLITZDB_SERVER_WRITE_STOP_H

#include "client.h"
#include "command.h"
#include "server.h"

/** The part of bzs_write_stop_refuses() that has to look closer. */
bool bzs_write_stop_refuses_now(struct bzs_call *call);

/** True if the command would write what cannot be saved; it has been answered then. One branch if all is
 * well. */
static inline bool bzs_write_stop_refuses(struct bzs_call *call) {
    bool has_failed = atomic_load_explicit(&call->server->keeper.has_failed, memory_order_relaxed);
    return __builtin_expect(has_failed, 0) && bzs_write_stop_refuses_now(call);
}

#endif
