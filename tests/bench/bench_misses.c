/**
 * @file
 * @brief A database of a million items, and some GETs: what misses.sh counts the instructions and cache
 * misses of.
 *
 *     bench_misses GETS VALUE_SIZE
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <blitzdb/blitzdb.h>

enum { ITEMS = 1000000 };

struct key {
    uint64_t words[2];
};

/** Items in an order without a pattern. */
static struct key key_of(uint64_t number) {
    uint64_t item = number * UINT64_C(2654435761) % ITEMS;
    return (struct key){{(item + 1) * UINT64_C(0x9E3779B97F4A7C15), item}};
}

int main(int argc, char **argv) {
    static char value[64];
    size_t value_size = argc == 3 ? strtoul(argv[2], NULL, 10) : sizeof value + 1;
    if (value_size > sizeof value) {
        fprintf(stderr, "usage: bench_misses GETS VALUE_SIZE (at most %zu)\n", sizeof value);
        return 2;
    }
    blitzdb *db = NULL;
    blitzdb_status status = blitzdb_open(NULL, NULL, &db);
    for (uint64_t i = 0; i < ITEMS && status == BLITZDB_OK; i++) {
        struct key key = key_of(i);
        status = blitzdb_set(db, &key, sizeof key, value, value_size);
    }
    for (uint64_t i = 0, gets = strtoul(argv[1], NULL, 10); i < gets && status == BLITZDB_OK; i++) {
        struct key key = key_of(i * 7);
        status = blitzdb_get(db, &key, sizeof key, value, sizeof value, &value_size);
    }
    if (status != BLITZDB_OK) {
        fprintf(stderr, "bench_misses: %s\n", blitzdb_status_text(status));
        return 1;
    }
    return blitzdb_close(db) == BLITZDB_OK ? 0 : 1;
}
