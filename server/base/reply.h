/**
 * @file
 * @brief Reply writer: turns answers into RESP2 or RESP3 bytes at the end of an output buffer.
 *
 * A handler writes exactly one reply per command, nested ones being announced by their count first. Which
 * protocol is spoken is the connection's affair (HELLO): handlers say what they mean (a map, a null, a
 * double) and the writer picks the bytes both versions have for it. Specification: the Redis serialization
 * protocol, versions 2 and 3.
 *
 * Memory that cannot be had, or more than ::BZS_REPLY_SIZE_MAX, marks the writer as failed; the connection is
 * closed then. One thread at a time.
 */
#ifndef BLITZDB_SERVER_REPLY_H
#define BLITZDB_SERVER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iovec;

/** Most output that is kept for one connection: one reply may be as large as this. */
#define BZS_REPLY_SIZE_MAX ((size_t)1024 * 1024 * 1024)

/** Borrowed bytes. */
struct bzs_slice {
    const char *data;
    size_t size;
};

/** A bulk string that is sent from where it stands. */
struct bzs_reply_value {
    uint64_t offset; /**< in the stream; it is sent before the byte there */
    const char *data;
    size_t size;
    size_t sent;
    void (*release)(void *owner); /**< called once it was sent, or dropped */
    void *owner;
};

/** Values on their way to one connection, in their order. */
struct bzs_reply_values {
    struct bzs_reply_value *list;
    size_t begin, end, capacity;
    size_t pending; /**< bytes of theirs that were not sent yet */
};

/** Output buffer of one connection and the protocol it speaks. */
struct bzs_reply {
    char *data;                      /**< bytes not yet sent start at `sent` */
    size_t size;                     /**< end of the bytes */
    size_t capacity;                 /**< allocated */
    size_t sent;                     /**< already given to the socket */
    int protocol;                    /**< 2 or 3 */
    bool failed;                     /**< memory ran out: the connection must be closed */
    uint64_t errors;                 /**< error replies written so far */
    uint64_t discarded;              /**< bytes sent and dropped from the front so far */
    struct bzs_reply_values *values; /**< NULL: none, which is usual */
};

void bzs_reply_init(struct bzs_reply *reply);
void bzs_reply_deinit(struct bzs_reply *reply);

/** Bytes that were not sent yet, kept values included. */
static inline size_t bzs_reply_pending(const struct bzs_reply *reply) {
    return reply->size - reply->sent + (reply->values != NULL ? reply->values->pending : 0);
}

/** Offset of the end in the stream of all bytes ever put out, kept values left out; it stays valid when the
 * buffer moves. */
static inline uint64_t bzs_reply_stream_end(const struct bzs_reply *reply) {
    return reply->discarded + reply->size;
}

/** Takes back everything written since this point of the stream. */
void bzs_reply_truncate(struct bzs_reply *reply, uint64_t stream_offset);

/**
 * Collects what may be sent next, up to a point of the stream: parts of the buffer and kept values in turn.
 * @return how many parts there are, `parts_max` at most
 */
size_t bzs_reply_parts(const struct bzs_reply *reply, uint64_t stream_limit, struct iovec *parts_out,
                       size_t parts_max);

/** Notes that this many bytes were sent. */
void bzs_reply_consume(struct bzs_reply *reply, size_t size);

/** Most buffers that wait for use. */
#define BZS_REPLY_POOL_MAX 64

/**
 * Output buffers without output, of one thread. A connection has a buffer only while it has something to say:
 * an idle one costs nothing, and the buffer used last is used again while it is still in the cache.
 */
struct bzs_reply_pool {
    struct bzs_reply_buffer {
        char *data;
        size_t capacity;
    } buffers[BZS_REPLY_POOL_MAX];
    size_t count;
};

/** Releases the buffers. */
void bzs_reply_pool_deinit(struct bzs_reply_pool *pool);
/** Gives a connection without a buffer one that is waiting, if there is one. */
void bzs_reply_borrow(struct bzs_reply *reply, struct bzs_reply_pool *pool);
/** Takes back the buffer of a connection that has sent everything; a large one is released. */
void bzs_reply_give_back(struct bzs_reply *reply, struct bzs_reply_pool *pool);

/** `+text\r\n`. */
void bzs_reply_simple(struct bzs_reply *reply, const char *text);
/** `-text\r\n`, text with its code first ("ERR syntax error"); line ends inside become blanks. printf format.
 */
void bzs_reply_error(struct bzs_reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bzs_reply_integer(struct bzs_reply *reply, int64_t number);
/** A number with a fraction: a bulk, or `,number`. */
void bzs_reply_double(struct bzs_reply *reply, double number);
void bzs_reply_bulk(struct bzs_reply *reply, const void *data, size_t size);
/** `$size\r\n`: announces a bulk string whose bytes and line end follow. */
void bzs_reply_bulk_head(struct bzs_reply *reply, size_t size);
/**
 * A bulk string whose bytes stay where they are: `release` is called with `owner` once they were sent or are
 * dropped, be it at once for want of memory.
 */
void bzs_reply_bulk_kept(struct bzs_reply *reply, const void *data, size_t size, void (*release)(void *owner),
                         void *owner);
/** A bulk string from a zero-terminated text. */
void bzs_reply_text(struct bzs_reply *reply, const char *text);
/** Null: `$-1` or `_`. */
void bzs_reply_null(struct bzs_reply *reply);
/** Null in place of an array: `*-1` or `_`. */
void bzs_reply_null_array(struct bzs_reply *reply);
/** Announces `count` replies that follow. */
void bzs_reply_array(struct bzs_reply *reply, size_t count);
/** Announces `count` pairs: `*2count` or `%count`. */
void bzs_reply_map(struct bzs_reply *reply, size_t count);
/** Announces `count` members of a set: `*count` or `~count`. */
void bzs_reply_set(struct bzs_reply *reply, size_t count);
/** Announces `count` members of a push: `*count` or `>count`. */
void bzs_reply_push(struct bzs_reply *reply, size_t count);
/** Text for people (INFO): a bulk, or a verbatim string of type txt. */
void bzs_reply_verbatim(struct bzs_reply *reply, const char *text, size_t size);
/** Appends bytes that are RESP already. */
void bzs_reply_raw(struct bzs_reply *reply, const void *data, size_t size);
/** Appends the replies that were gathered in another writer, whose failure goes along, and releases that one:
 * for lists that are announced when it is known how long they are. */
void bzs_reply_take(struct bzs_reply *reply, struct bzs_reply *gathered);
/** The same for text that was gathered; see bzs_reply_verbatim(). */
void bzs_reply_take_verbatim(struct bzs_reply *reply, struct bzs_reply *gathered);

#endif
