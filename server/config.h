/**
 * @file
 * @brief Settings of the server: defaults, redis.conf files, command line, and what CONFIG GET shows.
 *
 * One table in config.c names every setting with its kind and limits; parsing, checking and showing all go
 * through it. config_read.c finds the words in files and on the command line. The file dialect is that of
 * redis.conf: one `key value` per line, `#` comments, words quoted as in words.h, sizes such as 64mb. On the
 * command line every setting is `--key value`; the command line wins over the file. What is unknown or out of
 * range stops the start: there is no setting that is silently ignored.
 *
 * A configuration is filled by one thread and constant from then on.
 */
#ifndef BLITZDB_SERVER_CONFIG_H
#define BLITZDB_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Most pairs in `save`. */
#define BZS_SAVE_POINTS_MAX 16

/** When a write is answered; values of `appendfsync`. */
enum bzs_appendfsync { BZS_APPENDFSYNC_ALWAYS = 0, BZS_APPENDFSYNC_EVERYSEC = 1, BZS_APPENDFSYNC_NO = 2 };

/** Snapshot after so many seconds if there were at least so many changes. */
struct bzs_save_point {
    int64_t seconds;
    int64_t changes;
};

/** The settings. Numbers, sizes in bytes, yes/no (1/0) and choices are integers, the rest is text or NULL. */
struct bzs_config {
    int64_t port, tcp_backlog, tcp_keepalive, timeout_s, clients_max, threads, databases, unixsocket_mode;
    int64_t bulk_size_max, memory_limit, eviction;
    int64_t appendonly, appendfsync, protected_mode, daemonize, log_level;
    char *bind, *unixsocket, *dir, *password, *logfile, *pidfile;
    char *save; /**< as CONFIG GET shows it */
    struct bzs_save_point save_points[BZS_SAVE_POINTS_MAX];
    size_t save_point_count;
    bool appendonly_was_set, save_was_set;
    char *file; /**< path of the configuration file, NULL: none */
};

/** What the command line asked for. */
enum bzs_config_result {
    BZS_CONFIG_OK = 0,
    BZS_CONFIG_HELP,    /**< --help */
    BZS_CONFIG_VERSION, /**< --version */
    BZS_CONFIG_FAILED,  /**< see the error text */
};

/** Why a configuration was refused: "FILE:LINE: ..." or "command line: ...". */
struct bzs_config_error {
    char text[512];
};

/** Fills in the defaults; false if memory ran out. */
bool bzs_config_init(struct bzs_config *config);
void bzs_config_deinit(struct bzs_config *config);

/** Reads the configuration file named first, if any ("-": standard input), then the options, and checks all.
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

/** Number of settings, for CONFIG GET. */
size_t bzs_config_count(void);
/** Name of a setting as in redis.conf. */
const char *bzs_config_name(size_t index);
/** Value of a setting as text; short ones are written into `buffer`. Never NULL. */
const char *bzs_config_value(const struct bzs_config *config, size_t index, char *buffer, size_t buffer_size);
/** Value of the setting with this name, which must exist. */
const char *bzs_config_value_of(const struct bzs_config *config, const char *name, char *buffer,
                                size_t buffer_size);

#endif
