/**
 * @file
 * @brief What one thread has to say to clients of another: messages, encoded once, and the box of each loop
 *        that they are put into.
 *
 *     any thread:   message --> bzs_mailbox_put(the loop's box, to whom)      several boxes may share it
 *     the loop:     bzs_mailbox_take() --> all letters in the order in which they came
 *
 * A message is counted by its holders and never changes once it is shared. RESP2 and RESP3 differ in the
 * first byte of a push only, so one encoding serves both. A letter holds its peers and its message; who takes
 * a letter releases it.
 *
 * Threads: a box has a mutex of its own, a leaf: it may be taken under any other lock, and none is taken
 * under it.
 */
#ifndef BLITZDB_SERVER_MAILBOX_H
#define BLITZDB_SERVER_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "reply.h"

struct bzs_peer;

/** What a message is, and so what is put before its bytes. */
enum bzs_message_kind {
    BZS_MESSAGE_PUSH,       /**< a push: the first byte says `>` in RESP3 and `*` in RESP2 */
    BZS_MESSAGE_INVALIDATE, /**< keys that are not valid any more, as an array; empty: all of them */
    BZS_MESSAGE_PLAIN,      /**< the same bytes for everybody */
    BZS_MESSAGE_ONLY_RESP3, /**< a push that RESP2 has no words for */
};

/** Bytes on their way to clients. */
struct bzs_message {
    _Atomic unsigned holders;
    enum bzs_message_kind kind;
    size_t size;
    char bytes[];
};

/** A message with room for so many bytes, held once; NULL: no memory. */
struct bzs_message *bzs_message_create(enum bzs_message_kind kind, size_t size);

/** An array of bulk strings as a message; NULL: no memory. */
struct bzs_message *bzs_message_of_bulks(enum bzs_message_kind kind, const struct bzs_slice *bulks,
                                         size_t count);

/** What a writer holds as a message; NULL: no memory, or the writer has failed. */
struct bzs_message *bzs_message_of_reply(enum bzs_message_kind kind, const struct bzs_reply *reply);

/** Holds a message once more. */
struct bzs_message *bzs_message_hold(struct bzs_message *message);
/** Lets go of a message; the last holder's frees it. NULL is allowed. */
void bzs_message_release(struct bzs_message *message);

/** A message and whom it is for. */
struct bzs_letter {
    struct bzs_peer *to;
    struct bzs_peer *via;        /**< whose invalidation it is, if `to` takes it for another; else NULL */
    struct bzs_message *message; /**< NULL: the client is to be closed, it has too much unread */
};

/** The box of one loop. */
struct bzs_mailbox {
    pthread_mutex_t mutex;
    struct bzs_letter *letters; /**< guarded by mutex, as the rest */
    size_t count, capacity;
    bool has_lost; /**< a letter was lost for lack of memory */
};

/** All letters of a box, taken out. */
struct bzs_mail {
    struct bzs_letter *letters;
    size_t count, capacity;
    bool has_lost;
};

void bzs_mailbox_init(struct bzs_mailbox *box);
/** Throws away what was not taken. */
void bzs_mailbox_deinit(struct bzs_mailbox *box);

/** Puts a letter, which then is the box's, behind the others; true if the box was empty: somebody has to be
 * told. A letter that there is no memory for is released, and bzs_mailbox_take() says so. */
bool bzs_mailbox_put(struct bzs_mailbox *box, const struct bzs_letter *letter);

/** Takes everything out; the array of `mail`, whatever it holds, is what the box goes on with. */
void bzs_mailbox_take(struct bzs_mailbox *box, struct bzs_mail *mail);

/** Releases the array of mail whose letters were released. */
void bzs_mail_deinit(struct bzs_mail *mail);

/** Releases what a letter holds. */
void bzs_letter_release(const struct bzs_letter *letter);

#endif
