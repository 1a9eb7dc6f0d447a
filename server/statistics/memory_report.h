/**
 * @file
 * @brief What INFO, MEMORY and the metrics tell about memory, gathered once for all of them.
 *
 * Numbers of the data come from the library and are exact. What the system says about the process is read
 * once a second by the keeper, because reading it costs some 20 microseconds.
 */
#ifndef BLITZDB_SERVER_MEMORY_REPORT_H
#define BLITZDB_SERVER_MEMORY_REPORT_H

#include <stdint.h>

#include <blitzdb/blitzdb.h>

struct bzs_server;

/** Bytes, unless the name says something else. */
struct bzs_memory_report {
    uint64_t used;       /**< by the database: arenas, tables, log buffers */
    uint64_t peak;       /**< most of it that was seen, at least once a second */
    uint64_t dataset;    /**< entries: headers, keys, values */
    uint64_t overhead;   /**< the rest of `used` */
    uint64_t resident;   /**< memory of the process that is in RAM */
    uint64_t active;     /**< held for entries, free space between them included */
    uint64_t clients;    /**< buffers of connections */
    uint64_t system;     /**< memory of the machine */
    uint64_t log_buffer; /**< buffers of the log */
    uint64_t keys;
};

/** Gathers the numbers. From any thread. */
void bzs_memory_report(struct bzs_server *server, const blitzdb_stats_info *stats,
                       struct bzs_memory_report *report_out);

/** What the connections tell together, as of their last turns. */
struct bzs_clients_report {
    uint64_t memory;         /**< bytes they take, with their buffers */
    uint64_t largest_input;  /**< bytes of the largest input buffer */
    uint64_t largest_output; /**< bytes of the largest output buffer */
    uint64_t blocked;        /**< connections whose last command waits for something */
};

/** Looks at all connections; each loop's list is locked for a moment. */
void bzs_clients_report(struct bzs_server *server, struct bzs_clients_report *report_out);

/** Memory of the process that is in RAM, 0 if the system does not tell. Reads a file. */
uint64_t bzs_memory_resident(void);

/** A part of a whole; 0 if there is none. */
static inline double bzs_ratio(uint64_t part, uint64_t whole) {
    return whole > 0 ? (double)part / (double)whole : 0.0;
}

#endif
