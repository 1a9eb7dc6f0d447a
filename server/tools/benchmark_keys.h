/**
 * @file
 * @brief Which key comes next: uniform, Zipf or one after the other.
 *
 * Keys are numbers from 0 to count - 1. With Zipf the k-th most popular key is asked for with a probability
 * proportional to 1 / k^theta, exactly and for any theta above 0 (rejection-inversion: Hoermann and
 * Derflinger, 1996). The popular keys are spread over all numbers, so that they are not those that were
 * filled in first. A source belongs to one thread.
 */
#ifndef BLITZDB_BENCHMARK_KEYS_H
#define BLITZDB_BENCHMARK_KEYS_H

#include <stdint.h>

enum key_order { KEYS_UNIFORM, KEYS_ZIPF, KEYS_SEQUENTIAL };

struct key_source {
    enum key_order order;
    uint64_t count;
    uint64_t random;
    uint64_t next; /**< of KEYS_SEQUENTIAL */
    double theta;  /**< and the rest for KEYS_ZIPF */
    double area_first, area_last, threshold;
    uint64_t stride;
};

/** `count` is 1 to 2^32, `theta` is above 0 and matters to KEYS_ZIPF only. Sequences begin at `first`. */
void key_source_init(struct key_source *source, enum key_order order, uint64_t count, double theta,
                     uint64_t seed, uint64_t first);

/** A rank from 1 (the most popular) to count. */
uint64_t key_source_zipf_rank(struct key_source *source);

/** The key of a rank: each rank has one of its own. */
uint64_t key_source_of_rank(const struct key_source *source, uint64_t rank);

uint64_t key_source_next(struct key_source *source);

#endif
