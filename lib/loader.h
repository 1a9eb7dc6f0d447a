/**
 * @file
 * @brief Loads a snapshot into an empty store with several threads.
 *
 *     walk (mutex) ──> block 7 ──> thread 1: read, check, decode, apply in bulks of some thousand records
 *                  ──> block 8 ──> thread 2: ...
 *
 * Every thread takes the next block until there is none. Blocks are given out in order and finished once they
 * were given out, so a fault at a block means that all before it were looked at: the first fault of the file
 * is the one reported, however many threads there are. Each holds one block and a bulk in memory. Records of
 * a snapshot are in no order, so neither are the blocks.
 */
#ifndef BZD_LOADER_H
#define BZD_LOADER_H

#include "progress.h"
#include "snapshot_reader.h"
#include "store.h"

enum { BZD_LOADER_THREADS_MAX = 64 };

/**
 * Loads all of an open snapshot. The calling thread is one of `threads` (1 to ::BZD_LOADER_THREADS_MAX); the
 * others are started if the file is worth it and the system grants them. With one, no thread is started. The
 * caller holds cancellation off, as the others use what is on its stack.
 *
 * What the functions of the reader answer, or BLITZDB_CANCELED. On failure the store is partly filled.
 */
blitzdb_status bzd_loader_run(const struct bzd_snapshot_reader *reader, struct bzd_store *store,
                              uint32_t threads, struct bzd_progress *progress,
                              struct bzd_snapshot_info *info_out, blitzdb_error *error);

#endif
