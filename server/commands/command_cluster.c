/**
 * @file
 * @brief Cluster and replication: answers of a server that stands alone.
 */
#include "command.h"

static void refuse_cluster(struct bzs_call *call) {
    bzs_reply_error(call->reply, "ERR This instance has cluster support disabled");
}

static void refuse_replication(struct bzs_call *call) {
    bzs_reply_error(call->reply, "ERR '%s' is not available: this server has no replication.",
                    call->command->name);
}

static void run_cluster_help(struct bzs_call *call) {
    static const char *const lines[] = {"(any subcommand of Redis)", "    Refused: there is no cluster.",
                                        NULL};
    bzs_reply_help(call, lines);
}

static void run_role(struct bzs_call *call) {
    bzs_reply_array(call->reply, 3);
    bzs_reply_text(call->reply, "master");
    bzs_reply_integer(call->reply, 0);
    bzs_reply_array(call->reply, 0);
}

/** REPLICAOF NO ONE is what the server does anyway. */
static void run_replicaof(struct bzs_call *call) {
    int64_t port;
    if (bzs_arg_is(call->argv[1], "no") && bzs_arg_is(call->argv[2], "one"))
        bzs_reply_simple(call->reply, "OK");
    else if (!bzs_parse_integer(call->argv[2], &port) || port < 0 || port > 65535)
        bzs_reply_error(call->reply, "ERR Invalid master port");
    else
        refuse_replication(call);
}

static void run_failover(struct bzs_call *call) {
    if (call->argc == 2 && bzs_arg_is(call->argv[1], "abort"))
        bzs_reply_error(call->reply, "ERR No failover in progress.");
    else
        bzs_reply_error(call->reply, "ERR FAILOVER requires connected replicas.");
}

enum {
    TELLS = BZS_STALE,
    STEERS = BZS_ADMIN | BZS_STALE | BZS_NO_ASYNC_LOADING,
    FOLLOWS = BZS_ADMIN | BZS_NOSCRIPT | BZS_STALE | BZS_NO_ASYNC_LOADING,
};

#define CLUSTER(name, arity, flags, since)                                                                   \
    { "cluster|" name, refuse_cluster, arity, flags, 0, 0, 0, NULL, "cluster", since, "Refused: no cluster." }

static const struct bzs_command cluster_commands[] = {
    CLUSTER("addslots", -3, STEERS, "3.0.0"),
    CLUSTER("addslotsrange", -4, STEERS, "7.0.0"),
    CLUSTER("bumpepoch", 2, STEERS, "3.0.0"),
    CLUSTER("count-failure-reports", 3, BZS_ADMIN | BZS_STALE, "3.0.0"),
    CLUSTER("countkeysinslot", 3, TELLS, "3.0.0"),
    CLUSTER("delslots", -3, STEERS, "3.0.0"),
    CLUSTER("delslotsrange", -4, STEERS, "7.0.0"),
    CLUSTER("failover", -2, STEERS, "3.0.0"),
    CLUSTER("flushslots", 2, STEERS, "3.0.0"),
    CLUSTER("forget", 3, STEERS, "3.0.0"),
    CLUSTER("getkeysinslot", 4, TELLS, "3.0.0"),
    {"cluster|help", run_cluster_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "cluster", "5.0.0",
     "Explains the subcommands."},
    CLUSTER("info", 2, TELLS, "3.0.0"),
    CLUSTER("keyslot", 3, TELLS, "3.0.0"),
    CLUSTER("links", 2, TELLS, "7.0.0"),
    CLUSTER("meet", -4, STEERS, "3.0.0"),
    CLUSTER("myid", 2, TELLS, "3.0.0"),
    CLUSTER("nodes", 2, TELLS, "3.0.0"),
    CLUSTER("replicas", 3, BZS_ADMIN | BZS_STALE, "5.0.0"),
    CLUSTER("replicate", 3, STEERS, "3.0.0"),
    CLUSTER("reset", -2, BZS_ADMIN | BZS_STALE | BZS_NOSCRIPT, "3.0.0"),
    CLUSTER("saveconfig", 2, STEERS, "3.0.0"),
    CLUSTER("set-config-epoch", 3, STEERS, "3.0.0"),
    CLUSTER("setslot", -4, STEERS, "3.0.0"),
    CLUSTER("shards", 2, TELLS, "7.0.0"),
    CLUSTER("slaves", 3, BZS_ADMIN | BZS_STALE, "3.0.0"),
    CLUSTER("slots", 2, TELLS, "3.0.0"),
    {.name = NULL},
};

const struct bzs_command bzs_commands_cluster[] = {
    {"asking", refuse_cluster, 1, BZS_FAST, 0, 0, 0, NULL, "cluster", "3.0.0", "Refused: no cluster."},
    {"cluster", NULL, -2, 0, 0, 0, 0, cluster_commands, "cluster", "3.0.0",
     "Groups the commands about the cluster."},
    {"failover", run_failover, -1, BZS_ADMIN | BZS_NOSCRIPT | BZS_STALE, 0, 0, 0, NULL, "server", "6.2.0",
     "Refused: there are no replicas."},
    {"psync", refuse_replication, -3, BZS_ADMIN | BZS_NOSCRIPT | BZS_NO_ASYNC_LOADING | BZS_NO_MULTI, 0, 0, 0,
     NULL, "server", "2.8.0", "Refused: no replication."},
    {"readonly", refuse_cluster, 1, BZS_FAST | BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "cluster", "3.0.0",
     "Refused: no cluster."},
    {"readwrite", refuse_cluster, 1, BZS_FAST | BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "cluster", "3.0.0",
     "Refused: no cluster."},
    {"replconf", refuse_replication, -1, BZS_ADMIN | BZS_NOSCRIPT | BZS_LOADING | BZS_STALE | BZS_ALLOW_BUSY,
     0, 0, 0, NULL, "server", "3.0.0", "Refused: no replication."},
    {"replicaof", run_replicaof, 3, FOLLOWS, 0, 0, 0, NULL, "server", "5.0.0",
     "Accepts NO ONE; there is no replication."},
    {"role", run_role, 1, BZS_FAST | BZS_NOSCRIPT | BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server",
     "2.8.12", "Tells that the server follows nobody."},
    {"slaveof", run_replicaof, 3, FOLLOWS, 0, 0, 0, NULL, "server", "1.0.0",
     "Accepts NO ONE; there is no replication."},
    {"sync", refuse_replication, 1, BZS_ADMIN | BZS_NOSCRIPT | BZS_NO_ASYNC_LOADING | BZS_NO_MULTI, 0, 0, 0,
     NULL, "server", "1.0.0", "Refused: no replication."},
    {.name = NULL},
};
