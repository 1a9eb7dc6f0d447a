/**
 * @file
 * @brief A flood of colliding keys, chosen by somebody who knows the hash function but not its key.
 *
 * The table hashes under a secret of the database (lib/hash.h, which this program calls). "Colliding under
 * the un-keyed algorithm" means: under the secret of all zero bits, which is the best guess of somebody who
 * does not know the secret, all keys fall into one shard (the top 7 of 64 bits, for 128 shards) and there
 * into the same 128th part of the buckets (the low 7 bits): chains of some 900 keys. They are found by
 * trying: one of 2^14 candidates fits. Under the secret key they ought to be no different from random ones.
 *
 * That they would do harm is shown by a third database whose environment answers zeros for random bytes, so
 * that the guess is right. If that one is not slow, the keys do not collide and the comparison says nothing.
 */
#include "bench_events.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum {
    SHARD_BITS = 7,
    BUCKET_BITS = 7,
    THREADS = 2,
    ROUNDS = 11,
};

struct key {
    uint64_t words[2];
};

static struct bzd_hash_key guessed_key; /* the one of the zero secret; constant once the program searches */

static uint64_t guessed_hash(struct key key) {
    return bzd_hash(&guessed_key, 0, bzd_slice_of(&key, sizeof key));
}

/** A part of the keys, found by one thread. */
struct search {
    struct key *keys;
    uint64_t count, seed;
    bool colliding;
};

static void *find_keys(void *argument) {
    struct search *search = argument;
    const uint64_t mask =
        search->colliding ? ((UINT64_C(1) << SHARD_BITS) - 1) << (64 - SHARD_BITS) | ((1 << BUCKET_BITS) - 1)
                          : 0;
    uint64_t random = search->seed;
    struct key key = {{random_next(&random), 0}};
    for (uint64_t found = 0; found < search->count;) {
        key.words[1] = random_next(&random);
        if ((guessed_hash(key) & mask) == 0)
            search->keys[found++] = key;
    }
    return NULL;
}

static struct key *make_keys(uint64_t count, bool colliding) {
    struct key *keys = malloc(count * sizeof *keys);
    if (keys == NULL)
        give_up("no memory for the keys");
    bzd_hash_key_init(&guessed_key, &(struct bzd_siphash_key){{0, 0}});
    pthread_t threads[THREADS];
    struct search searches[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) {
        uint64_t from = count * i / THREADS, to = count * (i + 1) / THREADS;
        searches[i] = (struct search){keys + from, to - from, 2 * i + colliding + 1, colliding};
        if (pthread_create(&threads[i], NULL, find_keys, &searches[i]) != 0)
            give_up("cannot start a thread");
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return keys;
}

/** What one database took for some keys: ns per operation. */
struct pace {
    double set, get;
};

static struct pace measure(blitzdb *db, const struct key *keys, const uint32_t *order, uint64_t count) {
    char value[VALUE_SIZE];
    struct pace pace;
    uint64_t start = wall_ns();
    for (uint64_t i = 0; i < count; i++)
        must(blitzdb_set(db, &keys[i], sizeof keys[i], some_value(), VALUE_SIZE), "blitzdb_set");
    uint64_t filled = wall_ns();
    for (uint64_t i = 0; i < count; i++)
        must(blitzdb_get(db, &keys[order[i]], sizeof *keys, value, VALUE_SIZE, NULL), "blitzdb_get");
    pace.set = (double)(filled - start) / (double)count;
    pace.get = (double)(wall_ns() - filled) / (double)count;
    blitzdb_close(db);
    return pace;
}

static int zero_random(void *user, void *buffer, size_t size) {
    (void)user;
    memset(buffer, 0, size);
    return 0;
}

static blitzdb *open_guessed(void) {
    blitzdb_env env = *blitzdb_env_default();
    env.random = zero_random;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = &env;
    blitzdb *db;
    must(blitzdb_open(NULL, &options, &db), "blitzdb_open");
    return db;
}

static int compare_doubles(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

void run_flood(struct bench *bench) {
    uint64_t start = wall_ns();
    struct key *colliding = make_keys(bench->items, true);
    report(bench, "search for colliding keys", to_s(wall_ns() - start), "s", no_goal());
    struct key *random_keys = make_keys(bench->items, false);
    uint32_t *order = shuffled(bench->items, 1);

    double set[2][ROUNDS], get[2][ROUNDS], set_ratio[ROUNDS], get_ratio[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned k = 0; k < 2; k++) {
            const struct key *keys = k == 0 ? random_keys : colliding;
            struct pace pace = measure(open_memory(BLITZDB_BACKGROUND_CALLER), keys, order, bench->items);
            set[k][i] = pace.set;
            get[k][i] = pace.get;
        }
        set_ratio[i] = set[1][i] / set[0][i];
        get_ratio[i] = get[1][i] / get[0][i];
    }
    heading("Medians of %d rounds, random and colliding keys in turn", ROUNDS);
    report(bench, "random keys, SET", median(set[0], ROUNDS), "ns", no_goal());
    report(bench, "colliding keys, SET", median(set[1], ROUNDS), "ns", no_goal());
    report(bench, "colliding / random, SET", median(set_ratio, ROUNDS), "", at_most(1.2));
    report(bench, "random keys, GET", median(get[0], ROUNDS), "ns", no_goal());
    report(bench, "colliding keys, GET", median(get[1], ROUNDS), "ns", no_goal());
    report(bench, "colliding / random, GET", median(get_ratio, ROUNDS), "", at_most(1.2));

    struct pace harm = measure(open_guessed(), colliding, order, bench->items);
    heading("The same keys where the guess is right: what the secret key prevents");
    report(bench, "colliding keys, SET", harm.set, "ns", no_goal());
    report(bench, "colliding keys, GET", harm.get, "ns", no_goal());
    free(order);
    free(random_keys);
    free(colliding);
}
