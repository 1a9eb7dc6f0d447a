#include "map.h"

#include <stdlib.h>

enum { SLOTS_MIN = 16 };

void bzs_map_deinit(struct bzs_map *map) {
    free(map->slots);
    *map = (struct bzs_map){NULL, 0, 0};
}

static struct bzs_node *with_hash(struct bzs_node *node, uint64_t hash) {
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct bzs_node *bzs_map_first(const struct bzs_map *map, uint64_t hash) {
    return map->count == 0 ? NULL : with_hash(map->slots[hash & (map->slot_count - 1)], hash);
}

struct bzs_node *bzs_map_next(const struct bzs_node *node) {
    return with_hash(node->next, node->hash);
}

static void put(struct bzs_node **slots, size_t slot_count, struct bzs_node *node) {
    struct bzs_node **slot = &slots[node->hash & (slot_count - 1)];
    node->next = *slot;
    *slot = node;
}

/** Moves the members into a table of another size; false, and nothing happened, if there is no memory. */
static bool resize(struct bzs_map *map, size_t slot_count) {
    struct bzs_node **slots = calloc(slot_count, sizeof(struct bzs_node *));
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < map->slot_count; i++) {
        struct bzs_node *next;
        for (struct bzs_node *node = map->slots[i]; node != NULL; node = next) {
            next = node->next;
            put(slots, slot_count, node);
        }
    }
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    return true;
}

bool bzs_map_add(struct bzs_map *map, struct bzs_node *node, uint64_t hash) {
    if (map->count >= map->slot_count) {
        bool resized = resize(map, map->slot_count == 0 ? SLOTS_MIN : 2 * map->slot_count);
        if (!resized && map->slot_count == 0)
            return false;
    }
    node->hash = hash;
    put(map->slots, map->slot_count, node);
    map->count++;
    return true;
}

void bzs_map_remove(struct bzs_map *map, struct bzs_node *node) {
    struct bzs_node **at = &map->slots[node->hash & (map->slot_count - 1)];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    map->count--;
    if (map->count == 0)
        bzs_map_deinit(map);
    else if (map->slot_count > SLOTS_MIN && map->count < map->slot_count / 8)
        (void)resize(map, map->slot_count / 2); /* a table that stays too large is harmless */
}

struct bzs_node *bzs_map_any(const struct bzs_map *map, uint64_t from) {
    if (map->count == 0)
        return NULL;
    while (map->slots[from & (map->slot_count - 1)] == NULL)
        from++;
    return map->slots[from & (map->slot_count - 1)];
}
