/**
 * @file
 * @brief What the scenarios of bench_events share: clocks, latencies, resident memory, keys, upkeep, output.
 *
 * A scenario is one function that prints a small table, every figure beside the goal it has, if any. Nothing
 * is asserted: a goal that is missed is printed as missed. What cannot go wrong in a healthy run ends the
 * program. Times are in nanoseconds until they are printed.
 */
#ifndef BLITZDB_BENCH_EVENTS_H
#define BLITZDB_BENCH_EVENTS_H

#include <stdint.h>
#include <stdio.h>

#include <blitzdb/blitzdb.h>

/** One run of one scenario. */
struct bench {
    const char *scenario;
    uint64_t items; /**< what the scenario says they are, see its line in bench_events.c */
    FILE *csv;      /**< NULL: none */
};

void run_churn(struct bench *bench);
void run_expire(struct bench *bench);
void run_expire_background(struct bench *bench);
void run_flood(struct bench *bench);
void run_grow(struct bench *bench);
void run_shrink(struct bench *bench);
void run_threads(struct bench *bench);
void run_tiny(struct bench *bench);
void run_truth(struct bench *bench);
void run_writer(struct bench *bench);

/** Runs a part of a scenario in a process of its own, so that its memory is all that is counted. */
void run_in_child(struct bench *bench, void (*part)(struct bench *bench));

/** Ends the program with a message. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Ends the program unless the call succeeded. */
void must(blitzdb_status status, const char *call);

/* Clocks */

uint64_t wall_ns(void);
/** Processor time of this thread: other work on the machine does not count, waiting for a lock neither. */
uint64_t cpu_ns(void);
/** Processor time of all threads. */
uint64_t process_cpu_ns(void);
int64_t unix_ms(void);
/** Lets time pass between two samples. */
void pass_time(int milliseconds);

/* Latencies */

enum {
    HISTOGRAM_STEPS = 32, /**< per power of two: a percentile is at most 3 % too high */
    HISTOGRAM_SIZE = 64 * HISTOGRAM_STEPS,
};

/** Counts in buckets whose width grows with the value; all zero is empty. */
struct histogram {
    uint64_t count;
    uint64_t longest_ns;
    uint64_t buckets[HISTOGRAM_SIZE];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);
/** The smallest latency that so large a part of all (0 to 1) does not exceed. */
uint64_t histogram_percentile(const struct histogram *histogram, double part);

/* Memory */

/** From /proc/self/smaps_rollup, exact but slow: it walks the page tables. */
struct memory {
    uint64_t resident;  /**< Rss: every page of the process that is in memory, huge ones included */
    uint64_t anonymous; /**< of these, memory that belongs to no file: what a program allocates */
    uint64_t huge;      /**< of these, in huge pages */
};

struct memory memory_now(void);
/** The first of them from /proc/self/statm, quick and up to a few hundred KiB off: for samples. */
uint64_t resident_now(void);
/** What blitzdb_stats() says. */
blitzdb_stats_info stats_of(blitzdb *db);

/* Keys and values */

enum { KEY_SIZE = 16, VALUE_SIZE = 64, VALUE_SIZE_MAX = 2000 };

/** SplitMix64's finalizer (Steele, Lea, Flood, 2014): a permutation of the 64-bit numbers. */
uint64_t mix(uint64_t number);
/** The next number of a generator whose state is one word. */
uint64_t random_next(uint64_t *state);
/** The numbers below `count` in random order, and all their pages in memory; release with free(). */
uint32_t *shuffled(uint64_t count, uint64_t seed);
/** Key of an item; two groups have no key in common. */
void make_key(unsigned char key[KEY_SIZE], unsigned group, uint64_t item);
/** Bytes to set: VALUE_SIZE_MAX of them. */
const char *some_value(void);
/** An empty database in memory; ::blitzdb_background. */
blitzdb *open_memory(unsigned background);
void set_item(blitzdb *db, unsigned group, uint64_t item, size_t value_size);

/* Upkeep, as a program does it that has no thread for it */

struct pump {
    blitzdb *db;
    uint64_t due_ns;     /**< when blitzdb_pump() asked to be called again */
    uint64_t calls;      /**< made so far */
    uint64_t longest_ns; /**< the longest of them */
    uint64_t total_ns;   /**< all of them */
};

/** Calls blitzdb_pump() if it is time to. */
void pump_if_due(struct pump *pump);
/** What blitzdb_pump() asked to wait, in milliseconds from now. */
int pump_wait_ms(const struct pump *pump);
/**
 * Pumps until the resident memory has not fallen by 1 % for ten seconds, or `limit_s` have passed. Returns
 * the seconds it took to the last such fall.
 */
double pump_until_settled(struct pump *pump, double limit_s);

/* Output */

/** What a figure ought to be. */
struct goal {
    enum { NO_GOAL, AT_MOST, AT_LEAST, WITHIN } kind; /**< WITHIN: as far from zero in either direction */
    double bound;
};

struct goal no_goal(void);
struct goal at_most(double bound);
struct goal at_least(double bound);
struct goal within(double bound);

/** Prints one line of the table, and one of the CSV file; NAN stands for "never". */
void report(struct bench *bench, const char *figure, double value, const char *unit, struct goal goal);
/** Only the line of the CSV file: for those who print tables of another shape. */
void report_csv(struct bench *bench, const char *figure, double value, const char *unit, struct goal goal);
/** Prints a line between the figures. */
void heading(const char *format, ...) __attribute__((format(printf, 1, 2)));
double to_mib(uint64_t bytes);
double to_us(uint64_t ns);
double to_s(uint64_t ns);

#endif
