/**
 * @file
 * @brief A client of blitzdb-crashtest: one thread, one connection, random operations until the server is
 * gone.
 */
#ifndef BLITZDB_CRASHTEST_WRITER_H
#define BLITZDB_CRASHTEST_WRITER_H

#include <pthread.h>

#include "crashtest_ledger.h"
#include "crashtest_random.h"
#include "crashtest_wire.h"

/** The keyspace where the shared counter is; the clients' own are below. */
#define WRITER_SHARED_KEYSPACE 15u

/** A client. */
struct writer {
    struct ledger ledger;
    struct random random;
    const char *socket_path;
    uint64_t bytes;    /**< of values that were sent, ever */
    bool writes_large; /**< values of up to 1 MiB, so that the log gets to its next file */
    bool is_refused;   /**< a reply was not the one that had to come; see `complaint` */
    char complaint[256];
    pthread_t thread;
    struct wire wire;
    char *value; /**< room for the largest one */
};

/** Makes the client with a number; it does not run yet. */
void writer_init(struct writer *writer, unsigned number, uint64_t seed, const char *socket_path);
void writer_deinit(struct writer *writer);

/** Starts the thread; it ends by itself when the connection does. False: the system refused a thread. */
bool writer_start(struct writer *writer);
void writer_join(struct writer *writer);

#endif
