/* Is every call linearizable? Eight threads call BlitzDB on a few keys in many short rounds and note when
 * each call began and ended and what it answered; then an order of the calls is looked for that explains all
 * of it (tests/support/linear.h). Every other round has calls on several keys: looks, batches, transactions.
 *
 * Beside the keys that are watched, every thread fills and empties a few hundred of its own, so that the
 * tables split and merge all the time, and one more thread takes snapshots, empties and exchanges other
 * keyspaces and lets keys expire there. Syncs, views and transactions yield the processor, so that calls
 * overlap on a machine with few of them.
 *
 * The check itself is proven first: faults of a simulated store must be found.
 *
 * Arguments: operations (default 400000), seed. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>

#include "linear_caller.h"
#include "stamp.h"
#include "tmpdir.h"

enum {
    WORKERS = 8,
    CALLS = 50,        /* of a worker in a round */
    KEYS_ONE = 4,      /* in rounds with calls on one key */
    KEYS_MANY = 3,     /* in the others: their state is that of all keys together */
    FILLING = 150,     /* keys of each worker beside them */
    OTHER_SPACE = 5,   /* filled, emptied, expiring */
    SWAPPED_SPACE = 6, /* exchanged with the next one */
    KEY_TEXT_MAX = 24,
};

/** A way of having a database. */
struct setting {
    const char *name;
    bool is_logged;
    uint32_t shards;
    uint32_t background;
    uint32_t durability;
};

static const struct setting settings[] = {
    {"memory, 1 shard", false, 1, BLITZDB_BACKGROUND_CALLER, BLITZDB_DURABILITY_DEFAULT},
    {"memory, 8 shards", false, 8, BLITZDB_BACKGROUND_THREAD, BLITZDB_DURABILITY_DEFAULT},
    {"logged, 4 shards", true, 4, BLITZDB_BACKGROUND_CALLER, BLITZDB_DURABILITY_INTERVAL},
    {"always, 8 shards", true, 8, BLITZDB_BACKGROUND_THREAD, BLITZDB_DURABILITY_ALWAYS},
};

enum { SETTINGS = sizeof settings / sizeof settings[0] };

struct worker;

/** What the threads of one database share. Rounds are kept apart by the barrier. */
struct team {
    blitzdb *db;
    bool is_logged;
    struct linear_mix mix;
    bool is_over;
    pthread_barrier_t barrier;
    struct worker *workers;
};

struct worker {
    struct team *team;
    struct linear_caller caller;
    bool fills;
    unsigned filled;
    struct linear_call calls[CALLS];
    pthread_t thread;
};

struct totals {
    uint64_t histories;
    uint64_t operations;
    uint64_t overlaps;
    uint64_t states;
};

static bool chance(struct rng *rng, unsigned one_in) {
    return rng_below(rng, one_in) == 0;
}

/* Rounds */

/** Adds or removes a key that is not watched: all of them, then none, then all. */
static void fill(struct worker *worker) {
    char key[KEY_TEXT_MAX];
    if (worker->filled == 0 || worker->filled == FILLING)
        worker->fills = worker->filled == 0;
    unsigned number = worker->fills ? worker->filled++ : --worker->filled;
    size_t size = (size_t)snprintf(key, sizeof(key), "%u of %u", number, worker->caller.thread);
    if (worker->fills)
        check(blitzdb_set(worker->team->db, key, size, key, size), "fill");
    else
        check(blitzdb_del(worker->team->db, key, size), "empty");
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct linear_caller *caller = &worker->caller;
    struct team *team = worker->team;
    for (;;) {
        (void)pthread_barrier_wait(&team->barrier);
        if (team->is_over)
            return NULL;
        for (unsigned i = 0; i < CALLS; i++) {
            uint64_t number = caller->thread + (uint64_t)i * WORKERS;
            linear_caller_call(caller, &team->mix, number, &worker->calls[i]);
            if (chance(&caller->rng, 2))
                fill(worker);
        }
        (void)pthread_barrier_wait(&team->barrier);
    }
}

/** Something that must not matter to the calls on the watched keys. */
static void keep_busy(struct team *team, struct rng *rng) {
    blitzdb *other = NULL;
    uint32_t key = (uint32_t)rng_below(rng, 50);
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    check(blitzdb_keyspace(team->db, OTHER_SPACE, &other), "keyspace");
    switch (rng_below(rng, 6)) {
    case 0:
        check(blitzdb_flush_keyspace(other), "flush");
        break;
    case 1:
        check(blitzdb_swap_keyspaces(team->db, SWAPPED_SPACE, SWAPPED_SPACE + 1), "swap");
        break;
    case 2:
        check(blitzdb_pump(team->db, NULL), "pump");
        break;
    case 3:
        if (team->is_logged && chance(rng, 4))
            check(blitzdb_snapshot(team->db, NULL), "snapshot");
        break;
    default:
        options.ttl_ms = 1 + (int64_t)rng_below(rng, 3);
        for (unsigned i = 0; i < 20; i++, key++)
            check(blitzdb_set_with(other, &key, sizeof(key), &key, sizeof(key), &options),
                  "set for a moment");
        break;
    }
}

static void *disturb(void *argument) {
    struct worker *worker = argument;
    struct team *team = worker->team;
    for (;;) {
        (void)pthread_barrier_wait(&team->barrier);
        if (team->is_over)
            return NULL;
        for (unsigned i = 0; i < 6; i++)
            keep_busy(team, &worker->caller.rng);
        (void)pthread_barrier_wait(&team->barrier);
    }
}

/** Reads the keys after a round, as calls behind all others. Returns how many. */
static size_t read_end(struct linear_caller *reader, struct linear_call *calls) {
    for (unsigned key = 0; key < KEYS_ONE; key++)
        linear_caller_read(reader, key, &calls[key]);
    return KEYS_ONE;
}

/** Lets all threads make their calls, and checks what they noted. */
static void run_round(struct team *team, struct linear_caller *reader, bool has_many, struct totals *totals) {
    static struct linear_call calls[WORKERS * CALLS + LINEAR_KEYS_MAX];
    struct linear_history history = {.calls = calls};
    struct linear_verdict verdict;
    team->mix = (struct linear_mix){has_many ? KEYS_MANY : KEYS_ONE, has_many};
    memcpy(history.initial, reader->seen, sizeof(history.initial));
    for (unsigned i = 0; i < WORKERS; i++)
        memcpy(team->workers[i].caller.seen, reader->seen, sizeof(reader->seen));
    (void)pthread_barrier_wait(&team->barrier);
    (void)pthread_barrier_wait(&team->barrier);
    for (unsigned i = 0; i < WORKERS; i++, history.count += CALLS)
        memcpy(calls + history.count, team->workers[i].calls, sizeof(team->workers[i].calls));
    history.count += read_end(reader, calls + history.count);
    if (!linear_check(&history, &verdict)) {
        (void)fprintf(stderr, "failed: not linearizable, round %" PRIu64 "; where no order goes on:\n",
                      totals->histories);
        linear_print(stderr, &history, verdict.stuck);
        exit(1);
    }
    totals->histories++;
    totals->operations += history.count;
    totals->overlaps += verdict.overlaps;
    totals->states += verdict.states;
}

/** A disk that takes as long as the others want to run. */
static int yield_instead(void *user, blitzdb_file *file) {
    (void)user;
    (void)file;
    sched_yield();
    return 0;
}

static blitzdb *open_database(const struct setting *setting, const char *path) {
    blitzdb_env env = *blitzdb_env_default();
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *db = NULL;
    env.sync = yield_instead;
    options.env = &env;
    options.shard_count = setting->shards;
    options.background = setting->background;
    options.durability = setting->durability;
    options.log_segment_bytes = 64 * 1024;
    options.sync_interval_ms = 5;
    check(blitzdb_open(path, &options, &db), "open");
    return db;
}

/** What was there in the end is there again. */
static void check_reopened(const struct setting *setting, const char *path, struct linear_caller *reader) {
    int64_t before[LINEAR_KEYS_MAX];
    struct linear_call calls[LINEAR_KEYS_MAX];
    memcpy(before, reader->seen, sizeof(before));
    reader->db = open_database(setting, path);
    (void)read_end(reader, calls);
    expect(memcmp(before, reader->seen, sizeof(before)) == 0,
           "the last values are there after opening again");
    check(blitzdb_close(reader->db), "close");
}

static void run_setting(const struct setting *setting, const char *path, uint64_t operations, uint64_t seed,
                        struct totals *all) {
    static struct worker workers[WORKERS + 1]; /* the last one disturbs */
    struct team team = {.is_logged = setting->is_logged, .workers = workers};
    struct linear_caller reader = {.thread = WORKERS, .rng = {seed}};
    struct totals totals = {0};
    team.db = reader.db = open_database(setting, path);
    for (unsigned key = 0; key < LINEAR_KEYS_MAX; key++)
        reader.seen[key] = LINEAR_ABSENT;
    expect(pthread_barrier_init(&team.barrier, NULL, WORKERS + 2) == 0, "make a barrier");
    for (unsigned i = 0; i <= WORKERS; i++) {
        workers[i] = (struct worker){.team = &team, .caller = {team.db, i, {seed + 1 + i}, {0}}};
        expect(pthread_create(&workers[i].thread, NULL, i < WORKERS ? work : disturb, &workers[i]) == 0,
               "start a thread");
    }
    while (totals.operations < operations)
        run_round(&team, &reader, totals.histories % 2 == 1, &totals);
    team.is_over = true;
    (void)pthread_barrier_wait(&team.barrier);
    for (unsigned i = 0; i <= WORKERS; i++)
        expect(pthread_join(workers[i].thread, NULL) == 0, "join a thread");
    (void)pthread_barrier_destroy(&team.barrier);
    check(blitzdb_close(team.db), "close");
    if (setting->is_logged)
        check_reopened(setting, path, &reader);
    printf("%s: %" PRIu64 " histories, %" PRIu64 " operations, %" PRIu64 " overlapping, %" PRIu64 " states\n",
           setting->name, totals.histories, totals.operations, totals.overlaps, totals.states);
    expect(totals.overlaps > totals.operations / 100, "calls were concurrent");
    all->histories += totals.histories;
    all->operations += totals.operations;
}

/** Whether a fault of the simulated store shows; without a fault, nothing may. */
static bool shows(enum linear_fault fault, uint64_t seed) {
    static struct linear_call calls[WORKERS * CALLS];
    struct rng rng = {seed};
    bool passes = true;
    for (unsigned i = 0; i < 20 && passes; i++) {
        struct linear_mix mix = {KEYS_MANY, true};
        struct linear_history history;
        struct linear_verdict verdict;
        linear_simulate(&rng, &mix, fault, WORKERS, CALLS, calls, &history);
        passes = linear_check(&history, &verdict);
    }
    return !passes;
}

int main(int argc, char **argv) {
    struct totals all = {0};
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 10) : 400000;
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %" PRIu64 "\n", seed);
    expect(!shows(LINEAR_FAULT_NONE, seed), "a simulated store without a fault is linearizable");
    unsigned caught = 0;
    for (enum linear_fault fault = LINEAR_FAULT_NONE + 1; fault < LINEAR_FAULT_COUNT; fault++)
        caught += shows(fault, seed + fault);

    tmpdir_create(&dir);
    for (unsigned i = 0; i < SETTINGS; i++) {
        tmpdir_join(&dir, settings[i].name, path, sizeof(path));
        run_setting(&settings[i], settings[i].is_logged ? path : NULL, operations / SETTINGS, seed + i * 100,
                    &all);
    }
    tmpdir_remove(&dir);
    printf("histories %" PRIu64 ", operations %" PRIu64 ", violations 0, mutants caught %u/%d\n",
           all.histories, all.operations, caught, LINEAR_FAULT_COUNT - 1);
    expect(caught == LINEAR_FAULT_COUNT - 1, "every fault of the simulated store is found");
    return 0;
}
