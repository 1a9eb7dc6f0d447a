/**
 * @file
 * @brief Locks, conditions and the background thread: the only door to pthreads.
 *
 * The reader-writer lock prefers writers that have begun to sleep, which takes microseconds, so that a stream
 * of readers cannot starve one. Builds with assertions remember whether it is held for writing, and by whom.
 * Waiting cannot fail; making a lock can (NO_MEMORY).
 */
#ifndef BZD_LOCK_H
#define BZD_LOCK_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include <blitzdb/status.h>

#include "invariant.h"

/** Reader-writer lock. */
struct bzd_rwlock {
    pthread_rwlock_t native;
#ifndef NDEBUG
    pthread_t writer; /**< valid while `write_held` */
    _Bool write_held; /**< changed by the holder only */
#endif
};

blitzdb_status bzd_rwlock_init(struct bzd_rwlock *lock);
void bzd_rwlock_deinit(struct bzd_rwlock *lock);
void bzd_rwlock_write_acquire(struct bzd_rwlock *lock);
void bzd_rwlock_write_release(struct bzd_rwlock *lock);
/** Waits for a lock that could not be had at once. */
void bzd_rwlock_read_wait(struct bzd_rwlock *lock);

/* Every look-up takes and gives back a lock for reading, so the usual case is inline. */

static inline void bzd_rwlock_read_acquire(struct bzd_rwlock *lock) {
    if (pthread_rwlock_tryrdlock(&lock->native) != 0)
        bzd_rwlock_read_wait(lock);
}

static inline void bzd_rwlock_read_release(struct bzd_rwlock *lock) {
    int error = pthread_rwlock_unlock(&lock->native);
    BZD_ASSERT(error == 0);
    (void)error;
}

/** Asserts that this thread holds the lock for writing. */
void bzd_rwlock_assert_write_held(const struct bzd_rwlock *lock);

/** Mutual exclusion, not recursive. */
struct bzd_mutex {
    pthread_mutex_t native;
};

blitzdb_status bzd_mutex_init(struct bzd_mutex *mutex);
void bzd_mutex_deinit(struct bzd_mutex *mutex);
void bzd_mutex_acquire(struct bzd_mutex *mutex);
void bzd_mutex_release(struct bzd_mutex *mutex);

/** Condition to wait on with a mutex; timed waits use the monotonic clock. */
struct bzd_condition {
    pthread_cond_t native;
};

blitzdb_status bzd_condition_init(struct bzd_condition *condition);
void bzd_condition_deinit(struct bzd_condition *condition);
void bzd_condition_wait(struct bzd_condition *condition, struct bzd_mutex *mutex);
/** Waits at most `timeout_ms`; may return early, as every wait may. */
void bzd_condition_wait_ms(struct bzd_condition *condition, struct bzd_mutex *mutex, uint32_t timeout_ms);
void bzd_condition_wait_ns(struct bzd_condition *condition, struct bzd_mutex *mutex, uint64_t timeout_ns);
void bzd_condition_signal_all(struct bzd_condition *condition);

/** Lets one thread wait until another one posts, once. Unlike a condition it needs no mutex to wake up. */
struct bzd_event {
    sem_t native;
};

void bzd_event_init(struct bzd_event *event);
/** Waits for the post; the event is gone then. */
void bzd_event_wait(struct bzd_event *event);
void bzd_event_post(struct bzd_event *event);

/**
 * Keeps this thread from being cancelled (pthread_cancel) while it does work that others wait for; returns
 * what bzd_cancel_restore() needs to put it back.
 */
int bzd_cancel_disable(void);
void bzd_cancel_restore(int before);

/** A thread of the library: all signals blocked, named "blitzdb". */
struct bzd_thread {
    pthread_t native;
    bool running;
};

/** Processors that this process may use; at least 1. */
uint32_t bzd_processor_count(void);

blitzdb_status bzd_thread_start(struct bzd_thread *thread, void (*body)(void *argument), void *argument);
/** Lets other threads run that can. */
void bzd_thread_yield(void);
/** Waits for the end of a thread that was started; otherwise does nothing. */
void bzd_thread_join(struct bzd_thread *thread);

#endif
