/**
 * @file
 * @brief What the programs about embedding share: every public call by its number, and the count of the cases
 * that passed.
 */
#ifndef BLITZDB_TESTS_EMBEDDING_H
#define BLITZDB_TESTS_EMBEDDING_H

#include <blitzdb/blitzdb.h>
#include <blitzdb/check.h>

/** Ends the program with a message unless the fact holds. */
void embedding_expect(int fact, const char *what);

/** Opens with a background thread. */
blitzdb *embedding_open(const char *path);

/** What the calls work on. */
struct embedding {
    blitzdb *db;
    const char *path;  /**< its directory */
    const char *other; /**< a directory that is not there */
};

/** One public call, with those that it needs around it; ends the program if it answers anything but what it
 * should. */
struct embedding_call {
    const char *name;
    void (*run)(const struct embedding *embedding);
};

extern const struct embedding_call embedding_calls[];
extern const unsigned embedding_call_count;

#endif
