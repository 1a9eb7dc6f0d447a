/**
 * @file
 * @brief A section: many calls of one thread that all others see as one.
 *
 *     begin: lock the shards of all keys --> calls through the section's handles --> end: one log record,
 *                                            find their shards locked already,         unlock, settle
 *                                            change them at once, collect their records
 *
 * A handle whose `section` is not NULL belongs to a section. The calls ask for it where they would lock, read
 * the clock, make room or log; everything else is the same code as outside. What they change is in the tables
 * at once, so that the calls behind them see it; nobody else can look before the locks are given back. The
 * records are collected in the section and go to the log as one batch at its end, before the locks go.
 *
 * One thread, from begin to end. It holds the locks of `shards`, all of them if `whole`.
 */
#ifndef BZD_SECTION_H
#define BZD_SECTION_H

#include "db.h"

struct bzd_section {
    struct bzd_core *core;
    struct blitzdb handles[BLITZDB_KEYSPACES];
    unsigned durability; /**< of the handle it was begun with */
    unsigned kind;       /**< ::blitzdb_section_kind */
    bool whole;          /**< every shard is locked */
    bool may_grow;       /**< there was room at begin, or it can be made behind the end */
    int64_t now_ms;      /**< the moment at which all of its calls take place */
    struct bzd_shard_set shards;
    struct bzd_buffer records; /**< encoded one behind the other */
    uint32_t record_count;
    bool is_lost;    /**< the log has failed since the first of them */
    size_t promised; /**< bytes that the log keeps free for them; 0: nothing was logged */
};

/** The moment at which a call through this handle takes place. */
static inline int64_t bzd_clock_ms(const blitzdb *db) {
    return db->section == NULL ? bzd_now_ms(db->core) : db->section->now_ms;
}

static inline bool bzd_section_has_shard(const struct bzd_section *section, uint32_t index) {
    return (section->shards.words[index / 64] >> (index % 64) & 1) != 0;
}

/** True if the section has locked all of these shards. */
bool bzd_section_has_shards(const struct bzd_section *section, const struct bzd_shard_set *shards);

/** True if a call through this handle may look at, or with `writes` change, any key of the database. */
static inline bool bzd_may_use_all(const blitzdb *db, bool writes) {
    const struct bzd_section *section = db->section;
    return section == NULL || (section->whole && !(writes && section->kind == BLITZDB_SECTION_READS));
}

/** As bzd_enter(), for calls that a section has no place for: they wait for the disk or for all locks. */
static inline blitzdb_status bzd_enter_outside(const blitzdb *db) {
    blitzdb_status status = bzd_enter(db);
    return status == BLITZDB_OK && db->section != NULL ? BLITZDB_INVALID : status;
}

/** The door of a write in a section: INVALID if it may not write, MEMORY_LIMIT. */
blitzdb_status bzd_section_admit(const struct bzd_section *section, size_t growth);

/** Opens the section's records for `size` more bytes. TOO_LARGE, NO_MEMORY, LOG_FAILED: nothing was changed.
 */
blitzdb_status bzd_section_append_begin(struct bzd_section *section, size_t size, uint8_t **to_out);
/** Ends it; `count` records were written. */
void bzd_section_append_end(struct bzd_section *section, size_t size, uint32_t count);

/** Appends all of it to the log as one record; `position_out` is behind it, or stays as it was. The locks are
 * held. LOG_FAILED: the log has failed since the section began. */
blitzdb_status bzd_section_log(struct bzd_section *section, uint64_t *position_out);

#endif
