#include "table_bucket.h"

/* -- One bucket ------------------------------------------------------------------------------------- */

void bzd_table_visit_bucket(const struct bzd_table *table, uint32_t index, bzd_table_fn visit, void *user) {
    BZD_ASSERT(index < table->bucket_count);
    const struct bzd_bucket *bucket = bzd_bucket_at(table, index);
    for (unsigned i = 0; i < BZD_BUCKET_SLOTS; i++)
        if (bucket->tags[i] != 0)
            visit(user, bzd_bucket_ref(bucket, i));
    for (uint32_t next = bucket->overflow; next != 0;) {
        const struct bzd_overflow *node = bzd_overflow_at(table, next);
        for (unsigned i = 0; i < BZD_OVERFLOW_SLOTS && node->tags[i] != 0; i++)
            visit(user, bzd_overflow_ref(node, i));
        next = node->next;
    }
}

void bzd_table_prefetch_buckets(const struct bzd_table *table, uint32_t begin, uint32_t end) {
    for (uint32_t index = begin; index < end && index < table->bucket_count; index++)
        __builtin_prefetch(bzd_bucket_at(table, index));
}

/* -- Scan ------------------------------------------------------------------------------------------- */

static uint32_t reverse_bits(uint32_t bits) {
    bits = (bits >> 1 & UINT32_C(0x55555555)) | (bits & UINT32_C(0x55555555)) << 1;
    bits = (bits >> 2 & UINT32_C(0x33333333)) | (bits & UINT32_C(0x33333333)) << 2;
    bits = (bits >> 4 & UINT32_C(0x0F0F0F0F)) | (bits & UINT32_C(0x0F0F0F0F)) << 4;
    return __builtin_bswap32(bits);
}

/** Bits of the hash that tell this bucket from all others. */
static unsigned bucket_depth(const struct bzd_table *table, uint32_t index) {
    unsigned level = bzd_level_of(table->bucket_count);
    uint32_t first_high = UINT32_C(1) << level;
    bool is_split = index >= first_high || index < table->bucket_count - first_high;
    return is_split ? level + 1 : level;
}

/*
 * Why nothing is missed. Read the low 32 bits of a hash backwards, lowest bit first, as a binary fraction:
 * every hash is a point in [0, 1). A bucket of depth d holds the hashes that agree in their lowest d bits, so
 * it covers an interval of length 2^-d; it is a leaf of the binary trie of hash suffixes, and the leaves, of
 * depth L or L + 1 in linear hashing, tile [0, 1) at every moment. A split halves one interval, a merge joins
 * two halves; the points do not move.
 *
 *     4 buckets:   |  0 (00)   |  2 (10)   |  1 (01)   |  3 (11)   |
 *     5 buckets:   | 000 | 100 |  2 (10)   |  1 (01)   |  3 (11)   |
 *
 * A cursor is a point (stored reversed, so that it is a small number in a small table). A call visits the
 * bucket whose interval contains the cursor and returns the end of that interval. So consecutive calls cover
 * [0, 1) without a gap, whatever shape the table had at each of them: an entry whose hash lies between one
 * cursor and the next was in the bucket that this call visited. After a merge the interval may begin before
 * the cursor; then entries are seen twice. Counting buckets in plain order would not do: a split moves
 * entries from a bucket not yet visited to the end, but a merge moves them from the end to a bucket that is
 * behind the cursor already.
 */
uint64_t bzd_table_scan(const struct bzd_table *table, uint64_t cursor, bzd_table_fn visit, void *user) {
    if (table->bucket_count == 0)
        return 0;
    uint32_t index = bzd_table_bucket_of(table, (uint32_t)cursor);
    bzd_table_visit_bucket(table, index, visit, user);
    uint64_t interval = UINT64_C(1) << (32 - bucket_depth(table, index));
    /* The end of the last interval is 1.0, which has no bit left in 32: the scan is over. */
    return reverse_bits((uint32_t)(reverse_bits(index) + interval));
}

/* -- Validity --------------------------------------------------------------------------------------- */

/** What a check of one group looks at. */
struct group_check {
    const struct bzd_table *table;
    uint32_t index;
    uint64_t entries;
    bool is_valid;
};

static void check_entry(void *user, bzd_ref ref) {
    struct group_check *check = user;
    const struct bzd_table *table = check->table;
    const struct bzd_bucket *bucket = bzd_bucket_at(table, check->index);
    check->entries++;
    if (ref == 0) {
        check->is_valid = false;
        return;
    }
    uint64_t hash = bzd_table_hash_entry(table, ref);
    if (bzd_table_bucket_of(table, hash) != check->index)
        check->is_valid = false;
    /* A reference can only stand twice under the same tag. */
    uint8_t tag = bzd_tag_of(hash);
    unsigned found = 0;
    for (unsigned match = bzd_bucket_match(bucket, tag); match != 0; match &= match - 1)
        found += bzd_bucket_ref(bucket, (unsigned)__builtin_ctz(match)) == ref;
    for (uint32_t next = bucket->overflow; next != 0;) {
        const struct bzd_overflow *node = bzd_overflow_at(table, next);
        for (unsigned match = bzd_overflow_match(node, tag); match != 0; match &= match - 1)
            found += bzd_overflow_ref(node, (unsigned)__builtin_ctz(match)) == ref;
        next = node->next;
    }
    if (found != 1)
        check->is_valid = false;
}

/** Only the head of a chain has empty slots, at its end, and no mark is set for them. Adds to the nodes
 * counted. */
static bool chain_is_valid(const struct bzd_table *table, const struct bzd_bucket *bucket, uint64_t *nodes) {
    unsigned empty = bzd_bucket_match(bucket, 0);
    unsigned clock = atomic_load_explicit(&bucket->clock, memory_order_relaxed);
    unsigned slots = ~empty & ((1u << BZD_BUCKET_SLOTS) - 1);
    if ((clock & ~(slots | slots << BZD_BUCKET_SLOTS)) != 0)
        return false;
    if (bucket->overflow != 0 && empty != 0)
        return false;
    for (uint32_t next = bucket->overflow; next != 0;) {
        if (next > table->overflow_count || ++*nodes > table->overflow_count)
            return false;
        const struct bzd_overflow *node = bzd_overflow_at(table, next);
        unsigned full = ~bzd_overflow_match(node, 0) & 0xFu;
        if (full == 0 || (full & (full + 1)) != 0 || (next != bucket->overflow && full != 0xF))
            return false;
        clock = atomic_load_explicit(&node->clock, memory_order_relaxed);
        if ((clock & ~(full | full << BZD_OVERFLOW_SLOTS)) != 0)
            return false;
        next = node->next;
    }
    return true;
}

/** The chain of free nodes is linked both ways and as long as it says. */
static bool free_chain_is_valid(const struct bzd_table *table) {
    uint64_t count = 0;
    uint32_t previous = 0;
    for (uint32_t next = table->overflow_free; next != 0;) {
        if (next > table->overflow_count || ++count > table->overflow_free_count)
            return false;
        const struct bzd_overflow *node = bzd_overflow_at(table, next);
        if (bzd_overflow_match(node, 0) != 0xF || bzd_overflow_ref(node, 0) != previous)
            return false;
        previous = next;
        next = node->next;
    }
    return count == table->overflow_free_count;
}

bool bzd_table_is_valid(const struct bzd_table *table) {
    uint64_t nodes = 0;
    uint64_t entries = 0;
    for (uint32_t index = 0; index < table->bucket_count; index++) {
        if (!chain_is_valid(table, bzd_bucket_at(table, index), &nodes))
            return false;
        struct group_check check = {table, index, 0, true};
        bzd_table_visit_bucket(table, index, check_entry, &check);
        if (!check.is_valid)
            return false;
        entries += check.entries;
    }
    return free_chain_is_valid(table) && entries == table->entry_count &&
           nodes + table->overflow_free_count == table->overflow_count &&
           bzd_places_count_bytes(&table->buckets, table->bucket_count) == table->buckets.bytes &&
           bzd_places_count_bytes(&table->overflow, table->overflow_count) == table->overflow.bytes &&
           table->buckets.bytes + table->overflow.bytes == table->bytes;
}
