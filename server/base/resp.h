/**
 * @file
 * @brief RESP request parser: a pure function from bytes to the next command.
 *
 * The caller shows the bytes that begin with the next command; the answer is a command and how many bytes it
 * took, "need more", or a protocol error with the text of Redis 7.0. After "need more" the same bytes must be
 * shown again with more behind them; they may have moved in memory. How far they were understood is
 * remembered, so a large command that arrives in small pieces is not read from its beginning each time.
 *
 * Requests are arrays of bulk strings (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) or inline commands (`GET k\r\n`,
 * unquoted in place). An unfinished command takes no memory but its bytes, however many arguments it
 * announced or has: where they lie is looked up again when the last one is there.
 *
 * Specification: the Redis serialization protocol, section "Sending commands to a Redis server".
 */
#ifndef BLITZDB_SERVER_RESP_H
#define BLITZDB_SERVER_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reply.h"

/** Longest inline command and longest line that announces a length. */
#define BZS_RESP_LINE_MAX ((size_t)64 * 1024)
/** Before AUTH: most arguments and longest argument. */
#define BZS_RESP_UNAUTHENTICATED_ARGUMENTS_MAX 10
#define BZS_RESP_UNAUTHENTICATED_BULK_MAX 16384

/** What the bytes were. */
enum bzs_resp_result {
    BZS_RESP_COMMAND,   /**< a command in argv; argc is 0 for an empty line and for an empty array */
    BZS_RESP_MORE,      /**< the command is not complete */
    BZS_RESP_MALFORMED, /**< not RESP: answer `error`, then close */
    BZS_RESP_NO_MEMORY, /**< no room for the arguments: close */
};

/** What the parser accepts at the moment. */
struct bzs_resp_limits {
    size_t bulk_size_max; /**< proto-max-bulk-len */
    bool authenticated;   /**< false: the tight limits above apply */
};

/** Parser of one connection. Zeroed is initialized. */
struct bzs_resp {
    struct bzs_slice *argv; /**< after BZS_RESP_COMMAND: the arguments, pointing into the bytes */
    size_t argc;
    const char *error; /**< after BZS_RESP_MALFORMED: see bzs_resp_error_text() */

    size_t parsed;     /**< bytes of the command that are understood */
    size_t bulk_size;  /**< size of the argument being received */
    uint32_t capacity; /**< of argv */
    uint32_t count;    /**< arguments of the command being received */
    uint32_t missing;  /**< those still to come; 0: between commands */
    bool in_bulk;      /**< `bulk_size` is known */
    char unexpected;   /**< the byte the error is about, if it is about one */
};

/** Room for any error text. */
#define BZS_RESP_ERROR_SIZE 64

void bzs_resp_init(struct bzs_resp *resp);
void bzs_resp_deinit(struct bzs_resp *resp);

/** Gives back the memory; the last command is done with. An unfinished one needs none. */
void bzs_resp_shrink(struct bzs_resp *resp);

/** After BZS_RESP_MALFORMED: writes "Protocol error: ...", the text of Redis 7.0. */
void bzs_resp_error_text(const struct bzs_resp *resp, char text_out[BZS_RESP_ERROR_SIZE]);

/** Bytes of the argument being received that are not among the `size` bytes of the command shown so far. */
size_t bzs_resp_missing(const struct bzs_resp *resp, size_t size);

/**
 * Parses the next command.
 * @param[in,out] data bytes that begin with the command; inline commands are unquoted in place
 * @param[out] consumed_out bytes of the command, 0 unless BZS_RESP_COMMAND is returned
 */
enum bzs_resp_result bzs_resp_next(struct bzs_resp *resp, char *data, size_t size,
                                   const struct bzs_resp_limits *limits, size_t *consumed_out);

#endif
