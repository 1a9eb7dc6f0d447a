#include "mem_env_internal.h"

#include <stdlib.h>
#include <string.h>

#include <inttypes.h>

static void write_sectors(struct mem_bytes *bytes, const struct mem_op *op, struct rng *rng) {
    size_t begin = 0;
    while (begin < op->size) {
        uint64_t boundary = ((op->offset + begin) / MEM_SECTOR + 1) * MEM_SECTOR;
        size_t end = boundary < op->offset + op->size ? (size_t)(boundary - op->offset) : op->size;
        if (rng_below(rng, 2) == 0)
            mem_bytes_write(bytes, op->data + begin, end - begin, op->offset + begin);
        begin = end;
    }
}

static void apply_content(struct mem_bytes *bytes, const struct mem_op *op, enum mem_fate fate,
                          struct mem_plan *plan) {
    if (fate == MEM_FATE_DROPPED)
        return;
    if (op->kind == MEM_OP_TRUNCATE)
        mem_bytes_resize(bytes, (size_t)op->offset);
    else if (fate == MEM_FATE_PREFIX)
        mem_bytes_write(bytes, op->data, plan->cut, op->offset);
    else if (fate == MEM_FATE_SUFFIX)
        mem_bytes_write(bytes, op->data + plan->cut, op->size - plan->cut, op->offset + plan->cut);
    else if (fate == MEM_FATE_SECTORS)
        write_sectors(bytes, op, &plan->rng);
    else
        mem_bytes_write(bytes, op->data, op->size, op->offset);
}

static void copy_bytes(struct mem_bytes *to, const struct mem_bytes *from) {
    mem_bytes_write(to, from->data, from->size, 0);
}

static void copy_names(struct mem_names *to, const struct mem_names *from) {
    for (size_t i = 0; i < from->count; i++)
        mem_names_set(to, from->items[i].dir, from->items[i].text, from->items[i].node);
}

static bool has_name(const struct mem_names *names, size_t node) {
    bool is_found = node == MEM_ROOT;
    for (size_t i = 0; !is_found && i < names->count; i++)
        is_found = names->items[i].node == node;
    return is_found;
}

/** Drops the names in directories that were lost themselves. */
static void prune_names(struct mem_names *names) {
    size_t i = 0;
    while (i < names->count) {
        if (has_name(names, names->items[i].dir)) {
            i++;
        } else {
            names->items[i] = names->items[--names->count];
            i = 0; /* what this name held may have been looked at already */
        }
    }
}

static void build_names(const struct mem_env *env, const struct mem_plan *plan, struct mem_env *image) {
    copy_names(&image->durable, &env->durable);
    for (size_t i = 0; i < env->journal_count; i++)
        if (mem_op_is_name(&env->journal[i]) && plan->fates[i] != MEM_FATE_DROPPED)
            mem_op_apply_name(&env->journal[i], &image->durable);
    prune_names(&image->durable);
    copy_names(&image->live, &image->durable);
}

static void build_contents(const struct mem_env *env, struct mem_plan *plan, struct mem_env *image) {
    for (size_t i = 1; i < env->node_count; i++) {
        (void)mem_node_add(image, env->nodes[i].is_dir);
        if (has_name(&image->durable, i))
            copy_bytes(&image->nodes[i].durable, &env->nodes[i].durable);
    }
    for (size_t i = 0; i < env->journal_count; i++) {
        const struct mem_op *op = &env->journal[i];
        if (!mem_op_is_name(op) && has_name(&image->durable, op->node))
            apply_content(&image->nodes[op->node].durable, op, plan->fates[i], plan);
    }
    for (size_t i = 1; i < env->node_count; i++) {
        struct mem_node *node = &image->nodes[i];
        if (plan->grows[i] && has_name(&image->durable, i) && env->nodes[i].live.size > node->durable.size)
            mem_bytes_resize(&node->durable, env->nodes[i].live.size);
        copy_bytes(&node->live, &node->durable);
    }
}

struct mem_env *mem_env_kill(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    struct mem_env *copy = mem_env_create(env->rng.state + 1);
    copy->now_ms = env->now_ms;
    copy->monotonic_ns = env->monotonic_ns;
    copy_names(&copy->live, &env->live);
    copy_names(&copy->durable, &env->durable);
    for (size_t i = 1; i < env->node_count; i++) {
        (void)mem_node_add(copy, env->nodes[i].is_dir);
        copy_bytes(&copy->nodes[i].live, &env->nodes[i].live);
        copy_bytes(&copy->nodes[i].durable, &env->nodes[i].durable);
    }
    for (size_t i = 0; i < env->journal_count; i++) {
        const struct mem_op *op = &env->journal[i];
        struct mem_op *same = mem_journal_add(copy, op->kind, op->node);
        *same = *op;
        same->data = mem_resize(NULL, op->size + 1);
        if (op->size > 0)
            memcpy(same->data, op->data, op->size);
    }
    pthread_mutex_unlock(&env->mutex);
    return copy;
}

struct mem_env *mem_env_crash(struct mem_env *env, enum mem_env_damage damage, uint64_t index) {
    pthread_mutex_lock(&env->mutex);
    struct mem_plan plan = {.rng = {index}};
    /* One more than there are operations, so that there is always one to name. */
    plan.fates = mem_resize(NULL, (env->journal_count + 1) * sizeof(plan.fates[0]));
    memset(plan.fates, 0, (env->journal_count + 1) * sizeof(plan.fates[0]));
    plan.grows = mem_resize(NULL, env->node_count * sizeof(plan.grows[0]));
    memset(plan.grows, 0, env->node_count * sizeof(plan.grows[0]));
    mem_plan_make(env, damage, index, &plan);

    struct mem_env *image = mem_env_create(env->rng.state + 1);
    image->now_ms = env->now_ms;
    image->monotonic_ns = env->monotonic_ns;
    build_names(env, &plan, image);
    build_contents(env, &plan, image);
    free(plan.fates);
    free(plan.grows);
    pthread_mutex_unlock(&env->mutex);
    return image;
}

/* Looking at what there is */

static uint64_t hash(uint64_t state, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        state = (state ^ bytes[i]) * UINT64_C(0x100000001B3); /* FNV-1a, 64 bits */
    return state;
}

uint64_t mem_env_digest(struct mem_env *env) {
    uint64_t sum = 0;
    pthread_mutex_lock(&env->mutex);
    for (size_t i = 0; i < env->live.count; i++) {
        const struct mem_name *name = &env->live.items[i];
        const struct mem_bytes *live = &env->nodes[name->node].live;
        uint64_t state = hash(UINT64_C(0xCBF29CE484222325), name->text, strlen(name->text));
        state = hash(state, &live->size, sizeof(live->size));
        /* The order of the names means nothing, so their numbers are added up. */
        sum += hash(state, live->data, live->size);
    }
    pthread_mutex_unlock(&env->mutex);
    return sum;
}

size_t mem_env_pending(struct mem_env *env) {
    pthread_mutex_lock(&env->mutex);
    size_t count = env->journal_count;
    pthread_mutex_unlock(&env->mutex);
    return count;
}

size_t mem_env_pending_writes(struct mem_env *env) {
    size_t count = 0;
    pthread_mutex_lock(&env->mutex);
    for (size_t i = 0; i < env->journal_count; i++) {
        const struct mem_op *op = &env->journal[i];
        count += op->kind == MEM_OP_WRITE && !op->is_lost && has_name(&env->live, op->node);
    }
    pthread_mutex_unlock(&env->mutex);
    return count;
}

void mem_env_print_pending(struct mem_env *env, FILE *out) {
    static const char *const kinds[] = {"write", "truncate", "link", "rename", "remove"};
    pthread_mutex_lock(&env->mutex);
    for (size_t i = 0; i < env->journal_count; i++) {
        const struct mem_op *op = &env->journal[i];
        (void)fprintf(out, "  %zu: %s of file %zu", i, kinds[op->kind], op->node);
        if (mem_op_is_name(op)) {
            (void)fprintf(out, " %s %s\n", op->name, op->to);
        } else {
            (void)fprintf(out, " at %" PRIu64 ", %zu bytes%s\n", op->offset, op->size,
                          op->is_lost ? ", its sync failed" : "");
        }
    }
    pthread_mutex_unlock(&env->mutex);
}
