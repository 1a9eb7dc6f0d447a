/**
 * @file
 * @brief Steps that the handlers of several families of data commands share.
 *
 * A command's keys are arguments; these functions hand them to the library in the shape it wants, without an
 * allocation for up to ::BZS_DATA_KEYS_INLINE keys. Everything here is borrowed for the call.
 */
#ifndef BLITZDB_SERVER_COMMAND_DATA_H
#define BLITZDB_SERVER_COMMAND_DATA_H

#include "command.h"

/** Keys of one command that fit the stack. */
#define BZS_DATA_KEYS_INLINE 64
/** Latest expiry the library keeps, in Unix milliseconds (the year 6429). */
#define BZS_DATA_EXPIRE_MAX_MS ((int64_t)1 << 47)

/** How an argument tells a time; flags, combined with `|`. */
enum bzs_data_time {
    BZS_TIME_SECONDS = 1,  /**< seconds, otherwise milliseconds */
    BZS_TIME_RELATIVE = 2, /**< from now, otherwise from 1970 */
    BZS_TIME_POSITIVE = 4, /**< zero and less are refused */
};

/** True if the status is ::BLITZDB_OK; otherwise the error reply has been written. */
bool bzs_data_succeeded(struct bzs_call *call, blitzdb_status status);

/** Number of the keyspace the client has selected. */
unsigned bzs_data_keyspace(const struct bzs_call *call);

/** Shows the values of the keys in arguments 1 to `count`, all at one moment; see blitzdb_view(). */
blitzdb_status bzs_data_view(struct bzs_call *call, size_t count, blitzdb_view_fn view, void *user);

/** Begins a transaction over the keys in arguments 1 to `count`; false: the error reply has been written. */
bool bzs_data_begin(struct bzs_call *call, size_t count, blitzdb_txn **txn_out);

/** The same over `count` keys from the argument `first` on. */
bool bzs_data_begin_at(struct bzs_call *call, size_t first, size_t count, blitzdb_txn **txn_out);

/** Commits if everything was staged well, else drops the transaction. Answers the first failure. */
blitzdb_status bzs_data_end(blitzdb_txn *txn, blitzdb_status staged);

/**
 * Reads an expiry as a Unix time in milliseconds; `how` is ::bzs_data_time. On overflow, and beyond what the
 * library keeps, `-ERR invalid expire time in '...' command` is written.
 */
bool bzs_data_deadline(struct bzs_call *call, size_t index, unsigned how, int64_t *deadline_ms_out);

#endif
