/* Slices and growing buffers. */
#include <criterion/criterion.h>

#include "bytes.h"

/** An environment whose allocator can be told to refuse. */
struct meter {
    blitzdb_env env;
    bool refuse;
};

static void *metered_realloc(void *user, void *memory, size_t size) {
    const struct meter *meter = user;
    const blitzdb_env *real = blitzdb_env_default();
    return meter->refuse ? NULL : real->realloc(real->user, memory, size);
}

static void meter_init(struct meter *meter) {
    meter->env = *blitzdb_env_default();
    meter->env.user = meter;
    meter->env.realloc = metered_realloc;
    meter->refuse = false;
}

/* Slices compare by bytes, and an empty one may be NULL. */
Test(slice, equality) {
    cr_assert(bzd_slice_equal(bzd_slice_of("ab", 2), bzd_slice_of("abc", 2)));
    cr_assert_not(bzd_slice_equal(bzd_slice_of("ab", 2), bzd_slice_of("ac", 2)));
    cr_assert_not(bzd_slice_equal(bzd_slice_of("ab", 2), bzd_slice_of("ab", 1)));
    cr_assert(bzd_slice_equal(bzd_slice_of(NULL, 0), bzd_slice_of("x", 0)));
    cr_assert_not(bzd_slice_equal(bzd_slice_of("a\0b", 3), bzd_slice_of("a\0c", 3)));
}

/* A fresh buffer is empty and owns nothing. */
Test(buffer, begins_empty) {
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, blitzdb_env_default());

    cr_assert_null(buffer.data);
    cr_assert_eq(buffer.size, 0);
    bzd_buffer_deinit(&buffer);
}

/* Appended pieces follow each other. */
Test(buffer, append_joins_pieces) {
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, blitzdb_env_default());

    for (int i = 0; i < 1000; i++) {
        char byte = (char)i;
        cr_assert_eq(bzd_buffer_append(&buffer, &byte, 1), BLITZDB_OK);
    }

    cr_assert_eq(buffer.size, 1000);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(buffer.data[i], (uint8_t)i);
    bzd_buffer_deinit(&buffer);
}

/* Appending nothing works without memory and without data. */
Test(buffer, append_nothing) {
    struct meter meter;
    meter_init(&meter);
    meter.refuse = true;
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, &meter.env);

    cr_assert_eq(bzd_buffer_append(&buffer, NULL, 0), BLITZDB_OK);

    cr_assert_eq(buffer.size, 0);
    bzd_buffer_deinit(&buffer);
}

/* The capacity doubles, so that appending bytes one by one is not quadratic. */
Test(buffer, capacity_doubles) {
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, blitzdb_env_default());
    cr_assert_eq(bzd_buffer_reserve(&buffer, 1000), BLITZDB_OK);
    buffer.size = 1000;

    cr_assert_eq(bzd_buffer_append(&buffer, "x", 1), BLITZDB_OK);

    cr_assert_geq(buffer.capacity, 2000);
    bzd_buffer_deinit(&buffer);
}

/* Room that was reserved is used without another allocation. */
Test(buffer, reserve_keeps_its_promise) {
    struct meter meter;
    meter_init(&meter);
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, &meter.env);
    cr_assert_eq(bzd_buffer_reserve(&buffer, 500), BLITZDB_OK);
    char data[500] = {1};

    meter.refuse = true;
    cr_assert_eq(bzd_buffer_append(&buffer, data, sizeof data), BLITZDB_OK);

    cr_assert_eq(buffer.size, 500);
    bzd_buffer_deinit(&buffer);
}

/* A refused allocation leaves the buffer as it was. */
Test(buffer, out_of_memory_changes_nothing) {
    struct meter meter;
    meter_init(&meter);
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, &meter.env);
    cr_assert_eq(bzd_buffer_append(&buffer, "abc", 3), BLITZDB_OK);
    char large[4096] = {0};

    meter.refuse = true;
    cr_assert_eq(bzd_buffer_append(&buffer, large, sizeof large), BLITZDB_NO_MEMORY);

    cr_assert_eq(buffer.size, 3);
    cr_assert_arr_eq(buffer.data, "abc", 3);
    bzd_buffer_deinit(&buffer);
}

/* A size no address space holds is refused before the arithmetic overflows. */
Test(buffer, size_overflow_is_no_memory) {
    struct meter meter;
    meter_init(&meter);
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, &meter.env);
    cr_assert_eq(bzd_buffer_append(&buffer, "abc", 3), BLITZDB_OK);

    cr_assert_eq(bzd_buffer_reserve(&buffer, SIZE_MAX), BLITZDB_NO_MEMORY);
    meter.refuse = true; /* the largest size that can be asked for reaches the allocator */
    cr_assert_eq(bzd_buffer_reserve(&buffer, SIZE_MAX - 3), BLITZDB_NO_MEMORY);

    cr_assert_eq(buffer.size, 3);
    bzd_buffer_deinit(&buffer);
}

/* Clearing keeps a small buffer's memory for the next use and gives a large one's back. */
Test(buffer, clear_keeps_up_to_a_limit) {
    struct bzd_buffer buffer;
    bzd_buffer_init(&buffer, blitzdb_env_default());
    cr_assert_eq(bzd_buffer_reserve(&buffer, 100), BLITZDB_OK);
    buffer.size = 100;
    const size_t capacity = buffer.capacity;

    bzd_buffer_clear(&buffer, capacity);
    cr_assert_eq(buffer.size, 0);
    cr_assert_eq(buffer.capacity, capacity);

    bzd_buffer_clear(&buffer, capacity - 1);
    cr_assert_eq(buffer.capacity, 0);
    cr_assert_null(buffer.data);
    bzd_buffer_deinit(&buffer);
}
