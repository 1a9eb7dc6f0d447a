#include "benchmark_histogram.h"

#include <math.h>

uint64_t histogram_bucket_end(size_t bucket) {
    if (bucket < HISTOGRAM_STEPS)
        return bucket;
    unsigned shift = (unsigned)(bucket / HISTOGRAM_STEPS) - 1;
    uint64_t first = (uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
    return first + (((uint64_t)1 << shift) - 1);
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
    if (from->count == 0)
        return;
    if (into->count == 0 || from->smallest < into->smallest)
        into->smallest = from->smallest;
    if (into->count == 0 || from->largest > into->largest)
        into->largest = from->largest;
    into->count += from->count;
    into->sum += from->sum;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;
    if (wanted == 0)
        wanted = 1;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted) {
            uint64_t end = histogram_bucket_end(i);
            return end < histogram->largest ? end : histogram->largest;
        }
    }
    return histogram->count > 0 ? histogram->largest : 0;
}

double histogram_mean(const struct histogram *histogram) {
    return histogram->count > 0 ? (double)histogram->sum / (double)histogram->count : 0;
}
