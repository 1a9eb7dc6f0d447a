#include "benchmark_workload.h"

#include <stdio.h>

#include "benchmark_random.h"

static bool init_requests(struct workload *workload, const struct settings *settings) {
    if (!request_init_set(&workload->set, settings) || !request_init_get(&workload->get, settings))
        return false;
    if (settings->incr)
        return request_init_incr(&workload->other, settings);
    return settings->command == NULL || request_init_custom(&workload->other, settings);
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

bool workload_init(struct workload *workload, const struct settings *settings, char error[ERROR_SIZE]) {
    uint64_t shares = settings->set_share + settings->get_share;
    *workload = (struct workload){.settings = settings};
    workload->only_other = settings->incr || settings->command != NULL;
    workload->set_below = (settings->set_share << 32) / shares;
    if (!values_init(&workload->values, settings->value_max) || !init_requests(workload, settings)) {
        snprintf(error, ERROR_SIZE, "--command is empty, or there is no memory for a value");
        return false;
    }
    workload->size_max =
        larger(workload->set.size_max, larger(workload->get.size_max, workload->other.size_max));
    return true;
}

void workload_deinit(struct workload *workload) {
    values_deinit(&workload->values);
    request_deinit(&workload->set);
    request_deinit(&workload->get);
    request_deinit(&workload->other);
}

const struct request *workload_choose(const struct workload *workload, uint64_t *random) {
    if (workload->only_other)
        return &workload->other;
    return random_next(random) >> 32 < workload->set_below ? &workload->set : &workload->get;
}
