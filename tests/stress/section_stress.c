/* Transfers between accounts by several threads: in sections, and by reading first and then writing in a
 * section that a watched change refuses. Others look at all accounts at once, in sections over everything, by
 * reads of many keys, and while snapshots are taken. The sum never changes, here and after opening again.
 * Argument: operations per thread (default 10000). */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

#include "lock.h"
#include "rng.h"
#include "tmpdir.h"

enum { ACCOUNTS = 12, START = 1000, WORKERS = 6 };

static unsigned operations = 10000;
static _Atomic unsigned refused; /* by a watch */

struct worker {
    blitzdb *db;
    struct rng rng;
    void (*step)(struct worker *worker);
    struct bzd_thread thread;
};

static void check(blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK) {
        fprintf(stderr, "failed: %s: %s\n", what, blitzdb_status_text(status));
        exit(1);
    }
}

static void expect(int fact, const char *what) {
    if (!fact) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static int64_t read_amount(blitzdb *db, uint32_t account) {
    int64_t amount = 0;
    size_t size = 0;
    check(blitzdb_get(db, &account, sizeof account, &amount, sizeof amount, &size), "read an account");
    expect(size == sizeof amount, "an amount is whole");
    return amount;
}

static void write_amount(blitzdb *db, uint32_t account, int64_t amount) {
    check(blitzdb_set(db, &account, sizeof account, &amount, sizeof amount), "write an account");
}

/** Two different accounts. */
static void choose(struct worker *worker, uint32_t accounts[2]) {
    accounts[0] = (uint32_t)rng_below(&worker->rng, ACCOUNTS);
    accounts[1] = (accounts[0] + 1 + (uint32_t)rng_below(&worker->rng, ACCOUNTS - 1)) % ACCOUNTS;
}

static blitzdb_status begin(blitzdb *db, const uint32_t accounts[2], blitzdb_watch **watches,
                            blitzdb_section **section_out) {
    blitzdb_key keys[2] = {{&accounts[0], sizeof accounts[0], 0}, {&accounts[1], sizeof accounts[1], 0}};
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    options.keys = keys;
    options.key_count = 2;
    options.watches = watches;
    options.watch_count = watches == NULL ? 0 : 2;
    return blitzdb_section_begin(db, &options, section_out);
}

/** Reads and writes inside: nobody comes between. The accounts go and come back on the way. */
static void transfer(struct worker *worker) {
    uint32_t accounts[2];
    blitzdb_section *section;
    blitzdb *inside;
    int64_t amount = (int64_t)rng_below(&worker->rng, 10);
    choose(worker, accounts);
    check(begin(worker->db, accounts, NULL, &section), "begin a section");
    check(blitzdb_section_handle(section, 0, &inside), "the handle of a section");
    int64_t from = read_amount(inside, accounts[0]);
    int64_t to = read_amount(inside, accounts[1]);
    check(blitzdb_del(inside, &accounts[0], sizeof accounts[0]), "delete");
    write_amount(inside, accounts[1], to + amount);
    write_amount(inside, accounts[0], from - amount);
    check(blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT), "end a section");
}

/** Reads outside, and writes only if nobody else has written since. */
static void transfer_if_unchanged(struct worker *worker) {
    uint32_t accounts[2];
    blitzdb_watch *watches[2];
    blitzdb_section *section;
    blitzdb *inside;
    choose(worker, accounts);
    for (unsigned i = 0; i < 2; i++)
        check(blitzdb_watch_create(worker->db, &accounts[i], sizeof accounts[i], &watches[i]), "watch");
    int64_t from = read_amount(worker->db, accounts[0]);
    int64_t to = read_amount(worker->db, accounts[1]);
    bzd_thread_yield(); /* let others come between */
    blitzdb_status status = begin(worker->db, accounts, watches, &section);
    if (status == BLITZDB_OK) {
        check(blitzdb_section_handle(section, 0, &inside), "the handle of a section");
        write_amount(inside, accounts[0], from - 7);
        write_amount(inside, accounts[1], to + 7);
        check(blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT), "end a section");
    } else {
        expect(status == BLITZDB_CONDITION_FAILED, "a watched section is refused for a change only");
        refused++;
    }
    for (unsigned i = 0; i < 2; i++)
        blitzdb_watch_destroy(watches[i]);
}

static void add_entry(void *user, const blitzdb_scan_entry *entry) {
    int64_t amount;
    expect(entry->value_size == sizeof amount, "an amount is whole");
    memcpy(&amount, entry->value, sizeof amount);
    *(int64_t *)user += amount;
}

/** Walks over everything at one moment. */
static void sum_in_section(struct worker *worker) {
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    blitzdb_section *section;
    blitzdb *inside;
    int64_t sum = 0;
    uint64_t cursor = 0;
    options.whole = 1;
    options.kind = rng_below(&worker->rng, 2) == 0 ? BLITZDB_SECTION_READS : BLITZDB_SECTION_WRITES;
    check(blitzdb_section_begin(worker->db, &options, &section), "begin a section over everything");
    check(blitzdb_section_handle(section, 0, &inside), "the handle of a section");
    do
        check(blitzdb_scan(inside, &cursor, NULL, 0, 100, add_entry, &sum), "scan");
    while (cursor != 0);
    check(blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT), "end a section");
    expect(sum == ACCOUNTS * START, "the sum in a section is what it was");
}

static void add_view(void *user, const blitzdb_view_entry *entry) {
    int64_t amount;
    expect(entry->value != NULL && entry->value_size == sizeof amount, "every account is there");
    memcpy(&amount, entry->value, sizeof amount);
    *(int64_t *)user += amount;
}

static void sum_by_view(struct worker *worker) {
    uint32_t accounts[ACCOUNTS];
    const void *keys[ACCOUNTS];
    size_t sizes[ACCOUNTS];
    int64_t sum = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        accounts[i] = i;
        keys[i] = &accounts[i];
        sizes[i] = sizeof accounts[i];
    }
    check(blitzdb_view(worker->db, ACCOUNTS, keys, sizes, add_view, &sum), "view");
    expect(sum == ACCOUNTS * START, "the sum of a view is what it was");
}

static void snapshot_sometimes(struct worker *worker) {
    if (rng_below(&worker->rng, 500) == 0)
        check(blitzdb_snapshot(worker->db, NULL), "snapshot");
    sum_by_view(worker);
}

static void work(void *argument) {
    struct worker *worker = argument;
    for (unsigned i = 0; i < operations; i++)
        worker->step(worker);
}

int main(int argc, char **argv) {
    static void (*const steps[WORKERS])(struct worker *) = {
        transfer, transfer_if_unchanged, transfer, transfer_if_unchanged, sum_in_section, snapshot_sometimes};
    static struct worker workers[WORKERS];
    struct tmpdir directory;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *db;
    operations = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : operations;
    tmpdir_create(&directory);
    options.background = BLITZDB_BACKGROUND_THREAD;
    options.shard_count = 32; /* ThreadSanitizer counts up to 64 locks at once */
    check(blitzdb_open(directory.path, &options, &db), "open");
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        write_amount(db, i, START);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].db = db;
        workers[i].step = steps[i];
        workers[i].rng.state = i;
        check(bzd_thread_start(&workers[i].thread, work, &workers[i]), "start a thread");
    }
    for (unsigned i = 0; i < WORKERS; i++)
        bzd_thread_join(&workers[i].thread);
    check(blitzdb_close(db), "close");
    check(blitzdb_open(directory.path, &options, &db), "open again");
    struct worker last = {.db = db};
    sum_by_view(&last);
    check(blitzdb_close(db), "close again");
    tmpdir_remove(&directory);
    printf("%u operations per thread, %u refused by a watch\n", operations, atomic_load(&refused));
    return 0;
}
