/* What a host program relies on: a forked child gets a defined error, descriptors do not leak into an exec,
 * one directory has one owner, two databases share nothing, and nothing is printed. A program of its own
 * because Criterion forks as well. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embedding.h"
#include "tmpdir.h"

#define expect embedding_expect

static unsigned cases;

/** Every kind of call in the child of a fork; returns the exit status of the child. */
static int calls_in_child(blitzdb *db, blitzdb_batch *batch) {
    blitzdb *keyspace;
    blitzdb_txn *txn;
    blitzdb_key key = {"k", 1, 0};
    uint64_t cursor = 0, count;
    char byte;
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    blitzdb_status statuses[] = {
        blitzdb_set(db, "k", 1, "w", 1),
        blitzdb_get(db, "k", 1, &byte, 1, NULL),
        blitzdb_del(db, "k", 1),
        blitzdb_increment(db, "n", 1, 1, NULL),
        blitzdb_batch_commit(batch, 0, NULL),
        blitzdb_txn_begin(db, &key, 1, &txn),
        blitzdb_scan(db, &cursor, NULL, 0, 0, NULL, NULL),
        blitzdb_count(db, &count, NULL),
        blitzdb_keyspace(db, 1, &keyspace),
        blitzdb_flush_all(db),
        blitzdb_sync(db),
        blitzdb_snapshot(db, NULL),
        blitzdb_snapshot_to(db, "nowhere", NULL),
        blitzdb_snapshot_cancel(db),
        blitzdb_with_durability(db, 0, &keyspace),
        blitzdb_write_out(db),
        blitzdb_pump(db, NULL),
        blitzdb_stats(db, &stats),
        blitzdb_close(db),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i] != BLITZDB_FORKED)
            return (int)i + 1;
    return 0;
}

static void test_fork(const char *path) {
    blitzdb *db = embedding_open(path);
    blitzdb_batch *batch;
    expect(blitzdb_set(db, "k", 1, "v", 1) == BLITZDB_OK, "set before fork");
    expect(blitzdb_batch_create(db, &batch) == BLITZDB_OK, "create a batch");
    expect(blitzdb_batch_set(batch, "k", 1, "b", 1, NULL) == BLITZDB_OK, "add to the batch");
    pid_t child = fork();
    if (child == 0)
        _exit(calls_in_child(db, batch));
    int status = -1;
    expect(child > 0 && waitpid(child, &status, 0) == child, "fork and wait");
    expect(WIFEXITED(status), "the child ends by itself");
    if (WEXITSTATUS(status) != 0)
        fprintf(stderr, "call %d in the child did not answer BLITZDB_FORKED\n", WEXITSTATUS(status) - 1);
    expect(WEXITSTATUS(status) == 0, "every call in the child answers BLITZDB_FORKED");
    char value;
    expect(blitzdb_get(db, "k", 1, &value, 1, NULL) == BLITZDB_OK && value == 'v', "the parent is unharmed");
    blitzdb_batch_destroy(batch);
    expect(blitzdb_close(db) == BLITZDB_OK, "close in the parent");
    cases++;
}

enum { WRITERS = 4, FORKS = 30 };

/** A thread that keeps a database busy until it is told to end, and knows what it did. */
struct writer {
    blitzdb *db;
    _Atomic int *is_over;
    char name;
    int64_t counted;
    pthread_t thread;
};

static void *keep_busy(void *argument) {
    struct writer *writer = argument;
    while (!atomic_load(writer->is_over)) {
        blitzdb_key keys[] = {{"a", 1, 0}, {"b", 1, 0}};
        blitzdb_txn *txn;
        expect(blitzdb_increment(writer->db, &writer->name, 1, 1, NULL) == BLITZDB_OK, "increment");
        expect(blitzdb_txn_begin(writer->db, keys, 2, &txn) == BLITZDB_OK, "begin");
        expect(blitzdb_txn_set(txn, 0, &writer->name, 1, 0) == BLITZDB_OK, "set in a transaction");
        sched_yield(); /* a fork finds the locks held */
        expect(blitzdb_txn_commit(txn, 0) == BLITZDB_OK, "commit");
        if (writer->counted % 16 == 0)
            expect(blitzdb_sync(writer->db) == BLITZDB_OK, "sync");
        writer->counted++;
    }
    return NULL;
}

/** What a child may do: be refused, and have a database of its own. No lock of the parent is waited for. */
static int work_in_child(blitzdb *db) {
    blitzdb *own = NULL;
    char byte;
    if (blitzdb_get(db, "a", 1, &byte, 1, NULL) != BLITZDB_FORKED ||
        blitzdb_set(db, "a", 1, "c", 1) != BLITZDB_FORKED)
        return 1;
    if (blitzdb_flush_all(db) != BLITZDB_FORKED || blitzdb_close(db) != BLITZDB_FORKED)
        return 2;
    if (blitzdb_open(NULL, NULL, &own) != BLITZDB_OK || blitzdb_set(own, "k", 1, "v", 1) != BLITZDB_OK)
        return 3;
    return blitzdb_close(own) == BLITZDB_OK ? 0 : 4;
}

/** Forks while other threads hold shard locks and the log's mutex, and the library's thread runs. */
static void test_fork_under_load(const char *path) {
    blitzdb *db = embedding_open(path);
    struct writer writers[WRITERS];
    _Atomic int is_over = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.db = db, .is_over = &is_over, .name = (char)('0' + (int)i)};
        expect(pthread_create(&writers[i].thread, NULL, keep_busy, &writers[i]) == 0, "start a writer");
    }
    for (unsigned i = 0; i < FORKS; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            _exit(work_in_child(db));
        expect(child > 0 && waitpid(child, &status, 0) == child, "fork and wait");
        expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child of a busy parent is refused");
    }
    atomic_store(&is_over, 1);
    for (unsigned i = 0; i < WRITERS; i++) {
        int64_t counted = 0;
        expect(pthread_join(writers[i].thread, NULL) == 0, "join a writer");
        expect(blitzdb_increment(db, &writers[i].name, 1, 0, &counted) == BLITZDB_OK, "read a counter");
        expect(counted == writers[i].counted && counted > 0, "the parent lost nothing");
    }
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    cases++;
}

static void test_descriptors(const char *path) {
    blitzdb *db = embedding_open(path);
    DIR *listing = opendir("/proc/self/fd");
    expect(listing != NULL, "list the descriptors");
    unsigned checked = 0;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        int descriptor = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || descriptor <= 2 || descriptor == dirfd(listing))
            continue;
        char link[64], target[512] = {0};
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        if (readlink(link, target, sizeof target - 1) < 0 || strncmp(target, path, strlen(path)) != 0)
            continue;
        expect((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0, "descriptors are close-on-exec");
        checked++;
    }
    closedir(listing);
    expect(checked >= 2, "lock and log were looked at");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    cases++;
}

static void test_one_owner(const char *path) {
    blitzdb *db = embedding_open(path);
    blitzdb_error error;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *second = NULL;
    options.error = &error;
    expect(blitzdb_open(path, &options, &second) == BLITZDB_LOCKED, "a second handle is refused");
    expect(strstr(error.text, path) != NULL, "the message names the directory");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    db = embedding_open(path);
    expect(blitzdb_close(db) == BLITZDB_OK, "the lock is free after close");
    cases++;
}

static void test_two_databases(const char *path) {
    blitzdb *first = embedding_open(path);
    blitzdb *second = embedding_open(NULL);
    expect(blitzdb_set(first, "only here", 9, "1", 1) == BLITZDB_OK, "set in the first");
    expect(blitzdb_exists(second, "only here", 9) == BLITZDB_NOT_FOUND, "the second does not see it");
    expect(blitzdb_flush_all(second) == BLITZDB_OK, "flush the second");
    expect(blitzdb_close(second) == BLITZDB_OK, "close the second");
    expect(blitzdb_exists(first, "only here", 9) == BLITZDB_OK, "the first is as it was");
    expect(blitzdb_close(first) == BLITZDB_OK, "close the first");
    cases++;
}

/** A relative path means the directory it meant at open. */
static void test_change_of_directory(const char *parent) {
    char before[4096];
    blitzdb *db;
    expect(getcwd(before, sizeof before) != NULL && chdir(parent) == 0, "go to the parent");
    db = embedding_open("relative");
    expect(chdir("/") == 0, "go elsewhere");
    expect(blitzdb_set(db, "k", 1, "v", 1) == BLITZDB_OK, "set");
    expect(blitzdb_snapshot(db, NULL) == BLITZDB_OK, "a snapshot goes where the database is");
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    expect(chdir(parent) == 0, "go back");
    db = embedding_open("relative");
    expect(blitzdb_exists(db, "k", 1) == BLITZDB_OK, "it is all there");
    expect(blitzdb_close(db) == BLITZDB_OK && chdir(before) == 0, "close");
    cases++;
}

static sem_t in_sync, go_on;
static int syncs_held; /* set while no other thread runs */

/** A sync that waits, where a thread may be cancelled, until the test lets it go on. */
static int held_sync(void *user, blitzdb_file *file) {
    (void)user;
    (void)file;
    if (syncs_held) {
        sem_post(&in_sync);
        while (sem_wait(&go_on) != 0)
            continue;
    }
    return 0;
}

static void *write_durably(void *db) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.durability = BLITZDB_DURABILITY_ALWAYS;
    expect(blitzdb_set_with(db, "first", 5, "1", 1, &options) == BLITZDB_OK,
           "a cancelled thread ends its write");
    return NULL;
}

/** A thread that is cancelled while it syncs for others does not leave them waiting for it. */
static void test_cancellation(const char *path) {
    blitzdb_env env = *blitzdb_env_default();
    env.sync = held_sync;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = &env;
    blitzdb *db;
    pthread_t thread;
    expect(sem_init(&in_sync, 0, 0) == 0 && sem_init(&go_on, 0, 0) == 0, "make semaphores");
    expect(blitzdb_open(path, &options, &db) == BLITZDB_OK, "open");
    syncs_held = 1;
    expect(pthread_create(&thread, NULL, write_durably, db) == 0, "start a thread");
    while (sem_wait(&in_sync) != 0)
        continue;
    expect(pthread_cancel(thread) == 0, "cancel it");
    sem_post(&go_on);
    expect(pthread_join(thread, NULL) == 0, "join it");
    syncs_held = 0;
    (void)write_durably(db); /* would wait for ever for a leader that is gone */
    expect(blitzdb_close(db) == BLITZDB_OK, "close");
    sem_destroy(&in_sync);
    sem_destroy(&go_on);
    cases++;
}

int main(void) {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    tmpdir_create(&dir);
    tmpdir_join(&dir, "data", path, sizeof path);
    test_fork(path);
    test_fork_under_load(path);
    test_descriptors(path);
    test_one_owner(path);
    test_two_databases(path);
    test_change_of_directory(dir.path);
    test_cancellation(path);
    tmpdir_remove(&dir);
    printf("cases %u/7\n", cases);
    return cases == 7 ? 0 : 1;
}
