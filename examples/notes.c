/**
 * @file
 * @brief The everyday way to open: no write waits for the disk, and each is on it within a second.
 *
 *     notes DIR < FILE
 *
 * Keeps every line it reads. Between two lines it may wait for hours, and calls nothing: the thread of the
 * library syncs what was written last.
 */
#include <inttypes.h>
#include <string.h>

#include "check.h"

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: notes DIR < FILE\n");
        return 1;
    }

    //! [open]
    blitzdb_error error = {0};
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.background = BLITZDB_BACKGROUND_THREAD; /* syncs once a second, and keeps the log short */
    options.error = &error;

    blitzdb *db;
    if (blitzdb_open(argv[1], &options, &db) != BLITZDB_OK) {
        fprintf(stderr, "cannot open the database: %s\n", error.text);
        return 1;
    }
    //! [open]

    char line[1000];
    int64_t number = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        check(blitzdb_increment(db, "notes", 5, 1, &number), "counting");
        char key[32];
        int size = snprintf(key, sizeof key, "note:%" PRId64, number);
        check(blitzdb_set(db, key, (size_t)size, line, strcspn(line, "\n")), "writing a note");
    }
    printf("%" PRId64 " notes\n", number);

    check(blitzdb_close(db), "closing the database");
    return 0;
}
