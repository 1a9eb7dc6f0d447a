#include "crashtest_ledger.h"

#include <stdio.h>
#include <stdlib.h>

/** Doubles an array when it is full. */
static void *grow(void *array, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity)
        return array;
    *capacity = *capacity > 0 ? 2 * *capacity : 1024;
    array = realloc(array, *capacity * size);
    if (array == NULL) {
        fprintf(stderr, "blitzdb-crashtest: out of memory\n");
        exit(2);
    }
    return array;
}

void ledger_init(struct ledger *ledger, unsigned client) {
    *ledger = (struct ledger){.client = client};
    while (ledger->key_count < LEDGER_FIRST_KEY)
        ledger_add_key(ledger);
}

void ledger_deinit(struct ledger *ledger) {
    free(ledger->keys);
    free(ledger->touched);
    *ledger = (struct ledger){0};
}

uint32_t ledger_add_key(struct ledger *ledger) {
    ledger->keys = grow(ledger->keys, ledger->key_count, &ledger->key_capacity, sizeof(*ledger->keys));
    ledger->keys[ledger->key_count] = (struct ledger_key){0};
    return ledger->key_count++;
}

uint64_t ledger_new_version(struct ledger *ledger) {
    return ++ledger->last_version;
}

static void touch(struct ledger *ledger, uint32_t key) {
    if (ledger->keys[key].is_touched)
        return;
    ledger->keys[key].is_touched = true;
    ledger->touched =
        grow(ledger->touched, ledger->touched_count, &ledger->touched_capacity, sizeof(*ledger->touched));
    ledger->touched[ledger->touched_count++] = key;
}

void ledger_send(struct ledger *ledger, const struct ledger_operation *operation) {
    ledger->pending[ledger->pending_count++] = *operation;
    for (unsigned i = 0; i < operation->effect_count; i++) {
        touch(ledger, operation->effects[i].key);
        ledger->keys[operation->effects[i].key].sent = operation->effects[i].version;
    }
}

void ledger_acknowledge(struct ledger *ledger) {
    const struct ledger_operation *operation = &ledger->pending[ledger->pending_first++];
    for (unsigned i = 0; i < operation->effect_count; i++)
        ledger->keys[operation->effects[i].key].acknowledged = operation->effects[i].version;
    ledger->acknowledged++;
}

void ledger_clear_pending(struct ledger *ledger) {
    ledger->pending_first = 0;
    ledger->pending_count = 0;
}

/** Tells whether every key with a pending effect was found as expected. */
static bool fits(const struct ledger *ledger) {
    for (unsigned i = ledger->pending_first; i < ledger->pending_count; i++)
        for (unsigned j = 0; j < ledger->pending[i].effect_count; j++) {
            const struct ledger_key *key = &ledger->keys[ledger->pending[i].effects[j].key];
            if (key->found != key->expected)
                return false;
        }
    return true;
}

/** Makes the found versions of the keys with pending effects the acknowledged ones. */
static void accept_found(struct ledger *ledger) {
    for (unsigned i = ledger->pending_first; i < ledger->pending_count; i++)
        for (unsigned j = 0; j < ledger->pending[i].effect_count; j++) {
            struct ledger_key *key = &ledger->keys[ledger->pending[i].effects[j].key];
            key->acknowledged = key->found;
            key->sent = key->found;
        }
    ledger_clear_pending(ledger);
}

bool ledger_match_pending(struct ledger *ledger, unsigned *taken_out) {
    unsigned first = ledger->pending_first;
    for (unsigned i = first; i < ledger->pending_count; i++)
        for (unsigned j = 0; j < ledger->pending[i].effect_count; j++) {
            struct ledger_key *key = &ledger->keys[ledger->pending[i].effects[j].key];
            key->expected = key->acknowledged;
        }
    bool matched = fits(ledger);
    unsigned taken = 0;
    for (; !matched && first + taken < ledger->pending_count; taken++) {
        const struct ledger_operation *operation = &ledger->pending[first + taken];
        for (unsigned j = 0; j < operation->effect_count; j++)
            ledger->keys[operation->effects[j].key].expected = operation->effects[j].version;
        matched = fits(ledger);
    }
    if (matched)
        accept_found(ledger);
    *taken_out = taken;
    return matched;
}

uint64_t ledger_live_keys(const struct ledger *ledger) {
    uint64_t live = 0;
    for (uint32_t i = 0; i < ledger->key_count; i++)
        live += ledger->keys[i].acknowledged != 0;
    return live;
}

void ledger_empty(struct ledger *ledger) {
    ledger->key_count = 0;
    while (ledger->key_count < LEDGER_FIRST_KEY)
        ledger_add_key(ledger);
    ledger->touched_count = 0;
    ledger->shared_sent = 0;
    ledger->shared_values = 0;
    ledger_clear_pending(ledger);
}
