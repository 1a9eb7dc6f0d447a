#include "bytes.h"

#include "alloc.h"

void bzd_buffer_init(struct bzd_buffer *buffer, const blitzdb_env *env) {
    *buffer = (struct bzd_buffer){.env = env};
}

void bzd_buffer_deinit(struct bzd_buffer *buffer) {
    if (buffer->data != NULL)
        bzd_free(buffer->env, buffer->data);
    bzd_buffer_init(buffer, buffer->env);
}

/** The next capacity that holds `needed`: at least double, unless doubling would overflow. */
static size_t grown_capacity(size_t capacity, size_t needed) {
    size_t doubled = capacity <= SIZE_MAX / 2 ? capacity * 2 : needed;
    if (doubled < 64)
        doubled = 64;
    return doubled > needed ? doubled : needed;
}

blitzdb_status bzd_buffer_reserve(struct bzd_buffer *buffer, size_t extra) {
    if (extra <= buffer->capacity - buffer->size)
        return BLITZDB_OK;
    if (extra > SIZE_MAX - buffer->size)
        return BLITZDB_NO_MEMORY;

    size_t capacity = grown_capacity(buffer->capacity, buffer->size + extra);
    uint8_t *data = bzd_realloc(buffer->env, buffer->data, capacity);
    if (data == NULL)
        return BLITZDB_NO_MEMORY;
    buffer->data = data;
    buffer->capacity = capacity;
    return BLITZDB_OK;
}

blitzdb_status bzd_buffer_append(struct bzd_buffer *buffer, const void *data, size_t size) {
    if (size == 0)
        return BLITZDB_OK;
    blitzdb_status status = bzd_buffer_reserve(buffer, size);
    if (status != BLITZDB_OK)
        return status;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return BLITZDB_OK;
}

void bzd_buffer_clear(struct bzd_buffer *buffer, size_t keep) {
    buffer->size = 0;
    if (buffer->capacity > keep)
        bzd_buffer_deinit(buffer);
}
