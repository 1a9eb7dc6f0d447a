#include "reply_values.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum { FIRST_CAPACITY = 4 };

/** Makes room for one more; false: no memory. */
static bool reserve(struct bzs_reply *reply) {
    struct bzs_reply_values *values = reply->values;
    if (values == NULL)
        values = reply->values = calloc(1, sizeof(*values));
    if (values == NULL)
        return false;
    if (values->end < values->capacity)
        return true;
    size_t count = values->end - values->begin;
    if (values->begin > count) { /* it moves fewer than it gains */
        memmove(values->list, values->list + values->begin, count * sizeof(*values->list));
        values->begin = 0;
        values->end = count;
        return true;
    }
    size_t capacity = values->capacity == 0 ? FIRST_CAPACITY : values->capacity * 2;
    struct bzs_reply_value *list = realloc(values->list, capacity * sizeof(*list));
    if (list == NULL)
        return false;
    values->list = list;
    values->capacity = capacity;
    return true;
}

static void destroy_if_empty(struct bzs_reply *reply) {
    struct bzs_reply_values *values = reply->values;
    if (values->begin < values->end)
        return;
    free(values->list);
    free(values);
    reply->values = NULL;
}

void bzs_reply_bulk_kept(struct bzs_reply *reply, const void *data, size_t size, void (*release)(void *owner),
                         void *owner) {
    bzs_reply_bulk_head(reply, size);
    if (reply->failed || !reserve(reply)) {
        reply->failed = true;
        release(owner);
        return;
    }
    struct bzs_reply_values *values = reply->values;
    values->list[values->end++] =
        (struct bzs_reply_value){bzs_reply_stream_end(reply), data, size, 0, release, owner};
    values->pending += size;
    bzs_reply_raw(reply, "\r\n", 2);
}

size_t bzs_reply_parts(const struct bzs_reply *reply, uint64_t stream_limit, struct iovec *parts_out,
                       size_t parts_max) {
    const struct bzs_reply_values *values = reply->values;
    uint64_t at = reply->discarded + reply->sent;
    size_t count = 0;
    for (size_t i = values != NULL ? values->begin : 0; count < parts_max; i++) {
        bool has_value = values != NULL && i < values->end && values->list[i].offset < stream_limit;
        uint64_t end = has_value ? values->list[i].offset : stream_limit;
        if (end > at)
            parts_out[count++] = (struct iovec){reply->data + (at - reply->discarded), (size_t)(end - at)};
        at = end;
        if (!has_value || count == parts_max)
            break;
        const struct bzs_reply_value *value = &values->list[i];
        parts_out[count++] =
            (struct iovec){(char *)(uintptr_t)value->data + value->sent, value->size - value->sent};
    }
    return count;
}

size_t bzs_reply_values_consume(struct bzs_reply *reply, size_t size) {
    struct bzs_reply_values *values = reply->values;
    uint64_t at = reply->discarded + reply->sent;
    size_t of_buffer = 0;
    while (size > 0 && values->begin < values->end) {
        struct bzs_reply_value *value = &values->list[values->begin];
        size_t before = (size_t)(value->offset - at - of_buffer);
        if (size <= before)
            break;
        of_buffer += before;
        size -= before;
        size_t sent = size < value->size - value->sent ? size : value->size - value->sent;
        value->sent += sent;
        values->pending -= sent;
        size -= sent;
        if (value->sent == value->size) {
            value->release(value->owner);
            values->begin++;
        }
    }
    destroy_if_empty(reply);
    return of_buffer + size;
}

void bzs_reply_values_drop(struct bzs_reply *reply, uint64_t stream_offset) {
    struct bzs_reply_values *values = reply->values;
    if (values == NULL)
        return;
    while (values->begin < values->end) {
        struct bzs_reply_value *value = &values->list[values->end - 1];
        if (value->offset < stream_offset || (stream_offset > 0 && value->sent > 0))
            break;
        values->pending -= value->size - value->sent;
        value->release(value->owner);
        values->end--;
    }
    destroy_if_empty(reply);
}
