/**
 * @file
 * @brief Decimal integers between text and machine, as strict as the protocol wants them.
 */
#ifndef BLITZDB_SERVER_DECIMAL_H
#define BLITZDB_SERVER_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reply.h"

/** Room for every 64-bit integer in decimal; nothing is zero-terminated. */
#define BZS_DECIMAL_SIZE 20

/** Strict decimal integer as in Redis: no blanks, no plus, no leading zeros; "-0" is refused. */
bool bzs_parse_integer(struct bzs_slice text, int64_t *number_out);

/** Writes the number and returns how many bytes that took. */
size_t bzs_format_integer(int64_t number, char buffer_out[BZS_DECIMAL_SIZE]);

#endif
