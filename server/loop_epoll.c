#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "accounting.h"
#include "admission.h"
#include "client.h"
#include "clock.h"
#include "delivery.h"
#include "loop.h"
#include "server.h"
#include "session.h"
#include "sweep.h"

enum {
    READ_SIZE = 64 * 1024,             /* most that is read from one client in one turn */
    EVENTS_MAX = 256,                  /* ready sockets handled in one turn */
    ACCEPTS_MAX = 16,                  /* connections taken in one turn */
    LISTEN_AGAIN_MS = 100,             /* rest after running out of descriptors */
    EXHAUSTION_SAID_MS = 10000,        /* how often the log is told about that */
    STOP_MS = 5000,                    /* what a stopping loop grants clients that do not read */
    GATHER_TURNS = 8,                  /* turns without a pause in which writes are gathered for one sync */
    SEND_SIZE = 512 * 1024,            /* most that is sent to one client in one turn */
    SENT_PARTS_MAX = 16,               /* pieces of output in one call */
    LINGER_READS_MAX = 16,             /* input thrown away before a close, in reads */
    UNAUTHENTICATED_OUTPUT_MAX = 1024, /* unread replies a client may have before it has logged in */
};

static bool watch(const struct bzs_loop *loop, int fd, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* ---- The listening sockets ---- */

static bool start_listening(struct bzs_loop *loop) {
    struct bzs_listener *listener = &loop->server->listener;
    loop->listen_again_ms = 0;
    for (size_t i = 0; i < listener->count; i++) {
        struct bzs_socket *socket = &listener->sockets[i];
        if (!watch(loop, socket->fd, EPOLLIN | EPOLLEXCLUSIVE, socket) && errno != EEXIST)
            return false;
    }
    return true;
}

static void stop_listening(struct bzs_loop *loop) {
    struct bzs_listener *listener = &loop->server->listener;
    for (size_t i = 0; i < listener->count; i++)
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, listener->sockets[i].fd, NULL);
}

static bool is_listening_socket(const struct bzs_loop *loop, const void *owner) {
    const struct bzs_listener *listener = &loop->server->listener;
    for (size_t i = 0; i < listener->count; i++)
        if (owner == &listener->sockets[i])
            return true;
    return false;
}

/** Descriptors ran out: accepting again at once would only spin. The log is told now and then, not each time.
 */
static void rest_from_accepting(struct bzs_loop *loop) {
    if (loop->exhaustion_said_ms == 0 || loop->tick_ms - loop->exhaustion_said_ms > EXHAUSTION_SAID_MS) {
        bzs_say(loop->server->messages, BZS_WARNING, "no descriptor left for a new connection");
        loop->exhaustion_said_ms = loop->tick_ms;
    }
    stop_listening(loop);
    loop->listen_again_ms = loop->tick_ms + LISTEN_AGAIN_MS;
}

static void accept_clients(struct bzs_loop *loop, const struct bzs_socket *socket) {
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        int fd;
        enum bzs_accept_result result = bzs_listener_accept(socket, loop->server->config, &fd);
        if (result == BZS_ACCEPT_EXHAUSTED)
            rest_from_accepting(loop);
        if (result != BZS_ACCEPT_DONE)
            return;
        bzs_admit(loop->server, fd);
    }
}

/* ---- One client: read, run, hold, send, close ---- */

/**
 * A client that waits for the syncer is not read. One that has many replies unread is, up to the limit of its
 * input: it may be busy sending all of a pipeline before it reads the first answer.
 */
static bool wants_input(const struct bzs_client *client) {
    return !client->input_ended && !client->close_when_sent && !client->close_now &&
           !(bzs_client_is_held(client) && bzs_client_is_paused(client));
}

/** Before a client waits for the syncer, in whichever way: older failures concern nobody here. */
static void begin_to_await(struct bzs_loop *loop) {
    if (bzs_link_is_alone(&loop->held) && bzs_link_is_alone(&loop->waiting))
        loop->failures_seen = atomic_load(&loop->server->syncer.failures);
}

/** Remembers what the commands just run have to wait for before they are answered. */
static void note_writes(struct bzs_loop *loop, struct bzs_client *client, uint64_t log_begin) {
    struct bzs_server *server = loop->server;
    uint64_t log_end = client->wrote && server->logs_writes ? blitzdb_log_position(server->db) : log_begin;
    client->wrote = log_end != log_begin;
    client->must_hold &= client->wrote;
    if (client->wrote)
        client->wrote_up_to = log_end;
    if (client->must_hold) {
        begin_to_await(loop);
        bzs_client_hold(client, log_end);
        bzs_link_append(&loop->held, &client->held);
        loop->must_sync = true;
    }
    loop->must_write_out |= client->wrote && !client->must_hold;
}

/** Takes note of a client whose last command has begun to wait. */
static void note_wait(struct bzs_loop *loop, struct bzs_client *client) {
    if (!bzs_client_is_waiting(client) || !bzs_link_is_alone(&client->waiting))
        return;
    begin_to_await(loop);
    bzs_client_begin_wait(client);
    if (client->wait.until_ms < loop->wait_until_ms)
        loop->wait_until_ms = client->wait.until_ms;
    loop->must_sync |= client->wait.needs_log;
}

/** Runs the commands that came and those left over, as many as one turn allows. */
static void run_client(struct bzs_loop *loop, struct bzs_client *client, char *data, size_t size) {
    uint64_t log_begin = loop->server->logs_writes ? blitzdb_log_position(loop->server->db) : 0;
    client->turn_begin = bzs_reply_stream_end(&client->reply);
    client->wrote = false;
    client->must_hold = false;
    bzs_reply_borrow(&client->reply, &loop->buffers);
    bzs_client_input(client, data, size);
    note_writes(loop, client, log_begin);
    note_wait(loop, client);
    bzs_link_append(&loop->turn, &client->turn);
}

static void read_client(struct bzs_loop *loop, struct bzs_client *client) {
    size_t room_size = READ_SIZE;
    char *room = bzs_client_room(client, &room_size);
    ssize_t size = recv(client->fd, room != NULL ? room : loop->read_buffer, room_size, 0);
    if (size > 0) {
        bzs_counter_add(&loop->counters.input_bytes, (uint64_t)size);
        bzs_counter_add(&loop->counters.reads, 1);
        atomic_store_explicit(&client->last_ms, loop->tick_ms, memory_order_relaxed);
        if (room != NULL)
            bzs_input_received(&client->input, (size_t)size);
        run_client(loop, client, loop->read_buffer, room != NULL ? 0 : (size_t)size);
    } else if (size == 0) {
        client->input_ended = true;
    } else if (errno != EAGAIN && errno != EINTR) {
        client->close_now = true;
    }
}

/**
 * Sends so many bytes of the buffer, and the kept values among them, but not more than the share of one turn:
 * a peer that reads as fast as it is sent to would keep the loop for as long as there is something to send.
 */
static ssize_t send_parts(const struct bzs_client *client, size_t sendable) {
    const struct bzs_reply *reply = &client->reply;
    if (reply->values == NULL)
        return send(client->fd, reply->data + reply->sent, sendable < SEND_SIZE ? sendable : SEND_SIZE,
                    MSG_NOSIGNAL);
    struct iovec parts[SENT_PARTS_MAX];
    struct msghdr message = {.msg_iov = parts};
    message.msg_iovlen =
        bzs_reply_parts(reply, reply->discarded + reply->sent + sendable, parts, SENT_PARTS_MAX);
    size_t left = SEND_SIZE;
    for (size_t i = 0; i < message.msg_iovlen; i++) {
        parts[i].iov_len = parts[i].iov_len < left ? parts[i].iov_len : left;
        left -= parts[i].iov_len;
    }
    return sendmsg(client->fd, &message, MSG_NOSIGNAL);
}

static void send_output(struct bzs_loop *loop, struct bzs_client *client) {
    size_t sendable = bzs_client_sendable(client);
    if (sendable == 0 || client->close_now)
        return;
    ssize_t sent = send_parts(client, sendable);
    if (sent > 0) {
        bzs_reply_consume(&client->reply, (size_t)sent);
        bzs_counter_add(&loop->counters.output_bytes, (uint64_t)sent);
        bzs_counter_add(&loop->counters.writes, 1);
        atomic_store_explicit(&client->last_ms, loop->tick_ms, memory_order_relaxed);
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        client->close_now = true;
    }
    if (!client->authenticated && bzs_reply_pending(&client->reply) > UNAUTHENTICATED_OUTPUT_MAX) {
        bzs_say(loop->server->messages, BZS_VERBOSE, "client %llu at %s dropped: unread replies before login",
                (unsigned long long)client->id, client->address);
        client->close_now = true;
    }
}

/**
 * A close with unread input resets the connection, and the reset would overtake the last reply on its way. So
 * the end is announced first, and what has arrived is read and thrown away.
 */
static void linger(const struct bzs_loop *loop, const struct bzs_client *client) {
    shutdown(client->fd, SHUT_WR);
    for (int i = 0; i < LINGER_READS_MAX; i++)
        if (recv(client->fd, loop->read_buffer, READ_SIZE, 0) <= 0)
            return;
}

static void close_client(struct bzs_loop *loop, struct bzs_client *client) {
    if (!client->close_now)
        linger(loop, client);
    pthread_mutex_lock(&loop->clients_mutex);
    bzs_link_remove(&client->all);
    pthread_mutex_unlock(&loop->clients_mutex);
    bzs_client_destroy(client);
    atomic_fetch_sub(&loop->client_count, 1);
    atomic_fetch_sub(&loop->server->client_count, 1);
}

static void update_interest(struct bzs_loop *loop, struct bzs_client *client) {
    uint32_t interest =
        (wants_input(client) ? EPOLLIN : 0u) | (bzs_client_sendable(client) > 0 ? EPOLLOUT : 0u);
    if (interest == client->interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = client};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) != 0) {
        client->close_now = true;
        return;
    }
    client->interest = interest;
}

/** Ends a client's turn: sends what may leave and decides what it waits for next. */
static void finish_client(struct bzs_loop *loop, struct bzs_client *client) {
    send_output(loop, client);
    if (bzs_reply_pending(&client->reply) > 0)
        bzs_delivery_drop_if_over(client);
    bzs_reply_give_back(&client->reply, &loop->buffers);
    bool is_done = !client->commands_left && !bzs_client_is_waiting(client);
    client->close_when_sent |= client->input_ended && (is_done || bzs_wait_is_endless(&client->wait));
    if (!client->close_now)
        update_interest(loop, client);
    if (client->close_now || (client->close_when_sent && bzs_reply_pending(&client->reply) == 0)) {
        close_client(loop, client);
        return;
    }
    client->wrote = false;
    bzs_client_publish(client);
    if (client->commands_left && !bzs_client_is_paused(client))
        bzs_link_append(&loop->leftovers, &client->turn);
}

/** Reads and runs. The answers of a turn leave together at its end: one after the other, each would wake a
 * peer that has gone to sleep again, which costs a twentieth of the time at pipeline 16. */
static void handle_client(struct bzs_loop *loop, struct bzs_client *client, uint32_t events) {
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    bool has_run = !bzs_link_is_alone(&client->turn); /* leftovers: reading has to wait for the next turn */
    if (!has_run && wants_input(client) && (broken || (events & EPOLLIN) != 0))
        read_client(loop, client);
    else if (broken && !wants_input(client))
        client->close_now = true;
    bzs_link_append(&loop->turn, &client->turn);
}

/* ---- Durability of the replies ---- */

/** Hands the log of this turn to the system; what cannot be handed over is not acknowledged. */
static void write_out(struct bzs_loop *loop) {
    blitzdb_status status = loop->must_write_out ? blitzdb_write_out(loop->server->db) : BLITZDB_OK;
    loop->must_write_out = false;
    if (status == BLITZDB_OK)
        return;
    bzs_say(loop->server->messages, BZS_WARNING, "the log could not be written: %s",
            blitzdb_status_text(status));
    for (struct bzs_link *link = loop->turn.next; link != &loop->turn; link = link->next) {
        struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, turn);
        if (client->wrote)
            bzs_client_take_back(client);
    }
}

/** Lets go the replies that are durable, and takes back those whose sync failed. */
static void release_held(struct bzs_loop *loop, uint64_t durable, bool failed) {
    struct bzs_link *next;
    for (struct bzs_link *link = loop->held.next; link != &loop->held; link = next) {
        next = link->next;
        struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, held);
        bool released = bzs_client_release(client, durable);
        if (!released && failed)
            bzs_client_take_back(client);
        if (released || failed)
            bzs_link_remove(&client->held);
        bzs_link_append(&loop->turn, &client->turn);
    }
}

/** Answers the clients whose wait is over, and finds out when to look again. */
static void end_waits(struct bzs_loop *loop, uint64_t durable, bool failed) {
    struct bzs_wait_state state = {.has_log = loop->server->logs_writes,
                                   .durable = durable,
                                   .failed = failed,
                                   .stopping = loop->stop_by_ms != 0,
                                   .tick_ms = loop->tick_ms};
    struct bzs_link *next;
    loop->wait_until_ms = INT64_MAX;
    for (struct bzs_link *link = loop->waiting.next; link != &loop->waiting; link = next) {
        next = link->next;
        struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, waiting);
        if (bzs_wait_is_over(&client->wait, &state) || bzs_session_is_unblocked(client)) {
            bool is_answered = bzs_session_end_wait(client, &state);
            bzs_link_append(is_answered ? &loop->turn : &loop->leftovers, &client->turn);
        } else if (client->wait.until_ms < loop->wait_until_ms) {
            loop->wait_until_ms = client->wait.until_ms;
        }
    }
}

/** Asks for a sync once all that has arrived was run: clients that were answered together ask together again,
 * and every sync has its price. */
static void ask_or_gather(struct bzs_loop *loop, bool is_drained) {
    if (!is_drained && loop->gather_turns > 0) {
        loop->gather_turns--;
        return;
    }
    bzs_syncer_request(&loop->server->syncer);
    loop->must_sync = false;
    loop->gather_turns = GATHER_TURNS;
}

/**
 * Deals with held replies and with waiting clients at the end of a turn. The order counts: the flag is raised
 * before the syncer is asked, or is seen to be busy, and lowered after its sync, so every held reply leads to
 * a turn that sees the new position.
 */
static void settle(struct bzs_loop *loop, bool is_drained) {
    struct bzs_syncer *syncer = &loop->server->syncer;
    if (bzs_link_is_alone(&loop->held) && bzs_link_is_alone(&loop->waiting)) {
        loop->must_sync = false; /* who was held, or waited, is gone */
        loop->wait_until_ms = INT64_MAX;
        return;
    }
    atomic_store(&loop->awaits_sync, true);
    uint64_t failures = atomic_load(&syncer->failures);
    uint64_t durable = blitzdb_durable_position(loop->server->db);
    bool failed = failures != loop->failures_seen;
    bool is_news = failed || durable != loop->durable_seen;
    if (is_news)
        release_held(loop, durable, failed);
    if (is_news || loop->tick_ms >= loop->wait_until_ms || loop->stop_by_ms != 0)
        end_waits(loop, durable, failed);
    loop->durable_seen = durable;
    loop->failures_seen = failures;
    if (loop->must_sync && !atomic_load(&syncer->busy))
        ask_or_gather(loop, is_drained);
}

/* ---- The turn ---- */

static struct bzs_client *first_of(const struct bzs_link *turn_list) {
    return BZS_LINK_OWNER(turn_list->next, struct bzs_client, turn);
}

static void dispatch(struct bzs_loop *loop, const struct epoll_event *event) {
    if (event->data.ptr == loop) {
        uint64_t count;
        ssize_t size = read(loop->wake_fd, &count, sizeof(count));
        (void)size; /* it may have been read before */
    } else if (is_listening_socket(loop, event->data.ptr)) {
        accept_clients(loop, event->data.ptr);
    } else {
        handle_client(loop, event->data.ptr, event->events);
    }
}

/** Stops accepting, takes what has arrived, and lets every client go once it has its replies. */
static void begin_stop(struct bzs_loop *loop) {
    loop->stop_by_ms = loop->tick_ms + STOP_MS;
    loop->listen_again_ms = 0;
    stop_listening(loop);
    pthread_mutex_lock(&loop->clients_mutex);
    loop->closed = true; /* from here on the list is this thread's alone */
    pthread_mutex_unlock(&loop->clients_mutex);
    for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next) {
        struct bzs_client *client = BZS_LINK_OWNER(link, struct bzs_client, all);
        bool has_run =
            !bzs_link_is_alone(&client->turn); /* a second run would hide what the first one wrote */
        if (!has_run && wants_input(client))
            read_client(loop, client);
        client->input_ended = true;
        bzs_link_append(&loop->turn, &client->turn);
    }
}

/** Milliseconds to wait for events; -1: until there are some. */
static int wait_ms(const struct bzs_loop *loop) {
    int64_t wait = INT_MAX;
    bool gathers = loop->must_sync && !atomic_load(&loop->server->syncer.busy);
    bool is_called = atomic_load(&loop->calls) != 0; /* by itself too, which wakes nobody */
    if (gathers || is_called || !bzs_link_is_alone(&loop->leftovers))
        return 0;
    if (loop->listen_again_ms != 0)
        wait = loop->listen_again_ms - loop->tick_ms;
    if (bzs_sweep_is_due(loop) && wait > BZS_SWEEP_MS)
        wait = BZS_SWEEP_MS;
    if (loop->wait_until_ms != INT64_MAX && wait > loop->wait_until_ms - loop->tick_ms)
        wait = loop->wait_until_ms - loop->tick_ms;
    if (loop->stop_by_ms != 0 && wait > loop->stop_by_ms - loop->tick_ms)
        wait = loop->stop_by_ms - loop->tick_ms;
    return wait == INT_MAX ? -1 : wait > 0 ? (int)wait : 0;
}

/** Lets every connection take over the loaded database, and what `appendfsync` says now. */
static void follow_server(struct bzs_loop *loop) {
    struct bzs_server *server = loop->server;
    loop->settings_seen = atomic_load(&server->settings_epoch);
    bool is_loaded = loop->loading && atomic_load(&server->db) != atomic_load(&server->placeholder);
    pthread_mutex_lock(&loop->clients_mutex);
    for (struct bzs_link *link = loop->clients.next; link != &loop->clients; link = link->next)
        bzs_client_follow(BZS_LINK_OWNER(link, struct bzs_client, all));
    pthread_mutex_unlock(&loop->clients_mutex);
    if (is_loaded) {
        loop->loading = false;
        bzs_server_note_adoption(server);
    }
}

static void turn(struct bzs_loop *loop) {
    struct epoll_event events[EVENTS_MAX];
    bzs_delivery_wake_others(loop); /* what the end of the last turn had to tell */
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, wait_ms(loop));
    bzs_counter_add(&loop->counters.turns, 1);
    loop->now_ms = bzs_clock_ms(CLOCK_REALTIME);
    loop->tick_ms = bzs_clock_ms(CLOCK_MONOTONIC);
    if (loop->listen_again_ms != 0 && loop->tick_ms >= loop->listen_again_ms && !start_listening(loop))
        loop->listen_again_ms = loop->tick_ms + LISTEN_AGAIN_MS;
    if (atomic_load_explicit(&loop->server->settings_epoch, memory_order_relaxed) != loop->settings_seen)
        follow_server(loop);
    bzs_delivery_answer_calls(loop);
    while (!bzs_link_is_alone(&loop->leftovers))
        run_client(loop, first_of(&loop->leftovers), NULL, 0); /* joins the list of the turn */
    for (int i = 0; i < count; i++)
        dispatch(loop, &events[i]);
    bzs_sweep(loop);
    if (loop->stop_by_ms == 0 && atomic_load(&loop->server->stopping))
        begin_stop(loop);
    write_out(loop);
    bzs_delivery_wake_others(loop);
    settle(loop, count == 0);
    bzs_delivery_answer_calls(loop); /* what this turn's own commands had to tell */
    bzs_delivery_finish_too(loop);
    while (!bzs_link_is_alone(&loop->turn)) {
        struct bzs_client *client = first_of(&loop->turn);
        bzs_link_remove(&client->turn);
        finish_client(loop, client);
    }
}

static void *run(void *argument) {
    struct bzs_loop *loop = argument;
    struct bzs_server *server = loop->server;
    bool stopped = false;
    bzs_delivery_begin(loop);
    while (!stopped) {
        turn(loop);
        stopped = loop->stop_by_ms != 0 &&
                  (loop->tick_ms >= loop->stop_by_ms || atomic_load(&loop->client_count) == 0);
    }
    if (atomic_fetch_sub(&server->loops_running, 1) == 1)
        eventfd_write(server->stopped_fd, 1);
    return NULL;
}

/* ---- Life of a loop ---- */

bool bzs_loop_init(struct bzs_loop *loop, struct bzs_server *server) {
    *loop = (struct bzs_loop){.server = server, .loading = true};
    bzs_link_init(&loop->turn);
    bzs_link_init(&loop->leftovers);
    bzs_link_init(&loop->held);
    bzs_link_init(&loop->waiting);
    bzs_link_init(&loop->mailed);
    bzs_mailbox_init(&loop->mailbox);
    loop->wait_until_ms = INT64_MAX;
    bzs_link_init(&loop->clients);
    pthread_mutex_init(&loop->clients_mutex, NULL);
    loop->now_ms = bzs_clock_ms(CLOCK_REALTIME);
    loop->tick_ms = bzs_clock_ms(CLOCK_MONOTONIC);
    loop->read_buffer = malloc(READ_SIZE);
    loop->account = calloc(1, sizeof(*loop->account));
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return loop->read_buffer != NULL && loop->account != NULL && loop->epoll_fd >= 0 && loop->wake_fd >= 0 &&
           watch(loop, loop->wake_fd, EPOLLIN, loop) && start_listening(loop);
}

void bzs_loop_deinit(struct bzs_loop *loop) {
    while (!bzs_link_is_alone(&loop->clients)) {
        struct bzs_client *client = BZS_LINK_OWNER(loop->clients.next, struct bzs_client, all);
        bzs_link_remove(&client->all);
        bzs_client_destroy(client);
    }
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    free(loop->read_buffer);
    bzs_reply_pool_deinit(&loop->buffers);
    bzs_mail_deinit(&loop->mail);
    bzs_mailbox_deinit(&loop->mailbox);
    if (loop->account != NULL)
        bzs_account_deinit(loop->account);
    free(loop->account);
    pthread_mutex_destroy(&loop->clients_mutex);
}

bool bzs_loop_start(struct bzs_loop *loop) {
    loop->has_thread = pthread_create(&loop->thread, NULL, run, loop) == 0;
    return loop->has_thread;
}

void bzs_loop_wake(struct bzs_loop *loop) {
    eventfd_write(loop->wake_fd, 1);
}

/** Joins a loop that still takes clients; from then on the client is its alone. */
static bool join(struct bzs_loop *loop, struct bzs_client *client) {
    pthread_mutex_lock(&loop->clients_mutex);
    bool joined = !loop->closed;
    if (joined) {
        bzs_client_follow(client); /* the loop may have done so for all others since it was created */
        bzs_link_append(&loop->clients, &client->all);
        atomic_fetch_add(&loop->client_count, 1);
        joined = watch(loop, client->fd, client->interest, client);
        if (!joined) {
            bzs_link_remove(&client->all);
            atomic_fetch_sub(&loop->client_count, 1);
        }
    }
    pthread_mutex_unlock(&loop->clients_mutex);
    return joined;
}

bool bzs_loop_add(struct bzs_loop *loop, int fd) {
    struct bzs_client *client = bzs_client_create(loop, fd);
    if (client == NULL) {
        close(fd);
        return false;
    }
    client->created_ms = bzs_clock_ms(CLOCK_MONOTONIC);
    client->last_ms = client->created_ms;
    client->stranger_since_ms = client->created_ms;
    client->interest = EPOLLIN;
    bool is_stranger = !client->authenticated;
    if (!join(loop, client)) {
        bzs_client_destroy(client);
        return false;
    }
    if (is_stranger)
        bzs_loop_wake(loop); /* it may be waiting for nothing in particular, and has to watch the time now */
    return true;
}
