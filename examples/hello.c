/**
 * @file
 * @brief The smallest program: one key, one value.
 *
 *     hello          keeps the data in memory only
 *     hello DIR      keeps it in the directory DIR, too
 */
//! [hello]
#include <stdio.h>

#include <blitzdb/blitzdb.h>

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : NULL; /* NULL: in memory only */
    char value[64];
    size_t size = 0;
    blitzdb *db;

    blitzdb_status status = blitzdb_open(path, NULL, &db);
    if (status != BLITZDB_OK) {
        fprintf(stderr, "cannot open: %s\n", blitzdb_status_text(status));
        return 1;
    }
    status = blitzdb_set(db, "greeting", 8, "Hello, world!", 13);
    if (status == BLITZDB_OK)
        status = blitzdb_get(db, "greeting", 8, value, sizeof value, &size);
    printf("%s: %.*s\n", blitzdb_status_text(status), (int)size, value);
    return blitzdb_close(db) == BLITZDB_OK && status == BLITZDB_OK ? 0 : 1;
}
//! [hello]
