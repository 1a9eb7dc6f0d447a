/* Integers and doubles in values. */
#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "number.h"
#include "rng.h"

static struct bzd_slice text_of(const char *text) {
    return bzd_slice_of(text, strlen(text));
}

static void check_integer(const char *text, int64_t expected) {
    int64_t number = 0;
    cr_assert(bzd_parse_integer(text_of(text), &number), "%s", text);
    cr_assert_eq(number, expected, "%s", text);

    char back[BZD_INTEGER_TEXT_MAX];
    const size_t size = bzd_format_integer(expected, back);
    cr_assert(bzd_slice_equal(bzd_slice_of(back, size), text_of(text)), "%s", text);
}

/* What is written is the only text that is read. */
Test(integer, round_trip) {
    check_integer("0", 0);
    check_integer("7", 7);
    check_integer("-1", -1);
    check_integer("10", 10);
    check_integer("9223372036854775807", INT64_MAX);
    check_integer("-9223372036854775808", INT64_MIN);
}

/* Everything else is refused, and the output is not touched. */
Test(integer, refused) {
    const char *const texts[] = {
        "",
        "-",
        "-0",
        "+1",
        "01",
        "-01",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x1",
        "a",
        "--1",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
    };
    int64_t number = 42;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert_not(bzd_parse_integer(text_of(texts[i]), &number), "%s", texts[i]);
    cr_assert_not(bzd_parse_integer(bzd_slice_of("1\0", 2), &number));
    cr_assert_eq(number, 42);
}

static void check_double(const char *text, double expected) {
    double number = 0;
    cr_assert(bzd_parse_double(text_of(text), &number), "%s", text);
    cr_assert_eq(number, expected, "%s", text);
}

/* Sign, fraction and exponent are optional. */
Test(parse_double, accepted) {
    check_double("0", 0);
    check_double("10.5", 10.5);
    check_double("-1.25", -1.25);
    check_double("+3", 3);
    check_double("5.", 5);
    check_double(".5", 0.5);
    check_double("5.0e3", 5000);
    check_double("2E-2", 0.02);
    check_double("007", 7);
    check_double("1e-400", 0);
    check_double("1.7976931348623157e308", DBL_MAX);
    check_double("4.9406564584124654e-324", 4.9406564584124654e-324);
}

/* No blanks, no hexadecimal, nothing behind, nothing that is not finite. */
Test(parse_double, refused) {
    const char *const texts[] = {
        "",
        "+",
        ".",
        "-.",
        "e5",
        ".e5",
        "1e",
        "1e+",
        "1e5x",
        " 1",
        "1 ",
        "1..2",
        "1.2.3",
        "0x1p3",
        "0x10",
        "inf",
        "-inf",
        "infinity",
        "nan",
        "1,5",
        "1e309",
        "-1e309",
        "1e99999999999999999999",
        "--1",
        "1_0",
    };
    double number = 42;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert_not(bzd_parse_double(text_of(texts[i]), &number), "%s", texts[i]);
    cr_assert_not(bzd_parse_double(bzd_slice_of("1\0", 2), &number));
    cr_assert_eq(number, 42);
}

/* Text of any length the limit allows is read, and longer text refused. */
Test(parse_double, long_text) {
    char text[6000];
    memset(text, '0', sizeof text);
    text[1] = '.';
    text[5000] = '5';
    double number = 42;

    cr_assert(bzd_parse_double(bzd_slice_of(text, 5001), &number));
    cr_assert_eq(number, 0);
    cr_assert_not(bzd_parse_double(bzd_slice_of(text, sizeof text), &number));
}

static void check_text(double number, const char *expected) {
    char text[BZD_DOUBLE_TEXT_MAX];
    const size_t size = bzd_format_double(number, text);
    cr_assert_leq(size, BZD_DOUBLE_TEXT_MAX);
    cr_assert(bzd_slice_equal(bzd_slice_of(text, size), text_of(expected)), "%s, not %.*s", expected,
              (int)size, text);
}

/* The fewest digits, plain as long as they fit. */
Test(format_double, known_texts) {
    check_text(0, "0");
    check_text(-0.0, "0");
    check_text(1, "1");
    check_text(-10.5, "-10.5");
    check_text(0.1, "0.1");
    check_text(0.1 + 0.2, "0.30000000000000004");
    check_text(100, "100");
    check_text(1e-5, "0.00001");
    check_text(123456789.125, "123456789.125");
    check_text(1e20, "100000000000000000000");
    check_text(1e23, "100000000000000000000000");
    check_text(-1e30, "-1000000000000000000000000000000");
    check_text(-1e31, "-1e+31");
    check_text(1e100, "1e+100");
    check_text(1.5e-300, "1.5e-300");
    check_text(DBL_MAX, "1.7976931348623157e+308");
    check_text(-DBL_MIN, "-2.2250738585072014e-308");
}

static void check_reads_back(double number) {
    char text[BZD_DOUBLE_TEXT_MAX];
    const size_t size = bzd_format_double(number, text);
    double back = 0;
    cr_assert_leq(size, BZD_DOUBLE_TEXT_MAX);
    cr_assert(bzd_parse_double(bzd_slice_of(text, size), &back), "%.*s", (int)size, text);
    cr_assert_eq(back, number, "%.*s", (int)size, text);
}

/* Random bit patterns and random short decimals read back as the same double. */
Test(format_double, reads_back) {
    struct rng rng = {rng_seed(NULL)};
    fprintf(stderr, "BLITZDB_TEST_SEED=%llu\n", (unsigned long long)rng.state);
    for (int i = 0; i < 50000; i++) {
        const uint64_t bits = rng_next(&rng);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (isfinite(number))
            check_reads_back(number);
        check_reads_back((double)(int64_t)rng_below(&rng, 100000000) / 1000 - 50000);
    }
}

/* A program whose locale writes a decimal comma reads and writes the same bytes. */
Test(locale, does_not_matter) {
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL && setlocale(LC_ALL, "de_DE") == NULL)
        cr_log_info("no locale with a decimal comma is installed; checked in the C locale only");

    check_double("10.5", 10.5);
    check_text(-10.5, "-10.5");
    check_text(1.5e-300, "1.5e-300");
}
