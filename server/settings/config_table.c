#include "config_table.h"

#include <strings.h>

static const char *const yes_no[] = {"no", "yes", NULL};
static const char *const debug_names[] = {"no", "yes", "local", NULL};
static const char *const fsync_names[] = {"always", "everysec", "no", NULL};
static const char *const level_names[] = {"debug", "verbose", "notice", "warning", NULL};
static const char *const format_names[] = {"text", "json", NULL};
static const char *const facility_names[] = {"user",   "local0", "local1", "local2", "local3",
                                             "local4", "local5", "local6", "local7", NULL};
static const char *const supervised_names[] = {"no", "systemd", "upstart", "auto", NULL};
static const char *const eviction_names[] = {"noeviction",     "allkeys-lru",     "volatile-lru",
                                             "allkeys-random", "volatile-random", "volatile-ttl",
                                             "allkeys-lfu",    "volatile-lfu",    NULL};

#define AT(member) offsetof(struct bzs_config, member)
#define MEBIBYTE (1024 * 1024)

/* In the order of CONFIG GET *. Choices stand in the order of the enum they stand for. */
const struct bzs_setting bzs_settings[] = {
    {"bind", BZS_WORDS, AT(bind), 0, 0, NULL, "127.0.0.1", NULL, "ADDRESS...",
     "addresses to listen on; * is all of IPv4, ::* all of IPv6", BZS_FIXED},
    {"port", BZS_NUMBER, AT(port), 0, 65535, NULL, "6379", NULL, "PORT",
     "TCP port; 0: one the system chooses", BZS_FIXED},
    {"unixsocket", BZS_TEXT, AT(unixsocket), 0, 0, NULL, NULL, NULL, "PATH",
     "socket in the file system to listen on as well (default: none)", BZS_FIXED},
    {"unixsocketperm", BZS_OCTAL, AT(unixsocket_mode), 0, 0777, NULL, "0", NULL, "MODE",
     "permissions of that socket, such as 700; 0: 755", BZS_FIXED},
    {"tcp-backlog", BZS_NUMBER, AT(tcp_backlog), 1, 65535, NULL, "511", NULL, "NUMBER",
     "connections that may wait to be accepted", BZS_FIXED},
    {"tcp-keepalive", BZS_NUMBER, AT(tcp_keepalive), 0, INT32_MAX, NULL, "300", NULL, "SECONDS",
     "silence before a peer is probed; 0: never", BZS_CHANGES},
    {"timeout", BZS_NUMBER, AT(timeout_s), 0, INT32_MAX, NULL, "0", NULL, "SECONDS",
     "idle time before a client is closed; 0: never", BZS_CHANGES},
    {"maxclients", BZS_NUMBER, AT(clients_max), 1, 1000000, NULL, "10000", NULL, "NUMBER",
     "connections at once", BZS_CHANGES},
    {"threads", BZS_NUMBER, AT(threads), 0, BZS_THREADS_MAX, NULL, "0", NULL, "NUMBER",
     "threads that run commands; 0: one for each core", BZS_FIXED},
    {"databases", BZS_NUMBER, AT(databases), 16, 16, NULL, "16", "there are always 16 databases", "NUMBER",
     "always 16", BZS_FIXED},
    {"proto-max-bulk-len", BZS_SIZE, AT(bulk_size_max), MEBIBYTE, 512 * MEBIBYTE, NULL, "512mb",
     "must be between 1mb and 512mb, the largest value of the database", "SIZE",
     "largest argument of a command", BZS_CHANGES},
    {"client-query-buffer-limit", BZS_SIZE, AT(query_buffer_max), MEBIBYTE, INT64_MAX, NULL, "1gb", NULL,
     "SIZE", "commands of one client that may wait", BZS_CHANGES},
    {"client-output-buffer-limit", BZS_LIMITS, AT(output_limits), 0, 0, NULL, NULL, NULL,
     "CLASS HARD SOFT SECONDS", "replies that may wait for clients of the class normal, replica or pubsub",
     BZS_CHANGES},
    {"requirepass", BZS_SECRET, AT(has_password), 0, 0, NULL, NULL, NULL, "PASSWORD",
     "password that clients have to give (default: none)", BZS_CHANGES},
    {"requirepass-hash", BZS_SECRET_HASH, AT(has_password), 0, 0, NULL, NULL, NULL, "SALT:HASH",
     "the same, as CONFIG REWRITE writes it: nobody can read the password in it", BZS_FIXED},
    {"login-timeout", BZS_NUMBER, AT(login_timeout_s), 1, INT32_MAX, NULL, "10", NULL, "SECONDS",
     "time a client has to log in, if there is a password", BZS_CHANGES},
    {"protected-mode", BZS_CHOICE, AT(protected_mode), 0, 0, yes_no, "yes", NULL, "yes|no",
     "without a password, accept connections of this machine only", BZS_CHANGES},
    {"dir", BZS_TEXT, AT(dir), 0, 0, NULL, NULL, NULL, "DIRECTORY",
     "where the data is kept (default: in memory only)", BZS_PROTECTED},
    {"appendonly", BZS_CHOICE, AT(appendonly), 0, 0, yes_no, NULL, NULL, "yes|no",
     "log every write (default: yes with --dir)", BZS_FIXED},
    {"appendfsync", BZS_CHOICE, AT(appendfsync), 0, 0, fsync_names, "everysec", NULL, "MODE",
     "when the log is synced: always, everysec or no", BZS_CHANGES},
    {"save", BZS_SAVE, AT(save_points), 1, INT32_MAX, NULL, NULL, NULL, "SECONDS CHANGES...",
     "snapshot after SECONDS with CHANGES or more (default without a log: 3600 1 300 100 60 10000)",
     BZS_CHANGES},
    {"stop-writes-on-bgsave-error", BZS_CHOICE, AT(stops_writes), 0, 0, yes_no, "yes", NULL, "yes|no",
     "with save points and without a log: refuse writes while snapshots fail", BZS_CHANGES},
    {"maxmemory", BZS_SIZE, AT(memory_limit), 0, INT64_MAX, NULL, "0", NULL, "SIZE",
     "limit of the memory for data; 0: none", BZS_CHANGES},
    {"maxmemory-policy", BZS_CHOICE, AT(eviction), 0, 0, eviction_names, "noeviction", NULL, "POLICY",
     "what is evicted at the limit: noeviction; allkeys- or volatile- and lru, lfu or random; or "
     "volatile-ttl",
     BZS_CHANGES},
    {"notify-keyspace-events", BZS_EVENTS, AT(notify_events), 0, 0, NULL, NULL, NULL, "LETTERS",
     "changes of keys that are published: letters of KEg$lshzxetdmnA (default: none)", BZS_CHANGES},
    {"tracking-table-max-keys", BZS_NUMBER, AT(tracking_keys_max), 0, INT64_MAX, NULL, "1000000", NULL,
     "NUMBER", "keys remembered for CLIENT TRACKING; 0: any number", BZS_CHANGES},
    {"slowlog-log-slower-than", BZS_NUMBER, AT(slowlog_us), -1, INT64_MAX, NULL, "10000", NULL,
     "MICROSECONDS", "commands that take longer are kept for SLOWLOG; -1: none", BZS_CHANGES},
    {"slowlog-max-len", BZS_NUMBER, AT(slowlog_max), 0, INT64_MAX, NULL, "128", NULL, "NUMBER",
     "commands kept for SLOWLOG", BZS_CHANGES},
    {"latency-monitor-threshold", BZS_NUMBER, AT(latency_threshold_ms), 0, INT64_MAX, NULL, "0", NULL,
     "MILLISECONDS", "what takes longer is kept for LATENCY; 0: nothing", BZS_CHANGES},
    {"latency-tracking", BZS_CHOICE, AT(latency_tracking), 0, 0, yes_no, "yes", NULL, "yes|no",
     "count how long each command takes, for INFO latencystats", BZS_CHANGES},
    {"latency-tracking-info-percentiles", BZS_WORDS, AT(latency_percentiles), 0, 0, NULL, "50 99 99.9", NULL,
     "PERCENTAGE...", "what INFO latencystats shows of them", BZS_FIXED},
    {"enable-debug-command", BZS_CHOICE, AT(debug_command), 0, 0, debug_names, "no", NULL, "no|yes|local",
     "whether DEBUG may be used; local: by connections of this machine", BZS_FIXED},
    {"http-port", BZS_NUMBER, AT(http_port), 0, 65535, NULL, "0", NULL, "PORT",
     "HTTP port for /metrics, /healthz and /readyz; 0: none", BZS_FIXED},
    {"http-bind", BZS_TEXT, AT(http_bind), 0, 0, NULL, "127.0.0.1", NULL, "ADDRESS", "address of that port",
     BZS_FIXED},
    {"loglevel", BZS_CHOICE, AT(log_level), 0, 0, level_names, "notice", NULL, "LEVEL",
     "debug, verbose, notice or warning", BZS_CHANGES},
    {"logfile", BZS_TEXT, AT(logfile), 0, 0, NULL, NULL, NULL, "PATH",
     "where messages go (default: standard output)", BZS_FIXED},
    {"log-format", BZS_CHOICE, AT(log_format), 0, 0, format_names, "text", NULL, "FORMAT",
     "form of a message: text or json, a JSON object in each line", BZS_FIXED},
    {"syslog-enabled", BZS_CHOICE, AT(syslog_enabled), 0, 0, yes_no, "no", NULL, "yes|no",
     "send the messages to syslog as well", BZS_FIXED},
    {"syslog-ident", BZS_TEXT, AT(syslog_ident), 0, 0, NULL, "blitzdb", NULL, "NAME",
     "what syslog calls the server", BZS_FIXED},
    {"syslog-facility", BZS_CHOICE, AT(syslog_facility), 0, 0, facility_names, "local0", NULL, "FACILITY",
     "user, or local0 to local7", BZS_FIXED},
    {"supervised", BZS_CHOICE, AT(supervised), 0, 0, supervised_names, "auto", NULL, "MANAGER",
     "no, systemd, upstart or auto: all the same, who sets NOTIFY_SOCKET is told", BZS_FIXED},
    {"pidfile", BZS_TEXT, AT(pidfile), 0, 0, NULL, NULL, NULL, "PATH",
     "file for the number of the process (default: none)", BZS_FIXED},
    {"daemonize", BZS_CHOICE, AT(daemonize), 0, 0, yes_no, "no", NULL, "yes|no",
     "go into the background once everything is ready", BZS_FIXED},
};

const size_t bzs_setting_count = sizeof(bzs_settings) / sizeof(bzs_settings[0]);

const struct bzs_setting *bzs_setting_find(const char *name) {
    for (size_t i = 0; i < bzs_setting_count; i++)
        if (strcasecmp(bzs_settings[i].name, name) == 0)
            return &bzs_settings[i];
    return NULL;
}
