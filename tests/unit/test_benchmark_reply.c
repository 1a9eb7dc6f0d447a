/* What blitzdb-benchmark sends and what it understands of the answers, in both protocols. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmark_process.h"
#include "benchmark_reply.h"
#include "benchmark_request.h"

static struct settings settings;
static struct reply_reader reader;
static struct reply_counts counts;
static char values[4096]; /**< what the handler got: parts one behind the other, '|' before each value */

static void note_value(void *user, const struct value_part *part) {
    (void)user;
    size_t size = strlen(values);
    int written =
        part->offset == 0 ? snprintf(values + size, sizeof values - size, "|%d:", (int)part->index) : 0;
    size += (size_t)written;
    memcpy(values + size, part->part, part->part_size);
    values[size + part->part_size] = '\0';
}

static void begin(void) {
    char name[] = "blitzdb-benchmark";
    char *arguments[] = {name, NULL};
    char error[ERROR_SIZE];
    cr_assert_eq(settings_parse(&settings, 1, arguments, error), SETTINGS_FINE);
}

TestSuite(benchmark_reply, .init = begin);

static void start(void) {
    counts = (struct reply_counts){0};
    values[0] = '\0';
    reply_reader_init(&reader, &settings, &counts, note_value, NULL);
}

/** Reads a text cut into portions of `portion` bytes. */
static void read_in(const char *text, size_t portion) {
    size_t size = strlen(text);
    start();
    for (size_t at = 0; at < size && !reader.broken; at += portion) {
        size_t end = at + portion < size ? at + portion : size;
        for (size_t from = at; from < end && !reader.broken;)
            from += reply_reader_take(&reader, text + from, end - from);
    }
}

/** However it is cut, a text has so many replies, errors and misses, and these values. */
static void expect(const char *text, uint64_t replies, uint64_t errors, uint64_t misses, const char *found) {
    for (size_t portion = 1; portion <= strlen(text); portion++) {
        read_in(text, portion);
        cr_assert_not(reader.broken, "%s: '%s'", text, reader.line);
        cr_assert_eq(reader.replies, replies, "%ju replies in %s", (uintmax_t)reader.replies, text);
        cr_assert_eq(counts.errors, errors, "%ju errors in %s", (uintmax_t)counts.errors, text);
        cr_assert_eq(counts.misses, misses, "%ju misses in %s", (uintmax_t)counts.misses, text);
        cr_assert_str_eq(values, found);
    }
}

/* One reply of each type, and several behind each other. */
Test(benchmark_reply, resp) {
    expect("+OK\r\n", 1, 0, 0, "");
    expect(":12\r\n", 1, 0, 0, "");
    expect("$5\r\na\r\nbc\r\n", 1, 0, 0, "|0:a\r\nbc");
    expect("$0\r\n\r\n", 1, 0, 0, "|0:");
    expect("$-1\r\n_\r\n*-1\r\n", 3, 0, 3, "");
    expect("#t\r\n,1.5\r\n(12345\r\n=7\r\ntxt:abc\r\n", 4, 0, 0, "|0:txt:abc");
    expect("+OK\r\n$2\r\nab\r\n-ERR no\r\n:1\r\n", 4, 1, 0, "|0:ab");
    expect("!5\r\nERR x\r\n!0\r\n\r\n", 2, 2, 0, "");
}

/* A reply that holds others ends with the last of them. */
Test(benchmark_reply, aggregates) {
    expect("*0\r\n+OK\r\n", 2, 0, 0, "");
    expect("*3\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n+OK\r\n", 2, 0, 1, "|0:a|2:b");
    expect("*2\r\n*2\r\n:1\r\n*0\r\n*1\r\n-ERR x\r\n", 1, 1, 0, "");
    expect("%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n:1\r\n:7\r\n", 2, 0, 0, "");
}

/* Attributes and pushes stand before a reply and are none. */
Test(benchmark_reply, not_asked_for) {
    expect(">2\r\n+message\r\n$1\r\nx\r\n+OK\r\n", 1, 0, 0, "|1:x");
    expect("|1\r\n+ttl\r\n:3\r\n:7\r\n", 1, 0, 0, "");
}

/* The first error is kept, as much of it as fits. */
Test(benchmark_reply, first_error) {
    read_in("+OK\r\n-ERR one\r\n-ERR two\r\n", 3);
    cr_assert_str_eq(counts.error, "ERR one");
    cr_assert_eq(counts.errors, 2);

    char text[2000];
    memset(text, 'x', sizeof text);
    text[0] = '-';
    memcpy(text + sizeof text - 3, "\r\n", 3);
    read_in(text, 7);
    cr_assert_eq(reader.replies, 1);
    cr_assert_eq(strlen(counts.error), sizeof counts.error - 1);
}

/* What is no reply is noticed and not walked over. */
Test(benchmark_reply, broken) {
    static const char *const texts[] = {"HTTP/1.1 400\r\n",          "$x\r\n", "*\r\n",
                                        "$99999999999999999999\r\n", "\r\n",   "$-2\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        read_in(texts[i], 1000);
        cr_assert(reader.broken, "%s", texts[i]);
        cr_assert_eq(reader.replies, 0);
    }
}

/* memcached: the missing keys of a get are counted at its END. */
Test(benchmark_reply, memcached) {
    settings.protocol = PROTOCOL_MEMCACHED;
    settings.mget = 3;
    expect("STORED\r\n12\r\nNOT_FOUND\r\nVERSION 1.6\r\n", 4, 0, 1, "");
    expect("VALUE a 0 5\r\na\r\nbc\r\nVALUE b 12 0\r\n\r\nEND\r\nEND\r\n", 2, 0, 4, "|0:a\r\nbc|1:");
    expect("ERROR\r\nCLIENT_ERROR bad\r\nSERVER_ERROR x\r\n", 3, 3, 0, "");
    read_in("+OK\r\n", 1000);
    cr_assert(reader.broken);
}

/* -- What is sent --------------------------------------------------------------------------------- */

/** Writes one command of sequential keys from 41 on, and compares; VALUE stands for the value. */
static void expect_request(const struct request *request, const char *text) {
    char out[4096];
    uint64_t keys[8] = {0};
    struct values made;
    struct request_source source = {.values = &made, .random = 1};
    cr_assert(values_init(&made, settings.value_max));
    source.key_digits = settings.key_size - strlen(settings.key_prefix);
    source.value_min = settings.value_min;
    source.value_max = settings.value_max;
    key_source_init(&source.keys, KEYS_SEQUENTIAL, 1000, 0, 1, 41);

    size_t size = request_write(request, &source, out, keys);

    cr_assert_leq(size, request->size_max);
    cr_assert_eq(size, strlen(text), "%.*s", (int)size, out);
    cr_assert_arr_eq(out, text, size, "%.*s", (int)size, out);
    cr_assert_eq(keys[0], request->keys > 0 ? 41 : 0);
    values_deinit(&made);
}

/* The Redis protocol, fixed sizes. */
Test(benchmark_reply, resp_requests) {
    struct request request;
    settings.value_min = settings.value_max = 0;
    cr_assert(request_init_set(&request, &settings));
    expect_request(&request, "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000041\r\n$0\r\n\r\n");
    request_deinit(&request);
    settings.key_size = 7;
    settings.mget = 2;
    cr_assert(request_init_get(&request, &settings));
    cr_assert(request.reads);
    expect_request(&request, "*3\r\n$4\r\nMGET\r\n$7\r\nkey:041\r\n$7\r\nkey:042\r\n");
    request_deinit(&request);
    settings.key_prefix = "";
    settings.key_size = 3;
    cr_assert(request_init_incr(&request, &settings));
    expect_request(&request, "*2\r\n$4\r\nINCR\r\n$3\r\n041\r\n");
    request_deinit(&request);
}

/* A command of the user's: places inside of words count into their size. */
Test(benchmark_reply, custom_requests) {
    struct request request;
    settings.value_min = settings.value_max = 0;
    settings.key_size = 8;
    settings.command = "  SETEX a__key__bc 10   x__data__ ";
    cr_assert(request_init_custom(&request, &settings));
    expect_request(&request, "*4\r\n$5\r\nSETEX\r\n$11\r\nakey:0041bc\r\n$2\r\n10\r\n$1\r\nx\r\n");
    request_deinit(&request);
    settings.command = "PING";
    cr_assert(request_init_custom(&request, &settings));
    expect_request(&request, "*1\r\n$4\r\nPING\r\n");
    request_deinit(&request);
    settings.command = " ";
    cr_assert_not(request_init_custom(&request, &settings));
    request_deinit(&request);
}

/* Values of different sizes say theirs, in every protocol. */
Test(benchmark_reply, sizes) {
    struct request request;
    struct values made;
    char out[2048];
    bool seen[1001] = {false};
    unsigned different = 0;
    settings.value_max = 1000;
    settings.value_min = 1;
    cr_assert(values_init(&made, 1000));
    struct request_source source = {
        .values = &made, .random = 1, .key_digits = 12, .value_min = 1, .value_max = 1000};
    key_source_init(&source.keys, KEYS_SEQUENTIAL, 1000, 0, 1, 0);
    cr_assert(request_init_set(&request, &settings));

    for (unsigned i = 0; i < 20000; i++) {
        size_t size = request_write(&request, &source, out, NULL);
        out[size] = '\0';
        char *size_line = strstr(out, "\r\n$16\r\n") + strlen("\r\n$16\r\nkey:000000000000\r\n$");
        size_t said = strtoul(size_line, NULL, 10);
        char *value = strchr(size_line, '\n') + 1;
        cr_assert_eq((size_t)(out + size - value), said + 2);
        cr_assert(said >= 1 && said <= 1000);
        different += !seen[said];
        seen[said] = true;
    }
    cr_assert_eq(different, 1000);
    request_deinit(&request);
    values_deinit(&made);
}

/* memcached's text protocol. */
Test(benchmark_reply, memcached_requests) {
    struct request request;
    settings.protocol = PROTOCOL_MEMCACHED;
    settings.value_min = settings.value_max = 0;
    settings.key_size = 7;
    settings.mget = 2;
    cr_assert(request_init_set(&request, &settings));
    expect_request(&request, "set key:041 0 0 0\r\n\r\n");
    request_deinit(&request);
    cr_assert(request_init_get(&request, &settings));
    expect_request(&request, "get key:041 key:042\r\n");
    request_deinit(&request);
    cr_assert(request_init_incr(&request, &settings));
    expect_request(&request, "incr key:041 1\r\n");
    request_deinit(&request);
}

/* -- The command line ----------------------------------------------------------------------------- */

/** Parses options in one text, separated by single spaces. */
static enum settings_result parse(const char *line, char error[ERROR_SIZE]) {
    static char text[500];
    static char name[] = "blitzdb-benchmark";
    char *arguments[40] = {name};
    int count = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        arguments[count++] = word;
    return settings_parse(&settings, count, arguments, error);
}

/* Options by both their names. */
Test(benchmark_reply, options) {
    char error[ERROR_SIZE];
    cr_assert_eq(
        parse("-c 7 --pipeline 3 -d 10-20 --ratio 3:1 --distribution zipf:1.5 --duration 0.25 -3 --csv",
              error),
        SETTINGS_FINE, "%s", error);
    cr_assert_eq(settings.connections, 7);
    cr_assert_eq(settings.pipeline, 3);
    cr_assert(settings.value_min == 10 && settings.value_max == 20);
    cr_assert(settings.set_share == 3 && settings.get_share == 1);
    cr_assert(settings.order == KEYS_ZIPF && settings.theta == 1.5);
    cr_assert_eq(settings.duration_ns, 250000000);
    cr_assert_eq(settings.operations, UINT64_MAX);
    cr_assert_eq(settings.protocol, PROTOCOL_RESP3);
    cr_assert_eq(settings.format, FORMAT_CSV);
    cr_assert_eq(settings.fill_pipeline, 64);
    cr_assert_eq(parse("--protocol memcached", error), SETTINGS_FINE);
    cr_assert_eq(settings.port, 11211);
    cr_assert_eq(parse("-d 1kb-10K", error), SETTINGS_FINE);
    cr_assert(settings.value_min == 1024 && settings.value_max == 10000);
}

/* The part in the system never exceeds the whole, though the ticks have counted more than was spent. */
Test(benchmark_reply, spent_in_the_system) {
    const struct process_meter before = {.cpu_ns = 1000, .ticks_ns = 0, .kernel_ns = 0, .waits = 1};
    struct process_meter after = {
        .cpu_ns = 13000000, .ticks_ns = 20000000, .kernel_ns = 20000000, .waits = 4};
    struct process_meter spent = process_spent(&before, &after);
    cr_assert(spent.cpu_ns == 12999000 && spent.kernel_ns == spent.cpu_ns && spent.waits == 3);
    after.kernel_ns = 5000000;
    cr_assert_eq(process_spent(&before, &after).kernel_ns, 12999000 / 4);
    cr_assert_eq(process_spent(&after, &after).kernel_ns, 0);
}

/* Batches of large values are small, unless somebody wants it otherwise. */
Test(benchmark_reply, fill_pipeline) {
    char error[ERROR_SIZE];
    cr_assert_eq(parse("-d 1-100000", error), SETTINGS_FINE);
    cr_assert_eq(settings.fill_pipeline, 10);
    cr_assert_eq(parse("-d 10000000", error), SETTINGS_FINE);
    cr_assert_eq(settings.fill_pipeline, 1);
    cr_assert_eq(parse("-d 10000000 --fill-pipeline 7", error), SETTINGS_FINE);
    cr_assert_eq(settings.fill_pipeline, 7);
}

/* Whatever is wrong is said with the name of its option. */
Test(benchmark_reply, wrong_options) {
    static const char *const lines[][2] = {
        {"--unknown", "--unknown"},
        {"-c", "-c"},
        {"-c 0", "--connections"},
        {"-p 70000", "--port"},
        {"-P -1", "--pipeline"},
        {"-d 20-10", "--data-size"},
        {"-d x", "--data-size"},
        {"-d 1tb", "--data-size"},
        {"-d 513mb", "--data-size"},
        {"--ratio 0:0", "--ratio"},
        {"--ratio 1", "--ratio"},
        {"--distribution zipf:0", "--distribution"},
        {"--duration 0", "--duration"},
        {"--duration 1e9", "--duration"},
        {"--protocol http", "--protocol"},
        {"--format xml", "--format"},
        {"-t 4 -c 3", "-c must be at least 4"},
        {"--key-size 8 -r 100001", "--key-size 10"},
        {"--protocol memcached -a x", "--password"},
        {"--incr --mget 2", "--mget"},
        {"--incr --fill", "--fill"},
        {"--user me", "--password"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char error[ERROR_SIZE] = "";
        cr_assert_eq(parse(lines[i][0], error), SETTINGS_WRONG, "%s", lines[i][0]);
        cr_assert(strstr(error, lines[i][1]) != NULL, "%s: %s", lines[i][0], error);
    }
}
