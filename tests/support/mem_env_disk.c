#include "mem_env_internal.h"

#include <stdlib.h>
#include <string.h>

#include <errno.h>

/* Contents */

void mem_bytes_resize(struct mem_bytes *bytes, size_t size) {
    if (size > bytes->capacity) {
        bytes->capacity = size + size / 2;
        bytes->data = mem_resize(bytes->data, bytes->capacity);
    }
    if (size > bytes->size)
        memset(bytes->data + bytes->size, 0, size - bytes->size);
    bytes->size = size;
}

void mem_bytes_write(struct mem_bytes *bytes, const uint8_t *data, size_t size, uint64_t offset) {
    if (size == 0)
        return;
    if (offset + size > bytes->size)
        mem_bytes_resize(bytes, (size_t)offset + size);
    memcpy(bytes->data + offset, data, size);
}

/* Nodes and names */

size_t mem_node_add(struct mem_env *env, bool is_dir) {
    env->nodes = mem_reserve(env->nodes, env->node_count, &env->node_capacity, sizeof(env->nodes[0]));
    env->nodes[env->node_count] = (struct mem_node){.is_dir = is_dir};
    return env->node_count++;
}

static size_t find_index(const struct mem_names *names, size_t dir, const char *text) {
    size_t index = 0;
    while (index < names->count &&
           (names->items[index].dir != dir || strcmp(names->items[index].text, text) != 0))
        index++;
    return index;
}

size_t mem_names_find(const struct mem_names *names, size_t dir, const char *text) {
    size_t index = find_index(names, dir, text);
    return index < names->count ? names->items[index].node : MEM_NO_NODE;
}

void mem_names_set(struct mem_names *names, size_t dir, const char *text, size_t node) {
    size_t index = find_index(names, dir, text);
    if (index == names->count) {
        names->items = mem_reserve(names->items, index, &names->capacity, sizeof(names->items[0]));
        names->items[index].dir = dir;
        (void)snprintf(names->items[index].text, MEM_NAME_MAX, "%s", text);
        names->count++;
    }
    names->items[index].node = node;
}

void mem_names_remove(struct mem_names *names, size_t dir, const char *text) {
    size_t index = find_index(names, dir, text);
    if (index < names->count)
        names->items[index] = names->items[--names->count];
}

int mem_place_find(const struct mem_env *env, const char *path, struct mem_place *place_out) {
    place_out->dir = MEM_ROOT;
    place_out->name[0] = '\0';
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        const char *part = path;
        path += length + (path[length] == '/');
        if (length == 0 || (length == 1 && *part == '.'))
            continue;
        if (length >= MEM_NAME_MAX)
            return ENAMETOOLONG;
        if (place_out->name[0] != '\0') {
            size_t next = mem_names_find(&env->live, place_out->dir, place_out->name);
            if (next == MEM_NO_NODE || !env->nodes[next].is_dir)
                return next == MEM_NO_NODE ? ENOENT : ENOTDIR;
            place_out->dir = next;
        }
        memcpy(place_out->name, part, length);
        place_out->name[length] = '\0';
    }
    return 0;
}

size_t mem_place_node(const struct mem_env *env, const struct mem_place *place) {
    return place->name[0] == '\0' ? MEM_ROOT : mem_names_find(&env->live, place->dir, place->name);
}

/* Journal */

struct mem_op *mem_journal_add(struct mem_env *env, enum mem_op_kind kind, size_t node) {
    env->journal =
        mem_reserve(env->journal, env->journal_count, &env->journal_capacity, sizeof(env->journal[0]));
    struct mem_op *op = &env->journal[env->journal_count++];
    memset(op, 0, sizeof(*op));
    op->kind = kind;
    op->node = node;
    return op;
}

void mem_journal_add_name(struct mem_env *env, enum mem_op_kind kind, const struct mem_place *place,
                          size_t node, const char *to) {
    struct mem_op *op = mem_journal_add(env, kind, node);
    op->dir = place->dir;
    memcpy(op->name, place->name, sizeof(op->name));
    (void)snprintf(op->to, sizeof(op->to), "%s", to);
    mem_op_apply_name(op, &env->live);
}

bool mem_op_is_name(const struct mem_op *op) {
    return op->kind >= MEM_OP_LINK;
}

void mem_op_apply_name(const struct mem_op *op, struct mem_names *names) {
    if (op->kind == MEM_OP_LINK) {
        mem_names_set(names, op->dir, op->name, op->node);
        return;
    }
    /* Without the operations before it the old name may stand for something else, which then stays. */
    if (mem_names_find(names, op->dir, op->name) == op->node)
        mem_names_remove(names, op->dir, op->name);
    if (op->kind == MEM_OP_RENAME)
        mem_names_set(names, op->dir, op->to, op->node);
}

void mem_journal_commit(struct mem_env *env, size_t node) {
    size_t kept = 0;
    for (size_t i = 0; i < env->journal_count; i++) {
        struct mem_op *op = &env->journal[i];
        bool is_name = mem_op_is_name(op);
        if ((is_name ? op->dir : op->node) != node) {
            env->journal[kept++] = *op;
            continue;
        }
        struct mem_bytes *durable = &env->nodes[op->node].durable;
        if (is_name)
            mem_op_apply_name(op, &env->durable);
        else if (op->kind == MEM_OP_WRITE && !op->is_lost)
            mem_bytes_write(durable, op->data, op->size, op->offset);
        else if (!op->is_lost)
            mem_bytes_resize(durable, (size_t)op->offset);
        free(op->data);
    }
    env->journal_count = kept;
}

void mem_journal_lose(struct mem_env *env, size_t node) {
    for (size_t i = 0; i < env->journal_count; i++) {
        struct mem_op *op = &env->journal[i];
        op->is_lost = op->is_lost || (!mem_op_is_name(op) && op->node == node);
    }
}

static bool is_used(const struct mem_env *env, size_t node) {
    bool is_used = env->nodes[node].is_dir || env->nodes[node].handles > 0;
    for (size_t i = 0; !is_used && i < env->live.count; i++)
        is_used = env->live.items[i].node == node;
    for (size_t i = 0; !is_used && i < env->durable.count; i++)
        is_used = env->durable.items[i].node == node;
    for (size_t i = 0; !is_used && i < env->journal_count; i++)
        is_used = env->journal[i].node == node;
    return is_used;
}

void mem_collect_garbage(struct mem_env *env) {
    for (size_t i = 0; i < env->node_count; i++) {
        struct mem_node *node = &env->nodes[i];
        if (node->live.capacity + node->durable.capacity > 0 && !is_used(env, i)) {
            free(node->live.data);
            free(node->durable.data);
            *node = (struct mem_node){0};
        }
    }
}

void mem_disk_deinit(struct mem_env *env) {
    for (size_t i = 0; i < env->node_count; i++) {
        free(env->nodes[i].live.data);
        free(env->nodes[i].durable.data);
    }
    for (size_t i = 0; i < env->journal_count; i++)
        free(env->journal[i].data);
    free(env->nodes);
    free(env->journal);
    free(env->live.items);
    free(env->durable.items);
}
