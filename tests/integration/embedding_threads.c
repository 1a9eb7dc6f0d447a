/* Callers' threads in uncomfortable states: cancelled at every call, ended behind every call, with 64 KiB of
 * stack, interrupted by signals all the time. And what the library does to the process's signals: nothing. A
 * program of its own, because signals and threads belong to the process. */
#include "embedding.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tmpdir.h"

#define expect embedding_expect

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK_BYTES = 1024 * 1024 }; /* a sanitizer's own frames are on it as well */
#else
enum { STACK_BYTES = 64 * 1024 };
#endif

static unsigned cases;

/** One call in a thread of its own. */
struct caller {
    struct embedding embedding;
    const struct embedding_call *call;
    _Atomic int has_returned;
};

static void check_works(blitzdb *db) {
    char byte;
    expect(blitzdb_set(db, "alive", 5, "1", 1) == BLITZDB_OK, "the database takes a write");
    expect(blitzdb_get(db, "alive", 5, &byte, 1, NULL) == BLITZDB_OK && byte == '1', "and gives it back");
}

/** A cancellation is pending when the call begins: it must not happen inside. */
static void *call_while_cancelled(void *argument) {
    struct caller *caller = argument;
    expect(pthread_cancel(pthread_self()) == 0, "cancel this thread");
    caller->call->run(&caller->embedding);
    atomic_store(&caller->has_returned, 1);
    pthread_testcancel();
    return caller;
}

static void *call_and_exit(void *argument) {
    struct caller *caller = argument;
    caller->call->run(&caller->embedding);
    atomic_store(&caller->has_returned, 1);
    pthread_exit(NULL);
}

static void *call_only(void *argument) {
    struct caller *caller = argument;
    caller->call->run(&caller->embedding);
    atomic_store(&caller->has_returned, 1);
    return NULL;
}

static void test_cancel_and_exit(const struct embedding *embedding) {
    for (unsigned i = 0; i < embedding_call_count; i++) {
        struct caller caller = {*embedding, &embedding_calls[i], 0};
        pthread_t thread;
        void *result = NULL;
        expect(pthread_create(&thread, NULL, call_while_cancelled, &caller) == 0, "start a thread");
        expect(pthread_join(thread, &result) == 0, "join it");
        if (!caller.has_returned)
            (void)fprintf(stderr, "%s\n", embedding_calls[i].name);
        expect(caller.has_returned, "a call is not cancelled inside");
        expect(result == PTHREAD_CANCELED, "the thread is cancelled behind the call");
        check_works(embedding->db);
        caller.has_returned = 0;
        expect(pthread_create(&thread, NULL, call_and_exit, &caller) == 0, "start a thread");
        expect(pthread_join(thread, NULL) == 0 && caller.has_returned, "a thread ends behind the call");
        check_works(embedding->db);
        cases += 2;
    }
}

/** Runs a call on a painted stack; returns how many bytes of it were used. */
static size_t run_on_small_stack(struct caller *caller) {
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned char *stack =
        mmap(NULL, STACK_BYTES + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(stack != MAP_FAILED && mprotect(stack, 4096, PROT_NONE) == 0, "map a stack with a guard");
    memset(stack + 4096, 0xA5, STACK_BYTES);
    expect(pthread_attr_init(&attributes) == 0, "attributes");
    expect(pthread_attr_setstack(&attributes, stack + 4096, STACK_BYTES) == 0, "set the stack");
    expect(pthread_create(&thread, &attributes, call_only, caller) == 0, "start a thread");
    expect(pthread_join(thread, NULL) == 0 && caller->has_returned, "join it");
    size_t untouched = 0;
    while (untouched < STACK_BYTES && stack[4096 + untouched] == 0xA5)
        untouched++;
    (void)pthread_attr_destroy(&attributes);
    (void)munmap(stack, STACK_BYTES + 4096);
    return STACK_BYTES - untouched;
}

static void test_small_stacks(const struct embedding *embedding) {
    const char *deepest_name = "";
    size_t deepest = 0;
    for (unsigned i = 0; i < embedding_call_count; i++) {
        struct caller caller = {*embedding, &embedding_calls[i], 0};
        size_t used = run_on_small_stack(&caller);
        if (used > deepest) {
            deepest = used;
            deepest_name = embedding_calls[i].name;
        }
        cases++;
    }
    printf("deepest stack: %zu of %d bytes, %s\n", deepest, STACK_BYTES, deepest_name);
}

enum { SIGNALS_LEAST = 100 };

static _Atomic unsigned signals_seen;
static _Atomic int storm_is_over;

static void count_signal(int number) {
    (void)number;
    atomic_fetch_add(&signals_seen, 1);
}

static void *write_in_storm(void *argument) {
    const struct embedding *embedding = argument;
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.durability = BLITZDB_DURABILITY_ALWAYS;
    for (unsigned i = 0; i < 300 || atomic_load(&signals_seen) <= SIGNALS_LEAST; i++)
        expect(blitzdb_set_with(embedding->db, &i, sizeof(i), "v", 1, &options) == BLITZDB_OK,
               "a durable write among signals");
    for (unsigned i = 0; i < 10; i++)
        for (unsigned call = 0; call < embedding_call_count; call++)
            embedding_calls[call].run(embedding);
    atomic_store(&storm_is_over, 1);
    return NULL;
}

/** System calls are interrupted, and not restarted by the kernel. */
static void test_signal_storm(struct embedding *embedding) {
    struct sigaction action = {.sa_handler = count_signal};
    struct sigaction before;
    pthread_t thread;
    expect(sigaction(SIGUSR1, &action, &before) == 0, "install a handler");
    expect(pthread_create(&thread, NULL, write_in_storm, embedding) == 0, "start a thread");
    while (!atomic_load(&storm_is_over)) {
        expect(pthread_kill(thread, SIGUSR1) == 0, "send a signal");
        sched_yield();
    }
    expect(pthread_join(thread, NULL) == 0, "join it");
    expect(sigaction(SIGUSR1, &before, NULL) == 0, "take the handler away");
    expect(atomic_load(&signals_seen) > SIGNALS_LEAST, "signals arrived");
    check_works(embedding->db);
    cases++;
}

/** Notes what the process does with every signal. */
static void note_handlers(struct sigaction handlers[65]) {
    memset(handlers, 0, 65 * sizeof(handlers[0]));
    for (int number = 1; number <= 64; number++)
        (void)sigaction(number, NULL, &handlers[number]); /* two belong to the C library */
}

/** The line of a thread's status that names the signals it blocks; 0 if it is not the library's thread. */
static unsigned long long blocked_by(const char *task) {
    char path[300], line[256];
    int is_ours = 0;
    unsigned long long blocked = 0;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        is_ours = is_ours || strcmp(line, "Name:\tblitzdb\n") == 0;
        (void)sscanf(line, "SigBlk: %llx", &blocked);
    }
    if (file != NULL)
        (void)fclose(file);
    return is_ours ? blocked : 0;
}

static void test_signals_are_left_alone(const char *path) {
    static struct sigaction before[65], after[65];
    sigset_t mask_before, mask_after;
    unsigned threads = 0;
    note_handlers(before);
    expect(pthread_sigmask(SIG_SETMASK, NULL, &mask_before) == 0, "read the mask");
    blitzdb *db = embedding_open(path);
    DIR *tasks = opendir("/proc/self/task");
    expect(tasks != NULL, "list the threads");
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        unsigned long long blocked = entry->d_name[0] == '.' ? 0 : blocked_by(entry->d_name);
        if (blocked == 0)
            continue;
        for (int number = 1; number < 32; number++)
            expect(number == SIGKILL || number == SIGSTOP || (blocked >> (number - 1) & 1) != 0,
                   "the library's thread blocks every signal");
        threads++;
    }
    (void)closedir(tasks);
    expect(threads == 1, "the library's thread was found");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    note_handlers(after);
    expect(pthread_sigmask(SIG_SETMASK, NULL, &mask_after) == 0, "read the mask");
    for (int number = 1; number <= 64; number++) {
        expect(before[number].sa_handler == after[number].sa_handler, "no handler was installed");
        expect(sigismember(&mask_before, number) == sigismember(&mask_after, number), "no mask was changed");
    }
    cases += 3;
}

int main(void) {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX], other[TMPDIR_PATH_MAX];
    tmpdir_create(&dir);
    tmpdir_join(&dir, "data", path, sizeof path);
    tmpdir_join(&dir, "other", other, sizeof other);
    test_signals_are_left_alone(path);
    struct embedding embedding = {embedding_open(path), path, other};
    test_cancel_and_exit(&embedding);
    test_small_stacks(&embedding);
    test_signal_storm(&embedding);
    expect(blitzdb_close(embedding.db) == BLITZDB_OK, "close");
    tmpdir_remove(&dir);
    printf("cases %u/%u\n", cases, 3 * embedding_call_count + 4);
    return cases == 3 * embedding_call_count + 4 ? 0 : 1;
}
