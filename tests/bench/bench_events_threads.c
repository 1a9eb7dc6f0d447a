/** More threads than processors: throughput of all together and latency of single operations. */
#include "bench_events.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DRAWS = 1 << 22,    /**< items drawn in advance: drawing by Zipf's law takes as long as a GET */
    LATENCY_EVERY = 16, /**< operations, so that the clock does not cost what it measures */
    ROUND_MS = 200,
    ROUNDS = 3,
    THREADS_MAX = 16,
    CROWDS = 5,
};

static const unsigned crowds[CROWDS] = {1, 2, 4, 8, THREADS_MAX};

enum keys { UNIFORM, ZIPF, ONE_HOT, KEYS_COUNT };
static const char *const keys_names[] = {"uniform", "zipf 0.99", "one hot in 100"};

/** What all threads of a round share. */
struct load {
    blitzdb *db;
    const uint32_t *draws;
    unsigned set_percent;
    atomic_bool stop;
    pthread_barrier_t ready;
};

struct worker {
    struct load *load;
    pthread_t thread;
    uint64_t seed, operations;
    struct histogram latency;
};

/** What a round, or the median round, came to. */
struct outcome {
    double rate;  /**< million operations per second, all threads together */
    double share; /**< processor time, as a part of what the threads could have got */
    double p999_us;
};

/** Of 0 to count - 1: rank r with a probability proportional to 1 / (r + 1)^0.99, by bisection in the sums.
 */
static uint32_t *draw_zipf(uint64_t count) {
    double *sums = malloc(count * sizeof *sums);
    uint32_t *draws = malloc(DRAWS * sizeof *draws);
    if (sums == NULL || draws == NULL)
        give_up("no memory for the draws");
    double sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sums[i] = sum += pow((double)i + 1, -0.99);
    uint64_t random = 1;
    uint32_t *item_of_rank = shuffled(count, 2); /* or the frequent ones would be neighbours in memory */
    for (uint64_t i = 0; i < DRAWS; i++) {
        double wanted = (double)(random_next(&random) >> 11) / 9007199254740992.0 * sum;
        uint64_t low = 0, high = count - 1;
        while (low < high) {
            uint64_t middle = (low + high) / 2;
            if (sums[middle] < wanted)
                low = middle + 1;
            else
                high = middle;
        }
        draws[i] = item_of_rank[low];
    }
    free(item_of_rank);
    free(sums);
    return draws;
}

static uint32_t *draw(enum keys keys, uint64_t count) {
    if (keys == ZIPF)
        return draw_zipf(count);
    uint32_t *draws = malloc(DRAWS * sizeof *draws);
    if (draws == NULL)
        give_up("no memory for the draws");
    uint64_t random = 1;
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t number = random_next(&random);
        draws[i] =
            keys == ONE_HOT && number >> 32 < (UINT64_C(1) << 32) / 100 ? 0 : (uint32_t)(number % count);
    }
    return draws;
}

static void work_once(struct load *load, uint32_t item, bool is_set) {
    unsigned char key[KEY_SIZE], value[VALUE_SIZE];
    make_key(key, 0, item);
    blitzdb_status status = is_set ? blitzdb_set(load->db, key, KEY_SIZE, some_value(), VALUE_SIZE)
                                   : blitzdb_get(load->db, key, KEY_SIZE, value, VALUE_SIZE, NULL);
    must(status, is_set ? "blitzdb_set" : "blitzdb_get");
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct load *load = worker->load;
    uint64_t random = worker->seed;
    uint64_t at = random_next(&random) % DRAWS;
    pthread_barrier_wait(&load->ready);
    uint64_t done = 0;
    for (; !atomic_load_explicit(&load->stop, memory_order_relaxed); done++) {
        bool is_set = load->set_percent != 0 && (random_next(&random) >> 32) % 100 < load->set_percent;
        uint32_t item = load->draws[at++ % DRAWS];
        if (done % LATENCY_EVERY != 0) {
            work_once(load, item, is_set);
            continue;
        }
        uint64_t start = wall_ns();
        work_once(load, item, is_set);
        histogram_add(&worker->latency, wall_ns() - start);
    }
    worker->operations = done;
    return NULL;
}

static struct outcome run_round(struct load *load, struct worker *workers, unsigned threads, unsigned round) {
    atomic_store(&load->stop, false);
    pthread_barrier_init(&load->ready, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.load = load, .seed = round * THREADS_MAX + i};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            give_up("cannot start a thread");
    }
    pthread_barrier_wait(&load->ready);
    uint64_t start = wall_ns(), cpu_start = process_cpu_ns();
    pass_time(ROUND_MS);
    uint64_t took = wall_ns() - start, cpu = process_cpu_ns() - cpu_start;
    atomic_store(&load->stop, true);
    static struct histogram all;
    memset(&all, 0, sizeof all);
    uint64_t operations = 0;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        histogram_merge(&all, &workers[i].latency);
        operations += workers[i].operations;
    }
    pthread_barrier_destroy(&load->ready);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    double usable = threads < processors ? threads : (double)processors;
    return (struct outcome){(double)operations * 1000 / (double)took, (double)cpu / (double)took / usable,
                            to_us(histogram_percentile(&all, 0.999))};
}

static int compare_rates(const void *left, const void *right) {
    double difference = ((const struct outcome *)left)->rate - ((const struct outcome *)right)->rate;
    return (difference > 0) - (difference < 0);
}

/** The goal of two threads in relation to one: only reading has one. */
static struct goal goal_of(enum keys keys, unsigned set_percent) {
    if (set_percent != 0 || keys == ZIPF)
        return no_goal();
    return at_least(keys == UNIFORM ? 1.9 : 1.7);
}

static void print_mix(struct bench *bench, enum keys keys, unsigned set_percent,
                      const struct outcome medians[]) {
    char figure[96];
    printf("  %-15s %3u %%", keys_names[keys], set_percent);
    double share = 1;
    for (unsigned i = 0; i < CROWDS; i++) {
        printf("  %6.2f %8.1f", medians[i].rate, medians[i].p999_us);
        snprintf(figure, sizeof figure, "%s; %u %% SET; %u threads", keys_names[keys], set_percent,
                 crowds[i]);
        report_csv(bench, figure, medians[i].rate, "M/s", no_goal());
        snprintf(figure, sizeof figure, "%s; %u %% SET; %u threads; p99.9", keys_names[keys], set_percent,
                 crowds[i]);
        report_csv(bench, figure, medians[i].p999_us, "us", no_goal());
        snprintf(figure, sizeof figure, "%s; %u %% SET; %u threads; processor", keys_names[keys], set_percent,
                 crowds[i]);
        report_csv(bench, figure, medians[i].share * 100, "%", no_goal());
        share = fmin(share, medians[i].share);
    }
    struct goal goal = goal_of(keys, set_percent);
    double scaling = medians[1].rate / medians[0].rate, crowd = medians[CROWDS - 1].rate / medians[1].rate;
    printf("  %5.2f", scaling);
    if (goal.kind == AT_LEAST)
        printf(" >= %.1f", goal.bound);
    else
        printf("       ");
    printf("  %5.2f  %3.0f %%\n", crowd, share * 100);
    fflush(stdout);
    snprintf(figure, sizeof figure, "%s; %u %% SET; 2 threads to 1", keys_names[keys], set_percent);
    report_csv(bench, figure, scaling, "", goal);
    snprintf(figure, sizeof figure, "%s; %u %% SET; 16 threads to 2", keys_names[keys], set_percent);
    report_csv(bench, figure, crowd, "", no_goal());
}

static void measure_mix(struct bench *bench, struct load *load, enum keys keys) {
    static struct worker workers[THREADS_MAX];
    struct outcome outcomes[CROWDS][ROUNDS], medians[CROWDS];
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < CROWDS; i++)
            outcomes[i][round] = run_round(load, workers, crowds[i], round);
    for (unsigned i = 0; i < CROWDS; i++) {
        qsort(outcomes[i], ROUNDS, sizeof outcomes[i][0], compare_rates);
        medians[i] = outcomes[i][ROUNDS / 2];
    }
    print_mix(bench, keys, load->set_percent, medians);
}

void run_threads(struct bench *bench) {
    static const unsigned set_percents[] = {0, 5, 50};
    struct load load = {.db = open_memory(BLITZDB_BACKGROUND_CALLER)};
    atomic_init(&load.stop, false);
    for (uint64_t i = 0; i < bench->items; i++)
        set_item(load.db, 0, i, VALUE_SIZE);
    heading(
        "Million operations per second of all threads and p99.9 of one operation in us, median of %d rounds",
        ROUNDS);
    printf("  %-15s %-5s", "keys", "SET");
    for (unsigned i = 0; i < CROWDS; i++)
        printf("  %7u threads", crowds[i]);
    printf("  2/1    goal  16/2  processor got\n");
    for (enum keys keys = UNIFORM; keys < KEYS_COUNT; keys++) {
        uint32_t *draws = draw(keys, bench->items);
        load.draws = draws;
        for (unsigned i = 0; i < 3; i++) {
            load.set_percent = set_percents[i];
            measure_mix(bench, &load, keys);
        }
        free(draws);
    }
    blitzdb_close(load.db);
}
