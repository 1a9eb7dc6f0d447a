/* Commands read many at once: the same ones as one by one, and nothing but plain ones. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "resp.h"
#include "resp_batch.h"

#define GET_A "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
#define SET_BC "*3\r\n$3\r\nSET\r\n$2\r\nbc\r\n$12\r\nabcdefghijkl\r\n"
#define PING "*1\r\n$4\r\nPING\r\n"

enum { BULK_SIZE_MAX = 1000 };

static struct bzs_resp_batch batch;

/** Reads from a copy that ends with the bytes: a byte read behind them is one too many for the sanitizer. */
static void read_exactly(const char *data, size_t size) {
    static char *copy;
    free(copy);
    copy = malloc(size + (size == 0));
    cr_assert_not_null(copy);
    memcpy(copy, data, size);
    bzs_resp_batch_read(&batch, copy, size, BULK_SIZE_MAX);
}

static bool is(struct bzs_slice slice, const char *text) {
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

Test(resp_batch, reads_commands_and_their_ends) {
    static const char stream[] = GET_A SET_BC PING;
    read_exactly(stream, sizeof(stream) - 1);
    cr_assert_eq(batch.count, 3);
    cr_assert_eq(batch.commands[0].argc, 2);
    cr_assert(is(batch.commands[0].argv[1], "a"));
    cr_assert_eq(batch.commands[0].end, strlen(GET_A));
    cr_assert_eq(batch.commands[1].argc, 3);
    cr_assert(is(batch.commands[1].argv[0], "SET") && is(batch.commands[1].argv[2], "abcdefghijkl"));
    cr_assert_eq(batch.commands[1].end, strlen(GET_A SET_BC));
    cr_assert(is(batch.commands[2].argv[0], "PING"));
    cr_assert_eq(batch.commands[2].end, sizeof(stream) - 1);
}

/* Wherever the input is cut off, the whole commands before that are read. */
Test(resp_batch, ends_before_what_is_cut_off) {
    static const char stream[] = GET_A SET_BC PING;
    static const size_t ends[] = {sizeof(GET_A) - 1, sizeof(GET_A SET_BC) - 1, sizeof(stream) - 1};
    for (size_t size = 0; size < sizeof(stream); size++) {
        read_exactly(stream, size);
        size_t whole = 0;
        while (whole < 3 && size >= ends[whole])
            whole++;
        cr_assert_eq(batch.count, whole, "%zu bytes", size);
    }
}

Test(resp_batch, leaves_the_unusual_to_the_parser) {
    static const char *const unusual[] = {"GET a\r\n",
                                          "\r\n",
                                          "*0\r\n",
                                          "*-1\r\n",
                                          "*+1\r\n$1\r\na\r\n",
                                          "*01\r\n$1\r\na\r\n",
                                          "*2x\r\n$1\r\na\r\n",
                                          "* 1\r\n$1\r\na\r\n",
                                          "*1\n$1\r\na\r\n",
                                          "*1\r\n$-1\r\n",
                                          "*1\r\n:1\r\na\r\n",
                                          "*1\r\n$1001\r\n",
                                          "*1\r\n$99999999999999999999\r\n",
                                          "*257\r\n$1\r\na\r\n",
                                          "$1\r\na\r\n"};
    char stream[2200];
    for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++) {
        memset(stream, '\n', sizeof(stream)); /* whatever is missing would be there */
        memcpy(stream, PING, strlen(PING));
        memcpy(stream + strlen(PING), unusual[i], strlen(unusual[i]));
        read_exactly(stream, sizeof(stream));
        cr_assert_eq(batch.count, 1, "%s", unusual[i]);
    }
}

/* There is room for so many commands and so many arguments; what is left is read the next time. */
Test(resp_batch, stops_when_full) {
    static char stream[200 * sizeof(SET_BC)];
    size_t size = 0;
    for (int i = 0; i < 200; i++, size += strlen(PING))
        memcpy(stream + size, PING, strlen(PING));
    read_exactly(stream, size);
    cr_assert_eq(batch.count, BZS_BATCH_COMMANDS_MAX);
    cr_assert_eq(batch.commands[BZS_BATCH_COMMANDS_MAX - 1].end, BZS_BATCH_COMMANDS_MAX * strlen(PING));
    size = 0;
    for (int i = 0; i < 10; i++) {
        size += (size_t)sprintf(stream + size, "*100\r\n");
        for (int j = 0; j < 100; j++)
            size += (size_t)sprintf(stream + size, "$0\r\n\r\n");
    }
    read_exactly(stream, size);
    cr_assert_eq(batch.count, BZS_BATCH_ARGUMENTS_MAX / 100);
}

/** The parser's reading of the next command. */
static void expect_same(struct bzs_resp *resp, char *data, size_t size, const struct bzs_batch_command *read,
                        size_t begin) {
    static const struct bzs_resp_limits limits = {BULK_SIZE_MAX, true};
    size_t consumed;
    cr_assert_eq(bzs_resp_next(resp, data, size, &limits, &consumed), BZS_RESP_COMMAND);
    cr_assert_eq(consumed, read->end - begin);
    cr_assert_eq(resp->argc, read->argc);
    for (size_t i = 0; i < read->argc; i++)
        cr_assert(resp->argv[i].size == read->argv[i].size &&
                  memcmp(resp->argv[i].data, read->argv[i].data, read->argv[i].size) == 0);
}

/* Streams with bytes changed at random: whatever is read is what the parser reads. */
Test(resp_batch, agrees_with_the_parser) {
    static const char plain[] = SET_BC GET_A PING "*2\r\n$10\r\n0123456789\r\n$0\r\n\r\n" SET_BC;
    static const char bytes[] = "*$\r\n0123456789-+a";
    uint64_t random = 88172645463325252;
    size_t commands = 0;
    for (int round = 0; round < 20000; round++) {
        char stream[sizeof(plain)];
        memcpy(stream, plain, sizeof(plain));
        for (int change = 0; change < round % 3; change++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            stream[random % (sizeof(plain) - 1)] = bytes[(random >> 32) % (sizeof(bytes) - 1)];
        }
        bzs_resp_batch_read(&batch, stream, sizeof(plain) - 1, BULK_SIZE_MAX);
        struct bzs_resp resp;
        bzs_resp_init(&resp);
        size_t begin = 0;
        for (size_t i = 0; i < batch.count; i++) {
            expect_same(&resp, stream + begin, sizeof(plain) - 1 - begin, &batch.commands[i], begin);
            begin = batch.commands[i].end;
        }
        commands += batch.count;
        bzs_resp_deinit(&resp);
    }
    cr_assert_gt(commands, 40000);
}
