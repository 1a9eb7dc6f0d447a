/**
 * @file
 * @brief Damages every byte of small databases, in every way that comes to mind, and opens them.
 *
 * A database on the simulated disk is written by a known list of operations and then closed, or left as a
 * dying process leaves it. Then: every bit flipped, every byte 0 and 0xff, every truncation, every record,
 * group and block duplicated, removed, swapped with the next, blocks of 512 and 4096 bytes zeroed, bytes
 * removed and inserted, files removed, emptied, exchanged, taken from another database or an earlier moment.
 *
 * After each: opening either refuses and has changed nothing, or shows the last state. Only if the process
 * died, and the damage leaves no whole group behind the place where it begins in the last segment, the log
 * may end there: that cannot be told from a torn write. blitzdb_verify() says the same as blitzdb_open(), and
 * blitzdb_salvage() of what is refused gives a database with values that were once written, and no others.
 *
 * Usage: corruption_sweep [--all]; without it every 17th byte in the middle of files above 1 KiB.
 */
#include "corruption_image.h"

static bool wants_all;

/** Verifies, opens and saves a damaged copy of an image. `name`, `at`: for the report. */
static void try_directory(const struct image *image, const struct directory *damaged, const char *kind,
                          const char *name, size_t at) {
    struct mem_env *env = mem_env_kill(image->base);
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    options.env = mem_env_table(env);
    write_files(env, damaged);
    totals.damaged++;
    uint64_t digest = mem_env_digest(env);
    bool is_sound = blitzdb_verify("db", &options, &result) == BLITZDB_OK;
    if (mem_env_digest(env) != digest)
        violation(image, kind, name, at, "verify changes something");
    bool opened = false;
    const char *wrong = check_open(image, damaged, env, &opened);
    if (wrong != NULL)
        violation(image, kind, name, at, wrong);
    if (is_sound != opened)
        violation(image, kind, name, at, opened ? "opened, but not sound" : "refused, but sound");
    if (!opened && (wrong = check_salvage(image, env)) != NULL)
        violation(image, kind, name, at, wrong);
    mem_env_destroy(env);
}

/** Tries an image with other contents of one file; NULL: without it. Only that file is written. */
static void try_file(const struct image *image, size_t index, const char *kind, size_t at,
                     const uint8_t *bytes, size_t size) {
    struct directory damaged = {.count = 1};
    damaged.files[0] = image->directory.files[index];
    damaged.files[0].bytes = bytes;
    damaged.files[0].size = size;
    try_directory(image, &damaged, kind, damaged.files[0].name, at);
}

/* Damage to one file */

/** A copy of a file that may be changed, with room for as much again and a block of zeros. */
struct scratch {
    const struct file *file;
    uint8_t *bytes;
};

static struct scratch scratch_of(const struct file *file) {
    struct scratch scratch = {file, malloc(2 * file->size + 4096)};
    need(scratch.bytes != NULL, "no memory");
    memcpy(scratch.bytes, file->bytes, file->size);
    return scratch;
}

/** Bytes from one damaged place to the next: all of a small file, some of a larger one. */
static size_t step_of(const struct file *file, size_t at) {
    bool is_small = file->size <= 1024 || wants_all;
    return is_small || at < 2 * SEGMENT_HEADER || at + 2 * SEGMENT_HEADER > file->size ? 1 : 17;
}

static void flip_and_set(const struct image *image, size_t index) {
    const struct file *file = &image->directory.files[index];
    struct scratch scratch = scratch_of(file);
    for (size_t at = 0; at < file->size; at += step_of(file, at)) {
        uint8_t sound = file->bytes[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            scratch.bytes[at] = (uint8_t)(sound ^ 1u << bit);
            try_file(image, index, "flipped bit", at, scratch.bytes, file->size);
        }
        for (unsigned fill = 0; fill <= 0xff; fill += 0xff) {
            scratch.bytes[at] = (uint8_t)fill;
            if (sound != fill)
                try_file(image, index, "overwritten byte", at, scratch.bytes, file->size);
        }
        scratch.bytes[at] = sound;
    }
    free(scratch.bytes);
}

static void cut(const struct image *image, size_t index) {
    const struct file *file = &image->directory.files[index];
    for (size_t size = 0; size < file->size; size += step_of(file, size))
        try_file(image, index, "truncation", size, file->bytes, size);
}

static void zero_blocks(const struct image *image, size_t index, size_t block) {
    const struct file *file = &image->directory.files[index];
    for (size_t at = 0; at < file->size; at += block) {
        struct scratch scratch = scratch_of(file);
        size_t size = file->size - at < block ? file->size - at : block;
        memset(scratch.bytes + at, 0, size);
        try_file(image, index, "zeroed block", at, scratch.bytes, file->size);
        free(scratch.bytes);
    }
}

/** Bytes that are not the log's behind the end of a file. */
static void append(const struct image *image, size_t index) {
    const struct file *file = &image->directory.files[index];
    static const size_t sizes[] = {1, 31, 32, 512, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct scratch scratch = scratch_of(file);
        memset(scratch.bytes + file->size, i % 2 == 0 ? 0 : 0xa5, sizes[i]);
        try_file(image, index, "appended bytes", sizes[i], scratch.bytes, file->size + sizes[i]);
        free(scratch.bytes);
    }
}

/** Some bytes taken out, or put in, so that the rest moves. */
static void shift(const struct image *image, size_t index) {
    const struct file *file = &image->directory.files[index];
    static const size_t sizes[] = {1, 7, 32, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t at = 0; at < file->size; at += wants_all ? 1 : 5) {
            struct scratch scratch = scratch_of(file);
            size_t taken = file->size - at < sizes[i] ? file->size - at : sizes[i];
            memmove(scratch.bytes + at, file->bytes + at + taken, file->size - at - taken);
            try_file(image, index, "bytes removed", at, scratch.bytes, file->size - taken);
            memcpy(scratch.bytes, file->bytes, at);
            memset(scratch.bytes + at, 0x5a, sizes[i]);
            memcpy(scratch.bytes + at + sizes[i], file->bytes + at, file->size - at);
            try_file(image, index, "bytes inserted", at, scratch.bytes, file->size + sizes[i]);
            free(scratch.bytes);
        }
    }
}

/** A file put together from pieces of the sound one. */
static void try_pieces(const struct image *image, size_t index, const char *kind, const struct piece *pieces,
                       size_t count) {
    const struct file *file = &image->directory.files[index];
    struct scratch scratch = scratch_of(file);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(scratch.bytes + size, file->bytes + pieces[i].offset, pieces[i].size);
        size += pieces[i].size;
    }
    try_file(image, index, kind, pieces[count - 1].offset, scratch.bytes, size);
    free(scratch.bytes);
}

/** Groups of a segment, or blocks of a snapshot, removed, doubled and exchanged. */
static void move_pieces(const struct image *image, size_t index) {
    const struct file *file = &image->directory.files[index];
    struct piece pieces[GROUPS_MAX + 2] = {{0, SEGMENT_HEADER}};
    size_t count = find_pieces(file, pieces + 1) + 1;
    for (size_t i = 1; i < count; i++) {
        struct piece moved[GROUPS_MAX + 2];
        memcpy(moved, pieces, sizeof moved);
        memmove(moved + i, moved + i + 1, (count - i - 1) * sizeof moved[0]);
        try_pieces(image, index, "removed piece", moved, count - 1);
        memcpy(moved, pieces, sizeof moved);
        memmove(moved + i + 1, moved + i, (count - i) * sizeof moved[0]);
        try_pieces(image, index, "doubled piece", moved, count + 1);
        memcpy(moved, pieces, sizeof moved);
        moved[count] = pieces[i];
        try_pieces(image, index, "piece repeated at the end", moved, count + 1);
        for (size_t k = i + 1; k < count; k++) {
            memcpy(moved, pieces, sizeof moved);
            moved[i] = pieces[k];
            moved[k] = pieces[i];
            try_pieces(image, index, "exchanged pieces", moved, count);
        }
    }
}

static void sweep_file(const struct image *image, size_t index) {
    try_file(image, index, "removal", 0, NULL, 0);
    flip_and_set(image, index);
    cut(image, index);
    zero_blocks(image, index, 512);
    zero_blocks(image, index, 4096);
    append(image, index);
    shift(image, index);
    move_pieces(image, index);
}

/* Damage to the directory */

/** Each file in the place of each other one. */
static void exchange_files(const struct image *image) {
    const struct directory *directory = &image->directory;
    for (size_t i = 0; i < directory->count; i++)
        for (size_t k = 0; k < directory->count; k++)
            if (k != i)
                try_file(image, i, "contents of another file", k, directory->files[k].bytes,
                         directory->files[k].size);
}

/**
 * Files of another directory in the place of this one's, each alone and any two of them together. An earlier
 * MANIFEST together with what it named then is the directory put back, which nothing can tell; without a log
 * the MANIFEST alone is enough, because that is what a crash before it was replaced leaves.
 */
static void mix(const struct image *image, const char *kind, const struct directory *other, size_t number,
                bool is_earlier) {
    for (size_t i = 0; i < other->count; i++) {
        struct directory mixed = {.files = {other->files[i]}, .count = 1};
        bool is_manifest = strcmp(other->files[i].name, "MANIFEST") == 0;
        if (strcmp(other->files[i].name, "LOCK") == 0 || (is_earlier && is_manifest && !image->has_log))
            continue;
        try_directory(image, &mixed, kind, other->files[i].name, number);
        if (is_earlier && is_manifest)
            continue;
        for (size_t k = i + 1; k < other->count; k++) {
            mixed.files[1] = other->files[k];
            mixed.count = 2;
            try_directory(image, &mixed, kind, other->files[k].name, number);
            mixed.count = 1;
        }
    }
}

/** All files of one kind removed. */
static void remove_kind(const struct image *image, const char *prefix) {
    struct directory damaged = {.count = 0};
    for (size_t i = 0; i < image->directory.count; i++) {
        if (strncmp(image->directory.files[i].name, prefix, strlen(prefix)) == 0) {
            damaged.files[damaged.count] = image->directory.files[i];
            damaged.files[damaged.count++].bytes = NULL;
        }
    }
    if (damaged.count > 0)
        try_directory(image, &damaged, "removal of all", prefix, 0);
}

static void sweep_image(const struct image *image, const struct image *stranger) {
    uint64_t before = totals.damaged;
    struct directory whole = {.count = 0};
    try_directory(image, &whole, "no damage", "", 0);
    for (size_t i = 0; i < image->directory.count; i++)
        if (strcmp(image->directory.files[i].name, "LOCK") != 0)
            sweep_file(image, i);
    exchange_files(image);
    remove_kind(image, "log-");
    remove_kind(image, "snapshot-");
    for (size_t i = 0; i < image->moment_count; i++)
        mix(image, "file of an earlier moment", &image->moments[i], i, true);
    mix(image, "file of another database", &stranger->directory, 0, false);
    (void)printf("%s: %" PRIu64 " damaged\n", image->name, totals.damaged - before);
}

int main(int argc, char *argv[]) {
    static const struct {
        const char *name;
        uint32_t flags;
        const char *letters;
    } images[] = {
        {"closed", 0, "ssbsndewsb."},
        {"crashed", 0, "ssbsndewsb"},
        {"closed, log only", 0, "ssbdef."},
        {"crashed, log only", 0, "ssbdef"},
        {"closed twice", 0, "ssn|sde|bs."},
        {"crashed after a close", 0, "ssn|sde|bs"},
        {"closed, several segments", 0, "SSSSnSSSSSSSSs."},
        {"crashed, several segments", 0, "SSSSnSSSSSSSSss"},
        {"without a log", BLITZDB_OPEN_NO_LOG, "ssbsn."},
    };
    wants_all = argc > 1 && strcmp(argv[1], "--all") == 0;
    static struct image image;
    static struct image stranger;
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        make_image(&image, images[i].name, 2 * i + 1, images[i].flags, images[i].letters);
        make_image(&stranger, images[i].name, 2 * i + 2, images[i].flags, images[i].letters);
        sweep_image(&image, &stranger);
        free_image(&image);
        free_image(&stranger);
    }
    (void)printf("%" PRIu64 " damaged: %" PRIu64 " refused, %" PRIu64 " as they were, %" PRIu64
                 " without the last group and %" PRIu64 " without more at the torn end, %" PRIu64
                 " violations\n",
                 totals.damaged, totals.refused, totals.exact, totals.torn, totals.cut, totals.violations);
    return totals.violations == 0 && totals.refused > 0 ? 0 : 1;
}
