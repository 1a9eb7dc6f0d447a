/**
 * @file
 * @brief Power failures: runs a short sequence of operations on the simulated disk, lets the power fail
 * before every changing file call of its last operation and of what follows, and judges what recovery makes
 * of it.
 *
 * What is run is a *specification*: a mode, the letters of the operations, a seed and how many images of a
 * class of damage are looked at where there are more. It can be written as text and read again, so that every
 * failure can be repeated and kept.
 *
 * At each crash point images are made in every class of damage (mem_env.h). From each of them
 *
 *   - the database opens, and nothing is left in the directory that should be gone: no temporary file, no
 *     second snapshot, no segment before the log's start, no more bytes than the operations explain;
 *   - what is there equals the state after some prefix of the operations, and that prefix holds everything
 *     that was acknowledged as durable, so nothing is lost, invented, reordered or applied by half;
 *   - if the power fails again right after the open, or after the next operation and a sync, the next open
 *     shows that state;
 *   - for a sample, if the power fails before any call of the recovery, the next recovery finds that state;
 *   - for a sample, if at first only the process dies, and the power fails before any call of the recovery
 *     that follows or right after it, the same holds.
 *
 * The calls of the operations before the last are looked at with the shorter sequences, so who runs all
 * sequences up to a length sees every crash point of each of them.
 */
#ifndef BLITZDB_TESTS_POWER_H
#define BLITZDB_TESTS_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Longest sequence. */
#define POWER_LENGTH_MAX 6
/** Operations there are; the first ::POWER_CORE_LETTERS of them are those that matter most. */
#define POWER_LETTERS 14
#define POWER_CORE_LETTERS 7
/** Ways to use the database. */
#define POWER_MODES 8

/** What to run. */
struct power_spec {
    unsigned mode;
    size_t length;
    unsigned letters[POWER_LENGTH_MAX];
    uint64_t seed;
    uint64_t images; /**< of each class of damage at each crash point, at least 1 */
    bool is_quiet;   /**< violations are counted and not printed */
};

/** What was done and found. */
struct power_counts {
    uint64_t sequences;
    uint64_t crash_points;
    uint64_t recovery_points; /**< crash points during a recovery */
    uint64_t recovered;
    uint64_t lost;
    uint64_t phantom;
    uint64_t torn;
    uint64_t failures; /**< a call answered wrongly, or recovery left something behind */
};

/** Runs a specification and adds to the counts. */
void power_run(const struct power_spec *spec, struct power_counts *counts);

/** Everything that must be 0. */
uint64_t power_violations(const struct power_counts *counts);

/** Sets the letters to the `number`-th sequence of a length over the first `letters` letters. */
void power_spec_number(struct power_spec *spec, size_t length, unsigned letters, uint64_t number);

/** Sets everything to nothing but the letters, to their names with commas between; false: there is no such
 * name. */
bool power_spec_set(struct power_spec *spec, const char *letters);

/** Number of sequences of a length. */
uint64_t power_sequences(size_t length, unsigned letters);

/** Prints a specification as one line: mode, letters, seed, images. */
void power_spec_print(const struct power_spec *spec, FILE *out);

/** Reads such a line; false: it is none. */
bool power_spec_parse(struct power_spec *spec, const char *line);

/** Prints the counts as one line. */
void power_counts_print(const struct power_counts *counts, FILE *out);

#endif
