/* Bytes that wait: what comes out is what went in, and the room for it stays in proportion. */
#include <criterion/criterion.h>

#include "input.h"

static char byte_at(size_t position) {
    return (char)(position * 7 + position / 251);
}

/** Appends a piece of the endless stream that begins at `position`. */
static void append(struct bzs_input *input, size_t position, size_t size) {
    char piece[4096];
    for (size_t i = 0; i < size; i++)
        piece[i] = byte_at(position + i);
    cr_assert(bzs_input_append(input, piece, size));
}

static void expect_stream(const struct bzs_input *input, size_t position) {
    for (size_t i = 0; i < bzs_input_size(input); i++)
        cr_assert_eq(input->data[input->begin + i], byte_at(position + i));
}

/* Pieces of all sizes in and out, with a queue that grows and shrinks. */
Test(input, keeps_the_order) {
    struct bzs_input input = {0};
    unsigned random = 1;
    size_t in = 0;
    size_t out = 0;
    for (int i = 0; i < 3000; i++) {
        random = random * 1103515245 + 12345;
        size_t size = random >> 16 & 4095;
        append(&input, in, size);
        in += size;
        size_t done = i / 500 % 2 == 0 ? size / 2 : size * 2;
        done = done < in - out ? done : in - out;
        bzs_input_consume(&input, done);
        out += done;
        cr_assert_eq(bzs_input_size(&input), in - out);
        if (i % 100 == 0)
            expect_stream(&input, out);
    }
    expect_stream(&input, out);
    bzs_input_deinit(&input);
}

/* There is never room for more than twice what waits, and a large block goes once it is mostly done with. */
Test(input, room_in_proportion) {
    enum { PIECE = 1000, COUNT = 2000 };
    struct bzs_input input = {0};
    for (size_t i = 0; i < COUNT; i++) {
        append(&input, i * PIECE, PIECE);
        cr_assert_leq(input.capacity, 2 * bzs_input_size(&input));
    }
    bzs_input_consume(&input, (size_t)COUNT * PIECE - 10);
    cr_assert_leq(input.capacity, 16 * 1024);
    expect_stream(&input, (size_t)COUNT * PIECE - 10);
    bzs_input_consume(&input, 10);
    cr_assert_null(input.data);
}

/* A long queue from which little is taken at a time is not moved for each piece that arrives. */
Test(input, long_queue_stays_in_place) {
    enum { PIECE = 4000, COUNT = 1000, TURNS = 200 };
    struct bzs_input input = {0};
    for (size_t i = 0; i < COUNT; i++)
        append(&input, i * PIECE, PIECE);
    size_t moves = 0;
    for (size_t i = 0; i < TURNS; i++) {
        bzs_input_consume(&input, PIECE);
        const char *first = input.data + input.begin;
        append(&input, (COUNT + i) * PIECE, PIECE);
        moves += input.data + input.begin != first;
    }
    cr_assert_leq(moves, 1);
    expect_stream(&input, (size_t)TURNS * PIECE);
    bzs_input_deinit(&input);
}
