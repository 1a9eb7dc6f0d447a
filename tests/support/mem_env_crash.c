#include "mem_env_internal.h"

/* The operations that the classes ask for */

static bool any(const struct mem_op *op) {
    (void)op;
    return true;
}

static bool is_content(const struct mem_op *op) {
    return !mem_op_is_name(op);
}

static bool is_rename(const struct mem_op *op) {
    return op->kind == MEM_OP_RENAME;
}

static size_t count_ops(const struct mem_env *env, bool (*matches)(const struct mem_op *)) {
    size_t count = 0;
    for (size_t i = 0; i < env->journal_count; i++)
        count += matches(&env->journal[i]);
    return count;
}

/** The last write, or NULL. */
static const struct mem_op *last_write(const struct mem_env *env) {
    for (size_t i = env->journal_count; i > 0; i--)
        if (env->journal[i - 1].kind == MEM_OP_WRITE)
            return &env->journal[i - 1];
    return NULL;
}

/** Where a write can be cut: the sector boundaries inside it, or its middle if there is none. */
static uint64_t count_cuts(const struct mem_op *op) {
    if (op == NULL || op->size < 2)
        return 0;
    uint64_t inside = (op->offset + op->size - 1) / MEM_SECTOR - op->offset / MEM_SECTOR;
    return inside > 0 ? inside : 1;
}

static size_t cut_at(const struct mem_op *op, uint64_t index) {
    uint64_t boundary = (op->offset / MEM_SECTOR + 1 + index) * MEM_SECTOR;
    return boundary < op->offset + op->size ? (size_t)(boundary - op->offset) : op->size / 2;
}

/** Whether a power failure can leave the file with more bytes than were written to disk. */
static bool may_grow(const struct mem_node *node) {
    return node->live.size > node->durable.size;
}

static size_t count_growing(const struct mem_env *env) {
    size_t count = 0;
    for (size_t i = 0; i < env->node_count; i++)
        count += may_grow(&env->nodes[i]);
    return count;
}

static uint64_t count_images(const struct mem_env *env, enum mem_env_damage damage) {
    size_t pending = env->journal_count;
    size_t contents = count_ops(env, is_content);
    bool is_mixed = contents > 0 && contents < pending;
    switch (damage) {
    case MEM_DAMAGE_DROPPED:
        return 1;
    case MEM_DAMAGE_APPLIED:
        return pending > 0;
    case MEM_DAMAGE_PREFIX:
        return pending > 1 ? pending - 1 : 0;
    case MEM_DAMAGE_ONE_MISSING:
    case MEM_DAMAGE_ONE_ALONE:
        return pending > 1 ? pending : 0;
    case MEM_DAMAGE_TORN:
        return 3 * count_cuts(last_write(env));
    case MEM_DAMAGE_SIZE_ONLY:
        return count_growing(env);
    case MEM_DAMAGE_NAMES_ONLY:
        return is_mixed ? 1 + count_ops(env, is_rename) : 0;
    case MEM_DAMAGE_CONTENTS_ONLY:
        return is_mixed;
    case MEM_DAMAGE_RANDOM:
        return pending > 1 ? MEM_DAMAGE_RANDOM_IMAGES : 0;
    default:
        return 0;
    }
}

/* Plans */

static void choose(const struct mem_env *env, struct mem_plan *plan, bool (*matches)(const struct mem_op *),
                   enum mem_fate fate) {
    for (size_t i = 0; i < env->journal_count; i++)
        if (matches(&env->journal[i]))
            plan->fates[i] = fate;
}

static void drop_contents(const struct mem_env *env, struct mem_plan *plan, size_t node) {
    for (size_t i = 0; i < env->journal_count; i++)
        if (is_content(&env->journal[i]) && env->journal[i].node == node)
            plan->fates[i] = MEM_FATE_DROPPED;
}

static void plan_torn(const struct mem_env *env, struct mem_plan *plan, uint64_t index) {
    choose(env, plan, any, MEM_FATE_APPLIED);
    const struct mem_op *op = last_write(env);
    if (op == NULL)
        return;
    plan->cut = cut_at(op, index / 3);
    plan->fates[op - env->journal] = index % 3 == 1 ? MEM_FATE_SUFFIX : MEM_FATE_PREFIX;
    plan->grows[op->node] = index % 3 == 2;
}

static void plan_size_only(const struct mem_env *env, struct mem_plan *plan, uint64_t index) {
    choose(env, plan, any, MEM_FATE_APPLIED);
    for (size_t i = 0; i < env->node_count; i++) {
        if (may_grow(&env->nodes[i]) && index-- == 0) {
            drop_contents(env, plan, i);
            plan->grows[i] = true;
            return;
        }
    }
}

static void plan_names_only(const struct mem_env *env, struct mem_plan *plan, uint64_t index) {
    choose(env, plan, any, MEM_FATE_APPLIED);
    if (index == 0) {
        choose(env, plan, is_content, MEM_FATE_DROPPED);
        return;
    }
    for (size_t i = 0; i < env->journal_count; i++) {
        if (is_rename(&env->journal[i]) && --index == 0) {
            drop_contents(env, plan, env->journal[i].node);
            return;
        }
    }
}

static void plan_random(const struct mem_env *env, struct mem_plan *plan) {
    uint64_t kept_of_four = 1 + rng_below(&plan->rng, 3);
    for (size_t i = 0; i < env->journal_count; i++) {
        if (rng_below(&plan->rng, 4) < kept_of_four) {
            bool is_torn = env->journal[i].kind == MEM_OP_WRITE && rng_below(&plan->rng, 4) == 0;
            plan->fates[i] = is_torn ? MEM_FATE_SECTORS : MEM_FATE_APPLIED;
        }
    }
    for (size_t i = 0; i < env->node_count; i++)
        plan->grows[i] = may_grow(&env->nodes[i]) && rng_below(&plan->rng, 4) == 0;
}

void mem_plan_make(const struct mem_env *env, enum mem_env_damage damage, uint64_t index,
                   struct mem_plan *plan) {
    switch (damage) {
    case MEM_DAMAGE_APPLIED:
        choose(env, plan, any, MEM_FATE_APPLIED);
        break;
    case MEM_DAMAGE_PREFIX:
        for (size_t i = 0; i <= index && i < env->journal_count; i++)
            plan->fates[i] = MEM_FATE_APPLIED;
        break;
    case MEM_DAMAGE_ONE_MISSING:
        choose(env, plan, any, MEM_FATE_APPLIED);
        plan->fates[index % (env->journal_count + 1)] = MEM_FATE_DROPPED;
        break;
    case MEM_DAMAGE_ONE_ALONE:
        plan->fates[index % (env->journal_count + 1)] = MEM_FATE_APPLIED;
        break;
    case MEM_DAMAGE_TORN:
        plan_torn(env, plan, index);
        break;
    case MEM_DAMAGE_SIZE_ONLY:
        plan_size_only(env, plan, index);
        break;
    case MEM_DAMAGE_NAMES_ONLY:
        plan_names_only(env, plan, index);
        break;
    case MEM_DAMAGE_CONTENTS_ONLY:
        choose(env, plan, is_content, MEM_FATE_APPLIED);
        break;
    case MEM_DAMAGE_RANDOM:
        plan_random(env, plan);
        break;
    default:
        break;
    }
}

uint64_t mem_env_crash_count(struct mem_env *env, enum mem_env_damage damage) {
    pthread_mutex_lock(&env->mutex);
    uint64_t count = count_images(env, damage);
    pthread_mutex_unlock(&env->mutex);
    return count;
}

const char *mem_env_damage_name(enum mem_env_damage damage) {
    static const char *const names[] = {"dropped", "applied",   "prefix",     "one missing",   "one alone",
                                        "torn",    "size only", "names only", "contents only", "random"};
    return (size_t)damage < sizeof(names) / sizeof(names[0]) ? names[damage] : "unknown";
}
