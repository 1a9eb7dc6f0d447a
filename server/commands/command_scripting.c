/**
 * @file
 * @brief Scripts, functions and modules: none of them exists here, and these are the answers that say so.
 *
 * What asks for what is there, or removes it, gets the answer of a server that has none; what would bring in
 * or run code is refused. An interpreter in the server has been a steady source of vulnerabilities, so
 * leaving it out is a decision.
 */
#include <string.h>

#include "command.h"

/** What FUNCTION DUMP of Redis 7.0 answers if there are no functions: version and checksum. */
static const char empty_dump[] = "\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda";
enum { EMPTY_DUMP_SIZE = sizeof(empty_dump) - 1 };

static void refuse_script(struct bzs_call *call) {
    bzs_reply_error(call->reply,
                    "ERR '%s' is not available: this server runs no scripts, on purpose. "
                    "MULTI and EXEC execute several commands as one.",
                    call->command->name);
}

static void refuse_module(struct bzs_call *call) {
    bzs_reply_error(call->reply, "ERR '%s' is not available: this server has no modules.",
                    call->command->name);
}

/** Reads the optional SYNC or ASYNC of a FLUSH. */
static bool is_flush_mode(struct bzs_slice word) {
    return bzs_arg_is(word, "sync") || bzs_arg_is(word, "async");
}

static void run_script_exists(struct bzs_call *call) {
    bzs_reply_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++)
        bzs_reply_integer(call->reply, 0);
}

static void run_script_flush(struct bzs_call *call) {
    if (call->argc > 3 || (call->argc == 3 && !is_flush_mode(call->argv[2])))
        bzs_reply_error(call->reply, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    else
        bzs_reply_simple(call->reply, "OK");
}

static void run_kill(struct bzs_call *call) {
    bzs_reply_error(call->reply, "NOTBUSY No scripts in execution right now.");
}

static void run_script_debug(struct bzs_call *call) {
    if (bzs_arg_is(call->argv[2], "no"))
        bzs_reply_simple(call->reply, "OK");
    else if (bzs_arg_is(call->argv[2], "yes") || bzs_arg_is(call->argv[2], "sync"))
        refuse_script(call);
    else
        bzs_reply_error(call->reply, "ERR Use SCRIPT DEBUG YES/SYNC/NO");
}

static void run_script_help(struct bzs_call *call) {
    static const char *const lines[] = {"DEBUG NO",
                                        "    Accepted, as nothing is debugged.",
                                        "EXISTS <sha1> [<sha1> ...]",
                                        "    0 for each: there are no scripts.",
                                        "FLUSH [ASYNC|SYNC]",
                                        "    Accepted, as there is nothing to remove.",
                                        "KILL",
                                        "    No script is ever running.",
                                        "LOAD <script>",
                                        "    Refused.",
                                        NULL};
    bzs_reply_help(call, lines);
}

static void run_function_flush(struct bzs_call *call) {
    if (call->argc > 3)
        bzs_reply_subcommand_error(call);
    else if (call->argc == 3 && !is_flush_mode(call->argv[2]))
        bzs_reply_error(call->reply, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    else
        bzs_reply_simple(call->reply, "OK");
}

static void run_function_list(struct bzs_call *call) {
    for (size_t i = 2; i < call->argc; i++) {
        struct bzs_slice word = call->argv[i];
        bool is_name = bzs_arg_is(word, "libraryname");
        if (is_name && i + 1 == call->argc) {
            bzs_reply_error(call->reply, "ERR library name argument was not given");
            return;
        }
        if (!is_name && !bzs_arg_is(word, "withcode")) {
            bzs_reply_error(call->reply, "ERR Unknown argument %.*s", bzs_shown_size(word), word.data);
            return;
        }
        i += is_name;
    }
    bzs_reply_array(call->reply, 0);
}

static void run_function_stats(struct bzs_call *call) {
    bzs_reply_map(call->reply, 2);
    bzs_reply_text(call->reply, "running_script");
    bzs_reply_null(call->reply);
    bzs_reply_text(call->reply, "engines");
    bzs_reply_map(call->reply, 0);
}

static void run_function_dump(struct bzs_call *call) {
    bzs_reply_bulk(call->reply, empty_dump, EMPTY_DUMP_SIZE);
}

/** What FUNCTION DUMP gave can be brought back; there is nothing in it. */
static void run_function_restore(struct bzs_call *call) {
    struct bzs_slice dump = call->argv[2];
    bool is_mode = call->argc == 3 || bzs_arg_is(call->argv[3], "flush") ||
                   bzs_arg_is(call->argv[3], "append") || bzs_arg_is(call->argv[3], "replace");
    if (call->argc > 4)
        bzs_reply_subcommand_error(call);
    else if (dump.size != EMPTY_DUMP_SIZE || memcmp(dump.data, empty_dump, EMPTY_DUMP_SIZE) != 0)
        refuse_script(call);
    else if (!is_mode)
        bzs_reply_error(call->reply,
                        "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
    else
        bzs_reply_simple(call->reply, "OK");
}

static void run_function_delete(struct bzs_call *call) {
    bzs_reply_error(call->reply, "ERR Library not found");
}

static void run_function_help(struct bzs_call *call) {
    static const char *const lines[] = {"DELETE <library-name>",
                                        "    There is no library.",
                                        "DUMP",
                                        "    A dump without functions.",
                                        "FLUSH [ASYNC|SYNC]",
                                        "    Accepted, as there is nothing to remove.",
                                        "KILL",
                                        "    No function is ever running.",
                                        "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
                                        "    An empty list.",
                                        "LOAD [REPLACE] <code>",
                                        "    Refused.",
                                        "RESTORE <dump> [FLUSH|APPEND|REPLACE]",
                                        "    Accepts what DUMP returned.",
                                        "STATS",
                                        "    Nothing is running, and there is no engine.",
                                        NULL};
    bzs_reply_help(call, lines);
}

static void run_module_list(struct bzs_call *call) {
    bzs_reply_array(call->reply, 0);
}

static void run_module_help(struct bzs_call *call) {
    static const char *const lines[] = {"LIST", "    An empty list.", "LOAD, LOADEX, UNLOAD", "    Refused.",
                                        NULL};
    bzs_reply_help(call, lines);
}

enum {
    RUNS = BZS_NOSCRIPT | BZS_STALE | BZS_SKIP_MONITOR | BZS_NO_MANDATORY_KEYS | BZS_MOVABLE_KEYS,
    TELLS = BZS_LOADING | BZS_STALE,
    CHANGES = BZS_NOSCRIPT | BZS_WRITE,
    BRINGS_IN = BZS_ADMIN | BZS_NOSCRIPT | BZS_NO_ASYNC_LOADING,
};

static const struct bzs_command script_commands[] = {
    {"script|debug", run_script_debug, 3, BZS_NOSCRIPT, 0, 0, 0, NULL, "scripting", "3.2.0",
     "Would set how scripts are debugged."},
    {"script|exists", run_script_exists, -3, BZS_NOSCRIPT, 0, 0, 0, NULL, "scripting", "2.6.0",
     "Tells which scripts are there: none."},
    {"script|flush", run_script_flush, -2, BZS_NOSCRIPT, 0, 0, 0, NULL, "scripting", "2.6.0",
     "Removes all scripts; there are none."},
    {"script|help", run_script_help, 2, TELLS, 0, 0, 0, NULL, "scripting", "5.0.0",
     "Explains the subcommands."},
    {"script|kill", run_kill, 2, BZS_NOSCRIPT | BZS_ALLOW_BUSY, 0, 0, 0, NULL, "scripting", "2.6.0",
     "Would stop a running script."},
    {"script|load", refuse_script, 3, BZS_NOSCRIPT | BZS_STALE, 0, 0, 0, NULL, "scripting", "2.6.0",
     "Refused: this server runs no scripts."},
    {.name = NULL},
};

static const struct bzs_command function_commands[] = {
    {"function|delete", run_function_delete, 3, CHANGES, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Would remove a library of functions."},
    {"function|dump", run_function_dump, 2, BZS_NOSCRIPT, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Returns a dump without functions."},
    {"function|flush", run_function_flush, -2, CHANGES, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Removes all functions; there are none."},
    {"function|help", run_function_help, 2, TELLS, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Explains the subcommands."},
    {"function|kill", run_kill, 2, BZS_NOSCRIPT | BZS_ALLOW_BUSY, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Would stop a running function."},
    {"function|list", run_function_list, -2, BZS_NOSCRIPT, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Lists the libraries of functions: none."},
    {"function|load", refuse_script, -3, CHANGES | BZS_DENYOOM, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Refused: this server runs no functions."},
    {"function|restore", run_function_restore, -3, CHANGES | BZS_DENYOOM, 0, 0, 0, NULL, "scripting", "7.0.0",
     "Accepts a dump without functions."},
    {"function|stats", run_function_stats, 2, BZS_NOSCRIPT | BZS_ALLOW_BUSY, 0, 0, 0, NULL, "scripting",
     "7.0.0", "Tells which function is running: none."},
    {.name = NULL},
};

static const struct bzs_command module_commands[] = {
    {"module|help", run_module_help, 2, TELLS, 0, 0, 0, NULL, "server", "5.0.0", "Explains the subcommands."},
    {"module|list", run_module_list, 2, BZS_ADMIN | BZS_NOSCRIPT, 0, 0, 0, NULL, "server", "4.0.0",
     "Lists the modules: none."},
    {"module|load", refuse_module, -3, BRINGS_IN, 0, 0, 0, NULL, "server", "4.0.0",
     "Refused: this server has no modules."},
    {"module|loadex", refuse_module, -3, BRINGS_IN, 0, 0, 0, NULL, "server", "7.0.0",
     "Refused: this server has no modules."},
    {"module|unload", refuse_module, 3, BRINGS_IN, 0, 0, 0, NULL, "server", "4.0.0",
     "Refused: this server has no modules."},
    {.name = NULL},
};

#define NO_SCRIPTS "Refused: this server runs no scripts."

const struct bzs_command bzs_commands_scripting[] = {
    {"eval", refuse_script, -3, RUNS, 0, 0, 0, NULL, "scripting", "2.6.0", NO_SCRIPTS},
    {"eval_ro", refuse_script, -3, RUNS | BZS_READONLY, 0, 0, 0, NULL, "scripting", "7.0.0", NO_SCRIPTS},
    {"evalsha", refuse_script, -3, RUNS, 0, 0, 0, NULL, "scripting", "2.6.0", NO_SCRIPTS},
    {"evalsha_ro", refuse_script, -3, RUNS | BZS_READONLY, 0, 0, 0, NULL, "scripting", "7.0.0", NO_SCRIPTS},
    {"fcall", refuse_script, -3, RUNS, 0, 0, 0, NULL, "scripting", "7.0.0", NO_SCRIPTS},
    {"fcall_ro", refuse_script, -3, RUNS | BZS_READONLY, 0, 0, 0, NULL, "scripting", "7.0.0", NO_SCRIPTS},
    {"function", NULL, -2, 0, 0, 0, 0, function_commands, "scripting", "7.0.0",
     "Groups the commands about functions."},
    {"module", NULL, -2, 0, 0, 0, 0, module_commands, "server", "4.0.0",
     "Groups the commands about modules."},
    {"script", NULL, -2, 0, 0, 0, 0, script_commands, "scripting", "2.6.0",
     "Groups the commands about scripts."},
    {.name = NULL},
};
