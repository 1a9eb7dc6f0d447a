/**
 * @file
 * @brief What blitzdb-benchmark was asked to do: its options, their defaults and their text.
 */
#ifndef BLITZDB_BENCHMARK_SETTINGS_H
#define BLITZDB_BENCHMARK_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "benchmark_keys.h"

enum protocol { PROTOCOL_RESP2, PROTOCOL_RESP3, PROTOCOL_MEMCACHED };
enum format { FORMAT_TEXT, FORMAT_CSV, FORMAT_JSON };

enum { KEY_SIZE_MAX = 200, ERROR_SIZE = 256 };

/** Texts are those of the command line or constants; nothing is owned. */
struct settings {
    const char *host, *socket, *user, *password;
    uint64_t port, database;
    enum protocol protocol;

    uint64_t threads, connections, pipeline, idle;
    bool operations_given;
    uint64_t operations;  /**< UINT64_MAX: as many as the time allows */
    uint64_t duration_ns; /**< 0: until all operations are done */
    uint64_t warm_up_ns;
    uint64_t rate; /**< of all connections, per second; 0: as fast as it goes */

    uint64_t keys;
    enum key_order order;
    double theta;
    const char *key_prefix; /**< NULL: "key:", or "num:" for INCR */
    uint64_t key_size;
    uint64_t value_min, value_max;
    uint64_t set_share, get_share;
    uint64_t mget; /**< keys of a GET: 1 is GET, more is MGET; 0 was not given */
    bool incr;
    const char *command;

    bool fill, verify;
    uint64_t fill_pipeline;
    uint64_t seed;

    uint64_t server_pid; /**< 0: not asked for */
    enum format format;
    const char *label;
    bool quiet;
};

enum settings_result { SETTINGS_FINE, SETTINGS_SHOWN, SETTINGS_WRONG };

/** Reads the command line. SETTINGS_SHOWN: help or version was printed; SETTINGS_WRONG: `error` says what to
 * do. */
enum settings_result settings_parse(struct settings *settings, int argc, char **argv, char error[ERROR_SIZE]);

#endif
