/* The text format of the metrics: heads, numbers that lose nothing, and labels that cannot break out. */
#include <criterion/criterion.h>
#include <string.h>

#include "metrics.h"

static struct bzs_reply text;

static void begin(void) {
    bzs_reply_init(&text);
}

static void end(void) {
    bzs_reply_deinit(&text);
}

TestSuite(metrics, .init = begin, .fini = end);

static void expect(const char *expected) {
    cr_assert_eq(text.size, strlen(expected), "%.*s", (int)text.size, text.data);
    cr_assert_arr_eq(text.data, expected, text.size);
    text.size = 0;
}

/* A metric without labels is three lines. */
Test(metrics, plain) {
    bzs_metrics_put(&text, "redis_up", "gauge", "1 if the server answers", 1);
    expect("# HELP redis_up 1 if the server answers\n# TYPE redis_up gauge\nredis_up 1\n");
}

/* Bytes of a large machine come out whole, and small fractions stay fractions. */
Test(metrics, numbers) {
    bzs_metrics_put(&text, "m", "counter", "h", 281474976710657.0);
    expect("# HELP m h\n# TYPE m counter\nm 281474976710657\n");
    bzs_metrics_put(&text, "m", "gauge", "h", 0.25);
    expect("# HELP m h\n# TYPE m gauge\nm 0.25\n");
    bzs_metrics_put(&text, "m", "gauge", "h", -1);
    expect("# HELP m h\n# TYPE m gauge\nm -1\n");
}

/* What would end a label is escaped. */
Test(metrics, labels) {
    bzs_metrics_put_label(&text, "get");
    expect("\"get\"");
    bzs_metrics_put_label(&text, "a\"b\\c\nd");
    expect("\"a\\\"b\\\\c\\nd\"");
    bzs_metrics_put_label(&text, "");
    expect("\"\"");
}
