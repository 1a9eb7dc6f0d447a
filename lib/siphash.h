/**
 * @file
 * @brief SipHash-1-3, a keyed hash of short strings that nobody can foresee without the key.
 *
 * Source: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012), with one compression
 * and three finalisation rounds. Whoever does not know the 128-bit key cannot choose colliding keys. The
 * keyspace is mixed into the key words, so that the same bytes in two keyspaces are unrelated.
 */
#ifndef BZD_SIPHASH_H
#define BZD_SIPHASH_H

#include <stdint.h>

#include "bytes.h"

/** The 128-bit secret. */
struct bzd_siphash_key {
    uint64_t words[2];
};

uint64_t bzd_siphash(const struct bzd_siphash_key *key, unsigned keyspace, struct bzd_slice bytes);

#endif
