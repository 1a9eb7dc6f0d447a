/* A program with the library inside, for tests that make its system calls fail from outside:
 * faults_strace.py, faults_disk.py and bad_files.py start it.
 *
 *     faults_program write DIR ROUND   four threads set keys with durability `always`, one takes a snapshot
 *     faults_program check DIR         names every key that is there and has the right value
 *
 * Every line it prints is one fact: "acked KEY", "refused KEY STATUS", "snapshot STATUS", "opened", "cannot
 * open STATUS ERRNO TEXT" and so on. A line is written at once, so that none is lost if the process is
 * killed. Exit status: 0 it came to its end, whatever was refused; 3 the database cannot be opened; 1
 * something is wrong. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blitzdb/blitzdb.h>

enum { THREADS = 4, WRITES = 20, SNAPSHOT_AT = 10, CANNOT_OPEN = 3 };

struct writer {
    blitzdb *db;
    const char *round;
    int number;
    int reads_are_right;
    pthread_t thread;
};

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    char line[700];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    size = size < (int)sizeof line - 1 ? size : (int)sizeof line - 2;
    line[size] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)size + 1) != size + 1)
        exit(1);
}

static void forward_message(void *user, int level, const char *module, const char *text) {
    (void)user;
    if (level <= BLITZDB_LOG_WARNING)
        say("said %s: %s", module, text);
}

static blitzdb *open_database(const char *path) {
    blitzdb_error error = {0};
    blitzdb *db = NULL;
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.durability = BLITZDB_DURABILITY_ALWAYS;
    options.log = forward_message;
    options.error = &error;
    blitzdb_status status = blitzdb_open(path, &options, &db);
    if (status == BLITZDB_OK) {
        say("opened");
        return db;
    }
    say("cannot open %s %d %s", blitzdb_status_name(status), error.system_errno, error.text);
    exit(CANNOT_OPEN);
}

/** The one value a key may have. */
static int value_of(const char *key, char value[64]) {
    return snprintf(value, 64, "the value of %s and of no other", key);
}

static int has_its_value(blitzdb *db, const char *key) {
    char wanted[64];
    char found[64];
    size_t size = 0;
    int wanted_size = value_of(key, wanted);
    return blitzdb_get(db, key, strlen(key), found, sizeof found, &size) == BLITZDB_OK &&
           size == (size_t)wanted_size && memcmp(found, wanted, size) == 0;
}

static int set(blitzdb *db, const char *key) {
    char value[64];
    blitzdb_status status = blitzdb_set(db, key, strlen(key), value, (size_t)value_of(key, value));
    if (status == BLITZDB_OK)
        say("acked %s", key);
    else
        say("refused %s %s", key, blitzdb_status_name(status));
    return status == BLITZDB_OK;
}

static void *run(void *argument) {
    struct writer *writer = argument;
    writer->reads_are_right = 1;
    for (int i = 0; i < WRITES; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.%d.%d", writer->round, writer->number, i);
        if (writer->number == 0 && i == SNAPSHOT_AT)
            say("snapshot %s", blitzdb_status_name(blitzdb_snapshot(writer->db, NULL)));
        /* Reads go on whatever becomes of the writes. */
        if (set(writer->db, key) && !has_its_value(writer->db, key))
            writer->reads_are_right = 0;
    }
    return NULL;
}

static int write_keys(const char *path, const char *round) {
    struct writer writers[THREADS];
    int right = 1;
    blitzdb *db = open_database(path);
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.db = db, .round = round, .number = i};
        if (pthread_create(&writers[i].thread, NULL, run, &writers[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(writers[i].thread, NULL);
        right = right && writers[i].reads_are_right;
    }
    /* Two, because a fault that passes may meet the first. */
    static const char *const last[] = {"last", "again"};
    for (int i = 0; i < 2; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.%s.0", round, last[i]);
        (void)set(db, key);
    }
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    right = right && blitzdb_stats(db, &stats) == BLITZDB_OK;
    say("log %s", blitzdb_status_name(stats.log_status));
    say("reads %s", right ? "right" : "wrong");
    say("closed %s", blitzdb_status_name(blitzdb_close(db)));
    return 0;
}

static void check_entry(void *user, const blitzdb_scan_entry *entry) {
    char key[64];
    char wanted[64];
    (void)user;
    snprintf(key, sizeof key, "%.*s", (int)entry->key_size, (const char *)entry->key);
    int size = value_of(key, wanted);
    int right = entry->value_size == (size_t)size && memcmp(entry->value, wanted, (size_t)size) == 0;
    say("%s %s", right ? "found" : "wrong", key);
}

static int check_keys(const char *path) {
    blitzdb *db = open_database(path);
    uint64_t cursor = 0;
    do {
        if (blitzdb_scan(db, &cursor, NULL, 0, 0, check_entry, NULL) != BLITZDB_OK)
            return 1;
    } while (cursor != 0);
    say("closed %s", blitzdb_status_name(blitzdb_close(db)));
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "write") == 0)
        return write_keys(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check_keys(argv[2]);
    fprintf(stderr, "usage: faults_program write DIR ROUND | check DIR\n");
    return 2;
}
