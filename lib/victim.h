/**
 * @file
 * @brief Which entries of a shard go when the memory limit is reached: the policies of eviction.
 *
 * What is used lately or often is kept by a clock over the table's buckets (see table.h), with two marks for
 * each entry: *used* is set by a hit, *proven* by the hand where it finds an entry used.
 *
 *     found        becomes                      the hand comes by once a round
 *     used         proven
 *     proven       nothing, or proven again     by a throw: 1 in 4 (LRU) or 1 in 8 (LFU) loses the mark
 *     nothing      evicted
 *
 * - A new entry has no mark: if nobody asks for it until the hand comes by, it goes, so a scan of keys that
 * come once does not push out what is used. That is the idea of the small queue of S3-FIFO (Yang et al.,
 * "FIFO queues are all you need for cache eviction", SOSP 2023) and of SIEVE (Zhang et al., NSDI 2024). These
 * keep queues; here the order is that of the hashes, which costs nothing, so the trial of a new entry lasts
 *   anything from nothing to a whole round, half a round on average.
 * - What was used is kept for 4 or 8 rounds more on average: GCLOCK (A. Smith, "Sequentiality and prefetching
 * in database systems", 1978), whose counter is one bit and a throw here, as in R. Morris, "Counting large
 * numbers of events in small registers", 1978.
 *
 * What is given up: an entry that is not used any more needs some rounds to go, so that LFU adapts more
 * slowly to a sudden change than an exact LRU.
 *
 * Everything here works on one shard, which its caller has locked for writing, and removes nothing itself.
 */
#ifndef BZD_VICTIM_H
#define BZD_VICTIM_H

#include "shard.h"

enum { BZD_VICTIMS_MAX = 16 };

/** A search for entries that go. */
struct bzd_search {
    /* filled by the caller */
    uint32_t eviction;     /**< ::blitzdb_eviction, not none */
    uint32_t buckets_left; /**< how many more may be looked at; counts down */
    uint64_t dice;         /**< state of the random numbers: anything unpredictable */
    size_t wanted;         /**< entries, from 1 to ::BZD_VICTIMS_MAX */
    /* filled by the search */
    size_t count;
    bzd_ref refs[BZD_VICTIMS_MAX];
};

/**
 * Looks for `wanted` entries of a shard that the policy gives up first, in some buckets that follow those of
 * the last search. If it finds any it returns at least one, however many are in use: the work is bounded.
 */
void bzd_search_shard(struct bzd_search *search, struct bzd_shard *shard);

/** True if the policy spares keys without an expiry. */
bool bzd_eviction_is_volatile(uint32_t eviction);
/** True if the policy asks which entries are used. */
bool bzd_eviction_tracks_use(uint32_t eviction);

#endif
