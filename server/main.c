#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pidfile.h"
#include "supervisor.h"

/* Exit codes beside 0, for scripts and service managers. */
enum { EXIT_CONFIG = 1, EXIT_BIND = 2, EXIT_DATA = 3 };

/** What the end of a server that was started means for the exit code. */
static int code_of(blitzdb_status loaded, bool saved, blitzdb_status closed) {
    if (loaded == BLITZDB_INVALID || loaded == BLITZDB_NO_MEMORY)
        return EXIT_CONFIG;
    bool opened = loaded == BLITZDB_OK || loaded == BLITZDB_CANCELED; /* by a signal: as asked */
    return opened && saved && closed == BLITZDB_OK ? 0 : EXIT_DATA;
}

static int run_server(struct bzs_config *config, struct bzs_messages *messages, int signal_fd) {
    struct bzs_server *server;
    enum bzs_server_result result = bzs_server_create(config, messages, &server);
    if (result != BZS_SERVER_OK)
        return result == BZS_SERVER_BIND_FAILED ? EXIT_BIND : EXIT_CONFIG;
    bool has_pidfile = bzs_pidfile_write(config->pidfile, messages);
    blitzdb_status loaded = BLITZDB_NO_MEMORY;
    if (bzs_server_start(server))
        loaded = bzs_supervise(server, signal_fd);
    bool saved = bzs_server_wait(server);
    if (has_pidfile)
        bzs_pidfile_remove(config->pidfile);
    return code_of(loaded, saved, bzs_server_destroy(server));
}

static int run(struct bzs_config *config, struct bzs_messages *messages) {
    int signal_fd = bzs_supervisor_catch_signals();
    if (signal_fd < 0) {
        bzs_say(messages, BZS_WARNING, "the system refused a descriptor for signals: %s", strerror(errno));
        return EXIT_CONFIG;
    }
    int code = run_server(config, messages, signal_fd);
    close(signal_fd);
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
    } else if (!bzs_messages_open(&messages, &config)) {
        fprintf(stderr, "blitzdb-server: %s: %s\n", config.logfile, strerror(errno));
    } else {
        code = run(&config, &messages);
        bzs_messages_close(&messages);
    }
    bzs_config_deinit(&config);
    return code;
}
