#include "histogram.h"

uint64_t bzs_histogram_upper(size_t index) {
    const size_t parts = (size_t)1 << BZS_HISTOGRAM_PART_BITS;
    if (index < parts)
        return index;
    size_t shift = index / parts - 1;
    uint64_t first = (uint64_t)(index % parts + parts) << shift;
    return first + ((uint64_t)1 << shift) - 1;
}

void bzs_histogram_clear(struct bzs_histogram *histogram) {
    for (size_t i = 0; i < BZS_HISTOGRAM_SIZE; i++)
        atomic_store_explicit(&histogram->counts[i], 0, memory_order_relaxed);
}

void bzs_histogram_collect(const struct bzs_histogram *histogram, struct bzs_histogram_sum *sum) {
    for (size_t i = 0; i < BZS_HISTOGRAM_SIZE; i++) {
        uint64_t count = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        sum->counts[i] += count;
        sum->total += count;
    }
}

uint64_t bzs_histogram_percentile(const struct bzs_histogram_sum *sum, double percentage) {
    double wanted = percentage / 100.0 * (double)sum->total;
    uint64_t seen = 0;
    for (size_t i = 0; i < BZS_HISTOGRAM_SIZE; i++) {
        seen += sum->counts[i];
        if (seen > 0 && (double)seen >= wanted)
            return bzs_histogram_upper(i);
    }
    return 0;
}

uint64_t bzs_histogram_below(const struct bzs_histogram_sum *sum, unsigned bits) {
    size_t end = bits < BZS_HISTOGRAM_BITS ? bzs_histogram_index((uint64_t)1 << bits) : BZS_HISTOGRAM_SIZE;
    uint64_t seen = 0;
    for (size_t i = 0; i < end; i++)
        seen += sum->counts[i];
    return seen;
}
