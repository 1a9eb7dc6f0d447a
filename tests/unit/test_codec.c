/* Fixed-width integers, varints and the cursor over foreign bytes. */
#include <criterion/criterion.h>
#include <string.h>

#include "codec.h"

/* Numbers stand lowest byte first, at any address. */
Test(fixed, little_endian) {
    uint8_t bytes[15] = {0};

    uint8_t *end = bzd_put_u64(bzd_put_u32(bzd_put_u16(bytes + 1, 0x0102), 0x03040506), 0x0708090a0b0c0d0e);

    const uint8_t expected[] = {0, 2, 1, 6, 5, 4, 3, 14, 13, 12, 11, 10, 9, 8, 7};
    cr_assert_eq(end, bytes + 15);
    cr_assert_arr_eq(bytes, expected, 15);
    cr_assert_eq(bzd_load_u16(bytes + 1), 0x0102);
    cr_assert_eq(bzd_load_u32(bytes + 3), 0x03040506);
    cr_assert_eq(bzd_load_u64(bytes + 7), UINT64_C(0x0708090a0b0c0d0e));
}

/* The highest bit survives: no sign creeps in. */
Test(fixed, all_bits_set) {
    uint8_t bytes[8];
    memset(bytes, 0xff, sizeof bytes);

    cr_assert_eq(bzd_load_u16(bytes), UINT16_MAX);
    cr_assert_eq(bzd_load_u32(bytes), UINT32_MAX);
    cr_assert_eq(bzd_load_u64(bytes), UINT64_MAX);
}

static void check_varint(uint64_t number) {
    uint8_t bytes[BZD_VARINT_MAX];
    const size_t size = (size_t)(bzd_put_varint(bytes, number) - bytes);
    cr_assert_eq(size, bzd_varint_size(number));

    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(bytes, size));
    cr_assert_eq(bzd_cursor_varint(&cursor), number);
    cr_assert_not(cursor.failed);
    cr_assert_eq(bzd_cursor_left(&cursor), 0);

    /* Every shorter part of it is refused. */
    for (size_t cut = 0; cut < size; cut++) {
        cursor = bzd_cursor_over(bzd_slice_of(bytes, cut));
        cr_assert_eq(bzd_cursor_varint(&cursor), 0);
        cr_assert(cursor.failed);
    }
}

/* Around every power of two, what was written is read back. */
Test(varint, round_trip) {
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t power = UINT64_C(1) << bit;
        check_varint(power - 1);
        check_varint(power);
        check_varint(power + 1);
    }
    check_varint(UINT64_MAX);
}

/* The bytes are LEB128: 300 is AC 02. */
Test(varint, known_bytes) {
    uint8_t bytes[BZD_VARINT_MAX];

    cr_assert_eq(bzd_put_varint(bytes, 300), bytes + 2);

    cr_assert_eq(bytes[0], 0xac);
    cr_assert_eq(bytes[1], 0x02);
    cr_assert_eq(bzd_varint_size(0), 1);
    cr_assert_eq(bzd_varint_size(UINT64_MAX), BZD_VARINT_MAX);
}

/* A number above 64 bits, or one that does not end, is refused. */
Test(varint, too_long) {
    const uint8_t above[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};

    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(above, sizeof above));
    cr_assert_eq(bzd_cursor_varint(&cursor), 0);
    cr_assert(cursor.failed);

    cursor = bzd_cursor_over(bzd_slice_of(endless, sizeof endless));
    cr_assert_eq(bzd_cursor_varint(&cursor), 0);
    cr_assert(cursor.failed);
}

/* A cursor hands out the fields in order and ends exactly at the end. */
Test(cursor, reads_in_order) {
    const uint8_t bytes[] = {7, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'};
    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(bytes, sizeof bytes));

    cr_assert_eq(bzd_cursor_u8(&cursor), 7);
    cr_assert_eq(bzd_cursor_u16(&cursor), 1);
    cr_assert_eq(bzd_cursor_u32(&cursor), 2);
    cr_assert_eq(bzd_cursor_u64(&cursor), 3);
    cr_assert_eq(bzd_cursor_left(&cursor), 2);
    cr_assert(bzd_slice_equal(bzd_cursor_bytes(&cursor, 2), bzd_slice_of("ab", 2)));
    cr_assert_not(cursor.failed);
    cr_assert_eq(bzd_cursor_left(&cursor), 0);
}

/* Once it would pass the end it has failed for good, even for what would still fit. */
Test(cursor, failure_is_sticky) {
    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of("abc", 3));

    cr_assert_eq(bzd_cursor_u32(&cursor), 0);

    cr_assert(cursor.failed);
    cr_assert_eq(bzd_cursor_u8(&cursor), 0);
    cr_assert_eq(bzd_cursor_left(&cursor), 0);
    cr_assert_eq(bzd_cursor_bytes(&cursor, 0).size, 0);
    cr_assert(cursor.failed);
}

/* A size out of a damaged file, however large, does not overflow the check. */
Test(cursor, absurd_sizes) {
    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of("abc", 3));

    const struct bzd_slice bytes = bzd_cursor_bytes(&cursor, UINT64_MAX);

    cr_assert_eq(bytes.size, 0);
    cr_assert(cursor.failed);
}

/* An empty slice, NULL included, is a cursor at its end. */
Test(cursor, empty) {
    struct bzd_cursor cursor = bzd_cursor_over(bzd_slice_of(NULL, 0));

    cr_assert_eq(bzd_cursor_left(&cursor), 0);
    cr_assert_eq(bzd_cursor_bytes(&cursor, 0).size, 0);
    cr_assert_not(cursor.failed);
    cr_assert_eq(bzd_cursor_u8(&cursor), 0);
    cr_assert(cursor.failed);
}
