/**
 * @file
 * @brief The truth about memory: what blitzdb_stats() says beside what the process gained.
 *
 * Counted is anonymous resident memory (/proc/self/smaps_rollup, "Anonymous": pages that are in memory and
 * belong to no file, huge pages in full), from just before blitzdb_open() on, in a process of its own. Code
 * and files do not count. A part of a huge page that was given back counts as gone, although the kernel keeps
 * it until memory is short.
 */
#include "bench_events.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ITEMS_PER_LOOK = 1000, VALUE_SIZE_MIN = 10, SETTLE_LIMIT_S = 10 };

static uint64_t megabytes(uint64_t count) {
    return count * 1024 * 1024;
}

static size_t fixed_size(uint64_t item) {
    (void)item;
    return VALUE_SIZE;
}

static size_t mixed_size(uint64_t item) {
    return VALUE_SIZE_MIN + mix(item) % (VALUE_SIZE_MAX - VALUE_SIZE_MIN + 1);
}

/** Sets keys until the database says that it has so much; returns their number. */
static uint64_t fill(struct bench *bench, blitzdb *db, size_t (*size_of)(uint64_t item)) {
    uint64_t items = 0;
    while (stats_of(db).memory_bytes < megabytes(bench->items))
        for (unsigned i = 0; i < ITEMS_PER_LOOK; i++, items++)
            set_item(db, 0, items, size_of(items));
    return items;
}

static void compare(struct bench *bench, blitzdb *db, uint64_t before, struct goal goal) {
    blitzdb_stats_info stats = stats_of(db);
    struct memory now = memory_now();
    uint64_t gained = now.anonymous - before;
    report(bench, "accounted", to_mib(stats.memory_bytes), "MiB", no_goal());
    report(bench, "  held for entries", to_mib(stats.arena_bytes), "MiB", no_goal());
    report(bench, "  of it entries", to_mib(stats.entry_bytes), "MiB", no_goal());
    report(bench, "  tables", to_mib(stats.table_bytes), "MiB", no_goal());
    report(bench, "  log buffers", to_mib(stats.log_buffer_bytes), "MiB", no_goal());
    report(bench, "gained by the process", to_mib(gained), "MiB", no_goal());
    report(bench, "  of it huge pages", to_mib(now.huge), "MiB", no_goal());
    double difference = (double)stats.memory_bytes - (double)gained;
    report(bench, "accounted - gained, of gained", difference / (double)gained * 100, "%", goal);
}

static void compare_filled(struct bench *bench, size_t (*size_of)(uint64_t item), const char *what) {
    uint64_t before = memory_now().anonymous;
    struct pump pump = {.db = open_memory(BLITZDB_BACKGROUND_CALLER)};
    uint64_t items = fill(bench, pump.db, size_of);
    heading("%s, %llu items", what, (unsigned long long)items);
    compare(bench, pump.db, before, within(3));

    unsigned char key[KEY_SIZE];
    for (uint64_t i = 0; i < items; i++) {
        make_key(key, 0, i);
        if (mix(~i) % 2 == 0)
            must(blitzdb_del(pump.db, key, KEY_SIZE), "blitzdb_del");
    }
    double settled_s = pump_until_settled(&pump, SETTLE_LIMIT_S);
    heading("The same with half of the keys deleted at random, settled after %.1f s of pumping", settled_s);
    compare(bench, pump.db, before, within(3));
    blitzdb_close(pump.db);
}

static void compare_fixed(struct bench *bench) {
    compare_filled(bench, fixed_size, "Keys of 16 and values of 64 bytes");
}

static void compare_mixed(struct bench *bench) {
    compare_filled(bench, mixed_size, "Keys of 16 and values of 10 to 2000 bytes");
}

static void remove_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        give_up("cannot read %s", path);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(path);
}

static void compare_logged(struct bench *bench) {
    const char *folder = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/bench_events.XXXXXX", folder != NULL ? folder : "/tmp");
    if (mkdtemp(path) == NULL)
        give_up("cannot make %s", path);
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.durability = BLITZDB_DURABILITY_NONE;
    options.snapshot_log_bytes = UINT64_MAX;

    uint64_t before = memory_now().anonymous;
    blitzdb *db;
    must(blitzdb_open(path, &options, &db), "blitzdb_open");
    uint64_t items = fill(bench, db, fixed_size);
    heading("Keys of 16 and values of 64 bytes with a log, %llu items", (unsigned long long)items);
    compare(bench, db, before, within(3));
    blitzdb_close(db);
    remove_directory(path);
}

void run_truth(struct bench *bench) {
    run_in_child(bench, compare_fixed);
    run_in_child(bench, compare_mixed);
    run_in_child(bench, compare_logged);
}
