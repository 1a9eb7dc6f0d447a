/* The slow log: order, limits, and how arguments are cut. */
#include <criterion/criterion.h>
#include <string.h>

#include "slowlog.h"

static struct bzs_slowlog slowlog;
static struct bzs_reply reply;

static void begin(void) {
    bzs_slowlog_init(&slowlog);
    bzs_reply_init(&reply);
}

static void end(void) {
    bzs_reply_deinit(&reply);
    bzs_slowlog_deinit(&slowlog);
}

TestSuite(slowlog, .init = begin, .fini = end);

static void add(const char *argument, size_t size, size_t entries_max) {
    struct bzs_slice argv[] = {{"GET", 3}, {argument, size}};
    struct bzs_slow_command command = {.unix_s = 7,
                                       .microseconds = 9,
                                       .argv = argv,
                                       .argc = 2,
                                       .together = 1,
                                       .address = "1.2.3.4:5",
                                       .name = "me"};
    bzs_slowlog_add(&slowlog, &command, entries_max);
}

static void expect(const char *text) {
    cr_assert_eq(reply.size, strlen(text), "%.*s", (int)reply.size, reply.data);
    cr_assert_arr_eq(reply.data, text, reply.size);
}

/* The newest entry comes first, and numbers go on. */
Test(slowlog, newest_first) {
    add("a", 1, 10);
    add("b", 1, 10);

    bzs_slowlog_reply(&slowlog, 10, &reply);

    expect("*2\r\n*6\r\n:1\r\n:7\r\n:9\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n$9\r\n1.2.3.4:5\r\n$2\r\nme\r\n"
           "*6\r\n:0\r\n:7\r\n:9\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n$9\r\n1.2.3.4:5\r\n$2\r\nme\r\n");
}

/* No more entries than asked for are shown, and no more than allowed are kept; none are after a reset. */
Test(slowlog, limits) {
    for (int i = 0; i < 20; i++)
        add("a", 1, 5);
    cr_assert_eq(bzs_slowlog_count(&slowlog), 5);

    bzs_slowlog_reply(&slowlog, 1, &reply);
    cr_assert_arr_eq(reply.data, "*1\r\n*6\r\n:19\r\n", 13);

    add("a", 1, 2);
    cr_assert_eq(bzs_slowlog_count(&slowlog), 2, "a lower limit holds with the next entry");
    add("a", 1, 0);
    cr_assert_eq(bzs_slowlog_count(&slowlog), 0);
    bzs_slowlog_reset(&slowlog);
    reply.size = 0;
    bzs_slowlog_reply(&slowlog, 10, &reply);
    expect("*0\r\n");
}

/* 128 bytes of an argument are kept, and it is told how many are missing. */
Test(slowlog, long_argument) {
    char text[200];
    memset(text, 'x', sizeof(text));
    add(text, 128, 10);
    bzs_slowlog_reply(&slowlog, 10, &reply);
    cr_assert_null(memmem(reply.data, reply.size, "more bytes", 10));

    add(text, 129, 10);
    reply.size = 0;
    bzs_slowlog_reply(&slowlog, 1, &reply);

    cr_assert_not_null(memmem(reply.data, reply.size, "xxx... (1 more bytes)\r\n", 23));
}

/* 32 arguments are kept; the last of them tells how many are missing. */
Test(slowlog, many_arguments) {
    struct bzs_slice argv[40];
    for (size_t i = 0; i < 40; i++)
        argv[i] = (struct bzs_slice){"a", 1};
    struct bzs_slow_command command = {.argv = argv, .argc = 32, .together = 1, .address = ""};
    bzs_slowlog_add(&slowlog, &command, 10);
    bzs_slowlog_reply(&slowlog, 10, &reply);
    cr_assert_not_null(memmem(reply.data, reply.size, "*32\r\n", 5));
    cr_assert_null(memmem(reply.data, reply.size, "more arguments", 14));

    command.argc = 40;
    bzs_slowlog_add(&slowlog, &command, 10);
    reply.size = 0;
    bzs_slowlog_reply(&slowlog, 1, &reply);

    cr_assert_not_null(memmem(reply.data, reply.size, "*32\r\n", 5));
    cr_assert_not_null(memmem(reply.data, reply.size, "... (9 more arguments)", 22));
}

/* Of commands that were timed together the first is shown, and how many there were. */
Test(slowlog, timed_together) {
    struct bzs_slice argv[] = {{"PING", 4}};
    struct bzs_slow_command command = {.argv = argv, .argc = 1, .together = 16, .address = ""};
    bzs_slowlog_add(&slowlog, &command, 10);

    bzs_slowlog_reply(&slowlog, 10, &reply);

    cr_assert_not_null(memmem(reply.data, reply.size, "*2\r\n$4\r\nPING\r\n", 14));
    cr_assert_not_null(memmem(reply.data, reply.size, "... (15 more commands, timed together)", 38));
}
