/* When blitzdb-benchmark sends in an open loop: each command once, at its time, whatever the number of
 * threads. */
#include <criterion/criterion.h>

#include "benchmark_schedule.h"

static const uint64_t second_ns = 1000000000;

/** Takes everything; answers the last time. */
static uint64_t take_all(struct schedule *schedule, uint64_t *count_out) {
    uint64_t last = 0;
    *count_out = 0;
    for (uint64_t due; (due = schedule_due(schedule)) != UINT64_MAX; last = due) {
        cr_assert_geq(due, last);
        schedule_take(schedule);
        ++*count_out;
    }
    return last;
}

/* The times of all threads together are those of one. */
Test(benchmark_schedule, threads_share) {
    enum { TOTAL = 1003 };
    const uint64_t rate = 700;
    for (uint64_t threads = 1; threads <= 7; threads++) {
        unsigned seen[TOTAL] = {0};
        for (uint64_t thread = 0; thread < threads; thread++) {
            struct schedule schedule;
            schedule_init(&schedule, 5000, rate, thread, threads, TOTAL);
            for (uint64_t due; (due = schedule_due(&schedule)) != UINT64_MAX; schedule_take(&schedule)) {
                cr_assert_lt(schedule.next, TOTAL);
                cr_assert_eq(due, 5000 + schedule.next * second_ns / rate);
                seen[schedule.next]++;
            }
        }
        for (unsigned i = 0; i < TOTAL; i++)
            cr_assert_eq(seen[i], 1, "command %u of %ju threads", i, (uintmax_t)threads);
    }
}

/* In so many seconds so many commands are due, none of them at the end or later. */
Test(benchmark_schedule, total) {
    static const uint64_t rates[] = {1, 3, 999, 1000, 123457, 1000000000};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        cr_assert_eq(schedule_total(rates[i], second_ns), rates[i]);
        cr_assert_eq(schedule_total(rates[i], 3600 * second_ns), 3600 * rates[i]);
        cr_assert_eq(schedule_total(rates[i], second_ns / 2), rates[i] / 2);
    }

    struct schedule schedule;
    uint64_t count;
    uint64_t total = schedule_total(123457, 3 * second_ns / 2);
    schedule_init(&schedule, 0, 123457, 0, 1, total);
    uint64_t last = take_all(&schedule, &count);
    cr_assert_eq(count, 123457 * 3 / 2);
    cr_assert_lt(last, 3 * second_ns / 2);
    cr_assert_geq(last, 3 * second_ns / 2 - 2 * second_ns / 123457);
}

/* Nothing drifts: the command of the second after a day is due then, to the nanosecond. */
Test(benchmark_schedule, no_drift) {
    const uint64_t rate = 999983;
    struct schedule schedule;
    schedule_init(&schedule, 0, rate, 0, 1, UINT64_MAX);
    schedule.next = 86400 * rate;

    cr_assert_eq(schedule_due(&schedule), 86400 * second_ns);
}

/* Fewer commands than threads. */
Test(benchmark_schedule, few) {
    struct schedule schedule;
    uint64_t count;
    schedule_init(&schedule, 0, 10, 2, 4, 2);
    take_all(&schedule, &count);
    cr_assert_eq(count, 0);
    schedule_init(&schedule, 0, 10, 1, 4, 2);
    take_all(&schedule, &count);
    cr_assert_eq(count, 1);
}
