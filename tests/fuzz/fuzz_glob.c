/*
 * Any pattern says the same about any text as a matcher that is too slow to be wrong, and within the steps
 * that were granted. The first byte says whether case counts, the second where the pattern ends and the text
 * begins.
 */
#include <stdlib.h>

#include <blitzdb/blitzdb.h>

#include "glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Longest pattern and text that the slow matcher gets. */
enum { SLOW_MAX = 512 };

/** Ends the run: a property does not hold. */
static void require(int holds) {
    if (!holds)
        abort();
}

static int fold(int byte, bool ignore_case) {
    return ignore_case && byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

/** Where the element at `at`, no star, ends; `covers` says whether it covers the byte. */
static size_t read_element(const uint8_t *pattern, size_t size, size_t at, int byte, bool ignore_case,
                           bool *covers) {
    int wanted = fold(byte, ignore_case);
    int first = pattern[at++];
    if (first != '[') {
        if (first == '\\' && at < size)
            *covers = fold(pattern[at++], ignore_case) == wanted;
        else
            *covers = first == '?' || fold(first, ignore_case) == wanted;
        return at;
    }
    bool negated = at < size && pattern[at] == '^';
    at += negated;
    *covers = negated;
    while (at < size && pattern[at] != ']') {
        int low = pattern[at];
        int high = low;
        if (low == '\\' && at + 1 < size) {
            low = high = pattern[at + 1];
            at += 2;
        } else if (at + 2 < size && pattern[at + 1] == '-') {
            high = pattern[at + 2];
            at += 3;
        } else {
            at += 1;
        }
        int8_t a = (int8_t)fold(low, ignore_case);
        int8_t b = (int8_t)fold(high, ignore_case);
        int8_t c = (int8_t)wanted;
        if ((a <= c && c <= b) || (b <= c && c <= a))
            *covers = !negated;
    }
    return at < size ? at + 1 : at;
}

/** Fills in, from the end of the pattern, whether its rest matches the rest of the text: every pair of them.
 */
static bool matches_slowly(const uint8_t *pattern, size_t pattern_size, const uint8_t *text, size_t text_size,
                           bool ignore_case) {
    static bool rest[SLOW_MAX + 1][SLOW_MAX + 1];
    if (text_size == 0)
        return pattern_size == 0 || (pattern_size == 1 && pattern[0] == '*');
    for (size_t p = pattern_size + 1; p-- > 0;) {
        for (size_t t = text_size + 1; t-- > 0;) {
            bool covers = false;
            if (p == pattern_size)
                rest[p][t] = t == text_size;
            else if (pattern[p] == '*')
                rest[p][t] = rest[p + 1][t] || (t < text_size && rest[p][t + 1]);
            else if (t == text_size)
                rest[p][t] = false;
            else {
                size_t next = read_element(pattern, pattern_size, p, text[t], ignore_case, &covers);
                rest[p][t] = covers && rest[next][t + 1];
            }
        }
    }
    return rest[0][0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    bool ignore_case = (data[0] & 1) != 0;
    size_t pattern_size = data[1] < size - 2 ? data[1] : size - 2;
    const uint8_t *pattern = data + 2;
    const uint8_t *text = pattern + pattern_size;
    size_t text_size = size - 2 - pattern_size;

    size_t granted = bzd_glob_steps(text_size);
    size_t steps = granted;
    enum bzd_glob_result result = bzd_glob_compare(bzd_slice_of(pattern, pattern_size),
                                                   bzd_slice_of(text, text_size), ignore_case, &steps);
    require(steps <= granted && (result == BZD_GLOB_TOO_LONG) == (steps == 0));
    blitzdb_status status = blitzdb_glob_match(pattern, pattern_size, text, text_size,
                                               ignore_case ? BLITZDB_GLOB_IGNORE_CASE : 0);
    require((status == BLITZDB_OK) == (result == BZD_GLOB_MATCH));
    if (result != BZD_GLOB_TOO_LONG && text_size <= SLOW_MAX)
        require((result == BZD_GLOB_MATCH) ==
                matches_slowly(pattern, pattern_size, text, text_size, ignore_case));
    return 0;
}
