/**
 * @file
 * @brief Doubly linked list whose links stand inside the members, so that joining and leaving cannot fail.
 *
 * A list is a ring with one bzs_link of its own as head. A member that is in no list points to itself. No
 * locks: a list belongs to one thread or to the mutex named beside it.
 */
#ifndef BLITZDB_SERVER_LINK_H
#define BLITZDB_SERVER_LINK_H

#include <stdbool.h>
#include <stddef.h>

/** Head of a list, or the place of a member in one. */
struct bzs_link {
    struct bzs_link *previous;
    struct bzs_link *next;
};

/** The structure that contains the link as this member. */
#define BZS_LINK_OWNER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/** Makes an empty list, or a member in no list. */
static inline void bzs_link_init(struct bzs_link *link) {
    link->previous = link;
    link->next = link;
}

/** True for an empty list and for a member in no list. */
static inline bool bzs_link_is_alone(const struct bzs_link *link) {
    return link->next == link;
}

/** Leaves the list; nothing happens to a member in no list. */
static inline void bzs_link_remove(struct bzs_link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
    bzs_link_init(link);
}

/** Joins at the end; a member already in a list leaves that one first. */
static inline void bzs_link_append(struct bzs_link *head, struct bzs_link *link) {
    bzs_link_remove(link);
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

#endif
