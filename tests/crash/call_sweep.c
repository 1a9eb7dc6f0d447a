/**
 * @file
 * @brief Fails every allocation of every public call, each call alone, in databases of several kinds.
 *
 * A call is made on a small database while its n-th allocation (or mapping) fails: once, once with what
 * failed made again, and for good. Then the status is right, the database shows what it showed before or what
 * the call was to bring about, it works, and closing it gives everything back.
 *
 * tests/crash/check_call_sweep.sh proves that no public function is missing here. Usage: call_sweep
 */
#include <blitzdb/check.h>

#include "../support/reading.h"
#include "../support/sweep.h"

/* Calls. Each gives back what it took, whatever happens, and answers the first status that is not OK. */

static blitzdb_status do_set(struct probe *probe) {
    return blitzdb_set(probe->db, "new", 3, "text", 4);
}

static blitzdb_status do_set_large(struct probe *probe) {
    static const char value[LARGE_SIZE];
    bool has_limit = probe->world->eviction != BLITZDB_EVICTION_NONE;
    return blitzdb_set(probe->db, "a", 1, value, has_limit ? LARGE_SIZE / 100 : LARGE_SIZE);
}

static blitzdb_status do_set_with(struct probe *probe) {
    void *old = NULL;
    size_t old_size = 0;
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = BLITZDB_IF_EQUAL;
    options.expected = OPERATION_EXPECTED;
    options.expected_size = strlen(OPERATION_EXPECTED);
    options.ttl_ms = 5000;
    options.old_value_out = &old;
    options.old_size_out = &old_size;
    blitzdb_status status = blitzdb_set_with(probe->db, "e", 1, "text", 4, &options);
    bool is_right = status == BLITZDB_OK
                        ? old_size == options.expected_size && memcmp(old, options.expected, old_size) == 0
                        : old == NULL && old_size == 0;
    blitzdb_free(probe->db, old);
    return is_right ? status : BLITZDB_CORRUPT;
}

static blitzdb_status do_set_past(struct probe *probe) {
    return blitzdb_set(probe->db, "past", 4, "text", 4);
}

static blitzdb_status do_del(struct probe *probe) {
    return blitzdb_del(probe->db, "a", 1);
}

static blitzdb_status do_increment(struct probe *probe) {
    int64_t result = 0;
    blitzdb_status status = blitzdb_increment(probe->db, "n", 1, 7, &result);
    return result == (status == BLITZDB_OK ? 14 : 0) ? status : BLITZDB_CORRUPT;
}

static blitzdb_status do_increment_past(struct probe *probe) {
    return blitzdb_increment(probe->db, "past", 4, 7, NULL);
}

static blitzdb_status do_increment_double(struct probe *probe) {
    double result = 0;
    blitzdb_status status = blitzdb_increment_double(probe->db, "d", 1, 1.75, &result);
    return (result > 3) == (status == BLITZDB_OK) ? status : BLITZDB_CORRUPT;
}

static blitzdb_status do_append(struct probe *probe) {
    size_t size = 0;
    blitzdb_status status = blitzdb_append(probe->db, "a", 1, "more", 4, &size);
    return size == (status == BLITZDB_OK ? 9 : 0) ? status : BLITZDB_CORRUPT;
}

static blitzdb_status do_expire(struct probe *probe) {
    return blitzdb_expire(probe->db, "a", 1, 5000);
}

static blitzdb_status do_expire_at(struct probe *probe) {
    return blitzdb_expire_at(probe->db, "a", 1, MEM_ENV_START_MS + 90000, BLITZDB_EXPIRE_IF_NONE);
}

static blitzdb_status do_persist(struct probe *probe) {
    return blitzdb_persist(probe->db, "expiring", 8);
}

static blitzdb_status do_flush_keyspace(struct probe *probe) {
    blitzdb *db;
    blitzdb_status status = blitzdb_with_durability(probe->db, BLITZDB_DURABILITY_ALWAYS, &db);
    return status == BLITZDB_OK ? blitzdb_flush_keyspace(db) : status;
}

static blitzdb_status do_flush_all(struct probe *probe) {
    return blitzdb_flush_all(probe->db);
}

static blitzdb_status do_swap_keyspaces(struct probe *probe) {
    return blitzdb_swap_keyspaces(probe->db, 0, 1);
}

static blitzdb_status do_snapshot(struct probe *probe) {
    blitzdb_error error = {0};
    blitzdb_status status = blitzdb_snapshot(probe->db, &error);
    return probe->world->path == NULL && status == BLITZDB_UNSUPPORTED ? BLITZDB_OK : status;
}

/** A copy that failed has left nothing that stands in the way of the next attempt. */
static blitzdb_status do_snapshot_to(struct probe *probe) {
    blitzdb_error error = {0};
    blitzdb_status status;
    do
        status = blitzdb_snapshot_to(probe->db, "copy", &error);
    while (again(probe, status));
    return status == BLITZDB_OK ? blitzdb_snapshot_cancel(probe->db) : status;
}

static blitzdb_status do_upkeep(struct probe *probe) {
    uint32_t next_ms = 0;
    blitzdb_status status;
    do
        status = blitzdb_pump(probe->db, &next_ms);
    while (again(probe, status));
    status = status == BLITZDB_OK ? blitzdb_set_snapshot_share(probe->db, 50) : status;
    status = status == BLITZDB_OK ? blitzdb_write_out(probe->db) : status;
    status = status == BLITZDB_OK ? blitzdb_sync(probe->db) : status;
    status = status == BLITZDB_OK ? blitzdb_watch_keys(probe->db, NULL, NULL) : status;
    return status == BLITZDB_OK ? blitzdb_set_memory_limit(probe->db, 0, BLITZDB_EVICTION_NONE) : status;
}

static blitzdb_status add_set(blitzdb_batch *batch) {
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.condition = BLITZDB_IF_EQUAL;
    options.expected = OPERATION_EXPECTED;
    options.expected_size = strlen(OPERATION_EXPECTED);
    return blitzdb_batch_set(batch, "e", 1, "text", 4, &options);
}

static blitzdb_status add_del(blitzdb_batch *batch) {
    return blitzdb_batch_del(batch, "d", 1);
}

static blitzdb_status add_increment(blitzdb_batch *batch) {
    return blitzdb_batch_increment(batch, "n", 1, 7);
}

static blitzdb_status add_append(blitzdb_batch *batch) {
    return blitzdb_batch_append(batch, "a", 1, "more", 4);
}

static blitzdb_status add_expiry(blitzdb_batch *batch) {
    return blitzdb_batch_expire_at(batch, "n", 1, MEM_ENV_START_MS + 90000);
}

static blitzdb_status add_checks(blitzdb_batch *batch) {
    return blitzdb_batch_check_present(batch, "a", 1);
}

static blitzdb_status add_absence(blitzdb_batch *batch) {
    return blitzdb_batch_check_absent(batch, "none", 4);
}

/** Enough for the batch and its list of keys to outgrow every first capacity. */
static blitzdb_status add_many(struct probe *probe, blitzdb_batch *batch) {
    blitzdb_status status = blitzdb_batch_select(batch, 2);
    for (uint64_t i = 0; status == BLITZDB_OK && i < 100; i++)
        do
            status = blitzdb_batch_set(batch, &i, sizeof(i), "a value", 7, NULL);
        while (again(probe, status));
    return status;
}

/** A batch of everything; what could not be added left no trace in it. */
static blitzdb_status do_batch(struct probe *probe) {
    static blitzdb_status (*const adds[])(blitzdb_batch *) = {
        add_del, add_absence, add_set, add_increment, add_append, add_expiry, add_checks};
    size_t failed_index = 0;
    blitzdb_batch *batch = NULL;
    blitzdb_status status;
    do
        status = blitzdb_batch_create(probe->db, &batch);
    while (again(probe, status));
    if (status != BLITZDB_OK)
        return batch == NULL ? status : BLITZDB_CORRUPT;
    (void)add_del(batch);
    blitzdb_batch_clear(batch);
    for (size_t i = 0; status == BLITZDB_OK && i < sizeof(adds) / sizeof(adds[0]); i++) {
        do
            status = adds[i](batch);
        while (again(probe, status));
        if (blitzdb_batch_count(batch) != i + (status == BLITZDB_OK))
            status = BLITZDB_CORRUPT;
    }
    if (status == BLITZDB_OK)
        status = add_many(probe, batch);
    if (status == BLITZDB_OK)
        do
            status = blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, &failed_index);
        while (again(probe, status));
    blitzdb_batch_destroy(batch);
    return status;
}

static blitzdb_status stage(struct probe *probe, blitzdb_txn *txn) {
    const void *value = NULL;
    size_t size = 0;
    int64_t expire_at_ms = 0;
    blitzdb_status status = blitzdb_txn_get(txn, 0, &value, &size, &expire_at_ms);
    if (status == BLITZDB_OK)
        do
            status = blitzdb_txn_set(txn, 2, value, size, 0);
        while (again(probe, status));
    if (status == BLITZDB_OK)
        status = blitzdb_txn_del(txn, 0);
    if (status == BLITZDB_OK)
        do
            status = blitzdb_txn_expire_at(txn, 1, MEM_ENV_START_MS + 90000);
        while (again(probe, status));
    return status;
}

/** Moves "a" to a new key and gives "n" an expiry; among many keys, so that lists are made for them. */
static blitzdb_status do_txn(struct probe *probe, bool commits) {
    static const char other_keys[70];
    blitzdb_key keys[70] = {{"a", 1, 0}, {"n", 1, 0}, {"new", 3, 0}};
    for (size_t i = 3; i < 70; i++)
        keys[i] = (blitzdb_key){other_keys, i, 4};
    blitzdb_txn *txn = NULL;
    blitzdb_status status;
    do
        status = blitzdb_txn_begin(probe->db, keys, 70, &txn);
    while (again(probe, status));
    if (status != BLITZDB_OK)
        return txn == NULL ? status : BLITZDB_CORRUPT;
    status = stage(probe, txn);
    if (status == BLITZDB_OK && commits)
        return blitzdb_txn_commit(txn, BLITZDB_DURABILITY_DEFAULT);
    blitzdb_txn_abort(txn);
    return status;
}

static blitzdb_status do_txn_commit(struct probe *probe) {
    return do_txn(probe, true);
}

static blitzdb_status do_txn_abort(struct probe *probe) {
    return do_txn(probe, false);
}

/** Begins a section over everything, if a key has not changed since it was watched. */
static blitzdb_status begin_watched(struct probe *probe, blitzdb_watch **watch_out,
                                    blitzdb_section **section_out) {
    blitzdb_watch *watch = NULL;
    blitzdb_status status;
    do
        status = blitzdb_watch_create(probe->db, "a", 1, &watch);
    while (again(probe, status));
    if (status != BLITZDB_OK)
        return watch == NULL ? status : BLITZDB_CORRUPT;
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    options.watches = &watch;
    options.watch_count = 1;
    options.whole = 1;
    do
        status = blitzdb_section_begin(probe->db, &options, section_out);
    while (again(probe, status));
    if (status != BLITZDB_OK)
        blitzdb_watch_destroy(watch);
    else
        *watch_out = watch;
    return status;
}

/** The transaction in a section: what a call has done there can always be logged. */
static blitzdb_status do_section(struct probe *probe) {
    blitzdb *outside = probe->db;
    blitzdb_section *section = NULL;
    blitzdb_watch *watch = NULL;
    blitzdb_status status = begin_watched(probe, &watch, &section);
    if (status != BLITZDB_OK)
        return section == NULL ? status : BLITZDB_CORRUPT;
    status = blitzdb_section_handle(section, 0, &probe->db);
    if (status == BLITZDB_OK)
        status = do_txn(probe, true);
    probe->db = outside;
    blitzdb_status ended = blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT);
    blitzdb_watch_destroy(watch);
    return ended == BLITZDB_OK ? status : BLITZDB_CORRUPT;
}

static void count_entry(void *user, const blitzdb_scan_entry *entry) {
    size_t *count = user;
    *count += entry->key_size > 0;
}

static blitzdb_status do_scan(struct probe *probe) {
    expect(probe, blitzdb_glob_match("[ade]", 5, "d", 1, 0), "compare with a pattern");
    uint64_t cursor = 0;
    size_t count = 0;
    blitzdb_status status;
    do
        status = blitzdb_scan(probe->db, &cursor, "[ade]", 5, 1, count_entry, &count);
    while (status == BLITZDB_OK && cursor != 0);
    return count == 3 ? status : BLITZDB_CORRUPT;
}

/** All reading calls, against the model. A failed step of the iterator is made again there. */
static blitzdb_status do_reads(struct probe *probe) {
    struct model model = {0};
    mem_env_disarm(probe->env);
    expect(probe, model_read_database(&model, probe->db), "read everything");
    mem_env_rearm(probe->env);
    struct reading reading = {probe->db, &model, mem_env_now_ms(probe->env), true, BLITZDB_OK};
    const char *wrong = NULL;
    static const blitzdb_key keys[] = {{"a", 1, 0}, {"expiring", 8, 0}, {"none", 4, 0}, {"past", 4, 0}};
    for (size_t i = 0; wrong == NULL && i < sizeof(keys) / sizeof(keys[0]); i++)
        wrong = reading_check_key(&reading, &keys[i]);
    wrong = wrong == NULL ? reading_check_database(&reading) : wrong;
    model_deinit(&model);
    if (wrong != NULL)
        violation(probe, wrong, reading.status);
    return BLITZDB_OK;
}

/** What must not ask for memory at all. */
static blitzdb_status do_frugal(struct probe *probe) {
    uint64_t before = mem_env_calls(probe->env, MEM_CALL_ANY_MEMORY);
    bool is_right = blitzdb_log_position(probe->db) >= blitzdb_durable_position(probe->db) &&
                    strcmp(blitzdb_status_name(BLITZDB_OK), blitzdb_status_text(BLITZDB_OK)) != 0 &&
                    blitzdb_version()[0] != '\0' && blitzdb_version_number() == BLITZDB_VERSION_NUMBER &&
                    blitzdb_env_default() != NULL;
    return is_right && mem_env_calls(probe->env, MEM_CALL_ANY_MEMORY) == before ? BLITZDB_OK
                                                                                : BLITZDB_CORRUPT;
}

/** Opens a second database beside the first. */
static blitzdb_status do_open(struct probe *probe) {
    blitzdb *second = NULL;
    blitzdb_status status;
    do
        status = open_database(probe, probe->world->path == NULL ? NULL : "second", &second);
    while (again(probe, status));
    if (status != BLITZDB_OK)
        return second == NULL ? status : BLITZDB_CORRUPT;
    return blitzdb_close(second) == BLITZDB_OK ? BLITZDB_OK : BLITZDB_CORRUPT;
}

static int see_entry(void *caller, const char *name) {
    (void)caller;
    (void)name;
    return 0;
}

/** Makes a closed database beside the first, once, with a snapshot and a log behind it. No call of it fails.
 */
static void make_closed(struct probe *probe) {
    const blitzdb_env *env = mem_env_table(probe->env);
    blitzdb *closed = NULL;
    if (env->list_dir(env->user, "closed", see_entry, NULL) == 0)
        return;
    mem_env_disarm(probe->env);
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = env;
    options.shard_count = 2;
    expect(probe, blitzdb_open("closed", &options, &closed), "open another");
    expect(probe, blitzdb_set(closed, "a", 1, "first", 5), "set");
    expect(probe, blitzdb_snapshot(closed, NULL), "snapshot");
    expect(probe, blitzdb_set(closed, "b", 1, "second", 6), "set");
    expect(probe, blitzdb_close(closed), "close another");
    mem_env_rearm(probe->env);
}

static blitzdb_check_options check_options(const struct probe *probe) {
    blitzdb_check_options options = BLITZDB_CHECK_OPTIONS_INIT;
    options.env = mem_env_table(probe->env);
    return options;
}

/** Checks a sound database. */
static blitzdb_status do_verify(struct probe *probe) {
    make_closed(probe);
    blitzdb_check_options options = check_options(probe);
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    blitzdb_status status;
    do
        status = blitzdb_verify("closed", &options, &result);
    while (again(probe, status));
    if (status == BLITZDB_OK && result.damages + result.notes > 0)
        return BLITZDB_CORRUPT;
    return status;
}

/** Saves what is sound, which is all, and opens it. */
static blitzdb_status do_salvage(struct probe *probe) {
    make_closed(probe);
    blitzdb_check_options options = check_options(probe);
    blitzdb_check_result result = BLITZDB_CHECK_RESULT_INIT;
    blitzdb *saved = NULL;
    blitzdb_status status;
    do
        status = blitzdb_salvage("closed", "saved", &options, &result);
    while (again(probe, status));
    if (status != BLITZDB_OK)
        return status;
    mem_env_disarm(probe->env);
    expect(probe, open_database(probe, "saved", &saved), "open what was saved");
    bool is_whole = result.keys == 2 && blitzdb_exists(saved, "a", 1) == BLITZDB_OK &&
                    blitzdb_exists(saved, "b", 1) == BLITZDB_OK;
    expect(probe, blitzdb_close(saved), "close what was saved");
    return is_whole ? BLITZDB_OK : BLITZDB_CORRUPT;
}

struct call {
    const char *name;
    blitzdb_status (*run)(struct probe *probe);
};

static const struct call calls[] = {
    {"open", do_open},
    {"set", do_set},
    {"set of a large value", do_set_large},
    {"set_with", do_set_with},
    {"set of an expired key", do_set_past},
    {"del", do_del},
    {"increment", do_increment},
    {"increment of an expired key", do_increment_past},
    {"increment_double", do_increment_double},
    {"append", do_append},
    {"expire", do_expire},
    {"expire_at", do_expire_at},
    {"persist", do_persist},
    {"flush_keyspace", do_flush_keyspace},
    {"flush_all", do_flush_all},
    {"swap_keyspaces", do_swap_keyspaces},
    {"snapshot", do_snapshot},
    {"snapshot_to", do_snapshot_to},
    {"upkeep", do_upkeep},
    {"batch", do_batch},
    {"txn", do_txn_commit},
    {"aborted txn", do_txn_abort},
    {"section", do_section},
    {"verify", do_verify},
    {"salvage", do_salvage},
    {"scan", do_scan},
    {"reads", do_reads},
    {"calls without memory", do_frugal},
};

/* Sweeps */

/** Makes the call with the fault; answers whether it came to that allocation at all. */
static bool run_call(struct probe *probe, const struct call *call, const struct model *before,
                     const struct model *after) {
    struct mem_env_fault fault = {
        .call = MEM_CALL_ANY_MEMORY, .nth = probe->nth, .for_good = probe->manner == FOR_GOOD};
    open_probe(probe);
    mem_env_fail(probe->env, &fault);
    blitzdb_status status;
    do
        status = call->run(probe);
    while (again(probe, status));
    if (probe->manner == FOR_GOOD)
        (void)do_reads(probe);
    mem_env_disarm(probe->env);
    bool has_fired = mem_env_faults(probe->env) > 0;
    bool may_refuse = has_fired && probe->manner != ONCE_AND_AGAIN;
    if (status != BLITZDB_OK && (status != BLITZDB_NO_MEMORY || !may_refuse))
        violation(probe, "wrong status", status);
    if (!shows(probe, status == BLITZDB_OK ? after : before))
        violation(probe, "not what the status says", status);
    if (status != BLITZDB_OK && (status = call->run(probe)) != BLITZDB_OK)
        violation(probe, "the second try fails", status);
    if (!shows(probe, after))
        violation(probe, "the second try does something else", status);
    check_usable(probe);
    check_reopened(probe);
    close_probe(probe);
    mem_env_destroy(probe->env);
    return has_fired;
}

/** Sweeps one call, beginning with how the database looks before it and after it. */
static void sweep_call(const struct world *world, const struct call *call) {
    struct probe probe = {.world = world, .call = call->name};
    struct model before = {0};
    struct model after = {0};
    open_probe(&probe);
    expect(&probe, model_read_database(&before, probe.db), "read everything");
    expect(&probe, call->run(&probe), "the call without a fault");
    expect(&probe, model_read_database(&after, probe.db), "read everything");
    close_probe(&probe);
    mem_env_destroy(probe.env);
    for (unsigned manner = 0; manner < MANNERS; manner++) {
        probe.manner = (enum manner)manner;
        for (probe.nth = 1; run_call(&probe, call, &before, &after); probe.nth++)
            totals.points++;
    }
    model_deinit(&before);
    model_deinit(&after);
}

int main(void) {
    for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
        uint64_t points = totals.points;
        for (size_t k = 0; k < sizeof(calls) / sizeof(calls[0]); k++)
            sweep_call(&worlds[i], &calls[k]);
        (void)printf("%s: %" PRIu64 " allocations failed\n", worlds[i].name, totals.points - points);
    }
    (void)printf("%" PRIu64 " violations\n", totals.violations);
    return totals.violations == 0 && totals.points > 0 ? 0 : 1;
}
