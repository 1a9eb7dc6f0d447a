/**
 * @file
 * @brief Repeatable choices of blitzdb-benchmark: splitmix64 (Steele, Lea and Flood, 2014).
 */
#ifndef BLITZDB_BENCHMARK_RANDOM_H
#define BLITZDB_BENCHMARK_RANDOM_H

#include <stdint.h>

/** Spreads a number over all 64 bits; different numbers give different results. */
static inline uint64_t random_mix(uint64_t number) {
    uint64_t z = number + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/** The next number of a stream; any state is a seed. */
static inline uint64_t random_next(uint64_t *state) {
    uint64_t number = *state;
    *state = number + 0x9E3779B97F4A7C15u;
    return random_mix(number);
}

/** A number from 0 to bound - 1 without a division; bound is at most 2^32. */
static inline uint64_t random_below(uint64_t *state, uint64_t bound) {
    return ((random_next(state) >> 32) * bound) >> 32;
}

/** From 0 on, below 1. */
static inline double random_share(uint64_t *state) {
    return (double)(random_next(state) >> 11) * 0x1p-53;
}

#endif
