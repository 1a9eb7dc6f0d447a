/**
 * @file
 * @brief Lets the power fail before every file call of every short sequence of operations, in every mode and
 *        every way the simulated disk knows, and looks at what recovery makes of it (support/power.h).
 *
 * Usage:
 *     power_loss gate [LENGTH_OF_ALL [LENGTH_OF_CORE [IMAGES [SEED]]]]
 *         all sequences of all operations up to a length (2), and of the core operations up to another (4),
 *         in all modes; where a class of damage has more than IMAGES (1) images at a crash point, so many
 *         are drawn from the seed
 *     power_loss campaign SECONDS [SEED]
 *         sequences, modes and images drawn from the seed until the time is over; ends at the first failure
 *     power_loss replay FILE...
 *         every line of the files that is a specification; lines with # are comments
 *
 * Each failure prints the line that repeats it. Exit status 1 if there is one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/mem_env.h"
#include "../support/power.h"
#include "../support/rng.h"

/** Seconds between two lines of progress. */
#define PROGRESS_S 10
/** Most images of a class in the campaign. */
#define CAMPAIGN_IMAGES 8
/** Longest line of a file of specifications. */
#define LINE_MAX_SIZE 512

static int finish(const struct power_counts *counts) {
    power_counts_print(counts, stdout);
    return power_violations(counts) == 0 && counts->recovered > 0 ? 0 : 1;
}

/** Runs all sequences of a length over the first letters, in all modes. */
static void run_length(struct power_spec *spec, size_t length, unsigned letters, struct rng *seeds,
                       struct power_counts *counts) {
    for (uint64_t number = 0; number < power_sequences(length, letters); number++) {
        power_spec_number(spec, length, letters, number);
        for (spec->mode = 0; spec->mode < POWER_MODES; spec->mode++) {
            spec->seed = rng_next(seeds) >> 32;
            power_run(spec, counts);
        }
    }
}

static uint64_t number_at(int argc, char **argv, int index, uint64_t otherwise) {
    return argc > index ? strtoull(argv[index], NULL, 10) : otherwise;
}

static int gate(int argc, char **argv) {
    uint64_t seed = rng_seed(argc > 5 ? argv[5] : NULL);
    size_t all = number_at(argc, argv, 2, 2);
    size_t core = number_at(argc, argv, 3, 4);
    struct power_spec spec = {.images = number_at(argc, argv, 4, 1)};
    struct power_counts counts = {0};
    struct rng seeds = {seed};
    if (all > POWER_LENGTH_MAX || core > POWER_LENGTH_MAX || spec.images == 0)
        return 2;
    (void)printf("seed %" PRIu64 "\n", seed);
    for (size_t length = 0; length <= all; length++)
        run_length(&spec, length, POWER_LETTERS, &seeds, &counts);
    for (size_t length = all + 1; length <= core; length++)
        run_length(&spec, length, POWER_CORE_LETTERS, &seeds, &counts);
    (void)printf(
        "sequences %" PRIu64 ": all of %d operations up to length %zu and of %d up to length %zu, in "
        "%d modes\n",
        counts.sequences, POWER_LETTERS, all, POWER_CORE_LETTERS, core > all ? core : all, POWER_MODES);
    return finish(&counts);
}

static uint64_t now_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/** Draws a specification; the longer, the more often. */
static void draw(struct power_spec *spec, struct rng *rng) {
    *spec = (struct power_spec){.mode = (unsigned)rng_below(rng, POWER_MODES)};
    spec->length = 2 + rng_below(rng, POWER_LENGTH_MAX - 1);
    for (size_t i = 0; i < spec->length; i++)
        spec->letters[i] = (unsigned)rng_below(rng, POWER_LETTERS);
    spec->images = 1 + rng_below(rng, CAMPAIGN_IMAGES);
    spec->seed = rng_next(rng) >> 32;
}

static int campaign(int argc, char **argv) {
    uint64_t seed = rng_seed(argc > 3 ? argv[3] : NULL);
    uint64_t begin = now_s();
    uint64_t duration = number_at(argc, argv, 2, 0);
    struct power_counts counts = {0};
    struct power_spec spec;
    struct rng rng = {seed};
    (void)printf("seed %" PRIu64 "\n", seed);
    for (uint64_t shown = 0; now_s() - begin < duration && power_violations(&counts) == 0;) {
        draw(&spec, &rng);
        power_run(&spec, &counts);
        uint64_t elapsed = now_s() - begin;
        if (elapsed >= shown + PROGRESS_S) {
            shown = elapsed;
            (void)printf("%" PRIu64 " s, %" PRIu64 " sequences, %" PRIu64 " states per second: ", elapsed,
                         counts.sequences, counts.recovered / elapsed);
            power_counts_print(&counts, stdout);
            (void)fflush(stdout);
        }
    }
    return finish(&counts);
}

static int replay(int argc, char **argv) {
    struct power_counts counts = {0};
    for (int i = 2; i < argc; i++) {
        char line[LINE_MAX_SIZE];
        FILE *file = fopen(argv[i], "r");
        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        while (fgets(line, sizeof(line), file) != NULL) {
            struct power_spec spec;
            if (line[0] == '#')
                continue;
            if (!power_spec_parse(&spec, line)) {
                (void)fprintf(stderr, "%s: not a specification: %s", argv[i], line);
                (void)fclose(file);
                return 2;
            }
            power_run(&spec, &counts);
        }
        (void)fclose(file);
    }
    return finish(&counts);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "gate";
    mem_env_keep_mappings();
    if (strcmp(what, "gate") == 0)
        return gate(argc, argv);
    if (strcmp(what, "campaign") == 0 && argc > 2)
        return campaign(argc, argv);
    if (strcmp(what, "replay") == 0 && argc > 2)
        return replay(argc, argv);
    (void)fprintf(stderr, "usage: power_loss gate [all [core [images [seed]]]] | campaign seconds [seed] | "
                          "replay file...\n");
    return 2;
}
