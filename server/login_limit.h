/**
 * @file
 * @brief Slows down who guesses passwords: each address has some failures free, and gets more as time goes
 * by.
 *
 * Once they are used up, every attempt from that address is answered a second later, whether it is right or
 * not. So a guess costs a connection for a second, and who shares the address with the attacker waits a
 * second and gets in: nobody can be locked out. Addresses of one IPv6 network of 64 bits count as one.
 *
 * Guards itself with a mutex, which is not taken before the first failure of all.
 */
#ifndef BLITZDB_SERVER_LOGIN_LIMIT_H
#define BLITZDB_SERVER_LOGIN_LIMIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Failures free at first, and at most. */
#define BZS_LOGIN_FAILURES_MAX 10
/** An address gets one more failure free in this time. */
#define BZS_LOGIN_REFILL_MS 1000
/** What an attempt costs then. */
#define BZS_LOGIN_DELAY_MS 1000

/** Addresses that are remembered; of more, those that have been quiet the longest are forgotten. */
enum { BZS_LOGIN_ADDRESSES = 256, BZS_LOGIN_KEY_SIZE = 16 };

/** What is remembered of an address. */
struct bzs_login_address {
    unsigned char key[BZS_LOGIN_KEY_SIZE];
    int64_t free_failures;
    int64_t counted_ms; /**< up to when the refill was counted; 0: the place is free */
    int64_t said_ms;    /**< when the log heard of it; 0: never */
};

/** All addresses. */
struct bzs_login_limit {
    _Atomic bool used; /**< somebody has failed since the start */
    pthread_mutex_t mutex;
    struct bzs_login_address addresses[BZS_LOGIN_ADDRESSES]; /**< guarded by mutex */
};

void bzs_login_limit_init(struct bzs_login_limit *limit);
void bzs_login_limit_deinit(struct bzs_login_limit *limit);

/** True if an attempt from this address may be answered at once. Times are of a clock that never jumps. */
bool bzs_login_limit_allows(struct bzs_login_limit *limit, const unsigned char key[BZS_LOGIN_KEY_SIZE],
                            int64_t tick_ms);

/** Counts a failure. True if it used up what was free, and the log has not heard of the address lately. */
bool bzs_login_limit_failed(struct bzs_login_limit *limit, const unsigned char key[BZS_LOGIN_KEY_SIZE],
                            int64_t tick_ms);

#endif
