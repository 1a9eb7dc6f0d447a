/**
 * @file
 * @brief What happens to a database in its hard moments: growing, shrinking, mass expiry, collisions, crowds.
 *
 *     bench_events SCENARIO [--items N] [--csv FILE]
 *
 * One scenario per file, bench_events_*.c; the list is below. Every one runs in a process of its own and
 * prints its figures beside the goals they have. With --csv the figures are appended to a file as well:
 * scenario, figure, value, unit, goal.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_events.h"

struct scenario {
    const char *name;
    void (*run)(struct bench *bench);
    uint64_t items;
    const char *items_are;
    const char *what;
};

static const struct scenario scenarios[] = {
    {"grow", run_grow, 10000000, "keys at the end",
     "latency of each SET while the keys become ten times as many"},
    {"expire", run_expire, 5000000, "keys that expire",
     "GETs and memory while all expire at once, with blitzdb_pump"},
    {"expire-background", run_expire_background, 5000000, "keys that expire",
     "the same with the background thread"},
    {"churn", run_churn, 2000000, "keys", "memory when values of 100 B become 300 B and then 60 B"},
    {"shrink", run_shrink, 5000000, "keys at first", "memory when 95 % of the keys are deleted"},
    {"tiny", run_tiny, 1000, "databases", "memory and time of empty and very small databases"},
    {"flood", run_flood, 100000, "keys of each kind", "keys chosen to collide beside random ones"},
    {"truth", run_truth, 1024, "MiB to fill", "blitzdb_stats beside what the process holds"},
    {"threads", run_threads, 1000000, "keys", "throughput and latency of more threads than processors"},
    {"writer", run_writer, 1000000, "keys", "the longest wait of one writer among readers of its key"},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static void print_usage(FILE *to) {
    fprintf(to, "usage: bench_events SCENARIO [--items N] [--csv FILE]\n\n");
    for (size_t i = 0; i < SCENARIOS; i++) {
        const struct scenario *scenario = &scenarios[i];
        fprintf(to, "  %-18s %s\n  %-18s N: %s, default %llu\n", scenario->name, scenario->what, "",
                scenario->items_are, (unsigned long long)scenario->items);
    }
    fprintf(to, "  %-18s every one of them\n", "all");
}

void run_in_child(struct bench *bench, void (*part)(struct bench *bench)) {
    fflush(NULL); /* or the child would write what is buffered once more */
    pid_t child = fork();
    if (child < 0)
        give_up("cannot start a process");
    if (child == 0) {
        part(bench);
        exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        give_up("%s did not finish", bench->scenario);
}

static FILE *open_csv(const char *path) {
    FILE *csv = fopen(path, "a");
    if (csv == NULL)
        give_up("cannot write %s", path);
    fseek(csv, 0, SEEK_END);
    if (ftell(csv) == 0)
        fprintf(csv, "scenario,figure,value,unit,goal\n");
    return csv;
}

static uint64_t parse_items(const char *text) {
    char *end;
    unsigned long long items = strtoull(text, &end, 10);
    if (*end != 0 || items < 10 || items > UINT32_MAX)
        give_up("--items %s: a number from 10 to %lu is wanted", text, (unsigned long)UINT32_MAX);
    return items;
}

int main(int argument_count, char **arguments) {
    if (argument_count < 2 || strcmp(arguments[1], "--help") == 0) {
        print_usage(argument_count < 2 ? stderr : stdout);
        return argument_count < 2 ? 2 : 0;
    }
    const char *wanted = arguments[1];
    uint64_t items = 0;
    FILE *csv = NULL;
    for (int i = 2; i < argument_count; i += 2) {
        bool has_value = i + 1 < argument_count;
        if (has_value && strcmp(arguments[i], "--items") == 0) {
            items = parse_items(arguments[i + 1]);
        } else if (has_value && strcmp(arguments[i], "--csv") == 0) {
            csv = open_csv(arguments[i + 1]);
        } else {
            print_usage(stderr);
            return 2;
        }
    }
    bool found = false;
    for (size_t i = 0; i < SCENARIOS; i++) {
        const struct scenario *scenario = &scenarios[i];
        if (strcmp(wanted, scenario->name) != 0 && strcmp(wanted, "all") != 0)
            continue;
        found = true;
        struct bench bench = {scenario->name, items != 0 ? items : scenario->items, csv};
        printf("\n%s: %s; %llu %s\n", scenario->name, scenario->what, (unsigned long long)bench.items,
               scenario->items_are);
        run_in_child(&bench, scenario->run);
    }
    if (!found)
        print_usage(stderr);
    return found ? 0 : 2;
}
