#include "crashtest_wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    WORDS_MAX = 8,
    SILENCE_S = 120, /* a server that answers nothing for so long hangs */
};

/** Makes room for more bytes. This program has nothing to fall back on without memory. */
static void reserve(struct bytes *bytes, size_t more) {
    if (bytes->size + more <= bytes->capacity)
        return;
    size_t capacity = 2 * bytes->capacity + more;
    char *data = realloc(bytes->data, capacity);
    if (data == NULL) {
        fprintf(stderr, "blitzdb-crashtest: out of memory\n");
        exit(2);
    }
    bytes->data = data;
    bytes->capacity = capacity;
}

static void append(struct bytes *bytes, const void *data, size_t size) {
    reserve(bytes, size);
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

bool wire_open(struct wire *wire, const char *socket_path) {
    *wire = (struct wire){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    struct timeval silence = {.tv_sec = SILENCE_S};
    if (wire->fd >= 0 && setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)) == 0 &&
        connect(wire->fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) == 0)
        return true;
    wire_close(wire);
    return false;
}

void wire_close(struct wire *wire) {
    if (wire->fd >= 0)
        close(wire->fd);
    free(wire->output.data);
    free(wire->input.data);
    *wire = (struct wire){.fd = -1};
}

void wire_add(struct wire *wire, unsigned count, const char *const words[], const size_t sizes[]) {
    char head[32];
    append(&wire->output, head, (size_t)snprintf(head, sizeof(head), "*%u\r\n", count));
    for (unsigned i = 0; i < count; i++) {
        append(&wire->output, head, (size_t)snprintf(head, sizeof(head), "$%zu\r\n", sizes[i]));
        append(&wire->output, words[i], sizes[i]);
        append(&wire->output, "\r\n", 2);
    }
}

void wire_add_words(struct wire *wire, ...) {
    const char *words[WORDS_MAX];
    size_t sizes[WORDS_MAX];
    unsigned count = 0;
    va_list arguments;
    va_start(arguments, wire);
    for (const char *word; count < WORDS_MAX && (word = va_arg(arguments, const char *)) != NULL; count++) {
        words[count] = word;
        sizes[count] = strlen(word);
    }
    va_end(arguments);
    wire_add(wire, count, words, sizes);
}

bool wire_send(struct wire *wire) {
    size_t sent = 0;
    while (sent < wire->output.size) {
        ssize_t put = send(wire->fd, wire->output.data + sent, wire->output.size - sent, MSG_NOSIGNAL);
        if (put < 0 && errno != EINTR)
            return false;
        sent += put > 0 ? (size_t)put : 0;
    }
    wire->output.size = 0;
    return true;
}

/** Receives until `size` bytes are there behind what was taken. */
static bool receive(struct wire *wire, size_t size) {
    struct bytes *input = &wire->input;
    while (input->size - wire->taken < size) {
        if (wire->taken > 0) {
            memmove(input->data, input->data + wire->taken, input->size - wire->taken);
            input->size -= wire->taken;
            wire->taken = 0;
        }
        reserve(input, READ_BYTES);
        ssize_t got = recv(wire->fd, input->data + input->size, input->capacity - input->size, 0);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        input->size += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/** Waits for a whole line; its size without the line end, or -1. */
static ssize_t line_size(struct wire *wire) {
    for (size_t size = 1; receive(wire, size); size = wire->input.size - wire->taken + 1) {
        const char *line = wire->input.data + wire->taken;
        const char *end = memchr(line, '\n', wire->input.size - wire->taken);
        if (end != NULL)
            return end > line ? end - line - 1 : -1;
    }
    return -1;
}

bool wire_read(struct wire *wire, struct reply *reply) {
    ssize_t size = line_size(wire);
    if (size < 1)
        return false;
    char *line = wire->input.data + wire->taken;
    line[size] = '\0'; /* where the carriage return was */
    *reply = (struct reply){line[0], strtoll(line + 1, NULL, 10), line + 1, (size_t)size - 1};
    wire->taken += (size_t)size + 2;
    if (reply->kind != '$')
        return true;
    reply->size = (size_t)reply->number;
    if (reply->number < 0)
        reply->kind = '0';
    else if (!receive(wire, reply->size + 2))
        return false;
    reply->text = wire->input.data + wire->taken;
    wire->taken += reply->kind == '$' ? reply->size + 2 : 0;
    return true;
}
