/**
 * @file
 * @brief Bytes as rows of bits: counting them, finding one, and reading and writing integers of any width.
 *
 * Bit 0 is the highest of the first byte, as in Redis. Pure functions; ranges name their first and last bit.
 */
#ifndef BLITZDB_SERVER_BITS_H
#define BLITZDB_SERVER_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** An integer type of 1 to 64 bits: `i64` and below, `u63` and below. */
struct bzs_bits_type {
    unsigned width;
    bool is_signed;
};

/** What happens to a result that does not fit. */
enum bzs_bits_overflow {
    BZS_BITS_WRAP,     /**< the higher bits are dropped */
    BZS_BITS_SATURATE, /**< the nearest value that fits is taken */
    BZS_BITS_FAIL,     /**< there is none */
};

static inline bool bzs_bits_get(const uint8_t *data, uint64_t at) {
    return (data[at >> 3] >> (7 - (at & 7)) & 1) != 0;
}

/** Counts the bits that are set from `first` to `last`. */
uint64_t bzs_bits_count(const uint8_t *data, uint64_t first, uint64_t last);

/** The first bit with this value from `first` to `last`; `last` + 1: there is none. */
uint64_t bzs_bits_find(const uint8_t *data, uint64_t first, uint64_t last, bool wanted);

/** Reads an integer; bits behind the end of the data are zeros. */
int64_t bzs_bits_read(const uint8_t *data, size_t size, uint64_t at, struct bzs_bits_type type);

/** Writes the low bits of an integer; they lie within the data. */
void bzs_bits_write(uint8_t *data, uint64_t at, struct bzs_bits_type type, int64_t value);

/** Adds within a type; false: the sum does not fit, and is to fail. */
bool bzs_bits_add(struct bzs_bits_type type, int64_t value, int64_t addend, enum bzs_bits_overflow overflow,
                  int64_t *sum_out);

#endif
