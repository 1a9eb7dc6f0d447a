#include "loader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "database.h"

bool bzs_loader_init(struct bzs_loader *loader, struct bzs_config *config, struct bzs_messages *messages) {
    *loader = (struct bzs_loader){.config = config, .messages = messages, .status = BLITZDB_CANCELED};
    loader->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return loader->done_fd >= 0;
}

static void *run(void *argument) {
    struct bzs_loader *loader = argument;
    loader->status =
        bzs_database_open(loader->config, loader->messages, &loader->loading, &loader->canceled, &loader->db);
    if (loader->status != BLITZDB_OK)
        loader->db = NULL;
    eventfd_write(loader->done_fd, 1);
    return NULL;
}

bool bzs_loader_start(struct bzs_loader *loader) {
    loader->loading.begin_ms = bzs_clock_ms(CLOCK_REALTIME);
    loader->loading.begin_tick_ms = bzs_clock_ms(CLOCK_MONOTONIC);
    loader->has_thread = pthread_create(&loader->thread, NULL, run, loader) == 0;
    return loader->has_thread;
}

bool bzs_loader_wait(const struct bzs_loader *loader, int timeout_ms) {
    struct pollfd done = {.fd = loader->done_fd, .events = POLLIN};
    return poll(&done, 1, timeout_ms) == 1;
}

void bzs_loader_join(struct bzs_loader *loader) {
    if (loader->has_thread)
        pthread_join(loader->thread, NULL);
    loader->has_thread = false;
}

void bzs_loader_deinit(struct bzs_loader *loader) {
    loader->canceled = true;
    bzs_loader_join(loader);
    if (loader->done_fd >= 0)
        close(loader->done_fd);
    loader->done_fd = -1;
}

double bzs_loading_percent(const struct bzs_loading *loading) {
    uint64_t total = loading->bytes_total;
    uint64_t done = loading->bytes_done;
    return total == 0 ? 0.0 : done >= total ? 100.0 : 100.0 * (double)done / (double)total;
}

int64_t bzs_loading_eta_s(const struct bzs_loading *loading) {
    double percent = bzs_loading_percent(loading);
    double elapsed_s = (double)(bzs_clock_ms(CLOCK_MONOTONIC) - loading->begin_tick_ms) / 1000;
    return percent > 0 ? (int64_t)(elapsed_s * (100 - percent) / percent) : 1; /* 1 as Redis says then */
}
