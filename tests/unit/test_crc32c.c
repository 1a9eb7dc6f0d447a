/* CRC-32C against published values and a bit-by-bit twin, with the instruction and with the tables. */
#include <criterion/criterion.h>
#include <string.h>

#include "crc32c.h"

/* The same file once more, without the processor's instruction. */
uint32_t portable_crc32c(uint32_t crc, const void *data, size_t size);
#define BZD_CRC32C_PORTABLE
#define bzd_crc32c portable_crc32c
#include "../../lib/crc32c.c"
#undef bzd_crc32c

typedef uint32_t crc_fn(uint32_t crc, const void *data, size_t size);

/** The definition: one bit at a time. */
static uint32_t bitwise(uint32_t crc, const void *data, size_t size) {
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0x82F63B78) : 0);
    }
    return ~crc;
}

static void check_published(crc_fn *crc) {
    uint8_t bytes[32];
    cr_assert_eq(crc(0, "123456789", 9), UINT32_C(0xE3069283));
    cr_assert_eq(crc(0, "", 0), 0);

    /* RFC 3720, appendix B.4; it prints the checksums byte by byte, lowest first. */
    memset(bytes, 0, sizeof bytes);
    cr_assert_eq(crc(0, bytes, sizeof bytes), UINT32_C(0x8A9136AA));
    memset(bytes, 0xff, sizeof bytes);
    cr_assert_eq(crc(0, bytes, sizeof bytes), UINT32_C(0x62A8AB43));
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    cr_assert_eq(crc(0, bytes, sizeof bytes), UINT32_C(0x46DD794E));
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    cr_assert_eq(crc(0, bytes, sizeof bytes), UINT32_C(0x113FDB5C));
}

/* Published check values. */
Test(crc32c, published_values) {
    check_published(bzd_crc32c);
    check_published(portable_crc32c);
    check_published(bitwise);
}

static void check_sizes(crc_fn *crc) {
    uint8_t bytes[80];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t from = 0; from < 9; from++) {
        for (size_t size = 0; size <= sizeof bytes - from; size++)
            cr_assert_eq(crc(0, bytes + from, size), bitwise(0, bytes + from, size), "%zu at %zu", size,
                         from);
    }
}

/* Every size and alignment agrees with the definition. */
Test(crc32c, every_size_and_alignment) {
    check_sizes(bzd_crc32c);
    check_sizes(portable_crc32c);
}

static void check_pieces(crc_fn *crc) {
    const char text[] = "The checksum of the whole is that of its pieces, fed in order.";
    const uint32_t whole = crc(0, text, sizeof text);
    for (size_t cut = 0; cut <= sizeof text; cut++)
        cr_assert_eq(crc(crc(0, text, cut), text + cut, sizeof text - cut), whole, "cut at %zu", cut);
}

/* Pieces may be fed one after the other. */
Test(crc32c, pieces) {
    check_pieces(bzd_crc32c);
    check_pieces(portable_crc32c);
}

/* Every single flipped bit of a record changes the checksum. */
Test(crc32c, sees_every_flipped_bit) {
    uint8_t bytes[64] = {0};
    const uint32_t before = bzd_crc32c(0, bytes, sizeof bytes);

    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_assert_neq(bzd_crc32c(0, bytes, sizeof bytes), before, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
