/**
 * @file
 * @brief The values blitzdb-benchmark writes: made from the key, so that a value read back can be checked.
 *
 * The first eight characters are a hash of the key's number, the rest is a part of one block of random
 * characters that begins where the hash says. Neither the seed nor the time matters: what one run filled,
 * another can verify.
 */
#ifndef BLITZDB_BENCHMARK_VALUE_H
#define BLITZDB_BENCHMARK_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Constant once made; threads share it. */
struct values {
    char *block;
};

/** `size_max` is the largest size that will be asked for; false if there is no memory. */
bool values_init(struct values *values, size_t size_max);
void values_deinit(struct values *values);

/** Writes the first `size` bytes of a key's value. */
void values_write(const struct values *values, uint64_t key, char *out, size_t size);

/** Whether `data` is what the value of a key has from `offset` on; offset + size is at most size_max. */
bool values_match(const struct values *values, uint64_t key, size_t offset, const char *data, size_t size);

#endif
