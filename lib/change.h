/**
 * @file
 * @brief The single changes that calls and batches are made of: each looks at a slot and stages what follows.
 *
 * None of them locks, logs or publishes; see txn.h. Each answers as the public call of the same name does,
 * and stages nothing if it does not answer OK.
 */
#ifndef BZD_CHANGE_H
#define BZD_CHANGE_H

#include "txn.h"

/** Checks set options on their own: INVALID or OUT_OF_RANGE. Completes missing fields with defaults. */
blitzdb_status bzd_set_options_read(const blitzdb_set_options *given, blitzdb_set_options *options_out);

/** Sets; the options were read. The old value is not handed out here. */
blitzdb_status bzd_change_set(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice value,
                              const blitzdb_set_options *options);
blitzdb_status bzd_change_del(struct bzd_txn *txn, struct bzd_slot *slot);
blitzdb_status bzd_change_increment(struct bzd_txn *txn, struct bzd_slot *slot, int64_t delta,
                                    int64_t *result_out);
blitzdb_status bzd_change_increment_double(struct bzd_txn *txn, struct bzd_slot *slot, double delta,
                                           double *result_out);
blitzdb_status bzd_change_append(struct bzd_txn *txn, struct bzd_slot *slot, struct bzd_slice data,
                                 size_t *value_size_out);
blitzdb_status bzd_change_expire_at(struct bzd_txn *txn, struct bzd_slot *slot, int64_t expire_at_ms,
                                    unsigned flags);
blitzdb_status bzd_change_persist(struct bzd_txn *txn, struct bzd_slot *slot);

#endif
