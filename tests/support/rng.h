/**
 * @file
 * @brief A small seeded random generator for tests: the same seed gives the same numbers everywhere.
 *
 * The algorithm is SplitMix64 (G. Steele, D. Lea, C. Flood: "Fast splittable pseudorandom number generators",
 * OOPSLA 2014, figure 17 with the constants of S. Vigna). Its state is one number, which the caller owns.
 */
#ifndef BLITZDB_TESTS_RNG_H
#define BLITZDB_TESTS_RNG_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/** State of a generator; set it to the seed. */
struct rng {
    uint64_t state;
};

/** The next number, uniform over 64 bits. */
static inline uint64_t rng_next(struct rng *rng) {
    rng->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = rng->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

/** A number from 0 to `bound` - 1; `bound` is not 0. The bias of the remainder is far below what a test sees.
 */
static inline uint64_t rng_below(struct rng *rng, uint64_t bound) {
    return rng_next(rng) % bound;
}

/** The seed of a run: the text given (an argument, may be NULL), else BLITZDB_TEST_SEED, else the clock. */
static inline uint64_t rng_seed(const char *text) {
    if (text == NULL)
        text = getenv("BLITZDB_TEST_SEED");
    if (text != NULL && *text != '\0')
        return strtoull(text, NULL, 0);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct rng mixer = {(uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec};
    return rng_next(&mixer) >> 32;
}

#endif
