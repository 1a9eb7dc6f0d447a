#include "txn.h"

#include "invariant.h"
#include "section.h"
#include "table_lookup.h"

enum { PROBES_MAX = 64 }; /* look-ups whose memory is loaded together */

int64_t bzd_txn_now_ms(struct bzd_txn *txn) {
    if (txn->now_ms == 0)
        txn->now_ms = bzd_clock_ms(txn->db);
    return txn->now_ms;
}

/** Finds hash and shard of a slot under a keyspace map; returns the shard's number. */
static uint32_t place_slot(struct bzd_store *store, struct bzd_slot *slot, uint64_t map) {
    slot->keyspace = bzd_map_keyspace(map, slot->selected);
    slot->hash = bzd_store_hash(store, slot->keyspace, slot->key);
    uint32_t index = bzd_store_shard_index(store, slot->hash);
    slot->shard = &store->shards[index];
    return index;
}

/** Places all slots and takes the locks of their shards. */
static void acquire(struct bzd_txn *txn, uint64_t map) {
    struct bzd_store *store = &txn->core->store;
    if (txn->count == 1) {
        (void)place_slot(store, &txn->slots[0], map);
        bzd_rwlock_write_acquire(&txn->slots[0].shard->lock);
        return;
    }
    memset(&txn->shards, 0, sizeof txn->shards);
    for (size_t i = 0; i < txn->count; i++)
        bzd_shard_set_add(&txn->shards, place_slot(store, &txn->slots[i], map));
    bzd_store_write_acquire(store, &txn->shards);
}

static void release(struct bzd_txn *txn) {
    if (txn->db->section != NULL)
        return;
    if (txn->count == 1)
        bzd_rwlock_write_release(&txn->slots[0].shard->lock);
    else
        bzd_store_write_release(&txn->core->store, &txn->shards);
}

/** Places all slots in shards that a section has locked; INVALID: it has not. */
static blitzdb_status find_slots(struct bzd_txn *txn) {
    struct bzd_store *store = &txn->core->store;
    uint64_t map = bzd_store_map(store); /* changes under all locks only */
    for (size_t i = 0; i < txn->count; i++)
        if (!bzd_section_has_shard(txn->db->section, place_slot(store, &txn->slots[i], map)))
            return BLITZDB_INVALID;
    return BLITZDB_OK;
}

/** Locks the shards; again if two keyspaces were exchanged in between. */
static blitzdb_status lock_slots(struct bzd_txn *txn) {
    struct bzd_store *store = &txn->core->store;
    if (txn->db->section != NULL)
        return find_slots(txn);
    for (;;) {
        uint64_t map = bzd_store_map(store);
        acquire(txn, map);
        if (bzd_store_map(store) == map)
            return BLITZDB_OK;
        release(txn);
    }
}

/** Shows a slot the entry of its key, which was looked up. */
static void show(struct bzd_txn *txn, struct bzd_slot *slot) {
    slot->present = false;
    slot->change = BZD_CHANGE_NONE;
    slot->staged = 0;
    if (slot->old_ref == 0)
        return;
    bzd_entry_decode(slot->old_block, &slot->now);
    slot->present = slot->now.expire_at_ms == 0 || slot->now.expire_at_ms > bzd_txn_now_ms(txn);
    bzd_touch(txn->core, slot->shard, slot->hash, slot->old_ref);
}

static void look_up_one(struct bzd_txn *txn, struct bzd_slot *slot) {
    slot->old_ref =
        bzd_table_look_up(&slot->shard->table, slot->hash, slot->keyspace, slot->key, &slot->old_block);
    show(txn, slot);
}

/** Looks all slots up, some at a time so that their cache misses overlap. */
static void look_up_all(struct bzd_txn *txn) {
    struct bzd_probe probes[PROBES_MAX];
    for (size_t begin = 0, count; begin < txn->count; begin += count) {
        struct bzd_slot *slots = txn->slots + begin;
        count = txn->count - begin < PROBES_MAX ? txn->count - begin : PROBES_MAX;
        for (size_t i = 0; i < count; i++)
            bzd_probe_begin(&probes[i], &slots[i].shard->table, slots[i].hash);
        bzd_probe_entries(probes, count);
        for (size_t i = 0; i < count; i++) {
            slots[i].old_ref =
                bzd_probe_finish(&probes[i], slots[i].keyspace, slots[i].key, &slots[i].old_block);
            show(txn, &slots[i]);
        }
    }
}

blitzdb_status bzd_txn_begin(struct bzd_txn *txn, const blitzdb *db, struct bzd_slot *slots, size_t count,
                             size_t growth) {
    struct bzd_core *core = db->core;
    blitzdb_status status = bzd_admit(db, growth);
    if (status != BLITZDB_OK)
        return status;
    txn->db = db;
    txn->core = core;
    txn->slots = slots;
    txn->count = count;
    txn->published = false;
    txn->now_ms = 0;
    status = lock_slots(txn);
    if (status != BLITZDB_OK)
        return status;
    if (count == 1)
        look_up_one(txn, slots);
    else
        look_up_all(txn);
    return BLITZDB_OK;
}

/** Takes a block as what the slot will be. */
static void stage(struct bzd_slot *slot, bzd_ref ref, enum bzd_change change) {
    bzd_shard_drop_entry(slot->shard, slot->staged);
    slot->staged = ref;
    slot->change = change;
    slot->present = true;
    bzd_entry_decode(bzd_arena_at(slot->shard->arena, ref), &slot->now);
}

/** Makes the block of a slot with this value and expiry, and stages it. */
static blitzdb_status stage_entry(struct bzd_slot *slot, struct bzd_slice value, int64_t expire_at_ms,
                                  enum bzd_change change) {
    struct bzd_entry entry = {slot->keyspace, slot->key, value, expire_at_ms};
    bzd_ref ref;
    blitzdb_status status = bzd_shard_make_entry(slot->shard, &entry, &ref);
    if (status == BLITZDB_OK)
        stage(slot, ref, change);
    return status;
}

blitzdb_status bzd_txn_set(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice value,
                           int64_t expire_at_ms) {
    if (expire_at_ms == 0 || expire_at_ms > bzd_txn_now_ms(txn))
        return stage_entry(slot, value, expire_at_ms, BZD_CHANGE_SET);
    bzd_txn_del(txn, slot);
    return BLITZDB_OK;
}

blitzdb_status bzd_txn_append(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice data) {
    const blitzdb_env *env = &txn->core->env;
    struct bzd_slice before = slot->present ? slot->now.value : bzd_slice_of(NULL, 0);
    struct bzd_buffer joined;
    bzd_buffer_init(&joined, env);
    blitzdb_status status = bzd_buffer_reserve(&joined, before.size + data.size);
    if (status == BLITZDB_OK)
        status = bzd_buffer_append(&joined, before.data, before.size);
    if (status == BLITZDB_OK)
        status = bzd_buffer_append(&joined, data.data, data.size);
    if (status == BLITZDB_OK) {
        int64_t expire_at_ms = slot->present ? slot->now.expire_at_ms : 0;
        status = bzd_txn_set(txn, slot, bzd_slice_of(joined.data, joined.size), expire_at_ms);
    }
    bzd_buffer_deinit(&joined);
    return status;
}

blitzdb_status bzd_txn_expire_at(struct bzd_txn *txn, struct bzd_slot *slot, int64_t expire_at_ms) {
    BZD_ASSERT(slot->present);
    if (expire_at_ms != 0 && expire_at_ms <= bzd_txn_now_ms(txn)) {
        bzd_txn_del(txn, slot);
        return BLITZDB_OK;
    }
    if (expire_at_ms == 0 && slot->now.expire_at_ms == 0)
        return BLITZDB_OK; /* as it is: no record, and no change for who watches */
    enum bzd_change change = slot->change == BZD_CHANGE_SET ? BZD_CHANGE_SET : BZD_CHANGE_EXPIRY;
    return stage_entry(slot, slot->now.value, expire_at_ms, change);
}

void bzd_txn_del(struct bzd_txn *txn, struct bzd_slot *slot) {
    (void)txn;
    bool was_there = slot->old_ref != 0;
    bzd_shard_drop_entry(slot->shard, slot->staged);
    slot->staged = 0;
    slot->present = false;
    slot->change = was_there ? BZD_CHANGE_DEL : BZD_CHANGE_NONE;
}

/** Takes the record of a slot's change together. */
static struct bzd_record record_of(const struct bzd_slot *slot) {
    struct bzd_record record = {.keyspace = slot->keyspace, .key = slot->key};
    if (slot->change == BZD_CHANGE_DEL) {
        record.type = BZD_RECORD_DEL;
        return record;
    }
    record.value = slot->now.value;
    record.expire_at_ms = slot->now.expire_at_ms;
    record.type = BZD_RECORD_SET_EXPIRING;
    if (slot->change == BZD_CHANGE_EXPIRY)
        record.type = BZD_RECORD_EXPIRE_AT;
    else if (record.expire_at_ms == 0)
        record.type = BZD_RECORD_SET;
    return record;
}

/** Makes sure that publishing cannot fail: every insert of a shard has room in its table. */
static blitzdb_status reserve_room(struct bzd_txn *txn) {
    blitzdb_status status = BLITZDB_OK;
    for (size_t i = 0; i < txn->count; i++) {
        struct bzd_slot *slot = &txn->slots[i];
        bool inserts = slot->staged != 0 && slot->old_ref == 0;
        if (inserts && status == BLITZDB_OK)
            status = bzd_table_reserve(&slot->shard->table, ++slot->shard->pending_inserts);
    }
    for (size_t i = 0; i < txn->count; i++)
        txn->slots[i].shard->pending_inserts = 0;
    return status;
}

/** Bytes and number of the records of all changes. */
static size_t measure_records(const struct bzd_txn *txn, uint32_t *count_out) {
    size_t size = 0;
    *count_out = 0;
    for (size_t i = 0; i < txn->count; i++) {
        if (txn->slots[i].change == BZD_CHANGE_NONE)
            continue;
        struct bzd_record record = record_of(&txn->slots[i]);
        size += bzd_record_size(&record);
        ++*count_out;
    }
    return size;
}

static void encode_records(const struct bzd_txn *txn, uint8_t *to) {
    for (size_t i = 0; i < txn->count; i++) {
        if (txn->slots[i].change == BZD_CHANGE_NONE)
            continue;
        struct bzd_record record = record_of(&txn->slots[i]);
        to = bzd_record_encode(to, &record);
    }
}

/** Appends the changes to the batch that the section will log. */
static blitzdb_status append_to_section(struct bzd_txn *txn) {
    uint32_t records;
    uint8_t *to;
    size_t size = measure_records(txn, &records);
    blitzdb_status status = bzd_section_append_begin(txn->db->section, size, &to);
    if (status != BLITZDB_OK)
        return status;
    encode_records(txn, to);
    bzd_section_append_end(txn->db->section, size, records);
    return BLITZDB_OK;
}

/** Appends the changes as one record, or as a batch of several; `position_out` is behind it. */
static blitzdb_status append_records(struct bzd_txn *txn, uint64_t *position_out) {
    if (txn->db->section != NULL)
        return append_to_section(txn);
    struct bzd_log *log = &txn->core->log;
    uint32_t records;
    size_t size = measure_records(txn, &records);
    struct bzd_record bracket = {.type = BZD_RECORD_BATCH, .number = records};
    bool is_batch = records > 1;
    if (is_batch)
        size += bzd_record_size(&bracket);
    uint8_t *to;
    blitzdb_status status = bzd_log_append_begin(log, size, &to);
    if (status != BLITZDB_OK)
        return status;
    if (is_batch)
        to = bzd_record_encode(to, &bracket);
    encode_records(txn, to);
    *position_out = bzd_log_append_end(log, size, records + is_batch);
    return BLITZDB_OK;
}

blitzdb_status bzd_append_record(const blitzdb *db, const struct bzd_record *record, uint64_t *position_out) {
    struct bzd_core *core = db->core;
    struct bzd_section *section = db->section;
    uint8_t *to;
    size_t size = bzd_record_size(record);
    if (!core->logging)
        return BLITZDB_OK;
    blitzdb_status status = section != NULL ? bzd_section_append_begin(section, size, &to)
                                            : bzd_log_append_begin(&core->log, size, &to);
    if (status != BLITZDB_OK)
        return bzd_append_status(core, status);
    (void)bzd_record_encode(to, record);
    if (section != NULL) {
        bzd_section_append_end(section, size, 1);
        return BLITZDB_OK;
    }
    *position_out = bzd_log_append_end(&core->log, size, 1);
    return BLITZDB_OK;
}

/** Tells that a change takes the place of an expired entry, and that it makes a key. */
static void tell(struct bzd_txn *txn, const struct bzd_slot *slot) {
    bool is_new = slot->old_ref == 0;
    if (!is_new && !bzd_entry_is_live(bzd_entry_expire_at(slot->old_block), bzd_txn_now_ms(txn))) {
        bzd_tell_key(txn->core, slot->shard, slot->keyspace, slot->key, BLITZDB_KEY_EXPIRED);
        is_new = true;
    }
    if (is_new && slot->change == BZD_CHANGE_SET)
        bzd_tell_key(txn->core, slot->shard, slot->keyspace, slot->key, BLITZDB_KEY_CREATED);
}

/** Makes the changes visible; cannot fail. The tables are resized behind all of them: that may use reserved
 * room. */
static void publish(struct bzd_txn *txn) {
    for (size_t i = 0; i < txn->count; i++) {
        struct bzd_slot *slot = &txn->slots[i];
        if (slot->change == BZD_CHANGE_NONE)
            continue;
        if (bzd_tells_keys(slot->shard))
            tell(txn, slot);
        if (slot->change == BZD_CHANGE_DEL)
            bzd_shard_remove(slot->shard, slot->hash, slot->old_ref);
        else
            bzd_shard_put(slot->shard, slot->hash, slot->old_ref, slot->staged);
        slot->staged = 0;
        bzd_shard_count_write(slot->shard);
    }
    for (size_t i = 0; i < txn->count; i++)
        if (txn->slots[i].change != BZD_CHANGE_NONE)
            bzd_shard_maintain(txn->slots[i].shard);
}

static bool has_changes(const struct bzd_txn *txn) {
    for (size_t i = 0; i < txn->count; i++)
        if (txn->slots[i].change != BZD_CHANGE_NONE)
            return true;
    return false;
}

/** Waits, without locks, for what the durability of a commit or else of the handle asks. */
static blitzdb_status settle(const struct bzd_txn *txn, uint64_t position, unsigned durability) {
    if (position == 0)
        return BLITZDB_OK; /* nothing was logged */
    bool says = durability != BLITZDB_DURABILITY_DEFAULT;
    return bzd_settle(txn->core, position, says ? durability : txn->db->durability);
}

blitzdb_status bzd_txn_commit(struct bzd_txn *txn, unsigned durability) {
    struct bzd_core *core = txn->core;
    if (!has_changes(txn)) {
        bzd_txn_abort(txn);
        return BLITZDB_OK;
    }
    uint64_t position = 0;
    blitzdb_status status = reserve_room(txn);
    if (status == BLITZDB_OK && core->logging)
        status = bzd_append_status(core, append_records(txn, &position));
    if (status != BLITZDB_OK) {
        bzd_txn_abort(txn);
        return status;
    }
    publish(txn);
    txn->published = true;
    release(txn);
    return settle(txn, position, durability);
}

void bzd_txn_abort(struct bzd_txn *txn) {
    for (size_t i = 0; i < txn->count; i++)
        bzd_shard_drop_entry(txn->slots[i].shard, txn->slots[i].staged);
    release(txn);
}
