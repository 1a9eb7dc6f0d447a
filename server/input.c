#include "input.h"

#include <stdlib.h>
#include <string.h>

void bzs_input_deinit(struct bzs_input *input) {
    free(input->data);
    *input = (struct bzs_input){0};
}

/** Makes room for `extra` bytes behind those that wait; at least doubles what it enlarges. */
static bool reserve(struct bzs_input *input, size_t extra) {
    size_t waiting = bzs_input_size(input);
    if (input->begin > 0) {
        memmove(input->data, input->data + input->begin, waiting);
        input->begin = 0;
        input->end = waiting;
    }
    size_t needed = waiting + extra;
    if (needed <= input->capacity)
        return true;
    size_t capacity = input->capacity * 2 > needed ? input->capacity * 2 : needed;
    char *data = realloc(input->data, capacity);
    if (data == NULL)
        return false;
    input->data = data;
    input->capacity = capacity;
    return true;
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
    if (input->begin == input->end)
        bzs_input_deinit(input);
}
