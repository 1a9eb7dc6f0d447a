#include "listing.h"

#include <errno.h>
#include <stdlib.h>

#include "alloc.h"
#include "logger.h"
#include "path.h"

/** What the visit of one directory needs. */
struct visit {
    struct bzd_listing *listing;
    const char *prefix;
    const char *suffix;
};

static int add(struct bzd_listing *listing, uint64_t number) {
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity > 0 ? 2 * listing->capacity : 16;
        uint64_t *numbers = bzd_realloc(listing->env, listing->numbers, capacity * sizeof *numbers);
        if (numbers == NULL)
            return ENOMEM;
        listing->numbers = numbers;
        listing->capacity = capacity;
    }
    listing->numbers[listing->count++] = number;
    return 0;
}

static int visit_name(void *caller, const char *name) {
    const struct visit *visit = caller;
    uint64_t number;
    if (!bzd_name_number(name, visit->prefix, visit->suffix, &number))
        return 0;
    return add(visit->listing, number);
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

blitzdb_status bzd_listing_init(struct bzd_listing *listing, const blitzdb_env *env, const char *dir,
                                const char *prefix, const char *suffix) {
    *listing = (struct bzd_listing){.env = env};
    struct visit visit = {listing, prefix, suffix};
    int failure = env->list_dir(env->user, dir, visit_name, &visit);
    if (failure != 0) {
        bzd_listing_deinit(listing);
        listing->failure = failure;
        return bzd_status_of_errno(failure);
    }
    if (listing->count > 1)
        qsort(listing->numbers, listing->count, sizeof *listing->numbers, compare);
    return BLITZDB_OK;
}

void bzd_listing_deinit(struct bzd_listing *listing) {
    bzd_free(listing->env, listing->numbers);
    *listing = (struct bzd_listing){.env = listing->env};
}
