/** Tells a program about keys that come to be, or that go without a call of their own. */
#include "section.h"

/** The number under which users see a stored keyspace. */
static unsigned selected_keyspace(uint64_t map, unsigned stored) {
    unsigned selected = 0;
    while (selected + 1 < BLITZDB_KEYSPACES && bzd_map_keyspace(map, selected) != stored)
        selected++;
    return selected;
}

void bzd_tell_key(const struct bzd_core *core, const struct bzd_shard *shard, unsigned stored_keyspace,
                  struct bzd_slice key, unsigned event) {
    unsigned selected = selected_keyspace(bzd_store_map(&core->store), stored_keyspace);
    shard->key_fn(shard->key_user, selected, key.data, key.size, event);
}

/** Shard by shard: when all are through, no call of the function before is under way, and none comes later.
 */
blitzdb_status blitzdb_watch_keys(blitzdb *db, blitzdb_key_fn key_fn, void *user) {
    blitzdb_status status = bzd_enter(db);
    if (status != BLITZDB_OK)
        return status;
    struct bzd_store *store = &db->core->store;
    bool locks = db->section == NULL;
    if (!bzd_may_use_all(db, true))
        return BLITZDB_INVALID;
    for (uint32_t i = 0; i < store->shard_count; i++) {
        struct bzd_shard *shard = &store->shards[i];
        if (locks)
            bzd_rwlock_write_acquire(&shard->lock);
        shard->key_fn = key_fn;
        shard->key_user = user;
        if (locks)
            bzd_rwlock_write_release(&shard->lock);
    }
    return BLITZDB_OK;
}
