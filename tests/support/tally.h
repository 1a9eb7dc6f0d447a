/**
 * @file
 * @brief Sums that several threads make together: a counter, a sum of quarters, and a list that each of them
 * appends to. In the end they are what the threads' own tallies say.
 */
#ifndef BLITZDB_TESTS_TALLY_H
#define BLITZDB_TESTS_TALLY_H

#include <stdbool.h>

#include "stamp.h"

/** Threads that may append to the list. */
#define TALLY_WRITERS_MAX 16

/** What one thread did. */
struct tally {
    int64_t counted;
    int64_t quarters;
    uint32_t appended;
};

/** One record of the list. */
struct tally_record {
    uint32_t writer;
    uint32_t number;
};

/** Whether a write was done; only the memory limit may refuse it. */
static inline bool tally_is_done(blitzdb_status status, unsigned *refused) {
    *refused += status == BLITZDB_MEMORY_LIMIT;
    expect(status == BLITZDB_OK || status == BLITZDB_MEMORY_LIMIT, "a number is changed");
    return status == BLITZDB_OK;
}

/** Appends a record, every other one by a batch. */
static inline blitzdb_status tally_append(const struct tally *tally, blitzdb *db, uint32_t writer) {
    struct tally_record record = {writer, tally->appended};
    size_t size = 0;
    if (tally->appended % 2 == 0) {
        blitzdb_status status = blitzdb_append(db, "list", 4, &record, sizeof(record), &size);
        expect(size > tally->appended * sizeof(record) || status != BLITZDB_OK,
               "a list is not shorter than what one thread appended");
        return status;
    }
    blitzdb_batch *batch = NULL;
    check(blitzdb_batch_create(db, &batch), "create a batch");
    check(blitzdb_batch_append(batch, "list", 4, &record, sizeof(record)), "add an append");
    blitzdb_status status = blitzdb_batch_commit(batch, BLITZDB_DURABILITY_DEFAULT, NULL);
    blitzdb_batch_destroy(batch);
    return status;
}

/** Adds to everything, to the list only if it is said; returns how many writes the memory limit refused. */
static inline unsigned tally_add(struct tally *tally, blitzdb *db, uint32_t writer, bool appends) {
    unsigned refused = 0;
    int64_t count = 0;
    if (tally_is_done(blitzdb_increment(db, "count", 5, 1, &count), &refused))
        expect(count > tally->counted++, "a counter is not less than what one thread counted");
    if (tally_is_done(blitzdb_increment_double(db, "sum", 3, 0.25, NULL), &refused))
        tally->quarters++;
    if (appends && tally_is_done(tally_append(tally, db, writer), &refused))
        tally->appended++;
    return refused;
}

/** A value as text, followed by a zero. */
static inline const char *tally_text(blitzdb *db, const char *key, char *text, size_t room) {
    size_t size = 0;
    check(blitzdb_get(db, key, strlen(key), text, room - 1, &size), "get a number");
    text[size] = '\0';
    return text;
}

/** What all threads counted and appended is there, and each thread's records are in their order. */
static inline void tally_check(const struct tally *tallies, unsigned count, blitzdb *db) {
    struct tally sum = {0};
    uint32_t appended[TALLY_WRITERS_MAX] = {0};
    char text[64];
    for (unsigned i = 0; i < count; i++) {
        sum.counted += tallies[i].counted;
        sum.quarters += tallies[i].quarters;
    }
    expect(strtoll(tally_text(db, "count", text, sizeof(text)), NULL, 10) == sum.counted,
           "no increment is lost");
    double quarters = strtod(tally_text(db, "sum", text, sizeof(text)), NULL) * 4;
    expect((int64_t)quarters == sum.quarters, "no increment of a double is lost");
    void *list = NULL;
    size_t size = 0;
    check(blitzdb_get_alloc(db, "list", 4, &list, &size), "get the list");
    for (size_t at = 0; at < size; at += sizeof(struct tally_record)) {
        struct tally_record record;
        memcpy(&record, (char *)list + at, sizeof(record));
        expect(record.writer < count && record.number == appended[record.writer]++,
               "the list has each thread's records in their order");
    }
    blitzdb_free(db, list);
    for (unsigned i = 0; i < count; i++)
        expect(appended[i] == tallies[i].appended, "no record is lost");
}

#endif
