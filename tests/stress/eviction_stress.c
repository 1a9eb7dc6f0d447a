/* The memory limit under many threads: at every moment that is looked at, what entries and tables take is
 * within the limit and one entry for each thread, from an empty database through the growth of its tables to
 * a steady state, under every policy that evicts. Argument: writes per thread and round (default 3000). */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "db.h"
#include "rng.h"

enum { THREADS = 8, VALUE_SIZE_MAX = 1024, HEADER_AND_KEY_MAX = 48 };

static unsigned writes = 3000;

/** One database and what is written to it. */
struct round {
    const char *name;
    uint32_t shard_count;
    uint64_t limit;
    size_t value_size_max;
    uint64_t keys; /* to choose from */
    unsigned eviction;
    blitzdb *db;
    _Atomic uint64_t excess; /* the most that was seen above the limit */
};

struct worker {
    struct round *round;
    struct rng rng;
    struct bzd_thread thread;
};

static void check(blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK) {
        fprintf(stderr, "failed: %s: %s\n", what, blitzdb_status_text(status));
        exit(1);
    }
}

static uint64_t entry_max(const struct round *round) {
    return bzd_arena_block_size(HEADER_AND_KEY_MAX + round->value_size_max);
}

/** The sum at one moment: without the locks it would add what was before a write to what was behind it. Sums
 * up all shards and arenas, which is not what the library measures writes by. */
static uint64_t used_bytes(struct bzd_store *store) {
    struct bzd_shard_set all = {{0}};
    for (uint32_t i = 0; i < store->shard_count; i++)
        bzd_shard_set_add(&all, i);
    bzd_store_read_acquire(store, &all);
    uint64_t used = bzd_store_used_bytes(store);
    bzd_store_read_release(store, &all);
    return used;
}

static void look(struct round *round) {
    uint64_t used = used_bytes(&round->db->core->store);
    uint64_t excess = used > round->limit ? used - round->limit : 0;
    uint64_t before = atomic_load(&round->excess);
    while (excess > before && !atomic_compare_exchange_weak(&round->excess, &before, excess))
        continue;
    if (excess > THREADS * entry_max(round)) {
        fprintf(stderr, "failed: %s, policy %u: %llu bytes above the limit\n", round->name, round->eviction,
                (unsigned long long)excess);
        exit(1);
    }
}

/** One writing call of some kind on a random key; all keys have an expiry but those of a transaction. */
static void write_something(struct worker *worker, uint64_t dice) {
    static const char value[VALUE_SIZE_MAX];
    struct round *round = worker->round;
    char key[32];
    size_t key_size = (size_t)snprintf(key, sizeof key, "key/%llu",
                                       (unsigned long long)rng_below(&worker->rng, round->keys));
    size_t value_size = rng_below(&worker->rng, round->value_size_max + 1);
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = 1000000 + (int64_t)rng_below(&worker->rng, 1000000);
    blitzdb_status status = BLITZDB_OK;
    if (dice < 80) {
        status = blitzdb_set_with(round->db, key, key_size, value, value_size, &options);
    } else if (dice < 90) {
        blitzdb_key named = {key, key_size, 0};
        blitzdb_txn *txn;
        check(blitzdb_txn_begin(round->db, &named, 1, &txn), "begin");
        check(blitzdb_txn_set(txn, 0, value, value_size, INT64_C(4000000000000)), "write in a transaction");
        status = blitzdb_txn_commit(txn, BLITZDB_DURABILITY_DEFAULT);
    } else {
        status = blitzdb_expire(round->db, key, key_size, 2000000);
    }
    if (status != BLITZDB_NOT_FOUND)
        check(status, "write");
}

static void work(void *argument) {
    struct worker *worker = argument;
    struct round *round = worker->round;
    for (unsigned i = 0; i < writes; i++) {
        uint64_t dice = rng_below(&worker->rng, 100);
        write_something(worker, dice);
        if (dice % 4 == 0)
            look(round);
        char key[32], value[VALUE_SIZE_MAX];
        size_t size = (size_t)snprintf(key, sizeof key, "key/%llu", (unsigned long long)(dice % round->keys));
        blitzdb_status status = blitzdb_get(round->db, key, size, value, sizeof value, &size);
        if (status != BLITZDB_NOT_FOUND)
            check(status, "read");
    }
}

static void run(struct round round, unsigned eviction, uint64_t seed) {
    static struct worker workers[THREADS];
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.shard_count = round.shard_count;
    options.memory_limit_bytes = round.limit;
    options.eviction = round.eviction = eviction;
    check(blitzdb_open(NULL, &options, &round.db), "open");
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.round = &round, .rng = {seed + i}};
        check(bzd_thread_start(&workers[i].thread, work, &workers[i]), "start a thread");
    }
    for (unsigned i = 0; i < THREADS; i++)
        bzd_thread_join(&workers[i].thread);
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    check(blitzdb_stats(round.db, &stats), "stats");
    uint64_t used = used_bytes(&round.db->core->store);
    printf(
        "%-28s policy %u: %6llu keys, %7llu evicted, used %3.0f %%, at most %llu bytes above, allowed %llu\n",
        round.name, eviction, (unsigned long long)stats.keys, (unsigned long long)stats.evicted,
        100.0 * (double)used / (double)round.limit, (unsigned long long)atomic_load(&round.excess),
        (unsigned long long)(THREADS * entry_max(&round)));
    if (stats.evicted == 0 || used > round.limit || used < round.limit / 10 * 8) {
        fprintf(stderr, "failed: %s, policy %u: the limit is neither kept nor used\n", round.name, eviction);
        exit(1);
    }
    check(blitzdb_close(round.db), "close");
}

int main(int argc, char **argv) {
    static const struct round rounds[] = {
        {"small entries, many shards", 32, 1 << 19, 16, 100000, 0, NULL, 0},
        {"small entries, one shard", 1, 1 << 17, 16, 100000, 0, NULL, 0},
        {"mixed sizes", 16, 1 << 20, VALUE_SIZE_MAX, 20000, 0, NULL, 0},
    };
    if (argc > 1)
        writes = (unsigned)strtoul(argv[1], NULL, 10);
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++)
        for (unsigned eviction = BLITZDB_EVICTION_ALLKEYS_LRU; eviction <= BLITZDB_EVICTION_VOLATILE_LFU;
             eviction++)
            run(rounds[i], eviction, seed + 1000 * eviction + i);
    return 0;
}
