#include "benchmark_schedule.h"

static const uint64_t second_ns = 1000000000;

uint64_t schedule_total(uint64_t rate, uint64_t duration_ns) {
    return duration_ns / second_ns * rate + duration_ns % second_ns * rate / second_ns;
}

void schedule_init(struct schedule *schedule, uint64_t begin_ns, uint64_t rate, uint64_t thread,
                   uint64_t threads, uint64_t total) {
    uint64_t share = total / threads + (thread < total % threads);
    *schedule = (struct schedule){
        .begin_ns = begin_ns, .rate = rate, .next = thread, .threads = threads, .left = share};
}

uint64_t schedule_due(const struct schedule *schedule) {
    if (schedule->left == 0)
        return UINT64_MAX;
    uint64_t seconds = schedule->next / schedule->rate;
    uint64_t rest = schedule->next % schedule->rate;
    return schedule->begin_ns + seconds * second_ns + rest * second_ns / schedule->rate;
}

void schedule_take(struct schedule *schedule) {
    schedule->next += schedule->threads;
    schedule->left--;
}
