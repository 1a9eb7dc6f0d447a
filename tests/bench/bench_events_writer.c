/**
 * @file
 * @brief Writers are not starved: one thread sets a key that others read all the time.
 *
 * With more threads than processors a writer waits for its turn on a processor whatever it does. So each
 * crowd of readers is there twice: on the writer's key, and on other keys, where no lock is in the way.
 */
#include "bench_events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { READERS_MAX = 16, ROUND_MS = 1000, HOT_ITEM = 0 };

struct crowd {
    blitzdb *db;
    uint64_t items;
    bool same_key;
    atomic_bool stop;
};

struct reader {
    struct crowd *crowd;
    pthread_t thread;
    uint64_t gets;
};

static void *read_all_the_time(void *argument) {
    struct reader *reader = argument;
    struct crowd *crowd = reader->crowd;
    uint64_t random = wall_ns(), gets = 0;
    for (; !atomic_load_explicit(&crowd->stop, memory_order_relaxed); gets++) {
        unsigned char key[KEY_SIZE], value[VALUE_SIZE];
        make_key(key, 0, crowd->same_key ? HOT_ITEM : 1 + random_next(&random) % (crowd->items - 1));
        must(blitzdb_get(crowd->db, key, KEY_SIZE, value, VALUE_SIZE, NULL), "blitzdb_get");
    }
    reader->gets = gets;
    return NULL;
}

/** The writer is this thread. */
static void write_all_the_time(struct crowd *crowd, struct histogram *waits) {
    uint64_t end = wall_ns() + (uint64_t)ROUND_MS * 1000000;
    for (uint64_t start = wall_ns(), now; start < end; start = now) {
        set_item(crowd->db, 0, HOT_ITEM, VALUE_SIZE);
        now = wall_ns();
        histogram_add(waits, now - start);
    }
}

static void measure(struct bench *bench, struct crowd *crowd, unsigned readers) {
    struct reader threads[READERS_MAX];
    struct histogram waits = {0};
    atomic_store(&crowd->stop, false);
    for (unsigned i = 0; i < readers; i++) {
        threads[i] = (struct reader){.crowd = crowd};
        if (pthread_create(&threads[i].thread, NULL, read_all_the_time, &threads[i]) != 0)
            give_up("cannot start a reader");
    }
    write_all_the_time(crowd, &waits);
    atomic_store(&crowd->stop, true);
    uint64_t gets = 0;
    for (unsigned i = 0; i < readers; i++) {
        pthread_join(threads[i].thread, NULL);
        gets += threads[i].gets;
    }

    char figure[96];
    const char *what = crowd->same_key ? "its key" : "other keys";
    snprintf(figure, sizeof figure, "%u readers of %s: longest wait of the writer", readers, what);
    report(bench, figure, to_us(waits.longest_ns), "us", no_goal());
    snprintf(figure, sizeof figure, "%u readers of %s: p99.9", readers, what);
    report(bench, figure, to_us(histogram_percentile(&waits, 0.999)), "us", no_goal());
    snprintf(figure, sizeof figure, "%u readers of %s: million SETs per second", readers, what);
    report(bench, figure, (double)waits.count / ROUND_MS / 1000, "M/s", no_goal());
    snprintf(figure, sizeof figure, "%u readers of %s: their million GETs per second", readers, what);
    report(bench, figure, (double)gets / ROUND_MS / 1000, "M/s", no_goal());
}

void run_writer(struct bench *bench) {
    struct crowd crowd = {.db = open_memory(BLITZDB_BACKGROUND_CALLER), .items = bench->items};
    atomic_init(&crowd.stop, false);
    for (uint64_t i = 0; i < bench->items; i++)
        set_item(crowd.db, 0, i, VALUE_SIZE);
    for (unsigned readers = 1; readers <= READERS_MAX; readers *= 2) {
        crowd.same_key = true;
        measure(bench, &crowd, readers);
        crowd.same_key = false;
        measure(bench, &crowd, readers);
    }
    blitzdb_close(crowd.db);
}
