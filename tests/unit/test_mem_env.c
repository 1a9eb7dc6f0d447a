/**
 * @file
 * @brief The simulated environment does what it promises: what is lost, what is kept, and which call fails.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../support/mem_env.h"

static struct mem_env *env;
static const blitzdb_env *table;

static void setup(void) {
    env = mem_env_create(1);
    table = mem_env_table(env);
}

static void teardown(void) {
    mem_env_destroy(env);
}

static blitzdb_file *create(const char *path) {
    blitzdb_file *file = NULL;
    cr_assert_eq(table->open(table->user, path, BLITZDB_FILE_CREATE, &file), 0);
    return file;
}

static void write_text(blitzdb_file *file, const char *text, uint64_t offset) {
    cr_assert_eq(table->write_at(table->user, file, text, strlen(text), offset), 0);
}

static void sync_file(blitzdb_file *file) {
    cr_assert_eq(table->sync(table->user, file), 0);
}

static void sync_root(void) {
    cr_assert_eq(table->sync_dir(table->user, "/"), 0);
}

/** A file whose contents and name are on disk. */
static blitzdb_file *create_durable(const char *path, const char *text) {
    blitzdb_file *file = create(path);
    write_text(file, text, 0);
    sync_file(file);
    sync_root();
    return file;
}

/** Compares a file with a text in which '.' stands for a zero byte; NULL: there must be no such file. */
static bool holds(const struct mem_env *disk, const char *path, const char *text) {
    const blitzdb_env *files = mem_env_table(disk);
    blitzdb_file *file = NULL;
    if (files->open(files->user, path, BLITZDB_FILE_READ, &file) != 0)
        return text == NULL;
    char found[256];
    size_t size = 0;
    int error = files->read_at(files->user, file, found, sizeof(found), 0, &size);
    files->close(files->user, file);
    for (size_t i = 0; i < size; i++)
        found[i] = (char)(found[i] == '\0' ? '.' : found[i]);
    return error == 0 && text != NULL && size == strlen(text) && memcmp(found, text, size) == 0;
}

/** Whether the file of one image holds the text. */
static bool image_holds(enum mem_env_damage damage, uint64_t index, const char *path, const char *text) {
    struct mem_env *image = mem_env_crash(env, damage, index);
    bool is_same = holds(image, path, text);
    mem_env_destroy(image);
    return is_same;
}

/** In how many images of the class the file holds the text. */
static uint64_t images_that_hold(enum mem_env_damage damage, const char *path, const char *text) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < mem_env_crash_count(env, damage); i++)
        count += image_holds(damage, i, path, text);
    return count;
}

TestSuite(mem_env, .init = setup, .fini = teardown);

/* Reads see writes at once, a power failure does not. */
Test(mem_env, write_without_sync_is_lost) {
    blitzdb_file *file = create_durable("a", "old");

    write_text(file, "new", 0);

    cr_assert(holds(env, "a", "new"));
    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_DROPPED), 1);
    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", "old"));
    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_APPLIED), 1);
    cr_assert(image_holds(MEM_DAMAGE_APPLIED, 0, "a", "new"));
    table->close(table->user, file);
}

/* After a sync there is nothing to lose, and no class but "dropped" has an image. */
Test(mem_env, synced_write_is_kept) {
    blitzdb_file *file = create_durable("a", "old");

    write_text(file, "new", 0);
    sync_file(file);

    cr_assert_eq(mem_env_pending(env), 0);
    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", "new"));
    for (unsigned damage = MEM_DAMAGE_APPLIED; damage < MEM_DAMAGE_KINDS; damage++)
        cr_assert_eq(mem_env_crash_count(env, (enum mem_env_damage)damage), 0);
    table->close(table->user, file);
}

/* A synced file whose directory was not synced has no name after a power failure. */
Test(mem_env, synced_file_without_synced_directory_is_lost) {
    blitzdb_file *file = create("a");
    write_text(file, "text", 0);
    sync_file(file);

    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", NULL));
    sync_root();
    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", "text"));
    table->close(table->user, file);
}

/* A synced directory does not make the contents of its files durable. */
Test(mem_env, synced_directory_does_not_sync_contents) {
    blitzdb_file *file = create("a");
    write_text(file, "text", 0);
    sync_root();

    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", ""));
    table->close(table->user, file);
}

/* Three appended letters: the classes of single operations name each of them once. */
Test(mem_env, prefix_missing_and_alone) {
    blitzdb_file *file = create_durable("a", "");
    write_text(file, "x", 0);
    write_text(file, "y", 1);
    write_text(file, "z", 2);

    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_PREFIX), 2);
    cr_assert(image_holds(MEM_DAMAGE_PREFIX, 0, "a", "x"));
    cr_assert(image_holds(MEM_DAMAGE_PREFIX, 1, "a", "xy"));
    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_ONE_MISSING), 3);
    cr_assert(image_holds(MEM_DAMAGE_ONE_MISSING, 0, "a", ".yz"));
    cr_assert(image_holds(MEM_DAMAGE_ONE_MISSING, 1, "a", "x.z"));
    cr_assert(image_holds(MEM_DAMAGE_ONE_MISSING, 2, "a", "xy"));
    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_ONE_ALONE), 3);
    cr_assert(image_holds(MEM_DAMAGE_ONE_ALONE, 0, "a", "x"));
    cr_assert(image_holds(MEM_DAMAGE_ONE_ALONE, 1, "a", ".y"));
    cr_assert(image_holds(MEM_DAMAGE_ONE_ALONE, 2, "a", "..z"));
    table->close(table->user, file);
}

/* A small write is cut in its middle: its beginning, its end, or its beginning and the new size. */
Test(mem_env, torn_write) {
    blitzdb_file *file = create_durable("a", "....");
    write_text(file, "abcdef", 2);

    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_TORN), 3);
    cr_assert(image_holds(MEM_DAMAGE_TORN, 0, "a", "..abc"));
    cr_assert(image_holds(MEM_DAMAGE_TORN, 1, "a", ".....def"));
    cr_assert(image_holds(MEM_DAMAGE_TORN, 2, "a", "..abc..."));
    table->close(table->user, file);
}

/* A write over sector boundaries is cut exactly there. */
Test(mem_env, torn_write_at_sectors) {
    char block[1500];
    memset(block, 'b', sizeof(block));
    blitzdb_file *file = create_durable("a", "");
    cr_assert_eq(table->write_at(table->user, file, block, sizeof(block), 100), 0);

    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_TORN), 9);
    for (uint64_t i = 0; i < 3; i++) {
        struct mem_env *image = mem_env_crash(env, MEM_DAMAGE_TORN, 3 * i);
        const blitzdb_env *files = mem_env_table(image);
        blitzdb_file *torn = NULL;
        uint64_t size = 0;
        cr_assert_eq(files->open(files->user, "a", BLITZDB_FILE_READ, &torn), 0);
        cr_assert_eq(files->file_size(files->user, torn, &size), 0);
        cr_assert_eq(size, 512 * (i + 1));
        files->close(files->user, torn);
        mem_env_destroy(image);
    }
    table->close(table->user, file);
}

/* The size may reach the disk before the data. */
Test(mem_env, size_without_data) {
    blitzdb_file *file = create_durable("a", "ab");
    write_text(file, "cd", 2);

    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_SIZE_ONLY), 1);
    cr_assert(image_holds(MEM_DAMAGE_SIZE_ONLY, 0, "a", "ab.."));
    table->close(table->user, file);
}

/* A rename may be durable while the contents of the file are not, and the other way round. */
Test(mem_env, rename_and_contents_are_independent) {
    blitzdb_file *old = create_durable("a", "old");
    blitzdb_file *file = create("a.tmp");
    write_text(file, "new", 0);
    cr_assert_eq(table->rename(table->user, "a.tmp", "a"), 0);

    cr_assert(holds(env, "a", "new"));
    cr_assert(holds(env, "a.tmp", NULL));
    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_NAMES_ONLY), 2);
    cr_assert(image_holds(MEM_DAMAGE_NAMES_ONLY, 0, "a", ""));
    cr_assert(image_holds(MEM_DAMAGE_NAMES_ONLY, 1, "a", ""));
    cr_assert_eq(mem_env_crash_count(env, MEM_DAMAGE_CONTENTS_ONLY), 1);
    cr_assert(image_holds(MEM_DAMAGE_CONTENTS_ONLY, 0, "a", "old"));
    cr_assert_eq(images_that_hold(MEM_DAMAGE_ONE_MISSING, "a", "old"), 1);
    table->close(table->user, file);
    table->close(table->user, old);
}

/* With the rename durable and its creation not, the old name is gone all the same. */
Test(mem_env, rename_alone_takes_the_file_along) {
    blitzdb_file *file = create("a.tmp");
    write_text(file, "new", 0);
    sync_file(file);
    cr_assert_eq(table->rename(table->user, "a.tmp", "a"), 0);

    cr_assert(image_holds(MEM_DAMAGE_ONE_ALONE, 1, "a", "new"));
    cr_assert(image_holds(MEM_DAMAGE_ONE_ALONE, 1, "a.tmp", NULL));
    table->close(table->user, file);
}

/* A removal without a synced directory may be undone by a power failure. */
Test(mem_env, removal_may_be_undone) {
    blitzdb_file *file = create_durable("a", "text");
    table->close(table->user, file);

    cr_assert_eq(table->remove(table->user, "a"), 0);

    cr_assert(holds(env, "a", NULL));
    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", "text"));
    sync_root();
    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", NULL));
}

/* A directory that was not synced into its parent takes everything in it along. */
Test(mem_env, lost_directory_takes_its_files_along) {
    cr_assert_eq(table->make_dir(table->user, "d"), 0);
    blitzdb_file *file = create("d/a");
    write_text(file, "text", 0);
    sync_file(file);
    cr_assert_eq(table->sync_dir(table->user, "d"), 0);

    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "d/a", NULL));
    struct mem_env *image = mem_env_crash(env, MEM_DAMAGE_DROPPED, 0);
    struct mem_env *empty = mem_env_create(1);
    cr_assert_eq(mem_env_digest(image), mem_env_digest(empty));
    mem_env_destroy(image);
    mem_env_destroy(empty);
    sync_root();
    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "d/a", "text"));
    table->close(table->user, file);
}

/* The random class gives the same image for the same index, and different ones for different indices. */
Test(mem_env, random_images_depend_on_the_index_only) {
    blitzdb_file *file = create_durable("a", "");
    for (uint64_t i = 0; i < 16; i++)
        write_text(file, "x", i);

    uint64_t first = 0;
    unsigned different = 0;
    for (uint64_t i = 0; i < MEM_DAMAGE_RANDOM_IMAGES; i++) {
        struct mem_env *image = mem_env_crash(env, MEM_DAMAGE_RANDOM, i);
        struct mem_env *again = mem_env_crash(env, MEM_DAMAGE_RANDOM, i);
        cr_assert_eq(mem_env_digest(image), mem_env_digest(again));
        different += mem_env_digest(image) != first;
        first = i == 0 ? mem_env_digest(image) : first;
        mem_env_destroy(image);
        mem_env_destroy(again);
    }
    cr_assert_gt(different, MEM_DAMAGE_RANDOM_IMAGES / 2);
    table->close(table->user, file);
}

/* After a failed sync the writes before it can no longer be saved; later ones can. */
Test(mem_env, failed_sync_is_final) {
    blitzdb_file *file = create_durable("a", "");
    write_text(file, "x", 0);
    mem_env_fail(env, &(struct mem_env_fault){.call = MEM_CALL_SYNC, .nth = 1, .error = EIO});

    cr_assert_eq(table->sync(table->user, file), EIO);
    write_text(file, "y", 1);
    sync_file(file);

    cr_assert(holds(env, "a", "xy"));
    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", ".y"));
    table->close(table->user, file);
}

/* A fault hits the n-th call of its kind, once. */
Test(mem_env, fault_once) {
    blitzdb_file *file = create("a");
    mem_env_fail(env, &(struct mem_env_fault){.call = MEM_CALL_WRITE, .nth = 2, .error = ENOSPC});

    cr_assert_eq(table->write_at(table->user, file, "a", 1, 0), 0);
    cr_assert_eq(table->write_at(table->user, file, "b", 1, 0), ENOSPC);
    cr_assert_eq(table->write_at(table->user, file, "c", 1, 1), 0);

    cr_assert(holds(env, "a", "ac"));
    cr_assert_eq(mem_env_faults(env), 1);
    cr_assert_eq(mem_env_calls(env, MEM_CALL_WRITE), 3);
    table->close(table->user, file);
}

/* A fault for good hits all calls from the n-th on until it is taken back. */
Test(mem_env, fault_for_good) {
    blitzdb_file *file = create("a");
    mem_env_fail(
        env, &(struct mem_env_fault){.call = MEM_CALL_ANY_FILE, .nth = 1, .error = EIO, .for_good = true});

    cr_assert_eq(table->write_at(table->user, file, "a", 1, 0), EIO);
    cr_assert_eq(table->sync(table->user, file), EIO);
    mem_env_disarm(env);
    cr_assert_eq(table->write_at(table->user, file, "a", 1, 0), 0);
    mem_env_rearm(env);
    cr_assert_eq(table->write_at(table->user, file, "a", 1, 0), EIO);

    table->close(table->user, file);
}

/* A failed write leaves the part that the fault names. */
Test(mem_env, short_writes) {
    const struct {
        enum mem_env_part part;
        const char *left;
    } cases[] = {
        {MEM_PART_NONE, ""}, {MEM_PART_ONE_BYTE, "a"}, {MEM_PART_HALF, "ab"}, {MEM_PART_ALL_BUT_ONE, "abc"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        blitzdb_file *file = create("a");
        mem_env_fail(env, &(struct mem_env_fault){
                              .call = MEM_CALL_WRITE, .nth = 1, .error = ENOSPC, .part = cases[i].part});

        cr_assert_eq(table->write_at(table->user, file, "abcd", 4, 0), ENOSPC);

        cr_assert(holds(env, "a", cases[i].left));
        table->close(table->user, file);
        table->remove(table->user, "a");
    }
}

/* An allocation can be refused, and what lives is counted. */
Test(mem_env, memory_is_counted_and_can_fail) {
    mem_env_fail(env, &(struct mem_env_fault){.call = MEM_CALL_ANY_MEMORY, .nth = 2});

    void *first = table->alloc(table->user, 10);
    void *second = table->alloc(table->user, 10);
    first = table->realloc(table->user, first, 20);
    void *mapping = table->map(table->user, 4096, 4096, 0);

    cr_assert_not_null(first);
    cr_assert_null(second);
    cr_assert_eq(mem_env_live_memory(env), 2);
    table->free(table->user, first);
    table->unmap(table->user, mapping, 4096);
    table->free(table->user, NULL);
    cr_assert_eq(mem_env_live_memory(env), 0);
    cr_assert_eq(mem_env_calls(env, MEM_CALL_ANY_MEMORY), 4);
}

/* After the power failed every file call answers EIO and changes nothing; memory goes on. */
Test(mem_env, crash_at_call) {
    blitzdb_file *file = create_durable("a", "");
    mem_env_crash_at(env, 2);

    cr_assert_eq(table->write_at(table->user, file, "x", 1, 0), 0);
    cr_assert(!mem_env_crashed(env));
    cr_assert_eq(table->write_at(table->user, file, "y", 1, 1), EIO);
    cr_assert(mem_env_crashed(env));
    cr_assert_eq(table->sync(table->user, file), EIO);
    table->close(table->user, file);

    cr_assert(image_holds(MEM_DAMAGE_DROPPED, 0, "a", ""));
    cr_assert(image_holds(MEM_DAMAGE_APPLIED, 0, "a", "x"));
    cr_assert_eq(mem_env_open_files(env), 0);
}

/** What the hook saw last. */
struct hooked {
    size_t pending;
    enum mem_env_call call;
    char path[8];
};

static void note_change(void *user, enum mem_env_call call, const char *path) {
    struct hooked *hooked = user;
    hooked->pending = mem_env_pending(env);
    hooked->call = call;
    (void)snprintf(hooked->path, sizeof(hooked->path), "%s", path);
}

/* The hook sees the moment before each change. */
Test(mem_env, before_change) {
    struct hooked hooked = {.pending = 99};
    blitzdb_file *file = create_durable("a", "");
    mem_env_before_change(env, note_change, &hooked);

    write_text(file, "x", 0);
    cr_assert_eq(hooked.pending, 0);
    cr_assert_eq(hooked.call, MEM_CALL_WRITE);
    cr_assert_str_eq(hooked.path, "a");
    sync_file(file);
    cr_assert_eq(hooked.pending, 1);
    table->close(table->user, file);
    cr_assert_eq(hooked.call, MEM_CALL_SYNC);
}

/* When only the process ends, reads still see everything, and the power can fail later. */
Test(mem_env, kill) {
    blitzdb_file *file = create_durable("a", "old");
    blitzdb_file *lock = NULL;
    cr_assert_eq(table->lock(table->user, "LOCK", &lock), 0);
    write_text(file, "new", 0);

    struct mem_env *after = mem_env_kill(env);
    cr_assert(holds(after, "a", "new"));
    cr_assert_eq(mem_env_pending(after), 2);
    const blitzdb_env *files = mem_env_table(after);
    blitzdb_file *second = NULL;
    cr_assert_eq(files->lock(files->user, "LOCK", &second), 0);
    files->unlock(files->user, second);

    struct mem_env *image = mem_env_crash(after, MEM_DAMAGE_DROPPED, 0);
    cr_assert(holds(image, "a", "old"));
    mem_env_destroy(image);
    mem_env_destroy(after);
    table->unlock(table->user, lock);
    table->close(table->user, file);
}

/* A lock is held by one handle at a time, and a power failure frees it. */
Test(mem_env, locks) {
    blitzdb_file *lock = NULL;
    blitzdb_file *second = NULL;

    cr_assert_eq(table->lock(table->user, "LOCK", &lock), 0);
    cr_assert_eq(table->lock(table->user, "LOCK", &second), EWOULDBLOCK);

    struct mem_env *image = mem_env_crash(env, MEM_DAMAGE_APPLIED, 0);
    const blitzdb_env *files = mem_env_table(image);
    cr_assert_eq(files->lock(files->user, "LOCK", &second), 0);
    files->unlock(files->user, second);
    mem_env_destroy(image);

    table->unlock(table->user, lock);
    cr_assert_eq(table->lock(table->user, "LOCK", &lock), 0);
    table->unlock(table->user, lock);
}

/* The trace tells the order of the file calls. */
Test(mem_env, trace) {
    mem_env_trace_begin(env);
    blitzdb_file *file = create_durable("/a", "x");
    table->close(table->user, file);

    const enum mem_env_call expected[] = {MEM_CALL_CREATE, MEM_CALL_WRITE, MEM_CALL_SYNC, MEM_CALL_SYNC_DIR,
                                          MEM_CALL_CLOSE};
    cr_assert_eq(mem_env_trace_count(env), 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(mem_env_trace_at(env, i).call, expected[i]);
    cr_assert_str_eq(mem_env_trace_at(env, 1).path, "/a");
    cr_assert_str_eq(mem_env_trace_at(env, 3).path, "/");
}

static int count_names(void *caller, const char *name) {
    int *count = caller;
    (*count)++;
    return name[0] == 'z' ? 7 : 0;
}

/* The directory functions answer as a real system does. */
Test(mem_env, directories) {
    blitzdb_file *file = NULL;
    int count = 0;

    cr_assert_eq(table->open(table->user, "d/a", BLITZDB_FILE_CREATE, &file), ENOENT);
    cr_assert_eq(table->make_dir(table->user, "d"), 0);
    cr_assert_eq(table->make_dir(table->user, "d/"), 0);
    table->close(table->user, create("d/a"));
    cr_assert_eq(table->open(table->user, "d/a", BLITZDB_FILE_CREATE, &file), EEXIST);
    cr_assert_eq(table->open(table->user, "d/b", BLITZDB_FILE_WRITE, &file), ENOENT);
    cr_assert_eq(table->open(table->user, "d", BLITZDB_FILE_READ, &file), EISDIR);
    cr_assert_eq(table->remove(table->user, "d/b"), ENOENT);
    cr_assert_eq(table->rename(table->user, "d/b", "d/c"), ENOENT);
    cr_assert_eq(table->rename(table->user, "d/a", "a"), EXDEV);
    cr_assert_eq(table->sync_dir(table->user, "e"), ENOENT);
    cr_assert_eq(table->list_dir(table->user, "d", count_names, &count), 0);
    cr_assert_eq(count, 1);
    table->close(table->user, create("d/z"));
    cr_assert_eq(table->list_dir(table->user, "d", count_names, &count), 7);
}

/* The clocks move only when they are told to. */
Test(mem_env, clock) {
    uint64_t before = table->monotonic_ns(table->user);
    cr_assert_eq(table->now_ms(table->user), MEM_ENV_START_MS);

    mem_env_advance_ms(env, 5);
    cr_assert_eq(table->now_ms(table->user), MEM_ENV_START_MS + 5);
    cr_assert_eq(table->monotonic_ns(table->user), before + 5000000);
    mem_env_set_now_ms(env, 1);
    cr_assert_eq(table->now_ms(table->user), 1);
    cr_assert_eq(table->monotonic_ns(table->user), before + 5000000);
}
