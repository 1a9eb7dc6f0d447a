#include "benchmark_worker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "benchmark_random.h"
#include "benchmark_socket.h"

enum {
    RECEIVE_SIZE = 256 * 1024,
    EVENTS_MAX = 64,
    LOOK_UP_MS = 200,  /**< how often a waiting thread looks whether it should stop */
    SILENCE_MS = 30000 /**< a server that answers nothing for so long is given up */
};

static const uint64_t second_ns = 1000000000;
/** Before a command is due, this long is waited for it without sleeping, because waking up takes time. */
static const uint64_t awake_ns = 100000;

uint64_t worker_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

uint64_t worker_share_begin(uint64_t total, uint64_t number, uint64_t threads) {
    return total / threads * number + (number < total % threads ? number : total % threads);
}

static void fail(struct worker *worker, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Keeps the first failure, and ends the other threads too. */
static void fail(struct worker *worker, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (worker->failure[0] == '\0')
        vsnprintf(worker->failure, ERROR_SIZE, format, arguments);
    va_end(arguments);
    atomic_store(worker->stop, true);
}

static bool failed(const struct worker *worker) {
    return worker->failure[0] != '\0';
}

/* -- Values that are verified --------------------------------------------------------------------- */

/** Which key a value belongs to: the n-th of its command, or what memcached says. */
static uint64_t key_of(const struct link *link, const struct value_part *part) {
    const struct settings *settings = link->worker->workload->settings;
    if (part->key == NULL)
        return link->keys[link->head * link->slot_keys + part->index % link->slot_keys];
    return strtoull(part->key + strlen(settings->key_prefix), NULL, 10);
}

static void check_value(void *user, const struct value_part *part) {
    struct link *link = user;
    const struct workload *workload = link->worker->workload;
    const struct settings *settings = workload->settings;
    if (part->offset == 0)
        link->value_wrong = false;
    if (link->value_wrong)
        return;
    bool fits = part->size >= settings->value_min && part->size <= settings->value_max;
    if (fits &&
        values_match(&workload->values, key_of(link, part), part->offset, part->part, part->part_size))
        return;
    link->value_wrong = true;
    link->worker->totals.wrong_values++;
}

/* -- Sending -------------------------------------------------------------------------------------- */

static void watch(struct worker *worker, struct link *link, int operation, bool room_too) {
    struct epoll_event event = {.events = EPOLLIN | (room_too ? (uint32_t)EPOLLOUT : 0), .data.ptr = link};
    if (epoll_ctl(worker->epoll, operation, link->fd, &event) != 0)
        fail(worker, "epoll_ctl: %s", strerror(errno));
    link->waits_for_room = room_too;
}

static void flush(struct worker *worker, struct link *link) {
    size_t sent = link->out_sent;
    if (!link_send(link))
        fail(worker, "the connection broke while sending: %s", strerror(errno));
    worker->totals.bytes_sent += link->out_sent - sent;
    bool unsent = link->out_sent < link->out_size;
    if (unsent != link->waits_for_room)
        watch(worker, link, EPOLL_CTL_MOD, unsent);
}

static void add_command(struct worker *worker, struct link *link, uint64_t time) {
    const struct workload *workload = worker->workload;
    const struct request *request =
        worker->phase.fills ? &workload->set : workload_choose(workload, &worker->source.random);
    size_t size = request_write(request, &worker->source, link_room(link), link_keys(link));
    link_add(link, size, time);
    worker->outstanding++;
    worker->totals.keys += request->keys;
}

/** Closed loop: the next batch of a link that waits for nothing, unless the phase is over. */
static void send_batch(struct worker *worker, struct link *link, uint64_t now) {
    const struct phase *phase = &worker->phase;
    uint64_t count = phase->pipeline < worker->left ? phase->pipeline : worker->left;
    bool over = phase->duration_ns > 0 && now >= phase->begin_ns + phase->duration_ns;
    if (count == 0 || over || atomic_load_explicit(worker->stop, memory_order_relaxed))
        return;
    worker->left -= count;
    link->head = 0;
    for (uint64_t i = 0; i < count; i++)
        add_command(worker, link, 0);
    uint64_t sent_at = worker_now_ns();
    for (uint64_t i = 0; i < count; i++)
        link->times[i] = sent_at;
    flush(worker, link);
}

static void make_ready(struct worker *worker, struct link *link) {
    if (link->ready || link->awaited >= worker->phase.pipeline)
        return;
    size_t last = worker->ready_first + worker->ready_count++;
    worker->ready[last < worker->link_count ? last : last - worker->link_count] = link;
    link->ready = true;
}

static struct link *take_ready(struct worker *worker) {
    struct link *link = worker->ready[worker->ready_first];
    worker->ready_first = worker->ready_first + 1 < worker->link_count ? worker->ready_first + 1 : 0;
    worker->ready_count--;
    link->ready = false;
    return link;
}

/** Open loop: everything that is due and finds a link. */
static void send_due(struct worker *worker, uint64_t now) {
    uint64_t due;
    while (worker->ready_count > 0 && (due = schedule_due(&worker->schedule)) <= now) {
        struct link *link = take_ready(worker);
        schedule_take(&worker->schedule);
        add_command(worker, link, due);
        make_ready(worker, link);
        if (!link->unflushed)
            worker->unflushed[worker->unflushed_count++] = link;
        link->unflushed = true;
    }
    for (size_t i = 0; i < worker->unflushed_count; i++) {
        worker->unflushed[i]->unflushed = false;
        flush(worker, worker->unflushed[i]);
    }
    worker->unflushed_count = 0;
}

/* -- Receiving ------------------------------------------------------------------------------------ */

/** Takes all replies in some bytes; answers how many. */
static uint64_t take_replies(struct worker *worker, struct link *link, const char *data, size_t size,
                             uint64_t now) {
    uint64_t before = link->reader.replies;
    while (size > 0) {
        uint64_t replies = link->reader.replies;
        if (link->awaited == 0) {
            fail(worker, "the server answered what nobody asked");
            break;
        }
        size_t taken = reply_reader_take(&link->reader, data, size);
        data += taken;
        size -= taken;
        if (link->reader.broken) {
            fail(worker, "the server's answer is of another protocol (%.40s); --protocol names it",
                 link->reader.line);
            break;
        }
        if (link->reader.replies == replies)
            continue;
        uint64_t time = link_remove(link);
        histogram_add(&worker->latency, now > time ? now - time : 0);
    }
    return link->reader.replies - before;
}

static void receive(struct worker *worker, struct link *link) {
    ssize_t size = recv(link->fd, worker->received, RECEIVE_SIZE, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        fail(worker, "the server closed a connection%s%s", size < 0 ? ": " : "",
             size < 0 ? strerror(errno) : "");
        return;
    }
    uint64_t now = worker_now_ns();
    uint64_t replies = take_replies(worker, link, worker->received, (size_t)size, now);
    worker->totals.bytes_received += (uint64_t)size;
    worker->outstanding -= replies;
    uint64_t done = atomic_load_explicit(&worker->done, memory_order_relaxed);
    atomic_store_explicit(&worker->done, done + replies, memory_order_relaxed);
    if (worker->phase.rate > 0)
        make_ready(worker, link);
    else if (link->awaited == 0)
        send_batch(worker, link, now);
}

/* -- Running -------------------------------------------------------------------------------------- */

/** Waits for the sockets, at most so long; 0 does not wait. */
static void wait_and_handle(struct worker *worker, int timeout_ms, uint64_t *silent_since) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(worker->epoll, events, EVENTS_MAX, timeout_ms);
    if (count < 0 && errno != EINTR)
        fail(worker, "epoll_wait: %s", strerror(errno));
    if (count > 0)
        *silent_since = 0;
    else if (worker->outstanding > 0 && *silent_since == 0)
        *silent_since = worker_now_ns();
    else if (worker->outstanding > 0 && worker_now_ns() - *silent_since > SILENCE_MS * 1000000ull)
        fail(worker, "the server has not answered for %d s", SILENCE_MS / 1000);
    for (int i = 0; i < count && !failed(worker); i++) {
        struct link *link = events[i].data.ptr;
        if (link->waits_for_room)
            flush(worker, link);
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            receive(worker, link);
    }
}

static void run_closed(struct worker *worker) {
    uint64_t silent_since = 0;
    for (size_t i = 0; i < worker->link_count; i++)
        send_batch(worker, &worker->links[i], worker->phase.begin_ns);
    while (worker->outstanding > 0 && !failed(worker))
        wait_and_handle(worker, LOOK_UP_MS, &silent_since);
}

/** Sleeps in whole milliseconds, and not at all in the last moments before a command is due. */
static int open_timeout_ms(const struct worker *worker, uint64_t now) {
    uint64_t due = schedule_due(&worker->schedule);
    if (worker->ready_count == 0 || due == UINT64_MAX)
        return LOOK_UP_MS;
    if (due < now + awake_ns)
        return 0;
    uint64_t ms = (due - now - awake_ns) / 1000000;
    return ms < LOOK_UP_MS ? (int)ms : LOOK_UP_MS;
}

/** A server that cannot keep the rate gets as much time again, at least 5 s; then the rest is given up. */
static void give_up_late(struct worker *worker, uint64_t now) {
    const struct phase *phase = &worker->phase;
    uint64_t grace = phase->duration_ns > 5 * second_ns ? phase->duration_ns : 5 * second_ns;
    bool stopped = atomic_load_explicit(worker->stop, memory_order_relaxed);
    if (!stopped && now < phase->begin_ns + phase->duration_ns + grace)
        return;
    worker->totals.unsent += worker->schedule.left;
    worker->schedule.left = 0;
}

static void run_open(struct worker *worker) {
    uint64_t silent_since = 0;
    for (size_t i = 0; i < worker->link_count; i++)
        make_ready(worker, &worker->links[i]);
    while ((worker->schedule.left > 0 || worker->outstanding > 0) && !failed(worker)) {
        uint64_t now = worker_now_ns();
        give_up_late(worker, now);
        send_due(worker, now);
        wait_and_handle(worker, open_timeout_ms(worker, worker_now_ns()), &silent_since);
    }
}

void *worker_run(void *user) {
    struct worker *worker = user;
    if (worker->phase.rate > 0)
        run_open(worker);
    else
        run_closed(worker);
    return NULL;
}

void worker_begin(struct worker *worker, const struct phase *phase) {
    const struct settings *settings = worker->workload->settings;
    uint64_t first = worker_share_begin(settings->keys, worker->number, settings->threads);
    uint64_t stream = settings->seed * 1000003 + worker->number * 2;
    worker->phase = *phase;
    worker->latency = (struct histogram){0};
    worker->counts = (struct reply_counts){0};
    worker->totals = (struct totals){0};
    atomic_store(&worker->done, 0);
    key_source_init(&worker->source.keys, phase->fills ? KEYS_SEQUENTIAL : settings->order, settings->keys,
                    settings->theta, stream, first);
    worker->source.random = random_mix(stream + 1);
    worker->ready_first = worker->ready_count = 0;
    for (size_t i = 0; i < worker->link_count; i++)
        worker->links[i].ready = false;
    uint64_t begin = worker_share_begin(phase->operations, worker->number, settings->threads);
    uint64_t end = worker_share_begin(phase->operations, worker->number + 1, settings->threads);
    worker->left = phase->operations == UINT64_MAX ? UINT64_MAX : end - begin;
    schedule_init(&worker->schedule, phase->begin_ns, phase->rate, worker->number, settings->threads,
                  phase->rate > 0 ? phase->operations : 0);
}

/* -- Init and deinit ------------------------------------------------------------------------------ */

static bool open_link(struct worker *worker, struct link *link) {
    const struct settings *settings = worker->workload->settings;
    int fd = socket_open(settings, false, worker->failure);
    if (fd < 0)
        return false;
    size_t slots = settings->pipeline;
    if (settings->fill && settings->fill_pipeline > slots)
        slots = settings->fill_pipeline;
    if (!link_init(link, fd, slots, worker->workload->size_max, settings->verify ? settings->mget : 0)) {
        fail(worker,
             "no memory for %zu commands of up to %zu bytes on each connection: use less -c, -P or -d", slots,
             worker->workload->size_max);
        link_deinit(link);
        return false;
    }
    link->worker = worker;
    reply_reader_init(&link->reader, settings, &worker->counts, settings->verify ? check_value : NULL, link);
    watch(worker, link, EPOLL_CTL_ADD, false);
    return true;
}

bool worker_init(struct worker *worker, const struct workload *workload, uint64_t number, atomic_bool *stop) {
    const struct settings *settings = workload->settings;
    uint64_t begin = worker_share_begin(settings->connections, number, settings->threads);
    size_t count = worker_share_begin(settings->connections, number + 1, settings->threads) - begin;
    worker->workload = workload;
    worker->number = number;
    worker->stop = stop;
    worker->source.values = &workload->values;
    worker->source.key_digits = settings->key_size - strlen(settings->key_prefix);
    worker->source.value_min = settings->value_min;
    worker->source.value_max = settings->value_max;
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->received = malloc(RECEIVE_SIZE);
    worker->links = calloc(count, sizeof *worker->links);
    worker->ready = calloc(count, sizeof(struct link *));
    worker->unflushed = calloc(count, sizeof(struct link *));
    if (worker->epoll < 0 || worker->received == NULL || worker->links == NULL || worker->ready == NULL ||
        worker->unflushed == NULL)
        fail(worker, "cannot prepare a thread: %s", strerror(errno));
    while (worker->link_count < count && !failed(worker))
        if (open_link(worker, &worker->links[worker->link_count]))
            worker->link_count++;
    return !failed(worker);
}

void worker_deinit(struct worker *worker) {
    for (size_t i = 0; i < worker->link_count; i++)
        link_deinit(&worker->links[i]);
    free(worker->links);
    free(worker->ready);
    free(worker->unflushed);
    free(worker->received);
    close(worker->epoll);
}
