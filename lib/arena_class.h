/**
 * @file
 * @brief Size classes of an arena: which sizes share runs, and how long their runs are. Arithmetic only.
 *
 *     sizes            apart
 *     8 .. 128         8
 *     .. 512           16
 *     .. 32 KiB        an eighth of the power of two below
 *
 * Small entries are many, so little of them is wasted; nothing is rounded up by more than an eighth.
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
        return (unsigned)(size - 1) / 8;
    if (size <= 512)
        return 16 + (unsigned)(size - 129) / 16;
    unsigned last = (unsigned)size - 1;
    unsigned magnitude = 31u - (unsigned)__builtin_clz(last);
    return 40 + (magnitude - 9) * 8 + (last >> (magnitude - 3)) - 8;
}

/** Size of the blocks of a class, a multiple of 8. */
static inline size_t bzd_class_size(unsigned class_index) {
    if (class_index < 16)
        return (class_index + 1) * 8u;
    if (class_index < 40)
        return 128 + (class_index - 15) * 16u;
    unsigned step = class_index - 40;
    return (size_t)(step % 8 + 9) << (6 + step / 8);
}

/** Spans in a run of a class: as few as leave at most a sixteenth unused behind the last block. */
static inline unsigned bzd_class_spans(size_t block_size) {
    unsigned spans = 1;
    while (spans * (size_t)BZD_SPAN_SIZE % block_size * 16 > spans * (size_t)BZD_SPAN_SIZE)
        spans++;
    return spans;
}

#endif
