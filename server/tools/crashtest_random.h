/**
 * @file
 * @brief Repeatable choices of blitzdb-crashtest: the splitmix64 generator (Steele, Lea and Flood, 2014).
 */
#ifndef BLITZDB_CRASHTEST_RANDOM_H
#define BLITZDB_CRASHTEST_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state; /**< any value is a seed */
};

static inline uint64_t random_next(struct random *random) {
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/** A number from 0 to bound - 1; the bounds here are far too small for the bias to matter. */
static inline uint64_t random_below(struct random *random, uint64_t bound) {
    return random_next(random) % bound;
}

static inline bool random_percent(struct random *random, unsigned percent) {
    return random_below(random, 100) < percent;
}

/** Between `low` and `high`, small numbers as likely as large ones by their order of magnitude. */
static inline uint64_t random_magnitude(struct random *random, uint64_t low, uint64_t high) {
    uint64_t top = low;
    while (top < high && random_percent(random, 80))
        top *= 2;
    return low + random_below(random, (top < high ? top : high) - low + 1);
}

#endif
