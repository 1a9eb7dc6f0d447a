/**
 * @file
 * @brief Small databases whose every state is known, and what a damaged copy of one may show.
 *
 * An image is a directory on the simulated disk with the states it went through; its last segment is taken
 * apart into groups by code of its own. Part of corruption_sweep.c, kept apart for its length.
 */
#ifndef BLITZDB_TESTS_CORRUPTION_IMAGE_H
#define BLITZDB_TESTS_CORRUPTION_IMAGE_H

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/check.h>

#include "codec.h"
#include "mem_env.h"
#include "operation.h"
#include "raw_file.h"

enum {
    FILES_MAX = 12,
    GROUPS_MAX = 64,
    STATES_MAX = 80,
    MOMENTS_MAX = 80,
    REPORTS_MAX = 20,
    SEGMENT_HEADER = 64,
    GROUP_HEADER = 32,
    SNAPSHOT_HEADER = 64,
    BLOCK_HEADER = 16,
};

/** One file of a directory; its bytes belong to the directory they were read into. */
struct file {
    char name[64];
    const uint8_t *bytes; /**< NULL: there is no such file */
    size_t size;
};

struct directory {
    struct file files[FILES_MAX];
    size_t count;
};

/** A piece of a file that was written at once. */
struct piece {
    size_t offset;
    size_t size;
};

/** A database before it is damaged. */
struct image {
    const char *name;
    bool is_closed;
    bool has_log;
    struct directory directory;
    struct model states[STATES_MAX]; /**< after each operation */
    size_t state_count;
    struct directory moments[MOMENTS_MAX]; /**< the directory after each of them */
    size_t moment_count;
    struct piece tail[GROUPS_MAX]; /**< groups of the last segment; each but an empty one is an operation */
    size_t tail_count;
    size_t tail_file;
    struct mem_env *base; /**< a disk with the directory */
};

static struct {
    uint64_t damaged;
    uint64_t refused;
    uint64_t exact;
    uint64_t torn; /**< the last group is gone */
    uint64_t cut;  /**< more than one is gone */
    uint64_t violations;
} totals;

/** What must not fail. */
static void need(bool is_true, const char *what) {
    if (!is_true) {
        (void)fprintf(stderr, "corruption_sweep: %s\n", what);
        exit(2);
    }
}

static void need_ok(blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK)
        (void)fprintf(stderr, "%s: ", blitzdb_status_name(status));
    need(status == BLITZDB_OK, what);
}

static void violation(const struct image *image, const char *kind, const char *name, size_t at,
                      const char *what) {
    if (totals.violations++ < REPORTS_MAX)
        (void)fprintf(stderr, "%s: %s of %s at %zu: %s\n", image->name, kind, name, at, what);
}

/* Directories */

struct listing {
    const blitzdb_env *env;
    struct directory *directory;
};

static int read_one(void *caller, const char *name) {
    struct listing *listing = caller;
    static struct raw_file raw;
    char path[128];
    need(listing->directory->count < FILES_MAX, "more files than expected");
    struct file *file = &listing->directory->files[listing->directory->count++];
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    (void)snprintf(path, sizeof path, "db/%s", name);
    raw_file_read(listing->env, path, &raw);
    need(raw.size < sizeof raw.bytes, "a file is larger than expected");
    uint8_t *bytes = malloc(raw.size + 1);
    need(bytes != NULL, "no memory");
    memcpy(bytes, raw.bytes, raw.size);
    file->bytes = bytes;
    file->size = raw.size;
    return 0;
}

static int compare_names(const void *left, const void *right) {
    return strcmp(((const struct file *)left)->name, ((const struct file *)right)->name);
}

/** Reads all files, in the order of their names: LOCK, MANIFEST, the segments, the snapshot. */
static void read_directory(struct mem_env *env, struct directory *directory) {
    struct listing listing = {mem_env_table(env), directory};
    memset(directory, 0, sizeof *directory);
    /* The list must not change while it is made, and reading changes nothing. */
    need(listing.env->list_dir(listing.env->user, "db", read_one, &listing) == 0, "the directory");
    qsort(directory->files, directory->count, sizeof directory->files[0], compare_names);
}

static void free_directory(struct directory *directory) {
    for (size_t i = 0; i < directory->count; i++)
        free((void *)(uintptr_t)directory->files[i].bytes);
}

static const struct file *find_file(const struct directory *directory, const char *name) {
    for (size_t i = 0; i < directory->count; i++)
        if (strcmp(directory->files[i].name, name) == 0)
            return &directory->files[i];
    return NULL;
}

/* Images */

static blitzdb_options options_of(struct mem_env *env, uint32_t flags) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = mem_env_table(env);
    options.flags = flags;
    options.shard_count = 1;
    options.log_segment_bytes = 4096;
    options.durability =
        (flags & BLITZDB_OPEN_NO_LOG) != 0 ? BLITZDB_DURABILITY_DEFAULT : BLITZDB_DURABILITY_ALWAYS;
    return options;
}

static void note_state(struct image *image, struct mem_env *env, blitzdb *db) {
    need(image->state_count < STATES_MAX && image->moment_count < MOMENTS_MAX, "more states than expected");
    need_ok(model_read_database(&image->states[image->state_count++], db), "read everything");
    read_directory(env, &image->moments[image->moment_count++]);
}

/** What the databases are made of: a letter is an operation. */
static struct operation operation_of(char letter, size_t number) {
    char key[8];
    (void)snprintf(key, sizeof key, "k%zu", number % 3);
    struct operation set = operation_single(STEP_SET, 0, key, "v");
    (void)snprintf(set.steps[0].text, sizeof set.steps[0].text, "v%zu.", number);
    set.steps[0].value_size = 12;
    struct operation other = operation_single(STEP_SET, 1, "b", "two");
    switch (letter) {
    case 'S': /* a group of a third of a segment */
        set.steps[0].value_size = 1200;
        return set;
    case 'd':
        return operation_single(STEP_DEL, 0, "k1", "");
    case 'e':
        set = operation_single(STEP_EXPIRE, 0, "k0", "");
        set.steps[0].number = 100000 + (int64_t)number;
        return set;
    case 'b':
        return operation_joined(OPERATION_BATCH, set, other);
    case 'f':
        set.kind = OPERATION_FLUSH_KEYSPACE;
        set.steps[0].keyspace = 1;
        return set;
    case 'w':
        set = operation_joined(OPERATION_SWAP_KEYSPACES, set, other);
        return set;
    case 'n':
        set.kind = OPERATION_SNAPSHOT;
        return set;
    default:
        return set;
    }
}

/** Finds the pieces of a segment or snapshot that is whole. */
static size_t find_pieces(const struct file *file, struct piece *pieces) {
    bool is_log = strncmp(file->name, "log-", 4) == 0;
    size_t header = is_log ? GROUP_HEADER : BLOCK_HEADER;
    size_t offset = is_log ? SEGMENT_HEADER : SNAPSHOT_HEADER;
    size_t count = 0;
    if (!is_log && strncmp(file->name, "snapshot-", 9) != 0)
        return 0;
    while (file->bytes != NULL && offset + header <= file->size) {
        size_t size = header + bzd_load_u32(file->bytes + offset + 4);
        if (bzd_load_u32(file->bytes + offset) == 0)
            break; /* prepared space */
        need(count < GROUPS_MAX && offset + size <= file->size, "pieces of a file");
        pieces[count++] = (struct piece){offset, size};
        offset += size;
    }
    return count;
}

static void find_tail(struct image *image) {
    image->tail_file = SIZE_MAX;
    for (size_t i = 0; i < image->directory.count; i++)
        if (strncmp(image->directory.files[i].name, "log-", 4) == 0)
            image->tail_file = i;
    if (image->tail_file != SIZE_MAX)
        image->tail_count = find_pieces(&image->directory.files[image->tail_file], image->tail);
}

/** Writes the files of a directory to a disk. */
static void write_files(struct mem_env *env, const struct directory *directory) {
    const blitzdb_env *table = mem_env_table(env);
    char path[128];
    for (size_t i = 0; i < directory->count; i++) {
        const struct file *file = &directory->files[i];
        (void)snprintf(path, sizeof path, "db/%s", file->name);
        if (file->bytes != NULL)
            raw_file_write(table, path, file->bytes, file->size);
        else
            (void)table->remove(table->user, path);
    }
    raw_file_check(table->sync_dir(table->user, "db"), "sync", "db");
}

/**
 * Makes a database by operations, one letter each; '|' closes and opens it in between, and '.' at the end
 * closes it for good.
 */
static void make_image(struct image *image, const char *name, uint64_t seed, uint32_t flags,
                       const char *letters) {
    struct mem_env *env = mem_env_create(seed);
    blitzdb_options options = options_of(env, flags);
    blitzdb *db = NULL;
    *image = (struct image){.name = name, .has_log = (flags & BLITZDB_OPEN_NO_LOG) == 0};
    need_ok(blitzdb_open("db", &options, &db), "open");
    note_state(image, env, db);
    for (size_t i = 0; letters[i] != '\0' && letters[i] != '.'; i++) {
        if (letters[i] == '|') {
            need_ok(blitzdb_close(db), "close");
            read_directory(env, &image->moments[image->moment_count++]);
            need_ok(blitzdb_open("db", &options, &db), "open");
            continue;
        }
        struct operation operation = operation_of(letters[i], i);
        need_ok(operation_run(db, &operation), "an operation");
        if (letters[i] != 'n')
            note_state(image, env, db);
        else
            read_directory(env, &image->moments[image->moment_count++]);
    }
    image->is_closed = strchr(letters, '.') != NULL;
    if (image->is_closed) {
        need_ok(blitzdb_close(db), "close");
        db = NULL;
    }
    read_directory(env, &image->directory);
    need_ok(blitzdb_close(db), "close");
    mem_env_destroy(env);
    find_tail(image);
    image->base = mem_env_create(seed + 100);
    const blitzdb_env *table = mem_env_table(image->base);
    raw_file_check(table->make_dir(table->user, "db"), "make", "db");
    write_files(image->base, &image->directory);
}

static void free_image(struct image *image) {
    for (size_t i = 0; i < image->state_count; i++)
        model_deinit(&image->states[i]);
    for (size_t i = 0; i < image->moment_count; i++)
        free_directory(&image->moments[i]);
    free_directory(&image->directory);
    mem_env_destroy(image->base);
}

/* Judgement */

static bool holds(const struct file *file, const uint8_t *bytes, size_t size) {
    for (size_t at = 0; file->bytes != NULL && at + size <= file->size; at++)
        if (file->bytes[at] == bytes[0] && memcmp(file->bytes + at, bytes, size) == 0)
            return true;
    return false;
}

/**
 * How many operations at the end may be gone. None after a clean close. After the death of the process, those
 * from the first group of the last segment that is not where it was, if none of the later ones is whole
 * anywhere in the file: one would prove that the missing ones were durable.
 */
static size_t may_lack(const struct image *image, const struct directory *damaged) {
    if (image->is_closed || image->tail_file == SIZE_MAX)
        return 0;
    const struct file *sound = &image->directory.files[image->tail_file];
    const struct file *file = find_file(damaged, sound->name);
    size_t first = 0;
    if (file == NULL)
        return 0; /* not among the files that were changed */
    while (first < image->tail_count) {
        const struct piece *piece = &image->tail[first];
        bool is_there = file->bytes != NULL && piece->offset + piece->size <= file->size &&
                        memcmp(file->bytes + piece->offset, sound->bytes + piece->offset, piece->size) == 0;
        if (!is_there)
            break;
        first++;
    }
    for (size_t i = first + 1; i < image->tail_count; i++)
        if (holds(file, sound->bytes + image->tail[i].offset, image->tail[i].size))
            return 0;
    size_t lacking = 0;
    for (size_t i = first; i < image->tail_count; i++)
        lacking += image->tail[i].size > GROUP_HEADER; /* an empty group is no operation */
    return lacking;
}

/** Whether what is shown is the last state, or one before it that may be shown; counts it. */
static bool is_allowed(const struct image *image, const struct directory *damaged, struct model *shown) {
    const struct model *last = &image->states[image->state_count - 1];
    if (model_equal(shown, last, MEM_ENV_START_MS)) {
        totals.exact++;
        return true;
    }
    size_t lacking = may_lack(image, damaged);
    if (lacking == 0 || lacking >= image->state_count)
        return false;
    totals.torn += lacking == 1;
    totals.cut += lacking > 1;
    return model_equal(shown, last - lacking, MEM_ENV_START_MS);
}

/** Whether every value was that of its key at some time, in any keyspace: a swap may have been lost. */
static bool was_written(const struct image *image, const struct model_entry *entry) {
    for (size_t i = 0; i < image->state_count; i++) {
        for (size_t k = 0; k < image->states[i].count; k++) {
            const struct model_entry *other = &image->states[i].entries[k];
            if (other->key_size == entry->key_size && other->value_size == entry->value_size &&
                memcmp(other->key, entry->key, entry->key_size) == 0 &&
                memcmp(other->value, entry->value, entry->value_size) == 0)
                return true;
        }
    }
    return false;
}

/** Saves what is sound, and looks at it; answers what is wrong, or NULL. */
static const char *check_salvage(const struct image *image, struct mem_env *env) {
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    options.env = mem_env_table(env);
    blitzdb_status status = blitzdb_salvage("db", "out", &options, &result);
    if (status == BLITZDB_NOT_FOUND || status == BLITZDB_VERSION)
        return NULL;
    if (status != BLITZDB_OK)
        return "salvage fails";
    if (result.damages == 0)
        return "salvage reports no damage";
    blitzdb *db = NULL;
    blitzdb_options open_options = options_of(env, BLITZDB_OPEN_MUST_EXIST);
    if (blitzdb_open("out", &open_options, &db) != BLITZDB_OK)
        return "what was saved cannot be opened";
    struct model shown = {0};
    need_ok(model_read_database(&shown, db), "read everything");
    need_ok(blitzdb_close(db), "close");
    const char *wrong = NULL;
    for (size_t i = 0; i < shown.count; i++)
        if (!was_written(image, &shown.entries[i]))
            wrong = "salvage invents a value";
    model_deinit(&shown);
    return wrong;
}

/** Opens a damaged database; answers what is wrong, or NULL. */
static const char *check_open(const struct image *image, const struct directory *damaged, struct mem_env *env,
                              bool *opened_out) {
    blitzdb_options options = options_of(env, BLITZDB_OPEN_MUST_EXIST);
    blitzdb_error error;
    blitzdb *db = NULL;
    options.error = &error;
    uint64_t digest = mem_env_digest(env);
    blitzdb_status status = blitzdb_open("db", &options, &db);
    *opened_out = status == BLITZDB_OK;
    if (status != BLITZDB_OK) {
        totals.refused++;
        if (error.text[0] == '\0')
            return "the refusal is not explained";
        return mem_env_digest(env) == digest ? NULL : "a refused directory was changed";
    }
    struct model shown = {0};
    need_ok(model_read_database(&shown, db), "read everything");
    const char *wrong = is_allowed(image, damaged, &shown) ? NULL : "shows what it must not";
    model_deinit(&shown);
    if (blitzdb_close(db) != BLITZDB_OK)
        return "cannot be closed";
    return wrong;
}

#endif
