#include "command_login.h"

#include <string.h>

#include "client.h"
#include "command.h"
#include "loop.h"
#include "server.h"

#define WRONGPASS "WRONGPASS invalid username-password pair or user is disabled."

/** How an attempt to log in went on. */
enum login {
    LOGIN_DONE,   /**< right: the caller answers */
    LOGIN_FAILED, /**< wrong: the error reply has been written */
    LOGIN_LATER,  /**< bzs_login_end() answers, when the client has waited */
};

/** The only user is "default"; without a password set everything opens it, as in Redis. */
static bool is_right(struct bzs_config *config, struct bzs_slice user, struct bzs_slice password) {
    static const char only_user[] = "default";
    bool right_user = user.size == strlen(only_user) && memcmp(user.data, only_user, user.size) == 0;
    bool right_password = bzs_config_password_is(config, password.data, password.size);
    explicit_bzero((char *)password.data,
                   password.size); /* in the buffer it came in, which is the server's */
    return right_user && right_password;
}

/** Counts a failure, and says once that somebody guesses. */
static void note_failure(const struct bzs_client *client, const unsigned char key[BZS_LOGIN_KEY_SIZE]) {
    if (bzs_login_limit_failed(&client->server->login_limit, key, client->loop->tick_ms))
        bzs_say(client->server->messages, BZS_WARNING,
                "%s gave a wrong password too often: logins from its address are answered a second later "
                "from now on",
                client->address);
}

/**
 * Tries to log in. An attempt from an address that has failed too often is answered later, right or wrong;
 * who is logged in already has nothing to guess.
 */
static enum login log_in(struct bzs_call *call, struct bzs_slice user, struct bzs_slice password,
                         int protocol) {
    struct bzs_client *client = call->client;
    unsigned char key[BZS_LOGIN_KEY_SIZE];
    bzs_listener_peer_key(client->fd, key);
    bool at_once = client->authenticated ||
                   bzs_login_limit_allows(&client->server->login_limit, key, client->loop->tick_ms);
    bool right = is_right(client->server->config, user, password);
    if (!right)
        note_failure(client, key);
    if (!at_once) {
        client->wait = (struct bzs_wait){.kind = BZS_WAIT_LOGIN,
                                         .needs_time = true,
                                         .granted = right,
                                         .protocol = (int8_t)protocol,
                                         .until_ms = client->loop->tick_ms + BZS_LOGIN_DELAY_MS};
        return LOGIN_LATER;
    }
    if (!right) {
        bzs_reply_error(call->reply, WRONGPASS);
        return LOGIN_FAILED;
    }
    bzs_client_set_authenticated(client, true);
    return LOGIN_DONE;
}

static void run_auth(struct bzs_call *call) {
    if (call->argc > 3) {
        bzs_reply_syntax_error(call);
        return;
    }
    if (call->argc == 2 && !call->server->config->has_password) {
        bzs_reply_error(call->reply,
                        "ERR AUTH <password> called without any password configured for the default "
                        "user. Are you sure your configuration is correct?");
        return;
    }
    struct bzs_slice user = call->argc == 3 ? call->argv[1] : (struct bzs_slice){"default", 7};
    if (log_in(call, user, call->argv[call->argc - 1], 0) == LOGIN_DONE)
        bzs_reply_simple(call->reply, "OK");
}

/** What HELLO asks for beside the protocol. */
struct hello_options {
    bool has_login, has_name;
    struct bzs_slice user, password, name;
};

static bool parse_hello(struct bzs_call *call, struct hello_options *options) {
    for (size_t i = 2; i < call->argc;) {
        struct bzs_slice option = call->argv[i];
        if (bzs_arg_is(option, "auth") && i + 2 < call->argc) {
            options->has_login = true;
            options->user = call->argv[i + 1];
            options->password = call->argv[i + 2];
            i += 3;
        } else if (bzs_arg_is(option, "setname") && i + 1 < call->argc) {
            options->has_name = true;
            options->name = call->argv[i + 1];
            i += 2;
        } else {
            bzs_reply_error(call->reply, "ERR Syntax error in HELLO option '%.*s'", (int)option.size,
                            option.data);
            return false;
        }
    }
    return true;
}

static void reply_hello(struct bzs_client *client) {
    struct bzs_reply *reply = &client->reply;
    bzs_reply_map(reply, 7);
    bzs_reply_text(reply, "server");
    bzs_reply_text(reply, "redis");
    bzs_reply_text(reply, "version");
    bzs_reply_text(reply, BZS_REDIS_VERSION);
    bzs_reply_text(reply, "proto");
    bzs_reply_integer(reply, reply->protocol);
    bzs_reply_text(reply, "id");
    bzs_reply_integer(reply, (int64_t)client->id);
    bzs_reply_text(reply, "mode");
    bzs_reply_text(reply, "standalone");
    bzs_reply_text(reply, "role");
    bzs_reply_text(reply, "master");
    bzs_reply_text(reply, "modules");
    bzs_reply_array(reply, 0);
}

static void run_hello(struct bzs_call *call) {
    int64_t protocol = call->reply->protocol;
    struct hello_options options = {0};
    if (call->argc >= 2 && !bzs_parse_integer(call->argv[1], &protocol)) {
        bzs_reply_error(call->reply, "ERR Protocol version is not an integer or out of range");
        return;
    }
    if (protocol < 2 || protocol > 3) {
        bzs_reply_error(call->reply, "NOPROTO unsupported protocol version");
        return;
    }
    if (!parse_hello(call, &options))
        return;
    if (options.has_login) {
        enum login login = log_in(call, options.user, options.password, (int)protocol);
        if (login == LOGIN_LATER && call->client->wait.granted && options.has_name)
            call->client->wait.bad_name =
                !bzs_name_is_valid(options.name) ||
                !bzs_client_set_text(call->client, &call->client->name, options.name);
        if (login != LOGIN_DONE)
            return;
    }
    if (!call->client->authenticated) {
        bzs_reply_error(
            call->reply,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
            "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
            "protocol version at the same time");
        return;
    }
    if (options.has_name && !bzs_arg_set_name(call, options.name))
        return;
    bzs_client_set_protocol(call->client, (int)protocol);
    reply_hello(call->client);
}

void bzs_login_end(struct bzs_client *client) {
    if (!client->wait.granted) {
        bzs_reply_error(&client->reply, WRONGPASS);
        return;
    }
    bzs_client_set_authenticated(client, true);
    if (client->wait.bad_name) {
        bzs_reply_error(&client->reply, BZS_BAD_NAME);
        return;
    }
    if (client->wait.protocol == 0) {
        bzs_reply_simple(&client->reply, "OK");
        return;
    }
    bzs_client_set_protocol(client, client->wait.protocol);
    reply_hello(client);
}

enum { LOGIN = BZS_NOSCRIPT | BZS_LOADING | BZS_STALE | BZS_FAST | BZS_NOAUTH | BZS_ALLOW_BUSY };

const struct bzs_command bzs_commands_login[] = {
    {"auth", run_auth, -2, LOGIN, 0, 0, 0, NULL, "connection", "1.0.0", "Logs the connection in."},
    {"hello", run_hello, -1, LOGIN, 0, 0, 0, NULL, "connection", "6.0.0",
     "Chooses the protocol and describes the server."},
    {.name = NULL},
};
