#include "resp.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "words.h"

enum { FIRST_CAPACITY = 8 }; /* arguments there is room for at first */

void bzs_resp_init(struct bzs_resp *resp) {
    *resp = (struct bzs_resp){0};
}

void bzs_resp_deinit(struct bzs_resp *resp) {
    free(resp->argv);
    *resp = (struct bzs_resp){0};
}

void bzs_resp_shrink(struct bzs_resp *resp) {
    free(resp->argv);
    resp->argv = NULL;
    resp->argc = 0;
    resp->capacity = 0;
}

/* The only error that names a byte. */
static const char wrong_type[] = "expected '$', got ";

static enum bzs_resp_result malformed(struct bzs_resp *resp, const char *error) {
    resp->error = error;
    return BZS_RESP_MALFORMED;
}

void bzs_resp_error_text(const struct bzs_resp *resp, char text_out[BZS_RESP_ERROR_SIZE]) {
    int size = snprintf(text_out, BZS_RESP_ERROR_SIZE, "Protocol error: %s", resp->error);
    if (resp->error == wrong_type && size > 0)
        snprintf(text_out + size, BZS_RESP_ERROR_SIZE - (size_t)size, "'%c'", resp->unexpected);
}

/** Room for so many arguments; false if memory ran out. */
static bool reserve(struct bzs_resp *resp, uint32_t capacity) {
    if (capacity <= resp->capacity)
        return true;
    struct bzs_slice *argv = realloc(resp->argv, capacity * sizeof(*argv));
    if (argv == NULL)
        return false;
    resp->argv = argv;
    resp->capacity = capacity;
    return true;
}

static bool add_word(struct bzs_resp *resp, struct bzs_slice word) {
    bool is_full = resp->argc == resp->capacity;
    if (is_full && !reserve(resp, resp->capacity == 0 ? FIRST_CAPACITY : resp->capacity * 2))
        return false;
    resp->argv[resp->argc++] = word;
    return true;
}

static enum bzs_resp_result next_inline(struct bzs_resp *resp, char *data, size_t size,
                                        size_t *consumed_out) {
    char *newline = memchr(data, '\n', size);
    if ((newline != NULL ? (size_t)(newline - data) : size) > BZS_RESP_LINE_MAX)
        return malformed(resp, "too big inline request"); /* the same wherever the stream is cut */
    if (newline == NULL)
        return BZS_RESP_MORE;
    char *cursor = data;
    struct bzs_slice word;
    enum bzs_words_result found;
    while ((found = bzs_words_next(&cursor, newline, &word)) == BZS_WORDS_WORD)
        if (!add_word(resp, word))
            return BZS_RESP_NO_MEMORY;
    if (found == BZS_WORDS_UNBALANCED)
        return malformed(resp, "unbalanced quotes in request");
    *consumed_out = (size_t)(newline - data) + 1;
    return BZS_RESP_COMMAND;
}

/**
 * Finds the line that announces a length: a type byte, a number, CR LF. What is no number, whatever it is,
 * comes out as INT64_MIN, which no limit allows.
 */
static enum bzs_resp_result read_length(struct bzs_resp *resp, const char *data, size_t size,
                                        const char *too_big, int64_t *length_out) {
    const char *line = data + resp->parsed;
    size_t left = size - resp->parsed;
    const char *end = left == 0 ? NULL : memchr(line, '\r', left);
    size_t line_size = end != NULL ? (size_t)(end - line) : left;
    if (line_size > BZS_RESP_LINE_MAX)
        return malformed(resp, too_big);
    if (end == NULL)
        return BZS_RESP_MORE;
    if (line_size + 2 > left)
        return BZS_RESP_MORE;
    if (line_size == 0 || !bzs_parse_integer((struct bzs_slice){line + 1, line_size - 1}, length_out))
        *length_out = INT64_MIN;
    resp->parsed += line_size + 2;
    return BZS_RESP_COMMAND;
}

/** Reads `*count\r\n`. A count of zero or less is an empty command. */
static enum bzs_resp_result begin_array(struct bzs_resp *resp, const char *data, size_t size,
                                        const struct bzs_resp_limits *limits) {
    int64_t count;
    enum bzs_resp_result result = read_length(resp, data, size, "too big mbulk count string", &count);
    if (result != BZS_RESP_COMMAND)
        return result;
    if (count == INT64_MIN || count > INT_MAX)
        return malformed(resp, "invalid multibulk length");
    if (count > BZS_RESP_UNAUTHENTICATED_ARGUMENTS_MAX && !limits->authenticated)
        return malformed(resp, "unauthenticated multibulk length");
    resp->count = count > 0 ? (uint32_t)count : 0;
    resp->missing = resp->count;
    return BZS_RESP_COMMAND;
}

/** Reads `$size\r\n`. */
static enum bzs_resp_result begin_bulk(struct bzs_resp *resp, const char *data, size_t size,
                                       const struct bzs_resp_limits *limits) {
    char type = resp->parsed < size ? data[resp->parsed] : '$';
    int64_t length;
    enum bzs_resp_result result = read_length(resp, data, size, "too big bulk count string", &length);
    if (result != BZS_RESP_COMMAND)
        return result;
    if (type != '$') {
        resp->unexpected = type;
        return malformed(resp, wrong_type);
    }
    if (length < 0 || (uint64_t)length > limits->bulk_size_max)
        return malformed(resp, "invalid bulk length");
    if (length > BZS_RESP_UNAUTHENTICATED_BULK_MAX && !limits->authenticated)
        return malformed(resp, "unauthenticated bulk length");
    resp->bulk_size = (size_t)length;
    resp->in_bulk = true;
    return BZS_RESP_COMMAND;
}

/** Takes one argument. As in Redis the two bytes behind it are skipped without a look. */
static enum bzs_resp_result next_argument(struct bzs_resp *resp, const char *data, size_t size,
                                          const struct bzs_resp_limits *limits) {
    if (!resp->in_bulk) {
        enum bzs_resp_result result = begin_bulk(resp, data, size, limits);
        if (result != BZS_RESP_COMMAND)
            return result;
    }
    if (size - resp->parsed < resp->bulk_size + 2)
        return BZS_RESP_MORE;
    resp->parsed += resp->bulk_size + 2;
    resp->in_bulk = false;
    resp->missing--;
    return BZS_RESP_COMMAND;
}

/** The whole command is there and sound: finds its arguments, from length to length. */
static enum bzs_resp_result finish(struct bzs_resp *resp, const char *data, size_t *consumed_out) {
    if (!reserve(resp, resp->count))
        return BZS_RESP_NO_MEMORY;
    const char *at = (const char *)memchr(data, '\r', resp->parsed) + 2;
    for (size_t i = 0; i < resp->count; i++) {
        const char *line_end = memchr(at, '\r', resp->parsed - (size_t)(at - data));
        int64_t size = 0;
        (void)bzs_parse_integer((struct bzs_slice){at + 1, (size_t)(line_end - at) - 1}, &size);
        resp->argv[i] = (struct bzs_slice){line_end + 2, (size_t)size};
        at = line_end + 2 + size + 2;
    }
    resp->argc = resp->count;
    *consumed_out = resp->parsed;
    return BZS_RESP_COMMAND;
}

size_t bzs_resp_missing(const struct bzs_resp *resp, size_t size) {
    size_t end = resp->parsed + resp->bulk_size + 2;
    return resp->in_bulk && end > size ? end - size : 0;
}

enum bzs_resp_result bzs_resp_next(struct bzs_resp *resp, char *data, size_t size,
                                   const struct bzs_resp_limits *limits, size_t *consumed_out) {
    *consumed_out = 0;
    if (size == 0)
        return BZS_RESP_MORE;
    enum bzs_resp_result result = BZS_RESP_COMMAND;
    if (resp->missing == 0) {
        resp->argc = 0;
        resp->parsed = 0;
        if (data[0] != '*')
            return next_inline(resp, data, size, consumed_out);
        result = begin_array(resp, data, size, limits);
    }
    while (result == BZS_RESP_COMMAND && resp->missing > 0)
        result = next_argument(resp, data, size, limits);
    return result == BZS_RESP_COMMAND ? finish(resp, data, consumed_out) : result;
}
