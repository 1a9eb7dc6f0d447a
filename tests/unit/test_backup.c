/* Copies of a running database in other directories, canceled snapshots, and a failed log that a snapshot
 * replaces. */
#include <errno.h>

#include "db_fixture.h"

TestSuite(backup, .init = fixture_open, .fini = fixture_close);

static blitzdb_stats_info stats_of(blitzdb *handle) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(handle, &stats), BLITZDB_OK);
    return stats;
}

static void set_many(blitzdb *handle, int from, int to) {
    static const char value[100];
    for (int i = from; i < to; i++) {
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(blitzdb_set(handle, key, size, value, sizeof value), BLITZDB_OK);
    }
}

static blitzdb *open_dir(const char *dir, uint32_t flags) {
    blitzdb *opened = NULL;
    blitzdb_options options = fixture_options();
    options.flags = flags | BLITZDB_OPEN_MUST_EXIST;
    cr_assert_eq(blitzdb_open(dir, &options, &opened), BLITZDB_OK);
    return opened;
}

/** What a hook does while a database is copied. */
struct meanwhile {
    blitzdb *target;
    enum mem_env_call call;
    const char *path; /* a part of the path of the call it waits for */
    int calls;
    bool cancels;
};

static void write_meanwhile(void *user, enum mem_env_call call, const char *path) {
    struct meanwhile *meanwhile = user;
    if (call != meanwhile->call || strstr(path, meanwhile->path) == NULL)
        return;
    int number = meanwhile->calls++;
    if (number > 0)
        return; /* writing writes the log, which comes here again */
    if (meanwhile->cancels)
        cr_assert_eq(blitzdb_snapshot_cancel(meanwhile->target), BLITZDB_OK);
    set_many(meanwhile->target, 5000, 5100);
    cr_assert_eq(set_text(meanwhile->target, "key0", "changed"), BLITZDB_OK);
    static const char same_size[100] = "in place";
    cr_assert_eq(blitzdb_set(meanwhile->target, "key2", 4, same_size, sizeof same_size), BLITZDB_OK);
    blitzdb_status status = del_text(meanwhile->target, "key1");
    cr_assert(status == BLITZDB_OK || status == BLITZDB_NOT_FOUND, "an earlier copy has deleted it");
}

/** Lets the hook write while the snapshot of a copy is being written. */
static struct meanwhile *write_beside(blitzdb *target) {
    static struct meanwhile meanwhile;
    meanwhile = (struct meanwhile){target, MEM_CALL_WRITE, "snapshot-", 0, false};
    mem_env_before_change(disk, write_meanwhile, &meanwhile);
    return &meanwhile;
}

static void expect_copy_of_all(const char *dir, uint32_t flags) {
    blitzdb *copy = open_dir(dir, flags);
    cr_assert_eq(count_keys(copy), 1099);
    cr_assert_str_eq(get_text(copy, "key0"), "changed");
    cr_assert_eq(exists_text(copy, "key1"), BLITZDB_NOT_FOUND);
    cr_assert_eq(exists_text(copy, "key5099"), BLITZDB_OK);
    char value[100];
    size_t size = 0;
    cr_assert_eq(blitzdb_get(copy, "key2", 4, value, sizeof value, &size), BLITZDB_OK);
    cr_assert_str_eq(value, "in place");
    cr_assert_eq(stats_of(copy).truncated_bytes, 0);
    cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
}

/* A database with a log: the copy has what was written beside the snapshot, and is a database of its own. */
Test(backup, copy_of_a_database_with_a_log) {
    blitzdb_options options = fixture_options();
    options.log_segment_bytes = 4096;
    fixture_reopen(&options);
    set_many(db, 0, 500);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    set_many(db, 500, 1000);
    uint64_t snapshots = stats_of(db).snapshots;
    struct meanwhile *meanwhile = write_beside(db);

    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK);

    mem_env_before_change(disk, NULL, NULL);
    cr_assert_gt(meanwhile->calls, 0);
    cr_assert_eq(stats_of(db).snapshots, snapshots, "a copy is no snapshot of the database");
    expect_copy_of_all("copy", 0);
    blitzdb *copy = open_dir("copy", 0);
    cr_assert_eq(set_text(copy, "own", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "own"), BLITZDB_NOT_FOUND);
    fixture_reopen(&options);
    cr_assert_eq(count_keys(db), 1099, "the copied database goes on as before");
}

/* A database in memory only, twice: a copy leaves no trace in it. */
Test(backup, copy_of_a_database_in_memory) {
    blitzdb *memory;
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_open(NULL, &options, &memory), BLITZDB_OK);
    set_many(memory, 0, 1000);
    uint64_t buffers = stats_of(memory).log_buffer_bytes;
    size_t files = mem_env_open_files(disk);
    struct meanwhile *meanwhile = write_beside(memory);
    cr_assert_eq(blitzdb_snapshot_to(memory, "copy", NULL), BLITZDB_OK);
    mem_env_before_change(disk, NULL, NULL);
    cr_assert_gt(meanwhile->calls, 0);
    cr_assert_eq(blitzdb_snapshot_to(memory, "again", NULL), BLITZDB_OK);
    cr_assert_eq(stats_of(memory).log_buffer_bytes, buffers);
    cr_assert_eq(mem_env_open_files(disk), files);
    cr_assert_eq(blitzdb_log_position(memory), 0);
    cr_assert_eq(blitzdb_close(memory), BLITZDB_OK);
    expect_copy_of_all("copy", 0);
    expect_copy_of_all("again", BLITZDB_OPEN_NO_LOG);
}

/* A database that logs nothing: its own directory stays as it is. */
Test(backup, copy_of_a_database_without_a_log) {
    blitzdb_options options = fixture_options();
    options.flags = BLITZDB_OPEN_NO_LOG;
    fixture_reopen(&options);
    set_many(db, 0, 1000);
    write_beside(db);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK);
    mem_env_before_change(disk, NULL, NULL);
    expect_copy_of_all("copy", BLITZDB_OPEN_NO_LOG);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    db = open_dir("db", BLITZDB_OPEN_NO_LOG);
    cr_assert_eq(count_keys(db), 1099);
}

/* Keyspaces and expiries are copied, also when keyspaces are exchanged. */
Test(backup, keyspaces_and_expiries) {
    blitzdb *second;
    cr_assert_eq(blitzdb_keyspace(db, 7, &second), BLITZDB_OK);
    cr_assert_eq(set_text(second, "k", "seven"), BLITZDB_OK);
    cr_assert_eq(blitzdb_expire(second, "k", 1, 1000), BLITZDB_OK);
    cr_assert_eq(blitzdb_swap_keyspaces(db, 7, 3), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK);
    blitzdb *copy = open_dir("copy", 0);
    cr_assert_eq(blitzdb_keyspace(copy, 3, &second), BLITZDB_OK);
    cr_assert_str_eq(get_text(second, "k"), "seven");
    mem_env_advance_ms(disk, 1000);
    cr_assert_str_eq(get_text(second, "k"), "(none)");
    cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
}

/* An empty database has an empty copy. */
Test(backup, empty) {
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK);
    blitzdb *copy = open_dir("copy", 0);
    cr_assert_eq(count_keys(copy), 0);
    cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
}

/* Only a directory without a database is taken; what is refused is not touched. */
Test(backup, refused_directories) {
    blitzdb_error error;
    set_many(db, 0, 10);
    cr_assert_eq(blitzdb_snapshot_to(db, NULL, NULL), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_snapshot_to(db, "", &error), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_snapshot_to(db, "absent/copy", &error), BLITZDB_NOT_FOUND);
    cr_assert(strstr(error.text, "absent/copy: the directory it belongs into") != NULL, "%s", error.text);
    cr_assert_eq(blitzdb_snapshot_to(db, "db", &error), BLITZDB_LOCKED, "its own");
    cr_assert(strstr(error.text, "open") != NULL);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK);
    uint64_t digest = mem_env_digest(disk);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", &error), BLITZDB_CONDITION_FAILED);
    cr_assert(strstr(error.text, "copy") != NULL);
    cr_assert_eq(mem_env_digest(disk), digest);
    blitzdb *copy = open_dir("copy", 0);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_LOCKED);
    cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
    const blitzdb_env *env = mem_env_table(disk);
    cr_assert_eq(env->remove(env->user, "copy/MANIFEST"), 0);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_CONDITION_FAILED, "parts of a database");
}

/* Damage anywhere in the log of a copy is found, at its very end too: it is a closed one. */
Test(backup, damage_at_the_end_is_found) {
    set_many(db, 0, 10);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    write_beside(db);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK);
    mem_env_before_change(disk, NULL, NULL);
    const blitzdb_env *env = mem_env_table(disk);
    blitzdb_file *file;
    uint64_t size;
    cr_assert_eq(env->open(env->user, "copy/log-0000000000000000", BLITZDB_FILE_WRITE, &file), 0);
    cr_assert_eq(env->file_size(env->user, file, &size), 0);
    cr_assert_eq(env->truncate(env->user, file, size - 1), 0);
    cr_assert_eq(env->close(env->user, file), 0);
    blitzdb *copy;
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_open("copy", &options, &copy), BLITZDB_CORRUPT);
}

/* A copy that fails at any call leaves no database, and nothing that a later copy minds. */
static void expect_clean_failures(blitzdb *source, enum mem_env_call kind) {
    blitzdb_status status = BLITZDB_IO;
    for (uint64_t nth = 1; status != BLITZDB_OK; nth++) {
        struct mem_env_fault fault = {.call = kind, .nth = nth, .error = EIO};
        mem_env_fail(disk, &fault);
        struct meanwhile *meanwhile = write_beside(source);
        status = blitzdb_snapshot_to(source, "copy", NULL);
        mem_env_before_change(disk, NULL, NULL);
        mem_env_disarm(disk);
        cr_assert(status != BLITZDB_OK || meanwhile->calls > 0);
        blitzdb *copy = NULL;
        blitzdb_options options = fixture_options();
        options.flags = BLITZDB_OPEN_MUST_EXIST;
        blitzdb_status opened = blitzdb_open("copy", &options, &copy);
        cr_assert_eq(opened, status == BLITZDB_OK ? BLITZDB_OK : BLITZDB_NOT_FOUND);
        cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
    }
}

Test(backup, failed_copy_of_a_database_with_a_log) {
    static const enum mem_env_call kinds[] = {MEM_CALL_CREATE, MEM_CALL_RENAME,   MEM_CALL_SYNC_DIR,
                                              MEM_CALL_RANDOM, MEM_CALL_LIST_DIR, MEM_CALL_READ,
                                              MEM_CALL_OPEN};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        set_many(db, 0, 300);
        expect_clean_failures(db, kinds[i]);
        fixture_close();
        fixture_open();
    }
}

/* In a database without a log a failing copy does not even refuse a write: the hook's writes succeed. */
Test(backup, failed_copy_of_a_database_in_memory) {
    static const enum mem_env_call kinds[] = {MEM_CALL_WRITE, MEM_CALL_SYNC, MEM_CALL_CREATE, MEM_CALL_RENAME,
                                              MEM_CALL_SYNC_DIR};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        blitzdb *memory;
        blitzdb_options options = fixture_options();
        cr_assert_eq(blitzdb_open(NULL, &options, &memory), BLITZDB_OK);
        set_many(memory, 0, 300);
        expect_clean_failures(memory, kinds[i]);
        cr_assert_eq(blitzdb_close(memory), BLITZDB_OK);
        fixture_close();
        fixture_open();
    }
}

enum { STAMPED_KEYS = 50, STAMPED_SIZE = 5000 };

/** Writes the same to some keys, in place: most of them are in the snapshot's file already. */
static void stamp_all(blitzdb *target, uint8_t stamp) {
    uint8_t value[STAMPED_SIZE];
    memset(value, stamp, sizeof value);
    for (uint32_t i = 0; i < STAMPED_KEYS; i++)
        cr_assert_eq(blitzdb_set(target, &i, sizeof i, value, sizeof value), BLITZDB_OK, "never refused");
}

/** Does so at every step of a snapshot: enough that the log of its window is written out meanwhile. */
static void stamp_meanwhile(void *user, enum mem_env_call call, const char *path) {
    static uint8_t stamp;
    if (call == MEM_CALL_WRITE && strstr(path, "snapshot-") != NULL)
        stamp_all(user, ++stamp);
}

static void expect_one_stamp(const char *dir) {
    blitzdb *copy = open_dir(dir, 0);
    uint8_t first = 0;
    for (uint32_t i = 0; i < STAMPED_KEYS; i++) {
        uint8_t value[STAMPED_SIZE];
        size_t size = 0;
        cr_assert_eq(blitzdb_get(copy, &i, sizeof i, value, sizeof value, &size), BLITZDB_OK);
        first = i == 0 ? value[0] : first;
        cr_assert(value[0] == first && value[STAMPED_SIZE - 1] == first, "a copy is as of one moment");
    }
    cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
}

/* In a database without a log that of the window may fail, or have no memory, long before the end of the
 * snapshot: then the snapshot fails, and no write does. */
Test(backup, failed_window_refuses_no_write) {
    static const enum mem_env_call kinds[] = {MEM_CALL_WRITE, MEM_CALL_ANY_MEMORY};
    blitzdb *memory;
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_open(NULL, &options, &memory), BLITZDB_OK);
    set_many(memory, 0, 30000);
    stamp_all(memory, 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *dir = i == 0 ? "copy" : "another";
        blitzdb_status status = BLITZDB_IO;
        for (uint64_t nth = 1; status != BLITZDB_OK; nth++) {
            struct mem_env_fault fault = {.call = kinds[i], .nth = nth, .error = EIO};
            mem_env_before_change(disk, stamp_meanwhile, memory);
            mem_env_fail(disk, &fault);
            status = blitzdb_snapshot_to(memory, dir, NULL);
            mem_env_before_change(disk, NULL, NULL);
            cr_assert(status != BLITZDB_OK || nth > 8);
            mem_env_disarm(disk);
        }
        expect_one_stamp(dir);
    }
    cr_assert_eq(blitzdb_close(memory), BLITZDB_OK);
}

/* Canceling ends either kind soon and leaves everything as it was; without a snapshot it does nothing. */
Test(backup, cancel) {
    blitzdb_error error;
    set_many(db, 0, 1000);
    cr_assert_eq(blitzdb_snapshot_cancel(db), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    struct meanwhile meanwhile = {db, MEM_CALL_WRITE, "snapshot-", 0, true};
    mem_env_before_change(disk, write_meanwhile, &meanwhile);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", &error), BLITZDB_CANCELED);
    cr_assert(strstr(error.text, "canceled") != NULL);
    meanwhile.calls = 0;
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_CANCELED);
    mem_env_before_change(disk, NULL, NULL);
    cr_assert_eq(stats_of(db).last_snapshot_status, BLITZDB_CANCELED);
    cr_assert_eq(stats_of(db).snapshots, 1);
    cr_assert_eq(stats_of(db).snapshot_running, 0);
    blitzdb *copy;
    blitzdb_options options = fixture_options();
    options.flags = BLITZDB_OPEN_MUST_EXIST;
    cr_assert_eq(blitzdb_open("copy", &options, &copy), BLITZDB_NOT_FOUND);
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK, "canceling is over with its snapshot");
    fixture_reopen(&options);
    cr_assert_eq(count_keys(db), 1099);
}

/* A share is a percentage; on a disk without processor times it makes no difference. */
Test(backup, share) {
    cr_assert_eq(blitzdb_set_snapshot_share(db, 101), BLITZDB_INVALID);
    cr_assert_eq(blitzdb_set_snapshot_share(NULL, 1), BLITZDB_INVALID);
    for (unsigned percent = 0; percent <= 100; percent += 50) {
        cr_assert_eq(blitzdb_set_snapshot_share(db, percent), BLITZDB_OK);
        cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    }
}

/** Looks at the statistics while a snapshot is being written. */
static void look_at_progress(void *user, enum mem_env_call call, const char *path) {
    blitzdb_stats_info *seen = user;
    if (call == MEM_CALL_RENAME && strstr(path, "snapshot-") != NULL) {
        mem_env_advance_ms(disk, 3000);
        *seen = stats_of(db);
    }
}

/* The statistics show how far a snapshot is, and what the last one was. */
Test(backup, progress) {
    set_many(db, 0, 1000);
    blitzdb_stats_info seen = BLITZDB_STATS_INFO_INIT;
    mem_env_before_change(disk, look_at_progress, &seen);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    mem_env_before_change(disk, NULL, NULL);
    cr_assert_eq(seen.snapshot_running, 1);
    cr_assert_eq(seen.snapshot_took_ms, 3000);
    cr_assert_eq(seen.snapshot_entries, 1000);
    cr_assert_eq(seen.snapshot_entries_total, 1000);
    cr_assert_gt(seen.snapshot_bytes, 1000 * 100);
    cr_assert_gt(seen.snapshot_bytes_total, seen.snapshot_bytes * 9 / 10);
    cr_assert_lt(seen.snapshot_bytes_total, seen.snapshot_bytes * 11 / 10);
    blitzdb_stats_info after = stats_of(db);
    cr_assert_eq(after.snapshot_took_ms, 0);
    cr_assert_eq(after.snapshot_entries, 0);
    cr_assert_eq(after.last_snapshot_took_ms, 3000);
    cr_assert_geq(after.last_snapshot_bytes, seen.snapshot_bytes);
}

/** What a hook sees of the log while a snapshot is written. */
struct log_watch {
    int writes; /* of the snapshot's file; an interval passes at the first, and something is logged */
    bool synced;
};

static void watch_log(void *user, enum mem_env_call call, const char *path) {
    struct log_watch *watch = user;
    if (call != MEM_CALL_WRITE || strstr(path, "snapshot-") == NULL)
        return;
    if (watch->writes++ == 1) /* the first block, long before the end of the snapshot syncs the log */
        watch->synced = blitzdb_durable_position(db) == blitzdb_log_position(db);
    if (watch->writes > 1)
        return;
    mem_env_advance_ms(disk, 1000);
    cr_assert_eq(set_text(db, "beside", "v"), BLITZDB_OK);
}

/* The sync that falls due while a snapshot is written is done by the one who writes it. */
Test(backup, interval_syncs_go_on) {
    struct log_watch watch = {0, false};
    set_many(db, 0, 40000); /* several blocks, so that there is something to be done in between */
    mem_env_before_change(disk, watch_log, &watch);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    mem_env_before_change(disk, NULL, NULL);
    cr_assert(watch.synced);
}

/** Makes the log fail: a write that is not acknowledged stands in memory. */
static void fail_log(void) {
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO};
    cr_assert_eq(set_text(db, "doubtful", "v"), BLITZDB_OK);
    mem_env_fail(disk, &fault);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_IO);
    mem_env_disarm(disk);
    cr_assert_eq(set_text(db, "refused", "v"), BLITZDB_LOG_FAILED);
}

/* A snapshot replaces a failed log: writes are taken again, and everything is there after a reopen. */
Test(backup, snapshot_replaces_a_failed_log) {
    blitzdb_options options = fixture_options();
    set_many(db, 0, 100);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    for (int i = 0; i < 3; i++) {
        fail_log();
        cr_assert_eq(exists_text(db, "key1"), BLITZDB_OK);
        cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
        cr_assert_eq(stats_of(db).log_status, BLITZDB_OK);
        cr_assert_eq(set_text(db, "after", "v"), BLITZDB_OK);
        cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    }
    fixture_reopen(&options);
    cr_assert_eq(count_keys(db), 102);
    cr_assert_eq(exists_text(db, "doubtful"), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "refused"), BLITZDB_NOT_FOUND);
}

/* A snapshot that fails leaves the log failed; the automatic one comes at once, then every minute. */
Test(backup, failed_log_is_replaced_automatically) {
    set_many(db, 0, 100);
    fail_log();
    struct mem_env_fault fault = {.call = MEM_CALL_RENAME, .nth = 2, .error = EIO};
    mem_env_fail(disk, &fault);
    cr_assert_eq(blitzdb_pump(db, NULL), BLITZDB_OK);
    cr_assert_eq(mem_env_faults(disk), 1, "the pump has tried");
    cr_assert_eq(stats_of(db).last_snapshot_status, BLITZDB_IO);
    cr_assert_eq(set_text(db, "refused", "v"), BLITZDB_LOG_FAILED);
    mem_env_advance_ms(disk, 59999);
    cr_assert_eq(blitzdb_pump(db, NULL), BLITZDB_LOG_FAILED);
    cr_assert_eq(stats_of(db).snapshots, 0);
    mem_env_advance_ms(disk, 1);
    cr_assert_eq(blitzdb_pump(db, NULL), BLITZDB_LOG_FAILED);
    cr_assert_eq(stats_of(db).snapshots, 1);
    cr_assert_eq(set_text(db, "after", "v"), BLITZDB_OK);
    cr_assert_eq(blitzdb_pump(db, NULL), BLITZDB_OK);
}

/* Data whose log has failed can be copied elsewhere; the log stays failed. */
Test(backup, copy_of_a_database_whose_log_failed) {
    set_many(db, 0, 100);
    fail_log();
    cr_assert_eq(blitzdb_snapshot_to(db, "copy", NULL), BLITZDB_OK);
    cr_assert_eq(set_text(db, "refused", "v"), BLITZDB_LOG_FAILED);
    blitzdb *copy = open_dir("copy", 0);
    cr_assert_eq(count_keys(copy), 101);
    cr_assert_eq(blitzdb_close(copy), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
}
