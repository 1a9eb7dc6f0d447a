#include "input.h"

#include <stdlib.h>
#include <string.h>

/* From which size on a block that is mostly done with is exchanged for a small one. */
enum { SHRINK_MIN = 16 * 1024 };

void bzs_input_deinit(struct bzs_input *input) {
    free(input->data);
    *input = (struct bzs_input){0};
}

/** Moves what waits into a block of this size; false if memory ran out. */
static bool resize(struct bzs_input *input, size_t capacity) {
    size_t waiting = bzs_input_size(input);
    char *data = input->begin == 0 ? realloc(input->data, capacity) : malloc(capacity);
    if (data == NULL)
        return false;
    if (input->begin > 0) {
        memcpy(data, input->data + input->begin, waiting);
        free(input->data);
    }
    *input = (struct bzs_input){.data = data, .end = waiting, .capacity = capacity};
    return true;
}

/**
 * Makes room for `extra` bytes behind those that wait. Bytes are moved only if at least as many have been
 * consumed or at least as much room is won: a long queue must not be moved for every piece that arrives.
 */
static bool reserve(struct bzs_input *input, size_t extra) {
    size_t waiting = bzs_input_size(input);
    if (extra <= input->capacity - input->end)
        return true;
    if (input->begin >= waiting && extra <= input->capacity - waiting) {
        memmove(input->data, input->data + input->begin, waiting);
        input->begin = 0;
        input->end = waiting;
        return true;
    }
    return resize(input, waiting * 2 > waiting + extra ? waiting * 2 : waiting + extra);
}

bool bzs_input_append(struct bzs_input *input, const char *data, size_t size) {
    if (size == 0)
        return true;
    if (!reserve(input, size))
        return false;
    memcpy(input->data + input->end, data, size);
    input->end += size;
    return true;
}

char *bzs_input_room(struct bzs_input *input, size_t size_max, size_t *size_out) {
    size_t waiting = bzs_input_size(input);
    size_t size = waiting < size_max ? waiting : size_max;
    if (!reserve(input, size))
        return NULL;
    *size_out = input->capacity - input->end < size_max ? input->capacity - input->end : size_max;
    return input->data + input->end;
}

void bzs_input_received(struct bzs_input *input, size_t size) {
    input->end += size;
}

void bzs_input_consume(struct bzs_input *input, size_t size) {
    input->begin += size;
    size_t waiting = bzs_input_size(input);
    if (waiting == 0)
        bzs_input_deinit(input);
    else if (input->capacity > SHRINK_MIN && waiting < input->capacity / 4)
        (void)resize(input, waiting); /* no harm if memory for it cannot be had */
}
