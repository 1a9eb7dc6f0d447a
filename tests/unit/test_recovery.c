/* What recovery makes of a directory: damage it can prove, damage it must bear, leftovers, and the errors it
 * names. */
#include <errno.h>

#include "db_fixture.h"
#include "raw_file.h"

TestSuite(recovery, .init = fixture_open, .fini = fixture_close);

/** Changes one byte of a file. */
static void damage(struct mem_env *image, const char *path, uint64_t offset) {
    const blitzdb_env *env = mem_env_table(image);
    blitzdb_file *file;
    uint8_t byte;
    size_t size;
    cr_assert_eq(env->open(env->user, path, BLITZDB_FILE_WRITE, &file), 0);
    cr_assert_eq(env->read_at(env->user, file, &byte, 1, offset, &size), 0);
    cr_assert_eq(size, 1);
    byte ^= 0x10;
    cr_assert_eq(env->write_at(env->user, file, &byte, 1, offset), 0);
    cr_assert_eq(env->close(env->user, file), 0);
}

/** Opens an image of the disk; the error is in `error_out`. */
static blitzdb_status open_image(struct mem_env *image, blitzdb **image_db_out, blitzdb_error *error_out) {
    blitzdb_options options = fixture_options();
    options.env = mem_env_table(image);
    options.error = error_out;
    return blitzdb_open("db", &options, image_db_out);
}

static unsigned window_writes;

/** Writes to the database while its snapshot is being written; the snapshot's own sync makes it durable. */
static void write_in_window(void *user, enum mem_env_call call, const char *path) {
    (void)user;
    (void)call;
    (void)path;
    char key[16];
    snprintf(key, sizeof key, "window%u", window_writes++);
    cr_assert_eq(set_text(db, key, "value"), BLITZDB_OK);
}

/* Behind the snapshot's end nothing vouches for the last group; inside its window the snapshot itself does.
 */
Test(recovery, damage_inside_the_window_of_a_snapshot) {
    blitzdb *image_db;
    blitzdb_error error;
    cr_assert_eq(set_text(db, "before", "1"), BLITZDB_OK);
    mem_env_before_change(disk, write_in_window, NULL);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    mem_env_before_change(disk, NULL, NULL);
    cr_assert_gt(window_writes, 0);
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
    damage(image, "db/log-0000000000000000", 64 + blitzdb_durable_position(db) - 1);

    cr_assert_eq(open_image(image, &image_db, &error), BLITZDB_CORRUPT);

    cr_assert(strstr(error.text, "snapshot") != NULL, "%s", error.text);
    mem_env_destroy(image);
}

/* A damaged byte with durable groups behind it is refused with file and offset, and nothing is changed. */
Test(recovery, damage_in_the_middle_of_the_log) {
    blitzdb *image_db;
    blitzdb_error error;
    cr_assert_eq(set_text(db, "first", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    cr_assert_eq(set_text(db, "second", "2"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
    damage(image, "db/log-0000000000000000", 64 + 40);
    uint64_t digest = mem_env_digest(image);

    cr_assert_eq(open_image(image, &image_db, &error), BLITZDB_CORRUPT);

    cr_assert(strstr(error.text, "log-0000000000000000") != NULL, "%s", error.text);
    cr_assert(strstr(error.text, "offset 64") != NULL, "%s", error.text);
    cr_assert_eq(mem_env_digest(image), digest, "a refused directory is left as it was");
    mem_env_destroy(image);
}

/* A torn last group is cut, counted, and the log goes on where it was cut. */
Test(recovery, torn_tail) {
    blitzdb *image_db;
    blitzdb_error error;
    cr_assert_eq(set_text(db, "kept", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    cr_assert_eq(set_text(db, "torn", "2"), BLITZDB_OK);
    cr_assert_eq(blitzdb_write_out(db), BLITZDB_OK);
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
    damage(image, "db/log-0000000000000000", 64 + blitzdb_log_position(db) - 1);

    cr_assert_eq(open_image(image, &image_db, &error), BLITZDB_OK);

    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(image_db, &stats), BLITZDB_OK);
    cr_assert_gt(stats.truncated_bytes, 0);
    cr_assert_eq(exists_text(image_db, "kept"), BLITZDB_OK);
    cr_assert_eq(exists_text(image_db, "torn"), BLITZDB_NOT_FOUND);
    cr_assert_eq(set_text(image_db, "after", "3"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(image_db), BLITZDB_OK);
    cr_assert_eq(open_image(image, &image_db, &error), BLITZDB_OK);
    cr_assert_eq(exists_text(image_db, "after"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(image_db), BLITZDB_OK);
    mem_env_destroy(image);
}

/* A damaged snapshot, a damaged MANIFEST and a missing log are refused by name. */
Test(recovery, other_damage) {
    const char *files[] = {"db/snapshot-0000000000000001", "db/MANIFEST"};
    blitzdb *image_db;
    blitzdb_error error;
    cr_assert_eq(set_text(db, "key", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    for (size_t i = 0; i < 2; i++) {
        struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
        damage(image, files[i], 30);
        cr_assert_eq(open_image(image, &image_db, &error), BLITZDB_CORRUPT);
        cr_assert(strstr(error.text, files[i] + 3) != NULL, "%s", error.text);
        mem_env_destroy(image);
    }
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
    const blitzdb_env *env = mem_env_table(image);
    cr_assert_eq(env->remove(env->user, "db/log-0000000000000000"), 0);
    cr_assert_eq(open_image(image, &image_db, &error), BLITZDB_CORRUPT);
    mem_env_destroy(image);
}

/* Every failure of open is explained, a lack of memory during replay too. */
Test(recovery, every_failure_is_explained) {
    blitzdb *image_db;
    blitzdb_error error;
    char key[16];
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(set_text(db, key, "value"), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
    blitzdb_status status = BLITZDB_NO_MEMORY;
    for (uint64_t nth = 1; status != BLITZDB_OK; nth++) {
        struct mem_env_fault fault = {.call = MEM_CALL_ANY_MEMORY, .nth = nth};
        mem_env_fail(image, &fault);
        status = open_image(image, &image_db, &error);
        if (status != BLITZDB_OK) {
            cr_assert_eq(error.status, status);
            cr_assert_neq(error.text[0], '\0', "allocation %llu", (unsigned long long)nth);
        }
    }
    mem_env_disarm(image);
    cr_assert_eq(count_keys(image_db), 50);
    cr_assert_eq(blitzdb_close(image_db), BLITZDB_OK);
    mem_env_destroy(image);
}

/* A new database makes its directory durable before the MANIFEST; an old one does not touch the folder above.
 */
Test(recovery, folder_above_is_synced_once) {
    blitzdb_options options = fixture_options();
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    mem_env_trace_begin(disk);
    db = fixture_open_with(&options);
    for (size_t i = 0; i < mem_env_trace_count(disk); i++) {
        struct mem_env_trace_entry entry = mem_env_trace_at(disk, i);
        cr_assert(entry.call != MEM_CALL_SYNC_DIR || strcmp(entry.path, ".") != 0);
    }
}

/** What the progress callback saw. */
struct watcher {
    blitzdb_progress seen[16];
    unsigned count;
    unsigned cancel_at; /**< 0: never */
};

static int watch(void *user, const blitzdb_progress *progress) {
    struct watcher *watcher = user;
    cr_assert_lt(watcher->count, sizeof watcher->seen / sizeof watcher->seen[0]);
    watcher->seen[watcher->count++] = *progress;
    return watcher->count == watcher->cancel_at;
}

/** Opens an image and watches. */
static blitzdb_status open_watched(struct mem_env *image, struct watcher *watcher, blitzdb **image_db_out,
                                   blitzdb_error *error_out) {
    blitzdb_options options = fixture_options();
    options.env = mem_env_table(image);
    options.error = error_out;
    options.progress = watch;
    options.progress_user = watcher;
    return blitzdb_open("db", &options, image_db_out);
}

static void check_progress(const blitzdb_progress *progress, uint32_t phase, bool is_end, uint64_t records) {
    cr_assert_eq(progress->struct_size, sizeof *progress);
    cr_assert_eq(progress->phase, phase);
    cr_assert_gt(progress->bytes_total, 0);
    cr_assert_eq(progress->bytes_done, is_end ? progress->bytes_total : 0);
    cr_assert_eq(progress->records_done, records);
}

/* On a clock that stands still the callback sees both phases begin and end; a new database has none, and one
 * without a snapshot has one. */
Test(recovery, progress_is_told) {
    blitzdb *image_db;
    blitzdb_error error;
    cr_assert_eq(set_text(db, "key", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
    struct watcher watcher = {.count = 0};
    cr_assert_eq(open_watched(image, &watcher, &image_db, &error), BLITZDB_OK);
    cr_assert_eq(watcher.count, 2);
    check_progress(&watcher.seen[0], BLITZDB_PHASE_LOG, false, 0);
    check_progress(&watcher.seen[1], BLITZDB_PHASE_LOG, true, 1);
    cr_assert_eq(blitzdb_snapshot(image_db, NULL), BLITZDB_OK);
    cr_assert_eq(set_text(image_db, "other", "2"), BLITZDB_OK);
    cr_assert_eq(del_text(image_db, "other"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(image_db), BLITZDB_OK);

    watcher.count = 0;
    cr_assert_eq(open_watched(image, &watcher, &image_db, &error), BLITZDB_OK);

    cr_assert_eq(watcher.count, 4);
    check_progress(&watcher.seen[0], BLITZDB_PHASE_SNAPSHOT, false, 0);
    check_progress(&watcher.seen[1], BLITZDB_PHASE_SNAPSHOT, true, 1);
    check_progress(&watcher.seen[2], BLITZDB_PHASE_LOG, false, 0);
    check_progress(&watcher.seen[3], BLITZDB_PHASE_LOG, true, 2);
    cr_assert_eq(blitzdb_close(image_db), BLITZDB_OK);
    mem_env_destroy(image);

    image = mem_env_create(1);
    watcher.count = 0;
    cr_assert_eq(open_watched(image, &watcher, &image_db, &error), BLITZDB_OK);
    cr_assert_eq(watcher.count, 0);
    cr_assert_eq(blitzdb_close(image_db), BLITZDB_OK);
    mem_env_destroy(image);
}

/* Whichever call of the callback says no, the open says so, and the directory is as it was: with its torn
 * tail, which a whole open would cut. */
Test(recovery, can_be_canceled) {
    cr_assert_eq(set_text(db, "key", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    cr_assert_eq(set_text(db, "torn", "2"), BLITZDB_OK);
    cr_assert_eq(blitzdb_write_out(db), BLITZDB_OK);
    struct mem_env *image = mem_env_crash(disk, MEM_DAMAGE_APPLIED, 0);
    damage(image, "db/log-0000000000000000", 64 + blitzdb_log_position(db) - 1);
    uint64_t digest = mem_env_digest(image);
    for (unsigned cancel_at = 1; cancel_at <= 4; cancel_at++) {
        struct watcher watcher = {.cancel_at = cancel_at};
        blitzdb *image_db = NULL;
        blitzdb_error error;

        cr_assert_eq(open_watched(image, &watcher, &image_db, &error), BLITZDB_CANCELED);

        cr_assert_eq(watcher.count, cancel_at);
        cr_assert_eq(error.status, BLITZDB_CANCELED);
        cr_assert_not_null(strstr(error.text, "callback"));
        cr_assert_null(image_db);
        cr_assert_eq(mem_env_digest(image), digest);
        cr_assert_eq(mem_env_live_memory(image), 0);
        cr_assert_eq(mem_env_open_files(image), 0);
    }
    mem_env_destroy(image);
}

/* Time may pass and limits may be lower: what was there when the database was closed is what is replayed. A
 * key that had expired by now, but was kept by a later record, is kept. */
Test(recovery, nothing_expires_or_is_evicted) {
    enum { KEYS = 3000 };
    char key[16];
    blitzdb_set_options soon = BLITZDB_SET_OPTIONS_INIT;
    soon.ttl_ms = 1000;
    cr_assert_eq(blitzdb_set_with(db, "kept", 4, "value", 5, &soon), BLITZDB_OK);
    cr_assert_eq(blitzdb_set_with(db, "gone", 4, "value", 5, &soon), BLITZDB_OK);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key%d", i);
        cr_assert_eq(set_text(db, key, "value"), BLITZDB_OK);
        if (i == KEYS / 2)
            cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    }
    cr_assert_eq(blitzdb_persist(db, "kept", 4), BLITZDB_OK);
    mem_env_advance_ms(disk, 5000);
    blitzdb_options options = fixture_options();
    options.memory_limit_bytes = 4096;
    options.eviction = BLITZDB_EVICTION_ALLKEYS_LRU;

    fixture_reopen(&options);

    cr_assert_eq(count_keys(db), KEYS + 2, "an expired entry is there until somebody looks");
    cr_assert_eq(exists_text(db, "kept"), BLITZDB_OK);
    cr_assert_eq(exists_text(db, "gone"), BLITZDB_NOT_FOUND);
}

/* So many threads nobody has; the library starts none if it was not asked for any. */
Test(recovery, threads_have_a_limit) {
    blitzdb_options options = fixture_options();
    blitzdb *other;
    options.recovery_threads = 65;
    cr_assert_eq(blitzdb_open("other", &options, &other), BLITZDB_INVALID);
    options.recovery_threads = 64;
    fixture_reopen(&options);
    options.recovery_threads = 0;
    options.reserved3 = 1;
    cr_assert_eq(blitzdb_open("other", &options, &other), BLITZDB_INVALID);
}

/** Contents of a file of the disk, to put it back later. */
static struct raw_file keep(const char *path) {
    struct raw_file file;
    raw_file_read(mem_env_table(disk), path, &file);
    return file;
}

/* A clean close seals the log: even its very end cannot vanish unseen, and the next open goes on in the same
 * segment. */
Test(recovery, sealed_log) {
    blitzdb_options options = fixture_options();
    blitzdb_error error;
    options.error = &error;
    cr_assert_eq(set_text(db, "key", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    cr_assert_eq(mem_env_pending(disk), 0, "after a close everything is on the disk, the seal too");
    struct raw_file log = keep("db/log-0000000000000000");
    for (size_t size = 0; size < log.size; size++) {
        raw_file_write(options.env, "db/log-0000000000000000", log.bytes, size);
        cr_assert_eq(blitzdb_open("db", &options, &db), BLITZDB_CORRUPT, "%zu bytes", size);
    }
    log.bytes[log.size] = 'x'; /* of nobody */
    raw_file_write(options.env, "db/log-0000000000000000", log.bytes, log.size + 1);

    db = fixture_open_with(&options);

    cr_assert_str_eq(get_text(db, "key"), "1");
    cr_assert_eq(set_text(db, "key", "2"), BLITZDB_OK);
    fixture_reopen(&options);
    cr_assert_str_eq(get_text(db, "key"), "2");
    cr_assert_not(raw_file_exists(options.env, "db/log-0000000000000046"), "closing begins no segment");
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    cr_assert_eq(blitzdb_stats(db, &stats), BLITZDB_OK);
    cr_assert_eq(stats.truncated_bytes, 0);
}

/* The MANIFEST of an earlier close does not hide what was written since. */
Test(recovery, older_seal) {
    blitzdb_options options = fixture_options();
    blitzdb_error error;
    options.error = &error;
    cr_assert_eq(set_text(db, "key", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    struct raw_file old = keep("db/MANIFEST");
    db = fixture_open_with(&options);
    cr_assert_eq(set_text(db, "key", "2"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    struct raw_file new = keep("db/MANIFEST");

    raw_file_write(options.env, "db/MANIFEST", old.bytes, old.size);
    cr_assert_eq(blitzdb_open("db", &options, &db), BLITZDB_CORRUPT);
    cr_assert(strstr(error.text, "goes on where the MANIFEST says that it was closed") != NULL, "%s",
              error.text);

    raw_file_write(options.env, "db/MANIFEST", new.bytes, new.size);
    db = fixture_open_with(&options);
    cr_assert_str_eq(get_text(db, "key"), "2");
}

/* The same if the log went on in a new segment; one that was just being created is a leftover. */
Test(recovery, segment_behind_a_seal) {
    blitzdb_options options = fixture_options();
    blitzdb_error error;
    options.error = &error;
    cr_assert_eq(set_text(db, "key", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);
    struct raw_file segment = keep("db/log-0000000000000000");

    raw_file_write(options.env, "db/log-0000000000001000", segment.bytes, 65);
    cr_assert_eq(blitzdb_open("db", &options, &db), BLITZDB_CORRUPT);
    cr_assert(strstr(error.text, "log-0000000000001000") != NULL, "%s", error.text);

    raw_file_write(options.env, "db/log-0000000000001000", segment.bytes, 64);
    db = fixture_open_with(&options);
    cr_assert_not(raw_file_exists(options.env, "db/log-0000000000001000"));
}

/* If the MANIFEST cannot be written at the close, everything is on disk all the same. */
Test(recovery, close_without_room_for_a_seal) {
    blitzdb_options options = fixture_options();
    cr_assert_eq(set_text(db, "key", "1"), BLITZDB_OK);
    cr_assert_eq(blitzdb_sync(db), BLITZDB_OK);
    struct mem_env_fault fault = {.call = MEM_CALL_CREATE, .nth = 1, .error = ENOSPC, .for_good = true};
    mem_env_fail(disk, &fault);

    cr_assert_eq(blitzdb_close(db), BLITZDB_OK);

    mem_env_disarm(disk);
    db = fixture_open_with(&options);
    cr_assert_str_eq(get_text(db, "key"), "1");
}
