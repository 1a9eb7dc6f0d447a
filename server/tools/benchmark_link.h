/**
 * @file
 * @brief One busy connection of blitzdb-benchmark: commands on their way out, and those that wait for a
 * reply.
 *
 *     out:   [ sent | still to be sent | room ]
 *     slots: a ring; the oldest command without a reply stands at `head`
 *
 * There are as many slots as commands may be on their way, and `out` holds that many of the largest. A link
 * belongs to one thread.
 */
#ifndef BLITZDB_BENCHMARK_LINK_H
#define BLITZDB_BENCHMARK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "benchmark_reply.h"

struct worker;

struct link {
    int fd;
    struct worker *worker;
    char *out;
    size_t out_sent, out_size, out_capacity;
    uint64_t *times; /**< of each slot: when its command was, or should have been, sent */
    uint64_t *keys;  /**< `slot_keys` for each slot, if values are verified; else NULL */
    size_t slot_count, slot_keys;
    size_t head, awaited;
    struct reply_reader reader;
    bool waits_for_room; /**< epoll tells when more can be sent */
    bool ready;          /**< is in the queue of those that may send one more */
    bool unflushed;      /**< is in the list of those with new commands */
    bool value_wrong;    /**< the value that is being read */
};

/** Takes over the descriptor; `slot_keys` 0 means that keys need not be remembered. False without memory. */
bool link_init(struct link *link, int fd, size_t slot_count, size_t command_size_max, size_t slot_keys);
void link_deinit(struct link *link);

/** Where the next command goes; there is room for the largest one. */
char *link_room(struct link *link);

/** Where the keys of the next command go, or NULL. */
uint64_t *link_keys(struct link *link);

/** Counts a command that was written to link_room(). */
void link_add(struct link *link, size_t size, uint64_t time);

/** Forgets the oldest command, whose reply came, and answers its time. */
uint64_t link_remove(struct link *link);

/** Sends what is left; false if the connection broke (errno). What does not fit stays. */
bool link_send(struct link *link);

#endif
