/** Mass expiry: one reader of keys that stay, while millions of others reach the same deadline. */
#include "bench_events.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    STAYING_KEYS = 100000,
    SLOT_MS = 100,
    SLOTS = 1200,
    SLOW_NS = 1000000,
    LIMIT_S = 30,      /**< memory that is not back by then never comes */
    WINDOW_MS = 10000, /**< of GETs before and after the deadline, at most */
};

/** The GETs of a tenth of a second. */
struct slot {
    uint64_t gets, longest_ns, slow;
    uint64_t slow_after_wait; /**< of the slow ones, those in which the thread gave up the processor itself */
    uint64_t longest_wait_ns; /**< the longest of these */
};

struct reader {
    blitzdb *db;
    atomic_bool stop;
    uint64_t start_ns;
    struct slot slots[SLOTS];
};

struct upkeep {
    struct pump pump;
    atomic_bool stop;
};

/** When each of the figures was back after the deadline, in seconds; NAN: never. */
struct recovery {
    double keys_s, stats_s, resident_s;
    blitzdb_stats_info end;
    uint64_t resident_end;
};

struct state {
    blitzdb_stats_info stats;
    uint64_t resident;
};

/** A thread that never waits for anything but locks: what it waited for itself was a lock. */
static long voluntary_waits(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void count_slow(struct slot *slot, uint64_t took, bool has_waited) {
    if (took <= SLOW_NS)
        return;
    slot->slow++;
    slot->slow_after_wait += has_waited;
    if (has_waited && took > slot->longest_wait_ns)
        slot->longest_wait_ns = took;
}

static void *read_staying_keys(void *argument) {
    enum { WAITS_READ_EVERY = 256 };
    struct reader *reader = argument;
    uint64_t random = 1;
    long waits = voluntary_waits();
    for (uint64_t i = 1; !atomic_load_explicit(&reader->stop, memory_order_relaxed); i++) {
        unsigned char key[KEY_SIZE], value[VALUE_SIZE];
        make_key(key, 0, random_next(&random) % STAYING_KEYS);
        uint64_t start = wall_ns();
        blitzdb_status status = blitzdb_get(reader->db, key, KEY_SIZE, value, VALUE_SIZE, NULL);
        uint64_t took = wall_ns() - start;
        must(status, "blitzdb_get of a key that stays");
        uint64_t index = (start - reader->start_ns) / 1000000 / SLOT_MS;
        struct slot *slot = &reader->slots[index < SLOTS ? index : SLOTS - 1];
        slot->gets++;
        if (took > slot->longest_ns)
            slot->longest_ns = took;
        if (took > SLOW_NS || i % WAITS_READ_EVERY == 0) {
            long waits_now = voluntary_waits();
            count_slow(slot, took, waits_now != waits);
            waits = waits_now;
        }
    }
    return NULL;
}

static void *keep_up(void *argument) {
    struct upkeep *upkeep = argument;
    while (!atomic_load(&upkeep->stop)) {
        pump_if_due(&upkeep->pump);
        pass_time(pump_wait_ms(&upkeep->pump));
    }
    return NULL;
}

static struct state state_of(blitzdb *db) {
    return (struct state){stats_of(db), resident_now()};
}

static void fill_expiring(blitzdb *db, uint64_t items, int64_t deadline_ms) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.expire_at_ms = deadline_ms;
    for (uint64_t i = 0; i < items; i++) {
        unsigned char key[KEY_SIZE];
        make_key(key, 1, i);
        must(blitzdb_set_with(db, key, KEY_SIZE, some_value(), VALUE_SIZE, &options), "blitzdb_set_with");
    }
    if (unix_ms() + 1000 > deadline_ms)
        give_up("the machine is too busy to set %llu keys before they expire", (unsigned long long)items);
}

static bool is_back(uint64_t now, uint64_t before) {
    return (double)now <= 1.1 * (double)before;
}

/** Watches from the deadline on until everything is back, or for LIMIT_S. */
static struct recovery watch(blitzdb *db, struct state before, uint64_t deadline_ns) {
    struct recovery recovery = {.keys_s = NAN, .stats_s = NAN, .resident_s = NAN};
    double now_s = 0;
    while (now_s < LIMIT_S &&
           (isnan(recovery.stats_s) || isnan(recovery.resident_s) || isnan(recovery.keys_s))) {
        pass_time(10);
        struct state now = state_of(db);
        now_s = to_s(wall_ns() - deadline_ns);
        if (isnan(recovery.keys_s) && now.stats.keys <= before.stats.keys)
            recovery.keys_s = now_s;
        if (isnan(recovery.stats_s) && is_back(now.stats.memory_bytes, before.stats.memory_bytes))
            recovery.stats_s = now_s;
        if (isnan(recovery.resident_s) && is_back(now.resident, before.resident))
            recovery.resident_s = now_s;
        recovery.end = now.stats;
        recovery.resident_end = now.resident;
    }
    return recovery;
}

static struct slot sum_of_slots(const struct reader *reader, uint64_t from, uint64_t to) {
    struct slot sum = {0};
    for (uint64_t i = from; i < to && i < SLOTS; i++) {
        const struct slot *slot = &reader->slots[i];
        sum.gets += slot->gets;
        sum.slow += slot->slow;
        sum.slow_after_wait += slot->slow_after_wait;
        if (slot->longest_ns > sum.longest_ns)
            sum.longest_ns = slot->longest_ns;
        if (slot->longest_wait_ns > sum.longest_wait_ns)
            sum.longest_wait_ns = slot->longest_wait_ns;
    }
    return sum;
}

static void print_gets(struct bench *bench, const struct reader *reader, uint64_t deadline_ns,
                       const struct recovery *recovery) {
    uint64_t deadline_slot = (deadline_ns - reader->start_ns) / 1000000 / SLOT_MS;
    double busy_s = isnan(recovery->resident_s) ? LIMIT_S : recovery->resident_s;
    uint64_t window = (uint64_t)(busy_s * 1000 / SLOT_MS) + 1;
    if (window > WINDOW_MS / SLOT_MS)
        window = WINDOW_MS / SLOT_MS;
    if (window > deadline_slot)
        window = deadline_slot;
    /* The slot of the deadline itself belongs to what comes after it. */
    struct slot before = sum_of_slots(reader, deadline_slot - window, deadline_slot);
    struct slot after = sum_of_slots(reader, deadline_slot, deadline_slot + window);
    double window_s = (double)window * SLOT_MS / 1000;
    heading("GETs of keys that stay, in the %.1f s before and after the deadline", window_s);
    report(bench, "before: longest GET (the machine's own jitter)", to_us(before.longest_ns), "us",
           no_goal());
    report(bench, "before: GETs above 1 ms", (double)before.slow, "", no_goal());
    report(bench, "before: million GETs per second", (double)before.gets / 1e6 / window_s, "M/s", no_goal());
    report(bench, "after: longest GET", to_us(after.longest_ns), "us", at_most(1000));
    report(bench, "after: GETs above 1 ms", (double)after.slow, "", at_most(0));
    report(bench, "after: of these, GETs that waited for a lock", (double)after.slow_after_wait, "",
           no_goal());
    report(bench, "after: million GETs per second", (double)after.gets / 1e6 / window_s, "M/s", no_goal());
}

static void print_memory(struct bench *bench, struct state before, struct state full,
                         const struct recovery *recovery) {
    heading("Memory: %.1f MiB accounted and %.1f MiB resident before, %.1f and %.1f MiB with all keys",
            to_mib(before.stats.memory_bytes), to_mib(before.resident), to_mib(full.stats.memory_bytes),
            to_mib(full.resident));
    report(bench, "every expired key reclaimed after", recovery->keys_s, "s", no_goal());
    report(bench, "accounted bytes within 10 % of before after", recovery->stats_s, "s", at_most(10));
    report(bench, "resident bytes within 10 % of before after", recovery->resident_s, "s", at_most(10));
    uint64_t keys_left = recovery->end.keys - before.stats.keys;
    report(bench, "expired keys left in the end", (double)keys_left, "", no_goal());
    report(bench, "accounted in the end", to_mib(recovery->end.memory_bytes), "MiB", no_goal());
    report(bench, "  held for entries", to_mib(recovery->end.arena_bytes), "MiB", no_goal());
    report(bench, "  of it entries", to_mib(recovery->end.entry_bytes), "MiB", no_goal());
    report(bench, "  tables", to_mib(recovery->end.table_bytes), "MiB", no_goal());
    report(bench, "resident in the end", to_mib(recovery->resident_end), "MiB", no_goal());
}

/** Everything but who does the sweep. */
static void expire_all(struct bench *bench, blitzdb *db) {
    struct reader *reader = malloc(sizeof *reader);
    if (reader == NULL)
        give_up("no memory for the reader");
    memset(reader, 0, sizeof *reader);
    reader->db = db;
    for (uint64_t i = 0; i < STAYING_KEYS; i++)
        set_item(db, 0, i, VALUE_SIZE);
    struct state before = state_of(db);

    /* Time for a slow machine to set the keys, and for the reader to show what is usual. */
    int64_t deadline_ms = unix_ms() + WINDOW_MS + 2000 + (int64_t)(bench->items * 2 / 1000);
    fill_expiring(db, bench->items, deadline_ms);
    struct state full = state_of(db);

    pthread_t thread;
    reader->start_ns = wall_ns();
    if (pthread_create(&thread, NULL, read_staying_keys, reader) != 0)
        give_up("cannot start the reader");
    while (unix_ms() < deadline_ms)
        pass_time(1);
    uint64_t deadline_ns = wall_ns();
    struct recovery recovery = watch(db, before, deadline_ns);
    pass_time(SLOT_MS);
    atomic_store(&reader->stop, true);
    pthread_join(thread, NULL);

    print_gets(bench, reader, deadline_ns, &recovery);
    print_memory(bench, before, full, &recovery);
    free(reader);
}

void run_expire(struct bench *bench) {
    blitzdb *db = open_memory(BLITZDB_BACKGROUND_CALLER);
    struct upkeep upkeep = {.pump = {.db = db}};
    atomic_init(&upkeep.stop, false);
    pthread_t thread;
    if (pthread_create(&thread, NULL, keep_up, &upkeep) != 0)
        give_up("cannot start the thread that pumps");
    expire_all(bench, db);
    atomic_store(&upkeep.stop, true);
    pthread_join(thread, NULL);
    report(bench, "calls of blitzdb_pump", (double)upkeep.pump.calls, "", no_goal());
    report(bench, "the longest of them", to_us(upkeep.pump.longest_ns), "us", no_goal());
    report(bench, "all of them", to_s(upkeep.pump.total_ns), "s", no_goal());
    blitzdb_close(db);
}

void run_expire_background(struct bench *bench) {
    blitzdb *db = open_memory(BLITZDB_BACKGROUND_THREAD);
    expire_all(bench, db);
    blitzdb_close(db);
}
