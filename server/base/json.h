/**
 * @file
 * @brief Writes text as the inside of a JSON string.
 */
#ifndef BLITZDB_SERVER_JSON_H
#define BLITZDB_SERVER_JSON_H

#include <stddef.h>

/**
 * Escapes what JSON does not allow, and puts U+FFFD in place of bytes that are not UTF-8, so that the result
 * is valid whatever came in. Ends with a zero; what does not fit is left out.
 * @return the length of the result.
 */
size_t bzs_json_escape(const char *text, char *out, size_t room);

#endif
