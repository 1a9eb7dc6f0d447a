/**
 * @file
 * @brief What the sweeps over allocations share: databases of several kinds, a fault in one of them, and the
 * checks afterwards.
 *
 * A probe is a small database on a simulated environment in which one allocation is to fail. The helpers are
 * inline, because no program uses all of them. One thread.
 */
#ifndef BLITZDB_TESTS_SWEEP_H
#define BLITZDB_TESTS_SWEEP_H

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem_env.h"
#include "operation.h"

/** Violations printed in full. */
#define REPORTS_MAX 20
/** Keys that may be evicted: they have an expiry, and a keyspace of their own. */
#define FODDER 120
#define FODDER_KEYSPACE 9
/** A value with a mapping of its own. */
#define LARGE_SIZE ((size_t)700 * 1000)

/** A kind of database. */
struct world {
    const char *name;
    const char *path;
    uint32_t flags;
    uint32_t eviction;
};

static const struct world worlds[] = {
    {"in memory", NULL, 0, BLITZDB_EVICTION_NONE},
    {"with a log", "db", 0, BLITZDB_EVICTION_NONE},
    {"without a log", "db", BLITZDB_OPEN_NO_LOG, BLITZDB_EVICTION_NONE},
    {"evicting in memory", NULL, 0, BLITZDB_EVICTION_VOLATILE_RANDOM},
    {"evicting with a log", "db", 0, BLITZDB_EVICTION_VOLATILE_TTL},
};

/** How the fault behaves. */
enum manner { ONCE, ONCE_AND_AGAIN, FOR_GOOD, MANNERS };

/** One run: a database, and a call that is to fail. */
struct probe {
    const struct world *world;
    const char *call;
    enum manner manner;
    uint64_t nth;
    struct mem_env *env;
    blitzdb *db;
    unsigned retries;
};

static struct {
    uint64_t points;
    uint64_t violations;
} totals;

static inline void violation(const struct probe *probe, const char *what, blitzdb_status status) {
    static const char *const manners[] = {"once", "once, then again", "for good"};
    if (totals.violations++ < REPORTS_MAX)
        (void)fprintf(stderr, "%s %s: allocation %" PRIu64 " fails %s: %s (%s)\n", probe->call,
                      probe->world->name, probe->nth, manners[probe->manner], what,
                      blitzdb_status_name(status));
}

/** Whether a step of a sequence failed and is to be made again. */
static inline bool again(struct probe *probe, blitzdb_status status) {
    return status == BLITZDB_NO_MEMORY && probe->manner == ONCE_AND_AGAIN && probe->retries++ == 0;
}

/* Databases */

static inline blitzdb_status open_database(const struct probe *probe, const char *path, blitzdb **db_out) {
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.flags = probe->world->flags;
    options.shard_count = 2;
    options.log_segment_bytes = 1 << 20;
    options.env = mem_env_table(probe->env);
    return blitzdb_open(path, &options, db_out);
}

/** What must not fail, because no fault is armed. */
static inline void expect(const struct probe *probe, blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK) {
        (void)fprintf(stderr, "%s %s: %s: %s\n", probe->call, probe->world->name, what,
                      blitzdb_status_name(status));
        exit(1);
    }
}

/** Fills the database up to its limit with what may be evicted. */
static inline void set_limit(struct probe *probe) {
    blitzdb *fodder = NULL;
    blitzdb_stats_info stats = BLITZDB_STATS_INFO_INIT;
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    char value[200] = {0};
    expect(probe, blitzdb_keyspace(probe->db, FODDER_KEYSPACE, &fodder), "keyspace");
    options.ttl_ms = 1000;
    for (unsigned i = 0; i < FODDER; i++) {
        options.ttl_ms++;
        expect(probe, blitzdb_set_with(fodder, &i, sizeof(i), value, sizeof(value), &options), "fodder");
    }
    expect(probe, blitzdb_stats(probe->db, &stats), "stats");
    uint64_t limit = stats.entry_bytes + stats.table_bytes;
    expect(probe, blitzdb_set_memory_limit(probe->db, limit, probe->world->eviction), "limit");
}

/** A database with values of all kinds; "past" is expired and was not reclaimed yet. */
static inline void open_probe(struct probe *probe) {
    probe->env = mem_env_create(1);
    probe->retries = 0;
    expect(probe, open_database(probe, probe->world->path, &probe->db), "open");
    static const char *const texts[][2] = {
        {"a", "first"}, {"e", OPERATION_EXPECTED}, {"n", "7"}, {"d", "1.5"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect(probe, blitzdb_set(probe->db, texts[i][0], 1, texts[i][1], strlen(texts[i][1])), "set");
    struct operation operations[] = {
        operation_single(STEP_SET, 0, "past", "gone"),
        operation_single(STEP_SET, 0, "expiring", "text"),
        operation_single(STEP_SET, 1, "a", "other"),
    };
    operations[0].steps[0].number = 5;
    operations[1].steps[0].number = 60000;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        expect(probe, operation_run(probe->db, &operations[i]), "set");
    mem_env_advance_ms(probe->env, 10);
    if (probe->world->eviction != BLITZDB_EVICTION_NONE)
        set_limit(probe);
}

static inline void close_probe(struct probe *probe) {
    blitzdb_status status = blitzdb_close(probe->db);
    if (status != BLITZDB_OK)
        violation(probe, "close fails", status);
    if (mem_env_live_memory(probe->env) != 0 || mem_env_open_files(probe->env) != 0)
        violation(probe, "memory or a file leaks", BLITZDB_OK);
}

/** Whether the database shows the model. Where it evicts, the fodder does not count, and whatever expires may
 * be gone. */
static inline bool shows(const struct probe *probe, const struct model *expected) {
    struct model found = {0};
    struct model left = {0};
    int64_t now_ms = mem_env_now_ms(probe->env);
    expect(probe, model_read_database(&found, probe->db), "read everything");
    model_copy(&left, expected);
    if (probe->world->eviction != BLITZDB_EVICTION_NONE) {
        model_flush_keyspace(&found, FODDER_KEYSPACE);
        model_flush_keyspace(&left, FODDER_KEYSPACE);
        for (size_t i = 0; i < expected->count; i++) {
            const struct model_entry *entry = &expected->entries[i];
            blitzdb_key key = {entry->key, entry->key_size, entry->keyspace};
            if (entry->expire_at_ms != 0 && model_find(&found, &key, now_ms) == NULL)
                (void)model_del(&left, &key);
        }
    }
    bool is_equal = model_equal(&found, &left, now_ms);
    model_deinit(&found);
    model_deinit(&left);
    return is_equal;
}

/** The database takes and shows a new key, and loses it again. */
static inline void check_usable(struct probe *probe) {
    char text[8];
    size_t size = 0;
    blitzdb_status status = blitzdb_set(probe->db, "usable", 6, "yes", 3);
    if (status == BLITZDB_OK)
        status = blitzdb_get(probe->db, "usable", 6, text, sizeof(text), &size);
    if (status == BLITZDB_OK)
        status = blitzdb_del(probe->db, "usable", 6);
    if (status != BLITZDB_OK)
        violation(probe, "the database does not work afterwards", status);
}

/** What was shown before closing is there after opening, where that was promised. */
static inline void check_reopened(struct probe *probe) {
    struct model shown = {0};
    if (probe->world->path != NULL && probe->world->flags == 0) {
        expect(probe, model_read_database(&shown, probe->db), "read everything");
        close_probe(probe);
        expect(probe, open_database(probe, probe->world->path, &probe->db), "open again");
        if (!shows(probe, &shown))
            violation(probe, "something else is there after opening again", BLITZDB_OK);
    }
    model_deinit(&shown);
}

#endif
