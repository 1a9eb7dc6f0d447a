/* Glob patterns, situation by situation as Redis 7.0 answers them. */
#include <criterion/criterion.h>
#include <string.h>

#include "glob.h"

static bool matches(const char *pattern, const char *text) {
    return bzd_glob_match(bzd_slice_of(pattern, strlen(pattern)), bzd_slice_of(text, strlen(text)));
}

/* Ordinary bytes stand for themselves, all of them. */
Test(glob, literal) {
    cr_assert(matches("abc", "abc"));
    cr_assert_not(matches("abc", "ab"));
    cr_assert_not(matches("ab", "abc"));
    cr_assert_not(matches("abc", "abd"));
    cr_assert_not(matches("ABC", "abc"));
}

/* A question mark is exactly one byte. */
Test(glob, question_mark) {
    cr_assert(matches("a?c", "abc"));
    cr_assert(matches("?", "\xff"));
    cr_assert_not(matches("?", ""));
    cr_assert_not(matches("a?", "a"));
    cr_assert_not(matches("?", "ab"));
}

/* A star is any number of bytes, none included, wherever it stands. */
Test(glob, star) {
    cr_assert(matches("*", "anything"));
    cr_assert(matches("a*", "a"));
    cr_assert(matches("*a", "a"));
    cr_assert(matches("a***", "a"));
    cr_assert(matches("a*c", "abbbc"));
    cr_assert(matches("*b*", "abc"));
    cr_assert(matches("user:*:name", "user:1:2:name"));
    cr_assert_not(matches("user:*:name", "user:1:names"));
    cr_assert_not(matches("*a", "ab"));
}

/* The last star is the one that tries again. */
Test(glob, star_goes_on_after_a_false_start) {
    cr_assert(matches("*abc", "ababc"));
    cr_assert(matches("*ab*cd", "abxabxcxcd"));
    cr_assert(matches("a*b?d", "abcbcd"));
    cr_assert_not(matches("*ab*cd", "abxabxcx"));
    cr_assert(matches("*[ab]c", "xacbc"));
}

/* Redis's matcher refuses an empty text, but KEYS * and SCAN MATCH * show the empty key. */
Test(glob, empty_text) {
    cr_assert(matches("", ""));
    cr_assert(matches("*", ""));
    cr_assert_not(matches("**", ""));
    cr_assert_not(matches("?", ""));
    cr_assert_not(matches("", "a"));
    cr_assert(bzd_glob_match(bzd_slice_of(NULL, 0), bzd_slice_of(NULL, 0)));
}

/* A set is one byte of those it names. */
Test(glob, set) {
    cr_assert(matches("h[ae]llo", "hello"));
    cr_assert(matches("h[ae]llo", "hallo"));
    cr_assert_not(matches("h[ae]llo", "hillo"));
    cr_assert_not(matches("[abc]", ""));
    cr_assert_not(matches("[]", "a"));
    cr_assert_not(matches("[]a]", "a"));
}

/* Ranges include both ends, in whichever order they are given. */
Test(glob, range) {
    cr_assert(matches("[a-c]", "a"));
    cr_assert(matches("[a-c]", "c"));
    cr_assert(matches("[c-a]", "b"));
    cr_assert_not(matches("[a-c]", "d"));
    cr_assert_not(matches("[a-c]", "-"));
    cr_assert(matches("[a-c0-9]", "5"));
    cr_assert(matches("[\x80-\xff]", "\xe0"));
    cr_assert_not(matches("[\x80-\xff]", "a"));
    cr_assert(matches("[\xff-b]", "a"));
    cr_assert_not(matches("[\xff-b]", "c"));
}

/* A minus without an end is a minus; one before the bracket makes a range to it, and the set goes on. */
Test(glob, minus_at_the_edge) {
    cr_assert(matches("[-a]", "-"));
    cr_assert(matches("[a-", "-"));
    cr_assert_not(matches("[a-", "5"));
    cr_assert(matches("[a-]", "^"));
    cr_assert_not(matches("[a-]", "-"));
}

/* A caret turns a set around, but only at its beginning. */
Test(glob, negated_set) {
    cr_assert(matches("[^a]", "b"));
    cr_assert_not(matches("[^a]", "a"));
    cr_assert_not(matches("[^a-c]", "b"));
    cr_assert(matches("[a^]", "^"));
    cr_assert(matches("[^]", "a"));
    cr_assert_not(matches("[!a]", "b"));
}

/* A set without its end ends with the pattern. */
Test(glob, unterminated_set) {
    cr_assert(matches("[abc", "b"));
    cr_assert_not(matches("[abc", "d"));
    cr_assert_not(matches("[", "["));
    cr_assert(matches("[^", "x"));
    cr_assert_not(matches("[^", "xy"));
    cr_assert(matches("*[ab", "xyb"));
}

/* A backslash takes the next byte literally, also inside a set. */
Test(glob, escape) {
    cr_assert(matches("a\\*", "a*"));
    cr_assert_not(matches("a\\*", "ab"));
    cr_assert(matches("\\[a]", "[a]"));
    cr_assert(matches("[\\]]", "]"));
    cr_assert(matches("[\\-a]", "-"));
    cr_assert(matches("\\a", "a"));
}

/* A backslash at the end is a backslash. */
Test(glob, trailing_backslash) {
    cr_assert(matches("a\\", "a\\"));
    cr_assert_not(matches("a\\", "a"));
    cr_assert(matches("[\\", "\\"));
}

/* Zero bytes are bytes. */
Test(glob, binary) {
    cr_assert(bzd_glob_match(bzd_slice_of("a\0*", 3), bzd_slice_of("a\0b", 3)));
    cr_assert_not(bzd_glob_match(bzd_slice_of("a\0c", 3), bzd_slice_of("a\0b", 3)));
}

/* Many stars against a text that nearly fits: exponential for a recursive matcher, quadratic at most here. */
Test(glob, hostile_pattern_ends_soon, .timeout = 60) {
    char pattern[2001];
    char text[20000];
    for (size_t i = 0; i + 1 < sizeof pattern; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[sizeof pattern - 1] = 'b';
    memset(text, 'a', sizeof text);

    cr_assert_not(bzd_glob_match(bzd_slice_of(pattern, sizeof pattern), bzd_slice_of(text, sizeof text)));
}

static enum bzd_glob_result compare(const char *pattern, const char *text, bool ignore_case) {
    size_t steps = bzd_glob_steps(strlen(text));
    return bzd_glob_compare(bzd_slice_of(pattern, strlen(pattern)), bzd_slice_of(text, strlen(text)),
                            ignore_case, &steps);
}

/* Without case the letters of ASCII are the same, in sets and ranges too; nothing else is. */
Test(glob, ignore_case) {
    cr_assert_eq(compare("AbC", "aBc", true), BZD_GLOB_MATCH);
    cr_assert_eq(compare("[A-C]x[Y]", "bXy", true), BZD_GLOB_MATCH);
    cr_assert_eq(compare("[^a]", "A", true), BZD_GLOB_MISMATCH);
    cr_assert_eq(compare("\\A[\\B]", "ab", true), BZD_GLOB_MATCH);
    cr_assert_eq(compare("[@]", "`", true), BZD_GLOB_MISMATCH);
    cr_assert_eq(compare("\xc4", "\xe4", true), BZD_GLOB_MISMATCH);
    cr_assert_eq(compare("a", "A", false), BZD_GLOB_MISMATCH);
}

/* Half a million stars, a set of half a million members, a long pattern whose every start nearly fits: each
 * takes the steps granted and no more, and matches nothing. */
Test(glob, steps_are_bounded) {
    enum { SIZE = 500000 };
    static char pattern[SIZE];
    static char text[3000];
    memset(text, 'a', sizeof text);
    size_t steps = bzd_glob_steps(sizeof text);

    memset(pattern, '*', SIZE);
    cr_assert_eq(
        bzd_glob_compare(bzd_slice_of(pattern, SIZE), bzd_slice_of(text, sizeof text), false, &steps),
        BZD_GLOB_TOO_LONG);
    steps = bzd_glob_steps(sizeof text);
    memset(pattern, 'b', SIZE);
    pattern[0] = '[';
    cr_assert_eq(
        bzd_glob_compare(bzd_slice_of(pattern, SIZE), bzd_slice_of(text, sizeof text), false, &steps),
        BZD_GLOB_TOO_LONG);
    steps = bzd_glob_steps(sizeof text);
    memset(pattern, 'a', SIZE);
    pattern[0] = '*';
    pattern[1000] = 'b';
    cr_assert_eq(
        bzd_glob_compare(bzd_slice_of(pattern, 1001), bzd_slice_of(text, sizeof text), false, &steps),
        BZD_GLOB_TOO_LONG);
    cr_assert_eq(steps, 0);
}

/* What anybody writes is far below the limit. */
Test(glob, steps_suffice) {
    static char text[1000000];
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 3, "end", 3);
    cr_assert(bzd_glob_match(bzd_slice_of("*a*aaab*", 8), bzd_slice_of("aaaaaaab", 8)));
    cr_assert(bzd_glob_match(bzd_slice_of("a*[a-z]en?", 10), bzd_slice_of(text, sizeof text)));
    cr_assert(bzd_glob_match(bzd_slice_of(text, sizeof text), bzd_slice_of(text, sizeof text)));
}
