#include "keyed_hash.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

void bzs_hash_key_init(struct bzs_hash_key *key) {
    struct timespec now;
    if (getrandom(key->words, sizeof(key->words), 0) == (ssize_t)sizeof(key->words))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    key->words[0] = (uint64_t)now.tv_nsec * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)now.tv_sec;
    key->words[1] = (uint64_t)(uintptr_t)key;
}

/** The state: four words. */
struct mixing {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t word, unsigned bits) {
    return word << bits | word >> (64 - bits);
}

static void round_of(struct mixing *m) {
    m->a += m->b;
    m->c += m->d;
    m->b = rotate(m->b, 13) ^ m->a;
    m->d = rotate(m->d, 16) ^ m->c;
    m->a = rotate(m->a, 32);
    m->c += m->b;
    m->a += m->d;
    m->b = rotate(m->b, 17) ^ m->c;
    m->d = rotate(m->d, 21) ^ m->a;
    m->c = rotate(m->c, 32);
}

static void take_in(struct mixing *m, uint64_t word) {
    m->d ^= word;
    round_of(m);
    m->a ^= word;
}

uint64_t bzs_hash(const struct bzs_hash_key *key, const void *data, size_t size) {
    struct mixing m = {
        key->words[0] ^ UINT64_C(0x736f6d6570736575), key->words[1] ^ UINT64_C(0x646f72616e646f6d),
        key->words[0] ^ UINT64_C(0x6c7967656e657261), key->words[1] ^ UINT64_C(0x7465646279746573)};
    const char *at = data;
    uint64_t word;
    for (size_t left = size; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        take_in(&m, word);
    }
    word = 0;
    if (size % sizeof(word) > 0)
        memcpy(&word, at, size % sizeof(word));
    take_in(&m, word ^ (uint64_t)size << 56);
    m.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_of(&m);
    return m.a ^ m.b ^ m.c ^ m.d;
}
