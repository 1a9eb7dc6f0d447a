#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "database.h"
#include "pidfile.h"
#include "server.h"

/* Exit codes beside 0, for scripts and service managers. */
enum { EXIT_CONFIG = 1, EXIT_BIND = 2, EXIT_DATA = 3 };

static sigset_t stop_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

/**
 * Stops the server, unless it would lose data by that: then it goes on. Meanwhile the signals have their
 * default action again, so that a second one ends the process at once.
 */
static void stop_by_signal(struct bzs_server *server, unsigned number) {
    sigset_t signals = stop_signals();
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    bzs_say(server->messages, BZS_NOTICE, "signal %u: stopping", number);
    if (bzs_server_prepare_stop(server, BZS_FINAL_SNAPSHOT_DEFAULT)) {
        bzs_server_stop(server);
        return;
    }
    bzs_say(server->messages, BZS_WARNING,
            "the data could not be saved, so the server goes on; SHUTDOWN NOSAVE ends it without saving");
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

/** Serves until a signal or SHUTDOWN ends it. */
static void serve(struct bzs_server *server, int signal_fd) {
    struct pollfd ready[] = {{.fd = signal_fd, .events = POLLIN},
                             {.fd = server->stopped_fd, .events = POLLIN}};
    while (poll(ready, 2, -1) >= 0 || errno == EINTR) {
        struct signalfd_siginfo signal;
        if ((ready[1].revents & POLLIN) != 0)
            break;
        if ((ready[0].revents & POLLIN) != 0 && read(signal_fd, &signal, sizeof(signal)) == sizeof(signal))
            stop_by_signal(server, signal.ssi_signo);
    }
    sigset_t signals = stop_signals();
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* if the end takes too long for somebody */
}

static int run_server(struct bzs_config *config, struct bzs_messages *messages, blitzdb *db, int signal_fd) {
    struct bzs_server *server;
    enum bzs_server_result result = bzs_server_create(config, db, messages, &server);
    if (result != BZS_SERVER_OK)
        return result == BZS_SERVER_BIND_FAILED ? EXIT_BIND : EXIT_CONFIG;
    bool has_pidfile = bzs_pidfile_write(config->pidfile, messages);
    bool started = bzs_server_start(server);
    if (started) {
        bzs_say(messages, BZS_ALWAYS, "Ready to accept connections on port %d", server->listener.port);
        serve(server, signal_fd);
    }
    bool saved = bzs_server_wait(server);
    if (has_pidfile)
        bzs_pidfile_remove(config->pidfile);
    bzs_server_destroy(server);
    return !started ? EXIT_CONFIG : saved ? 0 : EXIT_DATA;
}

static int run(struct bzs_config *config, struct bzs_messages *messages) {
    blitzdb *db;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of the write, not the end of the process */
    blitzdb_status status = bzs_database_open(config, messages, &db);
    if (status != BLITZDB_OK)
        return status == BLITZDB_INVALID ? EXIT_CONFIG : EXIT_DATA;
    /* Not earlier: recovery may take long, changes nothing before it has read all, and may well be
     * interrupted. Not later: the threads of the server inherit the mask. Those of the library block all
     * signals. */
    sigset_t signals = stop_signals();
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    int code = EXIT_CONFIG;
    if (signal_fd < 0) {
        bzs_say(messages, BZS_WARNING, "the system refused a descriptor for signals: %s", strerror(errno));
    } else {
        code = run_server(config, messages, db, signal_fd);
        close(signal_fd);
    }
    status = blitzdb_close(db);
    if (status != BLITZDB_OK) {
        bzs_say(messages, BZS_WARNING, "the last sync failed: %s", blitzdb_status_text(status));
        code = EXIT_DATA;
    }
    return code;
}

int main(int argc, char *argv[]) {
    struct bzs_config config;
    struct bzs_config_error error = {"out of memory"};
    struct bzs_messages messages;
    int code = EXIT_CONFIG;
    enum bzs_config_result result =
        bzs_config_init(&config) ? bzs_config_read(&config, argc, argv, &error) : BZS_CONFIG_FAILED;
    if (result == BZS_CONFIG_HELP || result == BZS_CONFIG_VERSION) {
        result == BZS_CONFIG_HELP ? bzs_config_print_usage(stdout)
                                  : (void)printf("blitzdb-server %s\n", blitzdb_version());
        code = 0;
    } else if (result == BZS_CONFIG_FAILED) {
        fprintf(stderr, "blitzdb-server: %s\n", error.text);
    } else if (!bzs_messages_open(&messages, config.logfile, config.log_level)) {
        fprintf(stderr, "blitzdb-server: %s: %s\n", config.logfile, strerror(errno));
    } else {
        code = run(&config, &messages);
        bzs_messages_close(&messages);
    }
    bzs_config_deinit(&config);
    return code;
}
