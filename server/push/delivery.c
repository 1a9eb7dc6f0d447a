#include "delivery.h"

#include <string.h>

#include "client.h"
#include "output_limit.h"
#include "peer.h"
#include "server.h"

/* The loop of this thread; NULL: it has none. */
static _Thread_local struct bzs_loop *current;

void bzs_delivery_begin(struct bzs_loop *loop) {
    current = loop;
}

void bzs_loop_call(struct bzs_loop *loop, unsigned calls) {
    atomic_fetch_or(&loop->calls, calls);
    if (current == NULL || current->server != loop->server) {
        bzs_loop_wake(loop);
    } else if (current != loop) {
        size_t index = (size_t)(loop - loop->server->loops);
        current->to_wake[index / 64] |= (uint64_t)1 << index % 64;
    }
}

static void drop(struct bzs_client *client) {
    bzs_say(client->server->messages, BZS_WARNING,
            "client %llu at %s dropped: it has more unread than client-output-buffer-limit allows",
            (unsigned long long)client->id, client->address);
    client->close_now = true;
}

/** Above the soft limit it may stay for a while. */
static bool is_over_for_too_long(struct bzs_peer *peer, const struct bzs_output_limit *limit,
                                 int64_t tick_ms) {
    if (peer->soft_since_ms == 0)
        peer->soft_since_ms = tick_ms;
    peer->loop->watches_soft_limits = true;
    return tick_ms - peer->soft_since_ms > limit->seconds * 1000;
}

/** True if a client has too much unread. */
static bool is_over(struct bzs_client *client) {
    struct bzs_config *config = client->server->config;
    struct bzs_peer *peer = atomic_load_explicit(&client->peer, memory_order_relaxed);
    const struct bzs_output_limit *limit =
        peer != NULL ? bzs_peer_output_limit(peer) : &config->output_limits[BZS_OUTPUT_NORMAL];
    enum bzs_output_verdict verdict = bzs_output_judge(limit, bzs_reply_pending(&client->reply));
    if (verdict == BZS_OUTPUT_OVER_SOFT) {
        peer = peer != NULL ? peer : bzs_peer_of(client); /* which remembers since when */
        return peer == NULL || is_over_for_too_long(peer, limit, client->loop->tick_ms);
    }
    if (peer != NULL)
        peer->soft_since_ms = 0;
    return verdict == BZS_OUTPUT_OVER_HARD;
}

void bzs_delivery_drop_if_over(struct bzs_client *client) {
    if (is_over(client) && !client->close_now)
        drop(client);
}

/** Drops the clients of a loop for which this is true; the log is told how many, when nothing is locked. */
static void drop_where(struct bzs_loop *loop, bool (*is_meant)(struct bzs_client *client)) {
    unsigned count = 0;
    pthread_mutex_lock(&loop->clients_mutex);
    for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
        struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
        if (!client->close_now && is_meant(client)) {
            client->close_now = true;
            bzs_link_append(&loop->turn, &client->turn);
            count++;
        }
    }
    pthread_mutex_unlock(&loop->clients_mutex);
    if (count > 0)
        bzs_say(loop->server->messages, BZS_WARNING,
                "%u clients dropped: more unread than client-output-buffer-limit allows, or memory ran out",
                count);
}

/** What stands before the keys of an invalidation; NULL: this client cannot be told. */
static const char *head_of_invalidation(const struct bzs_client *client, bool is_redirected) {
    if (client->reply.protocol >= 3)
        return ">2\r\n$10\r\ninvalidate\r\n";
    bool listens = is_redirected && (client->modes & BZS_MODE_SUBSCRIBED) != 0;
    return listens ? "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n" : NULL;
}

static void write_invalidation(struct bzs_client *client, const struct bzs_letter *letter) {
    const struct bzs_message *message = letter->message;
    const char *head = head_of_invalidation(client, letter->via != NULL);
    if (head == NULL)
        return;
    bzs_reply_raw(&client->reply, head, strlen(head));
    if (message->size == 0)
        bzs_reply_null(&client->reply);
    else
        bzs_reply_raw(&client->reply, message->bytes, message->size);
}

static void write_message(struct bzs_client *client, const struct bzs_letter *letter) {
    const struct bzs_message *message = letter->message;
    bool is_resp3 = client->reply.protocol >= 3;
    if (message->kind == BZS_MESSAGE_INVALIDATE) {
        write_invalidation(client, letter);
    } else if (message->kind == BZS_MESSAGE_PLAIN) {
        bzs_reply_raw(&client->reply, message->bytes, message->size);
    } else if (message->kind == BZS_MESSAGE_PUSH || is_resp3) {
        bzs_reply_raw(&client->reply, is_resp3 ? ">" : "*", 1);
        bzs_reply_raw(&client->reply, message->bytes + 1, message->size - 1);
    }
}

/** Tells a client that nobody takes its invalidations any more. */
static void report_broken(struct bzs_peer *via, uint64_t redirect) {
    struct bzs_reply text;
    bzs_reply_init(&text);
    atomic_fetch_or(&via->tracking, BZS_TRACKING_BROKEN);
    bzs_reply_array(&text, 2);
    bzs_reply_text(&text, "tracking-redir-broken");
    bzs_reply_integer(&text, (int64_t)redirect);
    struct bzs_message *message = bzs_message_of_reply(BZS_MESSAGE_ONLY_RESP3, &text);
    if (message != NULL)
        bzs_peer_post(via, NULL, message);
    else
        bzs_peer_drown(via);
    bzs_message_release(message);
    bzs_reply_deinit(&text);
}

static void deliver(struct bzs_loop *loop, const struct bzs_letter *letter) {
    struct bzs_peer *peer = letter->to;
    struct bzs_client *client = peer->client;
    if (letter->message != NULL)
        atomic_fetch_sub_explicit(&peer->queued_bytes, letter->message->size, memory_order_relaxed);
    if (letter->via != NULL && (client == NULL || client->close_now || atomic_load(&peer->drowned)))
        report_broken(letter->via, peer->id);
    if (client == NULL || client->close_now || client->close_when_sent)
        return;
    if (letter->message == NULL) {
        drop(client);
    } else {
        bzs_reply_borrow(&client->reply, &loop->buffers);
        write_message(client, letter);
        bool is_too_much = bzs_reply_pending(&client->reply) > bzs_output_most(bzs_peer_output_limit(peer));
        if (is_too_much || client->reply.failed)
            drop(client);
    }
    bzs_link_append(&loop->mailed, &peer->mailed);
}

/** True for a client that gets letters. */
static bool has_peer(struct bzs_client *client) {
    return atomic_load_explicit(&client->peer, memory_order_relaxed) != NULL;
}

/* What a long queue needed is given back. */
enum { KEPT_LETTERS = 1024 };

void bzs_delivery_take_mail(struct bzs_loop *loop) {
    struct bzs_mail *mail = &loop->mail;
    bzs_mailbox_take(&loop->mailbox, mail);
    for (size_t i = 0; i < mail->count; i++) {
        deliver(loop, &mail->letters[i]);
        bzs_letter_release(&mail->letters[i]);
    }
    if (mail->has_lost) /* nobody knows whose: who relies on letters must not go on as if nothing happened */
        drop_where(loop, has_peer);
    if (mail->capacity > KEPT_LETTERS)
        bzs_mail_deinit(mail);
}

/** Drops the clients that somebody wants closed, also those that only wait for their output to leave. */
static void close_killed(struct bzs_loop *loop) {
    pthread_mutex_lock(&loop->clients_mutex);
    for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
        struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
        if (atomic_load_explicit(&client->killed, memory_order_relaxed)) {
            client->close_now = true;
            bzs_link_append(&loop->turn, &client->turn);
        }
    }
    pthread_mutex_unlock(&loop->clients_mutex);
}

void bzs_delivery_answer_calls(struct bzs_loop *loop) {
    if (atomic_load_explicit(&loop->calls, memory_order_acquire) == 0)
        return;
    unsigned calls = atomic_exchange(&loop->calls, 0);
    if ((calls & BZS_CALL_MAIL) != 0)
        bzs_delivery_take_mail(loop);
    if ((calls & BZS_CALL_KILL) != 0)
        close_killed(loop);
    if ((calls & BZS_CALL_WAITS) != 0)
        loop->wait_until_ms = 0;
}

void bzs_delivery_finish_too(struct bzs_loop *loop) {
    while (!bzs_link_is_alone(&loop->mailed)) {
        struct bzs_peer *peer = BZS_LINK_OWNER(loop->mailed.next, struct bzs_peer, mailed);
        bzs_link_remove(&peer->mailed);
        if (bzs_link_is_alone(&peer->client->turn))
            bzs_link_append(&loop->turn, &peer->client->turn);
    }
}

void bzs_delivery_wake_others(struct bzs_loop *loop) {
    for (unsigned i = 0; i < sizeof(loop->to_wake) / sizeof(loop->to_wake[0]); i++) {
        for (uint64_t left = loop->to_wake[i]; left != 0; left &= left - 1)
            bzs_loop_wake(&loop->server->loops[i * 64 + (unsigned)__builtin_ctzll(left)]);
        loop->to_wake[i] = 0;
    }
}

/** True for a client that is above its soft limit for too long. */
static bool is_still_over(struct bzs_client *client) {
    const struct bzs_peer *peer = atomic_load_explicit(&client->peer, memory_order_relaxed);
    return peer != NULL && peer->soft_since_ms != 0 && is_over(client);
}

void bzs_delivery_sweep(struct bzs_loop *loop) {
    if (!loop->watches_soft_limits)
        return;
    loop->watches_soft_limits = false; /* who is still above says so */
    drop_where(loop, is_still_over);
}
