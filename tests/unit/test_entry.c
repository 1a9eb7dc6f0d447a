/* Entries: every width class round-trips, and a key is told from every other. */
#include <criterion/criterion.h>

#include "entry.h"

static const size_t key_sizes[] = {0, 1, 255, 256, 70000};
static const size_t value_sizes[] = {0, 1, 255, 256, 65535, 65536};
static const int64_t expiries[] = {0, 1, INT64_C(1) << 32, BZD_EXPIRE_MAX_MS};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** Bytes that differ from place to place; static, so as large as the largest size above. */
static const uint8_t *some_bytes(void) {
    static uint8_t bytes[70000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    return bytes;
}

static struct bzd_entry make_entry(size_t key_size, size_t value_size, int64_t expire_at_ms) {
    const uint8_t *bytes = some_bytes();
    struct bzd_entry entry = {5, bzd_slice_of(bytes, key_size), bzd_slice_of(bytes + 1, value_size),
                              expire_at_ms};
    return entry;
}

/** Encodes into a block of exactly the right size, so that a sanitizer sees every byte too far. */
static uint8_t *encode(const struct bzd_entry *entry) {
    uint8_t *block = malloc(bzd_entry_size(entry));
    cr_assert_not_null(block);
    bzd_entry_encode(block, entry);
    return block;
}

static void assert_round_trip(const struct bzd_entry *entry) {
    uint8_t *block = encode(entry);
    struct bzd_entry decoded;
    bzd_entry_decode(block, &decoded);

    cr_assert_eq(decoded.keyspace, entry->keyspace);
    cr_assert(bzd_slice_equal(decoded.key, entry->key));
    cr_assert(bzd_slice_equal(decoded.value, entry->value));
    cr_assert_eq(decoded.expire_at_ms, entry->expire_at_ms);
    cr_assert_eq(bzd_entry_expire_at(block), entry->expire_at_ms);
    cr_assert_eq(bzd_entry_block_size(block), bzd_entry_size(entry));
    cr_assert(bzd_entry_has_key(block, entry->keyspace, entry->key));

    free(block);
}

/* Every border of every width class, with every kind of expiry. */
Test(entry, round_trips) {
    for (size_t k = 0; k < COUNT_OF(key_sizes); k++)
        for (size_t v = 0; v < COUNT_OF(value_sizes); v++)
            for (size_t e = 0; e < COUNT_OF(expiries); e++) {
                struct bzd_entry entry = make_entry(key_sizes[k], value_sizes[v], expiries[e]);
                assert_round_trip(&entry);
            }
}

/* All sixteen keyspaces stand in the flags. */
Test(entry, keeps_the_keyspace) {
    for (unsigned keyspace = 0; keyspace < 16; keyspace++) {
        struct bzd_entry entry = make_entry(10, 10, 77);
        entry.keyspace = keyspace;
        assert_round_trip(&entry);
    }
}

/* The layout of a small entry, byte by byte. */
Test(entry, small_layout) {
    struct bzd_entry entry = {3, bzd_slice_of("ab", 2), bzd_slice_of("xyz", 3), 0};
    const uint8_t expected[] = {0x03, 2, 3, 'a', 'b', 'x', 'y', 'z'};

    uint8_t *block = encode(&entry);

    cr_assert_eq(bzd_entry_size(&entry), sizeof expected);
    cr_assert_arr_eq(block, expected, sizeof expected);
    free(block);
}

/* The layout of one with an expiry and a value of two size bytes. */
Test(entry, expiring_layout) {
    uint8_t value[258] = {0};
    struct bzd_entry entry = {15, bzd_slice_of("k", 1), bzd_slice_of(value, sizeof value), 0x060504030201};
    const uint8_t expected[] = {0x3F, 1, 2, 1, 1, 2, 3, 4, 5, 6, 'k'};

    uint8_t *block = encode(&entry);

    cr_assert_eq(bzd_entry_size(&entry), sizeof expected + sizeof value);
    cr_assert_arr_eq(block, expected, sizeof expected);
    free(block);
}

/* The header grows only where a size needs it. */
Test(entry, header_sizes) {
    static const struct {
        size_t key_size, value_size, header;
    } cases[] = {{255, 255, 3},   {255, 256, 4}, {255, 65535, 4},
                 {255, 65536, 6}, {256, 0, 9},   {256, 65536, 9}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bzd_entry plain = make_entry(cases[i].key_size, cases[i].value_size, 0);
        struct bzd_entry expiring = make_entry(cases[i].key_size, cases[i].value_size, 1);
        size_t payload = cases[i].key_size + cases[i].value_size;

        cr_assert_eq(bzd_entry_size(&plain) - payload, cases[i].header, "case %zu", i);
        cr_assert_eq(bzd_entry_size(&expiring) - payload, cases[i].header + 6, "case %zu", i);
    }
}

/* Another keyspace, another byte, a prefix and a longer key are other keys. */
Test(entry, tells_keys_apart) {
    for (size_t e = 0; e < COUNT_OF(expiries); e++)
        for (size_t k = 1; k < COUNT_OF(key_sizes); k++) {
            size_t size = key_sizes[k];
            struct bzd_entry entry = make_entry(size, 300, expiries[e]);
            uint8_t *block = encode(&entry);
            uint8_t *key = malloc(size + 1);
            cr_assert_not_null(key);
            memcpy(key, entry.key.data, size);
            key[size] = 'x';

            cr_assert(bzd_entry_has_key(block, 5, bzd_slice_of(key, size)));
            cr_assert_not(bzd_entry_has_key(block, 4, bzd_slice_of(key, size)));
            cr_assert_not(bzd_entry_has_key(block, 5, bzd_slice_of(key, size - 1)));
            cr_assert_not(bzd_entry_has_key(block, 5, bzd_slice_of(key, size + 1)));
            key[size - 1] ^= 0x80;
            cr_assert_not(bzd_entry_has_key(block, 5, bzd_slice_of(key, size)));

            free(key);
            free(block);
        }
}

/* An empty key is a key; its slice may be NULL. */
Test(entry, empty_key) {
    struct bzd_entry entry = {0, bzd_slice_of(NULL, 0), bzd_slice_of("v", 1), 0};
    uint8_t *block = encode(&entry);

    cr_assert(bzd_entry_has_key(block, 0, bzd_slice_of(NULL, 0)));
    cr_assert_not(bzd_entry_has_key(block, 0, bzd_slice_of("", 1)));
    free(block);
}

/* The type byte that later kinds of values will have is skipped. */
Test(entry, skips_the_type_byte) {
    const uint8_t block[] = {0x80 | 0x10 | 2, 9, 1, 2, 1, 0, 0, 0, 0, 0, 'k', 'v', 'w'};
    struct bzd_entry entry;
    bzd_entry_decode(block, &entry);

    cr_assert_eq(entry.keyspace, 2);
    cr_assert(bzd_slice_equal(entry.key, bzd_slice_of("k", 1)));
    cr_assert(bzd_slice_equal(entry.value, bzd_slice_of("vw", 2)));
    cr_assert_eq(entry.expire_at_ms, 1);
    cr_assert_eq(bzd_entry_block_size(block), sizeof block);
    cr_assert(bzd_entry_has_key(block, 2, bzd_slice_of("k", 1)));
}
