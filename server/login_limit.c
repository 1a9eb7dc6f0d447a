#include "login_limit.h"

#include <string.h>

enum { SAID_MS = 60000 }; /* how often the log hears of one address */

void bzs_login_limit_init(struct bzs_login_limit *limit) {
    memset(limit, 0, sizeof(*limit));
    pthread_mutex_init(&limit->mutex, NULL);
}

void bzs_login_limit_deinit(struct bzs_login_limit *limit) {
    pthread_mutex_destroy(&limit->mutex);
}

static struct bzs_login_address *find(struct bzs_login_limit *limit, const unsigned char *key) {
    for (size_t i = 0; i < BZS_LOGIN_ADDRESSES; i++)
        if (limit->addresses[i].counted_ms != 0 &&
            memcmp(limit->addresses[i].key, key, BZS_LOGIN_KEY_SIZE) == 0)
            return &limit->addresses[i];
    return NULL;
}

/** Remembers a new address in the place that has been quiet the longest. */
static struct bzs_login_address *add(struct bzs_login_limit *limit, const unsigned char *key,
                                     int64_t tick_ms) {
    struct bzs_login_address *address = &limit->addresses[0];
    for (size_t i = 1; i < BZS_LOGIN_ADDRESSES; i++)
        if (limit->addresses[i].counted_ms < address->counted_ms)
            address = &limit->addresses[i];
    *address = (struct bzs_login_address){.free_failures = BZS_LOGIN_FAILURES_MAX, .counted_ms = tick_ms};
    memcpy(address->key, key, BZS_LOGIN_KEY_SIZE);
    return address;
}

/** Gives what the time has brought. */
static void refill(struct bzs_login_address *address, int64_t tick_ms) {
    int64_t earned = (tick_ms - address->counted_ms) / BZS_LOGIN_REFILL_MS;
    address->counted_ms += earned * BZS_LOGIN_REFILL_MS;
    address->free_failures += earned;
    if (address->free_failures > BZS_LOGIN_FAILURES_MAX)
        address->free_failures = BZS_LOGIN_FAILURES_MAX;
}

bool bzs_login_limit_allows(struct bzs_login_limit *limit, const unsigned char key[BZS_LOGIN_KEY_SIZE],
                            int64_t tick_ms) {
    if (!atomic_load_explicit(&limit->used, memory_order_relaxed))
        return true;
    pthread_mutex_lock(&limit->mutex);
    struct bzs_login_address *address = find(limit, key);
    if (address != NULL)
        refill(address, tick_ms);
    bool allowed = address == NULL || address->free_failures > 0;
    pthread_mutex_unlock(&limit->mutex);
    return allowed;
}

bool bzs_login_limit_failed(struct bzs_login_limit *limit, const unsigned char key[BZS_LOGIN_KEY_SIZE],
                            int64_t tick_ms) {
    limit->used = true;
    pthread_mutex_lock(&limit->mutex);
    struct bzs_login_address *address = find(limit, key);
    if (address == NULL)
        address = add(limit, key, tick_ms);
    refill(address, tick_ms);
    if (address->free_failures > 0)
        address->free_failures--;
    bool is_new =
        address->free_failures == 0 && (address->said_ms == 0 || tick_ms - address->said_ms >= SAID_MS);
    if (is_new)
        address->said_ms = tick_ms;
    pthread_mutex_unlock(&limit->mutex);
    return is_new;
}
