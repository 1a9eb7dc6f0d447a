/**
 * @file
 * @brief Fails every allocation while a database grows and shrinks.
 *
 * Keys of many sizes are set, most of them are deleted, and one allocation or mapping on the way fails: once,
 * once with what failed made again, and for good. A key is there or not as the status of its call said, the
 * database works afterwards, and closing it gives everything back. This reaches the growth of the tables, the
 * runs and regions of the arenas, evictions and the buffers of the log. Usage: growth_sweep
 */
#include "../support/sweep.h"

/** Keys of a growing database. */
#define GROWTH_KEYS 1200

static bool evicts(const struct probe *probe) {
    return probe->world->eviction != BLITZDB_EVICTION_NONE;
}

/** Size of a value: mostly small, sometimes a run of spans, rarely a mapping of its own; below the limit. */
static size_t size_of(const struct probe *probe, unsigned number) {
    if (number % 20 != 19)
        return number % 100;
    if (evicts(probe))
        return 500 + number;
    return number % 400 == 399 ? LARGE_SIZE : 40000 + number;
}

/** Sets a key; where the database evicts, the key has an expiry and may go. */
static blitzdb_status set_key(struct probe *probe, struct model *model, unsigned number) {
    static const char value[LARGE_SIZE];
    blitzdb_key key = {&number, sizeof(number), 0};
    blitzdb_set_options options = BLITZDB_SET_OPTIONS_INIT;
    options.expire_at_ms = evicts(probe) ? MEM_ENV_START_MS + 100000 : 0;
    size_t size = size_of(probe, number);
    blitzdb_status status;
    do
        status = blitzdb_set_with(probe->db, key.data, key.size, value, size, &options);
    while (again(probe, status));
    if (status == BLITZDB_OK)
        model_set(model, &key, value, size, options.expire_at_ms);
    return status;
}

static blitzdb_status del_key(struct probe *probe, struct model *model, unsigned number) {
    blitzdb_key key = {&number, sizeof(number), 0};
    blitzdb_status status;
    do
        status = blitzdb_del(probe->db, key.data, key.size);
    while (again(probe, status));
    bool was_there = model_find(model, &key, 1) != NULL;
    if (status == BLITZDB_OK)
        (void)model_del(model, &key);
    bool is_gone = status == BLITZDB_NOT_FOUND && (!was_there || evicts(probe));
    return is_gone ? BLITZDB_OK : status;
}

/** Looks at what one call answered. */
static void check_status(struct probe *probe, blitzdb_status status, bool is_deletion) {
    bool may_refuse = mem_env_faults(probe->env) > 0 && probe->manner != ONCE_AND_AGAIN;
    /* Without a log a deletion takes nothing: there is a way out of a full memory. */
    if (is_deletion && probe->world->path == NULL)
        may_refuse = false;
    if (status != BLITZDB_OK && (status != BLITZDB_NO_MEMORY || !may_refuse))
        violation(probe, is_deletion ? "wrong status of a deletion" : "wrong status of a set", status);
}

/** Grows and shrinks a database while the n-th allocation fails; answers whether it came to it. */
static bool run_growth(struct probe *probe) {
    struct mem_env_fault fault = {
        .call = MEM_CALL_ANY_MEMORY, .nth = probe->nth, .for_good = probe->manner == FOR_GOOD};
    struct model model = {0};
    open_probe(probe);
    expect(probe, model_read_database(&model, probe->db), "read everything");
    mem_env_fail(probe->env, &fault);
    for (unsigned number = 0; number < GROWTH_KEYS; number++)
        check_status(probe, set_key(probe, &model, number), false);
    for (unsigned number = 0; number < GROWTH_KEYS; number += number % 16 == 0 ? 2 : 1)
        check_status(probe, del_key(probe, &model, number), true);
    mem_env_disarm(probe->env);
    bool has_fired = mem_env_faults(probe->env) > 0;
    if (!shows(probe, &model))
        violation(probe, "not what the statuses say", BLITZDB_OK);
    check_usable(probe);
    check_reopened(probe);
    close_probe(probe);
    model_deinit(&model);
    mem_env_destroy(probe->env);
    return has_fired;
}

static void sweep_growth(const struct world *world) {
    struct probe probe = {.world = world, .call = "growth"};
    for (unsigned manner = 0; manner < MANNERS; manner++) {
        probe.manner = (enum manner)manner;
        for (probe.nth = 1; run_growth(&probe); probe.nth++)
            totals.points++;
    }
}

int main(void) {
    for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
        uint64_t points = totals.points;
        sweep_growth(&worlds[i]);
        (void)printf("%s: %" PRIu64 " allocations failed\n", worlds[i].name, totals.points - points);
    }
    (void)printf("%" PRIu64 " violations\n", totals.violations);
    return totals.violations == 0 && totals.points > 0 ? 0 : 1;
}
