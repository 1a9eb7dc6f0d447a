/* The order of the file calls, which is what durability is made of, pinned: of a write that is acknowledged
 * as durable, of the next segment, of a snapshot, of an open after a crash. */
#include <stdio.h>
#include <string.h>

#include "db_fixture.h"

TestSuite(call_order, .init = fixture_open, .fini = fixture_close);

enum { TEXT_MAX = 2048, LARGE_SIZE = 2500 };

/** What a path stands for: without folder and number, but with the suffix of a temporary file. */
static void name_kind(const char *path, char kind[64]) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t size = strcspn(name, "-.");
    bool is_temporary = strstr(name, ".tmp") != NULL;
    (void)snprintf(kind, 64, "%.*s%s", (int)size, name, is_temporary ? ".tmp" : "");
}

static bool is_change(enum mem_env_call call) {
    return call == MEM_CALL_CREATE || call == MEM_CALL_WRITE || call == MEM_CALL_TRUNCATE ||
           call == MEM_CALL_SYNC || call == MEM_CALL_RENAME || call == MEM_CALL_REMOVE ||
           call == MEM_CALL_SYNC_DIR;
}

/** The changing calls since the trace began as a text; what repeats at once is named once. */
static const char *changes(void) {
    static char text[TEXT_MAX];
    char last[128] = "";
    text[0] = '\0';
    for (size_t i = 0; i < mem_env_trace_count(disk); i++) {
        struct mem_env_trace_entry entry = mem_env_trace_at(disk, i);
        char kind[64];
        char step[128];
        if (!is_change(entry.call))
            continue;
        name_kind(entry.path, kind);
        (void)snprintf(step, sizeof step, "%s %s", mem_env_call_name(entry.call), kind);
        if (strcmp(step, last) != 0) {
            size_t size = strlen(text);
            (void)snprintf(text + size, TEXT_MAX - size, "%s%s", size > 0 ? ", " : "", step);
        }
        memcpy(last, step, sizeof last);
    }
    return text;
}

/** A segment has room for two values of 2500 bytes. */
static void open_always(void) {
    blitzdb_options options = fixture_options();
    options.durability = BLITZDB_DURABILITY_ALWAYS;
    options.log_segment_bytes = 8192;
    fixture_reopen(&options);
}

static void set_large(const char *key) {
    static const char value[LARGE_SIZE];
    cr_assert_eq(blitzdb_set(db, key, strlen(key), value, sizeof value), BLITZDB_OK);
}

/* The record is written, then synced, and only then is the write acknowledged. */
Test(call_order, set) {
    open_always();

    mem_env_trace_begin(disk);
    cr_assert_eq(set_text(db, "k", "v"), BLITZDB_OK);

    cr_assert_str_eq(changes(), "write log, sync log");
    cr_assert_eq(blitzdb_durable_position(db), blitzdb_log_position(db));
}

/* A full segment is synced before the next one exists, whose header and name are before its first record. */
Test(call_order, next_segment) {
    open_always();
    set_large("a");
    set_large("b");
    set_large("c");

    mem_env_trace_begin(disk);
    set_large("d");

    cr_assert_str_eq(changes(),
                     "sync log, create log, write log, sync log, sync_dir db, write log, sync log");
}

/* A snapshot is whole and has its name before the MANIFEST names it, and what it replaces goes last. */
Test(call_order, snapshot) {
    open_always();
    set_large("a");
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);
    set_large("b");
    set_large("c");
    set_large("d");

    mem_env_trace_begin(disk);
    cr_assert_eq(blitzdb_snapshot(db, NULL), BLITZDB_OK);

    cr_assert_str_eq(changes(), "remove snapshot.tmp, create snapshot.tmp, write snapshot.tmp, "
                                "sync snapshot.tmp, rename snapshot, sync_dir db, "
                                "remove MANIFEST.tmp, create MANIFEST.tmp, write MANIFEST.tmp, "
                                "sync MANIFEST.tmp, rename MANIFEST, sync_dir db, "
                                "remove snapshot, sync_dir db, rename spare, sync_dir db");
}

/* An open makes the names it has read durable before it changes anything, and the end of the log before it
 * takes new records. */
Test(call_order, open_after_a_crash) {
    open_always();
    set_large("a");
    blitzdb_options options = fixture_options();
    struct mem_env *killed = mem_env_kill(disk);
    blitzdb *recovered = NULL;
    options.env = mem_env_table(killed);

    mem_env_trace_begin(killed);
    cr_assert_eq(blitzdb_open("db", &options, &recovered), BLITZDB_OK);

    struct mem_env *own = disk;
    disk = killed;
    const char *found = changes();
    disk = own;
    const char *first = strstr(found, "sync_dir db, truncate log, write log, sync log");
    cr_assert_eq(first, found, "%s", found);
    cr_assert_eq(blitzdb_close(recovered), BLITZDB_OK);
    mem_env_destroy(killed);
}
