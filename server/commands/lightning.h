/**
 * @file
 * @brief The picture of LOLWUT: a bolt of lightning over a plain, new every time.
 */
#ifndef BLITZDB_SERVER_LIGHTNING_H
#define BLITZDB_SERVER_LIGHTNING_H

#include <stdint.h>

#include "reply.h"

/**
 * Writes rows of text.
 *
 * A bolt goes down step by step, to the left, straight or to the right by chance; now and then a branch
 * leaves it, which does the same and dies sooner. The same seed gives the same picture.
 * @param columns,rows brought into 10 to 200 and 5 to 100
 */
void bzs_lightning_draw(int64_t columns, int64_t rows, uint64_t seed, struct bzs_reply *text);

#endif
