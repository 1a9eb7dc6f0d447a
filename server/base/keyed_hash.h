/**
 * @file
 * @brief Hash of bytes that others choose, with a secret key: nobody can make them collide on purpose.
 *
 * SipHash-1-3 of J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012), with one round
 * for each word and three at the end. Pure; any thread.
 */
#ifndef BLITZDB_SERVER_KEYED_HASH_H
#define BLITZDB_SERVER_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

/** The secret. */
struct bzs_hash_key {
    uint64_t words[2];
};

/** Takes a secret from the system; if that fails, from the clock and an address. */
void bzs_hash_key_init(struct bzs_hash_key *key);

uint64_t bzs_hash(const struct bzs_hash_key *key, const void *data, size_t size);

#endif
