#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"
#include "service.h"

/* While the database is loaded the service manager hears of it this often, and waits this much longer. */
enum { LOADING_TOLD_MS = 1000, LOADING_EXTRA_US = 30 * 1000000 };

/** What the main thread knows. */
struct supervisor {
    struct bzs_server *server;
    struct bzs_service service;
    struct bzs_background *background;
    int signal_fd;
    bool loads;                      /**< the loader has not ended */
    blitzdb_status loaded;           /**< how it ended */
    uint64_t turns[BZS_THREADS_MAX]; /**< of each loop, when the watchdog was fed last */
};

static sigset_t caught_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signals;
}

static void set_mask(int how) {
    sigset_t signals = caught_signals();
    sigdelset(&signals, SIGHUP);
    pthread_sigmask(how, &signals, NULL);
}

int bzs_supervisor_catch_signals(void) {
    sigset_t signals = caught_signals();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of the write, not the end of the process */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

/**
 * Stops the server, unless it would lose data by that: then it goes on. Meanwhile the signals have their
 * default action again, so that a second one ends the process at once.
 */
static void stop_by_signal(struct supervisor *supervisor, unsigned number) {
    struct bzs_server *server = supervisor->server;
    set_mask(SIG_UNBLOCK);
    bzs_say(server->messages, BZS_NOTICE, "signal %u: stopping", number);
    bzs_service_tell(&supervisor->service, "STOPPING=1\nSTATUS=stopping");
    if (bzs_server_prepare_stop(server, BZS_FINAL_SNAPSHOT_DEFAULT)) {
        bzs_server_stop(server);
        return;
    }
    bzs_say(server->messages, BZS_WARNING,
            "the data could not be saved, so the server goes on; SHUTDOWN NOSAVE ends it without saving");
    bzs_service_tell(&supervisor->service,
                     "READY=1\nSTATUS=the data could not be saved, so the server goes on");
    set_mask(SIG_BLOCK);
}

/** SIGHUP: somebody has moved the log file away. */
static void reopen_log(struct supervisor *supervisor) {
    bzs_service_tell(&supervisor->service, "RELOADING=1\nMONOTONIC_USEC=%lld",
                     (long long)bzs_clock_ms(CLOCK_MONOTONIC) * 1000);
    bzs_messages_reopen(supervisor->server->messages);
    bzs_say(supervisor->server->messages, BZS_NOTICE, "signal %d: the log file was opened again", SIGHUP);
    bzs_service_tell(&supervisor->service, "READY=1");
}

static void take_signal(struct supervisor *supervisor) {
    struct signalfd_siginfo signal;
    if (read(supervisor->signal_fd, &signal, sizeof(signal)) != sizeof(signal))
        return;
    if (signal.ssi_signo == SIGHUP)
        reopen_log(supervisor);
    else
        stop_by_signal(supervisor, signal.ssi_signo);
}

static void end_loading(struct supervisor *supervisor) {
    supervisor->loads = false;
    supervisor->loaded = bzs_server_attach(supervisor->server);
}

/** Without an address there is the socket in the file system alone. */
static void say_where(const struct bzs_server *server) {
    bool has_port = server->listener.count > (server->listener.unix_path != NULL ? 1 : 0);
    if (has_port)
        bzs_say(server->messages, BZS_ALWAYS, "Ready to accept connections on port %d",
                server->listener.port);
    else
        bzs_say(server->messages, BZS_ALWAYS, "Ready to accept connections on %s",
                server->listener.unix_path);
}

static void say_ready(struct supervisor *supervisor) {
    eventfd_t count;
    (void)eventfd_read(supervisor->server->ready_fd, &count);
    say_where(supervisor->server);
    bzs_service_tell(&supervisor->service, "READY=1\nSTATUS=ready to accept connections");
    supervisor->server->messages->to_terminal = false;
    bzs_background_ready(supervisor->background);
}

/** Milliseconds between two things that are told unasked; -1: nothing is. */
static int interval_ms(const struct supervisor *supervisor) {
    int64_t watchdog_ms = supervisor->service.watchdog_ms / 2;
    if (supervisor->service.fd < 0 || (watchdog_ms == 0 && !supervisor->loads))
        return -1;
    return (int)(watchdog_ms > 0 && (watchdog_ms < LOADING_TOLD_MS || !supervisor->loads) ? watchdog_ms
                                                                                          : LOADING_TOLD_MS);
}

/** True if every loop has taken a turn since it was asked last; asks again. */
static bool loops_turn(struct supervisor *supervisor) {
    bool all = true;
    for (unsigned i = 0; i < supervisor->server->loop_count; i++) {
        struct bzs_loop *loop = &supervisor->server->loops[i];
        uint64_t turns = atomic_load(&loop->counters.turns);
        all &= turns != supervisor->turns[i];
        supervisor->turns[i] = turns;
        bzs_loop_wake(loop);
    }
    return all;
}

/** Tells the service manager how far the loading is, and that the loops are alive. */
static void tell_state(struct supervisor *supervisor) {
    const struct bzs_service *service = &supervisor->service;
    if (supervisor->loads)
        bzs_service_tell(service, "STATUS=loading %d %%\nEXTEND_TIMEOUT_USEC=%d",
                         (int)bzs_loading_percent(&supervisor->server->loader.loading), LOADING_EXTRA_US);
    if (service->watchdog_ms > 0 && loops_turn(supervisor))
        bzs_service_tell(service, "WATCHDOG=1");
}

static void serve(struct supervisor *supervisor) {
    struct bzs_server *server = supervisor->server;
    struct pollfd ready[] = {{.fd = supervisor->signal_fd, .events = POLLIN},
                             {.fd = server->stopped_fd, .events = POLLIN},
                             {.fd = server->ready_fd, .events = POLLIN},
                             {.fd = server->loader.done_fd, .events = POLLIN}};
    for (;;) {
        int count = poll(ready, supervisor->loads ? 4 : 3, interval_ms(supervisor));
        if (count < 0 && errno != EINTR)
            return;
        if (count == 0)
            tell_state(supervisor);
        if (count <= 0)
            continue;
        if ((ready[1].revents & POLLIN) != 0)
            return;
        if ((ready[0].revents & POLLIN) != 0)
            take_signal(supervisor);
        if ((ready[2].revents & POLLIN) != 0)
            say_ready(supervisor);
        if (supervisor->loads && (ready[3].revents & POLLIN) != 0)
            end_loading(supervisor);
    }
}

blitzdb_status bzs_supervise(struct bzs_server *server, int signal_fd, struct bzs_background *background) {
    struct supervisor supervisor = {
        .server = server, .background = background, .signal_fd = signal_fd, .loads = true};
    bzs_service_open(&supervisor.service);
    bzs_service_tell(&supervisor.service, "STATUS=loading\nEXTEND_TIMEOUT_USEC=%d", LOADING_EXTRA_US);
    serve(&supervisor);
    set_mask(SIG_UNBLOCK); /* if the end takes too long for somebody */
    bzs_service_tell(&supervisor.service, "STOPPING=1");
    bzs_service_close(&supervisor.service);
    return supervisor.loaded;
}
