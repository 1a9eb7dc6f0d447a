#include "hash.h"

#if defined(__x86_64__)
#include <wmmintrin.h>
#define WITH_AES __attribute__((target("aes,sse2")))

typedef __m128i block;

static bool cpu_has_aes(void) {
    return __builtin_cpu_supports("aes") != 0;
}

WITH_AES static inline block load_block(const void *from) {
    return _mm_loadu_si128((const __m128i *)from);
}

WITH_AES static inline block make_block(uint64_t low, uint64_t high) {
    return _mm_set_epi64x((int64_t)high, (int64_t)low);
}

WITH_AES static inline block add_blocks(block a, block b) {
    return _mm_xor_si128(a, b);
}

WITH_AES static inline block aes_round(block state, block key) {
    return _mm_aesenc_si128(state, key);
}

WITH_AES static inline uint64_t low_half(block state) {
    return (uint64_t)_mm_cvtsi128_si64(state);
}

#elif defined(__aarch64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
/* clang names the feature otherwise and has not been tried: there it is SipHash. */
#include <arm_neon.h>
#include <sys/auxv.h>
#define WITH_AES __attribute__((target("+crypto")))

typedef uint8x16_t block;

static bool cpu_has_aes(void) {
    const unsigned long aes = 1ul << 3; /* HWCAP_AES */
    return (getauxval(AT_HWCAP) & aes) != 0;
}

WITH_AES static inline block load_block(const void *from) {
    return vld1q_u8((const uint8_t *)from);
}

WITH_AES static inline block make_block(uint64_t low, uint64_t high) {
    return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
}

WITH_AES static inline block add_blocks(block a, block b) {
    return veorq_u8(a, b);
}

/** The instruction adds its key before the round; here it comes behind, as in the standard. */
WITH_AES static inline block aes_round(block state, block key) {
    return veorq_u8(vaesmcq_u8(vaeseq_u8(state, vdupq_n_u8(0))), key);
}

WITH_AES static inline uint64_t low_half(block state) {
    return vgetq_lane_u64(vreinterpretq_u64_u8(state), 0);
}

#else
#define WITHOUT_AES
#endif

#ifndef WITHOUT_AES

/** The permutation of a block: four rounds. */
WITH_AES static inline block permute(block state, const uint64_t (*keys)[2]) {
    for (unsigned i = 0; i < 4; i++)
        state = aes_round(state, load_block(keys[i]));
    return state;
}

static inline uint64_t load_u64(const uint8_t *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline uint64_t load_u32(const uint8_t *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/** Up to 16 bytes as a block. Given the size it can be told back: the parts overlap, but nothing is left out.
 */
WITH_AES static inline block short_block(const uint8_t *data, size_t size) {
    if (size >= 8)
        return make_block(load_u64(data), load_u64(data + size - 8));
    if (size >= 4)
        return make_block(load_u32(data) | load_u32(data + size - 4) << 32, 0);
    if (size == 0)
        return make_block(0, 0);
    return make_block(data[0] | (uint64_t)data[size / 2] << 8 | (uint64_t)data[size - 1] << 16, 0);
}

WITH_AES uint64_t bzd_hash_aes(const struct bzd_hash_key *key, unsigned keyspace, struct bzd_slice bytes) {
    const uint64_t(*keys)[2] = key->round_keys;
    const uint8_t *data = bytes.data;
    block state = load_block(keys[0]);
    if (bytes.size <= 16) {
        state = add_blocks(state, short_block(data, bytes.size));
    } else {
        size_t left = bytes.size;
        for (; left > 16; left -= 16, data += 16)
            state = permute(add_blocks(state, load_block(data)), keys + 1);
        state = add_blocks(state, load_block(data + left - 16));
    }
    block tweak = add_blocks(load_block(keys[5]), make_block(bytes.size, keyspace));
    return low_half(add_blocks(permute(state, keys + 1), permute(tweak, keys + 6)));
}

#else

static bool cpu_has_aes(void) {
    return false;
}

uint64_t bzd_hash_aes(const struct bzd_hash_key *key, unsigned keyspace, struct bzd_slice bytes) {
    return bzd_siphash(&key->secret, keyspace, bytes);
}

#endif

void bzd_hash_key_init(struct bzd_hash_key *key, const struct bzd_siphash_key *secret) {
    key->secret = *secret;
    key->uses_aes = cpu_has_aes();
    for (uint64_t i = 0; i < BZD_HASH_ROUND_KEYS; i++)
        for (uint64_t half = 0; half < 2; half++) {
            uint64_t counter = 2 * i + half;
            key->round_keys[i][half] = bzd_siphash(secret, 0, bzd_slice_of(&counter, sizeof counter));
        }
}
