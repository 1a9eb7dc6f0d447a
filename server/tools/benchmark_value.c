#include "benchmark_value.h"

#include <stdlib.h>
#include <string.h>

#include "benchmark_random.h"

enum { HEAD_SIZE = 8, BEGINNINGS = 4096 };

/** One of 64 characters that any terminal shows. */
static char character(uint64_t bits) {
    return (char)('0' + (bits & 63));
}

bool values_init(struct values *values, size_t size_max) {
    uint64_t random = 1;
    size_t size = size_max + BEGINNINGS;
    values->block = malloc(size);
    for (size_t i = 0; values->block != NULL && i < size; i++)
        values->block[i] = character(random_next(&random));
    return values->block != NULL;
}

void values_deinit(struct values *values) {
    free(values->block);
}

static void make_head(uint64_t hash, char head[HEAD_SIZE]) {
    for (unsigned i = 0; i < HEAD_SIZE; i++)
        head[i] = character(hash >> (12 + 6 * i));
}

void values_write(const struct values *values, uint64_t key, char *out, size_t size) {
    uint64_t hash = random_mix(key);
    char head[HEAD_SIZE];
    make_head(hash, head);
    if (size <= HEAD_SIZE) {
        memcpy(out, head, size);
        return;
    }
    memcpy(out, head, HEAD_SIZE);
    memcpy(out + HEAD_SIZE, values->block + hash % BEGINNINGS, size - HEAD_SIZE);
}

bool values_match(const struct values *values, uint64_t key, size_t offset, const char *data, size_t size) {
    uint64_t hash = random_mix(key);
    char head[HEAD_SIZE];
    make_head(hash, head);
    for (; offset < HEAD_SIZE && size > 0; offset++, data++, size--)
        if (*data != head[offset])
            return false;
    return size == 0 || memcmp(data, values->block + hash % BEGINNINGS + offset - HEAD_SIZE, size) == 0;
}
