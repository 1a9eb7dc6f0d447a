/**
 * @file
 * @brief Breaks the library's order of file calls in every single way and proves that the runs with power
 * failures notice it.
 *
 * First the program runs sequences as they are and collects the sites: every way in which the library reaches
 * a write, truncate, sync, rename or directory sync (support/mem_env_mutant.h). Then it makes the mutants
 *
 *   - every sync and directory sync left out;
 *   - every pair of calls that was seen to follow each other swapped: write or truncate and sync, sync and
 *     rename, rename and directory sync, directory sync and removal;
 *   - every rename put off until something was removed.
 *
 * and runs sequences with each until one of them finds a violation. A mutant that survives is a missing test
 * or a superfluous sync.
 *
 * Usage: sync_mutants list SEED
 *            prints every mutant, one a line: number, call, change, and the site as addresses in the library
 *        sync_mutants try SEED LENGTH NUMBER...
 *            tries some of them with sequences up to a length and prints a verdict for each
 *
 * sync_mutants.py, which turns the addresses into names, is what one starts.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/mem_env_mutant.h"
#include "../support/power.h"
#include "../support/program_parts.h"
#include "../support/rng.h"

/** Images of a class; more of them let the process die more often. */
#define IMAGES 4
/** Sequences of all operations up to this length are run to collect the sites. */
#define COLLECTING_LENGTH 2

/** Longer sequences, which reach what the short ones do not: a segment is set aside and used again. */
static const char *const long_sequences[] = {
    "set,set,snapshot,set", "set,set,snapshot,set,set", "rotate,set,snapshot,rotate", "snapshot,snapshot",
    "set,snapshot,reopen",  "snapshot,set,snapshot",    "set,reopen,set,reopen",
};
/** How often each of them is run, with other seeds. */
#define LONG_TIMES 4

/** Most mutants. */
#define MUTANTS_MAX 512

static struct {
    uint64_t seed;
    size_t length;
    struct mem_mutant mutants[MUTANTS_MAX];
    size_t count;
} totals;

/** Runs all sequences of a length until there is a violation. */
static bool run_length(size_t length, unsigned letters, uint64_t images, bool is_quiet) {
    struct power_spec spec = {.images = images, .is_quiet = is_quiet};
    struct power_counts counts = {0};
    struct rng seeds = {totals.seed};
    for (uint64_t number = 0; number < power_sequences(length, letters); number++) {
        power_spec_number(&spec, length, letters, number);
        for (spec.mode = 0; spec.mode < POWER_MODES; spec.mode++) {
            spec.seed = rng_next(&seeds) >> 32;
            power_run(&spec, &counts);
            if (power_violations(&counts) > 0)
                return true;
        }
    }
    return false;
}

/** Runs the longer sequences until there is a violation. */
static bool run_long(uint64_t images, unsigned times, bool is_quiet) {
    struct power_counts counts = {0};
    for (unsigned i = 0; i < times * sizeof(long_sequences) / sizeof(long_sequences[0]); i++) {
        for (unsigned mode = 0; mode < POWER_MODES && power_violations(&counts) == 0; mode++) {
            struct power_spec spec;
            if (!power_spec_set(&spec, long_sequences[i / times]))
                abort();
            spec.mode = mode;
            spec.images = images;
            spec.seed = totals.seed + i;
            spec.is_quiet = is_quiet;
            power_run(&spec, &counts);
        }
    }
    return power_violations(&counts) > 0;
}

/** Copies and snapshots of failed logs, with so many images of a class. */
static bool run_copies(const char *images) {
    char name[] = "sync_mutants";
    char count[8];
    (void)snprintf(count, sizeof(count), "%s", images);
    char *arguments[] = {name, count, NULL};
    return backup_loss_main(2, arguments) != 0 || copy_loss_main(2, arguments) != 0;
}

static bool is_killed(void) {
    if (run_length(0, 1, IMAGES, true) || run_length(1, POWER_LETTERS, IMAGES, true) ||
        run_long(IMAGES, LONG_TIMES, true) || run_copies("2") || run_copies("20"))
        return true;
    for (size_t length = 2; length <= totals.length; length++)
        if (run_length(length, length <= COLLECTING_LENGTH ? POWER_LETTERS : POWER_CORE_LETTERS, IMAGES,
                       true))
            return true;
    return false;
}

static void print_mutant(size_t number) {
    static const char *const changes[] = {"none", "left-out", "swapped-with-", "put-off-until-"};
    const struct mem_mutant *mutant = &totals.mutants[number];
    const struct mem_site *site = mem_mutant_site(mutant->site);
    (void)printf("%zu %s %s%s", number, mem_env_call_name(site->call), changes[mutant->kind],
                 mutant->kind == MEM_MUTANT_LEFT_OUT ? "" : mem_env_call_name(mutant->other));
    for (size_t i = 0; i < site->depth; i++)
        (void)printf(" %p", site->frames[i]);
    (void)printf("\n");
}

/** Tries a mutant in a process of its own: whatever it breaks there, the next one begins anew. */
static void try_mutant(size_t number) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        (void)freopen("/dev/null", "w", stdout);
        (void)freopen("/dev/null", "w", stderr);
        mem_mutant_set(totals.mutants[number]);
        _exit(is_killed() ? 1 : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("sync_mutants");
        exit(2);
    }
    (void)printf("%zu %s\n", number, status == 0 ? "survived" : "killed");
    (void)fflush(stdout);
}

/** Whether the order of two calls that follow each other means anything: data, then their sync, then the
 * name, then its sync, then the removal of what was replaced. */
static bool has_order(enum mem_env_call first, enum mem_env_call second) {
    switch (first) {
    case MEM_CALL_WRITE:
    case MEM_CALL_TRUNCATE:
        return second == MEM_CALL_SYNC;
    case MEM_CALL_SYNC:
        return second == MEM_CALL_RENAME;
    case MEM_CALL_RENAME:
        return second == MEM_CALL_SYNC_DIR;
    default:
        return second == MEM_CALL_REMOVE;
    }
}

static void add(enum mem_mutant_kind kind, size_t site, enum mem_env_call other) {
    if (totals.count == MUTANTS_MAX)
        abort();
    totals.mutants[totals.count++] = (struct mem_mutant){kind, site, other};
}

static void add_mutants_of(size_t index) {
    const struct mem_site *site = mem_mutant_site(index);
    if (site->call == MEM_CALL_SYNC || site->call == MEM_CALL_SYNC_DIR)
        add(MEM_MUTANT_LEFT_OUT, index, MEM_CALL_KINDS);
    for (unsigned call = 0; call < MEM_CALL_KINDS; call++)
        if ((site->followed_by >> call & 1) != 0 && has_order(site->call, (enum mem_env_call)call))
            add(MEM_MUTANT_SWAPPED, index, (enum mem_env_call)call);
    if (site->call == MEM_CALL_RENAME)
        add(MEM_MUTANT_DELAYED, index, MEM_CALL_REMOVE);
}

/** Runs the library as it is, and makes the list of mutants. */
static bool collect(void) {
    mem_mutant_watch();
    for (size_t length = 0; length <= COLLECTING_LENGTH; length++)
        if (run_length(length, POWER_LETTERS, 1, false))
            return false;
    if (run_long(1, 1, false) || run_copies("2"))
        return false;
    for (size_t i = 0; i < mem_mutant_site_count(); i++)
        add_mutants_of(i);
    return true;
}

int main(int argc, char **argv) {
    bool is_list = argc == 3 && strcmp(argv[1], "list") == 0;
    bool is_try = argc > 4 && strcmp(argv[1], "try") == 0;
    if (!is_list && !is_try) {
        (void)fprintf(stderr, "usage: sync_mutants list SEED | try SEED LENGTH NUMBER...\n");
        return 2;
    }
    totals.seed = rng_seed(argv[2]);
    mem_env_keep_mappings();
    /* What the parts print would stand between the lines of the list. */
    int out = dup(STDOUT_FILENO);
    bool is_sound = freopen("/dev/null", "w", stdout) != NULL && collect();
    (void)fflush(stdout);
    if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
        return 2;
    if (!is_sound) {
        (void)fprintf(stderr, "the library fails as it is: repair that first\n");
        return 2;
    }
    for (size_t i = 0; is_list && i < totals.count; i++)
        print_mutant(i);
    totals.length = is_try ? strtoull(argv[3], NULL, 10) : 0;
    for (int i = 4; is_try && i < argc; i++) {
        size_t number = strtoull(argv[i], NULL, 10);
        if (number < totals.count)
            try_mutant(number);
    }
    return 0;
}
