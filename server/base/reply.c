#include "reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "reply_values.h"

/* Room taken at first, and the largest buffer that waits for further use. */
enum { FIRST_CAPACITY = 16 * 1024, POOLED_MAX = 64 * 1024 };

void bzs_reply_init(struct bzs_reply *reply) {
    *reply = (struct bzs_reply){.protocol = 2};
}

void bzs_reply_deinit(struct bzs_reply *reply) {
    bzs_reply_values_drop(reply, 0);
    free(reply->data);
    *reply = (struct bzs_reply){.protocol = 2};
}

/** Moves what is not sent yet to the front. */
static void compact(struct bzs_reply *reply) {
    size_t pending = reply->size - reply->sent;
    memmove(reply->data, reply->data + reply->sent, pending);
    reply->discarded += reply->sent;
    reply->sent = 0;
    reply->size = pending;
}

static void grow(struct bzs_reply *reply, size_t extra) {
    /* Only if it moves fewer bytes than it gains, or sending slowly would cost quadratic time; or as the last
     * resort. */
    bool is_too_long = extra > BZS_REPLY_SIZE_MAX || reply->size > BZS_REPLY_SIZE_MAX - extra;
    if (reply->sent > reply->size - reply->sent || (is_too_long && reply->sent > 0))
        compact(reply);
    if (extra > BZS_REPLY_SIZE_MAX || reply->size > BZS_REPLY_SIZE_MAX - extra) {
        reply->failed = true;
        return;
    }
    size_t needed = reply->size + extra;
    size_t capacity = reply->capacity > 0 ? reply->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    if (capacity != reply->capacity) {
        char *data = realloc(reply->data, capacity);
        if (data == NULL) {
            reply->failed = true;
            return;
        }
        reply->data = data;
        reply->capacity = capacity;
    }
}

/** Makes room at the end; NULL if the writer has failed. */
static char *reserve(struct bzs_reply *reply, size_t extra) {
    if (extra > reply->capacity - reply->size)
        grow(reply, extra);
    return reply->failed ? NULL : reply->data + reply->size;
}

void bzs_reply_truncate(struct bzs_reply *reply, uint64_t stream_offset) {
    uint64_t first = reply->discarded + reply->sent;
    uint64_t kept = stream_offset > first ? stream_offset : first;
    if (kept < bzs_reply_stream_end(reply))
        reply->size = (size_t)(kept - reply->discarded);
    bzs_reply_values_drop(reply, kept);
}

void bzs_reply_consume(struct bzs_reply *reply, size_t size) {
    reply->sent += reply->values == NULL ? size : bzs_reply_values_consume(reply, size);
    if (reply->sent < reply->size)
        return;
    reply->discarded += reply->sent;
    reply->sent = 0;
    reply->size = 0;
}

void bzs_reply_pool_deinit(struct bzs_reply_pool *pool) {
    while (pool->count > 0)
        free(pool->buffers[--pool->count].data);
}

void bzs_reply_borrow(struct bzs_reply *reply, struct bzs_reply_pool *pool) {
    if (reply->data != NULL || pool->count == 0)
        return;
    struct bzs_reply_buffer buffer = pool->buffers[--pool->count];
    reply->data = buffer.data;
    reply->capacity = buffer.capacity;
}

void bzs_reply_give_back(struct bzs_reply *reply, struct bzs_reply_pool *pool) {
    if (reply->data == NULL || bzs_reply_pending(reply) > 0)
        return;
    if (reply->capacity <= POOLED_MAX && pool->count < BZS_REPLY_POOL_MAX)
        pool->buffers[pool->count++] = (struct bzs_reply_buffer){reply->data, reply->capacity};
    else
        free(reply->data);
    reply->data = NULL;
    reply->capacity = 0;
}

void bzs_reply_raw(struct bzs_reply *reply, const void *data, size_t size) {
    char *to = reserve(reply, size);
    if (to != NULL && size > 0) {
        memcpy(to, data, size);
        reply->size += size;
    }
}

/** Type byte, number, CR LF: the head of everything that is counted. */
static void put_number(struct bzs_reply *reply, char type, int64_t number) {
    char *to = reserve(reply, 1 + BZS_DECIMAL_SIZE + 2);
    if (to == NULL)
        return;
    to[0] = type;
    size_t size = 1 + bzs_format_integer(number, to + 1);
    memcpy(to + size, "\r\n", 2);
    reply->size += size + 2;
}

static void put_literal(struct bzs_reply *reply, const char *text) {
    bzs_reply_raw(reply, text, strlen(text));
}

void bzs_reply_simple(struct bzs_reply *reply, const char *text) {
    size_t size = strlen(text);
    char *to = reserve(reply, 1 + size + 2);
    if (to == NULL)
        return;
    to[0] = '+';
    memcpy(to + 1, text, size);
    memcpy(to + 1 + size, "\r\n", 2);
    reply->size += 1 + size + 2;
}

void bzs_reply_error(struct bzs_reply *reply, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t size = length > 0 ? (size_t)length : 0;
    char *text = reserve(reply, 1 + size + 2);
    if (text == NULL)
        return;
    *text++ = '-';
    va_start(arguments, format);
    vsnprintf(text, size + 1, format, arguments);
    va_end(arguments);
    while (size > 0 && (text[size - 1] == '\r' || text[size - 1] == '\n'))
        size--;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\r' || text[i] == '\n')
            text[i] = ' ';
    memcpy(text + size, "\r\n", 2);
    reply->size += 1 + size + 2;
    reply->errors++;
}

void bzs_reply_integer(struct bzs_reply *reply, int64_t number) {
    put_number(reply, ':', number);
}

void bzs_reply_bulk_head(struct bzs_reply *reply, size_t size) {
    put_number(reply, '$', (int64_t)size);
}

void bzs_reply_double(struct bzs_reply *reply, double number) {
    char text[64];
    int size = snprintf(text, sizeof(text), reply->protocol >= 3 ? ",%.17g\r\n" : "%.17g", number);
    if (reply->protocol >= 3)
        bzs_reply_raw(reply, text, (size_t)size);
    else
        bzs_reply_bulk(reply, text, (size_t)size);
}

void bzs_reply_bulk(struct bzs_reply *reply, const void *data, size_t size) {
    bzs_reply_bulk_head(reply, size);
    char *to = reserve(reply, size + 2);
    if (to == NULL)
        return;
    if (size > 0)
        memcpy(to, data, size);
    memcpy(to + size, "\r\n", 2);
    reply->size += size + 2;
}

void bzs_reply_text(struct bzs_reply *reply, const char *text) {
    bzs_reply_bulk(reply, text, strlen(text));
}

void bzs_reply_null(struct bzs_reply *reply) {
    put_literal(reply, reply->protocol >= 3 ? "_\r\n" : "$-1\r\n");
}

void bzs_reply_null_array(struct bzs_reply *reply) {
    put_literal(reply, reply->protocol >= 3 ? "_\r\n" : "*-1\r\n");
}

void bzs_reply_array(struct bzs_reply *reply, size_t count) {
    put_number(reply, '*', (int64_t)count);
}

void bzs_reply_map(struct bzs_reply *reply, size_t count) {
    if (reply->protocol >= 3)
        put_number(reply, '%', (int64_t)count);
    else
        put_number(reply, '*', (int64_t)(2 * count));
}

void bzs_reply_set(struct bzs_reply *reply, size_t count) {
    put_number(reply, reply->protocol >= 3 ? '~' : '*', (int64_t)count);
}

void bzs_reply_push(struct bzs_reply *reply, size_t count) {
    put_number(reply, reply->protocol >= 3 ? '>' : '*', (int64_t)count);
}

void bzs_reply_verbatim(struct bzs_reply *reply, const char *text, size_t size) {
    if (reply->protocol < 3) {
        bzs_reply_bulk(reply, text, size);
        return;
    }
    put_number(reply, '=', (int64_t)size + 4);
    put_literal(reply, "txt:");
    bzs_reply_raw(reply, text, size);
    put_literal(reply, "\r\n");
}

void bzs_reply_take(struct bzs_reply *reply, struct bzs_reply *gathered) {
    reply->failed |= gathered->failed;
    bzs_reply_raw(reply, gathered->data, gathered->size);
    bzs_reply_deinit(gathered);
}

void bzs_reply_take_verbatim(struct bzs_reply *reply, struct bzs_reply *gathered) {
    reply->failed |= gathered->failed;
    bzs_reply_verbatim(reply, gathered->data, gathered->size);
    bzs_reply_deinit(gathered);
}
