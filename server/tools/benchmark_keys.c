#include "benchmark_keys.h"

#include <math.h>

#include "benchmark_random.h"

/** The density without its constant factor. */
static double density(const struct key_source *source, double x) {
    return exp(-source->theta * log(x));
}

/** The area below the density from 1 to x: (x^(1 - theta) - 1) / (1 - theta), or ln x. */
static double area(const struct key_source *source, double x) {
    double power = 1 - source->theta;
    double logarithm = log(x);
    return fabs(power) < 1e-9 ? logarithm : expm1(power * logarithm) / power;
}

static double area_inverse(const struct key_source *source, double value) {
    double power = 1 - source->theta;
    if (fabs(power) < 1e-9)
        return exp(value);
    double inner = fmax(power * value, -1);
    return exp(log1p(inner) / power);
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/** Near the golden section of `count`, and without a common divisor. */
static uint64_t choose_stride(uint64_t count) {
    uint64_t stride = (uint64_t)((double)count * 0.6180339887498949) | 1;
    while (greatest_common_divisor(stride, count) != 1)
        stride++;
    return stride;
}

void key_source_init(struct key_source *source, enum key_order order, uint64_t count, double theta,
                     uint64_t seed, uint64_t first) {
    *source = (struct key_source){.order = order, .count = count, .theta = theta};
    source->random = random_mix(seed);
    source->next = first < count ? first : 0;
    if (order != KEYS_ZIPF)
        return;
    source->stride = choose_stride(count);
    source->area_first = area(source, 1.5) - 1;
    source->area_last = area(source, (double)count + 0.5);
    source->threshold = 2 - area_inverse(source, area(source, 2.5) - density(source, 2));
}

uint64_t key_source_zipf_rank(struct key_source *source) {
    for (;;) {
        double share = random_share(&source->random);
        double at = source->area_last + share * (source->area_first - source->area_last);
        double x = area_inverse(source, at);
        double rank = fmin(fmax(floor(x + 0.5), 1), (double)source->count);
        if (rank - x <= source->threshold || at >= area(source, rank + 0.5) - density(source, rank))
            return (uint64_t)rank;
    }
}

uint64_t key_source_of_rank(const struct key_source *source, uint64_t rank) {
    return rank % source->count * source->stride % source->count;
}

uint64_t key_source_next(struct key_source *source) {
    switch (source->order) {
    case KEYS_ZIPF:
        return key_source_of_rank(source, key_source_zipf_rank(source));
    case KEYS_SEQUENTIAL: {
        uint64_t key = source->next;
        source->next = key + 1 < source->count ? key + 1 : 0;
        return key;
    }
    case KEYS_UNIFORM:
        break;
    }
    return random_below(&source->random, source->count);
}
