/**
 * @file
 * @brief Hash table whose nodes stand inside the members: it compares hashes, the caller the rest.
 *
 * Collisions are chained. The table doubles and halves with its members; if there is no memory to do so, it
 * only gets slower. No locks.
 */
#ifndef BLITZDB_SERVER_MAP_H
#define BLITZDB_SERVER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The place of a member. */
struct bzs_node {
    struct bzs_node *next;
    uint64_t hash;
};

/** A table. Zeroed is empty. */
struct bzs_map {
    struct bzs_node **slots;
    size_t slot_count; /**< a power of two, or 0 */
    size_t count;
};

/** The structure that contains the node as this member. */
#define BZS_NODE_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/** Releases the table; the members are the caller's. */
void bzs_map_deinit(struct bzs_map *map);

/** The first member with this hash, NULL if there is none; then the others. */
struct bzs_node *bzs_map_first(const struct bzs_map *map, uint64_t hash);
struct bzs_node *bzs_map_next(const struct bzs_node *node);

/** Adds a member; false if there is no memory for the first table. */
bool bzs_map_add(struct bzs_map *map, struct bzs_node *node, uint64_t hash);

/** Removes a member that is in the table. */
void bzs_map_remove(struct bzs_map *map, struct bzs_node *node);

/** Any member, from this place on; NULL if the table is empty. */
struct bzs_node *bzs_map_any(const struct bzs_map *map, uint64_t from);

#endif
