/* The payload of DUMP and RESTORE. */
#include "rdb.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 1 << 20 };

/** Puts a good footer behind a body; the buffer has room for it. */
static struct bzs_slice finish(char *body, size_t size) {
    uint8_t *tail = (uint8_t *)body + size;
    bzs_rdb_encode_tail(tail, (uint8_t *)body, size, (struct bzs_slice){"", 0});
    return (struct bzs_slice){body, size + BZS_RDB_TAIL_SIZE};
}

static enum bzs_rdb_result decode_body(const char *body, size_t size, char *text_out, size_t *size_out) {
    char buffer[512];
    struct bzs_rdb_value value;
    memcpy(buffer, body, size);
    enum bzs_rdb_result result = bzs_rdb_decode(finish(buffer, size), VALUE_MAX, &value);
    if (result == BZS_RDB_OK) {
        memcpy(text_out, value.bytes.data, value.bytes.size);
        *size_out = value.bytes.size;
    }
    free(value.unpacked);
    return result;
}

static void expect_body(const char *body, size_t size, const char *text) {
    char found[512];
    size_t found_size = 0;
    cr_assert_eq(decode_body(body, size, found, &found_size), BZS_RDB_OK);
    cr_assert_eq(found_size, strlen(text));
    cr_assert_arr_eq(found, text, found_size);
}

static void refuse_body(const char *body, size_t size) {
    char found[512];
    size_t found_size = 0;
    cr_assert_eq(decode_body(body, size, found, &found_size), BZS_RDB_BAD_DATA);
}

#define BYTES(text) text, sizeof(text) - 1

/* What Redis 7.0 dumps for "foobar" and for 10. */
Test(rdb, encode) {
    uint8_t head[BZS_RDB_HEAD_MAX], tail[BZS_RDB_TAIL_SIZE];
    struct bzs_slice value = {"foobar", 6};
    cr_assert_eq(bzs_rdb_encode_head(head, &value), 2);
    bzs_rdb_encode_tail(tail, head, 2, value);
    cr_assert_arr_eq(head, "\x00\x06", 2);
    cr_assert_arr_eq(tail, "\x0a\x00;L<\xf6\xb7\xee{\xae", 10);
    value = (struct bzs_slice){"10", 2};
    cr_assert_eq(bzs_rdb_encode_head(head, &value), 3);
    cr_assert_eq(value.size, 0);
    cr_assert_arr_eq(head, "\x00\xc0\x0a", 3);
}

/* The check value of the checksum. */
Test(rdb, crc) {
    cr_assert_eq(bzs_rdb_crc(0, "123456789", 9), UINT64_C(0xe9c6d914c4b8d9ca));
    cr_assert_eq(bzs_rdb_crc(bzs_rdb_crc(0, "1234", 4), "56789", 5), UINT64_C(0xe9c6d914c4b8d9ca));
}

/* Every kind of length and string. */
Test(rdb, decode) {
    expect_body(BYTES("\0\3abc"), "abc");
    expect_body(BYTES("\0\x40\3abc"), "abc");
    expect_body(BYTES("\0\x80\0\0\0\3abc"), "abc");
    expect_body(BYTES("\0\x81\0\0\0\0\0\0\0\3abc"), "abc");
    expect_body(BYTES("\0\0"), "");
    expect_body(BYTES("\0\xc0\xff"), "-1");
    expect_body(BYTES("\0\xc1\x00\x80"), "-32768");
    expect_body(BYTES("\0\xc2\xff\xff\xff\x7f"), "2147483647");
    expect_body(BYTES("\0\xc3\5\x0a\0a\xe0\0\0"), "aaaaaaaaaa"); /* a run that reaches into itself */
}

/* Types that are no strings, and strings that are not well-formed, however good their footer. */
Test(rdb, bad_data) {
    refuse_body(BYTES("\1\3abc"));
    refuse_body(BYTES("\0"));
    refuse_body(BYTES(""));
    refuse_body(BYTES("\0\4abc"));
    refuse_body(BYTES("\0\xc4\1"));
    refuse_body(BYTES("\0\x82\0\0\0\3abc"));
    refuse_body(BYTES("\0\xc2\1\2"));
    refuse_body(BYTES("\0\x81\xff\xff\xff\xff\xff\xff\xff\xff"));
    refuse_body(BYTES("\0\xc3\x81\xff\xff\xff\xff\xff\xff\xff\xff\1a"));   /* packed: too long */
    refuse_body(BYTES("\0\xc3\2\x81\xff\xff\xff\xff\xff\xff\xff\xff\0a")); /* unpacked: too long */
    refuse_body(BYTES("\0\xc3\2\x80\0\x0f\0\0\0a"));                       /* less than announced */
    refuse_body(BYTES("\0\xc3\2\1\1ab"));                                  /* more than announced */
    refuse_body(BYTES("\0\xc3\2\3\x20\0")); /* a run from before the beginning */
    refuse_body(BYTES("\0\xc3\1\5\x20"));   /* half a run */
    refuse_body(BYTES("\0\xc3\1\5\3"));     /* no bytes */
    refuse_body(BYTES("\0\xc3\0\0"));
    refuse_body(BYTES("\0\xc3\xc0\1\1"));
}

/* Every payload that is cut or has a flipped bit is found out. */
Test(rdb, bad_footer) {
    char payload[64] = "\0\x14"
                       "twenty bytes of text";
    struct bzs_rdb_value value;
    struct bzs_slice whole = finish(payload, 22);
    for (size_t size = 0; size < whole.size; size++)
        cr_assert_eq(bzs_rdb_decode((struct bzs_slice){payload, size}, VALUE_MAX, &value),
                     BZS_RDB_BAD_FOOTER);
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        payload[bit / 8] = (char)(payload[bit / 8] ^ 1 << bit % 8);
        cr_assert_eq(bzs_rdb_decode(whole, VALUE_MAX, &value), BZS_RDB_BAD_FOOTER);
        payload[bit / 8] = (char)(payload[bit / 8] ^ 1 << bit % 8);
    }
    cr_assert_eq(bzs_rdb_decode(whole, VALUE_MAX, &value), BZS_RDB_OK);
    cr_assert_eq(bzs_rdb_decode(whole, 19, &value), BZS_RDB_BAD_DATA, "larger than it may be");
}

/* A version later than 10 may mean anything. */
Test(rdb, later_version) {
    char payload[32] = "\0\3abc\x0b";
    struct bzs_rdb_value value;
    uint64_t crc = bzs_rdb_crc(0, payload, 7);
    memcpy(payload + 7, &crc, 8);
    cr_assert_eq(bzs_rdb_decode((struct bzs_slice){payload, 15}, VALUE_MAX, &value), BZS_RDB_BAD_FOOTER);
    payload[5] = 1;
    crc = bzs_rdb_crc(0, payload, 7);
    memcpy(payload + 7, &crc, 8);
    cr_assert_eq(bzs_rdb_decode((struct bzs_slice){payload, 15}, VALUE_MAX, &value), BZS_RDB_OK);
}
