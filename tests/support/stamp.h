/**
 * @file
 * @brief Keys and values that say who they are, so that a reader can tell a whole value from a torn one, and
 * an old one from a new one.
 *
 * A key is four bytes: a kind and a number. A value begins with its key, its writer and a version; bytes that
 * follow from these fill it up. Whoever reads a value checks every byte of it. The helpers end the program
 * when something is wrong; they are inline, because no program uses all of them.
 */
#ifndef BLITZDB_TESTS_STAMP_H
#define BLITZDB_TESTS_STAMP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blitzdb/blitzdb.h>

/** Bytes that follow the stamp, at most. */
#define STAMP_FILLING_MAX 240

/** Where a value comes from; stands at its beginning. */
struct stamp {
    uint32_t key;
    uint32_t writer;
    uint64_t version;
};

/** A value as it is written. */
struct stamped {
    struct stamp stamp;
    uint8_t filling[STAMP_FILLING_MAX];
};

static inline void expect(int fact, const char *what) {
    if (!fact) {
        (void)fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static inline void check(blitzdb_status status, const char *what) {
    if (status != BLITZDB_OK) {
        (void)fprintf(stderr, "failed: %s: %s\n", what, blitzdb_status_name(status));
        exit(1);
    }
}

static inline uint32_t stamp_key(unsigned kind, uint32_t number) {
    return (uint32_t)kind << 24 | number;
}

/** Length of a value: of versions that follow each other, two have the same and the next two another one, so
 * that values are written over as well as replaced. */
static inline size_t stamp_size(const struct stamp *stamp) {
    return sizeof(*stamp) + (stamp->version / 2 * 37 + stamp->key) % (STAMP_FILLING_MAX + 1);
}

/** Makes a value; returns its size. */
static inline size_t stamp_write(struct stamped *value, uint32_t key, uint32_t writer, uint64_t version) {
    value->stamp = (struct stamp){key, writer, version};
    size_t filling = stamp_size(&value->stamp) - sizeof(value->stamp);
    memset(value->filling, (int)((version + key + writer) & 0xFF), filling);
    return filling + sizeof(value->stamp);
}

/** Checks a value as it was read, in full, and tells what it is. */
static inline struct stamp stamp_read(const void *value, size_t size, uint32_t key) {
    struct stamp stamp;
    struct stamped whole;
    expect(size >= sizeof(stamp), "a value begins with a stamp");
    memcpy(&stamp, value, sizeof(stamp));
    expect(stamp.key == key, "a value belongs to its key");
    expect(size == stamp_size(&stamp), "a value has its size");
    (void)stamp_write(&whole, key, stamp.writer, stamp.version);
    expect(memcmp(value, &whole, size) == 0, "a value is whole");
    return stamp;
}

/** The same for an entry of a scan or an iterator, whose key is of one kind. */
static inline struct stamp stamp_read_entry(const blitzdb_scan_entry *entry, unsigned kind) {
    uint32_t key;
    expect(entry->key_size == sizeof(key), "a key has its size");
    memcpy(&key, entry->key, sizeof(key));
    expect(key >> 24 == kind, "a key is of the kind that its keyspace holds");
    return stamp_read(entry->value, entry->value_size, key);
}

#endif
