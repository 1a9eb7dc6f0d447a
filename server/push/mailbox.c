#include "mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "peer.h"

struct bzs_message *bzs_message_create(enum bzs_message_kind kind, size_t size) {
    struct bzs_message *message = malloc(sizeof(*message) + size);
    if (message == NULL)
        return NULL;
    atomic_init(&message->holders, 1);
    message->kind = kind;
    message->size = size;
    return message;
}

/** Type byte, number, CR LF; returns where it ends. */
static char *put_number(char *to, char type, size_t number) {
    *to = type;
    to += 1 + bzs_format_integer((int64_t)number, to + 1);
    memcpy(to, "\r\n", 2);
    return to + 2;
}

struct bzs_message *bzs_message_of_bulks(enum bzs_message_kind kind, const struct bzs_slice *bulks,
                                         size_t count) {
    enum { NUMBER_MAX = 1 + BZS_DECIMAL_SIZE + 2 };
    size_t size = NUMBER_MAX;
    for (size_t i = 0; i < count; i++)
        size += NUMBER_MAX + bulks[i].size + 2;
    struct bzs_message *message = bzs_message_create(kind, size);
    if (message == NULL)
        return NULL;
    char *to = put_number(message->bytes, '*', count);
    for (size_t i = 0; i < count; i++) {
        to = put_number(to, '$', bulks[i].size);
        if (bulks[i].size > 0)
            memcpy(to, bulks[i].data, bulks[i].size);
        memcpy(to + bulks[i].size, "\r\n", 2);
        to += bulks[i].size + 2;
    }
    message->size = (size_t)(to - message->bytes);
    return message;
}

struct bzs_message *bzs_message_of_reply(enum bzs_message_kind kind, const struct bzs_reply *reply) {
    struct bzs_message *message = reply->failed ? NULL : bzs_message_create(kind, reply->size);
    if (message != NULL)
        memcpy(message->bytes, reply->data, reply->size);
    return message;
}

struct bzs_message *bzs_message_hold(struct bzs_message *message) {
    atomic_fetch_add_explicit(&message->holders, 1, memory_order_relaxed);
    return message;
}

void bzs_message_release(struct bzs_message *message) {
    if (message != NULL && atomic_fetch_sub_explicit(&message->holders, 1, memory_order_acq_rel) == 1)
        free(message);
}

void bzs_letter_release(const struct bzs_letter *letter) {
    bzs_peer_release(letter->to);
    bzs_peer_release(letter->via);
    bzs_message_release(letter->message);
}

void bzs_mailbox_init(struct bzs_mailbox *box) {
    *box = (struct bzs_mailbox){.count = 0};
    pthread_mutex_init(&box->mutex, NULL);
}

void bzs_mailbox_deinit(struct bzs_mailbox *box) {
    for (size_t i = 0; i < box->count; i++)
        bzs_letter_release(&box->letters[i]);
    free(box->letters);
    pthread_mutex_destroy(&box->mutex);
}

/** Makes room for one more; the mutex is held. */
static bool grow(struct bzs_mailbox *box) {
    enum { FIRST_CAPACITY = 64 };
    size_t capacity = box->capacity > 0 ? 2 * box->capacity : FIRST_CAPACITY;
    struct bzs_letter *letters = realloc(box->letters, capacity * sizeof(*letters));
    if (letters == NULL)
        return false;
    box->letters = letters;
    box->capacity = capacity;
    return true;
}

bool bzs_mailbox_put(struct bzs_mailbox *box, const struct bzs_letter *letter) {
    pthread_mutex_lock(&box->mutex);
    bool was_empty = box->count == 0 && !box->has_lost;
    bool fits = box->count < box->capacity || grow(box);
    if (fits)
        box->letters[box->count++] = *letter;
    else
        box->has_lost = true;
    pthread_mutex_unlock(&box->mutex);
    if (!fits)
        bzs_letter_release(letter);
    return was_empty;
}

void bzs_mailbox_take(struct bzs_mailbox *box, struct bzs_mail *mail) {
    struct bzs_letter *empty = mail->letters;
    size_t capacity = mail->capacity;
    pthread_mutex_lock(&box->mutex);
    *mail = (struct bzs_mail){box->letters, box->count, box->capacity, box->has_lost};
    box->letters = empty;
    box->capacity = capacity;
    box->count = 0;
    box->has_lost = false;
    pthread_mutex_unlock(&box->mutex);
}

void bzs_mail_deinit(struct bzs_mail *mail) {
    free(mail->letters);
    *mail = (struct bzs_mail){NULL, 0, 0, false};
}
