/* Giving way: how long a pause is due, and when there is none. The clocks are the test's. */
#include <criterion/criterion.h>

#include "pace.h"

/** Clocks, in nanoseconds, that only the test moves; a look at the monotonic one may move it. */
static struct { uint64_t monotonic, own, others, monotonic_step; } clocks;

static uint64_t fake_monotonic(void *user) {
    (void)user;
    return clocks.monotonic += clocks.monotonic_step;
}

static void fake_cpu(void *user, uint64_t *thread_out, uint64_t *process_out) {
    (void)user;
    *thread_out = clocks.own;
    *process_out = clocks.own + clocks.others;
}

static blitzdb_env env;
static struct bzd_pace pace;

static void begin(void) {
    clocks.monotonic = clocks.own = clocks.others = 1000000000;
    clocks.monotonic_step = 0;
    env = *blitzdb_env_default();
    env.monotonic_ns = fake_monotonic;
    env.cpu_ns = fake_cpu;
    cr_assert_eq(bzd_pace_init(&pace, &env), BLITZDB_OK);
    bzd_pace_begin(&pace);
}

static void end(void) {
    bzd_pace_deinit(&pace);
}

TestSuite(pace, .init = begin, .fini = end);

/** Lets time pass in which this thread and the others work, some of it. */
static void work(uint64_t elapsed_ns, uint64_t own_ns, uint64_t others_ns) {
    clocks.monotonic += elapsed_ns;
    clocks.own += own_ns;
    clocks.others += others_ns;
    bzd_pace_step(&pace);
}

/* At a tenth, nine times the work is owed; it is waited for once it makes two milliseconds. */
Test(pace, owes_what_others_are_to_have) {
    work(20000000, 0, 20000000);
    cr_assert(pace.others_are_busy);
    work(100000, 100000, 100000);
    cr_assert_eq(pace.owed_ns, 900000);
    work(100000, 100000, 100000);
    cr_assert_eq(pace.owed_ns, 1800000);
    clocks.monotonic_step = 2000000; /* as long as the pause takes on the test's clock */
    work(100000, 100000, 100000);
    cr_assert_eq(pace.owed_ns, 700000, "2.7 ms were owed");
}

/* Nobody waits for nobody. */
Test(pace, no_pause_beside_idle_threads) {
    work(20000000, 20000000, 1000000);
    cr_assert_not(pace.others_are_busy);
    cr_assert_eq(pace.owed_ns, 0);
    work(20000000, 20000000, 1000001);
    cr_assert(pace.others_are_busy, "more than a twentieth of a processor");
    clocks.monotonic_step = 2000000000;
    work(20000000, 0, 0);
    work(0, 0, 0);
    cr_assert_not(pace.others_are_busy);
}

/* The whole share means no pauses, at once. */
Test(pace, whole_share) {
    work(20000000, 0, 20000000);
    work(100000, 100000, 100000);
    cr_assert_eq(pace.owed_ns, 900000);
    bzd_pace_set_share(&pace, 100);
    work(100000, 100000, 100000);
    cr_assert_eq(pace.owed_ns, 0);
    bzd_pace_set_share(&pace, 50);
    work(100000, 100000, 100000);
    cr_assert_eq(pace.owed_ns, 100000);
}

/* Without processor times nothing is known, and nothing is waited for. */
Test(pace, unknown_times) {
    env.cpu_ns = NULL;
    bzd_pace_begin(&pace);
    work(20000000, 20000000, 20000000);
    cr_assert_eq(pace.owed_ns, 0);
}
