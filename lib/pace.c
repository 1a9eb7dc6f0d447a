#include "pace.h"

#include <string.h>

enum {
    PAUSE_NS_MIN = 2000000,  /* shorter ones cost more than they give */
    PAUSE_NS_MAX = 50000000, /* of one pause: a changed share is noticed */
    SAMPLE_NS = 20000000,    /* between two looks at the others */
    BUSY_PERCENT = 5,        /* of a processor: less is not busy */
};

blitzdb_status bzd_pace_init(struct bzd_pace *pace, const blitzdb_env *env) {
    memset(pace, 0, sizeof *pace);
    pace->env = env;
    atomic_init(&pace->share, BZD_PACE_SHARE_DEFAULT);
    blitzdb_status status = bzd_mutex_init(&pace->mutex);
    if (status != BLITZDB_OK)
        return status;
    status = bzd_condition_init(&pace->hurry);
    if (status != BLITZDB_OK)
        bzd_mutex_deinit(&pace->mutex);
    return status;
}

void bzd_pace_deinit(struct bzd_pace *pace) {
    bzd_condition_deinit(&pace->hurry);
    bzd_mutex_deinit(&pace->mutex);
}

/** Processor time of this thread and of all others. */
static void read_times(const struct bzd_pace *pace, uint64_t *own_out, uint64_t *others_out) {
    uint64_t process = 0;
    *own_out = 0;
    pace->env->cpu_ns(pace->env->user, own_out, &process);
    *others_out = process > *own_out ? process - *own_out : 0; /* the two are not read at one moment */
}

void bzd_pace_begin(struct bzd_pace *pace) {
    if (pace->env->cpu_ns == NULL)
        return;
    pace->owed_ns = 0;
    pace->others_are_busy = false;
    pace->sampled_ns = pace->env->monotonic_ns(pace->env->user);
    read_times(pace, &pace->cpu_ns, &pace->sampled_cpu_ns);
}

/** Looks now and then whether others are busy. */
static void look_at_others(struct bzd_pace *pace, uint64_t others_ns) {
    uint64_t now_ns = pace->env->monotonic_ns(pace->env->user);
    uint64_t elapsed_ns = now_ns - pace->sampled_ns;
    if (elapsed_ns < SAMPLE_NS)
        return;
    uint64_t used_ns = others_ns > pace->sampled_cpu_ns ? others_ns - pace->sampled_cpu_ns : 0;
    pace->others_are_busy = used_ns * 100 > elapsed_ns * BUSY_PERCENT;
    pace->sampled_ns = now_ns;
    pace->sampled_cpu_ns = others_ns;
}

/** Waits for what is owed, or a part of it. */
static void give_way(struct bzd_pace *pace) {
    uint64_t before_ns = pace->env->monotonic_ns(pace->env->user);
    bzd_mutex_acquire(&pace->mutex);
    bzd_condition_wait_ns(&pace->hurry, &pace->mutex,
                          pace->owed_ns < PAUSE_NS_MAX ? pace->owed_ns : PAUSE_NS_MAX);
    bzd_mutex_release(&pace->mutex);
    uint64_t waited_ns = pace->env->monotonic_ns(pace->env->user) - before_ns;
    pace->owed_ns = pace->owed_ns > waited_ns ? pace->owed_ns - waited_ns : 0;
}

void bzd_pace_step(struct bzd_pace *pace) {
    if (pace->env->cpu_ns == NULL)
        return;
    uint64_t own_ns;
    uint64_t others_ns;
    unsigned share = atomic_load_explicit(&pace->share, memory_order_relaxed);
    read_times(pace, &own_ns, &others_ns);
    pace->owed_ns += (own_ns - pace->cpu_ns) * (100 - share) / share;
    pace->cpu_ns = own_ns;
    look_at_others(pace, others_ns);
    if (!pace->others_are_busy || share == 100)
        pace->owed_ns = 0;
    if (pace->owed_ns >= PAUSE_NS_MIN)
        give_way(pace);
}

void bzd_pace_set_share(struct bzd_pace *pace, unsigned percent) {
    atomic_store_explicit(&pace->share, percent, memory_order_relaxed);
}

void bzd_pace_wake(struct bzd_pace *pace) {
    bzd_mutex_acquire(&pace->mutex);
    bzd_condition_signal_all(&pace->hurry);
    bzd_mutex_release(&pace->mutex);
}
