#include "decimal.h"

#include <string.h>

bool bzs_parse_integer(struct bzs_slice text, int64_t *number_out) {
    bool negative = text.size > 0 && text.data[0] == '-';
    const char *digit = text.data + (negative ? 1 : 0);
    size_t count = text.size - (negative ? 1 : 0);
    if (count == 0 || count > BZS_DECIMAL_SIZE - 1 || (digit[0] == '0' && text.size > 1))
        return false;
    /* 19 digits always fit 64 unsigned bits. */
    uint64_t magnitude = 0;
    for (size_t i = 0; i < count; i++) {
        if (digit[i] < '0' || digit[i] > '9')
            return false;
        magnitude = magnitude * 10 + (uint64_t)(digit[i] - '0');
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *number_out = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return true;
}

size_t bzs_format_integer(int64_t number, char buffer_out[BZS_DECIMAL_SIZE]) {
    if (number >= 0 && number < 10) { /* the most frequent */
        buffer_out[0] = (char)('0' + number);
        return 1;
    }
    if (number >= 10 && number < 100) {
        buffer_out[0] = (char)('0' + number / 10);
        buffer_out[1] = (char)('0' + number % 10);
        return 2;
    }
    char digits[BZS_DECIMAL_SIZE];
    size_t at = sizeof(digits);
    uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (number < 0)
        digits[--at] = '-';
    memcpy(buffer_out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}
