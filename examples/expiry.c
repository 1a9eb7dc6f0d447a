/**
 * @file
 * @brief A session that ends by itself after half an hour. The example waits for it in no time.
 *
 * Everything BlitzDB asks of the outside world goes through one table of functions, its environment. Here the
 * clock is replaced by one that the program sets; a test of yours can do the same.
 */
#include <inttypes.h>

#include "check.h"

enum { MINUTE_MS = 60 * 1000 };

//! [clock]
/** The clock of this program: Unix time in milliseconds, and it stands still. */
static int64_t read_clock(void *user) {
    const int64_t *clock_ms = user;
    return *clock_ms;
}

/** Opens a database in memory that lives by that clock. */
static blitzdb *open_with_clock(int64_t *clock_ms) {
    blitzdb_env env = *blitzdb_env_default();
    env.now_ms = read_clock;
    env.user = clock_ms;

    blitzdb_options options = BLITZDB_OPTIONS_INIT;
    options.env = &env; /* copied: the variable may go, what `user` points to must stay */
    blitzdb *db;
    check(blitzdb_open(NULL, &options, &db), "opening a database");
    return db;
}
//! [clock]

/** Shows the session, and ends the program if it is there and should not be, or the other way round. */
static void show(blitzdb *db, const char *when, blitzdb_status expected) {
    int64_t ttl_ms = 0;
    blitzdb_status status = blitzdb_ttl(db, "session:17", 10, &ttl_ms);
    if (status == BLITZDB_OK)
        printf("%s: the session is there, for another %" PRId64 " minutes\n", when, ttl_ms / MINUTE_MS);
    else
        printf("%s: %s\n", when, blitzdb_status_text(status));
    if (status != expected)
        exit(1);
}

int main(void) {
    int64_t clock_ms = INT64_C(1800000000000); /* some day in 2027 */
    blitzdb *db = open_with_clock(&clock_ms);

    blitzdb_set_options half_an_hour = BLITZDB_SET_OPTIONS_INIT;
    half_an_hour.ttl_ms = 30 * MINUTE_MS;
    check(blitzdb_set_with(db, "session:17", 10, "alice", 5, &half_an_hour), "beginning a session");
    show(db, "at once", BLITZDB_OK);

    clock_ms += 20 * MINUTE_MS;
    show(db, "after 20 minutes", BLITZDB_OK);

    /* A session in use begins its half hour again. */
    check(blitzdb_expire(db, "session:17", 10, 30 * MINUTE_MS), "going on with a session");
    clock_ms += 20 * MINUTE_MS;
    show(db, "after 40 minutes, 20 since the last use", BLITZDB_OK);

    clock_ms += 10 * MINUTE_MS;
    show(db, "after 50 minutes, 30 since the last use", BLITZDB_NOT_FOUND);

    check(blitzdb_close(db), "closing the database");
    return 0;
}
