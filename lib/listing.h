/**
 * @file
 * @brief The numbered files of a directory (`log-` and `snapshot-`), in ascending order of their numbers.
 *
 * A list is a copy taken at one moment: it owns its numbers and no file. One thread. Names that do not have
 * the form of bzd_name_number() are passed over.
 */
#ifndef BZD_LISTING_H
#define BZD_LISTING_H

#include <stddef.h>
#include <stdint.h>

#include <blitzdb/env.h>
#include <blitzdb/status.h>

struct bzd_listing {
    const blitzdb_env *env;
    uint64_t *numbers; /**< ascending, each once */
    size_t count;
    size_t capacity;
    int failure; /**< errno of a listing that failed */
};

/** Collects the numbers of the files named prefix, number, suffix. Deinit it only after BLITZDB_OK. */
blitzdb_status bzd_listing_init(struct bzd_listing *listing, const blitzdb_env *env, const char *dir,
                                const char *prefix, const char *suffix);
/** Releases the numbers. */
void bzd_listing_deinit(struct bzd_listing *listing);

#endif
