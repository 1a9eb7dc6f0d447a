/* What failed and canceled snapshots leave, and what replaces a failed log. */
#include <errno.h>

#include "db_fixture.h"

TestSuite(checkpoint, .init = fixture_open, .fini = fixture_close);

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

/** Makes the log fail: a write that is not acknowledged stands in memory. */
static void fail_log(void) {
    struct mem_env_fault fault = {.call = MEM_CALL_SYNC, .nth = 1, .error = EIO};
    cr_assert_eq(set_text(db, "doubtful", "u"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK); /* so that the next write finds no sync due */
    cr_assert_eq(set_text(db, "doubtful", "v"), BLITZDB_OK);
    mem_env_fail(disk, &fault);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_IO);
    mem_env_disarm(disk);
    cr_assert_eq(set_text(db, "refused", "v"), BLITZDB_LOG_FAILED);
}

static int count_snapshot(void *user, const char *name) {
    *(int *)user += strncmp(name, "snapshot-", 9) == 0;
    return 0;
}

static int count_segment(void *user, const char *name) {
    *(int *)user += strncmp(name, "log-", 4) == 0;
    return 0;
}

static int count_files(int (*count)(void *user, const char *name)) {
    const blitzdb_env *env = mem_env_table(disk);
    int files = 0;
    cr_assert_eq(env->list_dir(env->user, "db", count, &files), 0);
    return files;
}

/** Takes a snapshot whose n-th call of a kind fails. */
static void fail_snapshot(enum mem_env_call kind, uint64_t nth) {
    struct mem_env_fault fault = {.call = kind, .nth = nth, .error = EIO};
    mem_env_fail(disk, &fault);
    cr_assert_neq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(mem_env_faults(disk), 1);
    mem_env_disarm(disk);
}

/** Opens what a power failure may leave now, in every way of a few kinds: all keys must be there. */
static void expect_keys_after_power_failures(uint64_t keys) {
    for (int damage = 0; damage < MEM_DAMAGE_KINDS; damage++) {
        uint64_t images = mem_env_crash_count(disk, (enum mem_env_damage)damage);
        for (uint64_t i = 0; i < images; i++) {
            struct mem_env *crashed = mem_env_crash(disk, (enum mem_env_damage)damage, i);
            blitzdb *opened = NULL;
            blitzdb_error error = {0};
            blitzdb_options options = fixture_options();
            options.env = mem_env_table(crashed);
            options.flags = BLITZDB_OPEN_MUST_EXIST;
            options.error = &error;
            cr_assert_eq(blitzdb_open("db", &options, &opened), BLITZDB_OK, "%s", error.text);
            cr_assert_eq(count_keys(opened), keys);
            cr_assert_eq(blitzdb_close(opened), BLITZDB_OK);
            mem_env_destroy(crashed);
        }
    }
}

/* However often snapshots fail behind the rename of their file, at most one stays: the one that a MANIFEST
 * may name whose directory could not be synced. */
Test(checkpoint, failed_snapshots_do_not_pile_up) {
    set_many(db, 0, 100);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    for (int i = 0; i < 4; i++) {
        fail_snapshot(MEM_CALL_RENAME, 2); /* of the MANIFEST */
        cr_assert_eq(count_files(count_snapshot), 0);
        fail_snapshot(MEM_CALL_SYNC_DIR, 1); /* behind the rename of the snapshot */
        cr_assert_eq(count_files(count_snapshot), 0);
    }
    fail_snapshot(MEM_CALL_SYNC_DIR, 2); /* behind that of the MANIFEST */
    cr_assert_eq(count_files(count_snapshot), 1);
    expect_keys_after_power_failures(100);
    for (int i = 0; i < 4; i++) {
        fail_snapshot(MEM_CALL_RENAME, 1); /* of the old MANIFEST, which is put in place again */
        fail_snapshot(MEM_CALL_SYNC_DIR, 1);
        cr_assert_eq(count_files(count_snapshot), 1);
        expect_keys_after_power_failures(100);
    }
    fail_snapshot(MEM_CALL_RENAME, 3); /* of the new MANIFEST */
    cr_assert_eq(count_files(count_snapshot), 0, "the old MANIFEST is in place, and none is named");
    expect_keys_after_power_failures(100);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    for (int i = 0; i < 2; i++) {
        fail_snapshot(MEM_CALL_RENAME, 2);
        cr_assert_eq(count_files(count_snapshot), 1, "the old one");
    }
}

/* The same for those that cannot begin a new log in place of a failed one. */
Test(checkpoint, failed_repairs_do_not_pile_up) {
    set_many(db, 0, 100);
    fail_log();
    for (int i = 0; i < 4; i++) {
        fail_snapshot(MEM_CALL_CREATE, 3); /* of the new log file, behind snapshot and MANIFEST */
        cr_assert_eq(count_files(count_snapshot), 1, "the MANIFEST names it");
        expect_keys_after_power_failures(101);
    }
    cr_assert_eq(stats_of(db).log_status, BLITZDB_LOG_FAILED);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(stats_of(db).log_status, BLITZDB_OK);
    cr_assert_eq(count_files(count_snapshot), 1);
}

/** What becomes of the spare files of a log that is replaced. */
struct spare_watch {
    int removed;
    int used;
};

static void watch_spares(void *user, enum mem_env_call call, const char *path) {
    struct spare_watch *watch = user;
    if (call == MEM_CALL_RENAME && (strstr(path, "log-") != NULL || strstr(path, "spare-") != NULL))
        watch->used++;
    if (call != MEM_CALL_REMOVE || strstr(path, "spare-") == NULL)
        return;
    watch->removed++;
    cr_assert_eq(stats_of(db).log_status, BLITZDB_LOG_FAILED, "else they may be in use");
}

/* Files of a failed log are not written again, and go before anybody writes a new one. */
Test(checkpoint, spare_files_of_a_failed_log) {
    struct spare_watch watch = {0, 0};
    blitzdb_options options = fixture_options();
    options.log_segment_bytes = 8192;
    fixture_reopen(&options);
    for (int i = 0; i < 500; i += 20) { /* a group is not larger than a segment */
        set_many(db, i, i + 20);
        cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    fail_log();
    mem_env_before_change(disk, watch_spares, &watch);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    mem_env_before_change(disk, NULL, NULL);
    cr_assert_gt(watch.removed, 0);
    cr_assert_eq(watch.used, 0);
}

/** Cancels when the snapshot's file is complete. */
static void cancel_at_the_end(void *user, enum mem_env_call call, const char *path) {
    (void)user;
    if (call == MEM_CALL_RENAME && strstr(path, "snapshot-") != NULL)
        cr_assert_eq(blitzdb_snapshot_cancel(db), BLITZDB_OK);
    else if (call == MEM_CALL_WRITE && strstr(path, "snapshot-") != NULL)
        cr_assert_eq(set_text(db, "key0", "beside"), BLITZDB_OK);
}

/* A snapshot that is canceled when its file is there leaves neither that nor, without a log, that of its
 * window. */
Test(checkpoint, canceled_at_the_end) {
    blitzdb_options options = fixture_options();
    for (int i = 0; i < 2; i++) {
        set_many(db, 0, 100);
        cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
        int segments = count_files(count_segment);
        for (int canceled = 0; canceled < 3; canceled++) {
            mem_env_before_change(disk, cancel_at_the_end, NULL);
            cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_CANCELED);
            mem_env_before_change(disk, NULL, NULL);
            cr_assert_eq(count_files(count_snapshot), 1);
            cr_assert_leq(count_files(count_segment), segments, "one without groups may go as well");
        }
        options.flags = BLITZDB_OPEN_NO_LOG;
        fixture_reopen(&options);
        cr_assert_eq(count_keys(db), 100);
    }
}

/** Whether the pump takes a snapshot now that replaces the failed log. */
static bool pump_repairs(void) {
    uint64_t before = stats_of(db).snapshots;
    blitzdb_status status = blitzdb_pump(db, NULL);
    cr_assert(status == BLITZDB_OK || status == BLITZDB_LOG_FAILED);
    return stats_of(db).snapshots > before && stats_of(db).log_status == BLITZDB_OK;
}

/* A failed log is replaced at once, whatever else was tried just now; and again a minute later at the
 * earliest. */
Test(checkpoint, automatic_repair_comes_at_once) {
    set_many(db, 0, 100);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    fail_snapshot(MEM_CALL_RENAME, 1);
    fail_log();
    cr_assert(pump_repairs());
    mem_env_advance_ms(disk, 1000);
    fail_log();
    mem_env_advance_ms(disk, 58999);
    cr_assert_not(pump_repairs());
    mem_env_advance_ms(disk, 1);
    cr_assert(pump_repairs());
    mem_env_advance_ms(disk, 60000);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    fail_log();
    cr_assert(pump_repairs(), "that was no repair");
}
