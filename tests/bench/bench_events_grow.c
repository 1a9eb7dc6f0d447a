/**
 * @file
 * @brief Growing: every SET timed by itself while a database becomes ten times as large.
 *
 * It grows twice. The first database gets its memory from the system as ever: the first touch of a page is a
 * page fault, and in a virtual machine perhaps one for the host as well, which takes milliseconds for a huge
 * page. The second one gets memory that was touched before: what is slow there is the library's.
 */
#include "bench_events.h"

#include <string.h>
#include <sys/mman.h>

enum {
    SLOWEST = 10,
    EMPTY_TIMINGS = 1000000,
    HUGE_PAGE = 2 * 1024 * 1024,
    SMALL_PAGE = 4096,
    POOL_PER_ITEM = 200,           /* twice what an item takes: nothing that is given back is used again */
    POOL_MIN = 1024 * 1024 * 1024, /* for the regions that each arena begins */
};

/** One SET that took long. */
struct slow_set {
    uint64_t item, wall, cpu;
};

struct growth {
    struct histogram wall, cpu;
    struct slow_set slowest[SLOWEST]; /**< longest first */
    uint64_t took_ns;
};

static void remember_slow(struct growth *growth, struct slow_set set) {
    for (unsigned i = 0; i < SLOWEST; i++) {
        struct slow_set *at = &growth->slowest[i];
        if (set.wall <= at->wall)
            continue;
        struct slow_set pushed_out = *at;
        *at = set;
        set = pushed_out;
    }
}

/**
 * The processor's clock stands outside because reading it takes a system call, which the time on the wall
 * should not have in it. Without a database it shows what the timing itself costs.
 */
static void time_set(struct growth *growth, blitzdb *db, uint64_t item) {
    unsigned char key[KEY_SIZE];
    make_key(key, 0, item);
    blitzdb_status status = BLITZDB_OK;
    uint64_t cpu_start = cpu_ns();
    uint64_t wall_start = wall_ns();
    if (db != NULL)
        status = blitzdb_set(db, key, KEY_SIZE, some_value(), VALUE_SIZE);
    uint64_t wall = wall_ns() - wall_start;
    uint64_t cpu = cpu_ns() - cpu_start;
    must(status, "blitzdb_set");
    histogram_add(&growth->wall, wall);
    histogram_add(&growth->cpu, cpu);
    remember_slow(growth, (struct slow_set){item, wall, cpu});
}

static void print_percentiles(struct bench *bench, const char *clock, const struct histogram *histogram,
                              struct goal goal) {
    static const struct {
        const char *name;
        double part;
    } percentiles[] = {
        {"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999}};
    char figure[64];
    for (unsigned i = 0; i < 5; i++) {
        snprintf(figure, sizeof figure, "%s, %s", clock, percentiles[i].name);
        report(bench, figure, to_us(histogram_percentile(histogram, percentiles[i].part)), "us",
               i == 4 ? goal : no_goal());
    }
    snprintf(figure, sizeof figure, "%s, longest", clock);
    report(bench, figure, to_us(histogram->longest_ns), "us", no_goal());
}

/** Memory in place: what map() hands out, from the front to the back. */
struct pool {
    unsigned char *memory;
    size_t size, used;
};

static void touch(unsigned char *at) {
    *(volatile unsigned char *)at = 0;
}

/** Touches every page, and times the first touch of each huge one. */
static struct pool make_pool(size_t size, struct histogram *touches) {
    struct pool pool = {.size = size};
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        give_up("no memory for the pool");
    pool.memory = memory;
    pool.used = HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE;
    madvise(pool.memory + pool.used, size - pool.used, MADV_HUGEPAGE);
    for (size_t i = pool.used; i + HUGE_PAGE <= size; i += HUGE_PAGE) {
        uint64_t start = wall_ns();
        touch(pool.memory + i);
        histogram_add(touches, wall_ns() - start);
        for (size_t page = 0; page < HUGE_PAGE; page += SMALL_PAGE)
            touch(pool.memory + i + page);
    }
    return pool;
}

/** Never gives anything twice, so all of it reads as zero. */
static void *pool_map(void *user, size_t size, size_t alignment, unsigned flags) {
    (void)flags;
    struct pool *pool = user;
    size_t begin = (pool->used + alignment - 1) / alignment * alignment;
    if (begin + size > pool->size)
        give_up("the pool is too small");
    pool->used = begin + size;
    return pool->memory + begin;
}

static void pool_keep(void *user, void *memory, size_t size) {
    (void)user;
    (void)memory;
    (void)size;
}

static blitzdb *open_in_pool(struct pool *pool) {
    blitzdb_env env = *blitzdb_env_default();
    if (env.user != NULL)
        give_up("the default environment has a state of its own");
    env.user = pool;
    env.map = pool_map;
    env.unmap = pool_keep;
    env.discard = pool_keep;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = &env;
    blitzdb *db;
    must(blitzdb_open(NULL, &options, &db), "blitzdb_open");
    return db;
}

static void grow(struct bench *bench, struct growth *growth, blitzdb *db) {
    memset(growth, 0, sizeof *growth);
    uint64_t before = bench->items / 10;
    for (uint64_t i = 0; i < before; i++)
        set_item(db, 0, i, VALUE_SIZE);
    uint64_t start = wall_ns();
    for (uint64_t i = before; i < bench->items; i++)
        time_set(growth, db, i);
    growth->took_ns = wall_ns() - start;
    blitzdb_close(db);
}

static void print_growth(struct bench *bench, const char *which, const struct growth *growth) {
    char clock[64];
    heading("A database with %s", which);
    snprintf(clock, sizeof clock, "%s, wall clock", which);
    print_percentiles(bench, clock, &growth->wall, at_most(200));
    snprintf(clock, sizeof clock, "%s, processor time", which);
    print_percentiles(bench, clock, &growth->cpu, at_most(200));
    report(bench, "all SETs, and their timing", to_s(growth->took_ns), "s", no_goal());
    printf(
        "  Its slowest; much more wall clock than processor time means that something else ran instead:\n");
    for (unsigned i = 0; i < SLOWEST; i++)
        printf("    key number %-12llu %10.1f us wall clock %10.1f us processor time\n",
               (unsigned long long)growth->slowest[i].item, to_us(growth->slowest[i].wall),
               to_us(growth->slowest[i].cpu));
}

void run_grow(struct bench *bench) {
    static struct growth growth;
    grow(bench, &growth, open_memory(BLITZDB_BACKGROUND_CALLER));
    print_growth(bench, "fresh memory", &growth);

    static struct histogram touches;
    struct pool pool = make_pool(bench->items * POOL_PER_ITEM + POOL_MIN, &touches);
    heading("The machine: first touch of a huge page");
    report(bench, "first touch, p50", to_us(histogram_percentile(&touches, 0.5)), "us", no_goal());
    report(bench, "first touch, p99", to_us(histogram_percentile(&touches, 0.99)), "us", no_goal());
    report(bench, "first touch, longest", to_us(touches.longest_ns), "us", no_goal());

    grow(bench, &growth, open_in_pool(&pool));
    print_growth(bench, "memory in place", &growth);
    munmap(pool.memory, pool.size);

    memset(&growth, 0, sizeof growth);
    for (uint64_t i = 0; i < EMPTY_TIMINGS; i++)
        time_set(&growth, NULL, i);
    heading("The timing itself, a million times nothing");
    print_percentiles(bench, "nothing, wall clock", &growth.wall, no_goal());
    print_percentiles(bench, "nothing, processor time", &growth.cpu, no_goal());
}
