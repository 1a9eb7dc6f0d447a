/* Which keys blitzdb-benchmark chooses: every key may come, as often as its distribution says. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "benchmark_keys.h"
#include "benchmark_value.h"

/**
 * Sum over all ranks of (found - expected)^2 / expected. For so many degrees of freedom it is near their
 * number, with a standard deviation of sqrt(2 * number); five of them off, one would see once in millions of
 * seeds.
 */
static void check_zipf(uint64_t count, double theta) {
    const uint64_t draws = 400000;
    uint64_t *found = calloc(count + 1, sizeof *found);
    struct key_source source;
    double total = 0;
    key_source_init(&source, KEYS_ZIPF, count, theta, 42, 0);
    for (uint64_t i = 0; i < draws; i++) {
        uint64_t rank = key_source_zipf_rank(&source);
        cr_assert(rank >= 1 && rank <= count);
        found[rank]++;
    }

    for (uint64_t rank = 1; rank <= count; rank++)
        total += pow((double)rank, -theta);
    double chi_square = 0;
    for (uint64_t rank = 1; rank <= count; rank++) {
        double expected = (double)draws * pow((double)rank, -theta) / total;
        chi_square += ((double)found[rank] - expected) * ((double)found[rank] - expected) / expected;
    }
    double freedom = (double)count - 1;
    cr_assert_lt(fabs(chi_square - freedom), 5 * sqrt(2 * freedom) + 5, "theta %f: chi square %f of %f",
                 theta, chi_square, freedom);
    free(found);
}

/* Zipf against its formula, on both sides of the special case 1. */
Test(benchmark_keys, zipf) {
    check_zipf(1000, 0.99);
    check_zipf(1000, 1);
    check_zipf(1000, 0.5);
    check_zipf(100, 1.3);
    check_zipf(2, 0.99);
}

/* The share of the most popular key among many, where nothing can be counted one by one. */
Test(benchmark_keys, zipf_of_many) {
    enum { DRAWS = 400000 };
    const uint64_t count = 10000000;
    struct key_source source;
    double total = 0;
    unsigned first = 0;
    for (uint64_t rank = 1; rank <= count; rank++)
        total += pow((double)rank, -0.99);
    key_source_init(&source, KEYS_ZIPF, count, 0.99, 3, 0);

    for (unsigned i = 0; i < DRAWS; i++)
        first += key_source_zipf_rank(&source) == 1;

    double expected = DRAWS / total;
    cr_assert_lt(fabs(first - expected), 5 * sqrt(expected), "%u for %f", first, expected);
}

/* Each rank has a key of its own, and the popular ones do not stand side by side. */
Test(benchmark_keys, ranks_are_spread) {
    for (uint64_t count = 1; count <= 600; count++) {
        struct key_source source;
        bool *seen = calloc(count, sizeof *seen);
        key_source_init(&source, KEYS_ZIPF, count, 0.99, 1, 0);
        for (uint64_t rank = 1; rank <= count; rank++) {
            uint64_t key = key_source_of_rank(&source, rank);
            cr_assert(key < count && !seen[key], "%ju keys, rank %ju", (uintmax_t)count, (uintmax_t)rank);
            seen[key] = true;
        }
        long long first = (long long)key_source_of_rank(&source, 1);
        cr_assert(count < 10 || llabs(first - (long long)key_source_of_rank(&source, 2)) > 1);
        free(seen);
    }
}

/* One after the other from the first on, and round again. */
Test(benchmark_keys, sequential) {
    struct key_source source;
    key_source_init(&source, KEYS_SEQUENTIAL, 5, 0, 1, 3);

    for (uint64_t i = 3; i < 20; i++)
        cr_assert_eq(key_source_next(&source), i % 5);
}

/* All keys are equally likely; the same seed gives the same keys, another one others. */
Test(benchmark_keys, uniform) {
    enum { COUNT = 1000, DRAWS = 1000000 };
    static unsigned found[COUNT];
    struct key_source source, same, other;
    key_source_init(&source, KEYS_UNIFORM, COUNT, 0, 5, 0);
    key_source_init(&same, KEYS_UNIFORM, COUNT, 0, 5, 0);
    key_source_init(&other, KEYS_UNIFORM, COUNT, 0, 6, 0);
    unsigned equal = 0;

    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t key = key_source_next(&source);
        cr_assert_eq(key, key_source_next(&same));
        equal += key == key_source_next(&other);
        found[key]++;
    }

    double chi_square = 0;
    for (unsigned i = 0; i < COUNT; i++)
        chi_square += pow((double)found[i] - DRAWS / COUNT, 2) / (DRAWS / COUNT);
    cr_assert_lt(fabs(chi_square - (COUNT - 1)), 5 * sqrt(2.0 * COUNT));
    cr_assert_lt(equal, DRAWS / 500);
}

/* A value is told from that of another key, and from itself with any byte changed, also in parts. */
Test(benchmark_keys, values) {
    enum { SIZE = 100 };
    struct values values;
    char text[SIZE];
    cr_assert(values_init(&values, SIZE));
    for (size_t size = 1; size <= SIZE; size++) {
        values_write(&values, 77, text, size);
        for (size_t cut = 0; cut <= size; cut++) {
            cr_assert(values_match(&values, 77, 0, text, cut));
            cr_assert(values_match(&values, 77, cut, text + cut, size - cut));
        }
        cr_assert(size < 4 || !values_match(&values, 78, 0, text, size));
        text[size - 1] ^= 1;
        cr_assert_not(values_match(&values, 77, 0, text, size));
    }
    values_deinit(&values);
}
