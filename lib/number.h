/**
 * @file
 * @brief Numbers in values: strict decimal integers and doubles, independent of the locale.
 */
#ifndef BZD_NUMBER_H
#define BZD_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/** Longest text of an integer, and of a double. */
enum { BZD_INTEGER_TEXT_MAX = 20, BZD_DOUBLE_TEXT_MAX = 32 };

/** Optional minus, no leading zeros, no blanks, 64 bits ("0", "-7"; not "-0", "+1", "01"). */
bool bzd_parse_integer(struct bzd_slice text, int64_t *number_out);
/** Returns the number of bytes written, at most BZD_INTEGER_TEXT_MAX. */
size_t bzd_format_integer(int64_t number, char *text);
/** A finite decimal number with optional sign, fraction and exponent, the whole text. */
bool bzd_parse_double(struct bzd_slice text, double *number_out);
/** Shortest text that reads back as the same double; at most BZD_DOUBLE_TEXT_MAX bytes. */
size_t bzd_format_double(double number, char *text);

#endif
