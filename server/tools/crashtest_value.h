/**
 * @file
 * @brief The values blitzdb-crashtest stores: each tells whose it is, and no other value is equal to it.
 *
 * `client:key:version:size:` in decimal, letters that follow from these numbers, and a checksum of all of it
 * in 16 hexadecimal digits. A value that is read is made again from its own head and compared, so a single
 * wrong byte shows, and a sound value of another key or another version is told from a damaged one.
 */
#ifndef BLITZDB_CRASHTEST_VALUE_H
#define BLITZDB_CRASHTEST_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Head and checksum fit into every value. */
#define VALUE_SIZE_MIN 80
#define VALUE_SIZE_MAX ((size_t)1 << 20)

/** What a value says it is. */
struct value_head {
    unsigned client;
    unsigned key;
    uint64_t version;
    size_t size;
};

/** Writes `head->size` bytes. */
void value_make(const struct value_head *head, char *to);

/** Tells whether the bytes are the value of a client's key, and of which version. */
bool value_check(const char *bytes, size_t size, unsigned client, unsigned key, uint64_t *version_out);

#endif
