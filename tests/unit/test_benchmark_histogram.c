/* The histogram of blitzdb-benchmark: buckets without gaps, percentiles within their promise. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "benchmark_histogram.h"
#include "benchmark_random.h"

static struct histogram histogram;

static void begin(void) {
    histogram = (struct histogram){0};
}

TestSuite(benchmark_histogram, .init = begin);

/* Every bucket begins one above the end of the one before, up to the largest number there is. */
Test(benchmark_histogram, no_gaps) {
    cr_assert_eq(histogram_bucket(0), 0);

    for (size_t bucket = 0; bucket + 1 < HISTOGRAM_BUCKETS; bucket++) {
        uint64_t end = histogram_bucket_end(bucket);
        cr_assert_eq(histogram_bucket(end), bucket, "end of bucket %zu", bucket);
        cr_assert_eq(histogram_bucket(end + 1), bucket + 1, "begin of bucket %zu", bucket + 1);
    }
    cr_assert_eq(histogram_bucket_end(HISTOGRAM_BUCKETS - 1), UINT64_MAX);
}

/* The end of a bucket is at most 1/64 above any value in it. */
Test(benchmark_histogram, precision) {
    uint64_t random = 7;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t value = random_next(&random) >> (i % 64);
        uint64_t end = histogram_bucket_end(histogram_bucket(value));
        cr_assert(end >= value && end - value <= value / HISTOGRAM_STEPS, "%ju", (uintmax_t)value);
    }
}

static int compare(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Against a sorted array. */
Test(benchmark_histogram, percentiles) {
    enum { COUNT = 20001 };
    static uint64_t values[COUNT];
    static const double shares[] = {0, 0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    uint64_t random = 11;
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = random_below(&random, 1000) * random_below(&random, 100000);
        sum += values[i];
        histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], compare);

    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        size_t place = (size_t)(shares[i] * COUNT + 0.9999999);
        uint64_t exact = values[place > 0 ? place - 1 : 0];
        uint64_t found = histogram_percentile(&histogram, shares[i]);
        cr_assert(found >= exact && found - exact <= exact / HISTOGRAM_STEPS, "share %f: %ju for %ju",
                  shares[i], (uintmax_t)found, (uintmax_t)exact);
    }
    cr_assert_eq(histogram_percentile(&histogram, 1), values[COUNT - 1]);
    cr_assert_eq(histogram.smallest, values[0]);
    cr_assert_float_eq(histogram_mean(&histogram), (double)sum / COUNT, 1e-6);
}

/* Nothing in it, and one value in it. */
Test(benchmark_histogram, empty_and_single) {
    cr_assert_eq(histogram_percentile(&histogram, 0.99), 0);
    cr_assert_eq(histogram_mean(&histogram), 0);

    histogram_add(&histogram, 1000003);

    cr_assert_eq(histogram_percentile(&histogram, 0), 1000003);
    cr_assert_eq(histogram_percentile(&histogram, 1), 1000003);
}

/* Two merged are as one that had everything, an empty one changes nothing. */
Test(benchmark_histogram, merge) {
    struct histogram *parts = calloc(3, sizeof *parts);
    uint64_t random = 13;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t value = random_next(&random) >> 40;
        histogram_add(&histogram, value);
        histogram_add(&parts[i % 3 == 0], value);
    }

    histogram_merge(&parts[2], &parts[0]);
    histogram_merge(&parts[2], &parts[1]);
    *parts = (struct histogram){0};
    histogram_merge(&parts[2], &parts[0]);

    cr_assert_arr_eq(&parts[2], &histogram, sizeof histogram);
    free(parts);
}
