/** What the scenarios share; see bench_events.h. */
#include "bench_events.h"

#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("bench_events: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void must(blitzdb_status status, const char *call) {
    if (status != BLITZDB_OK)
        give_up("%s: %s", call, blitzdb_status_text(status));
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t wall_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t process_cpu_ns(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t unix_ms(void) {
    return (int64_t)(read_clock(CLOCK_REALTIME) / 1000000);
}

void pass_time(int milliseconds) {
    poll(NULL, 0, milliseconds);
}

static unsigned bucket_of(uint64_t ns) {
    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned shift =
        63 - (unsigned)__builtin_clzll(ns) - 5; /* leaves the 5 bits of a step and the leading one */
    return shift * HISTOGRAM_STEPS + (unsigned)(ns >> shift);
}

/** The largest value that belongs to a bucket. */
static uint64_t end_of_bucket(unsigned bucket) {
    if (bucket < HISTOGRAM_STEPS)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t leading = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((leading + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
    histogram->count++;
    histogram->buckets[bucket_of(ns)]++;
    if (ns > histogram->longest_ns)
        histogram->longest_ns = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
    into->count += from->count;
    if (from->longest_ns > into->longest_ns)
        into->longest_ns = from->longest_ns;
    for (unsigned i = 0; i < HISTOGRAM_SIZE; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, double part) {
    uint64_t wanted = (uint64_t)ceil(part * (double)histogram->count);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted)
            return end_of_bucket(i) < histogram->longest_ns ? end_of_bucket(i) : histogram->longest_ns;
    }
    return histogram->longest_ns;
}

struct memory memory_now(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    if (file == NULL)
        give_up("cannot read /proc/self/smaps_rollup");
    struct memory memory = {0};
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long long kib;
        if (sscanf(line, "Rss: %llu kB", &kib) == 1)
            memory.resident = kib * 1024;
        else if (sscanf(line, "Anonymous: %llu kB", &kib) == 1)
            memory.anonymous = kib * 1024;
        else if (sscanf(line, "AnonHugePages: %llu kB", &kib) == 1)
            memory.huge = kib * 1024;
    }
    fclose(file);
    return memory;
}

uint64_t resident_now(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long long pages, resident;
    if (file == NULL || fscanf(file, "%llu %llu", &pages, &resident) != 2)
        give_up("cannot read /proc/self/statm");
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

blitzdb_stats_info stats_of(blitzdb *db) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    must(blitzdb_stats(db, &stats), "blitzdb_stats");
    return stats;
}

uint64_t mix(uint64_t number) {
    number = (number ^ number >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    number = (number ^ number >> 27) * UINT64_C(0x94D049BB133111EB);
    return number ^ number >> 31;
}

uint64_t random_next(uint64_t *state) {
    *state += UINT64_C(0x9E3779B97F4A7C15);
    return mix(*state);
}

uint32_t *shuffled(uint64_t count, uint64_t seed) {
    uint32_t *order = malloc(count * sizeof *order);
    if (order == NULL)
        give_up("no memory for an order of %llu items", (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t other = random_next(&seed) % (i + 1);
        order[i] = order[other];
        order[other] = (uint32_t)i;
    }
    return order;
}

void make_key(unsigned char key[KEY_SIZE], unsigned group, uint64_t item) {
    const uint64_t words[2] = {mix((uint64_t)group << 56 | item), item};
    memcpy(key, words, KEY_SIZE);
}

const char *some_value(void) {
    static char bytes[VALUE_SIZE_MAX];
    if (bytes[0] == 0)
        memset(bytes, 'v', sizeof bytes);
    return bytes;
}

blitzdb *open_memory(unsigned background) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.background = background;
    blitzdb *db;
    must(blitzdb_open(NULL, &options, &db), "blitzdb_open");
    return db;
}

void set_item(blitzdb *db, unsigned group, uint64_t item, size_t value_size) {
    unsigned char key[KEY_SIZE];
    make_key(key, group, item);
    must(blitzdb_set(db, key, KEY_SIZE, some_value(), value_size), "blitzdb_set");
}

void pump_if_due(struct pump *pump) {
    uint64_t start = wall_ns();
    if (start < pump->due_ns)
        return;
    uint32_t next_ms;
    must(blitzdb_pump(pump->db, &next_ms), "blitzdb_pump");
    uint64_t end = wall_ns();
    pump->due_ns = end + (uint64_t)next_ms * 1000000;
    pump->calls++;
    pump->total_ns += end - start;
    if (end - start > pump->longest_ns)
        pump->longest_ns = end - start;
}

int pump_wait_ms(const struct pump *pump) {
    uint64_t now = wall_ns();
    return now >= pump->due_ns ? 0 : (int)((pump->due_ns - now) / 1000000 + 1);
}

double pump_until_settled(struct pump *pump, double limit_s) {
    const double quiet_s = 10, fall = 0.01, sample_s = 0.01;
    uint64_t start = wall_ns();
    double low = (double)resident_now(), settled_s = 0, sampled_s = 0, now_s = 0;
    while (now_s < limit_s && now_s - settled_s < quiet_s) {
        pump_if_due(pump);
        pass_time(pump_wait_ms(pump));
        now_s = to_s(wall_ns() - start);
        if (now_s - sampled_s < sample_s)
            continue;
        sampled_s = now_s;
        double resident = (double)resident_now();
        if (resident < low * (1 - fall)) {
            low = resident;
            settled_s = now_s;
        }
    }
    return settled_s;
}

struct goal no_goal(void) {
    return (struct goal){NO_GOAL, 0};
}

struct goal at_most(double bound) {
    return (struct goal){AT_MOST, bound};
}

struct goal at_least(double bound) {
    return (struct goal){AT_LEAST, bound};
}

struct goal within(double bound) {
    return (struct goal){WITHIN, bound};
}

static bool is_reached(struct goal goal, double value) {
    if (goal.kind == AT_LEAST)
        return value >= goal.bound;
    return goal.kind == WITHIN ? fabs(value) <= goal.bound : value <= goal.bound;
}

/** The goal as text: empty if there is none. */
static void format_goal(struct goal goal, char *text, size_t size) {
    const char *signs[] = {"", "<= ", ">= ", "+- "};
    text[0] = 0;
    if (goal.kind != NO_GOAL)
        snprintf(text, size, "%s%g", signs[goal.kind], goal.bound);
}

void report_csv(struct bench *bench, const char *figure, double value, const char *unit, struct goal goal) {
    char goal_text[32];
    format_goal(goal, goal_text, sizeof goal_text);
    if (bench->csv != NULL)
        fprintf(bench->csv, "%s,\"%s\",%.6g,%s,%s\n", bench->scenario, figure, value, unit, goal_text);
}

/** Three digits or more of a measure; a count as it is. */
static void format_value(double value, const char *unit, char *text, size_t size) {
    int decimals = fabs(value) >= 1000 ? 0 : fabs(value) >= 10 ? 1 : 3;
    if (unit[0] == 0 && value == floor(value))
        decimals = 0;
    if (isnan(value))
        snprintf(text, size, "never");
    else
        snprintf(text, size, "%.*f", decimals, value);
}

void report(struct bench *bench, const char *figure, double value, const char *unit, struct goal goal) {
    char goal_text[32], value_text[32];
    format_goal(goal, goal_text, sizeof goal_text);
    format_value(value, unit, value_text, sizeof value_text);
    const char *verdict = goal.kind == NO_GOAL ? "" : is_reached(goal, value) ? "reached" : "MISSED";
    printf("  %-58s %10s %-8s %-9s %s\n", figure, value_text, unit, goal_text, verdict);
    fflush(stdout);
    report_csv(bench, figure, value, unit, goal);
}

void heading(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("\n ", stdout);
    vprintf(format, arguments);
    fputs("\n", stdout);
    va_end(arguments);
}

double to_mib(uint64_t bytes) {
    return (double)bytes / (1024 * 1024);
}

double to_us(uint64_t ns) {
    return (double)ns / 1000;
}

double to_s(uint64_t ns) {
    return (double)ns / 1e9;
}
