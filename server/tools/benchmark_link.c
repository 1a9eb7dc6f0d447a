#include "benchmark_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool link_init(struct link *link, int fd, size_t slot_count, size_t command_size_max, size_t slot_keys) {
    *link = (struct link){.fd = fd, .slot_count = slot_count, .slot_keys = slot_keys};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    link->out_capacity = slot_count * command_size_max;
    link->out = malloc(link->out_capacity);
    link->times = calloc(slot_count, sizeof *link->times);
    if (slot_keys > 0)
        link->keys = calloc(slot_count * slot_keys, sizeof *link->keys);
    return link->out != NULL && link->times != NULL && (slot_keys == 0 || link->keys != NULL);
}

void link_deinit(struct link *link) {
    close(link->fd);
    free(link->out);
    free(link->times);
    free(link->keys);
}

static size_t free_slot(const struct link *link) {
    size_t slot = link->head + link->awaited;
    return slot < link->slot_count ? slot : slot - link->slot_count;
}

char *link_room(struct link *link) {
    size_t command_size_max = link->out_capacity / link->slot_count;
    if (link->out_sent == link->out_size)
        link->out_sent = link->out_size = 0;
    if (link->out_capacity - link->out_size < command_size_max) {
        memmove(link->out, link->out + link->out_sent, link->out_size - link->out_sent);
        link->out_size -= link->out_sent;
        link->out_sent = 0;
    }
    return link->out + link->out_size;
}

uint64_t *link_keys(struct link *link) {
    return link->keys != NULL ? link->keys + free_slot(link) * link->slot_keys : NULL;
}

void link_add(struct link *link, size_t size, uint64_t time) {
    link->times[free_slot(link)] = time;
    link->awaited++;
    link->out_size += size;
}

uint64_t link_remove(struct link *link) {
    uint64_t time = link->times[link->head];
    link->head = link->head + 1 < link->slot_count ? link->head + 1 : 0;
    link->awaited--;
    return time;
}

bool link_send(struct link *link) {
    while (link->out_sent < link->out_size) {
        ssize_t sent =
            send(link->fd, link->out + link->out_sent, link->out_size - link->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return true;
        if (sent < 0 && errno != EINTR)
            return false;
        link->out_sent += sent > 0 ? (size_t)sent : 0;
    }
    return true;
}
