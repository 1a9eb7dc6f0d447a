#include "siphash.h"

#include "codec.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t number, unsigned bits) {
    return number << bits | number >> (64 - bits);
}

static inline void round_once(struct state *s) {
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void absorb(struct state *s, uint64_t word) {
    s->v3 ^= word;
    round_once(s);
    s->v0 ^= word;
}

/** Little-endian load the compiler turns into one instruction, inlined: keys are short and this is hot. */
static inline uint64_t load_word(const uint8_t *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/** The last 0 to 7 bytes and the size in the top byte, as the paper's final word. */
static inline uint64_t final_word(const uint8_t *data, size_t size) {
    const unsigned left = (unsigned)size & 7;
    const uint64_t top = (uint64_t)size << 56;
    if (left == 0)
        return top;
    /* With a whole word before the end, one overlapping load replaces the loop over bytes. */
    if (size >= 8)
        return top | load_word(data + size - 8) >> (8 * (8 - left));
    if (left >= 4)
        return top | bzd_load_u32(data) | (uint64_t)bzd_load_u32(data + left - 4) << (8 * (left - 4));
    return top | data[0] | (uint64_t)data[left / 2] << (8 * (left / 2)) |
           (uint64_t)data[left - 1] << (8 * (left - 1));
}

uint64_t bzd_siphash(const struct bzd_siphash_key *key, unsigned keyspace, struct bzd_slice bytes) {
    /* An odd multiplier gives every keyspace a different first key word; keyspace 0 is plain SipHash. */
    const uint64_t k0 = key->words[0] ^ keyspace * UINT64_C(0x9E3779B97F4A7C15);
    const uint64_t k1 = key->words[1];
    struct state s = {
        k0 ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes", from the paper */
        k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261),
        k1 ^ UINT64_C(0x7465646279746573),
    };

    const uint8_t *data = bytes.data;
    const size_t whole = bytes.size & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8)
        absorb(&s, load_word(data + i));
    absorb(&s, final_word(data, bytes.size));

    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_once(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
