/* The scan of a table: misses nothing that is there throughout, whatever splits and merges meanwhile. */
#include "table_fixture.h"

TestSuite(table_scan, .init = open_table, .fini = close_table);

static unsigned visits[KEYS];

static void count_visit(void *user, bzd_ref ref) {
    (void)user;
    visits[number_of(ref)]++;
}

/* A table at rest: every bucket in one call, every entry once, at every number of buckets. */
Test(table_scan, visits_each_entry_once) {
    for (uint32_t keys = 0; keys < 1500; keys++) {
        memset(visits, 0, sizeof visits);
        fill(keys, keys + 1);
        uint32_t calls = 0;
        uint64_t cursor = 0;
        do {
            cursor = bzd_table_scan(&table, cursor, count_visit, NULL);
            cr_assert_lt(cursor, UINT64_C(1) << 32);
            calls++;
        } while (cursor != 0);

        cr_assert_eq(calls, table.bucket_count);
        for (uint32_t number = 0; number <= keys; number++)
            cr_assert_eq(visits[number], 1);
    }
}

/**
 * Scans while `change` is called between any two steps; keys below `kept` are there throughout and must be
 * seen.
 */
static void scan_during(uint32_t kept, void (*change)(void *user), void *user) {
    memset(visits, 0, sizeof visits);
    uint64_t cursor = 0;
    do {
        cursor = bzd_table_scan(&table, cursor, count_visit, NULL);
        change(user);
    } while (cursor != 0);
    for (uint32_t number = 0; number < kept; number++)
        cr_assert_geq(visits[number], 1, "key %u was missed", number);
}

/** Keys from `begin` to `end` are there now; the rest of the range may come and go. */
struct range {
    uint32_t begin, end;
    uint32_t step;
    struct rng rng;
};

static void grow(void *user) {
    struct range *range = user;
    uint32_t end = range->end + range->step;
    if (end <= KEYS) {
        fill(range->end, end);
        range->end = end;
    }
}

static void shrink(void *user) {
    struct range *range = user;
    uint32_t left = range->end - range->begin;
    uint32_t count = left < range->step ? left : range->step;
    drain(range->end - count, range->end);
    range->end -= count;
}

static void grow_or_shrink(void *user) {
    struct range *range = user;
    range->step = (uint32_t)rng_below(&range->rng, 200);
    /* Long phases in one direction, so that the number of buckets passes powers of two. */
    if (rng_below(&range->rng, 40) == 0)
        range->rng.state ^= UINT64_C(1) << 63;
    if (range->rng.state >> 63 != 0)
        grow(range);
    else
        shrink(range);
}

/* The table grows to many times its size during the scan. */
Test(table_scan, misses_nothing_while_growing) {
    for (uint32_t step = 1; step < 200; step += 40) {
        struct range range = {500, 500, step, {0}};
        fill(0, 500);
        scan_during(500, grow, &range);
        cr_assert_gt(range.end, 501);
        drain(0, range.end);
    }
}

/* The table shrinks to a fraction during the scan. */
Test(table_scan, misses_nothing_while_shrinking) {
    for (uint32_t step = 1; step < 200; step += 40) {
        struct range range = {500, 20000, step, {0}};
        fill(0, 20000);
        scan_during(500, shrink, &range);
        cr_assert_lt(range.end, 20000);
        drain(0, range.end);
    }
}

/* Growth and shrinking take turns at random, across several powers of two. */
Test(table_scan, misses_nothing_while_anything_happens) {
    uint64_t seed = rng_seed(NULL);
    fprintf(stderr, "scan: BLITZDB_TEST_SEED=%llu\n", (unsigned long long)seed);
    struct range range = {300, 300, 0, {seed}};
    fill(0, 300);
    for (int round = 0; round < 30; round++)
        scan_during(300, grow_or_shrink, &range);
    cr_assert(bzd_table_is_valid(&table));
}

/** One random history: some keys are there throughout, the others come and go between the steps of two scans.
 */
enum { HISTORIES = 4000, CHANGES_MAX = 60 };

struct history {
    struct rng rng;
    uint32_t keys;
    uint32_t grow_chance; /**< of 16 */
    bool kept[1024];
};

/** Changes some keys; the table is maintained now and then only, so that splits and merges come in bursts. */
static void change_some(struct history *history) {
    if (rng_below(&history->rng, 8) == 0)
        history->grow_chance = (uint32_t)rng_below(&history->rng, 17);
    for (uint64_t left = rng_below(&history->rng, CHANGES_MAX); left > 0; left--) {
        uint32_t number = (uint32_t)rng_below(&history->rng, history->keys);
        bool sets = rng_below(&history->rng, 16) < history->grow_chance;
        if (sets && present[number] == 0)
            insert(number);
        else if (present[number] != 0 && (sets || history->kept[number]))
            replace(number, rng_below(&history->rng, 40));
        else if (present[number] != 0)
            take_out(number);
        if (rng_below(&history->rng, 4) != 0)
            bzd_table_maintain(&table);
    }
}

static void mark_visit(void *user, bzd_ref ref) {
    bool *seen = user;
    seen[number_of(ref)] = true;
}

/** Two scans run through the same history; the second begins somewhere on the way of the first. */
static void run_history(uint64_t seed) {
    struct history history = {.rng = {seed}, .grow_chance = 8};
    bool seen[2][1024] = {{false}};
    uint64_t cursors[2] = {0, 0};
    bool is_over[2] = {false, false};
    history.keys = 1u << (3 + rng_below(&history.rng, 8));
    uint64_t kept_in = 1 + rng_below(&history.rng, 20);
    for (uint32_t number = 0; number < history.keys; number++) {
        history.kept[number] = rng_below(&history.rng, kept_in) == 0;
        if (history.kept[number] || rng_below(&history.rng, 4) == 0)
            insert(number);
        bzd_table_maintain(&table);
    }
    while (!is_over[0] || !is_over[1]) {
        unsigned which = is_over[0] || (!is_over[1] && rng_below(&history.rng, 2) == 0);
        cursors[which] = bzd_table_scan(&table, cursors[which], mark_visit, seen[which]);
        is_over[which] = cursors[which] == 0;
        change_some(&history);
    }
    for (uint32_t number = 0; number < history.keys; number++) {
        bool is_missed = history.kept[number] && (!seen[0][number] || !seen[1][number]);
        cr_assert_not(is_missed, "seed %llu: key %u was missed", (unsigned long long)seed, number);
        if (present[number] != 0)
            take_out(number);
        bzd_table_maintain(&table);
    }
}

/* Thousands of short histories: tables of every size up to a hundred buckets, with splits and merges at every
 * step of the scans. */
Test(table_scan, misses_nothing_in_any_history) {
    uint64_t first = rng_seed(NULL);
    fprintf(stderr, "scan histories: BLITZDB_TEST_SEED=%llu\n", (unsigned long long)first);
    for (uint64_t i = 0; i < HISTORIES; i++)
        run_history(first + i);
    cr_assert(bzd_table_is_valid(&table));
}

/* Any number is a cursor: it goes on from there to the end. */
Test(table_scan, takes_any_cursor) {
    struct rng rng = {5};
    fill(0, 3000);
    for (int round = 0; round < 3000; round++) {
        uint64_t cursor = rng_next(&rng) >> rng_below(&rng, 64);
        uint32_t calls = 0;
        do {
            cursor = bzd_table_scan(&table, cursor, count_visit, NULL);
            cr_assert_leq(++calls, table.bucket_count);
        } while (cursor != 0);
    }
}

/* Plain visits of all buckets see every entry once as well. */
Test(table_scan, visits_buckets_by_index) {
    memset(visits, 0, sizeof visits);
    fill(0, 5000);
    for (uint32_t index = 0; index < table.bucket_count; index++)
        bzd_table_visit_bucket(&table, index, count_visit, NULL);
    for (uint32_t number = 0; number < 5000; number++)
        cr_assert_eq(visits[number], 1);
}
