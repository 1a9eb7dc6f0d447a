/* Many threads on one reader-writer lock, one mutex and one condition: ThreadSanitizer watches the locks, and
 * the numbers show that nothing was lost. Arguments: none. */
#include <stdio.h>
#include <stdlib.h>

#include "lock.h"

enum { THREADS = 8, ROUNDS = 20000 };

struct shared {
    struct bzd_rwlock lock;
    uint64_t left;  /* guarded by `lock`; always equal to `right` when it is free */
    uint64_t right; /* guarded by `lock` */
    struct bzd_mutex mutex;
    struct bzd_condition turned;
    unsigned turn;     /* guarded by `mutex`: whose turn it is */
    unsigned finished; /* guarded by `mutex` */
};

struct worker {
    struct shared *shared;
    unsigned number;
    uint64_t torn; /* reads that saw the two counters differ */
    struct bzd_thread thread;
};

static void expect(int fact, const char *text) {
    if (!fact) {
        fprintf(stderr, "failed: %s\n", text);
        exit(1);
    }
}

static void count_up(struct shared *shared) {
    bzd_rwlock_write_acquire(&shared->lock);
    bzd_rwlock_assert_write_held(&shared->lock);
    shared->left++;
    shared->right++;
    bzd_rwlock_write_release(&shared->lock);
}

static void compare(struct worker *worker) {
    bzd_rwlock_read_acquire(&worker->shared->lock);
    worker->torn += worker->shared->left != worker->shared->right;
    bzd_rwlock_read_release(&worker->shared->lock);
}

static void read_and_write(void *argument) {
    struct worker *worker = argument;
    for (unsigned i = 0; i < ROUNDS; i++)
        if (i % 4 == worker->number % 4)
            count_up(worker->shared);
        else
            compare(worker);
}

/** Each thread waits for its turn and passes it on: a lost wake-up would stop the ring. */
static void pass_the_turn(void *argument) {
    struct worker *worker = argument;
    struct shared *shared = worker->shared;
    for (unsigned i = 0; i < ROUNDS / 50; i++) {
        bzd_mutex_acquire(&shared->mutex);
        while (shared->turn != worker->number)
            bzd_condition_wait_ms(&shared->turned, &shared->mutex, 60000);
        shared->turn = (shared->turn + 1) % THREADS;
        bzd_condition_signal_all(&shared->turned);
        bzd_mutex_release(&shared->mutex);
    }
    bzd_mutex_acquire(&shared->mutex);
    shared->finished++;
    bzd_mutex_release(&shared->mutex);
}

static void run_all(struct shared *shared, void (*body)(void *argument)) {
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = shared, .number = i};
        expect(bzd_thread_start(&workers[i].thread, body, &workers[i]) == BLITZDB_OK, "a thread starts");
    }
    for (unsigned i = 0; i < THREADS; i++) {
        bzd_thread_join(&workers[i].thread);
        expect(workers[i].torn == 0, "no reader sees half a write");
    }
}

int main(void) {
    struct shared shared = {0};
    expect(bzd_rwlock_init(&shared.lock) == BLITZDB_OK, "the reader-writer lock is made");
    expect(bzd_mutex_init(&shared.mutex) == BLITZDB_OK, "the mutex is made");
    expect(bzd_condition_init(&shared.turned) == BLITZDB_OK, "the condition is made");

    run_all(&shared, read_and_write);
    expect(shared.left == (uint64_t)THREADS * ROUNDS / 4, "every write counts");
    run_all(&shared, pass_the_turn);
    expect(shared.finished == THREADS, "the turn went round");

    bzd_condition_deinit(&shared.turned);
    bzd_mutex_deinit(&shared.mutex);
    bzd_rwlock_deinit(&shared.lock);
    printf("%llu writes, %u threads\n", (unsigned long long)shared.left, (unsigned)THREADS);
    return 0;
}
