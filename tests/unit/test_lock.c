/* Locks, conditions and threads, as far as one observer can tell; tests/stress/lock_stress.c has the crowd.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>

#include "lock.h"

/* Readers share; who writes holds it alone and is known for it. */
Test(rwlock, read_and_write) {
    struct bzd_rwlock lock;
    cr_assert_eq(bzd_rwlock_init(&lock), BLITZDB_OK);

    bzd_rwlock_read_acquire(&lock);
    cr_assert_neq(pthread_rwlock_trywrlock(&lock.native), 0);
    cr_assert_eq(pthread_rwlock_tryrdlock(&lock.native), 0);
    bzd_rwlock_read_release(&lock);
    bzd_rwlock_read_release(&lock);

    bzd_rwlock_write_acquire(&lock);
    bzd_rwlock_assert_write_held(&lock);
    cr_assert_neq(pthread_rwlock_tryrdlock(&lock.native), 0);
    bzd_rwlock_write_release(&lock);
    bzd_rwlock_deinit(&lock);
}

/* A timed wait that nobody wakes comes back, and holds the mutex again. */
Test(condition, wait_times_out, .timeout = 60) {
    struct bzd_mutex mutex;
    struct bzd_condition condition;
    cr_assert_eq(bzd_mutex_init(&mutex), BLITZDB_OK);
    cr_assert_eq(bzd_condition_init(&condition), BLITZDB_OK);

    bzd_mutex_acquire(&mutex);
    bzd_condition_wait_ms(&condition, &mutex, 0);
    bzd_condition_wait_ms(&condition, &mutex, 20);
    bzd_condition_wait_ms(&condition, &mutex, 999);
    cr_assert_neq(pthread_mutex_trylock(&mutex.native), 0);
    bzd_mutex_release(&mutex);

    bzd_condition_deinit(&condition);
    bzd_mutex_deinit(&mutex);
}

/** What a thread saw of itself. */
struct seen {
    struct bzd_mutex mutex;
    struct bzd_condition changed;
    bool go;
    sigset_t mask;
    char name[16];
};

static void look_at_itself(void *argument) {
    struct seen *seen = argument;
    bzd_mutex_acquire(&seen->mutex);
    while (!seen->go)
        bzd_condition_wait(&seen->changed, &seen->mutex);
    bzd_mutex_release(&seen->mutex);
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
}

/* A thread gets its argument, has every signal blocked and a name; the starter's own mask is as before. */
Test(thread, starts_with_signals_blocked, .timeout = 60) {
    struct seen seen = {.go = false};
    struct bzd_thread thread;
    sigset_t before;
    sigset_t after;
    cr_assert_eq(bzd_mutex_init(&seen.mutex), BLITZDB_OK);
    cr_assert_eq(bzd_condition_init(&seen.changed), BLITZDB_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &before);

    cr_assert_eq(bzd_thread_start(&thread, look_at_itself, &seen), BLITZDB_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    bzd_mutex_acquire(&seen.mutex);
    seen.go = true;
    bzd_condition_signal_all(&seen.changed);
    bzd_mutex_release(&seen.mutex);
    bzd_thread_join(&thread);

    const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        cr_assert_eq(sigismember(&seen.mask, signals[i]), 1);
        cr_assert_eq(sigismember(&after, signals[i]), sigismember(&before, signals[i]));
    }
    cr_assert_str_eq(seen.name, "blitzdb");
    bzd_condition_deinit(&seen.changed);
    bzd_mutex_deinit(&seen.mutex);
}

/* Joining what was never started, or twice, does nothing. */
Test(thread, join_without_start) {
    struct bzd_thread thread = {.running = false};

    bzd_thread_join(&thread);
    bzd_thread_join(&thread);

    cr_assert_not(thread.running);
}

/* A process that may use one processor only has one; there is always one at least. */
Test(thread, processors_are_those_allowed) {
    cpu_set_t one;
    cpu_set_t allowed;
    cr_assert_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    cr_assert_eq(bzd_processor_count(), (uint32_t)CPU_COUNT(&allowed));
    size_t number = 0;
    while (!CPU_ISSET(number, &allowed))
        number++;
    CPU_ZERO(&one);
    CPU_SET(number, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);

    cr_assert_eq(bzd_processor_count(), 1);
}
