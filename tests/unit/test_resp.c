/* The request parser: well-formed, cut anywhere, and each kind of malformed input with the text of Redis 7.0.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resp.h"

static const struct bzs_resp_limits usual = {(size_t)512 * 1024 * 1024, true};
static const struct bzs_resp_limits logged_out = {(size_t)512 * 1024 * 1024, false};

/** What a stream came to: every command as `[arg|arg]`, then the error if there was one. */
struct outcome {
    char text[4096];
    enum bzs_resp_result last;
};

static void note_command(struct outcome *outcome, const struct bzs_resp *resp) {
    size_t used = strlen(outcome->text);
    for (size_t i = 0; i < resp->argc; i++) {
        int written = snprintf(outcome->text + used, sizeof(outcome->text) - used, "%c%.*s",
                               i == 0 ? '[' : '|', (int)resp->argv[i].size, resp->argv[i].data);
        used += (size_t)written;
    }
    snprintf(outcome->text + used, sizeof(outcome->text) - used, "]");
}

/** Parses what is there; keeps the rest at the front of the buffer, as a connection does. */
static void take_commands(struct bzs_resp *resp, const struct bzs_resp_limits *limits, char *data,
                          size_t *size, struct outcome *outcome) {
    size_t used = 0;
    size_t consumed;
    while ((outcome->last = bzs_resp_next(resp, data + used, *size - used, limits, &consumed)) ==
           BZS_RESP_COMMAND) {
        used += consumed;
        if (resp->argc > 0)
            note_command(outcome, resp);
    }
    memmove(data, data + used, *size - used);
    *size -= used;
}

/** Feeds a stream in pieces of `step` bytes after a first piece of `first`, into memory of the exact size. */
static struct outcome feed(const char *stream, size_t size, size_t first, size_t step,
                           const struct bzs_resp_limits *limits) {
    struct outcome outcome = {.last = BZS_RESP_MORE};
    struct bzs_resp resp;
    bzs_resp_init(&resp);
    char *data = NULL;
    size_t waiting = 0;
    for (size_t at = 0; at < size && outcome.last == BZS_RESP_MORE;) {
        size_t piece = at == 0 ? first : step;
        piece = piece < size - at ? piece : size - at;
        /* A fresh block every time: the parser must not remember where the bytes were. */
        char *larger = malloc(waiting + piece);
        cr_assert_not_null(larger);
        memcpy(larger, data != NULL ? data : stream, waiting);
        memcpy(larger + waiting, stream + at, piece);
        free(data);
        data = larger;
        waiting += piece;
        at += piece;
        take_commands(&resp, limits, data, &waiting, &outcome);
    }
    if (outcome.last == BZS_RESP_MALFORMED)
        bzs_resp_error_text(&resp, outcome.text + strlen(outcome.text));
    free(data);
    bzs_resp_deinit(&resp);
    return outcome;
}

static void expect(const char *stream, size_t size, const struct bzs_resp_limits *limits, const char *text) {
    struct outcome outcome = feed(stream, size, size, size, limits);
    cr_assert_str_eq(outcome.text, text);
}

#define EXPECT(stream, text) expect(stream, sizeof(stream) - 1, &usual, text)

/* Arrays of bulk strings, one and several, with empty and binary arguments. */
Test(resp, arrays) {
    EXPECT("*1\r\n$4\r\nPING\r\n", "[PING]");
    EXPECT("*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\nQUIT\r\n", "[GET|][QUIT]");
    EXPECT("*2\r\n$3\r\nGET\r\n$4\r\n\r\n*1\r\n", "[GET|\r\n*1]");
}

/* Arrays without arguments, and empty lines, are no commands and no errors. */
Test(resp, nothing) {
    EXPECT("*0\r\n*-1\r\n*-2147483649\r\n*1\r\n$4\r\nPING\r\n", "[PING]");
    EXPECT("\r\n\n   \r\nPING\r\n", "[PING]");
}

/* Inline commands end with a line feed, are split at blanks and unquoted. */
Test(resp, inline_commands) {
    EXPECT("SET key value\r\nGET key\n", "[SET|key|value][GET|key]");
    EXPECT("  SET\t \"a b\" 'c d'  \r\n", "[SET|a b|c d]");
    EXPECT("SET \"\\x41\\n\\t\\\\\\q\" 'it\\'s \\n' \"\"\r\n", "[SET|A\n\t\\q|it's \\n|]");
    EXPECT("SET a\"b c\"\r\n", "[SET|ab c]");
    EXPECT("SET \"\\xZ1\"\r\n", "[SET|xZ1]");
}

/* What Redis skips without a look is skipped here as well: the two bytes behind an argument. */
Test(resp, bytes_behind_a_bulk) {
    EXPECT("*1\r\n$4\r\nPINGxy*1\r\n$4\r\nPING\r\n", "[PING][PING]");
}

/* A pipeline gives the same commands wherever it is cut in two, and when it comes byte by byte. */
Test(resp, split_anywhere) {
    static const char stream[] =
        "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$13\r\nhello\r\n world\r\n\r\nPING \"a b\"\r\n"
        "*0\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\nGET key\n*1\r\n$4\r\nQUIT\r\n";
    size_t size = sizeof(stream) - 1;
    struct outcome whole = feed(stream, size, size, size, &usual);
    cr_assert_str_eq(whole.text, "[SET|key|hello\r\n world][PING|a b][ECHO|][GET|key][QUIT]");

    for (size_t cut = 1; cut < size; cut++) {
        struct outcome parts = feed(stream, size, cut, size, &usual);
        cr_assert_str_eq(parts.text, whole.text, "cut at %zu", cut);
    }
    cr_assert_str_eq(feed(stream, size, 1, 1, &usual).text, whole.text);
}

/* So does a stream that ends in an error: commands before it run, and the error is the same. */
Test(resp, split_before_an_error) {
    static const char stream[] = "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n:1\r\n";
    size_t size = sizeof(stream) - 1;
    struct outcome whole = feed(stream, size, size, size, &usual);
    cr_assert_str_eq(whole.text, "[PING]Protocol error: expected '$', got ':'");

    for (size_t cut = 1; cut < size; cut++)
        cr_assert_str_eq(feed(stream, size, cut, 1, &usual).text, whole.text, "cut at %zu", cut);
}

/* Every prefix of a command asks for more. */
Test(resp, truncated) {
    static const char stream[] = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
    for (size_t size = 1; size < sizeof(stream) - 1; size++) {
        struct outcome outcome = feed(stream, size, size, size, &usual);
        cr_assert_eq(outcome.last, BZS_RESP_MORE, "%zu bytes", size);
        cr_assert_str_empty(outcome.text);
    }
}

/* Counts of arguments that are no count. */
Test(resp, invalid_multibulk_length) {
    static const char error[] = "Protocol error: invalid multibulk length";
    EXPECT("*2147483648\r\n", error);
    EXPECT("*99999999999999999999\r\n", error);
    EXPECT("*abc\r\n", error);
    EXPECT("*\r\n", error);
    EXPECT("*-\r\n", error);
    EXPECT("* 1\r\n", error);
    EXPECT("*+1\r\n", error);
    EXPECT("*01\r\n", error);
    EXPECT("*-0\r\n", error);
    EXPECT("*1\n$4\r\nPING\r\n", error);
}

/* Sizes of arguments that are no size, or larger than allowed. */
Test(resp, invalid_bulk_length) {
    static const char error[] = "Protocol error: invalid bulk length";
    EXPECT("*1\r\n$-1\r\n", error);
    EXPECT("*1\r\n$-2\r\n", error);
    EXPECT("*1\r\n$2147483648\r\n", error);
    EXPECT("*1\r\n$536870913\r\n", error);
    EXPECT("*1\r\n$99999999999999999999\r\n", error);
    EXPECT("*1\r\n$abc\r\n", error);
    EXPECT("*1\r\n$ 3\r\n", error);
    EXPECT("*1\r\n$+3\r\n", error);
    EXPECT("*1\r\n$03\r\n", error);
    EXPECT("*1\r\n$\r\n", error);
}

/* The largest announcements that are allowed only wait for their bytes; nothing is allocated for them. */
Test(resp, largest_announcements) {
    EXPECT("*2147483647\r\n", "");
    EXPECT("*1\r\n$536870912\r\n", "");
}

/* Anything but a bulk string as an argument. */
Test(resp, expected_dollar) {
    EXPECT("*3\r\n+x\r\n", "Protocol error: expected '$', got '+'");
    EXPECT("*1\r\n*1\r\n$4\r\nPING\r\n", "Protocol error: expected '$', got '*'");
    EXPECT("*3\r\n+x", "");
}

/* Inline commands with a quote that does not end where a word ends. */
Test(resp, unbalanced_quotes) {
    static const char error[] = "Protocol error: unbalanced quotes in request";
    EXPECT("PING \"a\r\n", error);
    EXPECT("PING 'a\r\n", error);
    EXPECT("PING 'a'b\r\n", error);
    EXPECT("PING \"a\"\"b\"\r\n", error);
    EXPECT("PING \"a\\\"\r\n", error);
}

/** A stream of `prefix` and then `size` times the same byte. */
static struct outcome feed_long_line(const char *prefix, char byte, size_t size) {
    size_t prefix_size = strlen(prefix);
    char *stream = malloc(prefix_size + size);
    cr_assert_not_null(stream);
    memcpy(stream, prefix, prefix_size);
    memset(stream + prefix_size, byte, size);
    struct outcome outcome = feed(stream, prefix_size + size, prefix_size + size, 1, &usual);
    free(stream);
    return outcome;
}

/* Lines without an end are given up after 64 KiB, and not before. */
Test(resp, lines_too_long) {
    cr_assert_str_eq(feed_long_line("", 'x', BZS_RESP_LINE_MAX + 1).text,
                     "Protocol error: too big inline request");
    cr_assert_str_eq(feed_long_line("*", '1', BZS_RESP_LINE_MAX).text,
                     "Protocol error: too big mbulk count string");
    cr_assert_str_eq(feed_long_line("*1\r\n$", '1', BZS_RESP_LINE_MAX).text,
                     "Protocol error: too big bulk count string");

    cr_assert_eq(feed_long_line("", 'x', BZS_RESP_LINE_MAX).last, BZS_RESP_MORE);
    cr_assert_eq(feed_long_line("*", '1', BZS_RESP_LINE_MAX - 1).last, BZS_RESP_MORE);
}

/* A line that is too long is refused even if it arrives in one piece with its end: how the network cuts the
 * stream decides nothing. */
Test(resp, lines_too_long_but_whole) {
    static char line[BZS_RESP_LINE_MAX + 4];
    memset(line, '1', sizeof(line));
    memcpy(line + BZS_RESP_LINE_MAX + 1, "\r\n", 3);
    expect(line, BZS_RESP_LINE_MAX + 3, &usual, "Protocol error: too big inline request");
    line[0] = '*';
    expect(line, BZS_RESP_LINE_MAX + 3, &usual, "Protocol error: too big mbulk count string");
}

/* Before the login ten arguments of 16 KiB are the limit. */
Test(resp, unauthenticated_limits) {
    expect("*11\r\n", 5, &logged_out, "Protocol error: unauthenticated multibulk length");
    expect("*1\r\n$16385\r\n", 12, &logged_out, "Protocol error: unauthenticated bulk length");
    cr_assert_eq(feed("*10\r\n", 5, 5, 5, &logged_out).last, BZS_RESP_MORE);
    cr_assert_eq(feed("*1\r\n$16384\r\n", 12, 12, 12, &logged_out).last, BZS_RESP_MORE);
}

/* The limit of the configuration holds for every argument. */
Test(resp, configured_bulk_limit) {
    struct bzs_resp_limits small = {3, true};
    expect("*2\r\n$3\r\nGET\r\n$4\r\n", 17, &small, "Protocol error: invalid bulk length");
}

/* A command of very many empty arguments, in pieces: memory is taken for it once it is whole, and given back.
 */
Test(resp, many_arguments) {
    enum { COUNT = 100000, PIECE = 6 };
    char *stream = malloc(16 + (size_t)COUNT * PIECE);
    cr_assert_not_null(stream);
    size_t size = (size_t)sprintf(stream, "*%d\r\n", COUNT);
    for (int i = 0; i < COUNT; i++, size += PIECE)
        memcpy(stream + size, "$0\r\n\r\n", PIECE);
    struct bzs_resp resp;
    bzs_resp_init(&resp);
    size_t consumed;
    for (size_t shown = 1000; shown < size; shown += 1000)
        cr_assert_eq(bzs_resp_next(&resp, stream, shown, &usual, &consumed), BZS_RESP_MORE);
    cr_assert_eq(resp.capacity, 0, "an unfinished command takes no memory");
    cr_assert_eq(bzs_resp_next(&resp, stream, size, &usual, &consumed), BZS_RESP_COMMAND);

    cr_assert_eq(resp.argc, COUNT);
    cr_assert_eq(consumed, size);
    bzs_resp_shrink(&resp);
    cr_assert_eq(resp.capacity, 0);
    bzs_resp_deinit(&resp);
    free(stream);
}
