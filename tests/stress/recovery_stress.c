/* Opening with several threads: whatever their number, everything that was stored is there, the progress
 * never goes back, a damaged file is refused with the first fault there is, and a canceled open leaves
 * nothing behind.
 *
 * A database on the simulated disk is filled, in a part behind its snapshot, and then opened again and again.
 * Arguments: opens per number of threads (default 2), seed. */
#include <stdlib.h>

#include "mem_env.h"
#include "rng.h"
#include "stamp.h"

enum { KEYS = 30000, IN_SNAPSHOT = 20000, VERSIONS = 3, CHUNK = 1500 };

static unsigned opens = 2;

struct watcher {
    uint64_t bytes_done;
    uint32_t phase;
    unsigned calls;
    unsigned cancel_at; /* 0: never */
};

static int watch(void *user, const blitzdb_progress *progress) {
    struct watcher *watcher = user;
    expect(progress->phase >= watcher->phase, "the log comes behind the snapshot");
    expect(progress->phase > watcher->phase || progress->bytes_done >= watcher->bytes_done,
           "progress does not go back");
    watcher->phase = progress->phase;
    watcher->bytes_done = progress->bytes_done;
    return ++watcher->calls == watcher->cancel_at;
}

static blitzdb_status open_with(struct mem_env *disk, uint32_t threads, struct watcher *watcher,
                                blitzdb_error *error, blitzdb **db_out) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = mem_env_table(disk);
    options.background = BLITZDB_BACKGROUND_THREAD;
    options.snapshot_log_bytes = UINT64_MAX;
    options.shard_count = 32; /* the snapshot locks all: as many as ThreadSanitizer can follow */
    options.recovery_threads = threads;
    options.progress = watch;
    options.progress_user = watcher;
    options.error = error;
    return blitzdb_open("db", &options, db_out);
}

/** Some keys are deleted at last. */
static bool is_there(uint32_t number) {
    return number % 7 != 3;
}

static void set_key(blitzdb *db, uint32_t number, uint64_t version) {
    struct stamped value;
    size_t size = stamp_write(&value, number, 0, version);
    check(blitzdb_set(db, &number, sizeof(number), &value, size), "set");
}

static void fill(struct mem_env *disk) {
    blitzdb *db;
    blitzdb_error error;
    struct watcher watcher = {0};
    char *large = calloc(1, CHUNK);
    expect(large != NULL, "memory");
    check(open_with(disk, 1, &watcher, &error, &db), "open");
    expect(watcher.calls == 0, "a new database has no progress");
    for (uint32_t i = 0; i < IN_SNAPSHOT; i++)
        set_key(db, i, 0);
    for (uint32_t i = 0; i < IN_SNAPSHOT / 10; i++) { /* some blocks of snapshot */
        uint64_t key = UINT64_C(1) << 40 | i;
        check(blitzdb_set(db, &key, sizeof(key), large, CHUNK), "set");
    }
    check(blitzdb_snapshot(db, NULL), "snapshot");
    for (uint64_t version = 1; version < VERSIONS; version++)
        for (uint32_t i = 0; i < KEYS; i++)
            set_key(db, i, version);
    for (uint32_t i = 0; i < KEYS; i++)
        if (!is_there(i))
            check(blitzdb_del(db, &i, sizeof(i)), "delete");
    check(blitzdb_close(db), "close");
    free(large);
}

static void check_key(blitzdb *db, uint32_t number) {
    struct stamped value;
    struct stamped wanted;
    size_t size = 0;
    size_t wanted_size = stamp_write(&wanted, number, 0, VERSIONS - 1);
    blitzdb_status status = blitzdb_get(db, &number, sizeof(number), &value, sizeof(value), &size);
    expect(status == (is_there(number) ? BLITZDB_OK : BLITZDB_NOT_FOUND), "a key is there or not");
    if (is_there(number))
        expect(size == wanted_size && memcmp(&value, &wanted, size) == 0, "the last version counts");
}

static void open_and_check(struct mem_env *disk, uint32_t threads) {
    blitzdb *db;
    blitzdb_error error;
    struct watcher watcher = {0};
    uint64_t keys = 0;
    uint64_t wanted = IN_SNAPSHOT / 10;
    check(open_with(disk, threads, &watcher, &error, &db), "open");
    expect(watcher.calls >= 4, "both phases begin and end");
    for (uint32_t i = 0; i < KEYS; i++) {
        check_key(db, i);
        wanted += is_there(i);
    }
    check(blitzdb_count(db, &keys, NULL), "count");
    expect(keys == wanted, "nothing is invented");
    check(blitzdb_close(db), "close");
}

static void cancel(struct mem_env *disk, uint32_t threads, unsigned at) {
    blitzdb *db = NULL;
    blitzdb_error error;
    struct watcher watcher = {.cancel_at = at};
    uint64_t digest = mem_env_digest(disk);
    int64_t memory = mem_env_live_memory(disk);
    blitzdb_status status = open_with(disk, threads, &watcher, &error, &db);
    expect(status == BLITZDB_CANCELED && db == NULL, "an open is canceled");
    expect(mem_env_digest(disk) == digest, "a canceled open changes nothing");
    expect(mem_env_live_memory(disk) == memory, "a canceled open gives everything back");
}

/** Damages two places of a copy's snapshot: the first one is told. */
static void damage(const struct mem_env *image, uint64_t offset) {
    const blitzdb_env *env = mem_env_table(image);
    const char *path = "db/snapshot-0000000000000001";
    blitzdb_file *file;
    uint8_t byte;
    size_t size;
    expect(env->open(env->user, path, BLITZDB_FILE_WRITE, &file) == 0, "the snapshot is there");
    expect(env->read_at(env->user, file, &byte, 1, offset, &size) == 0 && size == 1, "read");
    byte ^= 1;
    expect(env->write_at(env->user, file, &byte, 1, offset) == 0, "write");
    expect(env->close(env->user, file) == 0, "close");
}

static void refuse(struct mem_env *disk, uint32_t threads) {
    struct mem_env *image = mem_env_kill(disk);
    blitzdb *db;
    blitzdb_error error;
    struct watcher watcher = {0};
    damage(image, 3 << 20);
    damage(image, 1 << 19); /* in the first block */
    expect(open_with(image, threads, &watcher, &error, &db) == BLITZDB_CORRUPT, "damage is refused");
    expect(strstr(error.text, "offset 64:") != NULL, "the first fault is told");
    expect(mem_env_live_memory(image) == 0, "nothing leaks");
    mem_env_destroy(image);
}

int main(int argc, char **argv) {
    if (argc > 1)
        opens = (unsigned)strtoul(argv[1], NULL, 10);
    uint64_t seed = rng_seed(argc > 2 ? argv[2] : NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    struct mem_env *disk = mem_env_create(seed);
    fill(disk);
    for (uint32_t threads = 1; threads <= 8; threads *= 2) {
        for (unsigned i = 0; i < opens; i++)
            open_and_check(disk, threads);
        for (unsigned at = 1; at <= 4; at++)
            cancel(disk, threads, at);
        refuse(disk, threads);
    }
    expect(mem_env_live_memory(disk) == 0 && mem_env_open_files(disk) == 0, "closing gives everything back");
    mem_env_destroy(disk);
    return 0;
}
