/* The arena: blocks keep their bytes, counters tell the truth, memory comes back. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "arena_region.h"
#include "mem_env.h"
#include "rng.h"

#define MIB ((size_t)1 << 20)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** A block as the tests remember it; it is filled from a seed. */
struct block {
    bzd_ref ref;
    size_t size;
    uint8_t seed;
};

static struct mem_env *env;
static struct bzd_arena arena;

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

TestSuite(arena, .init = open_arena, .fini = close_arena);

static uint64_t used(void) {
    return atomic_load(&arena.used_bytes);
}

static uint64_t held(void) {
    return atomic_load(&arena.held_bytes);
}

static bzd_ref alloc(size_t size) {
    bzd_ref ref;
    cr_assert_eq(bzd_arena_alloc(&arena, size, &ref), BLITZDB_OK);
    return ref;
}

/** Bytes at each end of a block that are filled and checked. */
static size_t end_size(size_t size) {
    return size < 4096 ? size : 4096;
}

static struct block fill_block(bzd_ref ref, size_t size, uint8_t seed) {
    struct block block = {ref, size, seed};
    uint8_t *bytes = bzd_arena_at(&arena, ref);
    memset(bytes, seed, end_size(size));
    memset(bytes + size - end_size(size), seed, end_size(size));
    return block;
}

static struct block make_block(size_t size, uint8_t seed) {
    return fill_block(alloc(size), size, seed);
}

static void assert_block(const struct block *block) {
    const uint8_t *bytes = bzd_arena_at(&arena, block->ref);
    size_t end = end_size(block->size);
    for (size_t i = 0; i < end; i++)
        cr_assert(bytes[i] == block->seed && bytes[block->size - 1 - i] == block->seed,
                  "a block was overwritten");
}

static void free_block(const struct block *block) {
    assert_block(block);
    bzd_arena_free(&arena, block->ref, block->size);
}

/* An arena without blocks holds no memory. */
Test(arena, begins_empty) {
    cr_assert_eq(held(), 0);
    cr_assert_eq(used(), 0);
    cr_assert_eq(mem_env_live_memory(env), 0);
    cr_assert(bzd_arena_is_valid(&arena));
}

/* Rounding: never down, to a multiple of 4, and by little. */
Test(arena, block_sizes) {
    size_t before = 0;
    for (size_t size = 1; size <= 600 * 1024; size++) {
        size_t block = bzd_arena_block_size(size);
        cr_assert(block >= size && block % 4 == 0 && block >= before, "size %zu", size);
        cr_assert(block - size <= (size <= 128         ? 3
                                   : size <= 512       ? 7
                                   : size <= 32 * 1024 ? size / 32
                                                       : size / 8),
                  "size %zu", size);
        before = block;
    }
}

/* Blocks of every class at once, at its smallest and largest size: aligned, named by 40 bits, not
 * overlapping. */
Test(arena, all_sizes_at_once) {
    static struct block blocks[2000];
    size_t count = 0;
    for (size_t size = 1; size < 3 * MIB && count + 2 < COUNT_OF(blocks);) {
        size_t largest = bzd_arena_block_size(size);
        blocks[count] = make_block(size, (uint8_t)count);
        count++;
        blocks[count] = make_block(largest, (uint8_t)count);
        count++;
        size = largest + 1 + (largest > 64 * 1024 ? largest / 3 : 0);
    }

    cr_assert(bzd_arena_is_valid(&arena));
    for (size_t i = 0; i < count; i++) {
        cr_assert(blocks[i].ref != 0 && blocks[i].ref >> 40 == 0);
        cr_assert_eq((uintptr_t)bzd_arena_at(&arena, blocks[i].ref) % 4, 0);
        free_block(&blocks[i]);
    }
    cr_assert_eq(used(), 0);
    cr_assert(bzd_arena_is_valid(&arena));
}

/* A hundred small entries touch the header's page and those the blocks fill, no more. */
Test(arena, small_is_small) {
    for (int i = 0; i < 100; i++)
        make_block(80, 1);

    cr_assert_eq(used(), 8000);
    cr_assert_leq(held(), 4096 + 2 * 4096);
}

/* Blocks of any one size fill regions well: little is lost at the ends of runs and regions. */
Test(arena, regions_are_filled) {
    static const size_t sizes[] = {80, 600, 4608, 9000, 18000, 26000, 30000, 200 * 1024, 400 * 1024};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        while (used() < 40 * MIB)
            alloc(sizes[i]);
        size_t mapped = arena.region_count * 2 * MIB;
        cr_assert_leq(mapped * 100, used() * (sizes[i] > 32768 ? 125 : 112), "size %zu", sizes[i]);
        bzd_arena_reset(&arena);
    }
}

/* Large blocks have mappings of their own, which go with them. */
Test(arena, large_blocks) {
    static const size_t sizes[] = {512 * 1024, 512 * 1024 + 1, MIB + 1, 2 * MIB, 2 * MIB + 1, 5 * MIB + 123};
    struct block blocks[COUNT_OF(sizes)];
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        blocks[i] = make_block(sizes[i], (uint8_t)(i + 1));

    cr_assert(bzd_arena_is_valid(&arena));
    cr_assert_leq(held(), used() + 4096);
    cr_assert_eq(arena.region_count, COUNT_OF(sizes), "all but the first, which shares a region of spans");
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        cr_assert_eq((uintptr_t)bzd_arena_at(&arena, blocks[i].ref) % 8, 0);
        free_block(&blocks[i]);
    }
    cr_assert_eq(arena.region_count, 1);
    cr_assert_eq(used(), 0);
}

/* The largest block that is promised; it is mapped and not touched. */
Test(arena, two_gigabytes) {
    size_t size = (size_t)1 << 31;
    bzd_ref ref = alloc(size);

    bzd_arena_at(&arena, ref)[size - 1] = 1;

    bzd_arena_free(&arena, ref, size);
    cr_assert_eq(used(), 0);
}

/* What is freed is used again: alternating does not grow. */
Test(arena, reuses_blocks) {
    static const size_t sizes[] = {24, 1000, 20000, 100000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        bzd_ref ref = alloc(sizes[i]);
        uint64_t held_before = held();
        for (int round = 0; round < 100; round++) {
            bzd_arena_free(&arena, ref, sizes[i]);
            ref = alloc(sizes[i]);
        }
        cr_assert_eq(held(), held_before);
        bzd_arena_free(&arena, ref, sizes[i]);
    }
}

/* Empty regions go back to the system, but one. */
Test(arena, empty_regions_go) {
    enum { BLOCKS = 40000 };
    static bzd_ref refs[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        refs[i] = alloc(300);
    uint32_t regions = arena.region_count;

    for (size_t i = 0; i < BLOCKS; i++)
        bzd_arena_free(&arena, refs[i], 300);

    cr_assert_geq(regions, 6);
    cr_assert_eq(arena.region_count, 1);
    cr_assert_leq(held(), 4096 + 128 * 1024 + 4096);
    cr_assert(bzd_arena_is_valid(&arena));
}

/* Memory is lent beside blocks, aligned, uncounted but for the header of a region of its own, and comes back.
 */
Test(arena, lends_memory) {
    static const size_t lent_sizes[] = {BZD_LEND_MIN, 2 * BZD_LEND_MIN, BZD_LEND_MAX};
    struct block lent[COUNT_OF(lent_sizes)];
    struct block first = {.size = BZD_LEND_MIN};
    make_block(100, 1);
    uint64_t held_before = held();
    cr_assert_eq(bzd_arena_lend(&arena, first.size, &first.ref), BLITZDB_OK);
    size_t tables_size = 2 * 2 * sizeof(void *); /* for regions 2 and 3 */
    cr_assert_eq(held(), held_before + bzd_region_header_size(false, false) + tables_size);
    held_before = held();
    for (size_t i = 0; i < COUNT_OF(lent); i++) {
        cr_assert_eq(bzd_arena_lend(&arena, lent_sizes[i], &lent[i].ref), BLITZDB_OK);
        cr_assert_eq((uintptr_t)bzd_arena_at(&arena, lent[i].ref) % 4096, 0);
        lent[i] = fill_block(lent[i].ref, lent_sizes[i], (uint8_t)i);
    }
    cr_assert_eq(held(), held_before);
    cr_assert_eq(used(), 100);
    struct block block = make_block(200000, 9);
    cr_assert(bzd_arena_is_valid(&arena));

    for (size_t i = 0; i < COUNT_OF(lent); i++) {
        assert_block(&lent[i]);
        bzd_arena_take_back(&arena, lent[i].ref, lent[i].size);
    }
    bzd_arena_take_back(&arena, first.ref, first.size);
    free_block(&block);
    cr_assert(bzd_arena_is_valid(&arena));
}

/* What is lent is not touched, even where blocks were before: nobody would count it. */
Test(arena, lends_untouched_memory) {
    bzd_ref ref = alloc(60000);
    memset(bzd_arena_at(&arena, ref), 1, 60000);
    bzd_arena_free(&arena, ref, 60000);
    cr_assert_gt(arena.idle_bytes, 0);

    bzd_ref lent;
    cr_assert_eq(bzd_arena_lend(&arena, 64 * 1024, &lent), BLITZDB_OK);

    cr_assert_lt(held(), 4096);
    bzd_arena_take_back(&arena, lent, 64 * 1024);
    cr_assert(bzd_arena_is_valid(&arena));
}

/* A block that takes over pages of a longer one gives those back that it does not use. */
Test(arena, shorter_block_on_old_pages) {
    bzd_ref first = alloc(64 * 1024);
    bzd_arena_free(&arena, first, 64 * 1024);

    bzd_ref second = alloc(50 * 1024);

    cr_assert_eq(first, second);
    cr_assert_eq(held() - bzd_arena_block_size(50 * 1024), held() % 4096);
    cr_assert(bzd_arena_is_valid(&arena));
    bzd_arena_free(&arena, second, 50 * 1024);
}

/* A reset forgets blocks of all kinds, and the arena works as before. */
Test(arena, reset) {
    for (int round = 0; round < 3; round++) {
        for (size_t size = 10; size < 4 * MIB; size = size * 3 / 2)
            make_block(size, 1);

        bzd_arena_reset(&arena);

        cr_assert_eq(used(), 0);
        cr_assert_eq(held(), 0);
        cr_assert_eq(mem_env_live_memory(env), 0);
        cr_assert(bzd_arena_is_valid(&arena));
    }
}

/* Random sizes and order: no block is overwritten, and lists and counters agree all the time. */
Test(arena, random_use) {
    static struct block blocks[3000];
    uint64_t seed = rng_seed(NULL);
    fprintf(stderr, "arena random_use: BLITZDB_TEST_SEED=%llu\n", (unsigned long long)seed);
    struct rng rng = {seed};
    for (int step = 0; step < 60000; step++) {
        struct block *block = &blocks[rng_below(&rng, COUNT_OF(blocks))];
        if (block->size > 0) {
            free_block(block);
            block->size = 0;
        } else {
            size_t magnitude = rng_below(&rng, 100) == 0 ? 21 : rng_below(&rng, 14);
            *block = make_block(1 + rng_below(&rng, (uint64_t)2 << magnitude), (uint8_t)step);
        }
        if (step % 1000 == 0)
            cr_assert(bzd_arena_is_valid(&arena), "step %d", step);
    }
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        if (blocks[i].size > 0)
            free_block(&blocks[i]);
    cr_assert(bzd_arena_is_valid(&arena));
    cr_assert_eq(used(), 0);
}

/* -- Memory comes back ------------------------------------------------------------------------------- */

enum { ENTRIES = 200000 };

static bzd_ref refs[ENTRIES];
static size_t sizes[ENTRIES];

/** Replaces a block by one of another size, as a set does: the new one first. */
static void overwrite(size_t index, size_t size) {
    bzd_ref ref = alloc(size);
    if (sizes[index] > 0)
        bzd_arena_free(&arena, refs[index], sizes[index]);
    refs[index] = ref;
    sizes[index] = size;
}

/** Visits every index once, in order or scattered. */
static size_t order(size_t i, bool scattered) {
    return scattered ? i * 7919 % ENTRIES : i;
}

static void assert_slack(const char *what) {
    cr_assert_leq(held() * 10, used() * 13, "%s: %llu held for %llu used", what, (unsigned long long)held(),
                  (unsigned long long)used());
    cr_assert(bzd_arena_is_valid(&arena));
}

/** Fills with values of 100 bytes, overwrites all with 300, then with 60. */
static void churn(bool scattered) {
    static const size_t value_sizes[] = {100, 300, 60};
    for (size_t round = 0; round < COUNT_OF(value_sizes); round++) {
        for (size_t i = 0; i < ENTRIES; i++)
            overwrite(order(i, scattered), 3 + 16 + value_sizes[round]);
        assert_slack("after a round");
    }
}

Test(arena, shifting_sizes_in_order) {
    churn(false);
}

Test(arena, shifting_sizes_scattered) {
    churn(true);
}

/* Deleting what was written together gives nearly all of it back. */
Test(arena, most_deleted) {
    churn(false);

    for (size_t i = 0; i < ENTRIES; i++)
        if (i >= ENTRIES / 20)
            bzd_arena_free(&arena, refs[i], sizes[i]);

    assert_slack("after deleting 95 %");
}

/** Deletes all but every `kept`-th block, then moves what the arena names, as a sweep over the entries would.
 */
static void delete_and_move(size_t kept) {
    churn(true);
    for (size_t i = 0; i < ENTRIES; i++)
        if (i % kept != 0)
            bzd_arena_free(&arena, refs[i], sizes[i]);

    size_t moved = 0;
    for (size_t i = 0; i < ENTRIES; i += kept) {
        if (bzd_arena_should_move(&arena, refs[i], sizes[i])) {
            overwrite(i, sizes[i]);
            moved++;
        }
    }

    assert_slack("after deleting and moving");
    cr_assert_gt(moved, 0);
    for (size_t i = 0; i < ENTRIES; i += kept)
        cr_assert_not(bzd_arena_should_move(&arena, refs[i], sizes[i]), "nothing is left to do");
}

/* Deletions here and there leave something in every page; moving brings the rest together. */
Test(arena, most_deleted_here_and_there) {
    delete_and_move(20);
}

/* The same where half of everything stays. */
Test(arena, half_deleted_here_and_there) {
    delete_and_move(2);
}

/* The run that the next block comes from is never a reason to move: there is no better place. */
Test(arena, moves_nothing_without_need) {
    bzd_ref ref = alloc(80);
    cr_assert_gt(held(), used() + used() / 4);

    cr_assert_not(bzd_arena_should_move(&arena, ref, 80));
}

/* -- What is asked of the system ---------------------------------------------------------------------- */

static size_t maps;
static size_t huge_maps;
static size_t misaligned_maps;
static size_t discarded_bytes;

static void *counting_map(void *user, size_t size, size_t alignment, unsigned flags) {
    const blitzdb_env *system = blitzdb_env_default();
    bool is_header = size < 2 * MIB; /* of a region that is mapped for huge pages */
    maps += !is_header;
    huge_maps += (flags & BLITZDB_MAP_HUGE) != 0;
    misaligned_maps += alignment < (is_header ? 4096 : 2 * MIB);
    (void)user;
    return system->map(system->user, size, alignment, flags);
}

static void counting_discard(void *user, void *memory, size_t size) {
    const blitzdb_env *system = blitzdb_env_default();
    discarded_bytes += size;
    (void)user;
    system->discard(system->user, memory, size);
}

static void open_counting(void) {
    static blitzdb_env counting;
    counting = *blitzdb_env_default();
    counting.map = counting_map;
    counting.discard = counting_discard;
    cr_assert_eq(bzd_arena_init(&arena, &counting), BLITZDB_OK);
}

static void close_counting(void) {
    bzd_arena_deinit(&arena);
}

TestSuite(arena_system, .init = open_counting, .fini = close_counting);

/* Small arenas use small pages; from 16 regions on new ones ask for huge pages, which need aligned
 * regions. */
Test(arena_system, huge_pages_once_it_is_large) {
    while (maps < 16)
        alloc(30000);
    cr_assert_eq(huge_maps, 0);
    while (maps < 17)
        alloc(30000);

    cr_assert_eq(huge_maps, 1);
    cr_assert_eq(misaligned_maps, 0);
}

/* The pages a borrower used go back to the system at once: the arena does not count them. */
Test(arena_system, discards_what_was_lent) {
    bzd_ref lent;
    cr_assert_eq(bzd_arena_lend(&arena, BZD_LEND_MAX, &lent), BLITZDB_OK);

    bzd_arena_take_back(&arena, lent, BZD_LEND_MAX);

    cr_assert_eq(discarded_bytes, BZD_LEND_MAX);
}

/* Whatever leaves `held_bytes` while its region stays was really given back. */
Test(arena_system, discards_what_it_no_longer_counts) {
    static bzd_ref blocks[100];
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        blocks[i] = alloc(16384);
    uint64_t held_before = held();

    for (size_t i = 1; i < COUNT_OF(blocks); i++)
        bzd_arena_free(&arena, blocks[i], 16384);

    cr_assert_eq(arena.region_count, 1);
    cr_assert_lt(held(), held_before / 2);
    cr_assert_geq(discarded_bytes, held_before - held());
}

/* -- Refused memory ----------------------------------------------------------------------------------- */

/** Allocates a bit of everything; returns how many blocks there are, fewer if memory was refused. */
static size_t allocate_some(struct block *blocks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t size = i % 5 == 4 ? 700000 : (i % 7 + 1) * 9000;
        uint64_t used_before = used();
        uint64_t held_before = held();
        int64_t live_before = mem_env_live_memory(env);
        bzd_ref ref = 77;
        blitzdb_status status = bzd_arena_alloc(&arena, size, &ref);
        if (status != BLITZDB_OK) {
            cr_assert_eq(status, BLITZDB_NO_MEMORY);
            cr_assert_eq(ref, 77);
            cr_assert_eq(used(), used_before);
            cr_assert_eq(held(), held_before);
            cr_assert_eq(mem_env_live_memory(env), live_before);
            cr_assert(bzd_arena_is_valid(&arena));
            return i;
        }
        blocks[i] = fill_block(ref, size, (uint8_t)i);
    }
    return count;
}

/* Each call for memory is refused once: the status says so, nothing changes, and it works again afterwards.
 */
Test(arena, refused_memory) {
    struct block blocks[200];
    uint64_t nth = 1;
    size_t count = 0;
    for (; count < COUNT_OF(blocks); nth++) {
        struct mem_env_fault fault = {.call = MEM_CALL_ANY_MEMORY, .nth = nth};
        mem_env_fail(env, &fault);

        count = allocate_some(blocks, COUNT_OF(blocks));
        mem_env_disarm(env);

        for (size_t i = 0; i < count; i++)
            assert_block(&blocks[i]);
        bzd_ref ref = alloc(700000);
        bzd_arena_free(&arena, ref, 700000);
        bzd_arena_reset(&arena);
    }
    cr_assert_gt(nth, 10);
}
