#include "section.h"

#include "invariant.h"
#include "spot.h"

/* The bracket of a batch: its type and a number. */
enum { BRACKET_SIZE_MAX = 1 + 10 };

bool bzd_section_has_shards(const struct bzd_section *section, const struct bzd_shard_set *shards) {
    for (size_t i = 0; i < sizeof shards->words / sizeof shards->words[0]; i++)
        if ((shards->words[i] & ~section->shards.words[i]) != 0)
            return false;
    return true;
}

blitzdb_status bzd_section_find_spot(const blitzdb *db, struct bzd_slice key, struct bzd_spot *spot_out) {
    struct bzd_store *store = &db->core->store;
    unsigned keyspace = bzd_map_keyspace(bzd_store_map(store), db->keyspace);
    uint64_t hash = bzd_store_hash(store, keyspace, key);
    uint32_t index = bzd_store_shard_index(store, hash);
    if (!bzd_section_has_shard(db->section, index))
        return BLITZDB_INVALID;
    *spot_out = (struct bzd_spot){&store->shards[index], keyspace, hash};
    return BLITZDB_OK;
}

blitzdb_status bzd_section_admit(const struct bzd_section *section, size_t growth) {
    if (section->kind == BLITZDB_SECTION_READS)
        return BLITZDB_INVALID;
    if (growth == 0 || bzd_fits_limit(section->core, growth))
        return BLITZDB_OK;
    /* Room is made behind the end, without the locks. */
    bool evicts = atomic_load(&section->core->eviction) != BLITZDB_EVICTION_NONE;
    return evicts && section->may_grow ? BLITZDB_OK : BLITZDB_MEMORY_LIMIT;
}

blitzdb_status bzd_section_append_begin(struct bzd_section *section, size_t size, uint8_t **to_out) {
    size_t promise = section->promised == 0 ? size + BRACKET_SIZE_MAX : size;
    if (section->records.size + size + BRACKET_SIZE_MAX > BZD_LOG_RECORD_MAX)
        return BLITZDB_TOO_LARGE;
    blitzdb_status status = bzd_buffer_reserve(&section->records, size);
    if (status == BLITZDB_OK && !section->is_lost)
        status = bzd_log_promise(&section->core->log, promise);
    /* Behind the first change the section is done to its end, or others would see a half of it. */
    section->is_lost |= status == BLITZDB_LOG_FAILED && section->promised > 0;
    if (status != BLITZDB_OK && !section->is_lost)
        return status;
    section->promised += section->is_lost ? 0 : promise;
    *to_out = section->records.data + section->records.size;
    return BLITZDB_OK;
}

void bzd_section_append_end(struct bzd_section *section, size_t size, uint32_t count) {
    section->records.size += size;
    section->record_count += count;
}

blitzdb_status bzd_section_log(struct bzd_section *section, uint64_t *position_out) {
    struct bzd_log *log = &section->core->log;
    struct bzd_record bracket = {.type = BZD_RECORD_BATCH, .number = section->record_count};
    bool is_batch = section->record_count > 1;
    size_t size = section->records.size + (is_batch ? bzd_record_size(&bracket) : 0);
    uint8_t *to;
    if (section->promised == 0)
        return BLITZDB_OK;
    BZD_ASSERT(section->is_lost || (size > 0 && size <= section->promised));
    blitzdb_status status = bzd_log_append_promised(log, section->promised, size, &to);
    if (status != BLITZDB_OK)
        return bzd_append_status(section->core, status);
    if (is_batch)
        to = bzd_record_encode(to, &bracket);
    memcpy(to, section->records.data, section->records.size);
    *position_out = bzd_log_append_end(log, size, section->record_count + is_batch);
    return BLITZDB_OK;
}
