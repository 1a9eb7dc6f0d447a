/** Small databases: what an empty one costs, and many with a hundred keys each. */
#include "bench_events.h"

#include <stdlib.h>

enum { OPENS = 100, KEYS = 100 };

static void measure_empty(struct bench *bench) {
    uint64_t before = memory_now().resident;
    blitzdb *db = open_memory(BLITZDB_BACKGROUND_CALLER);
    uint64_t added = memory_now().resident - before;
    uint64_t accounted = stats_of(db).memory_bytes;
    blitzdb_close(db);

    struct histogram opens = {0};
    for (unsigned i = 0; i < OPENS; i++) {
        uint64_t start = wall_ns();
        db = open_memory(BLITZDB_BACKGROUND_CALLER);
        histogram_add(&opens, wall_ns() - start);
        blitzdb_close(db);
    }
    heading("An empty database, the first of its process");
    report(bench, "resident memory added", to_mib(added), "MiB", at_most(1));
    report(bench, "of it accounted", to_mib(accounted), "MiB", no_goal());
    report(bench, "blitzdb_open, median of 100", to_us(histogram_percentile(&opens, 0.5)), "us",
           at_most(1000));
    report(bench, "blitzdb_open, longest", to_us(opens.longest_ns), "us", no_goal());
}

static void measure_many(struct bench *bench) {
    blitzdb **databases = calloc(bench->items, sizeof(blitzdb *));
    if (databases == NULL)
        give_up("no memory for the list of databases");
    uint64_t before = memory_now().resident;
    uint64_t accounted = 0;
    for (uint64_t i = 0; i < bench->items; i++) {
        databases[i] = open_memory(BLITZDB_BACKGROUND_CALLER);
        for (uint64_t item = 0; item < KEYS; item++)
            set_item(databases[i], 0, item, VALUE_SIZE);
        accounted += stats_of(databases[i]).memory_bytes;
    }
    double added = (double)(memory_now().resident - before);
    double count = (double)bench->items;
    heading("%.0f databases of %d keys of 16 + 64 bytes", count, KEYS);
    report(bench, "resident memory of each", added / 1024 / count, "KiB", at_most(300));
    report(bench, "of it accounted", (double)accounted / 1024 / count, "KiB", no_goal());
    for (uint64_t i = 0; i < bench->items; i++)
        blitzdb_close(databases[i]);
    free(databases);
}

void run_tiny(struct bench *bench) {
    run_in_child(bench, measure_empty);
    run_in_child(bench, measure_many);
}
