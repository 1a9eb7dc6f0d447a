/* Wrong passwords of one address: some are free, then every attempt takes a second, until time has passed. */
#include <criterion/criterion.h>
#include <string.h>

#include "login_limit.h"

static struct bzs_login_limit limit;
static const unsigned char one[BZS_LOGIN_KEY_SIZE] = {1};
static const unsigned char other[BZS_LOGIN_KEY_SIZE] = {2};

static void begin(void) {
    bzs_login_limit_init(&limit);
}

static void end(void) {
    bzs_login_limit_deinit(&limit);
}

TestSuite(login_limit, .init = begin, .fini = end);

/** Fails so often; returns how many failures were to be said. */
static int fail(const unsigned char *key, int count, int64_t tick_ms) {
    int said = 0;
    for (int i = 0; i < count; i++)
        said += bzs_login_limit_failed(&limit, key, tick_ms);
    return said;
}

/* The last free failure is said, and no attempt of that address is at once from then on. */
Test(login_limit, free_failures) {
    cr_assert(bzs_login_limit_allows(&limit, one, 1000));
    cr_assert_eq(fail(one, BZS_LOGIN_FAILURES_MAX - 1, 1000), 0);
    cr_assert(bzs_login_limit_allows(&limit, one, 1000));
    cr_assert_eq(fail(one, 1, 1000), 1);
    cr_assert_not(bzs_login_limit_allows(&limit, one, 1000));
    cr_assert(bzs_login_limit_allows(&limit, other, 1000));
}

/* Time brings failures back one by one, not more than there were, and none in advance. */
Test(login_limit, refill) {
    fail(one, BZS_LOGIN_FAILURES_MAX, 1000);
    cr_assert_not(bzs_login_limit_allows(&limit, one, 1000 + BZS_LOGIN_REFILL_MS - 1));
    cr_assert(bzs_login_limit_allows(&limit, one, 1000 + BZS_LOGIN_REFILL_MS));
    fail(one, 1, 1000 + BZS_LOGIN_REFILL_MS);
    cr_assert_not(bzs_login_limit_allows(&limit, one, 1000 + BZS_LOGIN_REFILL_MS));
    int64_t much_later = 1000 + 1000 * BZS_LOGIN_REFILL_MS;
    fail(one, BZS_LOGIN_FAILURES_MAX - 1, much_later);
    cr_assert(bzs_login_limit_allows(&limit, one, much_later));
    fail(one, 1, much_later);
    cr_assert_not(bzs_login_limit_allows(&limit, one, much_later));
}

/* The log hears of an address once a minute, however often it fails. */
Test(login_limit, said_once) {
    cr_assert_eq(fail(one, 1000, 1000), 1);
    cr_assert_eq(fail(one, 1000, 30000), 0);
    cr_assert_eq(fail(one, 1000, 62000), 1);
}

/* More addresses than there are places: those that have been quiet the longest are forgotten. */
Test(login_limit, many_addresses) {
    unsigned char key[BZS_LOGIN_KEY_SIZE] = {0};
    fail(one, BZS_LOGIN_FAILURES_MAX, 1000);
    for (int i = 0; i < BZS_LOGIN_ADDRESSES - 1; i++) {
        memcpy(key + 4, &i, sizeof(i));
        fail(key, BZS_LOGIN_FAILURES_MAX, 1001);
    }
    cr_assert_not(bzs_login_limit_allows(&limit, one, 1001));
    fail(other, BZS_LOGIN_FAILURES_MAX, 1002);
    cr_assert_not(bzs_login_limit_allows(&limit, other, 1002));
    cr_assert(bzs_login_limit_allows(&limit, one, 1002));
    cr_assert_not(bzs_login_limit_allows(&limit, key, 1002));
}
