#include "glob.h"

/** Where matching stands in the pattern; a set or an escape is taken in one step. */
struct pattern {
    const uint8_t *at;
    const uint8_t *end;
};

static size_t left(const struct pattern *pattern) {
    return (size_t)(pattern->end - pattern->at);
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
        found = pattern->at[1] == byte;
        pattern->at += 2;
    } else if (left(pattern) >= 3 && pattern->at[1] == '-') {
        found = in_range((int8_t)byte, (int8_t)pattern->at[0], (int8_t)pattern->at[2]);
        pattern->at += 3;
    } else {
        found = pattern->at[0] == byte;
        pattern->at += 1;
    }
    return found;
}

/** Takes a set behind its `[`; one without `]` ends with the pattern, as in Redis. */
static bool take_set(struct pattern *pattern, uint8_t byte) {
    bool negated = left(pattern) > 0 && *pattern->at == '^';
    if (negated)
        pattern->at++;

    bool found = false;
    while (left(pattern) > 0 && *pattern->at != ']')
        found |= take_member(pattern, byte);
    if (left(pattern) > 0)
        pattern->at++;
    return found != negated;
}

/** Takes what stands for one byte, anything but `*`, and tells whether it is this one. */
static bool take_one(struct pattern *pattern, uint8_t byte) {
    uint8_t first = *pattern->at++;
    if (first == '?')
        return true;
    if (first == '[')
        return take_set(pattern, byte);
    if (first == '\\' && left(pattern) > 0)
        first = *pattern->at++;
    return first == byte;
}

static bool only_stars(const struct pattern *pattern) {
    for (const uint8_t *at = pattern->at; at < pattern->end; at++)
        if (*at != '*')
            return false;
    return true;
}

bool bzd_glob_match(struct bzd_slice pattern, struct bzd_slice text) {
    /* Redis's matcher refuses the empty text unless the pattern is empty, and KEYS and SCAN take "*" for all.
     */
    if (text.size == 0)
        return pattern.size == 0 || (pattern.size == 1 && *(const uint8_t *)pattern.data == '*');
    if (pattern.size == 0)
        return false;

    const uint8_t *at = text.data;
    const uint8_t *end = at + text.size;
    struct pattern now = {pattern.data, (const uint8_t *)pattern.data + pattern.size};
    /* Behind the last star, and the first byte that star does not cover. Earlier stars need no second try: if
     * the rest fails wherever the last star ends, covering more with an earlier one cannot help. */
    struct pattern behind_star = now;
    const uint8_t *star_end = NULL;

    while (at < end) {
        if (left(&now) > 0 && *now.at == '*') {
            now.at++;
            behind_star = now;
            star_end = at;
        } else if (left(&now) > 0 && take_one(&now, *at)) {
            at++;
        } else if (star_end != NULL) {
            now = behind_star;
            at = ++star_end;
        } else {
            return false;
        }
    }
    return only_stars(&now);
}
