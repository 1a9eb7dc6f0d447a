/** Walking over the keys: the resumable scan and the iterator that copies. */
#include "glob.h"
#include "section.h"

/** One scan: what it wants and how far it is. */
struct scanning {
    const blitzdb *db;
    struct bzd_core *core;
    struct bzd_shard *shard;
    unsigned keyspace; /**< as stored */
    struct bzd_slice pattern;
    bool has_pattern;
    int64_t now_ms;
    size_t seen; /**< entries looked at */
    blitzdb_scan_fn fn;
    void *user;
};

static void visit(void *user, bzd_ref ref) {
    struct scanning *scanning = user;
    struct bzd_entry entry;
    bzd_entry_decode(bzd_arena_at(scanning->shard->arena, ref), &entry);
    scanning->seen++;
    if (!bzd_entry_is_live(entry.expire_at_ms, scanning->now_ms) || entry.keyspace != scanning->keyspace)
        return;
    if (scanning->has_pattern && !bzd_glob_match(scanning->pattern, entry.key))
        return;
    blitzdb_scan_entry shown = {entry.key.data, entry.key.size, entry.value.data, entry.value.size,
                                entry.expire_at_ms};
    scanning->fn(scanning->user, &shown);
}

/** Goes on in one shard for some buckets or until enough was seen. Returns the cursor in the shard, 0: done.
 */
static uint64_t scan_shard(struct scanning *scanning, uint64_t at, size_t count) {
    enum { BUCKETS_AT_ONCE = 64 };
    unsigned buckets = 0;
    bool locks = scanning->db->section == NULL;
    if (locks)
        bzd_rwlock_read_acquire(&scanning->shard->lock);
    scanning->keyspace = bzd_map_keyspace(bzd_store_map(&scanning->core->store), scanning->db->keyspace);
    do
        at = bzd_table_scan(&scanning->shard->table, at, visit, scanning);
    while (at != 0 && scanning->seen < count && ++buckets < BUCKETS_AT_ONCE);
    if (locks)
        bzd_rwlock_read_release(&scanning->shard->lock);
    return at;
}

/** The cursor is `place in the shard << shard_bits | shard`. */
static uint64_t scan_from(struct scanning *scanning, uint64_t cursor, size_t count) {
    struct bzd_store *store = &scanning->core->store;
    uint32_t index = (uint32_t)(cursor & (store->shard_count - 1));
    uint64_t at = cursor >> store->shard_bits;
    while (scanning->seen < count) {
        scanning->shard = &store->shards[index];
        at = scan_shard(scanning, at, count);
        if (at == 0 && ++index == store->shard_count)
            return 0;
    }
    return at << store->shard_bits | index;
}

blitzdb_status blitzdb_scan(blitzdb *db, uint64_t *cursor, const void *pattern, size_t pattern_size,
                            size_t count, blitzdb_scan_fn scan, void *user) {
    enum { DEFAULT_COUNT = 10 };
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    if (cursor == NULL || scan == NULL || !bzd_may_use_all(db, false))
        return BLITZDB_INVALID;
    struct scanning scanning = {
        .db = db,
        .core = db->core,
        .pattern = bzd_slice_of(pattern, pattern_size),
        .has_pattern = pattern != NULL,
        .now_ms = bzd_clock_ms(db),
        .fn = scan,
        .user = user,
    };
    *cursor = scan_from(&scanning, *cursor, count > 0 ? count : DEFAULT_COUNT);
    return BLITZDB_OK;
}

enum {
    ENTRIES_AT_ONCE = 64, /* that an iterator copies with one scan */
    KEEP_BYTES = 1 << 20, /* capacity its buffers keep */
};

/** Where one copied entry stands in the iterator's buffer. */
struct copied {
    size_t key_at, key_size, value_at, value_size;
    int64_t expire_at_ms;
};

struct blitzdb_iterator {
    blitzdb *db;
    uint64_t cursor;
    bool at_end; /**< the scan is through; what was copied may still be handed out */
    bool has_pattern;
    struct bzd_buffer pattern;
    struct bzd_buffer bytes;   /**< keys and values of the entries below */
    struct bzd_buffer entries; /**< array of struct copied */
    size_t next;               /**< entry to hand out next */
    size_t at_once;            /**< entries to copy with the next scan */
    blitzdb_status copy_status;
};

blitzdb_status blitzdb_iterator_create(blitzdb *db, const void *pattern, size_t pattern_size,
                                       blitzdb_iterator **iterator_out) {
    blitzdb_status status = bzd_enter(db);
    if (status == BLITZDB_OK && iterator_out == NULL)
        status = BLITZDB_INVALID;
    if (status != BLITZDB_OK)
        return status;
    const blitzdb_env *env = &db->core->env;
    blitzdb_iterator *iterator = bzd_alloc_zeroed(env, sizeof *iterator);
    if (iterator == NULL)
        return BLITZDB_NO_MEMORY;
    iterator->db = db;
    iterator->has_pattern = pattern != NULL;
    iterator->at_once = ENTRIES_AT_ONCE;
    bzd_buffer_init(&iterator->pattern, env);
    bzd_buffer_init(&iterator->bytes, env);
    bzd_buffer_init(&iterator->entries, env);
    if (pattern != NULL)
        status = bzd_buffer_append(&iterator->pattern, pattern, pattern_size);
    if (status != BLITZDB_OK) {
        blitzdb_iterator_destroy(iterator);
        return status;
    }
    *iterator_out = iterator;
    return BLITZDB_OK;
}

void blitzdb_iterator_destroy(blitzdb_iterator *iterator) {
    if (iterator == NULL)
        return;
    bzd_buffer_deinit(&iterator->pattern);
    bzd_buffer_deinit(&iterator->bytes);
    bzd_buffer_deinit(&iterator->entries);
    bzd_free(&iterator->db->core->env, iterator);
}

static void copy_entry(void *user, const blitzdb_scan_entry *entry) {
    blitzdb_iterator *iterator = user;
    struct copied copied = {
        .key_at = iterator->bytes.size,
        .key_size = entry->key_size,
        .value_at = iterator->bytes.size + entry->key_size,
        .value_size = entry->value_size,
        .expire_at_ms = entry->expire_at_ms,
    };
    blitzdb_status status = bzd_buffer_reserve(&iterator->bytes, entry->key_size + entry->value_size);
    if (status == BLITZDB_OK)
        status = bzd_buffer_append(&iterator->entries, &copied, sizeof copied);
    if (status == BLITZDB_OK) {
        (void)bzd_buffer_append(&iterator->bytes, entry->key, entry->key_size); /* room was reserved */
        (void)bzd_buffer_append(&iterator->bytes, entry->value, entry->value_size);
    } else {
        iterator->copy_status = status;
    }
}

/** Copies the entries of the next buckets; a failure leaves the cursor where it was. */
static blitzdb_status fill(blitzdb_iterator *iterator) {
    bzd_buffer_clear(&iterator->bytes, KEEP_BYTES);
    bzd_buffer_clear(&iterator->entries, KEEP_BYTES);
    iterator->next = 0;
    iterator->copy_status = BLITZDB_OK;
    uint64_t cursor = iterator->cursor;
    static const char any_key[] = "";
    const void *pattern = iterator->pattern.size > 0 ? (const void *)iterator->pattern.data : any_key;
    blitzdb_status status = blitzdb_scan(iterator->db, &cursor, iterator->has_pattern ? pattern : NULL,
                                         iterator->pattern.size, iterator->at_once, copy_entry, iterator);
    if (status == BLITZDB_OK)
        status = iterator->copy_status;
    bool much = status != BLITZDB_OK || iterator->bytes.size > KEEP_BYTES;
    iterator->at_once = much ? 1 : ENTRIES_AT_ONCE; /* large values come one bucket at a time */
    if (status != BLITZDB_OK) {
        bzd_buffer_clear(&iterator->entries, KEEP_BYTES);
        return status;
    }
    iterator->cursor = cursor;
    iterator->at_end = cursor == 0;
    return BLITZDB_OK;
}

blitzdb_status blitzdb_iterator_next(blitzdb_iterator *iterator, blitzdb_scan_entry *entry_out) {
    if (iterator == NULL || entry_out == NULL)
        return BLITZDB_INVALID;
    while (iterator->next * sizeof(struct copied) == iterator->entries.size) {
        if (iterator->at_end)
            return BLITZDB_NOT_FOUND;
        blitzdb_status status = fill(iterator);
        if (status != BLITZDB_OK)
            return status;
    }
    struct copied copied;
    memcpy(&copied, iterator->entries.data + iterator->next++ * sizeof copied, sizeof copied);
    /* There is no buffer as long as all keys and values are empty. */
    const uint8_t *bytes = iterator->bytes.data != NULL ? iterator->bytes.data : (const uint8_t *)"";
    entry_out->key = bytes + copied.key_at;
    entry_out->key_size = copied.key_size;
    entry_out->value = bytes + copied.value_at;
    entry_out->value_size = copied.value_size;
    entry_out->expire_at_ms = copied.expire_at_ms;
    return BLITZDB_OK;
}

blitzdb_status blitzdb_glob_match(const void *pattern, size_t pattern_size, const void *text,
                                  size_t text_size, uint32_t flags) {
    bool has_null = (pattern == NULL && pattern_size > 0) || (text == NULL && text_size > 0);
    if (has_null || (flags & ~BLITZDB_GLOB_IGNORE_CASE) != 0)
        return BLITZDB_INVALID;
    static const blitzdb_status statuses[] = {
        [BZD_GLOB_MATCH] = BLITZDB_OK,
        [BZD_GLOB_MISMATCH] = BLITZDB_NOT_FOUND,
        [BZD_GLOB_TOO_LONG] = BLITZDB_TOO_LARGE,
    };
    size_t steps = bzd_glob_steps(text_size);
    return statuses[bzd_glob_compare(bzd_slice_of(pattern, pattern_size), bzd_slice_of(text, text_size),
                                     (flags & BLITZDB_GLOB_IGNORE_CASE) != 0, &steps)];
}
