/**
 * @file
 * @brief Writes the golden directories: make_golden DIRECTORY [NAME...]
 *
 * Each is a folder of DIRECTORY with the files of a small database and, beside them, what it holds as text
 * (expected.txt). Clock and random numbers are fixed, so the same program writes the same bytes again.
 * Without names all are written. A directory that was committed once is never written again: a new version of
 * a format gets new ones, and the old ones stay to be read. Usage and rules: tests/golden/README.md.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "golden.h"
#include "tmpdir.h"

/** Random numbers that are the same in every run. */
static int fixed_random(void *user, void *buffer, size_t size) {
    static uint8_t next = 1;
    (void)user;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buffer)[i] = next++;
    return 0;
}

static void need(bool is_true, const char *what) {
    if (!is_true) {
        (void)fprintf(stderr, "make_golden: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void need_ok(blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK) {
        (void)fprintf(stderr, "make_golden: %s: %s\n", what, blitzdb_status_text(status));
        exit(1);
    }
}

static blitzdb_env env;
static char out_path[512]; /* of expected.txt */

/** Notes that this is what the directory has to show. */
static void note(blitzdb *db) {
    FILE *out = fopen(out_path, "w");
    need(out != NULL, out_path);
    need_ok(golden_print(out, db), "read everything");
    need(fclose(out) == 0, out_path);
}

static blitzdb *open_golden(const char *path, uint32_t flags) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    blitzdb *db = NULL;
    options.env = &env;
    options.flags = flags;
    options.shard_count = 1;
    options.log_segment_bytes = 4096;
    need_ok(blitzdb_open(path, &options, &db), path);
    return db;
}

static void set(blitzdb *db, const char *key, const char *value, int64_t ttl_ms) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.ttl_ms = ttl_ms;
    need_ok(blitzdb_set_with(db, key, strlen(key), value, strlen(value), &options), "set");
}

static blitzdb *keyspace_of(blitzdb *db, unsigned number) {
    blitzdb *keyspace = NULL;
    need_ok(blitzdb_keyspace(db, number, &keyspace), "keyspace");
    return keyspace;
}

/** A snapshot, and a log behind it that changes what the snapshot holds. */
static blitzdb *make_snapshot_and_log(const char *path) {
    blitzdb *db = open_golden(path, 0);
    set(db, "both", "in the snapshot", 0);
    set(db, "gone", "deleted later", 0);
    set(db, "old", "in the snapshot only", 0);
    set(keyspace_of(db, 15), "last", "keyspace", 0);
    need_ok(blitzdb_snapshot(db, NULL), "snapshot");
    set(db, "both", "in the log", 0);
    need_ok(blitzdb_del(db, "gone", 4), "del");
    set(db, "new", "in the log only", 0);
    note(db);
    return db;
}

/** Every type of record, keys and values of all bytes and of none. */
static blitzdb *make_all_records(const char *path) {
    blitzdb *db = open_golden(path, 0);
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    need_ok(blitzdb_set(db, bytes, sizeof bytes, bytes, sizeof bytes), "set");
    need_ok(blitzdb_set(db, NULL, 0, NULL, 0), "set");
    set(db, "deleted", "value", 0);
    set(db, "expiring", "value", 60000);
    set(db, "kept", "value", 60000);
    need_ok(blitzdb_del(db, "deleted", 7), "del");
    need_ok(blitzdb_persist(db, "kept", 4), "persist");
    need_ok(blitzdb_expire(db, "", 0, 1000), "expire");
    need_ok(blitzdb_increment(db, "number", 6, -42, NULL), "increment");
    need_ok(blitzdb_append(db, "text", 4, "appended", 8, NULL), "append");
    blitzdb_batch *batch = NULL;
    need_ok(blitzdb_batch_create(db, &batch), "batch");
    need_ok(blitzdb_batch_set(batch, "first", 5, "of a batch", 10, NULL), "batch");
    need_ok(blitzdb_batch_set(batch, "second", 6, "of a batch", 10, NULL), "batch");
    need_ok(blitzdb_batch_del(batch, "text", 4), "batch");
    need_ok(blitzdb_batch_commit(batch, BLITZDB_DURABILITY_ALWAYS, NULL), "commit");
    blitzdb_batch_destroy(batch);
    set(keyspace_of(db, 1), "flushed", "value", 0);
    need_ok(blitzdb_flush_keyspace(keyspace_of(db, 1)), "flush");
    set(keyspace_of(db, 2), "swapped", "value", 0);
    need_ok(blitzdb_swap_keyspaces(db, 2, 3), "swap");
    note(db);
    return db;
}

/** Last opened without a log: the MANIFEST says where the log ends. */
static blitzdb *make_closed_without_log(const char *path) {
    blitzdb *db = open_golden(path, 0);
    set(db, "logged", "before", 0);
    need_ok(blitzdb_close(db), "close");
    db = open_golden(path, BLITZDB_OPEN_NO_LOG);
    note(db);
    set(db, "lost", "no snapshot was taken", 0);
    return db;
}

/** Without a log from the beginning; only the snapshot counts. */
static blitzdb *make_snapshot_only(const char *path) {
    blitzdb *db = open_golden(path, BLITZDB_OPEN_NO_LOG);
    set(db, "key", "value", 0);
    set(db, "expiring", "value", 3600000);
    need_ok(blitzdb_snapshot(db, NULL), "snapshot");
    note(db);
    return db;
}

/** Two keyspaces exchanged before and after a snapshot, which holds the map of that moment. */
static blitzdb *make_swapped(const char *path) {
    blitzdb *db = open_golden(path, 0);
    set(db, "a", "was in 0", 0);
    set(keyspace_of(db, 1), "b", "was in 1", 0);
    need_ok(blitzdb_swap_keyspaces(db, 0, 1), "swap");
    need_ok(blitzdb_snapshot(db, NULL), "snapshot");
    set(db, "c", "in 0 after one swap", 0);
    need_ok(blitzdb_swap_keyspaces(db, 0, 7), "swap");
    set(db, "d", "in 0 after two", 0);
    note(db);
    return db;
}

/** Expiries in snapshot and log: far away, past by now, taken back. */
static blitzdb *make_expiries(const char *path) {
    blitzdb *db = open_golden(path, 0);
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.expire_at_ms = INT64_C(1) << 47;
    need_ok(blitzdb_set_with(db, "latest", 6, "value", 5, &options), "set");
    set(db, "soon", "value", 1);
    set(db, "forever", "value", 1000);
    need_ok(blitzdb_snapshot(db, NULL), "snapshot");
    need_ok(blitzdb_persist(db, "forever", 7), "persist");
    need_ok(blitzdb_expire(db, "soon", 4, 86400000), "expire");
    set(db, "logged", "value", 500);
    note(db);
    return db;
}

/** Several segments: each group fills a third of one. */
static blitzdb *make_segments(const char *path) {
    static char value[1300];
    blitzdb *db = open_golden(path, 0);
    memset(value, 'v', sizeof value);
    for (char key = 'a'; key < 'h'; key++) {
        need_ok(blitzdb_set(db, &key, 1, value, sizeof value), "set");
        need_ok(blitzdb_sync(db), "sync");
    }
    note(db);
    return db;
}

/** Some synced writes; the caller takes the files away under it. */
static blitzdb *make_running(const char *path) {
    blitzdb *db = open_golden(path, 0);
    set(db, "a", "first", 0);
    need_ok(blitzdb_sync(db), "sync");
    set(db, "b", "second", 0);
    need_ok(blitzdb_sync(db), "sync");
    note(db);
    return db;
}

/** The same and one more group, which the caller tears. */
static blitzdb *make_torn(const char *path) {
    blitzdb *db = make_running(path);
    set(db, "torn", "the system stopped while this was written", 0);
    need_ok(blitzdb_write_out(db), "write out");
    return db;
}

/** Overwrites the middle of the last group with zeros, as if a sector had not been written. */
static void tear(const char *dir) {
    static uint8_t bytes[8192];
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/log-0000000000000000", dir);
    FILE *file = fopen(path, "r+b");
    need(file != NULL, path);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    memset(bytes + size - 30, 0, 20);
    need(fseek(file, 0, SEEK_SET) == 0 && fwrite(bytes, 1, size, file) == size, path);
    need(fclose(file) == 0, path);
}

static void copy_file(const char *from, const char *to) {
    static uint8_t bytes[65536];
    FILE *in = fopen(from, "rb");
    need(in != NULL, from);
    size_t size = fread(bytes, 1, sizeof bytes, in);
    need(size < sizeof bytes, from);
    (void)fclose(in);
    FILE *out = fopen(to, "wb");
    need(out != NULL && fwrite(bytes, 1, size, out) == size && fclose(out) == 0, to);
}

/** Copies the files of a database, but for its lock, which is made by whoever opens it. */
static void copy_files(const char *from, const char *to) {
    DIR *dir = opendir(from);
    need(dir != NULL, from);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char source[1024];
        char target[1024];
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "LOCK") == 0)
            continue;
        (void)snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        (void)snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        copy_file(source, target);
    }
    (void)closedir(dir);
}

static const struct {
    const char *name;
    blitzdb *(*make)(const char *path);
    bool is_running; /**< copied while it is open */
    bool is_torn;
} directories[] = {
    {"snapshot_and_log", make_snapshot_and_log, false, false},
    {"all_records", make_all_records, false, false},
    {"closed_without_log", make_closed_without_log, false, false},
    {"snapshot_only", make_snapshot_only, false, false},
    {"swapped", make_swapped, false, false},
    {"expiries", make_expiries, false, false},
    {"segments", make_segments, false, false},
    {"running", make_running, true, false},
    {"torn", make_torn, true, true},
};

static void write_directory(const char *base, size_t index) {
    struct tmpdir work;
    char path[256];
    char live[TMPDIR_PATH_MAX + 8];
    tmpdir_create(&work);
    tmpdir_join(&work, "db", live, sizeof live);
    (void)snprintf(path, sizeof path, "%s/%s", base, directories[index].name);
    (void)snprintf(out_path, sizeof out_path, "%s/expected.txt", path);
    need(mkdir(path, 0755) == 0, path);
    blitzdb *db = directories[index].make(live);
    if (directories[index].is_running)
        copy_files(live, path);
    need_ok(blitzdb_close(db), "close");
    if (!directories[index].is_running)
        copy_files(live, path);
    if (directories[index].is_torn)
        tear(path);
    tmpdir_remove(&work);
}

static bool is_wanted(const char *name, int argc, char *argv[]) {
    bool is_named = argc == 2;
    for (int i = 2; i < argc; i++)
        is_named = is_named || strcmp(argv[i], name) == 0;
    return is_named;
}

int main(int argc, char *argv[]) {
    if (argc < 2) {
        (void)fprintf(stderr, "usage: make_golden DIRECTORY [NAME...]\n");
        return 2;
    }
    env = *blitzdb_env_default();
    env.random = fixed_random;
    env.now_ms = golden_now_ms;
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
        if (is_wanted(directories[i].name, argc, argv))
            write_directory(argv[1], i);
    return 0;
}
