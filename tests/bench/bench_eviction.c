/* What eviction keeps, and what it costs.
 *
 *     bench_eviction [--accesses N] [--keys N] [--mixed] [--cost-only | --ratio-only]
 *
 * Hit ratios: one trace of accesses for an exact LRU, simulated here, and for BlitzDB under each policy. An
 * access is a blitzdb_get(), and a blitzdb_set() if the key is not there. The limit is a share of what all
 * keys of the Zipf distribution take: entries rounded to their blocks and 12 bytes of table for each. BlitzDB
 * has to keep its tables within that limit; the exact LRU gets what BlitzDB's tables left for entries and
 * charges the same blocks. The first quarter of a trace only warms up. A line on which BlitzDB is below the
 * LRU ends with "below", and the exit status is 1, but for the trace that moves, which is shown only.
 *
 * Traces: Zipf(0.9, 1.0, 1.1) over the keys; the same with a scan of 50,000 keys that come once after every
 * 100,000 accesses; and Zipf(1.0) whose popularity moves on by one key every 100 accesses, which is the case
 * for which an LRU is made.
 *
 * Cost: million SETs of new keys per second, without a limit and at the limit under each policy. */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <blitzdb/blitzdb.h>

#include "arena.h"
#include "entry.h"
#include "rng.h"

enum {
    SCAN_EVERY = 100000,
    SCAN_KEYS = 50000,
    MOVE_EVERY = 100,
    KEY_SIZE = 16,
    VALUE_SIZE = 64,
    VALUE_SIZE_MAX = 1024,
    TABLE_BYTES = 12, /* of one entry, in the limit that a share of the keys makes */
    GUIDE_SIZE = 1 << 16,
};

struct policy {
    const char *name;
    unsigned eviction;
    bool is_measured; /* for its hit ratio */
    bool keeps_up;    /* and may not be below the LRU */
};

static const struct policy policies[] = {
    {"allkeys-lru", BLITZDB_EVICTION_ALLKEYS_LRU, true, true},
    {"allkeys-lfu", BLITZDB_EVICTION_ALLKEYS_LFU, true, true},
    {"allkeys-random", BLITZDB_EVICTION_ALLKEYS_RANDOM, true, false},
    {"volatile-lru", BLITZDB_EVICTION_VOLATILE_LRU, false, false},
    {"volatile-ttl", BLITZDB_EVICTION_VOLATILE_TTL, false, false},
};

enum { POLICIES = sizeof policies / sizeof policies[0] };

static uint32_t key_count = 1000000;
static size_t access_count = 5000000;
static bool is_mixed;

static void check(blitzdb_status status, const char *what) {
    if (status == BLITZDB_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, blitzdb_status_text(status));
    exit(2);
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return memory;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* -- Keys and values ------------------------------------------------------------------------------------ */

static void make_key(uint8_t key[KEY_SIZE], uint64_t number) {
    memset(key, 'k', KEY_SIZE);
    memcpy(key, &number, sizeof number);
}

/** Size of the value that a key always has: 64 bytes, or 16 to 1023, small ones more often. */
static size_t value_size_of(uint64_t number) {
    struct rng rng = {number};
    if (!is_mixed)
        return VALUE_SIZE;
    unsigned magnitude = 4 + (unsigned)rng_below(&rng, 6);
    return ((size_t)1 << magnitude) + rng_below(&rng, (uint64_t)1 << magnitude);
}

/** Bytes of an entry's block. */
static uint32_t block_size_of(uint64_t number) {
    uint8_t bytes[VALUE_SIZE_MAX];
    struct bzd_entry entry = {0, {bytes, KEY_SIZE}, {bytes, value_size_of(number)}, 0};
    return (uint32_t)bzd_arena_block_size(bzd_entry_size(&entry));
}

/* -- Traces --------------------------------------------------------------------------------------------- */

struct zipf {
    double *sums;    /* of the probabilities of the first ranks */
    uint32_t *guide; /* where to begin to search */
};

static struct zipf zipf_create(double exponent) {
    struct zipf zipf = {allocate(key_count, sizeof(double)), allocate(GUIDE_SIZE + 1, sizeof(uint32_t))};
    double sum = 0;
    for (uint32_t i = 0; i < key_count; i++)
        zipf.sums[i] = sum += pow(i + 1, -exponent);
    for (uint32_t i = 0; i < key_count; i++)
        zipf.sums[i] /= sum;
    for (uint32_t i = 0, rank = 0; i <= GUIDE_SIZE; i++) {
        while (rank + 1 < key_count && zipf.sums[rank] < (double)i / GUIDE_SIZE)
            rank++;
        zipf.guide[i] = rank;
    }
    return zipf;
}

static void zipf_destroy(struct zipf *zipf) {
    free(zipf->sums);
    free(zipf->guide);
}

static uint32_t zipf_draw(const struct zipf *zipf, struct rng *rng) {
    double point = (double)(rng_next(rng) >> 11) * 0x1p-53;
    uint32_t at = (uint32_t)(point * GUIDE_SIZE);
    uint32_t low = zipf->guide[at];
    uint32_t high = zipf->guide[at + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zipf->sums[middle] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct trace {
    const char *name;
    double exponent;
    bool has_scans;
    bool moves;
};

static const struct trace traces[] = {
    {"Zipf 0.9", 0.9, false, false},        {"Zipf 1.0", 1.0, false, false},
    {"Zipf 1.1", 1.1, false, false},        {"Zipf 0.9, scans", 0.9, true, false},
    {"Zipf 1.0, scans", 1.0, true, false},  {"Zipf 1.1, scans", 1.1, true, false},
    {"Zipf 1.0, moving", 1.0, false, true},
};

/** Numbers of keys in the order of the accesses; those that come once begin at `key_count`. */
static uint32_t *trace_create(const struct trace *trace, uint64_t seed) {
    uint32_t *accesses = allocate(access_count, sizeof *accesses);
    struct zipf zipf = zipf_create(trace->exponent);
    struct rng rng = {seed};
    uint32_t once = key_count;
    size_t drawn = 0;
    for (size_t i = 0; i < access_count;) {
        uint32_t rank = zipf_draw(&zipf, &rng);
        accesses[i++] = trace->moves ? (uint32_t)((rank + drawn / MOVE_EVERY) % key_count) : rank;
        if (++drawn % SCAN_EVERY == 0 && trace->has_scans)
            for (unsigned k = 0; k < SCAN_KEYS && i < access_count; k++)
                accesses[i++] = once++;
    }
    zipf_destroy(&zipf);
    return accesses;
}

/* -- Exact LRU ------------------------------------------------------------------------------------------ */

/** A list of the keys that are there, the one used last behind the head. Key `head` stands for the list. */
struct lru {
    uint32_t *next;
    uint32_t *previous;
    uint32_t *sizes; /* 0: not there */
    uint32_t head;
    uint64_t bytes;
};

static void lru_unlink(struct lru *lru, uint32_t key) {
    lru->next[lru->previous[key]] = lru->next[key];
    lru->previous[lru->next[key]] = lru->previous[key];
}

static void lru_put_first(struct lru *lru, uint32_t key) {
    lru->next[key] = lru->next[lru->head];
    lru->previous[key] = lru->head;
    lru->previous[lru->next[key]] = key;
    lru->next[lru->head] = key;
}

/** One access; true if it is a hit. */
static bool lru_access(struct lru *lru, uint32_t key, uint64_t budget) {
    bool is_hit = lru->sizes[key] != 0;
    if (is_hit) {
        lru_unlink(lru, key);
    } else {
        lru->sizes[key] = block_size_of(key);
        lru->bytes += lru->sizes[key];
    }
    lru_put_first(lru, key);
    while (lru->bytes > budget) {
        uint32_t victim = lru->previous[lru->head];
        lru_unlink(lru, victim);
        lru->bytes -= lru->sizes[victim];
        lru->sizes[victim] = 0;
    }
    return is_hit;
}

static double run_lru(const uint32_t *accesses, uint64_t budget) {
    size_t keys = key_count + access_count + 1;
    struct lru lru = {allocate(keys, 4), allocate(keys, 4), allocate(keys, 4), (uint32_t)keys - 1, 0};
    lru.next[lru.head] = lru.previous[lru.head] = lru.head;
    uint64_t hits = 0;
    for (size_t i = 0; i < access_count; i++)
        hits += lru_access(&lru, accesses[i], budget) && i >= access_count / 4;
    free(lru.next);
    free(lru.previous);
    free(lru.sizes);
    return 100.0 * (double)hits / (double)(access_count - access_count / 4);
}

/* -- BlitzDB -------------------------------------------------------------------------------------------- */

static blitzdb *open_database(uint64_t limit, unsigned eviction) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *db;
    options.memory_limit_bytes = limit;
    options.eviction = eviction;
    check(blitzdb_open(NULL, &options, &db), "open");
    return db;
}

static bool access_key(blitzdb *db, uint32_t number) {
    static char value[VALUE_SIZE_MAX];
    uint8_t key[KEY_SIZE];
    size_t size;
    make_key(key, number);
    blitzdb_status status = blitzdb_get(db, key, sizeof key, value, sizeof value, &size);
    if (status == BLITZDB_OK)
        return true;
    if (status != BLITZDB_NOT_FOUND)
        check(status, "get");
    check(blitzdb_set(db, key, sizeof key, value, value_size_of(number)), "set");
    return false;
}

/** Hit ratio under a policy; `table_bytes_out` is what the tables took in the end. */
static double run_database(const uint32_t *accesses, uint64_t limit, unsigned eviction,
                           uint64_t *table_bytes_out) {
    blitzdb *db = open_database(limit, eviction);
    uint64_t hits = 0;
    for (size_t i = 0; i < access_count; i++)
        hits += access_key(db, accesses[i]) && i >= access_count / 4;
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    check(blitzdb_stats(db, &stats), "stats");
    *table_bytes_out = stats.table_bytes;
    check(blitzdb_close(db), "close");
    return 100.0 * (double)hits / (double)(access_count - access_count / 4);
}

/** Prints one line of the table; false: a policy that should not is below the LRU. */
static bool measure_ratio(const struct trace *trace, const uint32_t *accesses, unsigned share,
                          uint64_t all_bytes) {
    uint64_t limit = all_bytes * share / 100;
    double ratios[POLICIES] = {0};
    double lru_best = 0;
    bool is_above = true;
    for (unsigned i = 0; i < POLICIES; i++) {
        uint64_t table_bytes;
        if (!policies[i].is_measured)
            continue;
        ratios[i] = run_database(accesses, limit, policies[i].eviction, &table_bytes);
        double lru = i == 0 ? run_lru(accesses, limit - table_bytes) : lru_best;
        lru_best = lru > lru_best ? lru : lru_best;
    }
    printf("| %s | %u %% | %.2f |", trace->name, share, lru_best);
    for (unsigned i = 0; i < POLICIES; i++) {
        if (policies[i].is_measured)
            printf(" %.2f |", ratios[i]);
        is_above = is_above && (!policies[i].keeps_up || trace->moves || ratios[i] >= lru_best);
    }
    printf("%s\n", is_above ? "" : " below");
    fflush(stdout);
    return is_above;
}

static bool measure_ratios(void) {
    static const unsigned shares[] = {1, 10, 25};
    uint64_t all_bytes = 0;
    bool is_above = true;
    for (uint32_t i = 0; i < key_count; i++)
        all_bytes += block_size_of(i) + TABLE_BYTES;
    printf("Hit ratio in %%, %u keys of %d bytes, values of %s bytes, %zu accesses:\n\n", key_count, KEY_SIZE,
           is_mixed ? "16 to 1023" : "64", access_count);
    printf("| trace | limit | exact LRU |");
    for (unsigned i = 0; i < POLICIES; i++)
        if (policies[i].is_measured)
            printf(" %s |", policies[i].name);
    printf("\n|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        uint32_t *accesses = trace_create(&traces[i], i + 1);
        for (unsigned k = 0; k < sizeof shares / sizeof shares[0]; k++)
            is_above = measure_ratio(&traces[i], accesses, shares[k], all_bytes) && is_above;
        free(accesses);
    }
    printf("\n");
    return is_above;
}

/* -- Cost ----------------------------------------------------------------------------------------------- */

struct setter {
    blitzdb *db;
    uint64_t first;
    uint32_t count;
    pthread_t thread;
};

/** Sets new keys, with an expiry some day: so the policies for such keys have something to choose from. */
static void *set_keys(void *argument) {
    struct setter *setter = argument;
    static const char value[VALUE_SIZE];
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    for (uint64_t i = setter->first; i < setter->first + setter->count; i++) {
        uint8_t key[KEY_SIZE];
        make_key(key, i);
        options.expire_at_ms = INT64_C(4000000000000) + (int64_t)(i * 7919 % 1000000);
        check(blitzdb_set_with(setter->db, key, sizeof key, value, sizeof value, &options), "set");
    }
    return NULL;
}

/** Million SETs per second by all threads together. */
static double set_rate(blitzdb *db, unsigned threads, uint64_t first, uint32_t count) {
    struct setter setters[2];
    double begin = now_s();
    for (unsigned i = 0; i < threads; i++) {
        setters[i] = (struct setter){.db = db, .first = first + (uint64_t)i * count, .count = count};
        if (pthread_create(&setters[i].thread, NULL, set_keys, &setters[i]) != 0)
            exit(2);
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(setters[i].thread, NULL);
    return (double)count * threads / (now_s() - begin) / 1e6;
}

/** Fills with `key_count` keys, and measures as many again: beyond the limit of the first ones, or without
 * one. */
static double measure_cost(const struct policy *policy, unsigned threads) {
    blitzdb *db = open_database(0, BLITZDB_EVICTION_NONE);
    (void)set_rate(db, 1, 0, key_count);
    if (policy != NULL) {
        blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
        check(blitzdb_stats(db, &stats), "stats");
        uint64_t limit = stats.entry_bytes + stats.table_bytes;
        check(blitzdb_set_memory_limit(db, limit, policy->eviction), "limit");
        (void)set_rate(db, 1, key_count, key_count / 4); /* come up to the limit */
    }
    double rate = set_rate(db, threads, UINT64_C(1) << 40, key_count / threads);
    check(blitzdb_close(db), "close");
    return rate;
}

static double middle_of(double values[3]) {
    double low = fmin(values[0], values[1]);
    double high = fmax(values[0], values[1]);
    return fmax(low, fmin(high, values[2]));
}

static void measure_costs(void) {
    double rates[POLICIES + 1][2][3];
    for (unsigned round = 0; round < 3; round++)
        for (unsigned threads = 1; threads <= 2; threads++)
            for (unsigned i = 0; i <= POLICIES; i++)
                rates[i][threads - 1][round] = measure_cost(i == 0 ? NULL : &policies[i - 1], threads);
    printf("Million SETs of new keys per second with %u keys there (16 + 64 bytes, with an expiry); medians "
           "of 3:\n\n",
           key_count);
    printf("| | 1 thread | 2 threads |\n|---|---|---|\n");
    for (unsigned i = 0; i <= POLICIES; i++)
        printf("| %s%s | %.2f | %.2f |\n", i == 0 ? "no limit" : "at the limit, ",
               i == 0 ? "" : policies[i - 1].name, middle_of(rates[i][0]), middle_of(rates[i][1]));
}

int main(int argc, char **argv) {
    bool ratios = true;
    bool costs = true;
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--mixed") == 0) {
            is_mixed = true;
        } else if (strcmp(argv[i], "--cost-only") == 0) {
            ratios = false;
        } else if (strcmp(argv[i], "--ratio-only") == 0) {
            costs = false;
        } else if (strcmp(argv[i], "--accesses") == 0 && has_value) {
            access_count = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--keys") == 0 && has_value) {
            key_count = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else {
            bool asked = strcmp(argv[i], "--help") == 0;
            fprintf(asked ? stdout : stderr,
                    "%s%susage: bench_eviction [--accesses N] [--keys N] [--mixed] [--cost-only | "
                    "--ratio-only]\n",
                    asked ? "" : argv[i], asked ? "" : " is unknown or needs a value; ");
            return asked ? 0 : 2;
        }
    }
    bool is_above = !ratios || measure_ratios();
    if (costs)
        measure_costs();
    return is_above ? 0 : 1;
}
