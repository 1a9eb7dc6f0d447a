#include "bits.h"

#include <string.h>

static uint64_t count_bytes(const uint8_t *data, size_t size) {
    uint64_t count = 0;
    for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), data += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, data, sizeof(word));
        count += (unsigned)__builtin_popcountll(word);
    }
    for (; size > 0; size--)
        count += (unsigned)__builtin_popcount(*data++);
    return count;
}

uint64_t bzs_bits_count(const uint8_t *data, uint64_t first, uint64_t last) {
    size_t first_byte = (size_t)(first >> 3);
    size_t last_byte = (size_t)(last >> 3);
    unsigned before = data[first_byte] & ~(0xFFu >> (first & 7));
    unsigned behind = data[last_byte] & (0x7Fu >> (last & 7));
    return count_bytes(data + first_byte, last_byte - first_byte + 1) -
           (unsigned)__builtin_popcount(before & 0xFF) - (unsigned)__builtin_popcount(behind);
}

uint64_t bzs_bits_find(const uint8_t *data, uint64_t first, uint64_t last, bool wanted) {
    uint64_t skipped = wanted ? 0 : UINT64_MAX; /* words without such a bit */
    uint64_t at = first;
    while (at <= last && bzs_bits_get(data, at) != wanted) {
        uint64_t word;
        if ((at & 7) != 0 || last - at < 63) {
            at++;
            continue;
        }
        memcpy(&word, data + (at >> 3), sizeof(word));
        at += word == skipped ? 64 : 1;
    }
    return at <= last ? at : last + 1;
}

int64_t bzs_bits_read(const uint8_t *data, size_t size, uint64_t at, struct bzs_bits_type type) {
    uint64_t value = 0;
    for (unsigned i = 0; i < type.width; i++) {
        bool is_set = (at + i) >> 3 < size && bzs_bits_get(data, at + i);
        value = value << 1 | is_set;
    }
    bool is_negative = type.is_signed && (value >> (type.width - 1) & 1) != 0;
    if (is_negative && type.width < 64)
        value |= UINT64_MAX << type.width;
    return (int64_t)value;
}

void bzs_bits_write(uint8_t *data, uint64_t at, struct bzs_bits_type type, int64_t value) {
    for (unsigned i = 0; i < type.width; i++) {
        uint64_t bit = at + i;
        uint8_t mask = (uint8_t)(0x80u >> (bit & 7));
        bool is_set = ((uint64_t)value >> (type.width - 1 - i) & 1) != 0;
        data[bit >> 3] = is_set ? data[bit >> 3] | mask : data[bit >> 3] & (uint8_t)~mask;
    }
}

/** The low bits of a sum, as a value of the type. */
static int64_t wrap(struct bzs_bits_type type, uint64_t sum) {
    if (type.width == 64)
        return (int64_t)sum;
    uint64_t mask = ((uint64_t)1 << type.width) - 1;
    bool is_negative = type.is_signed && (sum >> (type.width - 1) & 1) != 0;
    return (int64_t)(is_negative ? sum | ~mask : sum & mask);
}

bool bzs_bits_add(struct bzs_bits_type type, int64_t value, int64_t addend, enum bzs_bits_overflow overflow,
                  int64_t *sum_out) {
    uint64_t mask = UINT64_MAX >> (64 - type.width) >> (type.is_signed ? 1 : 0);
    int64_t most = (int64_t)mask; /* an unsigned type has at most 63 bits */
    int64_t least = type.is_signed ? -most - 1 : 0;
    int64_t sum = 0;
    bool is_beyond = __builtin_add_overflow(value, addend, &sum);
    /* What is to be stored in an unsigned type is taken as unsigned: a negative number is a large one. */
    bool is_large = is_beyond ? addend > 0 : sum > most || (!type.is_signed && value < 0);
    bool is_small = is_beyond ? addend < 0 : sum < least && !is_large;
    *sum_out = sum;
    if (!is_large && !is_small)
        return true;
    if (overflow == BZS_BITS_WRAP)
        *sum_out = wrap(type, (uint64_t)value + (uint64_t)addend);
    else
        *sum_out = is_large ? most : least;
    return overflow != BZS_BITS_FAIL;
}
