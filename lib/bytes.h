/**
 * @file
 * @brief Byte strings: a borrowed slice, and a buffer that owns what it holds and grows.
 *
 * A slice never outlives what it points into. A buffer belongs to one owner and one thread at a time; its
 * capacity doubles, so appending is amortised O(1) per byte.
 */
#ifndef BZD_BYTES_H
#define BZD_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

/** Borrowed bytes; `data` may be NULL if `size` is 0. */
struct bzd_slice {
    const void *data;
    size_t size;
};

/** Owned bytes. */
struct bzd_buffer {
    const blitzdb_env *env;
    uint8_t *data;
    size_t size;
    size_t capacity;
};

static inline struct bzd_slice bzd_slice_of(const void *data, size_t size) {
    struct bzd_slice slice = {data, size};
    return slice;
}

/** Whether two runs of 8 to 16 bytes are the same: two overlapping words of each. */
static inline bool bzd_words_equal(const uint8_t *a, const uint8_t *b, size_t size) {
    uint64_t words[4];
    memcpy(&words[0], a, 8);
    memcpy(&words[1], b, 8);
    memcpy(&words[2], a + size - 8, 8);
    memcpy(&words[3], b + size - 8, 8);
    return ((words[0] ^ words[1]) | (words[2] ^ words[3])) == 0;
}

/** Keys are compared in every look-up; the usual short ones without a call. */
static inline bool bzd_slice_equal(struct bzd_slice a, struct bzd_slice b) {
    if (a.size != b.size)
        return false;
    if (a.size - 8 <= 8)
        return bzd_words_equal((const uint8_t *)a.data, (const uint8_t *)b.data, a.size);
    return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
}

void bzd_buffer_init(struct bzd_buffer *buffer, const blitzdb_env *env);
void bzd_buffer_deinit(struct bzd_buffer *buffer);

/** Makes room for `extra` more bytes. BLITZDB_NO_MEMORY leaves the buffer as it was. */
blitzdb_status bzd_buffer_reserve(struct bzd_buffer *buffer, size_t extra);

/** Appends; BLITZDB_NO_MEMORY leaves the buffer as it was. */
blitzdb_status bzd_buffer_append(struct bzd_buffer *buffer, const void *data, size_t size);

/** Empties and, above `keep` bytes of capacity, gives the memory back. */
void bzd_buffer_clear(struct bzd_buffer *buffer, size_t keep);

#endif
