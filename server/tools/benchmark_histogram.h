/**
 * @file
 * @brief Latencies of blitzdb-benchmark: a histogram whose buckets grow with the values.
 *
 * Values below 64 have a bucket each; above, every power of two is cut into 64, so that a percentile is at
 * most 1.6 % above the truth, whatever the range. Minimum, maximum and mean are exact. Adding is a few
 * instructions and never allocates. A histogram belongs to one thread; merge it when that thread is done.
 */
#ifndef BLITZDB_BENCHMARK_HISTOGRAM_H
#define BLITZDB_BENCHMARK_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 6,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
    HISTOGRAM_BUCKETS = (65 - HISTOGRAM_STEP_BITS) * HISTOGRAM_STEPS,
};

/** All zero is an empty one. */
struct histogram {
    uint64_t count, sum;
    uint64_t smallest, largest; /**< undefined while `count` is 0 */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/** Which bucket a value belongs to: 0 to HISTOGRAM_BUCKETS - 1, never falling as the value grows. */
static inline size_t histogram_bucket(uint64_t value) {
    if (value < HISTOGRAM_STEPS)
        return (size_t)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    return (size_t)shift * HISTOGRAM_STEPS + (size_t)(value >> shift);
}

/** The largest value of a bucket. */
uint64_t histogram_bucket_end(size_t bucket);

static inline void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->buckets[histogram_bucket(value)]++;
    if (histogram->count == 0 || value < histogram->smallest)
        histogram->smallest = value;
    if (histogram->count == 0 || value > histogram->largest)
        histogram->largest = value;
    histogram->count++;
    histogram->sum += value;
}

/** Adds everything in `from` to `into`. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/**
 * The smallest value v so that at least `share` (0 to 1) of all values are <= v, rounded up to the end of its
 * bucket but never above the largest one; 0 if there is none.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

/** 0 if there is none. */
double histogram_mean(const struct histogram *histogram);

#endif
