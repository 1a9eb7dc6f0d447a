#include "victim.h"

#include "invariant.h"

enum {
    BUCKETS_MAX = 64,        /* looked at in one search, under one lock: some 400 entries */
    BUCKET_ENTRIES_MAX = 64, /* of one bucket; what is behind them has its turn another time */
    TTL_SAMPLE = 32,
    TTL_VICTIMS = 4, /* of a sample, at most: an eighth */
};

enum kind { BY_NOTHING, BY_USE, BY_CHANCE, BY_EXPIRY };

/** What a policy looks at. */
struct policy {
    enum kind kind;
    bool is_volatile;
    unsigned forgetting; /* of eight proven entries that were not used, so many lose the mark */
};

/* In the order of enum blitzdb_eviction. */
static const struct policy policies[] = {
    [BLITZDB_EVICTION_NONE] = {BY_NOTHING, false, 0},
    [BLITZDB_EVICTION_ALLKEYS_LRU] = {BY_USE, false, 2},
    [BLITZDB_EVICTION_VOLATILE_LRU] = {BY_USE, true, 2},
    [BLITZDB_EVICTION_ALLKEYS_RANDOM] = {BY_CHANCE, false, 0},
    [BLITZDB_EVICTION_VOLATILE_RANDOM] = {BY_CHANCE, true, 0},
    [BLITZDB_EVICTION_VOLATILE_TTL] = {BY_EXPIRY, true, 0},
    [BLITZDB_EVICTION_ALLKEYS_LFU] = {BY_USE, false, 1},
    [BLITZDB_EVICTION_VOLATILE_LFU] = {BY_USE, true, 1},
};

bool bzd_eviction_is_volatile(uint32_t eviction) {
    return policies[eviction].is_volatile;
}

bool bzd_eviction_tracks_use(uint32_t eviction) {
    return policies[eviction].kind == BY_USE;
}

/** A search and where it is. */
struct looking {
    struct bzd_search *search;
    struct bzd_shard *shard;
    const struct policy *policy;
    bzd_ref weakest; /* of those that would have been kept; 0: none */
    unsigned weakest_rank;
    unsigned sampled; /* entries with an expiry that were looked at */
};

static const uint8_t *block_of(const struct looking *looking, bzd_ref ref) {
    return bzd_arena_at(looking->shard->arena, ref);
}

static bool may_go(const struct looking *looking, bzd_ref ref) {
    return !looking->policy->is_volatile || bzd_entry_expire_at(block_of(looking, ref)) != 0;
}

/** A number from 0 to `bound` - 1, from a linear congruential generator (D. Knuth, MMIX); the high bits are
 * good enough to throw dice. */
static uint32_t throw_dice(struct bzd_search *search, uint32_t bound) {
    search->dice = search->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((search->dice >> 32) * bound >> 32);
}

/** Buckets this search may look at; no bucket twice, or an entry could be chosen twice. */
static uint32_t looks_of(const struct looking *looking) {
    uint32_t looks = looking->shard->table.bucket_count;
    if (looks > BUCKETS_MAX)
        looks = BUCKETS_MAX;
    return looks < looking->search->buckets_left ? looks : looking->search->buckets_left;
}

static void prefetch_entry(void *user, bzd_ref ref) {
    const struct looking *looking = user;
    __builtin_prefetch(block_of(looking, ref));
}

/** Moves the hand to the end of a bucket. Where entries are read, their lines are loaded together before. */
static void move_hand(struct looking *looking, bzd_table_clock_fn decide) {
    struct bzd_table *table = &looking->shard->table;
    if (looking->policy->is_volatile && table->hand_bucket < table->bucket_count)
        bzd_table_visit_bucket(table, table->hand_bucket, prefetch_entry, looking);
    bzd_table_clock(table, decide, looking);
    looking->search->buckets_left--;
}

/* -- By use ------------------------------------------------------------------------------------------ */

/** Remembers the entry with the fewest merits: being used counts more than having been. */
static void note_weakest(struct looking *looking, bzd_ref ref, unsigned marks) {
    unsigned rank = (marks & BZD_MARK_USED) * 2 + (marks & BZD_MARK_PROVEN) / 2;
    if ((looking->weakest != 0 && rank >= looking->weakest_rank) || !may_go(looking, ref))
        return;
    looking->weakest = ref;
    looking->weakest_rank = rank;
}

static unsigned decide_by_use(void *user, bzd_ref ref, unsigned marks) {
    struct looking *looking = user;
    struct bzd_search *search = looking->search;
    if (search->count == search->wanted)
        return BZD_CLOCK_STOP;
    if (marks == 0) {
        if (may_go(looking, ref)) {
            search->refs[search->count++] = ref;
            prefetch_entry(looking, ref); /* it is read when it goes */
        }
        return 0;
    }
    if (search->count == 0)
        note_weakest(looking, ref, marks);
    bool keeps = (marks & BZD_MARK_USED) != 0 || throw_dice(search, 8) >= looking->policy->forgetting;
    return keeps ? BZD_MARK_PROVEN : 0;
}

/** If everything is in use, the weakest entry goes: finding a better one would be no bounded work. */
static void search_by_use(struct looking *looking) {
    struct bzd_search *search = looking->search;
    for (uint32_t i = looks_of(looking); i > 0 && search->count < search->wanted; i--)
        move_hand(looking, decide_by_use);
    if (search->count == 0 && looking->weakest != 0)
        search->refs[search->count++] = looking->weakest;
}

/* -- By expiry --------------------------------------------------------------------------------------- */

/** Keeps the entries of the sample that expire first, the very first one in front. */
static void keep_first(struct looking *looking, bzd_ref ref, int64_t expire_at_ms) {
    struct bzd_search *search = looking->search;
    size_t most = search->wanted < TTL_VICTIMS ? search->wanted : TTL_VICTIMS;
    size_t at = search->count;
    while (at > 0 && expire_at_ms < bzd_entry_expire_at(block_of(looking, search->refs[at - 1])))
        at--;
    if (at == most)
        return;
    search->count += search->count < most;
    memmove(&search->refs[at + 1], &search->refs[at], (search->count - at - 1) * sizeof ref);
    search->refs[at] = ref;
}

static unsigned decide_by_expiry(void *user, bzd_ref ref, unsigned marks) {
    struct looking *looking = user;
    if (looking->sampled == TTL_SAMPLE)
        return BZD_CLOCK_STOP;
    int64_t expire_at_ms = bzd_entry_expire_at(block_of(looking, ref));
    if (expire_at_ms != 0) {
        looking->sampled++;
        keep_first(looking, ref, expire_at_ms);
    }
    return marks;
}

static void search_by_expiry(struct looking *looking) {
    for (uint32_t i = looks_of(looking); i > 0 && looking->sampled < TTL_SAMPLE; i--)
        move_hand(looking, decide_by_expiry);
}

/* -- By chance --------------------------------------------------------------------------------------- */

/** The entries of one bucket. */
struct bucket_entries {
    struct looking *looking;
    size_t count;
    bzd_ref refs[BUCKET_ENTRIES_MAX];
};

static void collect(void *user, bzd_ref ref) {
    struct bucket_entries *entries = user;
    if (entries->count < BUCKET_ENTRIES_MAX && may_go(entries->looking, ref))
        entries->refs[entries->count++] = ref;
}

/** One entry of each bucket from a random one on. */
static void search_by_chance(struct looking *looking) {
    struct bzd_search *search = looking->search;
    const struct bzd_table *table = &looking->shard->table;
    uint32_t bucket = throw_dice(search, table->bucket_count);
    for (uint32_t i = looks_of(looking); i > 0 && search->count < search->wanted; i--) {
        struct bucket_entries entries = {.looking = looking, .count = 0};
        if (looking->policy->is_volatile)
            bzd_table_visit_bucket(table, bucket, prefetch_entry, looking);
        bzd_table_visit_bucket(table, bucket, collect, &entries);
        if (entries.count > 0) {
            bzd_ref ref = entries.refs[throw_dice(search, (uint32_t)entries.count)];
            search->refs[search->count++] = ref;
            prefetch_entry(looking, ref);
        }
        bucket = bucket + 1 < table->bucket_count ? bucket + 1 : 0;
        search->buckets_left--;
    }
}

void bzd_search_shard(struct bzd_search *search, struct bzd_shard *shard) {
    struct looking looking = {.search = search, .shard = shard, .policy = &policies[search->eviction]};
    BZD_ASSERT(search->wanted > 0 && search->wanted <= BZD_VICTIMS_MAX);
    bzd_rwlock_assert_write_held(&shard->lock);
    search->count = 0;
    if (shard->table.bucket_count == 0)
        return;
    switch (looking.policy->kind) {
    case BY_USE:
        search_by_use(&looking);
        break;
    case BY_EXPIRY:
        search_by_expiry(&looking);
        break;
    case BY_CHANCE:
        search_by_chance(&looking);
        break;
    case BY_NOTHING:
        break;
    }
}
