#include "replay.h"

#include "alloc.h"

enum {
    CHUNK_BYTES = 512 * 1024,
    COPIED_MAX = 64 * 1024, /* a larger record is applied where it stands */
};

void bzd_replay_init(struct bzd_replay *replay, struct bzd_store *store, bool wants_helper,
                     struct bzd_progress *progress, const uint64_t *position) {
    *replay = (struct bzd_replay){.store = store,
                                  .progress = progress,
                                  .position = position,
                                  .from = *position,
                                  .wants_helper = wants_helper};
}

/* -- The helper ------------------------------------------------------------------------------------ */

static blitzdb_status apply_chunk(struct bzd_replay_chunk *chunk) {
    chunk->size = 0;
    return bzd_bulk_apply(&chunk->bulk, true);
}

static void help(void *argument) {
    struct bzd_replay *replay = argument;
    bzd_mutex_acquire(&replay->mutex);
    while (!replay->is_over) {
        if (replay->work == NULL) {
            bzd_condition_wait(&replay->changed, &replay->mutex);
            continue;
        }
        blitzdb_status before = replay->status;
        bzd_mutex_release(&replay->mutex);
        blitzdb_status status = before == BLITZDB_OK ? apply_chunk(replay->work) : before;
        bzd_mutex_acquire(&replay->mutex);
        replay->status = status;
        replay->work = NULL;
        bzd_condition_signal_all(&replay->changed);
    }
    bzd_mutex_release(&replay->mutex);
}

/** Gets a helper if there is one to be had; without it everything works, but takes longer. */
static void start_helper(struct bzd_replay *replay) {
    replay->wants_helper = false;
    if (bzd_mutex_init(&replay->mutex) != BLITZDB_OK)
        return;
    if (bzd_condition_init(&replay->changed) != BLITZDB_OK)
        goto err_mutex;
    /* The helper uses what is on this thread's stack. */
    replay->cancel = bzd_cancel_disable();
    replay->has_helper = bzd_thread_start(&replay->helper, help, replay) == BLITZDB_OK;
    if (replay->has_helper)
        return;
    bzd_cancel_restore(replay->cancel);
    bzd_condition_deinit(&replay->changed);
err_mutex:
    bzd_mutex_deinit(&replay->mutex);
}

static void stop_helper(struct bzd_replay *replay) {
    bzd_mutex_acquire(&replay->mutex);
    replay->is_over = true;
    bzd_condition_signal_all(&replay->changed);
    bzd_mutex_release(&replay->mutex);
    bzd_thread_join(&replay->helper);
    bzd_cancel_restore(replay->cancel);
    bzd_condition_deinit(&replay->changed);
    bzd_mutex_deinit(&replay->mutex);
    replay->has_helper = false;
}

/** Waits until the helper has nothing to do, then gives it a chunk (NULL: none). */
static blitzdb_status hand_to_helper(struct bzd_replay *replay, struct bzd_replay_chunk *chunk) {
    bzd_mutex_acquire(&replay->mutex);
    while (replay->work != NULL)
        bzd_condition_wait(&replay->changed, &replay->mutex);
    blitzdb_status status = replay->status;
    replay->work = chunk;
    if (chunk != NULL)
        bzd_condition_signal_all(&replay->changed);
    bzd_mutex_release(&replay->mutex);
    return status;
}

/* -- Taking records -------------------------------------------------------------------------------- */

/** Has the records so far applied, now or soon, and makes room for others. */
static blitzdb_status hand_over(struct bzd_replay *replay) {
    struct bzd_replay_chunk *chunk = &replay->chunks[replay->filling];
    blitzdb_status status = BLITZDB_OK;
    if (chunk->bytes != NULL && chunk->bulk.count > 0) {
        bzd_bulk_sort(&chunk->bulk);
        if (replay->wants_helper)
            start_helper(replay);
        if (replay->has_helper) {
            status = hand_to_helper(replay, chunk);
            replay->filling ^= 1;
        } else {
            status = apply_chunk(chunk);
        }
    }
    if (status == BLITZDB_OK)
        status = bzd_progress_note(replay->progress, *replay->position - replay->from, replay->records);
    return status;
}

/** Waits until everything taken so far is applied. */
static blitzdb_status catch_up(struct bzd_replay *replay) {
    blitzdb_status status = hand_over(replay);
    if (replay->has_helper) {
        blitzdb_status rest = hand_to_helper(replay, NULL);
        status = status == BLITZDB_OK ? rest : status;
    }
    return status;
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
    if (replay->has_helper)
        stop_helper(replay);
    for (unsigned i = 0; i < 2; i++) {
        bzd_bulk_deinit(&replay->chunks[i].bulk);
        bzd_free(replay->store->env, replay->chunks[i].bytes);
    }
}
