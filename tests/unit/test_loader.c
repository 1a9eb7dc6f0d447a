/* Loading a snapshot with one thread and with several: the same entries, the same first fault, no leak. */
#include <criterion/criterion.h>
#include <errno.h>

#include "loader.h"
#include "mem_env.h"
#include "no_threads.h"
#include "snapshot_format.h"

enum {
    RECORDS = 240,
    VALUE_SIZE = 20000, /* some fifty to a block, half a dozen blocks */
    HUGE_SIZE = 2 << 20,
    BLOCKS_MAX = 64,
};

static const uint8_t database_id[16] = {1, 2, 3};
static const uint32_t thread_counts[] = {1, 2, 4};

#define PATH "./snapshot-0000000000000001"

static struct mem_env *disk;
static blitzdb_env env;
static uint8_t *bytes;
static struct bzd_snapshot_block blocks[BLOCKS_MAX]; /* of the snapshot, the last one not counted */
static uint32_t block_count;

/** A clock on which every look costs 60 ms: every second one is time to tell. */
static uint64_t ticking_ns(void *user) {
    static _Atomic uint64_t now_ns;
    (void)user;
    return atomic_fetch_add(&now_ns, 60000000);
}

/** Value i begins with i, and its size depends on it; one is larger than a block. */
static struct bzd_slice value_of(uint32_t i) {
    memcpy(bytes, &i, sizeof i);
    return bzd_slice_of(bytes, i == RECORDS / 2 ? HUGE_SIZE : VALUE_SIZE - i);
}

static struct bzd_slice key_of(uint32_t i, char text[16]) {
    int size = snprintf(text, 16, "key%u", i);
    return bzd_slice_of(text, (size_t)size);
}

static void write_snapshot(uint32_t records) {
    struct bzd_snapshot_info info = {.serial = 1, .keyspace_map = BZD_MAP_IDENTITY, .end_position = 7};
    struct bzd_snapshot_writer writer;
    memcpy(info.database_id, database_id, sizeof database_id);
    cr_assert_eq(bzd_snapshot_writer_begin(&writer, &env, ".", &info, NULL), BLITZDB_OK);
    for (uint32_t i = 0; i < records; i++) {
        char text[16];
        struct bzd_record record = {.type = i % 2 == 0 ? BZD_RECORD_SET : BZD_RECORD_SET_EXPIRING,
                                    .keyspace = i % 3,
                                    .key = key_of(i, text),
                                    .value = value_of(i),
                                    .expire_at_ms = i % 2 == 0 ? 0 : 1}; /* long past: loaded all the same */
        cr_assert_eq(bzd_snapshot_writer_add(&writer, &record), BLITZDB_OK);
        cr_assert_eq(bzd_snapshot_writer_flush(&writer, NULL), BLITZDB_OK);
    }
    cr_assert_eq(bzd_snapshot_writer_finish(&writer, 7, NULL), BLITZDB_OK);
    bzd_snapshot_writer_deinit(&writer);
}

static void find_blocks(void) {
    struct bzd_snapshot_reader reader;
    struct bzd_snapshot_block block;
    cr_assert_eq(bzd_snapshot_reader_open(&reader, &env, ".", 1, database_id, NULL), BLITZDB_OK);
    cr_assert_eq(bzd_snapshot_reader_expect(&reader), RECORDS);
    cr_assert_eq(bzd_snapshot_reader_find(&reader, NULL, &block, NULL), BLITZDB_OK);
    for (block_count = 0; !bzd_snapshot_block_is_last(&block); block_count++) {
        cr_assert_lt(block_count, (uint32_t)BLOCKS_MAX);
        blocks[block_count] = block;
        cr_assert_eq(bzd_snapshot_reader_find(&reader, &block, &block, NULL), BLITZDB_OK);
    }
    cr_assert_gt(block_count, 5);
    bzd_snapshot_reader_close(&reader);
}

static void set_up(void) {
    disk = mem_env_create(1);
    env = *mem_env_table(disk);
    env.monotonic_ns = ticking_ns;
    bytes = calloc(1, HUGE_SIZE);
    cr_assert_not_null(bytes);
    write_snapshot(RECORDS);
    find_blocks();
}

static void tear_down(void) {
    cr_assert_eq(mem_env_live_memory(disk), 0);
    cr_assert_eq(mem_env_open_files(disk), 0);
    mem_env_destroy(disk);
    free(bytes);
}

TestSuite(loader, .init = set_up, .fini = tear_down);

/** What a callback saw, and when it says no. */
struct watcher {
    unsigned calls;
    unsigned cancel_at; /**< 0: never */
    uint64_t bytes_done;
};

static int watch(void *user, const blitzdb_progress *progress) {
    struct watcher *watcher = user;
    cr_assert_geq(progress->bytes_done, watcher->bytes_done, "progress never goes back");
    cr_assert_leq(progress->bytes_done, progress->bytes_total);
    watcher->bytes_done = progress->bytes_done;
    return ++watcher->calls == watcher->cancel_at;
}

/** Opens and loads into `store`, which is there if OK is answered. */
static blitzdb_status load(struct bzd_store *store, uint32_t threads, struct watcher *watcher,
                           struct bzd_snapshot_info *info_out, blitzdb_error *error) {
    struct bzd_snapshot_reader reader;
    struct bzd_progress progress;
    *error = (blitzdb_error){.status = BLITZDB_OK};
    bzd_progress_init(&progress, &env, watcher != NULL ? watch : NULL, watcher);
    blitzdb_status status = bzd_store_init(store, &env, 16);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_snapshot_reader_open(&reader, &env, ".", 1, database_id, error);
    if (status == BLITZDB_OK) {
        status = bzd_progress_begin(&progress, BLITZDB_PHASE_SNAPSHOT, reader.file.size);
        cr_assert_eq(status, BLITZDB_OK);
        status = bzd_loader_run(&reader, store, threads, &progress, info_out, error);
        bzd_snapshot_reader_close(&reader);
    }
    if (status != BLITZDB_OK)
        bzd_store_deinit(store);
    return status;
}

static void check_entry(const struct bzd_store *store, uint32_t i) {
    char text[16];
    struct bzd_slice key = key_of(i, text);
    uint64_t hash = bzd_store_hash(store, i % 3, key);
    const struct bzd_shard *shard = &store->shards[bzd_store_shard_index(store, hash)];
    bzd_ref ref = bzd_table_find(&shard->table, hash, i % 3, key);
    cr_assert_neq(ref, 0, "%s is missing", text);
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(shard->arena, ref), &entry);
    cr_assert_eq(entry.expire_at_ms, i % 2);
    cr_assert(bzd_slice_equal(entry.value, value_of(i)), "%s has another value", text);
}

static void check_store(const struct bzd_store *store) {
    for (unsigned keyspace = 0; keyspace < 3; keyspace++)
        cr_assert_eq(bzd_store_count(store, keyspace, NULL), RECORDS / 3);
    for (uint32_t i = 0; i < RECORDS; i++)
        check_entry(store, i);
    for (uint32_t i = 0; i < store->shard_count; i++) {
        cr_assert(bzd_table_is_valid(&store->shards[i].table));
        cr_assert_not(bzd_table_is_full(&store->shards[i].table));
    }
    cr_assert_geq(bzd_store_claimed_bytes(store), bzd_store_used_bytes(store));
}

/* Any number of threads loads the same, a record larger than a block included, and tells how it goes on. */
Test(loader, loads_everything) {
    for (size_t i = 0; i < sizeof thread_counts / sizeof thread_counts[0]; i++) {
        struct watcher watcher = {0};
        struct bzd_store store;
        struct bzd_snapshot_info info;
        blitzdb_error error;

        cr_assert_eq(load(&store, thread_counts[i], &watcher, &info, &error), BLITZDB_OK);

        check_store(&store);
        cr_assert_eq(info.record_count, RECORDS);
        cr_assert_eq(info.end_position, 7);
        if (thread_counts[i] == 1) /* helpers may leave nothing to the thread that tells */
            cr_assert_gt(watcher.calls, 1);
        bzd_store_deinit(&store);
    }
}

/* More tables than entries, more threads than blocks: nothing is too small. */
Test(loader, loads_little) {
    cr_assert_eq(env.remove(env.user, PATH), 0);
    write_snapshot(1);
    struct bzd_store store;
    struct bzd_snapshot_info info;
    blitzdb_error error;

    cr_assert_eq(load(&store, 64, NULL, &info, &error), BLITZDB_OK);

    check_entry(&store, 0);
    cr_assert_eq(bzd_store_count(&store, 0, NULL), 1);
    bzd_store_deinit(&store);
}

static void start_nothing(void *argument) {
    (void)argument;
}

/* If the system refuses threads, the calling one loads alone. */
Test(loader, needs_no_helpers) {
    struct bzd_store store;
    struct bzd_snapshot_info info;
    struct bzd_thread thread;
    blitzdb_error error;
    refuse_threads();
    cr_assert_eq(bzd_thread_start(&thread, start_nothing, NULL), BLITZDB_NO_MEMORY);

    cr_assert_eq(load(&store, 4, NULL, &info, &error), BLITZDB_OK);

    check_store(&store);
    bzd_store_deinit(&store);
}

/** Changes a byte of the file. */
static void damage(uint64_t offset) {
    blitzdb_file *file;
    uint8_t byte;
    size_t size;
    cr_assert_eq(env.open(env.user, PATH, BLITZDB_FILE_WRITE, &file), 0);
    cr_assert_eq(env.read_at(env.user, file, &byte, 1, offset, &size), 0);
    byte ^= 0x40;
    cr_assert_eq(env.write_at(env.user, file, &byte, 1, offset), 0);
    cr_assert_eq(env.close(env.user, file), 0);
}

/** Loading must fail with any number of threads, and name the block. */
static void check_fault(uint32_t block) {
    char where[64];
    snprintf(where, sizeof where, ": offset %llu:", (unsigned long long)blocks[block].offset);
    for (size_t i = 0; i < sizeof thread_counts / sizeof thread_counts[0]; i++) {
        struct bzd_store store;
        struct bzd_snapshot_info info;
        blitzdb_error error;
        cr_assert_eq(load(&store, thread_counts[i], NULL, &info, &error), BLITZDB_CORRUPT);
        cr_assert_eq(error.status, BLITZDB_CORRUPT);
        cr_assert_not_null(strstr(error.text, where), "%s instead of %s", error.text, where);
    }
}

/* A fault in the last block is found; one in the first block is the one that is told, whatever stands behind
 * it, and wherever its size leads. */
Test(loader, tells_the_first_fault) {
    damage(blocks[block_count - 1].offset + 100);
    check_fault(block_count - 1);
    damage(blocks[block_count / 2].offset + 5); /* its size */
    check_fault(block_count / 2);
    damage(blocks[1].offset + 8); /* its number of records */
    check_fault(1);
    damage(blocks[0].offset + blocks[0].size - 1);
    check_fault(0);
}

/** Lets a thread wait with the first block until another one has begun to look at the second. */
static struct {
    struct bzd_mutex mutex;
    struct bzd_condition changed;
    bool second_was_looked_at;
} meeting;

static int read_first_block_last(void *user, blitzdb_file *file, void *buffer, size_t size, uint64_t offset,
                                 size_t *read_out) {
    bzd_mutex_acquire(&meeting.mutex);
    if (offset == blocks[1].offset) {
        meeting.second_was_looked_at = true;
        bzd_condition_signal_all(&meeting.changed);
    }
    bool is_first = offset == blocks[0].offset && size > BZD_SNAPSHOT_BLOCK_HEADER_SIZE;
    while (is_first && !meeting.second_was_looked_at)
        bzd_condition_wait(&meeting.changed, &meeting.mutex);
    bzd_mutex_release(&meeting.mutex);
    return mem_env_table(disk)->read_at(user, file, buffer, size, offset, read_out);
}

/* A fault that is found first is not the first one. */
Test(loader, tells_the_first_fault_though_found_last) {
    struct bzd_store store;
    struct bzd_snapshot_info info;
    blitzdb_error error;
    damage(blocks[0].offset + blocks[0].size - 1);
    damage(blocks[1].offset + 7); /* it seems to reach beyond the file, which its header alone tells */
    cr_assert_eq(bzd_mutex_init(&meeting.mutex), BLITZDB_OK);
    cr_assert_eq(bzd_condition_init(&meeting.changed), BLITZDB_OK);
    env.read_at = read_first_block_last;

    cr_assert_eq(load(&store, 2, NULL, &info, &error), BLITZDB_CORRUPT);

    cr_assert(meeting.second_was_looked_at);
    cr_assert_not_null(strstr(error.text, ": offset 64:"), "%s", error.text);
    bzd_condition_deinit(&meeting.changed);
    bzd_mutex_deinit(&meeting.mutex);
}

/* A block whose header says that it is the last one ends the file for nobody. */
Test(loader, does_not_believe_in_an_early_end) {
    blitzdb_file *file;
    const uint8_t last[4] = {0xff, 0xff, 0xff, 0xff};
    cr_assert_eq(env.open(env.user, PATH, BLITZDB_FILE_WRITE, &file), 0);
    cr_assert_eq(env.write_at(env.user, file, last, sizeof last, blocks[2].offset + 8), 0);
    cr_assert_eq(env.close(env.user, file), 0);
    check_fault(2);
}

/* Whichever call fails, the status is its own, and everything is given back. */
Test(loader, every_failing_call_is_survived) {
    static const enum mem_env_call calls[] = {MEM_CALL_ANY_MEMORY, MEM_CALL_READ, MEM_CALL_OPEN,
                                              MEM_CALL_FILE_SIZE};
    for (size_t i = 0; i < 8; i++) {
        uint32_t threads = i % 2 == 0 ? 1 : 4;
        bool memory = calls[i / 2] == MEM_CALL_ANY_MEMORY;
        uint64_t fired = 0;
        uint64_t failed = 0;
        for (uint64_t nth = 1; fired == nth - 1; nth++) {
            struct mem_env_fault fault = {calls[i / 2], nth, memory ? ENOMEM : EIO, false, MEM_PART_NONE};
            struct bzd_store store;
            struct bzd_snapshot_info info;
            blitzdb_error error;
            mem_env_fail(disk, &fault);
            blitzdb_status status = load(&store, threads, NULL, &info, &error);
            fired += mem_env_faults(disk) > 0;
            mem_env_disarm(disk);
            if (status == BLITZDB_OK) {
                check_store(&store);
                bzd_store_deinit(&store);
            } else {
                cr_assert_eq(status, memory ? BLITZDB_NO_MEMORY : BLITZDB_IO, "%d", status);
                failed++;
            }
            cr_assert_eq(mem_env_live_memory(disk), 0);
        }
        cr_assert_gt(failed, 0);
    }
}

/* Whenever the caller has seen enough, that is the end. With helpers it may see less than it wanted to. */
Test(loader, can_be_canceled) {
    for (unsigned i = 0; i < 8; i++) {
        struct watcher watcher = {.cancel_at = 2 + i / 2};
        struct bzd_store store;
        struct bzd_snapshot_info info;
        blitzdb_error error;
        uint32_t threads = i % 2 == 0 ? 1 : 4;

        blitzdb_status status = load(&store, threads, &watcher, &info, &error);

        bool canceled = watcher.calls == watcher.cancel_at;
        cr_assert(canceled || (threads > 1 && watcher.calls < watcher.cancel_at), "nobody asks again");
        cr_assert_eq(status, canceled ? BLITZDB_CANCELED : BLITZDB_OK);
        if (status == BLITZDB_OK)
            bzd_store_deinit(&store);
    }
}
