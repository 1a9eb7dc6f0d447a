/**
 * @file
 * @brief blitzdb-benchmark: drives a server and says how fast it answers and what that cost it.
 *
 * A customer of servers like any other: it speaks the Redis protocol, or memcached's, and knows nothing of
 * the library. The command line becomes settings, settings become compiled commands, threads send those and
 * count replies:
 *
 *     settings -> workload (request, value)
 *              -> worker (link, reply, keys, schedule, histogram) -> run -> report
 */
#include <signal.h>
#include <stdio.h>

#include "benchmark_report.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_WRONG_ANSWERS = 3 };

static void stop(int number) {
    (void)number;
    run_stop();
}

/** The first Ctrl-C ends the run early, the second one the program. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int main(int argc, char **argv) {
    static struct settings settings;
    static struct run_result result;
    char error[ERROR_SIZE] = "";
    enum settings_result parsed = settings_parse(&settings, argc, argv, error);
    if (parsed == SETTINGS_SHOWN)
        return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
    if (parsed == SETTINGS_WRONG) {
        fprintf(stderr, "blitzdb-benchmark: %s\n", error);
        return EXIT_USAGE;
    }
    catch_signals();
    if (!run_benchmark(&settings, &result, error)) {
        fprintf(stderr, "blitzdb-benchmark: %s\n", error);
        return EXIT_FAILED;
    }
    if (!report_print(&settings, &result)) {
        fputs("blitzdb-benchmark: cannot write the result\n", stderr);
        return EXIT_FAILED;
    }
    return result.counts.errors > 0 || result.totals.wrong_values > 0 ? EXIT_WRONG_ANSWERS : 0;
}
