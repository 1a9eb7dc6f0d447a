/**
 * @file
 * @brief Bytes of one connection that are not yet a command.
 *
 * The room grows with what has arrived, never with a length that was announced, and is given back as soon as
 * nothing waits. Bytes of a long command can be received straight into it. One thread at a time.
 */
#ifndef BLITZDB_SERVER_INPUT_H
#define BLITZDB_SERVER_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/** Bytes that wait: `data + begin` to `data + end`. Zeroed is initialized. */
struct bzs_input {
    char *data; /**< NULL: nothing waits */
    size_t begin, end;
    size_t capacity;
};

/** Releases the memory; what waits is lost. */
void bzs_input_deinit(struct bzs_input *input);

/** Bytes that wait. */
static inline size_t bzs_input_size(const struct bzs_input *input) {
    return input->end - input->begin;
}

/** Adds a copy of these bytes; false if memory ran out. Amortized linear. */
bool bzs_input_append(struct bzs_input *input, const char *data, size_t size);

/**
 * Room behind the bytes that wait, for bzs_input_received(): as much as waits already, but at most
 * `size_max`. NULL if memory ran out. Bytes that wait may move.
 */
char *bzs_input_room(struct bzs_input *input, size_t size_max, size_t *size_out);

/** So many bytes were put into the room. */
void bzs_input_received(struct bzs_input *input, size_t size);

/** So many bytes from the beginning are done with; memory that is mostly empty now is released. What waits
 * may move.
 */
void bzs_input_consume(struct bzs_input *input, size_t size);

#endif
