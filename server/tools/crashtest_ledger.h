/**
 * @file
 * @brief What one client of blitzdb-crashtest has sent, and what of it was acknowledged.
 *
 * A client has a keyspace and keys of its own, so what it must find there depends on its own operations only.
 * Every operation sets the *version* of one or two keys: 0 means absent, and no version of a key is used
 * twice. An operation is entered as pending before it is sent and becomes acknowledged when its reply is
 * read.
 *
 * The server executes the operations of one connection in order, and what survives a crash is a prefix of the
 * log. So after a restart the keys must be as after some prefix of what was sent, no shorter than what was
 * acknowledged:
 *
 *     acknowledged ........................ | pending ......
 *     must be there, unless overwritten     | some first ones of them, whole, may be there
 *
 * A ledger belongs to the thread of its client while that runs, and to the main thread otherwise.
 */
#ifndef BLITZDB_CRASHTEST_LEDGER_H
#define BLITZDB_CRASHTEST_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

/** Most operations under way on one connection. */
#define LEDGER_PENDING_MAX 64
/** Key 0 is a counter, whose version is its value; then come keys for large values; then all others. */
#define LEDGER_COUNTER 0u
#define LEDGER_FIRST_LARGE 1u
#define LEDGER_LARGE_KEYS 3u
#define LEDGER_FIRST_KEY (LEDGER_FIRST_LARGE + LEDGER_LARGE_KEYS)
/** What is found where a damaged or foreign value stands. */
#define LEDGER_DAMAGED UINT64_MAX

/** A key of a client; the index in the array is its name. */
struct ledger_key {
    uint64_t acknowledged; /**< version after all acknowledged operations */
    uint64_t sent;         /**< version after all that were sent */
    uint64_t found;        /**< version the server has, once it was read */
    uint64_t expected;     /**< used while pending operations are matched */
    bool is_touched;       /**< changed since the last verification */
};

/** What an operation does to one key. */
struct ledger_effect {
    uint32_t key;
    uint64_t version;
};

/** An operation: all its effects take place, or none. */
struct ledger_operation {
    unsigned effect_count;
    struct ledger_effect effects[2];
};

/** The books of one client. */
struct ledger {
    unsigned client;
    struct ledger_key *keys;
    uint32_t key_count, key_capacity;
    uint32_t *touched; /**< indices of the keys with is_touched */
    uint32_t touched_count, touched_capacity;
    struct ledger_operation pending[LEDGER_PENDING_MAX];
    unsigned pending_first, pending_count; /**< those from first to count - 1 */
    uint64_t last_version;
    uint64_t acknowledged;  /**< operations, ever */
    uint64_t shared_sent;   /**< increments of the counter that all clients share ... */
    uint64_t shared_values; /**< ... and the highest value a reply named */
};

void ledger_init(struct ledger *ledger, unsigned client);
void ledger_deinit(struct ledger *ledger);

/** Adds a key that is absent; its index. */
uint32_t ledger_add_key(struct ledger *ledger);

/** A version that was never used. */
uint64_t ledger_new_version(struct ledger *ledger);

/** Enters an operation as pending; there is room until the pending ones are cleared. */
void ledger_send(struct ledger *ledger, const struct ledger_operation *operation);
/** The reply to the first pending operation has come. */
void ledger_acknowledge(struct ledger *ledger);
/** Forgets the acknowledged operations, so that there is room again: call it when none is pending. */
void ledger_clear_pending(struct ledger *ledger);

/**
 * Finds the pending operations that took place before a crash: compares `found` of their keys with the state
 * after each prefix. If one fits, it becomes the acknowledged state and nothing is pending any more;
 * `taken_out` says how many operations it has.
 */
bool ledger_match_pending(struct ledger *ledger, unsigned *taken_out);

/** Number of keys that must be there. */
uint64_t ledger_live_keys(const struct ledger *ledger);

/** Everything was removed, by a command that was acknowledged. */
void ledger_empty(struct ledger *ledger);

#endif
