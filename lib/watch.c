#include "watch.h"

#include "alloc.h"
#include "invariant.h"

enum { BUCKETS_MIN = 4 };

static void mark(struct bzd_watch *watch) {
    atomic_store_explicit(&watch->changed, true, memory_order_release);
}

static struct bzd_watch **bucket_of(struct bzd_watchers *watchers, uint64_t hash) {
    return &watchers->buckets[hash & (watchers->bucket_count - 1)];
}

/** An empty table, with the watches of another one (NULL: none) moved into it. */
static struct bzd_watchers *make(const blitzdb_env *env, uint32_t bucket_count, struct bzd_watchers *from) {
    size_t size = sizeof *from + bucket_count * sizeof from->buckets[0];
    struct bzd_watchers *watchers = bzd_alloc_zeroed(env, size);
    if (watchers == NULL)
        return NULL;
    watchers->bucket_count = bucket_count;
    for (uint32_t i = 0; from != NULL && i < from->bucket_count; i++)
        while (from->buckets[i] != NULL) {
            struct bzd_watch *watch = from->buckets[i];
            struct bzd_watch **bucket = bucket_of(watchers, watch->hash);
            from->buckets[i] = watch->next;
            watch->next = *bucket;
            *bucket = watch;
            watchers->count++;
        }
    return watchers;
}

blitzdb_status bzd_watchers_add(struct bzd_watchers **watchers, const blitzdb_env *env,
                                struct bzd_watch *watch) {
    struct bzd_watchers *present = *watchers;
    if (present == NULL || present->count == present->bucket_count) {
        struct bzd_watchers *larger = make(env, present == NULL ? BUCKETS_MIN : 2 * present->count, present);
        if (larger == NULL)
            return BLITZDB_NO_MEMORY;
        bzd_free(env, present);
        *watchers = larger;
    }
    struct bzd_watch **bucket = bucket_of(*watchers, watch->hash);
    watch->next = *bucket;
    *bucket = watch;
    (*watchers)->count++;
    return BLITZDB_OK;
}

void bzd_watchers_remove(struct bzd_watchers **watchers, const blitzdb_env *env, struct bzd_watch *watch) {
    struct bzd_watch **link = bucket_of(*watchers, watch->hash);
    while (*link != watch) {
        BZD_ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = watch->next;
    if (--(*watchers)->count > 0)
        return;
    bzd_free(env, *watchers);
    *watchers = NULL;
}

void bzd_watchers_note_put(struct bzd_watchers *watchers, uint64_t hash) {
    for (struct bzd_watch *watch = *bucket_of(watchers, hash); watch != NULL; watch = watch->next)
        if (watch->hash == hash)
            mark(watch);
}

void bzd_watchers_note_exchange(struct bzd_watchers *watchers, unsigned first, unsigned second) {
    for (uint32_t i = 0; i < watchers->bucket_count; i++)
        for (struct bzd_watch *watch = watchers->buckets[i]; watch != NULL; watch = watch->next)
            if (watch->selected == first || watch->selected == second)
                mark(watch);
}
