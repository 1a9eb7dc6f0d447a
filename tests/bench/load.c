/**
 * @file
 * @brief Load for a server that speaks the Redis protocol on the loopback: GET and SET on uniform keys.
 *
 *     load --port N [--threads N] [--connections N] [--pipeline N] [--set-percent N] [--value-size N]
 *          [--keys N] [--operations N] [--seconds N] [--seed N] [--fill]
 *
 * Every connection sends a batch of commands, waits for all of their replies and sends the next batch. The
 * run ends after so many operations or seconds, whichever comes first; with --fill it sets every key once.
 * The result is one line of name=value pairs; latencies are those of a batch, from its send to its last
 * reply. Error replies are counted, a GET that finds nothing too; a connection that breaks ends the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RECEIVE_SIZE = 256 * 1024,
    KEY_SIZE = 16,
    COMMAND_ROOM = 96,    /**< a command without its value */
    SILENCE_MS = 30000,   /**< a server that answers nothing for so long is given up */
    HISTOGRAM_STEPS = 32, /**< per power of two, so a percentile is at most 3 % too high */
    HISTOGRAM_SIZE = 64 * HISTOGRAM_STEPS,
};

struct settings {
    uint64_t port, threads, connections, pipeline, set_percent, value_size, keys, operations, seconds, seed;
    bool fill;
};

struct connection {
    int fd;
    char *out;
    size_t out_size, out_sent;
    uint64_t sent_at;
    uint64_t awaited; /**< replies still to come */
    size_t skip;      /**< bytes of a bulk reply still to come */
    char line[32];    /**< beginning of a reply line that is not complete */
    size_t line_size;
    bool waits_to_send; /**< epoll also tells when there is room */
};

struct worker {
    const struct settings *settings;
    pthread_t thread;
    struct connection *connections;
    size_t connection_count, running;
    uint64_t random;
    uint64_t key_next;        /**< --fill: the next key of this worker */
    uint64_t operations_left; /**< not yet sent */
    uint64_t deadline;
    uint64_t done, errors, misses;
    uint64_t histogram[HISTOGRAM_SIZE];
    char *received;
    const char *value;
    int epoll;
};

static void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL)
        give_up("out of memory");
    return memory;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/** xorshift64 */
static uint64_t next_random(struct worker *worker) {
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random >> 8;
}

/* -- Latencies ------------------------------------------------------------------------------------ */

/** Exact below HISTOGRAM_STEPS, then HISTOGRAM_STEPS buckets for each power of two. */
static size_t bucket_of(uint64_t ns) {
    if (ns < HISTOGRAM_STEPS)
        return (size_t)ns;
    unsigned shift = 58u - (unsigned)__builtin_clzll(ns);
    return (size_t)shift * HISTOGRAM_STEPS + (size_t)(ns >> shift);
}

/** The end of a bucket. */
static double bucket_us(size_t bucket) {
    if (bucket < HISTOGRAM_STEPS)
        return (double)bucket / 1000.0;
    size_t shift = bucket / HISTOGRAM_STEPS - 1;
    return (double)((bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << shift) / 1000.0;
}

static double percentile_us(const uint64_t *histogram, double share) {
    uint64_t total = 0;
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_SIZE; i++)
        total += histogram[i];
    for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
        seen += histogram[i];
        if (total > 0 && (double)seen >= share * (double)total)
            return bucket_us(i);
    }
    return 0;
}

/* -- Sending -------------------------------------------------------------------------------------- */

static void append_command(struct worker *worker, struct connection *connection) {
    const struct settings *settings = worker->settings;
    bool is_set = settings->fill || next_random(worker) % 100 < settings->set_percent;
    uint64_t key = settings->fill ? worker->key_next++ : next_random(worker) % settings->keys;
    char *at = connection->out + connection->out_size;
    int size = snprintf(at, COMMAND_ROOM, "*%c\r\n$3\r\n%s\r\n$%d\r\nkey:%012" PRIu64 "\r\n",
                        is_set ? '3' : '2', is_set ? "SET" : "GET", KEY_SIZE, key);
    if (is_set) {
        size += snprintf(at + size, COMMAND_ROOM - (size_t)size, "$%" PRIu64 "\r\n", settings->value_size);
        memcpy(at + size, worker->value, settings->value_size + 2);
        size += (int)settings->value_size + 2;
    }
    connection->out_size += (size_t)size;
}

static void watch(const struct worker *worker, struct connection *connection, int operation, bool send_too) {
    struct epoll_event event = {.events = EPOLLIN | (send_too ? EPOLLOUT : 0), .data.ptr = connection};
    if (epoll_ctl(worker->epoll, operation, connection->fd, &event) != 0)
        give_up("epoll_ctl: %s", strerror(errno));
    connection->waits_to_send = send_too;
}

/** Sends what is left of a batch; what does not fit waits for epoll. */
static void flush(const struct worker *worker, struct connection *connection) {
    while (connection->out_sent < connection->out_size) {
        ssize_t sent = send(connection->fd, connection->out + connection->out_sent,
                            connection->out_size - connection->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            give_up("send: %s", strerror(errno));
        if (sent < 0 && errno == EAGAIN)
            break;
        connection->out_sent += sent > 0 ? (size_t)sent : 0;
    }
    bool unsent = connection->out_sent < connection->out_size;
    if (unsent != connection->waits_to_send)
        watch(worker, connection, EPOLL_CTL_MOD, unsent);
}

/** Sends the next batch, or closes the connection if the run is over for it. */
static void send_batch(struct worker *worker, struct connection *connection, uint64_t now) {
    uint64_t count = worker->settings->pipeline;
    if (count > worker->operations_left)
        count = worker->operations_left;
    if (count == 0 || now >= worker->deadline) {
        close(connection->fd);
        worker->running--;
        return;
    }
    worker->operations_left -= count;
    connection->out_size = 0;
    connection->out_sent = 0;
    for (uint64_t i = 0; i < count; i++)
        append_command(worker, connection);
    connection->awaited = count;
    connection->sent_at = now;
    flush(worker, connection);
}

/* -- Receiving ------------------------------------------------------------------------------------ */

/** Looks at one complete reply line; a bulk string goes on behind it. */
static void end_line(struct worker *worker, struct connection *connection) {
    const char *line = connection->line;
    if (line[0] == '$' && line[1] != '-') {
        connection->skip = strtoul(line + 1, NULL, 10) + 2;
    } else {
        worker->errors += line[0] == '-';
        worker->misses += line[0] == '$' || line[0] == '_';
        connection->awaited--;
    }
    connection->line_size = 0;
}

static void take_replies(struct worker *worker, struct connection *connection, const char *data,
                         size_t size) {
    const char *end = data + size;
    while (data < end) {
        size_t rest = (size_t)(end - data);
        if (connection->awaited == 0)
            give_up("the server answered what nobody asked");
        if (connection->skip > 0) {
            size_t part = connection->skip < rest ? connection->skip : rest;
            connection->skip -= part;
            connection->awaited -= connection->skip == 0;
            data += part;
            continue;
        }
        const char *newline = memchr(data, '\n', rest);
        size_t part = newline != NULL ? (size_t)(newline - data) : rest;
        size_t room = sizeof connection->line - 1 - connection->line_size;
        size_t kept = part < room ? part : room; /* an error text need not fit */
        memcpy(connection->line + connection->line_size, data, kept);
        connection->line_size += kept;
        connection->line[connection->line_size] = '\0';
        data += part + (newline != NULL);
        if (newline != NULL)
            end_line(worker, connection);
    }
}

static void receive(struct worker *worker, struct connection *connection) {
    ssize_t size = recv(connection->fd, worker->received, RECEIVE_SIZE, 0);
    if (size == 0)
        give_up("the server closed a connection");
    if (size < 0 && errno != EAGAIN && errno != EINTR)
        give_up("recv: %s", strerror(errno));
    if (size < 0)
        return;
    uint64_t awaited = connection->awaited;
    take_replies(worker, connection, worker->received, (size_t)size);
    worker->done += awaited - connection->awaited;
    if (connection->awaited > 0)
        return;
    uint64_t now = now_ns();
    worker->histogram[bucket_of(now - connection->sent_at)]++;
    send_batch(worker, connection, now);
}

/* -- Running -------------------------------------------------------------------------------------- */

static void *run_worker(void *user) {
    struct worker *worker = user;
    struct epoll_event events[64];
    uint64_t now = now_ns();
    for (size_t i = 0; i < worker->connection_count; i++)
        send_batch(worker, &worker->connections[i], now);
    while (worker->running > 0) {
        int count = epoll_wait(worker->epoll, events, 64, SILENCE_MS);
        if (count == 0)
            give_up("the server has been silent for %d s", SILENCE_MS / 1000);
        if (count < 0 && errno != EINTR)
            give_up("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->waits_to_send)
                flush(worker, connection);
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
                receive(worker, connection);
        }
    }
    return NULL;
}

static void connect_one(struct worker *worker, struct connection *connection) {
    const struct settings *settings = worker->settings;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)settings->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0)
        give_up("cannot connect to port %" PRIu64 ": %s", settings->port, strerror(errno));
    int one = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    connection->out = allocate(settings->pipeline, COMMAND_ROOM + settings->value_size);
    watch(worker, connection, EPOLL_CTL_ADD, false);
}

/** Where the share of worker `i` of `total` things begins; the last one takes what is over. */
static uint64_t share_begin(const struct settings *settings, uint64_t total, uint64_t i) {
    return i < settings->threads ? total / settings->threads * i : total;
}

static uint64_t share_of(const struct settings *settings, uint64_t total, uint64_t i) {
    return share_begin(settings, total, i + 1) - share_begin(settings, total, i);
}

static void init_worker(struct worker *worker, const struct settings *settings, uint64_t i) {
    uint64_t connections = share_of(settings, settings->connections, i);
    worker->settings = settings;
    worker->random = (settings->seed + i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    worker->key_next = share_begin(settings, settings->keys, i);
    worker->operations_left = share_of(settings, settings->fill ? settings->keys : settings->operations, i);
    worker->received = allocate(RECEIVE_SIZE, 1);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (worker->epoll < 0)
        give_up("epoll_create1: %s", strerror(errno));
    worker->connections = allocate(connections, sizeof *worker->connections);
    worker->connection_count = connections;
    worker->running = connections;
    for (uint64_t c = 0; c < connections; c++)
        connect_one(worker, &worker->connections[c]);
}

static void deinit_worker(struct worker *worker) {
    for (size_t i = 0; i < worker->connection_count; i++)
        free(worker->connections[i].out);
    free(worker->connections);
    free(worker->received);
    close(worker->epoll);
}

static void report(const struct worker *workers, const struct settings *settings, double seconds) {
    struct worker *sum = allocate(1, sizeof *sum);
    for (uint64_t i = 0; i < settings->threads; i++) {
        sum->done += workers[i].done;
        sum->errors += workers[i].errors;
        sum->misses += workers[i].misses;
        for (size_t b = 0; b < HISTOGRAM_SIZE; b++)
            sum->histogram[b] += workers[i].histogram[b];
    }
    printf("operations=%" PRIu64 " seconds=%.3f ops_per_second=%.0f p50_us=%.1f p99_us=%.1f p999_us=%.1f "
           "max_us=%.1f errors=%" PRIu64 " misses=%" PRIu64 "\n",
           sum->done, seconds, (double)sum->done / seconds, percentile_us(sum->histogram, 0.50),
           percentile_us(sum->histogram, 0.99), percentile_us(sum->histogram, 0.999),
           percentile_us(sum->histogram, 1.0), sum->errors, sum->misses);
    free(sum);
}

static char *make_value(const struct settings *settings) {
    char *value = allocate(settings->value_size + 2, 1);
    memset(value, 'v', settings->value_size);
    memcpy(value + settings->value_size, "\r\n", 2);
    return value;
}

static void run(const struct settings *settings) {
    struct worker *workers = allocate(settings->threads, sizeof *workers);
    char *value = make_value(settings);
    for (uint64_t i = 0; i < settings->threads; i++) {
        workers[i].value = value;
        init_worker(&workers[i], settings, i);
    }
    uint64_t began = now_ns();
    for (uint64_t i = 0; i < settings->threads; i++) {
        workers[i].deadline = began + settings->seconds * 1000000000u;
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0)
            give_up("cannot start a thread");
    }
    for (uint64_t i = 0; i < settings->threads; i++)
        pthread_join(workers[i].thread, NULL);
    report(workers, settings, (double)(now_ns() - began) * 1e-9);
    for (uint64_t i = 0; i < settings->threads; i++)
        deinit_worker(&workers[i]);
    free(workers);
    free(value);
}

/* -- Settings ------------------------------------------------------------------------------------- */

struct option {
    const char *name;
    uint64_t *number;
    uint64_t minimum, maximum;
};

static void parse(struct settings *settings, int argc, char **argv) {
    const struct option options[] = {
        {"--port", &settings->port, 1, 65535},
        {"--threads", &settings->threads, 1, 64},
        {"--connections", &settings->connections, 1, 10000},
        {"--pipeline", &settings->pipeline, 1, 10000},
        {"--set-percent", &settings->set_percent, 0, 100},
        {"--value-size", &settings->value_size, 0, 1 << 20},
        {"--keys", &settings->keys, 1, 1000000000},
        {"--operations", &settings->operations, 1, UINT64_MAX},
        {"--seconds", &settings->seconds, 1, 3600},
        {"--seed", &settings->seed, 0, UINT32_MAX},
    };
    for (int i = 1; i < argc; i++) {
        size_t at = 0;
        if (strcmp(argv[i], "--fill") == 0) {
            settings->fill = true;
            continue;
        }
        while (at < sizeof options / sizeof options[0] && strcmp(argv[i], options[at].name) != 0)
            at++;
        if (at == sizeof options / sizeof options[0] || i + 1 == argc)
            give_up("%s is unknown or needs a value", argv[i]);
        char *end;
        *options[at].number = strtoull(argv[++i], &end, 10);
        if (*end != '\0' || *options[at].number < options[at].minimum ||
            *options[at].number > options[at].maximum)
            give_up("%s must be between %" PRIu64 " and %" PRIu64, argv[i - 1], options[at].minimum,
                    options[at].maximum);
    }
    if (settings->connections < settings->threads)
        give_up("every thread needs a connection");
}

int main(int argc, char **argv) {
    struct settings settings = {.port = 6379,
                                .threads = 1,
                                .connections = 50,
                                .pipeline = 1,
                                .set_percent = 10,
                                .value_size = 64,
                                .keys = 1000000,
                                .operations = UINT64_MAX,
                                .seconds = 10};
    parse(&settings, argc, argv);
    run(&settings);
    return 0;
}
