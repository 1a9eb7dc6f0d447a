/** Memory that should come back: values that change their size, and keys that go. */
#include "bench_events.h"

#include <stdlib.h>

enum { OPERATIONS_PER_LOOK = 64, SETTLE_LIMIT_S = 10 };

static double part_of(uint64_t bytes, uint64_t live) {
    return (double)bytes / (double)live;
}

static uint64_t gained(uint64_t resident_before) {
    uint64_t now = resident_now();
    return now > resident_before ? now - resident_before : 0;
}

static void print_pump(struct bench *bench, const struct pump *pump) {
    report(bench, "calls of blitzdb_pump", (double)pump->calls, "", no_goal());
    report(bench, "the longest of them", to_us(pump->longest_ns), "us", no_goal());
    report(bench, "all of them", to_s(pump->total_ns), "s", no_goal());
}

/** Sets every key to a value of another size and lets the database put itself in order. */
static void overwrite(struct bench *bench, struct pump *pump, const uint32_t *order, size_t value_size,
                      uint64_t resident_before) {
    for (uint64_t i = 0; i < bench->items; i++) {
        set_item(pump->db, 0, order[i], value_size);
        if (i % OPERATIONS_PER_LOOK == 0)
            pump_if_due(pump);
    }
    uint64_t live = bench->items * (KEY_SIZE + value_size);
    heading("Every value %zu bytes, %.1f MiB of keys and values", value_size, to_mib(live));
    report(bench, "resident / live at once", part_of(gained(resident_before), live), "", no_goal());
    double settled_s = pump_until_settled(pump, SETTLE_LIMIT_S);
    report(bench, "resident / live after pumping", part_of(gained(resident_before), live), "", at_most(1.3));
    report(bench, "accounted / live after pumping", part_of(stats_of(pump->db).memory_bytes, live), "",
           no_goal());
    report(bench, "resident in huge pages", to_mib(memory_now().huge), "MiB", no_goal());
    report(bench, "settled after", settled_s, "s", at_most(SETTLE_LIMIT_S));
}

void run_churn(struct bench *bench) {
    uint32_t *orders[] = {shuffled(bench->items, 1), shuffled(bench->items, 2), shuffled(bench->items, 3)};
    uint64_t resident_before = resident_now();
    struct pump pump = {.db = open_memory(BLITZDB_BACKGROUND_CALLER)};
    overwrite(bench, &pump, orders[0], 100, resident_before);
    overwrite(bench, &pump, orders[1], 300, resident_before);
    overwrite(bench, &pump, orders[2], 60, resident_before);
    heading("Upkeep");
    print_pump(bench, &pump);
    blitzdb_close(pump.db);
    for (unsigned i = 0; i < 3; i++)
        free(orders[i]);
}

/** What is held at one moment. */
struct holding {
    uint64_t table, arena, resident, live;
};

static struct holding holding_of(blitzdb *db, uint64_t resident_before) {
    blitzdb_stats_info stats = stats_of(db);
    return (struct holding){stats.table_bytes, stats.arena_bytes, gained(resident_before),
                            stats.keys * (KEY_SIZE + VALUE_SIZE)};
}

static void print_holding(struct bench *bench, const char *when, struct holding now) {
    heading("%s, %.1f MiB of keys and values", when, to_mib(now.live));
    report(bench, "table", to_mib(now.table), "MiB", no_goal());
    report(bench, "held for entries", to_mib(now.arena), "MiB", no_goal());
    report(bench, "resident", to_mib(now.resident), "MiB", no_goal());
    report(bench, "resident / live", part_of(now.resident, now.live), "", no_goal());
}

void run_shrink(struct bench *bench) {
    uint32_t *order = shuffled(bench->items, 1);
    uint64_t resident_before = resident_now();
    struct pump pump = {.db = open_memory(BLITZDB_BACKGROUND_CALLER)};
    for (uint64_t i = 0; i < bench->items; i++)
        set_item(pump.db, 0, i, VALUE_SIZE);
    struct holding full = holding_of(pump.db, resident_before);
    print_holding(bench, "Full", full);

    uint64_t doomed = bench->items / 100 * 95;
    for (uint64_t i = 0; i < doomed; i++) {
        unsigned char key[KEY_SIZE];
        make_key(key, 0, order[i]);
        must(blitzdb_del(pump.db, key, KEY_SIZE), "blitzdb_del");
        if (i % OPERATIONS_PER_LOOK == 0)
            pump_if_due(&pump);
    }
    print_holding(bench, "95 % deleted, at once", holding_of(pump.db, resident_before));
    double settled_s = pump_until_settled(&pump, 3 * SETTLE_LIMIT_S);
    struct holding after = holding_of(pump.db, resident_before);
    print_holding(bench, "95 % deleted, after pumping", after);
    report(bench, "settled after", settled_s, "s", at_most(SETTLE_LIMIT_S));
    heading("Of what there was, where 5 %% of the keys remain");
    report(bench, "table", part_of(after.table, full.table) * 100, "%", no_goal());
    report(bench, "held for entries", part_of(after.arena, full.arena) * 100, "%", no_goal());
    report(bench, "resident", part_of(after.resident, full.resident) * 100, "%", no_goal());
    heading("Upkeep");
    print_pump(bench, &pump);
    blitzdb_close(pump.db);
    free(order);
}
