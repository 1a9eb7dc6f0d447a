/**
 * @file
 * @brief Histogram of durations: how many fell where, with an error of 6 % at most, in 4 KiB.
 *
 * Log-linear: below 16 ns every nanosecond has a counter of its own, and above that each power of two is cut
 * into 16 equal parts. So the counters are equally exact, in percent, from nanoseconds to seconds, and adding
 * is a shift and an addition. What takes longer than the last counter tells (17 s) is counted there.
 *
 * One thread adds; any thread may read meanwhile and sees each counter whole.
 */
#ifndef BLITZDB_SERVER_HISTOGRAM_H
#define BLITZDB_SERVER_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BZS_HISTOGRAM_PART_BITS = 4, /**< a power of two has 2^4 counters */
    BZS_HISTOGRAM_BITS = 34,     /**< durations below 2^34 ns are told apart */
    BZS_HISTOGRAM_SIZE = (BZS_HISTOGRAM_BITS - BZS_HISTOGRAM_PART_BITS + 1) << BZS_HISTOGRAM_PART_BITS,
};

/** The counters; zeroed memory is an empty histogram. */
struct bzs_histogram {
    _Atomic uint64_t counts[BZS_HISTOGRAM_SIZE];
};

/** Sums of several histograms, as a plain array that one thread owns. */
struct bzs_histogram_sum {
    uint64_t counts[BZS_HISTOGRAM_SIZE];
    uint64_t total;
};

/** The counter a duration belongs to. */
static inline size_t bzs_histogram_index(uint64_t nanoseconds) {
    if (nanoseconds < (uint64_t)1 << BZS_HISTOGRAM_PART_BITS)
        return (size_t)nanoseconds;
    if (nanoseconds >= (uint64_t)1 << BZS_HISTOGRAM_BITS)
        return BZS_HISTOGRAM_SIZE - 1;
    unsigned shift = 63u - (unsigned)__builtin_clzll(nanoseconds) - BZS_HISTOGRAM_PART_BITS;
    return ((size_t)shift << BZS_HISTOGRAM_PART_BITS) + (size_t)(nanoseconds >> shift);
}

/** Longest duration that a counter stands for. */
uint64_t bzs_histogram_upper(size_t index);

/** Counts a duration so many times. Only for the thread that owns the histogram. */
static inline void bzs_histogram_add(struct bzs_histogram *histogram, uint64_t nanoseconds, uint64_t times) {
    _Atomic uint64_t *count = &histogram->counts[bzs_histogram_index(nanoseconds)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + times,
                          memory_order_relaxed);
}

/** Empties it. Only for the thread that owns it. */
void bzs_histogram_clear(struct bzs_histogram *histogram);

/** Adds all counters to a sum. */
void bzs_histogram_collect(const struct bzs_histogram *histogram, struct bzs_histogram_sum *sum);

/** Duration in nanoseconds that this percentage (0 to 100) of all did not exceed; 0 for an empty sum. */
uint64_t bzs_histogram_percentile(const struct bzs_histogram_sum *sum, double percentage);

/** How many were shorter than a power of two: 2^`bits` ns. */
uint64_t bzs_histogram_below(const struct bzs_histogram_sum *sum, unsigned bits);

#endif
