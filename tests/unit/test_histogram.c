/* The histogram of durations: where a duration is counted, what percentiles come out, and how large the error
 * is. */
#include <criterion/criterion.h>
#include <string.h>

#include "histogram.h"

static struct bzs_histogram histogram;
static struct bzs_histogram_sum sum;

static void begin(void) {
    memset(&sum, 0, sizeof(sum));
    bzs_histogram_clear(&histogram);
}

TestSuite(histogram, .init = begin);

/* Every counter begins where the one before it ends, so no duration is counted twice or not at all. */
Test(histogram, counters_follow_each_other) {
    for (size_t i = 0; i + 1 < BZS_HISTOGRAM_SIZE; i++) {
        uint64_t upper = bzs_histogram_upper(i);

        cr_assert_eq(bzs_histogram_index(upper), i, "counter %zu ends at %llu", i, (unsigned long long)upper);
        cr_assert_eq(bzs_histogram_index(upper + 1), i + 1, "and %llu is the next",
                     (unsigned long long)upper + 1);
    }
}

/* What is told for a duration is never below it, and less than a sixteenth above. */
Test(histogram, error_is_small) {
    for (uint64_t duration = 1; duration < (uint64_t)1 << BZS_HISTOGRAM_BITS; duration += duration / 7 + 1) {
        uint64_t told = bzs_histogram_upper(bzs_histogram_index(duration));

        cr_assert_geq(told, duration);
        cr_assert_leq(told - duration, duration / 16);
    }
}

/* What is longer than the last counter tells is counted there, and lost nowhere. */
Test(histogram, very_long) {
    bzs_histogram_add(&histogram, UINT64_MAX, 3);
    bzs_histogram_collect(&histogram, &sum);

    cr_assert_eq(sum.total, 3);
    cr_assert_eq(bzs_histogram_percentile(&sum, 50), ((uint64_t)1 << BZS_HISTOGRAM_BITS) - 1);
}

/* Percentiles of 1 to 1000 us, with the error of the counters. */
Test(histogram, percentiles) {
    for (uint64_t i = 1; i <= 1000; i++)
        bzs_histogram_add(&histogram, i * 1000, 1);
    bzs_histogram_collect(&histogram, &sum);

    const double asked[] = {0, 50, 99, 99.9, 100};
    const uint64_t exact[] = {1000, 500000, 990000, 999000, 1000000};
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        uint64_t told = bzs_histogram_percentile(&sum, asked[i]);
        cr_assert_geq(told, exact[i], "p%g is %llu", asked[i], (unsigned long long)told);
        cr_assert_leq(told, exact[i] + exact[i] / 16, "p%g is %llu", asked[i], (unsigned long long)told);
    }
}

/* Nothing was counted: every percentile is zero. */
Test(histogram, empty) {
    bzs_histogram_collect(&histogram, &sum);

    cr_assert_eq(sum.total, 0);
    cr_assert_eq(bzs_histogram_percentile(&sum, 99), 0);
    cr_assert_eq(bzs_histogram_below(&sum, 40), 0);
}

/* Counting below powers of two, and several histograms in one sum. */
Test(histogram, below) {
    bzs_histogram_add(&histogram, 1023, 5);
    bzs_histogram_add(&histogram, 1024, 2);
    bzs_histogram_collect(&histogram, &sum);
    bzs_histogram_collect(&histogram, &sum);

    cr_assert_eq(bzs_histogram_below(&sum, 10), 10);
    cr_assert_eq(bzs_histogram_below(&sum, 11), 14);
    cr_assert_eq(bzs_histogram_below(&sum, 64), 14);
    cr_assert_eq(sum.total, 14);
}
