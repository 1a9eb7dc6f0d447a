/**
 * @file
 * @brief What a process spent, read from outside: processor time, waits and memory, by its number.
 *
 * Any process of the machine may be asked for, without its help and mostly without special rights (Linux).
 */
#ifndef BLITZDB_BENCHMARK_PROCESS_H
#define BLITZDB_BENCHMARK_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/** What only grows. */
struct process_meter {
    uint64_t cpu_ns;    /**< of all threads; exact where the system lets us read its clock, else in ticks */
    uint64_t ticks_ns;  /**< the same, always in ticks of mostly 10 ms ... */
    uint64_t kernel_ns; /**< ... and the part of that in the system */
    uint64_t waits;     /**< how often a thread that is there now gave its processor back */
};

/** False if there is no such process or it may not be read. */
bool process_read_meter(uint64_t pid, struct process_meter *meter_out);

/**
 * What was spent between two readings. The two clocks do not agree to the tick, so the part in the system is
 * the share that the ticks show of the exact time: never more than the whole.
 */
struct process_meter process_spent(const struct process_meter *before, const struct process_meter *after);

/** Resident bytes now; 0 if there is no such process. */
uint64_t process_resident(uint64_t pid);

/** Processor time of this program so far. */
uint64_t process_own_cpu_ns(void);

#endif
