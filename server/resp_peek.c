#include "resp.h"

enum {
    ARGUMENTS_MAX = 8, /* of a command that is walked over; a longer one ends the look ahead */
    DIGITS_MAX = 9,
};

/** Reads a type byte, a few digits, CR LF; returns what is behind, NULL: anything else. */
static const char *peek_length(const char *at, const char *end, char type, size_t *length_out) {
    size_t length = 0;
    if (at == end || *at++ != type)
        return NULL;
    const char *digits = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        length = length * 10 + (size_t)(*at - '0');
    if (at == digits || at - digits > DIGITS_MAX || end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return NULL;
    *length_out = length;
    return at + 2;
}

/** Walks over one command; `key_out` is its second argument if there is one. NULL: that was as far as it
 * goes. */
static const char *peek_command(const char *at, const char *end, struct bzs_slice *key_out) {
    size_t count, size;
    at = peek_length(at, end, '*', &count);
    for (size_t i = 0; at != NULL && i < count; i++) {
        at = i == ARGUMENTS_MAX ? NULL : peek_length(at, end, '$', &size);
        if (at == NULL || (size_t)(end - at) < size + 2)
            return NULL;
        if (i == 1)
            *key_out = (struct bzs_slice){at, size};
        at += size + 2;
    }
    return at;
}

size_t bzs_resp_peek(const char *data, size_t size, struct bzs_slice *keys_out, size_t keys_max) {
    const char *at = data;
    size_t count = 0;
    while (at != NULL && count < keys_max) {
        struct bzs_slice key = {NULL, 0};
        at = peek_command(at, data + size, &key);
        if (key.data != NULL)
            keys_out[count++] = key;
    }
    return count;
}
