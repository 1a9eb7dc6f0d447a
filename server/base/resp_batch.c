#include "resp_batch.h"

#include <stdbool.h>

enum { LENGTH_MAX = 100 * 1000 * 1000 }; /* larger ones are unusual */

/** The place in the input. */
struct cursor {
    const char *at;
    const char *end;
};

/** Reads a type byte, digits without a zero in front, CR LF; false: anything else. */
static inline bool read_length(struct cursor *cursor, char type, size_t *length_out) {
    const char *at = cursor->at;
    if (cursor->end - at < 4 || at[0] != type)
        return false;
    size_t length = (size_t)((unsigned char)at[1] - '0');
    if (length > 9)
        return false;
    at += 2;
    for (size_t digit; (digit = (size_t)((unsigned char)*at - '0')) <= 9; at++) {
        length = length * 10 + digit;
        if (length < 10 || length > LENGTH_MAX || cursor->end - at < 3)
            return false;
    }
    if (cursor->end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return false;
    cursor->at = at + 2;
    *length_out = length;
    return true;
}

/** Reads one argument; as in Redis the two bytes behind it are skipped without a look. */
static inline bool read_argument(struct cursor *cursor, size_t bulk_size_max,
                                 struct bzs_slice *argument_out) {
    size_t size;
    if (!read_length(cursor, '$', &size) || size > bulk_size_max ||
        (size_t)(cursor->end - cursor->at) < size + 2)
        return false;
    *argument_out = (struct bzs_slice){cursor->at, size};
    cursor->at += size + 2;
    return true;
}

void bzs_resp_batch_read(struct bzs_resp_batch *batch, const char *data, size_t size, size_t bulk_size_max) {
    struct cursor cursor = {data, data + size};
    size_t used = 0;
    size_t count = 0;
    for (; count < BZS_BATCH_COMMANDS_MAX; count++) {
        size_t argc;
        if (!read_length(&cursor, '*', &argc) || argc == 0 || argc > BZS_BATCH_ARGUMENTS_MAX - used)
            break;
        size_t read = 0;
        while (read < argc && read_argument(&cursor, bulk_size_max, &batch->arguments[used + read]))
            read++;
        if (read < argc)
            break;
        batch->commands[count] =
            (struct bzs_batch_command){&batch->arguments[used], argc, (size_t)(cursor.at - data)};
        used += argc;
    }
    batch->count = count;
}
