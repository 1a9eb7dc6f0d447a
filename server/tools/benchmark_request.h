/**
 * @file
 * @brief The commands blitzdb-benchmark sends, as bytes.
 *
 * A command is compiled once into pieces: bytes that are always the same, and places for the digits of a key,
 * the size of a value and a value. Writing one is then a few copies, whatever the protocol:
 *
 *     "*2\r\n$3\r\nGET\r\n$16\r\nkey:" DIGITS "\r\n"
 *     "set key:" DIGITS " 0 0 " SIZE "\r\n" VALUE "\r\n"
 */
#ifndef BLITZDB_BENCHMARK_REQUEST_H
#define BLITZDB_BENCHMARK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "benchmark_keys.h"
#include "benchmark_settings.h"
#include "benchmark_value.h"

enum piece_kind { PIECE_BYTES, PIECE_KEY, PIECE_SIZE, PIECE_VALUE };

struct piece {
    enum piece_kind kind;
    size_t offset; /**< PIECE_BYTES: into the text */
    size_t size;   /**< PIECE_BYTES: how many; PIECE_SIZE: added to that of the value */
};

/** A compiled command; constant once made. */
struct request {
    struct piece *pieces;
    size_t piece_count;
    char *text;
    size_t text_size;
    size_t keys; /**< in one command */
    bool reads;  /**< its reply holds the values of its keys */
    size_t size_max;
};

/** What the values of a command are made of; one per thread. */
struct request_source {
    const struct values *values;
    struct key_source keys;
    uint64_t random;
    uint64_t key_digits;
    uint64_t value_min, value_max;
};

/** Each compiles a command of the settings; false if there is no memory. */
bool request_init_set(struct request *request, const struct settings *settings);
bool request_init_get(struct request *request, const struct settings *settings);
bool request_init_incr(struct request *request, const struct settings *settings);
/** settings->command, whose words are separated by spaces; also false if there is none. */
bool request_init_custom(struct request *request, const struct settings *settings);
void request_deinit(struct request *request);

/** Writes a command of at most size_max bytes; its keys go to `keys_out` unless that is NULL. Answers its
 * size. */
size_t request_write(const struct request *request, struct request_source *source, char *out,
                     uint64_t *keys_out);

#endif
