/**
 * @file
 * @brief The inside of the runs with power failures, shared by the files power_*.c only.
 */
#ifndef BLITZDB_TESTS_POWER_INTERNAL_H
#define BLITZDB_TESTS_POWER_INTERNAL_H

#include "mem_env.h"
#include "operation.h"
#include "power.h"

/** Digests of images remembered, so that equal images are looked at once. */
#define POWER_SEEN_MAX 4096
/** What a mode adds to a sequence, and the states around the operations. */
#define POWER_OPERATIONS_MAX (POWER_LENGTH_MAX + 2)
/** Size of a log segment: the least. */
#define POWER_SEGMENT_BYTES 4096

/** How the database is used. */
struct power_mode {
    const char *name;
    uint32_t flags;
    uint32_t durability; /**< of the database */
    bool writes_out;     /**< every operation is handed to the system at once, so that many writes wait */
    bool mixes;          /**< every other write is `always` by itself */
    bool switches;       /**< each reopen takes the other of with and without a log */
    bool fails_sync;     /**< one sync fails; a reopen and a write follow in the end */
};

/** What an operation of a sequence does around its call. */
struct power_letter {
    const char *name;
    uint64_t wait_ms; /**< passes first */
    bool reopens;     /**< it closes and opens instead of a call */
};

extern const struct power_mode power_modes[POWER_MODES];
extern const struct power_letter power_letters[POWER_LETTERS];

/** One sequence being run. */
struct power_state {
    const struct power_spec *spec;
    struct power_counts *counts;
    const struct power_mode *mode;
    struct rng rng;
    struct mem_env *env;
    blitzdb *db;
    uint32_t flags; /**< of the present or the next open */
    size_t count;
    unsigned letters[POWER_OPERATIONS_MAX];
    struct operation operations[POWER_OPERATIONS_MAX];
    struct model states[POWER_OPERATIONS_MAX + 1]; /**< the model after so many operations */
    bool may_be_kept[POWER_OPERATIONS_MAX + 1];    /**< the state can be on disk */
    size_t issued;                                 /**< operations begun */
    size_t durable;                                /**< operations that must survive */
    bool is_exploring;
    bool is_healed; /**< the database was opened again after the failed sync */
    bool is_broken; /**< a violation was found: what follows proves nothing */
    size_t seen_count;
    size_t seen_durable; /**< `durable` of the digests in `seen` */
    uint64_t seen[POWER_SEEN_MAX];
};

/** Which image is being looked at, for reports. */
struct power_sight {
    struct power_state *run;
    enum mem_env_damage damage;
    uint64_t index;
};

/** The operation of a letter; its values tell the position, so that states of different lengths differ. */
struct operation power_operation(unsigned letter, size_t position);

/** Opens the database of an environment as the run does now. */
blitzdb_status power_open(const struct power_state *run, const struct mem_env *env, blitzdb_error *error,
                          blitzdb **db_out);

/** Notes a violation, the first of the run with everything that helps. */
void power_report(const struct power_sight *sight, uint64_t *counter, const char *what);

/** Notes that a call answered wrongly. */
void power_report_status(const struct power_sight *sight, const char *what, blitzdb_status status,
                         const blitzdb_error *error);

/** Notes what is left in the directory of an open database that should not be there. */
void power_check_directory(const struct power_sight *sight, struct mem_env *env);

/** Looks at the present moment: all images of every class, or a sample of them. */
void power_explore(struct power_state *run);

#endif
