#include "loader.h"

#include "alloc.h"
#include "bulk.h"
#include "logger.h"

/** What the threads share. */
struct loading {
    /* constant */
    const struct bzd_snapshot_reader *reader;
    struct bzd_store *store;
    /* used by the thread that called only */
    struct bzd_progress *progress;
    struct bzd_mutex mutex;
    /* guarded by `mutex` */
    struct bzd_snapshot_block block; /**< the newest one that was given out */
    bool has_begun;                  /**< one was */
    bool is_over; /**< no more are: the last one was, something failed, or nobody wants more */
    uint64_t bytes_done;
    uint64_t records_done;
    blitzdb_status status; /**< of the fault at the lowest block so far */
    uint32_t fault_number; /**< that block; UINT32_MAX: it has nothing to do with a block */
    blitzdb_error error;   /**< its details */
};

/** One of the threads. */
struct worker {
    struct loading *loading;
    struct bzd_thread thread;
    struct bzd_bulk bulk;
    struct bzd_buffer memory; /**< of a block */
    uint32_t number;          /**< 0: the thread that called */
};

static blitzdb_status init_worker(struct worker *worker, struct loading *loading, uint32_t number) {
    *worker = (struct worker){.loading = loading, .number = number};
    bzd_buffer_init(&worker->memory, loading->store->env);
    return bzd_bulk_init(&worker->bulk, loading->store);
}

static void deinit_worker(struct worker *worker) {
    bzd_bulk_deinit(&worker->bulk);
    bzd_buffer_deinit(&worker->memory);
}

/** Keeps what failed, if nothing failed before it in the file. The mutex is held. */
static void note_fault(struct loading *loading, uint32_t number, blitzdb_status status,
                       const blitzdb_error *error) {
    loading->is_over = true;
    if (loading->status != BLITZDB_OK && loading->fault_number <= number)
        return;
    loading->status = status;
    loading->fault_number = number;
    loading->error = *error;
}

/**
 * Takes the next block; false: there is none. The header is read under the mutex: it is short, and nobody
 * could do anything without it. No other lock is held.
 */
static bool next_block(struct loading *loading, struct bzd_snapshot_block *block_out) {
    bzd_mutex_acquire(&loading->mutex);
    if (!loading->is_over) {
        const struct bzd_snapshot_block *before = loading->has_begun ? &loading->block : NULL;
        uint32_t number = loading->has_begun ? loading->block.number + 1 : 0;
        blitzdb_error error = {0};
        blitzdb_status status = bzd_snapshot_reader_find(loading->reader, before, &loading->block, &error);
        loading->has_begun = true;
        if (status != BLITZDB_OK)
            note_fault(loading, number, status, &error);
        else if (bzd_snapshot_block_is_last(&loading->block))
            loading->is_over = true; /* it is not given out, but checked when all others are done */
    }
    bool found = !loading->is_over;
    *block_out = loading->block;
    bzd_mutex_release(&loading->mutex);
    return found;
}

/** Applies what was collected. Threads that begin at different parts stay out of each other's way. */
static blitzdb_status apply(struct worker *worker) {
    struct bzd_bulk *bulk = &worker->bulk;
    blitzdb_status status = BLITZDB_OK;
    bzd_bulk_sort(bulk);
    for (uint32_t i = 0; i < BZD_BULK_PARTS && status == BLITZDB_OK; i++)
        status = bzd_bulk_apply_part(bulk, (worker->number + i) % BZD_BULK_PARTS, false);
    bzd_bulk_clear(bulk);
    return status;
}

static blitzdb_status take_record(void *user, const struct bzd_record *record) {
    struct worker *worker = user;
    blitzdb_status status = BLITZDB_OK;
    if (bzd_bulk_is_full(&worker->bulk))
        status = apply(worker);
    if (status == BLITZDB_OK)
        bzd_bulk_add(&worker->bulk, record);
    return status;
}

/** Reads a block and applies its records. */
static blitzdb_status load_block(struct worker *worker, const struct bzd_snapshot_block *block,
                                 blitzdb_error *error) {
    const struct bzd_snapshot_reader *reader = worker->loading->reader;
    struct bzd_slice payload;
    blitzdb_status status = bzd_snapshot_reader_load(reader, block, &worker->memory, &payload, error);
    if (status == BLITZDB_OK)
        status = bzd_snapshot_reader_records(reader, block, payload, take_record, worker, error);
    if (status == BLITZDB_OK)
        status = apply(worker);
    return status;
}

/** Notes the end of a block, and lets the caller know. */
static void finish_block(struct worker *worker, const struct bzd_snapshot_block *block, blitzdb_status status,
                         const blitzdb_error *error) {
    struct loading *loading = worker->loading;
    bzd_mutex_acquire(&loading->mutex);
    loading->bytes_done += block->size;
    loading->records_done += block->record_count;
    uint64_t bytes_done = loading->bytes_done;
    uint64_t records_done = loading->records_done;
    if (status != BLITZDB_OK)
        note_fault(loading, block->number, status, error);
    bzd_mutex_release(&loading->mutex);
    if (worker->number != 0 || bzd_progress_note(loading->progress, bytes_done, records_done) == BLITZDB_OK)
        return;
    const blitzdb_error none = {0};
    bzd_mutex_acquire(&loading->mutex);
    note_fault(loading, UINT32_MAX, BLITZDB_CANCELED, &none);
    bzd_mutex_release(&loading->mutex);
}

/** What every thread does. */
static void work(void *argument) {
    struct worker *worker = argument;
    struct bzd_snapshot_block block;
    while (next_block(worker->loading, &block)) {
        blitzdb_error error = {0};
        blitzdb_status status = load_block(worker, &block, &error);
        finish_block(worker, &block, status, &error);
    }
}

/** Starts helpers until one cannot be had: then there are fewer. Returns how many work. */
static uint32_t start_helpers(struct worker *helpers, uint32_t count, struct loading *loading) {
    for (uint32_t i = 0; i < count; i++) {
        if (init_worker(&helpers[i], loading, i + 1) != BLITZDB_OK)
            return i;
        if (bzd_thread_start(&helpers[i].thread, work, &helpers[i]) != BLITZDB_OK) {
            deinit_worker(&helpers[i]);
            return i;
        }
    }
    return count;
}

/** Loads all blocks but the last one, with so many helpers. */
static blitzdb_status load_blocks(struct loading *loading, uint32_t helper_count) {
    struct worker caller;
    blitzdb_status status = init_worker(&caller, loading, 0);
    if (status != BLITZDB_OK)
        return status;
    const blitzdb_env *env = loading->store->env;
    struct worker *helpers = NULL;
    if (helper_count > 0)
        helpers = bzd_alloc(env, helper_count * sizeof *helpers);
    if (helpers == NULL)
        helper_count = 0; /* alone, then */
    helper_count = start_helpers(helpers, helper_count, loading);
    work(&caller);
    for (uint32_t i = 0; i < helper_count; i++) {
        bzd_thread_join(&helpers[i].thread);
        deinit_worker(&helpers[i]);
    }
    bzd_free(env, helpers);
    deinit_worker(&caller);
    return loading->status;
}

/** Reads the last block and checks it. */
static blitzdb_status load_last(const struct loading *loading, struct bzd_snapshot_info *info_out,
                                blitzdb_error *error) {
    struct bzd_buffer memory;
    struct bzd_slice payload;
    bzd_buffer_init(&memory, loading->store->env);
    blitzdb_status status =
        bzd_snapshot_reader_load(loading->reader, &loading->block, &memory, &payload, error);
    if (status == BLITZDB_OK)
        status = bzd_snapshot_reader_end(loading->reader, &loading->block, payload, loading->records_done,
                                         info_out, error);
    bzd_buffer_deinit(&memory);
    return status;
}

/** Lets every table take the size its entries ask for, and notes it. */
static void settle(struct bzd_store *store) {
    for (uint32_t i = 0; i < store->shard_count; i++) {
        struct bzd_shard *shard = &store->shards[i];
        bzd_rwlock_write_acquire(&shard->lock);
        while (bzd_shard_maintain(shard))
            continue;
        bzd_rwlock_write_release(&shard->lock);
    }
}

static blitzdb_status load(struct loading *loading, uint32_t threads, struct bzd_snapshot_info *info_out,
                           blitzdb_error *error) {
    uint64_t worth = loading->reader->file.size / BZD_SNAPSHOT_BLOCK_SIZE;
    if (worth < threads)
        threads = worth > 1 ? (uint32_t)worth : 1;
    bzd_store_expect(loading->store, bzd_snapshot_reader_expect(loading->reader));
    blitzdb_status status = load_blocks(loading, threads - 1);
    settle(loading->store);
    if (status != BLITZDB_OK) {
        if (error != NULL && error->status == BLITZDB_OK)
            *error = loading->error;
        return status;
    }
    return load_last(loading, info_out, error);
}

blitzdb_status bzd_loader_run(const struct bzd_snapshot_reader *reader, struct bzd_store *store,
                              uint32_t threads, struct bzd_progress *progress,
                              struct bzd_snapshot_info *info_out, blitzdb_error *error) {
    struct loading loading = {
        .reader = reader, .store = store, .progress = progress, .fault_number = UINT32_MAX};
    blitzdb_status status = bzd_mutex_init(&loading.mutex);
    if (status != BLITZDB_OK)
        return status;
    status = load(&loading, threads, info_out, error);
    bzd_mutex_deinit(&loading.mutex);
    return status;
}
