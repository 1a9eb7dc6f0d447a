/**
 * @file
 * @brief A counter that survives: start the program again, kill it, pull the plug; the number goes on.
 *
 *     counter DIR
 */
#include <inttypes.h>

#include "check.h"

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: counter DIR\n");
        return 1;
    }

    //! [open]
    /* Every field left at zero has its default. `error` receives the details if the open fails. */
    blitzdb_error error = {0};
    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.durability = BLITZDB_DURABILITY_ALWAYS; /* a write that returned is on the disk */
    options.error = &error;

    blitzdb *db;
    if (blitzdb_open(argv[1], &options, &db) != BLITZDB_OK) {
        fprintf(stderr, "cannot open the database: %s\n", error.text);
        return 1;
    }
    //! [open]

    /* An absent key counts as 0. When this returns, no crash can take the new number back. */
    int64_t runs;
    check(blitzdb_increment(db, "runs", 4, 1, &runs), "counting");
    printf("run number %" PRId64 "\n", runs);

    check(blitzdb_close(db), "closing the database");
    return 0;
}
