/**
 * @file
 * @brief What the other examples do about a failure: say what was being done and why it failed, and end.
 *
 * A program of your own will often know something better; ::blitzdb_status_code lists what can be answered.
 */
#ifndef BLITZDB_EXAMPLES_CHECK_H
#define BLITZDB_EXAMPLES_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include <blitzdb/blitzdb.h>

static inline void check(blitzdb_status status, const char *what) {
    if (status == BLITZDB_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, blitzdb_status_text(status));
    exit(1);
}

#endif
