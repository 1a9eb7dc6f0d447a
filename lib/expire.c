/**
 * The sweep: gives back the memory of expired entries and moves others together, in pieces so short that no
 * reader notices.
 *
 * Each shard is swept in passes, from its last bucket down to its first. In this order a merge, which moves
 * the entries of the last bucket into a lower one, never takes one from before the sweep to behind it, and
 * the table shrinks where the sweep has just been. A piece is a few buckets under one hold of the lock; the
 * shards take turns, so that the same lock is not wanted again at once.
 *
 * How fast: entries are spread over the buckets at random, so what a pass found so far is a fair sample of
 * what is left. While at least one entry in CHANGED_SHARE had expired, the shard is busy: it has a piece in
 * every turn, and when the pass was fruitful as a whole, so is the next one from the start. What a removal
 * costs in looking is bounded by that. All other shards are looked into at a low fixed rate, which is how it
 * is noticed that something expires.
 */
#include "db.h"

enum {
    BUCKETS_PER_PIECE = 8, /* some 50 entries: this is what a reader may have to wait for */
    ENTRIES_MAX = 128,     /* of a piece */
    GROUP_MAX = 64,        /* of one bucket; the hash is keyed, so there is no larger one in practice */
    BYTES_MAX = 64 * 1024, /* freed or moved in a piece; what is larger is alone in it */
    CHANGED_SHARE = 64,
    LOOKS = 16,        /* idle shards looked into in one round */
    LOOKS_IF_BUSY = 2, /* the same while others are busy: rounds follow each other then */
    PIECES_PER_LOOK = 8,
    COST_CHANGE = 8, /* what removing or moving an entry costs, if looking at one costs 1 */
    BYTES_PER_COST = 256,
    COST_PIECE = 16,
    COST_MAPPING = 8192,
    COST_MAX = 32768, /* of a round: half a millisecond or so */
};

/** A piece of a pass. */
struct piece {
    struct bzd_core *core;
    struct bzd_shard *shard;
    int64_t now_ms;
    bool may_move;     /**< the arena has something to move */
    size_t bytes;      /**< freed or moved */
    uint64_t mappings; /**< of regions, as far as the arena counted them before */
    uint32_t mapped;   /**< regions since then */
    uint32_t removed;
    uint32_t moved;
    uint32_t bucket; /**< that is collected */
    size_t count;
    struct {
        bzd_ref ref;
        uint32_t bucket;
    } entries[ENTRIES_MAX];
};

static void collect(void *user, bzd_ref ref) {
    struct piece *piece = user;
    if (piece->count == ENTRIES_MAX)
        return;
    __builtin_prefetch(bzd_arena_at(piece->shard->arena, ref));
    piece->entries[piece->count].ref = ref;
    piece->entries[piece->count++].bucket = piece->bucket;
}

/** Collects the entries of the next buckets and has them loaded; `end` is behind the first of these buckets.
 */
static uint32_t collect_buckets(struct piece *piece, uint32_t end) {
    const struct bzd_table *table = &piece->shard->table;
    uint32_t begin = end > BUCKETS_PER_PIECE ? end - BUCKETS_PER_PIECE : 0;
    bzd_table_prefetch_buckets(table, begin, end);
    while (end > begin && piece->count + GROUP_MAX <= ENTRIES_MAX) {
        piece->bucket = --end;
        bzd_table_visit_bucket(table, end, collect, piece);
    }
    return end;
}

/** Removes an entry that has expired, without a record: its deadline is in its own. Others may be moved. */
static void sweep_entry(struct piece *piece, bzd_ref ref) {
    struct bzd_shard *shard = piece->shard;
    const uint8_t *block = bzd_arena_at(shard->arena, ref);
    bool is_live = bzd_entry_is_live(bzd_entry_expire_at(block), piece->now_ms);
    if (is_live && !piece->may_move)
        return;
    size_t size = bzd_entry_block_size(block);
    if (is_live && !bzd_arena_should_move(shard->arena, ref, size))
        return;
    struct bzd_entry entry;
    bzd_entry_decode(block, &entry);
    uint64_t hash = bzd_store_hash(&piece->core->store, entry.keyspace, entry.key);
    if (is_live) {
        if (!bzd_shard_tidy(shard, hash, ref))
            return;
        piece->moved++;
    } else {
        if (bzd_tells_keys(shard))
            bzd_tell_key(piece->core, shard, entry.keyspace, entry.key, BLITZDB_KEY_EXPIRED);
        bzd_shard_remove(shard, hash, ref);
        bzd_shard_count_expired(shard);
        piece->removed++;
    }
    piece->bytes += size;
}

/** Whether a piece took long enough without having seen everything it collected. */
static bool is_long_enough(struct piece *piece) {
    piece->mapped = (uint32_t)(bzd_arena_mappings(piece->shard->arena) - piece->mappings);
    return piece->bytes >= BYTES_MAX || piece->mapped > 0;
}

/** Sweeps what was collected; returns the bucket to go on below. Stops early after something slow. */
static uint32_t sweep_entries(struct piece *piece, uint32_t next) {
    for (size_t i = 0; i < piece->count; i++) {
        sweep_entry(piece, piece->entries[i].ref);
        if (is_long_enough(piece) && i + 1 < piece->count) {
            piece->count = i + 1;
            return piece->entries[i + 1].bucket + 1;
        }
    }
    return next;
}

/** Lets the table follow what was removed; returns whether there is more to do. */
static bool maintain(struct bzd_shard *shard) {
    bool has_more = true;
    for (unsigned i = 0; i < BUCKETS_PER_PIECE && has_more; i++)
        has_more = bzd_shard_maintain(shard);
    return has_more;
}

static bool is_fruitful(const struct bzd_shard *shard) {
    return shard->sweep_changed > 0 && (uint64_t)shard->sweep_changed * CHANGED_SHARE >= shard->sweep_seen;
}

static void begin_pass(struct bzd_shard *shard) {
    shard->sweep_bucket = shard->table.bucket_count;
    shard->sweep_seen = 0;
    shard->sweep_changed = 0;
    shard->sweep_drain = bzd_arena_drain(shard->arena);
}

static void end_pass(struct bzd_shard *shard) {
    shard->sweep_repeats = is_fruitful(shard);
    if (shard->sweep_drain != 0)
        atomic_store_explicit(&shard->drain_done, shard->sweep_drain, memory_order_relaxed);
}

/** Notes what a piece did and whether there should be another one soon; returns whether the pass is over. */
static bool note_piece(struct bzd_shard *shard, const struct piece *piece, bool is_draining, bool is_behind) {
    shard->sweep_seen += (uint32_t)piece->count;
    /* What a drain moves is no sign that there is more of it: it ends when everything was looked at. */
    shard->sweep_changed += piece->removed + (is_draining ? 0 : piece->moved);
    bool is_busy = is_fruitful(shard);
    bool is_over = shard->sweep_bucket == 0;
    if (is_over) {
        end_pass(shard);
        is_busy = false;
    }
    atomic_store_explicit(&shard->sweep_is_busy, is_busy || shard->sweep_repeats || is_behind,
                          memory_order_relaxed);
    return is_over;
}

static void start_piece(struct piece *piece, struct bzd_core *core, struct bzd_shard *shard, int64_t now_ms) {
    piece->core = core;
    piece->shard = shard;
    piece->now_ms = now_ms;
    piece->bytes = 0;
    piece->mappings = bzd_arena_mappings(shard->arena);
    piece->mapped = 0;
    piece->removed = 0;
    piece->moved = 0;
    piece->count = 0;
}

static uint32_t cost_of(const struct piece *piece) {
    uint32_t mapped = piece->mapped < 2 ? piece->mapped : 2; /* others may have mapped some as well */
    return COST_PIECE + (uint32_t)piece->count + COST_CHANGE * (piece->removed + piece->moved) +
           (uint32_t)(piece->bytes / BYTES_PER_COST) + COST_MAPPING * mapped;
}

/** Sweeps the next few buckets of a shard, adding to what the round has cost; returns whether the pass is
 * over.
 */
static bool sweep_piece(struct bzd_core *core, struct bzd_shard *shard, int64_t now_ms, uint32_t *cost) {
    if (bzd_arena_prepare_drain(shard->arena))
        *cost += COST_MAX; /* that was slow enough for one round */
    struct piece piece;    /* not cleared: most of it is entries */
    start_piece(&piece, core, shard, now_ms);
    bzd_rwlock_write_acquire(&shard->lock);
    if (shard->sweep_bucket == 0)
        begin_pass(shard);
    else if (shard->sweep_bucket > shard->table.bucket_count)
        shard->sweep_bucket = shard->table.bucket_count;
    bool is_draining = bzd_arena_drain(shard->arena) != 0;
    piece.may_move = is_draining || bzd_arena_wants_tidying(shard->arena);
    uint32_t next = collect_buckets(&piece, shard->sweep_bucket);
    shard->sweep_bucket = sweep_entries(&piece, next);
    bool is_over = note_piece(shard, &piece, is_draining, maintain(shard));
    bzd_rwlock_write_release(&shard->lock);
    *cost += cost_of(&piece);
    return is_over;
}

/* -- All shards ------------------------------------------------------------------------------------- */

static bool has_signs(const struct bzd_shard *shard) {
    return atomic_load_explicit(&shard->sweep_is_busy, memory_order_relaxed);
}

/** True if the sweep should go on in this shard at once. */
static bool is_busy(const struct bzd_shard *shard) {
    uint32_t drain = bzd_arena_drain(shard->arena);
    return has_signs(shard) ||
           (drain != 0 && atomic_load_explicit(&shard->drain_done, memory_order_relaxed) != drain);
}

static bool any_is_busy(const struct bzd_store *store) {
    for (uint32_t i = 0; i < store->shard_count; i++)
        if (is_busy(&store->shards[i]))
            return true;
    return false;
}

static struct bzd_shard *next_shard(struct bzd_core *core) {
    uint32_t index = atomic_fetch_add_explicit(&core->sweep_shard, 1, memory_order_relaxed);
    return &core->store.shards[index % core->store.shard_count];
}

/** Looks into some shards where nothing is known to be done. */
static void look_around(struct bzd_core *core, int64_t now_ms, unsigned looks, uint32_t *cost) {
    for (unsigned i = 0; i < looks; i++) {
        struct bzd_shard *shard = next_shard(core);
        if (!bzd_shard_has_expiring(shard) && !bzd_arena_wants_tidying(shard->arena))
            continue;
        bool is_over = false;
        for (unsigned k = 0; k < PIECES_PER_LOOK && !is_over && !is_busy(shard); k++)
            is_over = sweep_piece(core, shard, now_ms, cost);
    }
}

/** Gives each busy shard a piece in turn. */
static void work(struct bzd_core *core, int64_t now_ms, uint32_t *cost) {
    uint32_t idle = 0; /* shards in a row with nothing to do */
    while (*cost < COST_MAX && idle < core->store.shard_count) {
        struct bzd_shard *shard = next_shard(core);
        bool has_work = is_busy(shard);
        idle = has_work ? 0 : idle + 1;
        if (has_work)
            (void)sweep_piece(core, shard, now_ms, cost);
    }
}

/** Ends the drain of an arena when all its shards are through with it, and begins one when it is worth it and
 * not too much is about to be removed anyway. Otherwise gives idle pages back; true: there may be more. */
static bool manage_arena(const struct bzd_store *store, struct bzd_arena *arena) {
    uint32_t drain = bzd_arena_drain(arena);
    uint32_t shards = 0, with_signs = 0, not_done = 0;
    for (uint32_t i = 0; i < store->shard_count; i++) {
        const struct bzd_shard *shard = &store->shards[i];
        if (shard->arena != arena)
            continue;
        shards++;
        with_signs += has_signs(shard);
        not_done += atomic_load_explicit(&shard->drain_done, memory_order_relaxed) != drain;
    }
    if (drain != 0 && not_done == 0)
        bzd_arena_end_drain(arena, drain);
    if (with_signs * 4 <= shards)
        (void)bzd_arena_begin_drain(arena);
    return with_signs == 0 && bzd_arena_drain(arena) == 0 && bzd_arena_trim(arena);
}

bool bzd_expire_sweep(struct bzd_core *core) {
    struct bzd_store *store = &core->store;
    int64_t now_ms = bzd_now_ms(core);
    uint32_t cost = 0;
    bool trimmed = false;
    for (unsigned i = 0; i < BZD_ARENAS; i++)
        bzd_arena_begin_sweep(&store->arenas[i]);
    look_around(core, now_ms, any_is_busy(store) ? LOOKS_IF_BUSY : LOOKS, &cost);
    work(core, now_ms, &cost);
    for (unsigned i = 0; i < BZD_ARENAS; i++) {
        trimmed |= manage_arena(store, &store->arenas[i]);
        bzd_arena_end_sweep(&store->arenas[i]);
    }
    return trimmed || any_is_busy(store);
}
