#include "progress.h"

enum { INTERVAL_MS = 100 };

void bzd_progress_init(struct bzd_progress *progress, const blitzdb_env *env, blitzdb_progress_fn fn,
                       void *user) {
    *progress = (struct bzd_progress){
        .env = env, .fn = fn, .user = user, .now = {.struct_size = sizeof(blitzdb_progress)}};
}

static blitzdb_status tell(struct bzd_progress *progress) {
    if (progress->fn == NULL)
        return BLITZDB_OK;
    progress->told_ns = progress->env->monotonic_ns(progress->env->user);
    return progress->fn(progress->user, &progress->now) == 0 ? BLITZDB_OK : BLITZDB_CANCELED;
}

static bool is_time(const struct bzd_progress *progress) {
    uint64_t now_ns = progress->env->monotonic_ns(progress->env->user);
    return now_ns - progress->told_ns >= (uint64_t)INTERVAL_MS * 1000000;
}

blitzdb_status bzd_progress_begin(struct bzd_progress *progress, enum blitzdb_phase phase,
                                  uint64_t bytes_total) {
    progress->now.phase = phase;
    progress->now.bytes_done = 0;
    progress->now.bytes_total = bytes_total;
    progress->now.records_done = 0;
    return tell(progress);
}

blitzdb_status bzd_progress_note(struct bzd_progress *progress, uint64_t bytes_done, uint64_t records_done) {
    uint64_t total = progress->now.bytes_total;
    progress->now.bytes_done = bytes_done < total ? bytes_done : total;
    progress->now.records_done = records_done;
    return progress->fn != NULL && is_time(progress) ? tell(progress) : BLITZDB_OK;
}

blitzdb_status bzd_progress_end(struct bzd_progress *progress, uint64_t records_done) {
    progress->now.bytes_done = progress->now.bytes_total;
    progress->now.records_done = records_done;
    return tell(progress);
}
