/**
 * @file
 * @brief Compares a server that was started again with the ledgers of the clients.
 */
#ifndef BLITZDB_CRASHTEST_VERIFY_H
#define BLITZDB_CRASHTEST_VERIFY_H

#include "crashtest_random.h"
#include "crashtest_writer.h"

/** How many keys are compared. */
enum verify_extent {
    VERIFY_CHANGED, /**< those that changed since the last time, some others, and the number of all */
    VERIFY_ALL,
};

/** What was found, over the whole run. */
struct verify_result {
    uint64_t lost; /**< acknowledged changes that are not there, and keys that should not be as they are */
    uint64_t unanswered; /**< operations that took place although their reply never came */
    uint64_t shared;     /**< value of the shared counter */
    bool is_broken;      /**< the server did not answer */
    unsigned told;       /**< differences that were described */
};

/**
 * Compares everything the clients know, prints what differs, and makes what is there the state the clients go
 * on from. The clients do not run. False if anything was lost or the server did not answer.
 */
bool verify_server(const char *socket_path, struct writer *writers, unsigned count, enum verify_extent extent,
                   struct random *random, struct verify_result *result);

#endif
