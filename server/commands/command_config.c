/**
 * @file
 * @brief CONFIG: settings read, changed, and written to their file.
 */
#include <string.h>

#include "client.h"
#include "command.h"
#include "config_change.h"
#include "config_rewrite.h"
#include "server.h"
#include "setting_effects.h"
#include "statistics.h"

static bool is_pattern(struct bzs_slice word) {
    return word.size > 0 &&
           (memchr(word.data, '*', word.size) != NULL || memchr(word.data, '?', word.size) != NULL ||
            memchr(word.data, '[', word.size) != NULL);
}

/**
 * True if the first argument that fits the setting says so; `shown_out` is the setting's name, or the name as
 * it was asked for, because clients look for that one in the answer.
 */
static bool is_asked_for(const struct bzs_call *call, const char *name, struct bzs_slice *shown_out) {
    struct bzs_slice own = {name, strlen(name)};
    for (size_t i = 2; i < call->argc; i++) {
        struct bzs_slice word = call->argv[i];
        if (is_pattern(word) ? bzs_glob_matches(word, own) : bzs_arg_is(word, name)) {
            *shown_out = is_pattern(word) ? own : word;
            return true;
        }
    }
    return false;
}

static void run_config_get(struct bzs_call *call) {
    size_t count = 0;
    struct bzs_slice name;
    char buffer[BZS_CONFIG_VALUE_SIZE];
    for (size_t i = 0; i < bzs_config_count(); i++)
        count += is_asked_for(call, bzs_config_name(i), &name);
    bzs_reply_map(call->reply, count);
    for (size_t i = 0; i < bzs_config_count(); i++) {
        if (is_asked_for(call, bzs_config_name(i), &name)) {
            bzs_reply_bulk(call->reply, name.data, name.size);
            bzs_reply_text(call->reply, bzs_config_value(call->server->config, i, buffer, sizeof(buffer)));
        }
    }
}

/** Answers why a change was refused; `name` is the setting as the client wrote it. */
static void reply_refusal(struct bzs_call *call, struct bzs_slice name, const char *why) {
    bzs_reply_error(call->reply, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                    bzs_shown_size(name), name.data, why);
}

/** Puts a change in force that was checked. */
static void commit(struct bzs_call *call, struct bzs_config_change *change) {
    const char *name;
    if (!bzs_setting_effects(call->server, change, &name)) {
        reply_refusal(call, (struct bzs_slice){name, strlen(name)}, change->error.text);
        return;
    }
    bzs_config_change_commit(change);
    if (bzs_config_change_has(change, "appendfsync"))
        bzs_server_announce(call->server);
    bzs_client_follow(call->client); /* the next command of the pipeline, too */
    for (size_t i = 0; i < change->count; i++)
        bzs_say(call->server->messages, BZS_NOTICE, "a client changed the setting '%s'",
                change->settings[i]->name);
    bzs_reply_simple(call->reply, "OK");
}

/** What came in is in a buffer of the server, and a password in it would stay there. */
static void wipe_secrets(const struct bzs_call *call) {
    for (size_t i = 2; i + 1 < call->argc; i += 2)
        if (bzs_arg_is(call->argv[i], "requirepass"))
            explicit_bzero((char *)call->argv[i + 1].data, call->argv[i + 1].size);
}

static void run_config_set(struct bzs_call *call) {
    if (call->argc % 2 != 0) {
        bzs_reply_syntax_error(call);
        return;
    }
    struct bzs_config_change change;
    pthread_mutex_lock(&call->server->change_mutex);
    enum bzs_change_result result =
        bzs_config_change_begin(&change, call->server->config, (call->argc - 2) / 2, &call->argv[2]);
    struct bzs_slice name = call->argv[2 + 2 * change.failed];
    if (result == BZS_CHANGE_OK)
        commit(call, &change);
    else if (result == BZS_CHANGE_UNKNOWN)
        bzs_reply_error(call->reply, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                        bzs_shown_size(name), name.data);
    else if (result == BZS_CHANGE_REFUSED)
        reply_refusal(call, name, change.error.text);
    else
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
    bzs_config_change_end(&change);
    wipe_secrets(call);
    pthread_mutex_unlock(&call->server->change_mutex);
}

static void run_config_resetstat(struct bzs_call *call) {
    bzs_statistics_reset(call->server);
    bzs_reply_simple(call->reply, "OK");
}

static void run_config_rewrite(struct bzs_call *call) {
    struct bzs_server *server = call->server;
    struct bzs_config_error error = {.all_to = NULL};
    if (server->config->file == NULL) {
        bzs_reply_error(call->reply, "ERR The server is running without a config file");
        return;
    }
    pthread_mutex_lock(&server->change_mutex);
    bool done = bzs_config_rewrite(server->config, &error);
    pthread_mutex_unlock(&server->change_mutex);
    if (done)
        bzs_say(server->messages, BZS_NOTICE, "the configuration file was rewritten for a client");
    else
        bzs_say(server->messages, BZS_WARNING, "the configuration file cannot be rewritten: %s", error.text);
    if (done)
        bzs_reply_simple(call->reply, "OK");
    else
        bzs_reply_error(call->reply, "ERR Rewriting config file: %s", error.text);
}

static void run_config_help(struct bzs_call *call) {
    static const char *const lines[] = {"GET <pattern> [<pattern> ...]",
                                        "    The settings whose names match, with their values.",
                                        "RESETSTAT",
                                        "    Let the counters of INFO begin again at zero.",
                                        "REWRITE",
                                        "    Put the settings in force into the configuration file.",
                                        "SET <setting> <value> [<setting> <value> ...]",
                                        "    Change settings: all of them or none.",
                                        NULL};
    bzs_reply_help(call, lines);
}

enum { SETTINGS = BZS_ADMIN | BZS_NOSCRIPT | BZS_LOADING | BZS_STALE };

static const struct bzs_command config_commands[] = {
    {"config|get", run_config_get, -3, SETTINGS, 0, 0, 0, NULL, "server", "2.0.0", "Returns settings."},
    {"config|help", run_config_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "5.0.0",
     "Explains the subcommands."},
    {"config|resetstat", run_config_resetstat, 2, SETTINGS, 0, 0, 0, NULL, "server", "2.0.0",
     "Lets the counters of INFO begin again at zero."},
    {"config|rewrite", run_config_rewrite, 2, SETTINGS, 0, 0, 0, NULL, "server", "2.8.0",
     "Puts the settings in force into the configuration file."},
    {"config|set", run_config_set, -4, SETTINGS, 0, 0, 0, NULL, "server", "2.0.0", "Changes settings."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_config[] = {
    {"config", NULL, -2, 0, 0, 0, 0, config_commands, "server", "2.0.0",
     "Groups the commands about settings."},
    {.name = NULL},
};
