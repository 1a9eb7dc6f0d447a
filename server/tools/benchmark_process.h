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
    uint64_t kernel_ns; /**< the part of it in the system, in ticks of mostly 10 ms */
    uint64_t waits;     /**< how often a thread that is there now gave its processor back */
};

/** False if there is no such process or it may not be read. */
bool process_read_meter(uint64_t pid, struct process_meter *meter_out);

/** Resident bytes now; 0 if there is no such process. */
uint64_t process_resident(uint64_t pid);

/** Processor time of this program so far. */
uint64_t process_own_cpu_ns(void);

#endif
