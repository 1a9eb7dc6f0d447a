#include "write_stop.h"

#include <string.h>

#include "multi.h"

static const char reason[] =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
    "Commands that may modify the data set are disabled, because this instance is configured to report "
    "errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the "
    "Redis logs for details about the RDB error.";

/** An EXEC of writes; it ends the transaction. */
static bool refuse_exec(struct bzs_call *call) {
    if ((call->client->multi->flags & BZS_WRITE) == 0)
        return false;
    bzs_reply_error(call->reply, "EXECABORT Transaction discarded because of: %s", reason);
    bzs_multi_destroy(call->client->multi);
    call->client->multi = NULL;
    return true;
}

bool bzs_write_stop_refuses_now(struct bzs_call *call) {
    struct bzs_config *config = call->server->config;
    struct bzs_save_point points[BZS_SAVE_POINTS_MAX];
    if (!config->stops_writes || call->server->logs_writes || bzs_config_save_points(config, points) == 0)
        return false;
    if (strcmp(call->command->name, "exec") == 0 && bzs_multi_is_open(call->client->multi))
        return refuse_exec(call);
    /* PING as well, as in Redis: so that who looks after the server finds out. */
    if ((call->command->flags & BZS_WRITE) == 0 && strcmp(call->command->name, "ping") != 0)
        return false;
    bzs_reply_error(call->reply, "%s", reason);
    return true;
}
