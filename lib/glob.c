#include "glob.h"

/** Where matching stands in the pattern; a set or an escape is taken in one piece. */
struct pattern {
    const uint8_t *at;
    const uint8_t *end;
    bool ignore_case;
};

static size_t left(const struct pattern *pattern) {
    return (size_t)(pattern->end - pattern->at);
}

/** The byte as it is compared. */
static uint8_t fold(const struct pattern *pattern, uint8_t byte) {
    return pattern->ignore_case && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

/** Either end may come first. Bytes from 0x80 on stand before the others: Redis compares signed characters.
 */
static bool in_range(int8_t byte, int8_t a, int8_t b) {
    return a <= b ? a <= byte && byte <= b : b <= byte && byte <= a;
}

/** Takes one member of a set, `x`, `\x` or `a-z`, and tells whether it covers the byte. */
static bool take_member(struct pattern *pattern, uint8_t byte) {
    bool found;
    if (left(pattern) >= 2 && pattern->at[0] == '\\') {
        found = fold(pattern, pattern->at[1]) == byte;
        pattern->at += 2;
    } else if (left(pattern) >= 3 && pattern->at[1] == '-') {
        found = in_range((int8_t)byte, (int8_t)fold(pattern, pattern->at[0]),
                         (int8_t)fold(pattern, pattern->at[2]));
        pattern->at += 3;
    } else {
        found = fold(pattern, pattern->at[0]) == byte;
        pattern->at += 1;
    }
    return found;
}

/** Takes a set behind its `[`; one without `]` ends with the pattern, as in Redis. Looks at `size_max` bytes
 * at most, or a little more; what is behind them decides nothing then, because the steps are used up. */
static bool take_set(struct pattern *pattern, uint8_t byte, size_t size_max) {
    bool negated = left(pattern) > 0 && *pattern->at == '^';
    if (negated)
        pattern->at++;

    const uint8_t *begin = pattern->at;
    bool found = false;
    while (left(pattern) > 0 && *pattern->at != ']' && (size_t)(pattern->at - begin) < size_max)
        found |= take_member(pattern, byte);
    if (left(pattern) > 0)
        pattern->at++;
    return found != negated;
}

/** Takes what stands for one byte, anything but `*`, and tells whether it is this one. */
static bool take_one(struct pattern *pattern, uint8_t byte, size_t size_max) {
    uint8_t first = *pattern->at++;
    if (first == '?')
        return true;
    byte = fold(pattern, byte);
    if (first == '[')
        return take_set(pattern, byte, size_max);
    if (first == '\\' && left(pattern) > 0)
        first = *pattern->at++;
    return fold(pattern, first) == byte;
}

/** Uses up as many steps as bytes were looked at; false once there are none left. */
static bool use_steps(size_t *steps, const uint8_t *from, const uint8_t *to) {
    size_t used = to > from ? (size_t)(to - from) : 1;
    *steps = used < *steps ? *steps - used : 0;
    return *steps > 0;
}

/** Whether nothing but stars is left: the text has ended. */
static enum bzd_glob_result only_stars(const struct pattern *pattern, size_t *steps) {
    const uint8_t *at = pattern->at;
    while (at < pattern->end && *at == '*' && (size_t)(at - pattern->at) < *steps)
        at++;
    if (!use_steps(steps, pattern->at, at))
        return BZD_GLOB_TOO_LONG;
    return at == pattern->end ? BZD_GLOB_MATCH : BZD_GLOB_MISMATCH;
}

enum bzd_glob_result bzd_glob_compare(struct bzd_slice pattern, struct bzd_slice text, bool ignore_case,
                                      size_t *steps) {
    /* Redis's matcher refuses the empty text unless the pattern is empty, and KEYS and SCAN take "*" for all.
     */
    if (text.size == 0) {
        bool is_star = pattern.size == 1 && *(const uint8_t *)pattern.data == '*';
        return pattern.size == 0 || is_star ? BZD_GLOB_MATCH : BZD_GLOB_MISMATCH;
    }
    if (pattern.size == 0)
        return BZD_GLOB_MISMATCH;

    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    struct pattern now = {pattern.data, (const uint8_t *)pattern.data + pattern.size, ignore_case};
    /* Behind the last star, and the first byte that star does not cover. Earlier stars need no second try: if
     * the rest fails wherever the last star ends, covering more with an earlier one cannot help. */
    struct pattern behind_star = now;
    const uint8_t *star_end = NULL;

    while (at < end) {
        const uint8_t *from = now.at;
        bool is_star = left(&now) > 0 && *from == '*';
        bool fits = !is_star && left(&now) > 0 && take_one(&now, *at, *steps);
        if (!use_steps(steps, from, now.at))
            return BZD_GLOB_TOO_LONG;
        if (is_star) {
            now.at++;
            behind_star = now;
            star_end = at;
        } else if (fits) {
            at++;
        } else if (star_end != NULL) {
            now = behind_star;
            at = ++star_end;
        } else {
            return BZD_GLOB_MISMATCH;
        }
    }
    return only_stars(&now, steps);
}

bool bzd_glob_match(struct bzd_slice pattern, struct bzd_slice text) {
    size_t steps = bzd_glob_steps(text.size);
    return bzd_glob_compare(pattern, text, false, &steps) == BZD_GLOB_MATCH;
}
