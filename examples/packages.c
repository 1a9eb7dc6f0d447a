/**
 * @file
 * @brief The main job: a whole Debian package index in a durable database, checked byte for byte.
 *
 *     apt-cache dumpavail | packages DIR
 *     packages DIR FILE
 *
 * An index is a text of stanzas with an empty line behind each. A stanza becomes a record: the key is
 * `package/version`, the value the stanza as it stands in the input. The program
 *
 *  1. creates a database in DIR and loads every stanza into it, as fast as it can;
 *  2. closes it, opens it again, so that everything comes back from the log, and compares every record;
 *  3. writes a snapshot, opens once more, now from the snapshot, and compares again.
 *
 * It says what it does on the way, and ends with status 1 at the first thing that is not as it should be.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "check.h"

enum { KEY_MAX = 512, PROGRESS_RECORDS = 10000 };

#define MEGABYTE 1e6

/** A piece of the input; nothing is copied. */
struct text {
    const char *data;
    size_t size;
};

/** One record-to-be. */
struct stanza {
    struct text package;
    struct text version;
    struct text whole;
    bool is_repeated; /**< an earlier stanza has the same package and version: left out */
};

/** Everything that was read. */
struct index {
    struct text input;
    struct stanza *stanzas;
    size_t count;
};

static _Noreturn void fail(const char *problem) {
    fprintf(stderr, "packages: %s\n", problem);
    exit(1);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/** The database's own numbers. */
static blitzdb_stats_info stats_of(blitzdb *db) {
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    check(blitzdb_stats(db, &stats), "asking for statistics");
    return stats;
}

/* -- The input ------------------------------------------------------------------------------------ */

/** Reads a file to its end. */
static struct text read_all(FILE *file) {
    size_t room = 1 << 20;
    size_t size = 0;
    char *data = malloc(room);
    size_t got;
    while (data != NULL && (got = fread(data + size, 1, room - size, file)) > 0) {
        size += got;
        if (size == room)
            data = realloc(data, room *= 2);
    }
    if (data == NULL)
        fail("no memory for the input");
    if (ferror(file))
        fail("the input cannot be read");
    return (struct text){data, size};
}

/** The line at the beginning of a text, with its line end if it has one. */
static struct text first_line(struct text text) {
    const char *end = memchr(text.data, '\n', text.size);
    return (struct text){text.data, end != NULL ? (size_t)(end + 1 - text.data) : text.size};
}

static struct text skip(struct text text, size_t size) {
    return (struct text){text.data + size, text.size - size};
}

/** Takes the value of a field such as "Package: bash" if the line has it. */
static void take_field(struct text line, const char *name, struct text *value_out) {
    size_t size = strlen(name);
    if (line.size <= size || memcmp(line.data, name, size) != 0)
        return;
    struct text value = skip(line, size);
    while (value.size > 0 && value.data[0] == ' ')
        value = skip(value, 1);
    while (value.size > 0 && value.data[value.size - 1] == '\n')
        value.size--;
    *value_out = value;
}

/** Takes the next stanza from the input; false: there is none. */
static bool next_stanza(struct text *rest, struct stanza *stanza_out) {
    while (rest->size > 0 && rest->data[0] == '\n')
        *rest = skip(*rest, 1);
    *stanza_out = (struct stanza){.whole = {rest->data, 0}};
    while (rest->size > 0 && rest->data[0] != '\n') {
        struct text line = first_line(*rest);
        take_field(line, "Package:", &stanza_out->package);
        take_field(line, "Version:", &stanza_out->version);
        stanza_out->whole.size += line.size;
        *rest = skip(*rest, line.size);
    }
    return stanza_out->whole.size > 0;
}

static struct index read_index(FILE *file) {
    struct index index = {.input = read_all(file)};
    struct text rest = index.input;
    struct stanza stanza;
    size_t room = 0;
    while (next_stanza(&rest, &stanza)) {
        if (stanza.package.size == 0 || stanza.package.size + 1 + stanza.version.size > KEY_MAX)
            fail("the input holds a stanza without a Package field, or with a very long one");
        if (index.count == room) {
            room = room > 0 ? 2 * room : 1024;
            index.stanzas = realloc(index.stanzas, room * sizeof *index.stanzas);
            if (index.stanzas == NULL)
                fail("no memory for the stanzas");
        }
        index.stanzas[index.count++] = stanza;
    }
    if (index.count == 0)
        fail("the input holds no stanza");
    return index;
}

/** Writes `package/version` and returns its size. */
static size_t make_key(const struct stanza *stanza, char key_out[KEY_MAX]) {
    memcpy(key_out, stanza->package.data, stanza->package.size);
    key_out[stanza->package.size] = '/';
    if (stanza->version.size > 0)
        memcpy(key_out + stanza->package.size + 1, stanza->version.data, stanza->version.size);
    return stanza->package.size + 1 + stanza->version.size;
}

/* -- The database --------------------------------------------------------------------------------- */

//! [open]
/** Opens the database; `flags` say whether it has to be new or has to be there. */
static blitzdb *open_database(const char *dir, uint32_t flags) {
    blitzdb_error error = {0};
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.flags = flags;
    options.background = BLITZDB_BACKGROUND_THREAD; /* syncs once a second, whether or not we write */
    options.error = &error;
    blitzdb *db;
    if (blitzdb_open(dir, &options, &db) != BLITZDB_OK)
        fail(error.text);
    return db;
}
//! [open]

static void show_progress(blitzdb *db, size_t records, size_t bytes, double began) {
    double seconds = seconds_now() - began;
    printf("  %7zu records %6.1f MB %9.0f records/s   memory %6.1f MB\n", records, (double)bytes / MEGABYTE,
           (double)records / (seconds > 0 ? seconds : 1e-9), (double)stats_of(db).memory_bytes / MEGABYTE);
}

/** Stores one stanza, unless its key is there already. */
static void store(blitzdb *db, struct stanza *stanza) {
    char key[KEY_MAX];
    size_t key_size = make_key(stanza, key);
    blitzdb_set_options if_absent = BLITZDB_SET_OPTIONS_INIT;
    if_absent.condition = BLITZDB_IF_ABSENT;
    blitzdb_status status =
        blitzdb_set_with(db, key, key_size, stanza->whole.data, stanza->whole.size, &if_absent);
    stanza->is_repeated = status == BLITZDB_CONDITION_FAILED;
    if (!stanza->is_repeated)
        check(status, "storing a record");
}

static void show_memory(blitzdb *db, size_t bytes) {
    blitzdb_stats_info stats = stats_of(db);
    double records = (double)stats.keys;
    printf("  %" PRIu64 " records of %.1f bytes take %.1f bytes of memory each: %.1f for keys and values, "
           "%.1f on top\n",
           stats.keys, (double)bytes / records, (double)stats.memory_bytes / records, (double)bytes / records,
           ((double)stats.memory_bytes - (double)bytes) / records);
}

/** Loads everything into a new database and closes it. */
static void load(const char *dir, struct index *index) {
    printf("Loading %zu stanzas into a new database in %s\n", index->count, dir);
    blitzdb *db = open_database(dir, BLITZDB_OPEN_MUST_CREATE);
    double began = seconds_now();
    size_t bytes = 0;
    size_t repeated = 0;
    for (size_t i = 0; i < index->count; i++) {
        struct stanza *stanza = &index->stanzas[i];
        store(db, stanza);
        repeated += stanza->is_repeated;
        if (!stanza->is_repeated)
            bytes += stanza->package.size + 1 + stanza->version.size + stanza->whole.size;
        if ((i + 1) % PROGRESS_RECORDS == 0 || i + 1 == index->count)
            show_progress(db, i + 1, bytes, began);
    }
    show_memory(db, bytes);
    if (repeated > 0)
        printf("  %zu stanzas repeat a package and version and were left out\n", repeated);
    check(blitzdb_close(db), "closing the database");
    printf("Closed: all of it is on the disk\n");
}

/** Ends the program unless the database holds this stanza. */
static void compare(blitzdb *db, const struct stanza *stanza) {
    char key[KEY_MAX];
    size_t key_size = make_key(stanza, key);
    void *value;
    size_t value_size;
    check(blitzdb_get_alloc(db, key, key_size, &value, &value_size), "reading a record");
    if (value_size != stanza->whole.size || memcmp(value, stanza->whole.data, value_size) != 0)
        fail("a record is not what was stored");
    blitzdb_free(db, value);
}

/** Compares every record with the input, and their number. */
static void verify(blitzdb *db, const struct index *index) {
    double began = seconds_now();
    uint64_t compared = 0;
    for (size_t i = 0; i < index->count; i++) {
        if (!index->stanzas[i].is_repeated) {
            compare(db, &index->stanzas[i]);
            compared++;
        }
    }
    uint64_t keys;
    check(blitzdb_count(db, &keys, NULL), "counting the records");
    if (keys != compared)
        fail("the database holds more records than were stored");
    printf("  compared %" PRIu64 " records with the input in %.2f s: all equal, byte for byte\n", compared,
           seconds_now() - began);
}

/** Opens what is there, says where it came from, and compares it. */
static blitzdb *reopen(const char *dir, const struct index *index) {
    double began = seconds_now();
    blitzdb *db = open_database(dir, BLITZDB_OPEN_MUST_EXIST);
    blitzdb_stats_info stats = stats_of(db);
    printf("Opened again in %.2f s: %" PRIu64 " records from the snapshot, %" PRIu64 " from the log\n",
           seconds_now() - began, stats.recovered_entries, stats.recovered_records);
    verify(db, index);
    return db;
}

//! [snapshot]
/** Writes a snapshot; what it holds need not be read from the log any more. */
static void take_snapshot(blitzdb *db) {
    blitzdb_error error;
    uint64_t log_bytes = stats_of(db).log_bytes;
    double began = seconds_now();
    if (blitzdb_snapshot(db, &error) != BLITZDB_OK)
        fail(error.text);
    printf("Snapshot written in %.2f s; the log shrank from %.1f MB to %.1f MB\n", seconds_now() - began,
           (double)log_bytes / MEGABYTE, (double)stats_of(db).log_bytes / MEGABYTE);
}
//! [snapshot]

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3)
        fail("usage: packages DIR [FILE]");
    FILE *file = argc == 3 ? fopen(argv[2], "r") : stdin;
    if (file == NULL)
        fail("the input cannot be opened");
    struct index index = read_index(file);

    load(argv[1], &index);
    blitzdb *db = reopen(argv[1], &index);
    take_snapshot(db);
    check(blitzdb_close(db), "closing the database");
    db = reopen(argv[1], &index);
    check(blitzdb_close(db), "closing the database");

    free(index.stanzas);
    free((void *)(uintptr_t)index.input.data);
    if (file != stdin)
        fclose(file);
    return 0;
}
