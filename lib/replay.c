#include "replay.h"

#include "alloc.h"

enum {
    CHUNK_BYTES = 512 * 1024,
    COPIED_MAX = 64 * 1024, /* a larger record is applied where it stands */
};

blitzdb_status bzd_replay_init(struct bzd_replay *replay, struct bzd_store *store, uint32_t threads,
                               struct bzd_progress *progress, const uint64_t *position) {
    uint32_t helpers = threads - 1;
    *replay = (struct bzd_replay){.store = store,
                                  .progress = progress,
                                  .position = position,
                                  .from = *position,
                                  .helpers_wanted =
                                      helpers < BZD_REPLAY_HELPERS_MAX ? helpers : BZD_REPLAY_HELPERS_MAX};
    blitzdb_status status = bzd_mutex_init(&replay->mutex);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_condition_init(&replay->changed);
    if (status != BLITZDB_OK)
        bzd_mutex_deinit(&replay->mutex);
    return status;
}

/* -- Applying -------------------------------------------------------------------------------------- */

/** Applies a part of the work; false: no part is left to begin. The mutex is held, but not meanwhile. */
static bool apply_part(struct bzd_replay *replay) {
    const struct bzd_bulk *work = replay->work;
    if (work == NULL || replay->parts_begun == BZD_BULK_PARTS)
        return false;
    uint32_t part = replay->parts_begun++;
    blitzdb_status status = replay->status;
    bzd_mutex_release(&replay->mutex);
    if (status == BLITZDB_OK)
        status = bzd_bulk_apply_part(work, part, true);
    bzd_mutex_acquire(&replay->mutex);
    if (replay->status == BLITZDB_OK)
        replay->status = status;
    if (++replay->parts_done == BZD_BULK_PARTS) {
        replay->work = NULL;
        bzd_condition_signal_all(&replay->changed);
    }
    return true;
}

/** What a helper does. */
static void help(void *argument) {
    struct bzd_replay *replay = argument;
    bzd_mutex_acquire(&replay->mutex);
    while (!replay->is_over)
        if (!apply_part(replay))
            bzd_condition_wait(&replay->changed, &replay->mutex);
    bzd_mutex_release(&replay->mutex);
}

/** Gets helpers until one cannot be had; without them everything works, but takes longer. */
static void start_helpers(struct bzd_replay *replay) {
    while (replay->helper_count < replay->helpers_wanted &&
           bzd_thread_start(&replay->helpers[replay->helper_count], help, replay) == BLITZDB_OK)
        replay->helper_count++;
    replay->helpers_wanted = 0;
}

static void stop_helpers(struct bzd_replay *replay) {
    bzd_mutex_acquire(&replay->mutex);
    replay->is_over = true;
    bzd_condition_signal_all(&replay->changed);
    bzd_mutex_release(&replay->mutex);
    for (uint32_t i = 0; i < replay->helper_count; i++)
        bzd_thread_join(&replay->helpers[i]);
    replay->helper_count = 0;
}

/** Has the present work finished, with this thread's part in it, and begins another one (NULL: none). */
static blitzdb_status exchange_work(struct bzd_replay *replay, const struct bzd_bulk *work) {
    bzd_mutex_acquire(&replay->mutex);
    while (replay->work != NULL)
        if (!apply_part(replay))
            bzd_condition_wait(&replay->changed, &replay->mutex);
    blitzdb_status status = replay->status;
    replay->work = status == BLITZDB_OK ? work : NULL;
    replay->parts_begun = 0;
    replay->parts_done = 0;
    if (replay->work != NULL && replay->helper_count > 0)
        bzd_condition_signal_all(&replay->changed);
    bzd_mutex_release(&replay->mutex);
    return status;
}

/* -- Taking records -------------------------------------------------------------------------------- */

static blitzdb_status note_progress(const struct bzd_replay *replay) {
    return bzd_progress_note(replay->progress, *replay->position - replay->from, replay->records);
}

/** Gives the records so far to whoever applies them, and goes on with a chunk that is done: the other one, or
 * the same if nobody helps. */
static blitzdb_status hand_over(struct bzd_replay *replay) {
    struct bzd_replay_chunk *chunk = &replay->chunks[replay->filling];
    if (chunk->bytes == NULL || chunk->bulk.count == 0)
        return note_progress(replay);
    bzd_bulk_sort(&chunk->bulk);
    blitzdb_status status = exchange_work(replay, &chunk->bulk);
    if (status == BLITZDB_OK && replay->helper_count == 0)
        status = exchange_work(replay, NULL);
    if (status != BLITZDB_OK)
        return status;
    if (replay->helper_count > 0)
        replay->filling ^= 1;
    chunk = &replay->chunks[replay->filling];
    bzd_bulk_clear(&chunk->bulk);
    chunk->size = 0;
    return note_progress(replay);
}

/** Waits until everything taken so far is applied. */
static blitzdb_status catch_up(struct bzd_replay *replay) {
    blitzdb_status status = hand_over(replay);
    return status == BLITZDB_OK ? exchange_work(replay, NULL) : status;
}

static blitzdb_status init_chunk(struct bzd_replay_chunk *chunk, struct bzd_store *store) {
    blitzdb_status status = bzd_bulk_init(&chunk->bulk, store);
    if (status != BLITZDB_OK)
        return status;
    chunk->bytes = bzd_alloc(store->env, CHUNK_BYTES);
    if (chunk->bytes != NULL)
        return BLITZDB_OK;
    bzd_bulk_deinit(&chunk->bulk);
    return BLITZDB_NO_MEMORY;
}

/** Copies bytes into a chunk that has room for them. */
static void copy_bytes(struct bzd_replay_chunk *chunk, struct bzd_slice *bytes) {
    if (bytes->size == 0)
        return;
    memcpy(chunk->bytes + chunk->size, bytes->data, bytes->size);
    bytes->data = chunk->bytes + chunk->size;
    chunk->size += bytes->size;
}

/** Takes a record about a key that fits into a chunk. */
static blitzdb_status copy_record(struct bzd_replay *replay, const struct bzd_record *record) {
    struct bzd_replay_chunk *chunk = &replay->chunks[replay->filling];
    blitzdb_status status = BLITZDB_OK;
    size_t size = record->key.size + record->value.size;
    if (chunk->bytes != NULL && (bzd_bulk_is_full(&chunk->bulk) || size > CHUNK_BYTES - chunk->size)) {
        start_helpers(replay);
        status = hand_over(replay);
        chunk = &replay->chunks[replay->filling];
    }
    if (status == BLITZDB_OK && chunk->bytes == NULL)
        status = init_chunk(chunk, replay->store);
    if (status != BLITZDB_OK)
        return status;
    struct bzd_record copy = *record;
    copy_bytes(chunk, &copy.key);
    copy_bytes(chunk, &copy.value);
    bzd_bulk_add(&chunk->bulk, &copy);
    return BLITZDB_OK;
}

blitzdb_status bzd_replay_take(void *user, const struct bzd_record *record) {
    struct bzd_replay *replay = user;
    replay->records++;
    if (record->type == BZD_RECORD_BATCH)
        return BLITZDB_OK;
    if (record->type < BZD_RECORD_BATCH && record->key.size + record->value.size <= COPIED_MAX)
        return copy_record(replay, record);
    blitzdb_status status = catch_up(replay);
    return status == BLITZDB_OK ? bzd_store_apply(replay->store, record) : status;
}

blitzdb_status bzd_replay_finish(struct bzd_replay *replay) {
    return catch_up(replay);
}

void bzd_replay_deinit(struct bzd_replay *replay) {
    if (replay->helper_count > 0)
        stop_helpers(replay);
    bzd_condition_deinit(&replay->changed);
    bzd_mutex_deinit(&replay->mutex);
    for (unsigned i = 0; i < 2; i++) {
        bzd_bulk_deinit(&replay->chunks[i].bulk);
        bzd_free(replay->store->env, replay->chunks[i].bytes);
    }
}
