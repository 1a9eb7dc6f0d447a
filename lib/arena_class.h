/**
 * @file
 * @brief Size classes of an arena: which sizes share runs, and how long their runs are. Arithmetic only.
 *
 *     sizes            apart
 *     4 .. 128         4
 *     .. 512           8
 *     .. 32 KiB        a 32nd of the power of two below
 *
 * Small entries are many, so little of them is wasted; nothing larger is rounded up by more than a 16th.
 */
#ifndef BZD_ARENA_CLASS_H
#define BZD_ARENA_CLASS_H

#include <stddef.h>

#include "arena.h"

enum {
    BZD_SPAN_BITS = 14,
    BZD_SPAN_SIZE = 1 << BZD_SPAN_BITS,
    BZD_CLASS_SIZE_MAX = 32 * 1024,
    BZD_CLASS_NONE = BZD_ARENA_CLASSES, /**< of a run that is one block */
    BZD_CLASS_LENT,                     /**< of a run that was lent */
};

/** The class of a size from 1 to ::BZD_CLASS_SIZE_MAX. */
static inline unsigned bzd_class_of(size_t size) {
    if (size <= 128)
        return (unsigned)(size - 1) / 4;
    if (size <= 512)
        return 32 + (unsigned)(size - 129) / 8;
    unsigned last = (unsigned)size - 1;
    unsigned magnitude = 31u - (unsigned)__builtin_clz(last);
    return 80 + (magnitude - 9) * 32 + (last >> (magnitude - 5)) - 32;
}

/** Size of the blocks of a class, a multiple of ::BZD_UNIT_SIZE. */
static inline size_t bzd_class_size(unsigned class_index) {
    if (class_index < 32)
        return (class_index + 1) * 4u;
    if (class_index < 80)
        return 128 + (class_index - 31) * 8u;
    unsigned step = class_index - 80;
    return (size_t)(step % 32 + 33) << (4 + step / 32);
}

/** Spans in a run of a class: as few as leave at most a 64th of a region unused when it is full of such runs,
 * or a 16th for the blocks of which few fit. */
static inline unsigned bzd_class_spans(size_t block_size) {
    const size_t region_size = (size_t)BZD_REGION_SPANS * BZD_SPAN_SIZE;
    const size_t unused_max = region_size / (block_size <= 4096 ? 64 : 16);
    for (unsigned spans = 1;; spans++) {
        size_t blocks = BZD_REGION_SPANS / spans * (spans * (size_t)BZD_SPAN_SIZE / block_size);
        if (region_size - blocks * block_size <= unused_max)
            return spans;
    }
}

#endif
