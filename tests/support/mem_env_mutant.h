/**
 * @file
 * @brief Mutants of the library's order of file calls, made on the simulated disk: one sync left out, or one
 * call made after the call that should follow it.
 *
 * The library is not touched and needs no hooks: a call is known by its *site*, the return addresses from the
 * environment up to where the library was entered. So every call in lib/ that a test reaches is a site by
 * itself, also one that was written today, and a function that several others use to sync is as many sites as
 * there are ways to it.
 *
 * For this the library has to be the shared one, whose addresses can be told from those of the test. The
 * settings hold for the whole process, as recoveries run in environments of their own; one thread.
 */
#ifndef BLITZDB_TESTS_MEM_ENV_MUTANT_H
#define BLITZDB_TESTS_MEM_ENV_MUTANT_H

#include "mem_env.h"

/** Most return addresses that tell two sites apart, innermost first. */
#define MEM_SITE_DEPTH 5
/** Most sites. */
#define MEM_SITES_MAX 256

/** A call of the library. */
struct mem_site {
    enum mem_env_call call;
    size_t depth;
    void *frames[MEM_SITE_DEPTH]; /**< return addresses, counted from the start of the library */
    unsigned followed_by;         /**< kinds of changing calls seen right after it, a bit each */
};

/** What is wrong. */
enum mem_mutant_kind {
    MEM_MUTANT_NONE,
    MEM_MUTANT_LEFT_OUT, /**< the call answers 0 and does nothing */
    MEM_MUTANT_SWAPPED,  /**< it is made after the next changing call if that is of the kind `other` */
    MEM_MUTANT_DELAYED,  /**< it is made after the next call of the kind `other`, whatever is between */
};

/** One mutant. */
struct mem_mutant {
    enum mem_mutant_kind kind;
    size_t site; /**< index */
    enum mem_env_call other;
};

/** Begins to collect sites. */
void mem_mutant_watch(void);

/** Puts a mutant in the place of the one before; its `kind` may be ::MEM_MUTANT_NONE. */
void mem_mutant_set(struct mem_mutant mutant);

/** Number of sites found so far. */
size_t mem_mutant_site_count(void);

/** One of them. */
const struct mem_site *mem_mutant_site(size_t index);

/** How often the mutant has changed something since it was set. */
uint64_t mem_mutant_hits(void);

#endif
