/**
 * @file
 * @brief ACL: there is one user, `default`, who may do everything once logged in; and who that is, is told.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "catalog.h"
#include "command.h"
#include "server.h"

enum { PASSWORD_BITS_MAX = 4096, PASSWORD_BITS_DEFAULT = 256 };

static bool has_password(const struct bzs_call *call) {
    return call->server->config->has_password != 0;
}

static bool is_default_user(struct bzs_slice name) {
    return name.size == strlen("default") && memcmp(name.data, "default", name.size) == 0;
}

static void refuse_change(struct bzs_call *call) {
    bzs_reply_error(call->reply,
                    "ERR '%s' is not available: this server has one user, 'default', who may do everything. "
                    "CONFIG SET requirepass changes the password.",
                    call->command->name);
}

static void run_whoami(struct bzs_call *call) {
    bzs_reply_text(call->reply, "default");
}

static void run_users(struct bzs_call *call) {
    bzs_reply_array(call->reply, 1);
    bzs_reply_text(call->reply, "default");
}

/** The password is told to nobody, not as a hash either. */
static void run_list(struct bzs_call *call) {
    bzs_reply_array(call->reply, 1);
    bzs_reply_text(call->reply, has_password(call) ? "user default on #(hidden) ~* &* +@all"
                                                   : "user default on nopass ~* &* +@all");
}

static void reply_rule(struct bzs_call *call, const char *field, const char *rule) {
    bzs_reply_text(call->reply, field);
    bzs_reply_text(call->reply, rule);
}

static void run_getuser(struct bzs_call *call) {
    struct bzs_slice name = call->argv[2];
    if (!is_default_user(name)) {
        bzs_reply_null(call->reply);
        return;
    }
    bool is_open = !has_password(call);
    bzs_reply_map(call->reply, 6);
    bzs_reply_text(call->reply, "flags");
    bzs_reply_set(call->reply, is_open ? 2 : 1);
    bzs_reply_simple(call->reply, "on");
    if (is_open)
        bzs_reply_simple(call->reply, "nopass");
    bzs_reply_text(call->reply, "passwords");
    bzs_reply_array(call->reply, is_open ? 0 : 1);
    if (!is_open)
        bzs_reply_text(call->reply, "(hidden)");
    reply_rule(call, "commands", "+@all");
    reply_rule(call, "keys", "~*");
    reply_rule(call, "channels", "&*");
    bzs_reply_text(call->reply, "selectors");
    bzs_reply_array(call->reply, 0);
}

static void run_cat(struct bzs_call *call) {
    if (call->argc > 3)
        bzs_reply_subcommand_error(call);
    else if (call->argc == 2)
        bzs_catalog_reply_categories(call);
    else if (bzs_catalog_has_category(call->argv[2]))
        bzs_catalog_reply_category(call, call->argv[2]);
    else
        bzs_reply_error(call->reply, "ERR Unknown category '%.*s'", bzs_shown_size(call->argv[2]),
                        call->argv[2].data);
}

static void run_deluser(struct bzs_call *call) {
    for (size_t i = 2; i < call->argc; i++) {
        struct bzs_slice name = call->argv[i];
        if (is_default_user(name)) {
            bzs_reply_error(call->reply, "ERR The 'default' user cannot be removed");
            return;
        }
    }
    bzs_reply_integer(call->reply, 0); /* there was nobody else */
}

/** Random hexadecimal digits that make a password. */
static void run_genpass(struct bzs_call *call) {
    int64_t bits = PASSWORD_BITS_DEFAULT;
    unsigned char bytes[PASSWORD_BITS_MAX / 8];
    char text[PASSWORD_BITS_MAX / 4 + 2];
    if (call->argc > 3) {
        bzs_reply_subcommand_error(call);
        return;
    }
    if (call->argc == 3 && !bzs_arg_integer(call, 2, &bits))
        return;
    if (bits <= 0 || bits > PASSWORD_BITS_MAX) {
        bzs_reply_error(call->reply, "ERR ACL GENPASS argument must be the number of bits for the output "
                                     "password, a positive number up to 4096");
        return;
    }
    size_t digits = ((size_t)bits + 3) / 4;
    size_t size = (digits + 1) / 2;
    for (size_t got = 0; got < size;) { /* a signal may interrupt a long one */
        ssize_t more = getrandom(bytes + got, size - got, 0);
        if (more < 0 && errno != EINTR) {
            bzs_reply_error(call->reply, "ERR the system gives no random numbers: %s", strerror(errno));
            return;
        }
        got += more > 0 ? (size_t)more : 0;
    }
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    bzs_reply_bulk(call->reply, text, digits);
    explicit_bzero(text, sizeof(text));
    explicit_bzero(bytes, sizeof(bytes));
}

/** Nothing is ever denied, so the log is empty. */
static void run_log(struct bzs_call *call) {
    int64_t count;
    if (call->argc > 3)
        bzs_reply_subcommand_error(call);
    else if (call->argc == 3 && bzs_arg_is(call->argv[2], "reset"))
        bzs_reply_simple(call->reply, "OK");
    else if (call->argc == 2 || bzs_arg_integer(call, 2, &count))
        bzs_reply_array(call->reply, 0);
}

static void run_dryrun(struct bzs_call *call) {
    struct bzs_slice user = call->argv[2];
    struct bzs_slice name = call->argv[3];
    const struct bzs_command *command = bzs_command_find(name);
    if (!is_default_user(user))
        bzs_reply_error(call->reply, "ERR User '%.*s' not found", bzs_shown_size(user), user.data);
    else if (command == NULL)
        bzs_reply_error(call->reply, "ERR Command '%.*s' not found", bzs_shown_size(name), name.data);
    else if (!bzs_command_fits_arity(command, call->argc - 3))
        bzs_reply_error(call->reply, "ERR wrong number of arguments for '%s' command", command->name);
    else
        bzs_reply_simple(call->reply, "OK");
}

static void run_help(struct bzs_call *call) {
    static const char *const lines[] = {"CAT [<category>]",
                                        "    The categories of commands, or the commands of one.",
                                        "DRYRUN <user> <command> [<arg> ...]",
                                        "    Whether the user may run the command.",
                                        "GENPASS [<bits>]",
                                        "    A random password.",
                                        "GETUSER <user>",
                                        "    What a user may do.",
                                        "LIST, USERS",
                                        "    The one user there is.",
                                        "LOG [<count>|RESET]",
                                        "    An empty list: nothing is ever denied.",
                                        "WHOAMI",
                                        "    The user of this connection.",
                                        NULL};
    bzs_reply_help(call, lines);
}

enum { ABOUT = BZS_NOSCRIPT | BZS_LOADING | BZS_STALE, RULES = ABOUT | BZS_ADMIN };

static const struct bzs_command acl_commands[] = {
    {"acl|cat", run_cat, -2, ABOUT, 0, 0, 0, NULL, "server", "6.0.0",
     "Lists the categories of commands, or the commands of one."},
    {"acl|deluser", run_deluser, -3, RULES, 0, 0, 0, NULL, "server", "6.0.0",
     "Removes users; there is only one, who stays."},
    {"acl|dryrun", run_dryrun, -4, RULES, 0, 0, 0, NULL, "server", "7.0.0",
     "Tells whether a user may run a command."},
    {"acl|genpass", run_genpass, -2, ABOUT, 0, 0, 0, NULL, "server", "6.0.0", "Makes a random password."},
    {"acl|getuser", run_getuser, 3, RULES, 0, 0, 0, NULL, "server", "6.0.0", "Tells what a user may do."},
    {"acl|help", run_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "6.0.0",
     "Explains the subcommands."},
    {"acl|list", run_list, 2, RULES, 0, 0, 0, NULL, "server", "6.0.0", "Lists the users and their rights."},
    {"acl|load", refuse_change, 2, RULES, 0, 0, 0, NULL, "server", "6.0.0",
     "Refused: there is one user only."},
    {"acl|log", run_log, -2, RULES, 0, 0, 0, NULL, "server", "6.0.0", "Lists what was denied: nothing."},
    {"acl|save", refuse_change, 2, RULES, 0, 0, 0, NULL, "server", "6.0.0",
     "Refused: there is one user only."},
    {"acl|setuser", refuse_change, -3, RULES, 0, 0, 0, NULL, "server", "6.0.0",
     "Refused: there is one user only."},
    {"acl|users", run_users, 2, RULES, 0, 0, 0, NULL, "server", "6.0.0", "Lists the names of the users."},
    {"acl|whoami", run_whoami, 2, ABOUT, 0, 0, 0, NULL, "server", "6.0.0",
     "Names the user of the connection."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_acl[] = {
    {"acl", NULL, -2, 0, 0, 0, 0, acl_commands, "server", "6.0.0", "Groups the commands about users."},
    {.name = NULL},
};
