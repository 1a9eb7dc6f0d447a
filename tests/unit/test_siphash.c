/* SipHash-1-3 against a second implementation, written straight from the paper and itself checked against it.
 */
#include <criterion/criterion.h>

#include "siphash.h"

static uint64_t rotate(uint64_t number, int bits) {
    return number << bits | number >> (64 - bits);
}

static void rounds(uint64_t v[4], int count) {
    while (count-- > 0) {
        v[0] += v[1], v[1] = rotate(v[1], 13), v[1] ^= v[0], v[0] = rotate(v[0], 32);
        v[2] += v[3], v[3] = rotate(v[3], 16), v[3] ^= v[2];
        v[0] += v[3], v[3] = rotate(v[3], 21), v[3] ^= v[0];
        v[2] += v[1], v[1] = rotate(v[1], 17), v[1] ^= v[2], v[2] = rotate(v[2], 32);
    }
}

/** SipHash-c-d over a padded copy, byte by byte. */
static uint64_t reference(int c, int d, const uint64_t key[2], const uint8_t *bytes, size_t size) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                     key[1] ^ 0x7465646279746573};
    for (size_t word = 0; word <= size / 8; word++) {
        uint64_t m = word == size / 8 ? (uint64_t)size << 56 : 0;
        for (size_t i = 8 * word; i < 8 * word + 8 && i < size; i++)
            m |= (uint64_t)bytes[i] << (8 * (i % 8));
        v[3] ^= m;
        rounds(v, c);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static const struct bzd_siphash_key paper_key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};

/* The paper's appendix A: SipHash-2-4 of the bytes 00 to 0e under the key 00 to 0f. */
Test(reference, agrees_with_the_paper) {
    uint8_t bytes[15];
    for (uint8_t i = 0; i < 15; i++)
        bytes[i] = i;

    cr_assert_eq(reference(2, 4, paper_key.words, bytes, 15), UINT64_C(0xa129ca6149be45e5));
}

/* Every size from nothing to many words, at every alignment. */
Test(siphash, agrees_with_the_reference) {
    uint8_t bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 151 + 200);

    for (size_t from = 0; from < 8; from++) {
        for (size_t size = 0; size <= sizeof bytes - from; size++) {
            const uint64_t expected = reference(1, 3, paper_key.words, bytes + from, size);
            cr_assert_eq(bzd_siphash(&paper_key, 0, bzd_slice_of(bytes + from, size)), expected, "size %zu",
                         size);
        }
    }
}

/* The empty key is legal and may be NULL. */
Test(siphash, of_nothing) {
    const uint64_t expected = reference(1, 3, paper_key.words, NULL, 0);

    cr_assert_eq(bzd_siphash(&paper_key, 0, bzd_slice_of(NULL, 0)), expected);
}

/* The size counts: zeros of different number do not collide. */
Test(siphash, size_matters) {
    const uint8_t zeros[32] = {0};
    uint64_t seen[33];
    for (size_t size = 0; size <= 32; size++) {
        seen[size] = bzd_siphash(&paper_key, 0, bzd_slice_of(zeros, size));
        for (size_t other = 0; other < size; other++)
            cr_assert_neq(seen[size], seen[other], "%zu and %zu zeros", size, other);
    }
}

/* The same key in two keyspaces has unrelated hashes, and so it has under two secrets. */
Test(siphash, keyspace_and_secret_matter) {
    const struct bzd_slice bytes = bzd_slice_of("user:1", 6);
    struct bzd_siphash_key other = paper_key;
    other.words[1] ^= 1;

    for (unsigned a = 0; a < 16; a++) {
        for (unsigned b = 0; b < a; b++)
            cr_assert_neq(bzd_siphash(&paper_key, a, bytes), bzd_siphash(&paper_key, b, bytes));
        cr_assert_neq(bzd_siphash(&paper_key, a, bytes), bzd_siphash(&other, a, bytes));
    }
}
