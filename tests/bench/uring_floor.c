/* What io_uring would make of the network path: the work of a server without a database, done by completions
 * instead of by readiness. To be measured beside the same thing made with epoll (network_floor).
 *
 *     uring_floor PORT
 *
 * Every `*` in the input is answered by a value of 64 bytes. One thread; connections are received into by
 * multishot requests with a shared ring of buffers, and one system call per turn hands in all answers and
 * waits for the next input: the best case of the interface (liburing's manual,
 * io_uring_prep_recv_multishot(3)). */
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    QUEUE = 4096,
    BUFFERS = 1024, /* a power of two */
    BUFFER_SIZE = 4096,
    GROUP = 0,
    VALUE_SIZE = 64,
    ANSWERS_MAX = BUFFER_SIZE,
};
enum kind { ACCEPT, RECEIVE, SEND };

static struct io_uring ring;
static struct io_uring_buf_ring *buffer_ring;
static char *buffers;
static char *answers;
static size_t answer_size;

static void fail(const char *what) {
    fprintf(stderr, "uring_floor: %s\n", what);
    exit(1);
}

static struct io_uring_sqe *next_entry(enum kind kind, int fd) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
    if (entry == NULL) {
        io_uring_submit(&ring);
        entry = io_uring_get_sqe(&ring);
    }
    if (entry == NULL)
        fail("the queue is full");
    entry->user_data = (uint64_t)kind << 32 | (uint32_t)fd;
    return entry;
}

/** The helpers of liburing set the whole entry, so the tag is put back behind them. */
static void tag(struct io_uring_sqe *entry, enum kind kind, int fd) {
    io_uring_sqe_set_data64(entry, (uint64_t)kind << 32 | (uint32_t)fd);
}

static void receive_from(int fd) {
    struct io_uring_sqe *entry = next_entry(RECEIVE, fd);
    io_uring_prep_recv_multishot(entry, fd, NULL, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = GROUP;
    tag(entry, RECEIVE, fd);
}

static void accept_from(int listener) {
    struct io_uring_sqe *entry = next_entry(ACCEPT, listener);
    io_uring_prep_multishot_accept(entry, listener, NULL, NULL, 0);
    tag(entry, ACCEPT, listener);
}

static void give_back(unsigned number) {
    io_uring_buf_ring_add(buffer_ring, buffers + (size_t)number * BUFFER_SIZE, BUFFER_SIZE,
                          (unsigned short)number, io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(buffer_ring, 1);
}

static void answer(int fd, const char *data, size_t size) {
    size_t count = 0;
    const char *end = data + size;
    for (const char *at = data; (at = memchr(at, '*', (size_t)(end - at))) != NULL; at++)
        count++;
    if (count == 0)
        return;
    struct io_uring_sqe *entry = next_entry(SEND, fd);
    io_uring_prep_send(entry, fd, answers, count * answer_size, MSG_NOSIGNAL);
    tag(entry, SEND, fd);
}

static void complete(const struct io_uring_cqe *done, int listener) {
    enum kind kind = (enum kind)(done->user_data >> 32);
    int fd = (int)(uint32_t)done->user_data;
    if (kind == ACCEPT) {
        int one = 1;
        if (done->res < 0)
            fail("cannot accept");
        setsockopt(done->res, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        receive_from(done->res);
        if ((done->flags & IORING_CQE_F_MORE) == 0)
            accept_from(listener);
    } else if (kind == RECEIVE) {
        if (done->res > 0) {
            unsigned number = done->flags >> IORING_CQE_BUFFER_SHIFT;
            answer(fd, buffers + (size_t)number * BUFFER_SIZE, (size_t)done->res);
            give_back(number);
        }
        if (done->res == 0)
            close(fd);
        else if ((done->flags & IORING_CQE_F_MORE) == 0)
            receive_from(fd);
    }
}

static int listen_on(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 512) != 0)
        fail("cannot listen");
    return listener;
}

static void prepare(void) {
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    if (io_uring_queue_init_params(QUEUE, &ring, &params) != 0)
        fail("the system refuses io_uring");
    buffers = malloc((size_t)BUFFERS * BUFFER_SIZE);
    if (buffers == NULL ||
        posix_memalign((void **)&buffer_ring, 4096, BUFFERS * sizeof(struct io_uring_buf)) != 0)
        fail("no memory");
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)buffer_ring, .ring_entries = BUFFERS, .bgid = GROUP};
    if (io_uring_register_buf_ring(&ring, &registration, 0) != 0)
        fail("the system refuses a ring of buffers");
    io_uring_buf_ring_init(buffer_ring);
    for (unsigned i = 0; i < BUFFERS; i++)
        give_back(i);
    char one[VALUE_SIZE + 16];
    answer_size = (size_t)snprintf(one, sizeof(one), "$%d\r\n%0*d\r\n", VALUE_SIZE, VALUE_SIZE, 0);
    answers = malloc(ANSWERS_MAX * answer_size);
    if (answers == NULL)
        fail("no memory");
    for (size_t i = 0; i < ANSWERS_MAX; i++)
        memcpy(answers + i * answer_size, one, answer_size);
}

int main(int argc, char *argv[]) {
    if (argc != 2)
        fail("usage: uring_floor PORT");
    prepare();
    int listener = listen_on(atoi(argv[1]));
    accept_from(listener);
    for (;;) {
        io_uring_submit_and_wait(&ring, 1);
        unsigned head, count = 0;
        struct io_uring_cqe *done;
        io_uring_for_each_cqe(&ring, head, done) {
            complete(done, listener);
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}
