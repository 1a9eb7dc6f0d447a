/**
 * @file
 * @brief The part of the reply writer that is about values sent from where they stand.
 *
 * A value has a place in the stream of the buffer's bytes, between the line that announces it and the line
 * end behind it. So as long as one waits there are bytes in the buffer, too.
 */
#ifndef BLITZDB_SERVER_REPLY_VALUES_H
#define BLITZDB_SERVER_REPLY_VALUES_H

#include "reply.h"

/** Notes that so many bytes were sent, of the buffer and of values in turn; how many were the buffer's. */
size_t bzs_reply_values_consume(struct bzs_reply *reply, size_t size);

/** Releases the values from this point of the stream on of which nothing was sent; all of them, if it is 0.
 */
void bzs_reply_values_drop(struct bzs_reply *reply, uint64_t stream_offset);

#endif
