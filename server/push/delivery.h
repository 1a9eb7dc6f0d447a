/**
 * @file
 * @brief The end of a mailbox: a loop hands the letters to its clients, and does what others asked of it.
 *
 * Letters are delivered between commands, so they stand between replies and never inside one; behind held
 * replies they are held, too, because they stand behind them. A client that leaves more unread than
 * `client-output-buffer-limit` allows is closed.
 *
 * Only for the loop's own thread.
 */
#ifndef BLITZDB_SERVER_DELIVERY_H
#define BLITZDB_SERVER_DELIVERY_H

#include "loop.h"

struct bzs_client;

/** The loop's thread has begun. */
void bzs_delivery_begin(struct bzs_loop *loop);

/** Does what was asked since it was looked last: delivers the mail, marks clients to be closed, looks again
 * at those that wait. At the begin of a turn, before any command runs, and at its end. */
void bzs_delivery_answer_calls(struct bzs_loop *loop);

/** Delivers the mail at once. Between two replies of the client that is running. */
void bzs_delivery_take_mail(struct bzs_loop *loop);

/** Lets clients that got mail take part in the end of this turn. */
void bzs_delivery_finish_too(struct bzs_loop *loop);

/** Wakes the loops that this one has put letters for: once each, however many. */
void bzs_delivery_wake_others(struct bzs_loop *loop);

/** Looks for clients that were above their soft limit for too long. */
void bzs_delivery_sweep(struct bzs_loop *loop);

/** Closes a client that has too much unread. */
void bzs_delivery_drop_if_over(struct bzs_client *client);

#endif
