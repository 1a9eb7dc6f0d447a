#include "lock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "invariant.h"

enum {
    /* A lock is held for less than the time it takes to sleep and to be woken: so wait a few microseconds
     * first. */
    ACTIVE_TRIES = 50,
    /* If that was not enough, the holder may have lost its processor: let it run. */
    TRIES_MAX = ACTIVE_TRIES + 20,
};

/** Misuse is the only way these calls can fail once the object exists. */
static void expect_success(int error) {
    BZD_ASSERT(error == 0);
    (void)error;
}

static blitzdb_status status_of(int error) {
    return error == 0 ? BLITZDB_OK : BLITZDB_NO_MEMORY;
}

blitzdb_status bzd_rwlock_init(struct bzd_rwlock *lock) {
    pthread_rwlockattr_t attributes;
    int error = pthread_rwlockattr_init(&attributes);
    if (error != 0)
        return status_of(error);
#ifdef __GLIBC__
    /* The default lets readers overtake; the recursive kind of this preference would do the same. */
    expect_success(pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
#endif
    error = pthread_rwlock_init(&lock->native, &attributes);
    expect_success(pthread_rwlockattr_destroy(&attributes));
#ifndef NDEBUG
    lock->write_held = false;
#endif
    return status_of(error);
}

void bzd_rwlock_deinit(struct bzd_rwlock *lock) {
    expect_success(pthread_rwlock_destroy(&lock->native));
}

/** Tells the processor that this thread waits for another one. */
static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/** Waits a little before the next try. */
static void pause_for(unsigned tries) {
    if (tries < ACTIVE_TRIES)
        relax();
    else
        sched_yield();
}

/** Tries, then sleeps. A call from within a transaction asks for a lock that its thread holds, which is
 * refused as a deadlock: it waits for itself then, as documented, and never goes on without the lock. */
static void wait_for(pthread_rwlock_t *lock, int (*attempt)(pthread_rwlock_t *),
                     int (*sleep_for)(pthread_rwlock_t *)) {
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        pause_for(tries);
        if (attempt(lock) == 0)
            return;
    }
    while (sleep_for(lock) != 0)
        sched_yield();
}

void bzd_rwlock_read_wait(struct bzd_rwlock *lock) {
    wait_for(&lock->native, pthread_rwlock_tryrdlock, pthread_rwlock_rdlock);
}

void bzd_rwlock_write_acquire(struct bzd_rwlock *lock) {
    if (pthread_rwlock_trywrlock(&lock->native) != 0)
        wait_for(&lock->native, pthread_rwlock_trywrlock, pthread_rwlock_wrlock);
#ifndef NDEBUG
    lock->writer = pthread_self();
    lock->write_held = true;
#endif
}

void bzd_rwlock_write_release(struct bzd_rwlock *lock) {
    bzd_rwlock_assert_write_held(lock);
#ifndef NDEBUG
    lock->write_held = false;
#endif
    expect_success(pthread_rwlock_unlock(&lock->native));
}

void bzd_rwlock_assert_write_held(const struct bzd_rwlock *lock) {
    BZD_ASSERT(lock->write_held);
    BZD_ASSERT(pthread_equal(lock->writer, pthread_self()));
    (void)lock;
}

blitzdb_status bzd_mutex_init(struct bzd_mutex *mutex) {
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    if (error != 0)
        return status_of(error);
#ifndef NDEBUG
    /* Taking it twice, or releasing another thread's, then fails the assertion instead of hanging. */
    expect_success(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK));
#elif defined(__GLIBC__)
    /* Waits actively for a moment, as the reader-writer lock does. */
    expect_success(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP));
#endif
    error = pthread_mutex_init(&mutex->native, &attributes);
    expect_success(pthread_mutexattr_destroy(&attributes));
    return status_of(error);
}

void bzd_mutex_deinit(struct bzd_mutex *mutex) {
    expect_success(pthread_mutex_destroy(&mutex->native));
}

void bzd_mutex_acquire(struct bzd_mutex *mutex) {
    expect_success(pthread_mutex_lock(&mutex->native));
}

void bzd_mutex_release(struct bzd_mutex *mutex) {
    expect_success(pthread_mutex_unlock(&mutex->native));
}

blitzdb_status bzd_condition_init(struct bzd_condition *condition) {
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error != 0)
        return status_of(error);
    expect_success(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    error = pthread_cond_init(&condition->native, &attributes);
    expect_success(pthread_condattr_destroy(&attributes));
    return status_of(error);
}

void bzd_condition_deinit(struct bzd_condition *condition) {
    expect_success(pthread_cond_destroy(&condition->native));
}

void bzd_condition_wait(struct bzd_condition *condition, struct bzd_mutex *mutex) {
    expect_success(pthread_cond_wait(&condition->native, &mutex->native));
}

void bzd_condition_wait_ms(struct bzd_condition *condition, struct bzd_mutex *mutex, uint32_t timeout_ms) {
    bzd_condition_wait_ns(condition, mutex, (uint64_t)timeout_ms * 1000000);
}

void bzd_condition_wait_ns(struct bzd_condition *condition, struct bzd_mutex *mutex, uint64_t timeout_ns) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ns / 1000000000);
    until.tv_nsec += (long)(timeout_ns % 1000000000);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int error = pthread_cond_timedwait(&condition->native, &mutex->native, &until);
    expect_success(error == ETIMEDOUT ? 0 : error);
}

void bzd_condition_signal_all(struct bzd_condition *condition) {
    expect_success(pthread_cond_broadcast(&condition->native));
}

void bzd_event_init(struct bzd_event *event) {
    expect_success(sem_init(&event->native, 0, 0)); /* fails only for a value that is out of range */
}

void bzd_event_wait(struct bzd_event *event) {
    while (sem_wait(&event->native) != 0)
        BZD_ASSERT(errno == EINTR);
    expect_success(sem_destroy(&event->native));
}

void bzd_event_post(struct bzd_event *event) {
    expect_success(sem_post(&event->native));
}

/** What a new thread is to do; lives on the stack of the starting thread until the new one has copied it. */
struct start {
    void (*body)(void *argument);
    void *argument;
    struct bzd_mutex mutex;
    struct bzd_condition changed;
    bool taken; /* guarded by `mutex` */
};

static void *run(void *memory) {
    struct start *start = memory;
    void (*const body)(void *) = start->body;
    void *const argument = start->argument;
    bzd_mutex_acquire(&start->mutex);
    start->taken = true;
    bzd_condition_signal_all(&start->changed);
    bzd_mutex_release(&start->mutex);

    body(argument);
    return NULL;
}

static void wait_until_taken(struct start *start) {
    bzd_mutex_acquire(&start->mutex);
    while (!start->taken)
        bzd_condition_wait(&start->changed, &start->mutex);
    bzd_mutex_release(&start->mutex);
}

/** A new thread inherits the signal mask, so it never runs a moment with a signal open. */
static int create_with_signals_blocked(pthread_t *thread_out, struct start *start) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    expect_success(pthread_sigmask(SIG_SETMASK, &all, &before));
    int error = pthread_create(thread_out, NULL, run, start);
    expect_success(pthread_sigmask(SIG_SETMASK, &before, NULL));
    return error;
}

blitzdb_status bzd_thread_start(struct bzd_thread *thread, void (*body)(void *argument), void *argument) {
    thread->running = false;
    struct start start = {.body = body, .argument = argument};
    blitzdb_status status = bzd_mutex_init(&start.mutex);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_condition_init(&start.changed);
    if (status != BLITZDB_OK)
        goto err_deinit_mutex;

    status = status_of(create_with_signals_blocked(&thread->native, &start));
    if (status == BLITZDB_OK) {
        thread->running = true;
        /* A name is a help for the debugger; a system that refuses it loses nothing. */
        (void)pthread_setname_np(thread->native, "blitzdb");
        wait_until_taken(&start);
    }
    bzd_condition_deinit(&start.changed);
err_deinit_mutex:
    bzd_mutex_deinit(&start.mutex);
    return status;
}

void bzd_thread_yield(void) {
    (void)sched_yield();
}

void bzd_thread_join(struct bzd_thread *thread) {
    if (!thread->running)
        return;
    expect_success(pthread_join(thread->native, NULL));
    thread->running = false;
}

uint32_t bzd_processor_count(void) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1; /* more processors than the set can name: nobody misses one */
    int count = CPU_COUNT(&allowed);
    return count > 0 ? (uint32_t)count : 1;
}

int bzd_cancel_disable(void) {
    int before = PTHREAD_CANCEL_ENABLE;
    expect_success(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before));
    return before;
}

void bzd_cancel_restore(int before) {
    expect_success(pthread_setcancelstate(before, &before));
}
