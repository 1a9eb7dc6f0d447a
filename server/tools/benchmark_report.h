/**
 * @file
 * @brief The result of blitzdb-benchmark on standard output, for people or for programs.
 */
#ifndef BLITZDB_BENCHMARK_REPORT_H
#define BLITZDB_BENCHMARK_REPORT_H

#include "benchmark_run.h"

/** Prints in the format of the settings; false if the output cannot be written. */
bool report_print(const struct settings *settings, const struct run_result *result);

#endif
