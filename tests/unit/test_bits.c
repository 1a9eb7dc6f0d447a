/* Bytes as rows of bits. */
#include "bits.h"

#include <criterion/criterion.h>
#include <string.h>

/* Every range of some bytes, against counting and looking bit by bit. */
Test(bits, count_and_find) {
    static const uint8_t data[] = {0xFF, 0x00, 0xA5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xFF, 0xFF, 0x80};
    enum { BITS = 8 * sizeof data };

    for (unsigned first = 0; first < BITS; first++)
        for (unsigned last = first; last < BITS; last++) {
            unsigned count = 0;
            uint64_t found[2] = {last + 1, last + 1};
            for (unsigned i = last + 1; i-- > first;) {
                count += bzs_bits_get(data, i);
                found[bzs_bits_get(data, i)] = i;
            }
            cr_assert_eq(bzs_bits_count(data, first, last), count);
            cr_assert_eq(bzs_bits_find(data, first, last, true), found[1]);
            cr_assert_eq(bzs_bits_find(data, first, last, false), found[0]);
        }
}

/* What is written at any bit, in any type, is read again and touches nothing beside it. */
Test(bits, read_and_write) {
    static const uint64_t patterns[] = {0, UINT64_MAX, 0x0123456789ABCDEF, 0x8000000000000001};
    for (unsigned width = 1; width <= 64; width++)
        for (unsigned at = 0; at < 24; at++)
            for (unsigned i = 0; i < 4; i++) {
                uint8_t data[12];
                memset(data, i % 2 == 0 ? 0xFF : 0, sizeof data);
                struct bzs_bits_type type = {width, true};
                int64_t shown = (int64_t)(patterns[i] << (64 - width)) >> (64 - width);
                bzs_bits_write(data, at, type, (int64_t)patterns[i]);
                cr_assert_eq(bzs_bits_read(data, sizeof data, at, type), shown);
                uint64_t ones = (uint64_t)__builtin_popcountll(patterns[i] << (64 - width));
                ones += i % 2 == 0 ? 96 - width : 0;
                cr_assert_eq(bzs_bits_count(data, 0, 95), ones);
            }
}

/* Behind the end all bits are zeros. */
Test(bits, read_behind_the_end) {
    static const uint8_t data[] = {0xFF};
    cr_assert_eq(bzs_bits_read(data, 1, 4, (struct bzs_bits_type){8, false}), 0xF0);
    cr_assert_eq(bzs_bits_read(data, 1, 4, (struct bzs_bits_type){8, true}), -16);
    cr_assert_eq(bzs_bits_read(NULL, 0, 1000, (struct bzs_bits_type){63, false}), 0);
}

struct sum {
    struct bzs_bits_type type;
    int64_t value, addend;
    int64_t wrapped, saturated;
    bool fits;
};

/* Sums at the ends of types. */
Test(bits, add) {
    static const struct sum sums[] = {
        {{8, false}, 250, 5, 255, 255, true},
        {{8, false}, 250, 6, 0, 255, false},
        {{8, false}, 5, -6, 255, 0, false},
        {{8, false}, -1, 0, 255, 255, false}, /* SET: a large one */
        {{8, true}, 120, 8, -128, 127, false},
        {{8, true}, -120, -9, 127, -128, false},
        {{8, true}, 300, 0, 44, 127, false},
        {{1, true}, 0, 1, -1, 0, false},
        {{63, false}, INT64_MAX, 1, 0, INT64_MAX, false},
        {{63, false}, 0, INT64_MIN, 0, 0, false},
        {{64, true}, INT64_MAX, 1, INT64_MIN, INT64_MAX, false},
        {{64, true}, INT64_MIN, -1, INT64_MAX, INT64_MIN, false},
        {{64, true}, INT64_MIN, INT64_MAX, -1, -1, true},
    };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        const struct sum *sum = &sums[i];
        int64_t result = 0;
        cr_assert(bzs_bits_add(sum->type, sum->value, sum->addend, BZS_BITS_WRAP, &result));
        cr_assert_eq(result, sum->wrapped, "sum %zu wraps", i);
        cr_assert(bzs_bits_add(sum->type, sum->value, sum->addend, BZS_BITS_SATURATE, &result));
        cr_assert_eq(result, sum->saturated, "sum %zu saturates", i);
        cr_assert_eq(bzs_bits_add(sum->type, sum->value, sum->addend, BZS_BITS_FAIL, &result), sum->fits);
    }
}
