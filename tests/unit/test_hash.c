/** The hash of keys: what it computes, what it depends on, and how evenly it spreads. */
#include <criterion/criterion.h>

#include "hash.h"

static const struct bzd_siphash_key secret = {{UINT64_C(0x243F6A8885A308D3), UINT64_C(0x13198A2E03707344)}};

/* -- AES as FIPS 197 describes it, byte by byte ------------------------------------------------------- */

static uint8_t times(uint8_t a, uint8_t b) {
    uint8_t product = 0;
    for (; b != 0; b >>= 1) {
        if ((b & 1) != 0)
            product ^= a;
        a = (uint8_t)(a << 1 ^ ((a & 0x80) != 0 ? 0x1b : 0));
    }
    return product;
}

static uint8_t substitute(uint8_t byte) {
    uint8_t inverse = 1;
    for (int i = 0; i < 254; i++)
        inverse = times(inverse, byte);
    uint8_t result = 0x63;
    for (int i = 0; i < 5; i++)
        result ^= (uint8_t)(inverse << i | inverse >> (8 - i));
    return result;
}

static void reference_round(uint8_t state[16], const uint8_t key[16]) {
    uint8_t shifted[16];
    for (int column = 0; column < 4; column++)
        for (int row = 0; row < 4; row++)
            shifted[4 * column + row] = substitute(state[4 * ((column + row) % 4) + row]);
    for (int column = 0; column < 4; column++)
        for (int row = 0; row < 4; row++) {
            const uint8_t *from = shifted + 4 * column;
            state[4 * column + row] =
                (uint8_t)(times(from[row], 2) ^ times(from[(row + 1) % 4], 3) ^ from[(row + 2) % 4] ^
                          from[(row + 3) % 4] ^ key[4 * column + row]);
        }
}

/* -- The hash, from its description in hash.h ---------------------------------------------------------- */

static void add(uint8_t state[16], const void *bytes) {
    for (int i = 0; i < 16; i++)
        state[i] ^= ((const uint8_t *)bytes)[i];
}

static void permute(const struct bzd_hash_key *key, uint8_t state[16], unsigned first) {
    for (unsigned i = first; i < first + 4; i++)
        reference_round(state, (const uint8_t *)key->round_keys[i]);
}

static uint64_t reference(const struct bzd_hash_key *key, unsigned keyspace, const uint8_t *data,
                          size_t size) {
    uint8_t state[16] = {0}, tweak[16] = {0}, block[16] = {0};
    const uint64_t names[2] = {size, keyspace};
    add(state, key->round_keys[0]);
    for (; size > 16; size -= 16, data += 16) {
        add(state, data);
        permute(key, state, 1);
    }
    if (names[0] > 16) {
        memcpy(block, data + size - 16, 16);
    } else if (size >= 8) {
        memcpy(block, data, 8);
        memcpy(block + 8, data + size - 8, 8);
    } else if (size >= 4) {
        memcpy(block, data, 4);
        memcpy(block + 4, data + size - 4, 4);
    } else if (size > 0) {
        block[0] = data[0];
        block[1] = data[size / 2];
        block[2] = data[size - 1];
    }
    add(state, block);
    permute(key, state, 1);
    add(tweak, key->round_keys[5]);
    add(tweak, names);
    permute(key, tweak, 6);
    add(state, tweak);
    uint64_t hash;
    memcpy(&hash, state, sizeof hash);
    return hash;
}

/* Keys of every size around the borders, at every alignment, hash as the description says. */
Test(hash, agrees_with_the_standard) {
    struct bzd_hash_key key;
    bzd_hash_key_init(&key, &secret);
    if (!key.uses_aes)
        return; /* nothing of it runs on this processor: see the next test */
    uint8_t bytes[80];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);

    for (size_t size = 0; size <= 64; size++)
        for (size_t from = 0; from < 8; from++)
            cr_assert_eq(bzd_hash(&key, size % 16, bzd_slice_of(bytes + from, size)),
                         reference(&key, size % 16, bytes + from, size), "size %zu", size);
}

/* A processor without AES instructions gets SipHash under the same secret. */
Test(hash, falls_back_to_siphash) {
    struct bzd_hash_key key;
    bzd_hash_key_init(&key, &secret);
    key.uses_aes = false;

    cr_assert_eq(bzd_hash(&key, 3, bzd_slice_of("user:1", 6)),
                 bzd_siphash(&secret, 3, bzd_slice_of("user:1", 6)));
}

/* Every bit of a key counts, whatever its size, and so do the size, the keyspace and the secret. */
Test(hash, everything_matters) {
    struct bzd_hash_key key, other;
    struct bzd_siphash_key other_secret = secret;
    other_secret.words[1] ^= 1;
    bzd_hash_key_init(&key, &secret);
    bzd_hash_key_init(&other, &other_secret);
    uint8_t bytes[48] = {0};

    for (size_t size = 0; size < sizeof bytes; size++) {
        uint64_t hash = bzd_hash(&key, 0, bzd_slice_of(bytes, size));
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            cr_assert_neq(bzd_hash(&key, 0, bzd_slice_of(bytes, size)), hash, "bit %zu of %zu", bit, size);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        cr_assert_neq(bzd_hash(&key, 0, bzd_slice_of(bytes, size + 1)), hash);
        cr_assert_neq(bzd_hash(&key, 1, bzd_slice_of(bytes, size)), hash);
        cr_assert_neq(bzd_hash(&other, 0, bzd_slice_of(bytes, size)), hash);
    }
}

/* Counting keys fill 256 drawers evenly, by each byte of the hash: the chi-square of 255 degrees of freedom
 * stays far below 400, which not one in ten million random choices reaches. */
Test(hash, spreads_similar_keys) {
    enum { KEYS = 65536, DRAWERS = 256 };
    struct bzd_hash_key key;
    bzd_hash_key_init(&key, &secret);
    static uint32_t counts[8][DRAWERS];
    for (uint64_t number = 0; number < KEYS; number++) {
        uint64_t hash = bzd_hash(&key, 0, bzd_slice_of(&number, sizeof number));
        for (unsigned byte = 0; byte < 8; byte++)
            counts[byte][hash >> 8 * byte & 0xff]++;
    }

    for (unsigned byte = 0; byte < 8; byte++) {
        double chi_square = 0;
        for (unsigned drawer = 0; drawer < DRAWERS; drawer++) {
            double difference = (double)counts[byte][drawer] - (double)KEYS / DRAWERS;
            chi_square += difference * difference / ((double)KEYS / DRAWERS);
        }
        cr_assert_lt(chi_square, 400.0, "byte %u: %.1f", byte, chi_square);
    }
}
