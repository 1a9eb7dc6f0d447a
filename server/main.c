#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
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

static int run_server(struct bzs_config *config, struct bzs_messages *messages, int signal_fd,
                      struct bzs_background *background) {
    struct bzs_server *server;
    enum bzs_server_result result = bzs_server_create(config, messages, &server);
    if (result != BZS_SERVER_OK)
        return result == BZS_SERVER_BIND_FAILED ? EXIT_BIND : EXIT_CONFIG;
    bool has_pidfile = bzs_pidfile_write(config->pidfile, messages);
    blitzdb_status loaded = BLITZDB_NO_MEMORY;
    if (bzs_server_start(server))
        loaded = bzs_supervise(server, signal_fd, background);
    bool saved = bzs_server_wait(server);
    if (has_pidfile)
        bzs_pidfile_remove(config->pidfile);
    return code_of(loaded, saved, bzs_server_destroy(server));
}

/** Runs with a configuration that is in order. */
static int run(struct bzs_config *config) {
    struct bzs_background background = {-1};
    struct bzs_messages messages;
    if (config->daemonize && !bzs_background_enter(&background)) {
        fprintf(stderr, "blitzdb-server: no second process for the background: %s\n", strerror(errno));
        return EXIT_CONFIG;
    }
    if (!bzs_messages_open(&messages, config)) {
        fprintf(stderr, "blitzdb-server: %s: %s\n", config->logfile, strerror(errno));
        return EXIT_CONFIG;
    }
    messages.to_terminal = background.fd >= 0;
    int code = EXIT_CONFIG;
    int signal_fd = bzs_supervisor_catch_signals();
    if (signal_fd >= 0) {
        code = run_server(config, &messages, signal_fd, &background);
        close(signal_fd);
    } else {
        bzs_say(&messages, BZS_WARNING, "the system refused a descriptor for signals: %s", strerror(errno));
    }
    bzs_messages_close(&messages);
    return code;
}

/** Does what rename-command asks for; false, after saying why, if it cannot be done. */
static bool rename_commands(const struct bzs_config *config) {
    for (size_t i = 0; i < config->renamed_count; i++) {
        const struct bzs_renamed_command *renamed = &config->renamed[i];
        const char *why = bzs_command_rename(renamed->from, renamed->to);
        if (why != NULL) {
            fprintf(stderr, "blitzdb-server: 'rename-command %s %s': %s\n", renamed->from, renamed->to, why);
            return false;
        }
    }
    return true;
}

/**
 * By itself the C library learns from every large block that is released to keep the next ones of that size.
 * What an attack has taken, or one large command, would stay with the process for ever.
 */
static void give_memory_back(void) {
    enum { LARGE = 4 * 1024 * 1024 };
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, LARGE);
}

int main(int argc, char *argv[]) {
    struct bzs_config config;
    struct bzs_config_error error = {.text = "out of memory"};
    int code = EXIT_CONFIG;
    give_memory_back();
    enum bzs_config_result result =
        bzs_config_init(&config) ? bzs_config_read(&config, argc, argv, &error) : BZS_CONFIG_FAILED;
    if (result == BZS_CONFIG_HELP || result == BZS_CONFIG_VERSION) {
        result == BZS_CONFIG_HELP ? bzs_config_print_usage(stdout)
                                  : (void)printf("blitzdb-server %s\n", blitzdb_version());
        code = 0;
    } else if (result == BZS_CONFIG_FAILED) {
        if (error.count == 0) /* else everything has been said */
            fprintf(stderr, "blitzdb-server: %s\n", error.text);
    } else if (rename_commands(&config)) {
        code = result == BZS_CONFIG_CHECKED ? 0 : run(&config);
    }
    bzs_config_deinit(&config);
    return code;
}
