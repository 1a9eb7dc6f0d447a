/**
 * @file
 * @brief Assertions on our own bugs; never on bytes from disk, network or the allocator.
 *
 * BZD_ASSERT checks what a function's caller inside the library promised; it costs nothing in release builds.
 * BZD_INVARIANT walks a whole structure (`bzd_<type>_is_valid`) and is on in builds with
 * BZD_CHECK_INVARIANTS.
 */
#ifndef BZD_INVARIANT_H
#define BZD_INVARIANT_H

#include <assert.h>

#define BZD_ASSERT(fact) assert(fact)

#ifdef BZD_CHECK_INVARIANTS
#define BZD_INVARIANT(fact) assert(fact)
#else
#define BZD_INVARIANT(fact) ((void)sizeof(fact))
#endif

#endif
