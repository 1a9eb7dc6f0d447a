/**
 * @file
 * @brief Glob patterns as Redis's KEYS and SCAN take them.
 *
 * `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^a]` one of a set, `\` takes the next byte literally.
 * Iterative, with one point of return: no recursion, whatever the pattern. Every byte of the pattern that is
 * looked at is a step, and steps are granted: patterns come from strangers, and a long one with many
 * repetitions would otherwise cost pattern size times text size.
 */
#ifndef BZD_GLOB_H
#define BZD_GLOB_H

#include <stdbool.h>

#include "bytes.h"

/** How a comparison ended. */
enum bzd_glob_result {
    BZD_GLOB_MATCH,
    BZD_GLOB_MISMATCH,
    BZD_GLOB_TOO_LONG, /**< the steps were used up before it was known */
};

/** Steps that are granted for a text of this size: far more than any sensible pattern takes. */
static inline size_t bzd_glob_steps(size_t text_size) {
    return (size_t)64 * 1024 + (text_size < SIZE_MAX / 16 ? 8 * text_size : SIZE_MAX / 2);
}

/**
 * Compares a text with a pattern.
 * @param ignore_case capital and small letters of ASCII are the same
 * @param[in,out] steps granted, at least 1; what is left of them
 */
enum bzd_glob_result bzd_glob_compare(struct bzd_slice pattern, struct bzd_slice text, bool ignore_case,
                                      size_t *steps);

/** True if it matches, with the usual steps; a pattern that needs more matches nothing. */
bool bzd_glob_match(struct bzd_slice pattern, struct bzd_slice text);

#endif
