/**
 * @file
 * @brief Settings of the server: defaults, redis.conf files, environment, command line, and their change at
 *        run time.
 *
 *     config_table.c    every setting once: name, kind, limits, meaning
 *     config_value.c    text to value and back, by kind
 *     config_inert.c    settings of Redis that mean nothing here
 *     config_read.c     finds the words in files
 *     config_check.c    what only the machine can tell, for --check-config
 *     config_source.c   file, environment and command line, in their order
 *     config_change.c   CONFIG SET: several at once, all or none
 *     config_rewrite.c  CONFIG REWRITE: the file again, with the values in force
 *
 * The file dialect is that of redis.conf: one `key value` per line, `#` comments, words quoted as in words.h,
 * sizes such as 64mb. What is unknown or out of range stops the start, and what Redis knows and this server
 * has no use for is named in the log: there is no setting that is silently ignored.
 *
 * Threads: one thread fills the configuration. From then on numbers are atomic, and read without a lock
 * wherever they are needed; `save_points` and `password` are guarded by `mutex`; the texts are constant.
 */
#ifndef BLITZDB_SERVER_CONFIG_H
#define BLITZDB_SERVER_CONFIG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "password.h"

/** Most pairs in `save`. */
#define BZS_SAVE_POINTS_MAX 16

/** Most `threads`, and so most loops; a multiple of 64. */
#define BZS_THREADS_MAX 256

/** Room for any value as text. */
#define BZS_CONFIG_VALUE_SIZE 4200

/** Room for the names of all settings of Redis that are accepted without effect. */
#define BZS_CONFIG_INERT_MAX 192

/** When a write is answered; values of `appendfsync`. */
enum bzs_appendfsync { BZS_APPENDFSYNC_ALWAYS = 0, BZS_APPENDFSYNC_EVERYSEC = 1, BZS_APPENDFSYNC_NO = 2 };

/** Who may use DEBUG; values of `enable-debug-command`. */
enum bzs_debug_command { BZS_DEBUG_NO = 0, BZS_DEBUG_YES = 1, BZS_DEBUG_LOCAL = 2 };

/** Forms of a message; values of `log-format`. */
enum bzs_log_format { BZS_LOG_TEXT = 0, BZS_LOG_JSON = 1 };

/** Kinds of clients in `client-output-buffer-limit`. */
enum bzs_output_class { BZS_OUTPUT_NORMAL = 0, BZS_OUTPUT_REPLICA, BZS_OUTPUT_PUBSUB, BZS_OUTPUT_CLASSES };

/** Snapshot after so many seconds if there were at least so many changes. */
struct bzs_save_point {
    int64_t seconds;
    int64_t changes;
};

/** Output that may wait for a client of one kind, in bytes; 0: any amount. */
struct bzs_output_limit {
    _Atomic int64_t hard;    /**< the client is dropped at once */
    _Atomic int64_t soft;    /**< it is dropped after ... */
    _Atomic int64_t seconds; /**< ... so long above it */
};

/** A command that answers to another name, from the setting `rename-command`. */
struct bzs_renamed_command {
    char *from, *to; /**< in lower case; an empty `to` removes the command */
};

/** The settings. Numbers, sizes in bytes, yes/no (1/0) and choices are integers, the rest is text or NULL. */
struct bzs_config {
    /* Atomic */
    _Atomic int64_t port, tcp_backlog, tcp_keepalive, timeout_s, clients_max, threads, databases;
    _Atomic int64_t unixsocket_mode, bulk_size_max, query_buffer_max, memory_limit, eviction;
    _Atomic int64_t appendonly, appendfsync, protected_mode, daemonize, log_level;
    _Atomic int64_t log_format, syslog_enabled, syslog_facility, supervised;
    _Atomic int64_t login_timeout_s;
    _Atomic int64_t stops_writes;         /**< stop-writes-on-bgsave-error */
    _Atomic int64_t has_password;         /**< clients have to log in */
    _Atomic int64_t notify_events;        /**< ::bzs_events */
    _Atomic int64_t slowlog_us;           /**< -1: off, 0: every command */
    _Atomic int64_t slowlog_max;          /**< entries */
    _Atomic int64_t latency_threshold_ms; /**< 0: off */
    _Atomic int64_t latency_tracking;
    _Atomic int64_t debug_command;     /**< ::bzs_debug_command */
    _Atomic int64_t http_port;         /**< 0: none */
    _Atomic int64_t tracking_keys_max; /**< 0: any number */
    struct bzs_output_limit output_limits[BZS_OUTPUT_CLASSES];

    /* Guarded by mutex */
    pthread_mutex_t mutex;
    struct bzs_password password; /**< if has_password */
    bool password_was_changed;    /**< since the start: the file does not know it */
    struct bzs_save_point save_points[BZS_SAVE_POINTS_MAX];
    size_t save_point_count;

    /* Constant after the start */
    char *bind, *unixsocket, *dir, *logfile, *pidfile, *http_bind, *latency_percentiles, *syslog_ident;
    bool appendonly_was_set, save_was_set;
    bool save_adds_up;                        /**< the source being read has named save points already */
    char *file;                               /**< path of the configuration file, NULL: none */
    bool inert_was_set[BZS_CONFIG_INERT_MAX]; /**< by index, see config_inert.h */
    struct bzs_renamed_command *renamed;      /**< renamed_count of them */
    size_t renamed_count;
    unsigned files_read;      /**< `include` counts, too */
    bool password_in_file;    /**< or its hash ... */
    bool password_is_exposed; /**< ... which others than its owner may read */
};

/** What the command line asked for. */
enum bzs_config_result {
    BZS_CONFIG_OK = 0,
    BZS_CONFIG_HELP,    /**< --help */
    BZS_CONFIG_VERSION, /**< --version */
    BZS_CONFIG_CHECKED, /**< --check-config, and all was well */
    BZS_CONFIG_FAILED,  /**< see the error text */
};

/** Why a configuration was refused: "FILE:LINE: ..." or "command line: ...". */
struct bzs_config_error {
    char text[512];
    FILE *all_to;   /**< where every refusal is written, and reading goes on; NULL: the first one ends it */
    unsigned count; /**< refusals written there */
};

/** Fills in the defaults; false if memory ran out. */
bool bzs_config_init(struct bzs_config *config);
void bzs_config_deinit(struct bzs_config *config);

/**
 * Reads the configuration file named first, if any ("-": standard input), then the environment, then the
 * options, and checks all. With --check-config every refusal of the files goes to standard error.
 */
enum bzs_config_result bzs_config_read(struct bzs_config *config, int argc, char *const argv[],
                                       struct bzs_config_error *error_out);

/**
 * Reads one file's text; `source` is what errors call it. The text is changed, and the byte behind its end
 * too: there has to be one.
 */
bool bzs_config_parse(struct bzs_config *config, const char *source, char *text, size_t size,
                      struct bzs_config_error *error_out);

/** Prints how the server is called, and every setting with its meaning and default. */
void bzs_config_print_usage(FILE *stream);

/** Number of settings, for CONFIG GET; those without effect are counted as well. */
size_t bzs_config_count(void);
/** Name of a setting as in redis.conf. */
const char *bzs_config_name(size_t index);
/** Writes the value of a setting as text and returns `buffer`; ::BZS_CONFIG_VALUE_SIZE bytes are enough. */
const char *bzs_config_value(struct bzs_config *config, size_t index, char *buffer, size_t buffer_size);
/** Value of the setting with this name, which must exist. */
const char *bzs_config_value_of(struct bzs_config *config, const char *name, char *buffer,
                                size_t buffer_size);

/** Copies the save points; returns how many there are. */
size_t bzs_config_save_points(struct bzs_config *config,
                              struct bzs_save_point points_out[BZS_SAVE_POINTS_MAX]);

/** True if this is the password, or if there is none. */
bool bzs_config_password_is(struct bzs_config *config, const char *text, size_t size);

#endif
