/* The reply writer: what every kind of answer looks like in both protocols, and how its buffer behaves. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "decimal.h"
#include "reply.h"

static struct bzs_reply reply;

static void begin(void) {
    bzs_reply_init(&reply);
}

static void end(void) {
    bzs_reply_deinit(&reply);
}

TestSuite(reply, .init = begin, .fini = end);

/** Compares everything written so far, then empties the writer. */
static void expect(const char *text) {
    cr_assert_eq(bzs_reply_pending(&reply), strlen(text), "%.*s", (int)reply.size, reply.data);
    cr_assert_arr_eq(reply.data + reply.sent, text, strlen(text));
    bzs_reply_consume(&reply, bzs_reply_pending(&reply));
}

/* Answers that look the same in both protocols. */
Test(reply, common) {
    for (int protocol = 2; protocol <= 3; protocol++) {
        reply.protocol = protocol;
        bzs_reply_simple(&reply, "OK");
        bzs_reply_integer(&reply, -7);
        bzs_reply_bulk(&reply, "a\0b", 3);
        bzs_reply_text(&reply, "");
        bzs_reply_array(&reply, 2);
        cr_assert_eq(bzs_reply_pending(&reply), 5 + 5 + 9 + 6 + 4);
        cr_assert_arr_eq(reply.data, "+OK\r\n:-7\r\n$3\r\na\0b\r\n$0\r\n\r\n*2\r\n", 29);
        bzs_reply_consume(&reply, 29);
    }
}

/* Answers that have a type of their own in RESP3 only. */
Test(reply, resp2) {
    bzs_reply_null(&reply);
    bzs_reply_map(&reply, 2);
    bzs_reply_set(&reply, 2);
    bzs_reply_verbatim(&reply, "text", 4);
    expect("$-1\r\n*4\r\n*2\r\n$4\r\ntext\r\n");
}

Test(reply, resp3) {
    reply.protocol = 3;
    bzs_reply_null(&reply);
    bzs_reply_map(&reply, 2);
    bzs_reply_set(&reply, 2);
    bzs_reply_verbatim(&reply, "text", 4);
    expect("_\r\n%2\r\n~2\r\n=8\r\ntxt:text\r\n");
}

/* An error is one line whatever is put into it, and is counted. */
Test(reply, errors) {
    bzs_reply_error(&reply, "ERR unknown command '%s'", "a\r\nb");
    expect("-ERR unknown command 'a  b'\r\n");
    bzs_reply_error(&reply, "ERR ends\r\n");
    expect("-ERR ends\r\n");
    cr_assert_eq(reply.errors, 2);
}

/* An error quotes all of a long argument. */
Test(reply, long_error) {
    char line[1 + 3000 + 2 + 1];
    memset(line, 'x', sizeof(line));
    bzs_reply_error(&reply, "%.*s", 3000, line);
    line[0] = '-';
    memcpy(line + 1 + 3000, "\r\n", 3);
    expect(line);
}

/* The ends of the range of integers. */
Test(reply, integers) {
    bzs_reply_integer(&reply, INT64_MAX);
    bzs_reply_integer(&reply, INT64_MIN);
    bzs_reply_integer(&reply, 0);
    expect(":9223372036854775807\r\n:-9223372036854775808\r\n:0\r\n");
    static const int numbers[] = {9, 10, 42, 99, 100, -1, -10};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        bzs_reply_integer(&reply, numbers[i]);
    expect(":9\r\n:10\r\n:42\r\n:99\r\n:100\r\n:-1\r\n:-10\r\n");
}

/* Offsets in the stream stay what they are when sent bytes are dropped and the buffer moves. */
Test(reply, stream_offsets) {
    static const char block[10000] = {0};
    for (int i = 0; i < 100; i++) {
        bzs_reply_raw(&reply, block, sizeof(block));
        cr_assert_eq(bzs_reply_stream_end(&reply), (uint64_t)(i + 1) * sizeof(block));
        bzs_reply_consume(&reply, sizeof(block) - 1);
    }
    cr_assert_eq(bzs_reply_pending(&reply), 100);
    cr_assert_lt(reply.capacity, 100000, "sent bytes are not kept");
}

/* Truncating takes back what was written since, but nothing that was sent. */
Test(reply, truncate) {
    bzs_reply_raw(&reply, "kept", 4);
    uint64_t offset = bzs_reply_stream_end(&reply);
    bzs_reply_raw(&reply, "dropped", 7);
    bzs_reply_truncate(&reply, offset);
    cr_assert_eq(bzs_reply_pending(&reply), 4);
    bzs_reply_consume(&reply, 2);
    bzs_reply_truncate(&reply, 0);
    cr_assert_eq(bzs_reply_pending(&reply), 0);
    cr_assert_eq(bzs_reply_stream_end(&reply), 2);
}

/* A buffer is shared by those who use it one after the other; one with output, and a large one, is not. */
Test(reply, pool) {
    struct bzs_reply_pool pool = {.count = 0};
    struct bzs_reply other;
    bzs_reply_init(&other);
    bzs_reply_simple(&reply, "OK");
    bzs_reply_give_back(&reply, &pool);
    cr_assert_eq(pool.count, 0);
    expect("+OK\r\n");
    char *buffer = reply.data;
    bzs_reply_give_back(&reply, &pool);
    cr_assert(reply.data == NULL && reply.capacity == 0 && pool.count == 1);
    bzs_reply_borrow(&other, &pool);
    cr_assert(other.data == buffer && pool.count == 0);
    bzs_reply_borrow(&reply, &pool);
    cr_assert_null(reply.data);
    cr_assert_eq(bzs_reply_stream_end(&reply), 5);

    char *large = calloc(1, 1 << 20);
    cr_assert_not_null(large);
    bzs_reply_bulk(&other, large, 1 << 20);
    bzs_reply_consume(&other, bzs_reply_pending(&other));
    bzs_reply_give_back(&other, &pool);
    cr_assert(other.data == NULL && pool.count == 0);
    free(large);
    bzs_reply_simple(&reply, "OK");
    expect("+OK\r\n");
    bzs_reply_give_back(&reply, &pool);
    bzs_reply_pool_deinit(&pool);
}

static int released;

static void release(void *owner) {
    released += *(int *)owner;
}

/** What would be sent up to a point of the stream, joined. */
static const char *parts_up_to(uint64_t limit) {
    static char text[256];
    struct iovec parts[8];
    size_t count = bzs_reply_parts(&reply, limit, parts, 8);
    size_t used = 0;
    for (size_t i = 0; i < count; used += parts[i++].iov_len)
        memcpy(text + used, parts[i].iov_base, parts[i].iov_len);
    text[used] = '\0';
    return text;
}

/* A value sent from where it stands comes between its line and its line end, whatever pieces are sent, and is
 * released with its last byte. */
Test(reply, kept_values) {
    static const char stream[] = "+OK\r\n$5\r\nvalue\r\n$3\r\nabc\r\n:1\r\n";
    static int one = 1, ten = 10;
    size_t total = sizeof(stream) - 1;
    for (size_t piece = 1; piece <= total; piece++) {
        released = 0;
        bzs_reply_simple(&reply, "OK");
        bzs_reply_bulk_kept(&reply, "value", 5, release, &one);
        bzs_reply_bulk_kept(&reply, "abc", 3, release, &ten);
        bzs_reply_integer(&reply, 1);
        for (size_t sent = 0; sent < total; sent += piece) {
            cr_assert_eq(bzs_reply_pending(&reply), total - sent);
            cr_assert_str_eq(parts_up_to(bzs_reply_stream_end(&reply)), stream + sent);
            cr_assert_eq(released, (sent >= 14) + (sent >= 23) * 10, "%zu of %zu", sent, piece);
            bzs_reply_consume(&reply, piece < total - sent ? piece : total - sent);
        }
        cr_assert(bzs_reply_pending(&reply) == 0 && released == 11 && reply.values == NULL);
    }
}

/* A limit in the stream holds back the values behind it; what is taken back, and what is left, is released.
 */
Test(reply, kept_values_taken_back) {
    static int one = 1, ten = 10;
    released = 0;
    bzs_reply_bulk_kept(&reply, "value", 5, release, &one);
    uint64_t offset = bzs_reply_stream_end(&reply);
    bzs_reply_bulk_kept(&reply, "other", 5, release, &ten);
    cr_assert_str_eq(parts_up_to(offset), "$5\r\nvalue\r\n");
    bzs_reply_truncate(&reply, offset);
    cr_assert_eq(released, 10);
    cr_assert_str_eq(parts_up_to(bzs_reply_stream_end(&reply)), "$5\r\nvalue\r\n");
    bzs_reply_consume(&reply, 6);
    bzs_reply_deinit(&reply);
    cr_assert_eq(released, 11);
    bzs_reply_bulk_kept(&reply, "third", 5, release, &one);
    reply.failed = true;
    bzs_reply_bulk_kept(&reply, "fourth", 6, release, &ten);
    cr_assert_eq(released, 21);
}

/* More than the limit marks the writer as failed, and it stays failed. */
Test(reply, limit) {
    char byte = 0;
    bzs_reply_raw(&reply, &byte, BZS_REPLY_SIZE_MAX + 1);
    cr_assert(reply.failed);
    bzs_reply_simple(&reply, "OK");
    cr_assert_eq(bzs_reply_pending(&reply), 0);
}

/* Integers are read as strictly as Redis reads them. */
Test(decimal, parse) {
    static const struct {
        const char *text;
        bool valid;
        int64_t number;
    } cases[] = {
        {"0", true, 0},
        {"1", true, 1},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"9999999999999999999", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"-0", false, 0},
        {"00", false, 0},
        {"01", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1a", false, 0},
        {"--1", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t number = 0;
        struct bzs_slice text = {cases[i].text, strlen(cases[i].text)};
        cr_assert_eq(bzs_parse_integer(text, &number), cases[i].valid, "'%s'", cases[i].text);
        cr_assert_eq(number, cases[i].number, "'%s'", cases[i].text);
    }
}
