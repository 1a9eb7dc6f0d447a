/* Emptying regions of an arena: what leaves, what stays, and when it is not tried. */
#include <criterion/criterion.h>

#include "arena_region.h"
#include "mem_env.h"

enum { ENTRIES = 40000, SIZE = 1000 };

static struct mem_env *env;
static struct bzd_arena arena;
static bzd_ref refs[ENTRIES];

static void open_arena(void) {
    env = mem_env_create(1);
    cr_assert_eq(bzd_arena_init(&arena, mem_env_table(env)), BLITZDB_OK);
}

/** Closes the arena and expects that everything was given back. */
static void close_arena(void) {
    bzd_arena_deinit(&arena);
    cr_assert_eq(mem_env_live_memory(env), 0);
    mem_env_destroy(env);
}

TestSuite(arena_drain, .init = open_arena, .fini = close_arena);

static bzd_ref alloc(size_t size) {
    bzd_ref ref;
    cr_assert_eq(bzd_arena_alloc(&arena, size, &ref), BLITZDB_OK);
    return ref;
}

/** Fills some 20 regions and frees every other block. */
static void fill_and_thin_out(void) {
    for (size_t i = 0; i < ENTRIES; i++)
        refs[i] = alloc(SIZE);
    for (size_t i = 1; i < ENTRIES; i += 2)
        bzd_arena_free(&arena, refs[i], SIZE);
}

/** Moves what the arena names; returns how many blocks that were. */
static size_t move_all(void) {
    size_t moved = 0;
    for (size_t i = 0; i < ENTRIES; i += 2) {
        if (bzd_arena_should_move(&arena, refs[i], SIZE)) {
            bzd_ref moved_ref = alloc(SIZE);
            bzd_arena_free(&arena, refs[i], SIZE);
            refs[i] = moved_ref;
            moved++;
        }
    }
    return moved;
}

/* Half of what is left moves, the regions it stood in go, and with the last of them the drain is over. */
Test(arena_drain, moves_and_goes) {
    fill_and_thin_out();
    uint32_t regions = arena.region_count;

    cr_assert(bzd_arena_begin_drain(&arena));
    cr_assert(bzd_arena_is_valid(&arena));
    size_t moved = move_all();

    cr_assert_eq(bzd_arena_drain(&arena), 0);
    cr_assert_lt(arena.region_count, regions * 6 / 10);
    cr_assert_lt(moved, ENTRIES / 2 * 6 / 10);
    cr_assert_not(bzd_arena_begin_drain(&arena), "nothing is left to do");
    cr_assert_lt(atomic_load(&arena.held_bytes) * 10, atomic_load(&arena.used_bytes) * 12);
    cr_assert(bzd_arena_is_valid(&arena));
}

/* Nothing new is put where blocks are to leave. */
Test(arena_drain, takes_no_new_blocks) {
    fill_and_thin_out();
    cr_assert(bzd_arena_begin_drain(&arena));
    for (size_t i = 1; i < ENTRIES / 4; i += 2) {
        refs[i] = alloc(SIZE);
        cr_assert_not(bzd_arena_should_move(&arena, refs[i], SIZE));
    }
    cr_assert(bzd_arena_is_valid(&arena));
}

/** Begins a drain and ends it without having moved anything; returns how often it had to be asked for. */
static unsigned drain_in_vain(void) {
    unsigned calls = 1;
    while (!bzd_arena_begin_drain(&arena) && calls < 1000)
        calls++;
    cr_assert_neq(bzd_arena_drain(&arena), 0);
    bzd_arena_end_drain(&arena, bzd_arena_drain(&arena));
    cr_assert(bzd_arena_is_valid(&arena));
    return calls;
}

/* A drain that nobody moved anything for is not tried again at once, and each time later. */
Test(arena_drain, pauses_after_a_useless_one) {
    fill_and_thin_out();
    cr_assert_eq(drain_in_vain(), 1);
    unsigned second = drain_in_vain();
    cr_assert_gt(second, 1);
    cr_assert_gt(drain_in_vain(), second);
}

/* Where memory for a region cannot be had, the regions that were to go are as good. */
Test(arena_drain, ends_without_memory) {
    struct mem_env_fault fault = {.call = MEM_CALL_MAP, .nth = 1, .for_good = true};
    fill_and_thin_out();
    cr_assert(bzd_arena_begin_drain(&arena));
    mem_env_fail(env, &fault);
    for (size_t i = 1; i < ENTRIES; i += 2)
        refs[i] = alloc(SIZE);
    mem_env_disarm(env);
    cr_assert_eq(bzd_arena_drain(&arena), 0);
    cr_assert(bzd_arena_is_valid(&arena));
}

/* What is lent cannot move, and does not stand in the way: it has regions of its own. */
Test(arena_drain, leaves_lent_memory_alone) {
    bzd_ref lent;
    cr_assert_eq(bzd_arena_lend(&arena, BZD_LEND_MAX, &lent), BLITZDB_OK);
    fill_and_thin_out();
    cr_assert(bzd_arena_begin_drain(&arena));
    cr_assert_not(bzd_arena_should_move(&arena, lent, BZD_LEND_MAX));

    (void)move_all();

    cr_assert_eq(bzd_arena_drain(&arena), 0);
    bzd_arena_take_back(&arena, lent, BZD_LEND_MAX);
    cr_assert(bzd_arena_is_valid(&arena));
}
