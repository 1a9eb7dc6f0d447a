/* The table: finds what was put in, whatever was split, merged and moved since. */
#include "table_fixture.h"

TestSuite(table, .init = open_table, .fini = close_table);

/* -- Single calls ------------------------------------------------------------------------------------- */

static void visit_nothing(void *user, bzd_ref ref) {
    (void)user;
    (void)ref;
    cr_assert_fail("nothing is there to visit");
}

/* A new table holds no memory and answers every question. */
Test(table, begins_empty) {
    cr_assert_eq(find(1), 0);
    cr_assert_eq(bzd_table_scan(&table, 0, visit_nothing, NULL), 0);
    cr_assert_eq(bzd_table_scan(&table, 12345, visit_nothing, NULL), 0);
    struct bzd_probe probe;
    bzd_probe_begin(&probe, &table, 1);
    bzd_probe_entries(&probe, 1);
    const uint8_t *block;
    cr_assert_eq(bzd_probe_finish(&probe, 0, bzd_slice_of("k", 1), &block), 0);
    bzd_table_maintain(&table);

    cr_assert_eq(table.bytes, 0);
    cr_assert(bzd_table_is_valid(&table));
    cr_assert_eq(mem_env_live_memory(env), 0);
}

/* One key through its life. */
Test(table, one_key) {
    insert(4);
    cr_assert_eq(find(4), present[4]);
    cr_assert_eq(find(6), 0);

    replace(4, 50);
    cr_assert_eq(find(4), present[4]);
    cr_assert_eq(table.entry_count, 1);

    take_out(4);
    cr_assert_eq(find(4), 0);
    cr_assert_eq(table.entry_count, 0);
    cr_assert(bzd_table_is_valid(&table));
}

/* The same bytes in two keyspaces are two keys. */
Test(table, keyspaces_are_apart) {
    insert(8);
    cr_assert_eq(find(9), 0);

    insert(9);
    cr_assert_neq(find(8), find(9));

    take_out(8);
    cr_assert_eq(find(8), 0);
    cr_assert_eq(find(9), present[9]);
}

/* Equal tags and bits of the bucket: only the key decides. Keys that differ share one hash here. */
Test(table, equal_hashes) {
    for (uint32_t number = 0; number < 60; number += 2) {
        cr_assert_eq(bzd_table_reserve(&table, 1), BLITZDB_OK);
        present[number] = make_entry(number, 10);
        bzd_table_insert(&table, 42, present[number]);
    }
    for (uint32_t number = 0; number < 60; number += 2) {
        uint32_t bytes = number / 2;
        cr_assert_eq(bzd_table_find(&table, 42, 0, bzd_slice_of(&bytes, sizeof bytes)), present[number]);
        bzd_table_remove(&table, 42, present[number]);
        cr_assert_eq(bzd_table_find(&table, 42, 0, bzd_slice_of(&bytes, sizeof bytes)), 0);
    }
    cr_assert(bzd_table_is_valid(&table));
}

/* Every comparison of tags finds exactly the slots a loop finds; nothing behind the tags counts. */
Test(table, matches_tags) {
    static const uint8_t values[] = {0, 1, 0x80, 0x81};
    struct rng rng = {11};
    struct {
        _Alignas(64) struct bzd_bucket bucket;
        struct bzd_overflow node;
    } memory;
    for (int round = 0; round < 100000; round++) {
        /* Few values, so that there are many matches, and neighbours that differ in the lowest bit. */
        uint8_t *bytes = (uint8_t *)&memory;
        for (size_t i = 0; i < sizeof memory; i++)
            bytes[i] = values[rng_next(&rng) & 3];
        uint8_t tag = values[rng_next(&rng) & 3];
        unsigned in_bucket = 0;
        unsigned in_node = 0;
        for (unsigned i = 0; i < BZD_BUCKET_SLOTS; i++)
            in_bucket |= (unsigned)(memory.bucket.tags[i] == tag) << i;
        for (unsigned i = 0; i < BZD_OVERFLOW_SLOTS; i++)
            in_node |= (unsigned)(memory.node.tags[i] == tag) << i;

        cr_assert_eq(bzd_bucket_match(&memory.bucket, tag), in_bucket);
        cr_assert_eq(bzd_overflow_match(&memory.node, tag), in_node);
    }
}

/* Buckets stand on cache lines, in small and in mapped segments. */
Test(table, buckets_are_aligned) {
    fill(0, 20000);

    for (uint32_t index = 0; index < table.bucket_count; index++)
        cr_assert_eq((uintptr_t)bzd_bucket_at(&table, index) % 64, 0);
    cr_assert_gt(table.bucket_count, 2048);
}

/* -- Growing and shrinking ------------------------------------------------------------------------------ */

/* The load stays below 5.5 entries per bucket on the way up and above 3 on the way down. */
Test(table, grows_and_shrinks) {
    for (uint32_t number = 0; number < KEYS; number++) {
        fill(number, number + 1);
        cr_assert_leq(table.entry_count * 4, (uint64_t)table.bucket_count * 22 + 22);
    }
    assert_agrees_with_model(KEYS);
    uint64_t full_bytes = table.bytes;
    cr_assert_leq(full_bytes, (uint64_t)KEYS * 14);

    for (uint32_t number = 0; number < KEYS; number++) {
        drain(number, number + 1);
        cr_assert_geq(table.entry_count + 3, (uint64_t)(table.bucket_count - 1) * 3);
        if (number % 4096 == 0)
            assert_agrees_with_model(KEYS);
    }
    cr_assert_eq(table.bucket_count, 1);
    cr_assert_leq(table.bytes, full_bytes / 20);
    assert_agrees_with_model(KEYS);
}

/* Deleting most entries gives most of the memory back, overflow nodes included, although a few stay in use.
 */
Test(table, memory_comes_back) {
    for (uint32_t number = 0; number < KEYS; number++)
        insert(number); /* one bucket, and a node for every four entries */
    uint32_t nodes = table.overflow_count;
    while (table.entry_count * 4 > (uint64_t)table.bucket_count * 22)
        bzd_table_maintain(&table);
    cr_assert_geq(nodes, (KEYS - 9) / 4);

    drain(KEYS / 20, KEYS);

    assert_agrees_with_model(KEYS);
    cr_assert_leq(table.overflow_count, nodes / 20);
    cr_assert_leq(table.bytes, (uint64_t)KEYS / 20 * 40 + 16384);
}

static uint64_t discarded_bytes;

static void counting_discard(void *user, void *memory, size_t size) {
    discarded_bytes += size;
    mem_env_table(env)->discard(user, memory, size);
}

/* Pages that a shrinking table no longer counts go back to the system, also from segments that stay. */
Test(table, discards_what_it_no_longer_counts) {
    static blitzdb_env counting;
    counting = *mem_env_table(env);
    counting.discard = counting_discard;
    bzd_table_init(&table, &counting, &arena, &hash_key);
    fill(0, KEYS);
    uint32_t segments = table.buckets.segment_count;

    uint32_t end = KEYS;
    while (table.buckets.segment_count == segments && discarded_bytes == 0 && end > 0) {
        end--;
        drain(end, end + 1);
    }

    cr_assert_eq(table.buckets.segment_count, segments);
    cr_assert_eq(discarded_bytes, 4096);
}

/* Without maintenance groups become long; everything still works, and one call does little of what is due. */
Test(table, works_without_maintenance) {
    for (uint32_t number = 0; number < 2000; number++)
        insert(number);
    cr_assert_eq(table.bucket_count, 1);
    assert_agrees_with_model(2000);

    bzd_table_maintain(&table);
    cr_assert_leq(table.bucket_count, 3);
    assert_agrees_with_model(2000);

    for (uint32_t number = 0; number < 2000; number += 3)
        take_out(number);
    assert_agrees_with_model(2000);
}

/** One random change or question on a key. */
static void random_step(struct rng *rng, uint32_t keys, unsigned insert_percent) {
    uint32_t number = (uint32_t)rng_below(rng, keys);
    cr_assert_eq(find(number), present[number]);
    if (present[number] == 0) {
        if (rng_below(rng, 100) < insert_percent)
            insert(number);
    } else if (rng_below(rng, 100) < 20) {
        replace(number, rng_below(rng, 64));
    } else if (rng_below(rng, 100) >= insert_percent) {
        take_out(number);
    }
    if (rng_below(rng, 4) != 0)
        bzd_table_maintain(&table);
    if (present[number] != 0 && rng_below(rng, 2) == 0)
        bzd_table_touch(&table, hash_of(number), present[number]);
}

/* Random changes against the model, in tables that grow, stay and shrink. */
Test(table, random_use) {
    uint64_t seed = rng_seed(NULL);
    fprintf(stderr, "table random_use: BLITZDB_TEST_SEED=%llu\n", (unsigned long long)seed);
    struct rng rng = {seed};
    for (int phase = 0; phase < 12; phase++) {
        uint32_t keys = 1 + (uint32_t)rng_below(&rng, phase % 3 == 0 ? 60 : 6000);
        unsigned insert_percent = (unsigned)rng_below(&rng, 101);
        for (int step = 0; step < 10000; step++) {
            random_step(&rng, keys, insert_percent);
            if (step % 100 == 0)
                cr_assert(bzd_table_is_valid(&table), "phase %d step %d", phase, step);
        }
        assert_agrees_with_model(6000);
    }
}

/* -- Recently used -------------------------------------------------------------------------------------- */

/** What the clock reported. */
struct clock_count {
    uint64_t entries;
    uint64_t used;
    bool wrong;
};

/** Keys divisible by three are the ones that were touched. */
static unsigned count_clock(void *user, bzd_ref ref, unsigned marks) {
    struct clock_count *count = user;
    bool is_used = (marks & BZD_MARK_USED) != 0;
    count->entries++;
    count->used += is_used;
    if (is_used != (number_of(ref) % 3 == 0))
        count->wrong = true;
    return 0;
}

static struct clock_count run_clock(void) {
    struct clock_count count = {0, 0, false};
    for (uint32_t index = 0; index < table.bucket_count; index++)
        bzd_table_clock(&table, count_clock, &count);
    return count;
}

static void touch_thirds(uint32_t keys) {
    for (uint32_t number = 0; number < keys; number += 3)
        if (present[number] != 0)
            bzd_table_touch(&table, hash_of(number), present[number]);
}

/* The bit is set by a touch, read and cleared by the clock, and clear in a new entry. */
Test(table, clock_reports_and_clears) {
    fill(0, 3000);
    touch_thirds(3000);
    touch_thirds(3000);

    struct clock_count first = run_clock();
    struct clock_count second = run_clock();

    cr_assert_eq(first.entries, 3000);
    cr_assert_eq(first.used, 1000);
    cr_assert_not(first.wrong);
    cr_assert_eq(second.entries, 3000);
    cr_assert_eq(second.used, 0);
}

/* The bit goes with its entry through long groups, splits, removals beside it, replacement and merges. */
Test(table, clock_bits_move_with_entries) {
    for (uint32_t number = 0; number < 3000; number++)
        insert(number);
    touch_thirds(3000);
    for (int i = 0; i < 2000; i++)
        bzd_table_maintain(&table);
    for (uint32_t number = 0; number < 3000; number += 7)
        replace(number, 20);
    drain(600, 3000);

    struct clock_count count = run_clock();

    cr_assert_eq(count.entries, 600);
    cr_assert_eq(count.used, 200);
    cr_assert_not(count.wrong);
    cr_assert(bzd_table_is_valid(&table));
}

/** Keys divisible by five get the mark of the hand. */
static unsigned prove_fifths(void *user, bzd_ref ref, unsigned marks) {
    (void)user;
    return number_of(ref) % 5 == 0 ? BZD_MARK_PROVEN : marks;
}

/** Counts the entries with the mark of the hand, and leaves all marks as they are. */
static unsigned count_proven(void *user, bzd_ref ref, unsigned marks) {
    struct clock_count *count = user;
    count->entries++;
    if ((marks & BZD_MARK_PROVEN) != 0) {
        count->used++;
        count->wrong |= number_of(ref) % 5 != 0;
    }
    count->wrong |= (marks & BZD_MARK_USED) != 0;
    return marks;
}

/* The mark of the hand goes with its entry as well, but for the few that come into a slot without room for
 * it. */
Test(table, proven_marks_move_with_entries) {
    fill(0, 1500);
    for (uint32_t i = 0; i < table.bucket_count; i++)
        bzd_table_clock(&table, prove_fifths, NULL);
    fill(1500, 4500);
    for (uint32_t number = 0; number < 4500; number += 7)
        replace(number, 20);
    drain(1500, 4500);
    table.hand_bucket = 0;

    struct clock_count count = {0, 0, false};
    for (uint32_t i = 0; i < table.bucket_count; i++)
        bzd_table_clock(&table, count_proven, &count);

    cr_assert_eq(count.entries, 1500);
    cr_assert_not(count.wrong);
    cr_assert(count.used >= 240 && count.used <= 300, "%u of 300", (unsigned)count.used);
    cr_assert(bzd_table_is_valid(&table));
}

/** Stops at the entry after the seventh. */
static unsigned seven(void *user, bzd_ref ref, unsigned marks) {
    struct clock_count *count = user;
    (void)ref;
    if (count->entries % 8 == 7) {
        count->used++;
        count->entries++;
        return BZD_CLOCK_STOP;
    }
    count->entries++;
    return marks;
}

/* The hand goes on at the entry before which it stopped, in long groups too. */
Test(table, clock_stops_and_goes_on) {
    for (uint32_t number = 0; number < 300; number++)
        insert(number);
    struct clock_count count = {0, 0, false};
    while (table.hand_bucket < table.bucket_count)
        bzd_table_clock(&table, seven, &count);
    cr_assert_eq(count.entries - count.used, 300);
    cr_assert_gt(count.used, 40);
}

/* -- Refused memory ---------------------------------------------------------------------------------------
 */

static void refuse_memory(uint64_t nth, bool for_good) {
    struct mem_env_fault fault = {.call = MEM_CALL_ANY_MEMORY, .nth = nth, .for_good = for_good};
    mem_env_fail(env, &fault);
}

/** Inserts with every call for memory of the table refused from the n-th on, until a reservation fails. */
static uint32_t insert_until_refused(uint64_t nth, uint32_t keys) {
    uint32_t number = 0;
    for (; number < keys; number++) {
        bzd_ref ref = make_entry(number, 10);
        refuse_memory(nth, true);
        uint64_t bytes = table.bytes;
        int64_t live = mem_env_live_memory(env);
        blitzdb_status status = bzd_table_reserve(&table, 1 + number % 50);
        if (status != BLITZDB_OK) {
            mem_env_disarm(env);
            cr_assert_eq(status, BLITZDB_NO_MEMORY);
            cr_assert_eq(table.bytes, bytes);
            cr_assert_eq(mem_env_live_memory(env), live);
            free_entry(ref);
            return number;
        }
        bzd_table_insert(&table, hash_of(number), ref);
        present[number] = ref;
        bzd_table_maintain(&table);
        mem_env_disarm(env);
    }
    return number;
}

/* Whatever is refused, and whenever: the table stays whole, and a refused reservation changes nothing. */
Test(table, refused_memory) {
    for (uint64_t nth = 1; nth <= 10; nth++) {
        memset(present, 0, sizeof present);
        uint32_t inserted = insert_until_refused(nth, 6000);
        assert_agrees_with_model(6000);
        cr_assert(nth > 1 || inserted == 0);

        fill(inserted, 6000);
        assert_agrees_with_model(6000);
        drain(0, 6000);
        bzd_table_deinit(&table);
    }
}

/* What was reserved can be inserted without another call for memory. */
Test(table, reservation_is_enough) {
    for (uint32_t begin = 0; begin < 3000; begin += 300) {
        for (uint32_t number = begin; number < begin + 300; number++)
            present[number] = make_entry(number, 10);
        cr_assert_eq(bzd_table_reserve(&table, 300), BLITZDB_OK);
        refuse_memory(1, true);
        for (uint32_t number = begin; number < begin + 300; number++)
            bzd_table_insert(&table, hash_of(number), present[number]);
        cr_assert_eq(mem_env_faults(env), 0);
        mem_env_disarm(env);
        bzd_table_maintain(&table);
    }
    assert_agrees_with_model(3000);
}

/* Maintenance without memory leaves the table fuller, and catches up later. */
Test(table, maintenance_without_memory) {
    for (uint32_t number = 0; number < 1000; number++)
        insert(number);
    refuse_memory(1, true);
    for (int i = 0; i < 1000; i++)
        bzd_table_maintain(&table);
    cr_assert_gt(mem_env_faults(env), 0);
    assert_agrees_with_model(1000);

    mem_env_disarm(env);
    for (int i = 0; i < 1000; i++)
        bzd_table_maintain(&table);
    cr_assert_leq(table.entry_count * 4, (uint64_t)table.bucket_count * 22);
    assert_agrees_with_model(1000);
}

/** Inserts a key under a hash of the test's choice. */
static void insert_at(uint32_t number, uint64_t hash) {
    cr_assert_eq(bzd_table_reserve(&table, 1), BLITZDB_OK);
    present[number] = make_entry(number, 10);
    bzd_table_insert(&table, hash, present[number]);
}

/* A merge may need nodes for what two full buckets hold; without memory for them it does not take place. */
Test(table, merging_needs_nodes) {
    fill(0, 350);
    uint32_t buckets = table.bucket_count;
    cr_assert_eq(buckets, 64);
    for (uint32_t number = 0; number < 350; number++)
        take_out(number);
    /* Nine entries in the last bucket and nine in its neighbour; another group takes all nodes there are. */
    for (uint32_t number = 0; number < 9; number++) {
        insert_at(number * 2, 63);
        insert_at(number * 2 + 100, 31);
    }
    uint32_t others = 200;
    while (table.overflow_count - table.overflow_free_count + 1 < bzd_places_capacity(&table.overflow))
        insert_at(others += 2, 0);
    cr_assert_lt(table.entry_count, UINT64_C(3) * buckets);

    refuse_memory(1, true);
    bzd_table_maintain(&table);
    cr_assert_eq(table.bucket_count, buckets);
    mem_env_disarm(env);
    bzd_table_maintain(&table);
    cr_assert_lt(table.bucket_count, buckets);

    for (uint32_t number = 0; number < 9; number++) {
        uint32_t bytes = number;
        cr_assert_eq(bzd_table_find(&table, 63, 0, bzd_slice_of(&bytes, sizeof bytes)), present[number * 2]);
    }
}

/* A large reservation takes several pieces of memory; if one of them is refused, none is kept. */
Test(table, reservation_refused_half_way) {
    blitzdb_status status = BLITZDB_NO_MEMORY;
    for (uint64_t nth = 1; status != BLITZDB_OK; nth++) {
        refuse_memory(nth, true);
        status = bzd_table_reserve(&table, 3000);
        mem_env_disarm(env);
        cr_assert(status == BLITZDB_OK || table.bytes == 0, "call %llu", (unsigned long long)nth);
        cr_assert(status == BLITZDB_OK || table.overflow.segment_count + table.buckets.segment_count == 0);
        cr_assert(bzd_table_is_valid(&table) && bzd_arena_is_valid(&arena));
        cr_assert_lt(nth, 100);
    }
    cr_assert_geq(bzd_places_capacity(&table.overflow), 3000);
}

/* What was reserved and not used goes back bit by bit. */
Test(table, unused_reservation_goes_back) {
    cr_assert_eq(bzd_table_reserve(&table, 5000), BLITZDB_OK);

    for (int i = 0; i < 100; i++)
        bzd_table_maintain(&table);

    cr_assert_leq(table.overflow.segment_count, 2);
    cr_assert_leq(table.bytes, 1024);
}

/* A reservation larger than the table can ever be is refused, not miscounted. */
Test(table, absurd_reservation) {
    cr_assert_eq(bzd_table_reserve(&table, SIZE_MAX), BLITZDB_NO_MEMORY);
    cr_assert_eq(table.bytes, 0);
    cr_assert_leq(arena.region_count, 1);
    cr_assert(bzd_arena_is_valid(&arena));
}
