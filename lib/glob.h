/**
 * @file
 * @brief Glob patterns as Redis's KEYS and SCAN take them.
 *
 * `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^a]` one of a set, `\` takes the next byte literally.
 * Iterative, with one point of return: O(pattern x text) steps at worst and no recursion, whatever the
 * pattern.
 */
#ifndef BZD_GLOB_H
#define BZD_GLOB_H

#include <stdbool.h>

#include "bytes.h"

bool bzd_glob_match(struct bzd_slice pattern, struct bzd_slice text);

#endif
