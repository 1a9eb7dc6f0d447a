/**
 * @file
 * @brief The keyed hash that spreads keys over shards and buckets: AES rounds where the processor has them,
 * SipHash-1-3 elsewhere.
 *
 * Every look-up hashes its key, and on wide processors the length of that code decides how far consecutive
 * look-ups overlap in memory. Four AES rounds with secret round keys take a quarter of SipHash's
 * instructions.
 *
 * Whoever does not know the 128-bit secret of the database has no way known to us to choose keys that collide
 * more often than random ones. What is proven is less: two different blocks of 16 bytes have any given
 * difference of all 128 bits after four rounds with a probability of at most 1.9 * 2^-114 over independent
 * round keys (L. Keliher, J. Sui, "Exact maximum expected differential and linear probability for two-round
 * AES", 2007; the use as a universal hash is that of K. Minematsu, Y. Tsunoo, "Provably secure MACs from
 * differentially-uniform permutations and AES-based implementations", 2006). A table looks at some 30 of the
 * bits, and the round keys are expanded from the secret with SipHash.
 *
 *     key of up to 16 bytes -> one block X          hash = rounds(X ^ k0) ^ rounds(T ^ k5)
 *     size and keyspace     -> one block T          longer: X = rounds(X ^ next 16 bytes) ...
 *
 * Values are never stored and differ between machines and between databases.
 */
#ifndef BZD_HASH_H
#define BZD_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "siphash.h"

enum { BZD_HASH_ROUND_KEYS = 10 };

/** Secret of one database. */
struct bzd_hash_key {
    _Alignas(16) uint64_t round_keys[BZD_HASH_ROUND_KEYS][2];
    struct bzd_siphash_key secret;
    bool uses_aes;
};

/** Expands a secret from the environment's random source; looks at what the processor has. */
void bzd_hash_key_init(struct bzd_hash_key *key, const struct bzd_siphash_key *secret);

/** The part with AES instructions; only if `uses_aes`. */
uint64_t bzd_hash_aes(const struct bzd_hash_key *key, unsigned keyspace, struct bzd_slice bytes);

static inline uint64_t bzd_hash(const struct bzd_hash_key *key, unsigned keyspace, struct bzd_slice bytes) {
    if (key->uses_aes)
        return bzd_hash_aes(key, keyspace, bytes);
    return bzd_siphash(&key->secret, keyspace, bytes);
}

#endif
