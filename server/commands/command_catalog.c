#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "catalog_keys.h"
#include "command.h"
#include "document.h"

/* COMMAND: what the server tells about its own commands, in the shapes of Redis 7.0. */

/** Writes a set of simple strings; entries that are NULL are left out. */
static void reply_words(struct bzs_call *call, const char *const words[], size_t count) {
    size_t present = 0;
    for (size_t i = 0; i < count; i++)
        present += words[i] != NULL;
    bzs_reply_set(call->reply, present);
    for (size_t i = 0; i < count; i++)
        if (words[i] != NULL)
            bzs_reply_simple(call->reply, words[i]);
}

static void reply_flags(struct bzs_call *call, unsigned flags) {
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {
        {BZS_WRITE, "write"},
        {BZS_READONLY, "readonly"},
        {BZS_DENYOOM, "denyoom"},
        {BZS_ADMIN, "admin"},
        {BZS_PUBSUB, "pubsub"},
        {BZS_NOSCRIPT, "noscript"},
        {BZS_LOADING, "loading"},
        {BZS_STALE, "stale"},
        {BZS_FAST, "fast"},
        {BZS_NOAUTH, "no_auth"},
        {BZS_NO_ASYNC_LOADING, "no_async_loading"},
        {BZS_ALLOW_BUSY, "allow_busy"},
        {BZS_NO_MULTI, "no_multi"},
        {BZS_SKIP_SLOWLOG, "skip_slowlog"},
        {BZS_SKIP_MONITOR, "skip_monitor"},
        {BZS_NO_MANDATORY_KEYS, "no_mandatory_keys"},
        {BZS_MOVABLE_KEYS, "movablekeys"},
    };
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    const char *words[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        words[i] = (flags & names[i].flag) != 0 ? names[i].name : NULL;
    reply_words(call, words, COUNT);
}

/** Begins {"type": type, "spec": {...}} of a key specification. */
static void begin_key_step(struct bzs_call *call, const char *step, const char *type, size_t fields) {
    bzs_reply_text(call->reply, step);
    bzs_reply_map(call->reply, 2);
    bzs_reply_text(call->reply, "type");
    bzs_reply_text(call->reply, type);
    bzs_reply_text(call->reply, "spec");
    bzs_reply_map(call->reply, fields);
}

static void reply_field(struct bzs_call *call, const char *name, int value) {
    bzs_reply_text(call->reply, name);
    bzs_reply_integer(call->reply, value);
}

static void reply_key_specification(struct bzs_call *call, const struct bzs_key_specification *keys) {
    bzs_reply_map(call->reply, 3);
    bzs_reply_text(call->reply, "flags");
    bzs_catalog_write_words(keys->flags, call->reply);
    if (keys->is_unknown) {
        begin_key_step(call, "begin_search", "unknown", 0);
        begin_key_step(call, "find_keys", "unknown", 0);
        return;
    }
    begin_key_step(call, "begin_search", "index", 1);
    reply_field(call, "index", keys->first);
    if (keys->is_counted) {
        begin_key_step(call, "find_keys", "keynum", 3);
        reply_field(call, "keynumidx", 0);
        reply_field(call, "firstkey", 1);
        reply_field(call, "keystep", 1);
        return;
    }
    begin_key_step(call, "find_keys", "range", 3);
    reply_field(call, "lastkey", keys->last);
    reply_field(call, "keystep", keys->step);
    reply_field(call, "limit", 0);
}

static void reply_key_specifications(struct bzs_call *call, const struct bzs_command *command) {
    struct bzs_key_specification keys[BZS_KEY_SPECIFICATIONS_MAX];
    size_t count = bzs_catalog_keys(command, keys);
    bzs_reply_set(call->reply, count);
    for (size_t i = 0; i < count; i++)
        reply_key_specification(call, &keys[i]);
}

/** Words with blanks between them as a set of bulk strings, which tips are. */
static void reply_tips(struct bzs_call *call, const char *tips) {
    size_t count = 0;
    for (const char *rest = tips; rest != NULL;
         rest = strchr(rest, ' '), rest = rest != NULL ? rest + 1 : NULL)
        count++;
    bzs_reply_set(call->reply, count);
    for (const char *rest = tips; count-- > 0; rest += strcspn(rest, " ") + 1)
        bzs_reply_bulk(call->reply, rest, strcspn(rest, " "));
}

static size_t count_children(const struct bzs_command *command) {
    size_t count = 0;
    while (command->subcommands != NULL && command->subcommands[count].name != NULL)
        count++;
    return count;
}

/** Everything of COMMAND INFO but the subcommands. */
static void reply_details(struct bzs_call *call, const struct bzs_command *command) {
    bzs_reply_array(call->reply, 10);
    bzs_reply_text(call->reply, command->name);
    bzs_reply_integer(call->reply, command->arity);
    reply_flags(call, command->flags);
    bzs_reply_integer(call->reply, command->first_key);
    bzs_reply_integer(call->reply, command->last_key);
    bzs_reply_integer(call->reply, command->key_step);
    bzs_catalog_write_categories(command, call->reply);
    reply_tips(call, bzs_document_of(command)->tips);
    reply_key_specifications(call, command);
}

static void reply_command(struct bzs_call *call, const struct bzs_command *command) {
    size_t children = count_children(command);
    reply_details(call, command);
    bzs_reply_set(call->reply, children);
    for (size_t i = 0; i < children; i++) {
        reply_details(call, &command->subcommands[i]);
        bzs_reply_set(call->reply, 0);
    }
}

static void reply_all(struct bzs_call *call) {
    bzs_reply_array(call->reply, bzs_command_count());
    for (size_t i = 0; i < bzs_command_count(); i++)
        reply_command(call, bzs_command_at(i));
}

static void run_info(struct bzs_call *call) {
    if (call->argc == 2) {
        reply_all(call);
        return;
    }
    bzs_reply_array(call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        const struct bzs_command *command = bzs_command_find_full(call->argv[i]);
        if (command != NULL)
            reply_command(call, command);
        else
            bzs_reply_null(call->reply); /* not an array: as Redis does it */
    }
}

static void run_count(struct bzs_call *call) {
    bzs_reply_integer(call->reply, (int64_t)bzs_command_count());
}

static void reply_text_field(struct bzs_call *call, const char *name, const char *text, size_t size) {
    bzs_reply_text(call->reply, name);
    bzs_reply_bulk(call->reply, text, size);
}

/** Writes "version text|version text" as pairs. */
static void reply_history(struct bzs_call *call, const char *history) {
    size_t count = 1;
    for (const char *rest = history; (rest = strchr(rest, '|')) != NULL; rest++)
        count++;
    bzs_reply_text(call->reply, "history");
    bzs_reply_set(call->reply, count);
    for (const char *rest = history; count-- > 0;) {
        size_t version = strcspn(rest, " ");
        size_t size = strcspn(rest, "|");
        bzs_reply_array(call->reply, 2);
        bzs_reply_bulk(call->reply, rest, version);
        bzs_reply_bulk(call->reply, rest + version + 1, size - version - 1);
        rest += size + 1;
    }
}

static void reply_replacement(struct bzs_call *call, const char *replaced) {
    size_t version = strcspn(replaced, " ");
    bzs_reply_text(call->reply, "doc_flags");
    bzs_reply_set(call->reply, 1);
    bzs_reply_simple(call->reply, "deprecated");
    reply_text_field(call, "deprecated_since", replaced, version);
    reply_text_field(call, "replaced_by", replaced + version + 1, strlen(replaced + version + 1));
}

/** Everything of COMMAND DOCS but the subcommands, of which there may be some. */
static void reply_document(struct bzs_call *call, const struct bzs_command *command, bool has_children) {
    const struct bzs_document *document = bzs_document_of(command);
    const char *complexity = document->complexity != NULL ? document->complexity
                             : command->handler == NULL   ? "that of the subcommand"
                                                          : "O(1)";
    bzs_reply_text(call->reply, command->name);
    bzs_reply_map(call->reply, 4 + (size_t)(document->history != NULL) +
                                   (document->replaced != NULL ? 3 : 0) + (document->arguments != NULL) +
                                   has_children);
    reply_text_field(call, "summary", command->summary, strlen(command->summary));
    reply_text_field(call, "since", command->since, strlen(command->since));
    reply_text_field(call, "group", command->group, strlen(command->group));
    reply_text_field(call, "complexity", complexity, strlen(complexity));
    if (document->history != NULL)
        reply_history(call, document->history);
    if (document->replaced != NULL)
        reply_replacement(call, document->replaced);
    if (document->arguments != NULL) {
        bzs_reply_text(call->reply, "arguments");
        if (!bzs_document_write_arguments(document->arguments, call->reply))
            bzs_reply_array(call->reply, 0); /* a mistake in our table, which a test finds */
    }
}

static void reply_documentation(struct bzs_call *call, const struct bzs_command *command) {
    size_t children = count_children(command);
    reply_document(call, command, children > 0);
    if (children > 0) {
        bzs_reply_text(call->reply, "subcommands");
        bzs_reply_map(call->reply, children);
        for (size_t i = 0; i < children; i++)
            reply_document(call, &command->subcommands[i], false);
    }
}

static void run_docs(struct bzs_call *call) {
    size_t names = call->argc - 2;
    size_t count = names == 0 ? bzs_command_count() : 0;
    for (size_t i = 0; i < names; i++)
        count += bzs_command_find_full(call->argv[2 + i]) != NULL;
    bzs_reply_map(call->reply, count);
    for (size_t i = 0; i < (names == 0 ? count : names); i++) {
        const struct bzs_command *command =
            names == 0 ? bzs_command_at(i) : bzs_command_find_full(call->argv[2 + i]);
        if (command != NULL)
            reply_documentation(call, command);
    }
}

/** How COMMAND LIST is narrowed down. */
struct list_filter {
    enum { ALL, BY_MODULE, BY_CATEGORY, BY_PATTERN } kind;
    struct bzs_slice text;
};

static bool is_listed(const struct bzs_command *command, const struct list_filter *filter) {
    switch (filter->kind) {
    case BY_CATEGORY:
        return command->handler != NULL && bzs_catalog_is_in_category(command, filter->text);
    case BY_PATTERN:
        return bzs_glob_matches(filter->text, (struct bzs_slice){command->name, strlen(command->name)});
    case BY_MODULE: /* there are no modules */
        return false;
    default:
        return true;
    }
}

/** Writes the names to `names`, and returns how many they are. Subcommands are listed only by a filter. */
static size_t list_names(const struct list_filter *filter, struct bzs_reply *names) {
    size_t count = 0;
    for (size_t i = 0; i < bzs_command_count(); i++) {
        const struct bzs_command *command = bzs_command_at(i);
        size_t children = filter->kind == ALL ? 0 : count_children(command);
        for (size_t j = 0; j <= children; j++) {
            const struct bzs_command *listed = j == 0 ? command : &command->subcommands[j - 1];
            if (is_listed(listed, filter)) {
                bzs_reply_text(names, listed->name);
                count++;
            }
        }
    }
    return count;
}

static void run_list(struct bzs_call *call) {
    struct list_filter filter = {ALL, {NULL, 0}};
    if (call->argc != 2) {
        if (call->argc != 5 || !bzs_arg_is(call->argv[2], "filterby")) {
            bzs_reply_syntax_error(call);
            return;
        }
        filter.text = call->argv[4];
        filter.kind = bzs_arg_is(call->argv[3], "module")    ? BY_MODULE
                      : bzs_arg_is(call->argv[3], "aclcat")  ? BY_CATEGORY
                      : bzs_arg_is(call->argv[3], "pattern") ? BY_PATTERN
                                                             : ALL;
        if (filter.kind == ALL) {
            bzs_reply_syntax_error(call);
            return;
        }
    }
    struct bzs_reply names;
    bzs_reply_init(&names);
    size_t count = list_names(&filter, &names);
    if (filter.kind == ALL)
        bzs_reply_set(call->reply, count);
    else /* as in Redis: a choice is a list, all of them are a set */
        bzs_reply_array(call->reply, count);
    bzs_reply_take(call->reply, &names);
}

static void run_help(struct bzs_call *call) {
    static const char *const lines[] = {
        "(no subcommand)",
        "    Details of all commands.",
        "COUNT",
        "    The number of commands.",
        "GETKEYS <command> [<arg> ...]",
        "    The keys among these arguments.",
        "GETKEYSANDFLAGS <command> [<arg> ...]",
        "    The same, with what happens to each key.",
        "DOCS [<command-name> ...]",
        "    Documentation of these commands, or of all.",
        "INFO [<command-name> ...]",
        "    Details of these commands, or of all.",
        "LIST [FILTERBY (MODULE <name> | ACLCAT <category> | PATTERN <glob>)]",
        "    Names of commands.",
        NULL};
    bzs_reply_help(call, lines);
}

static const struct bzs_command command_commands[] = {
    {"command|count", run_count, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "2.8.13",
     "Counts the commands."},
    {"command|docs", run_docs, -2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "7.0.0",
     "Documents commands."},
    {"command|getkeys", bzs_catalog_run_getkeys, -4, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server",
     "2.8.13", "Finds the keys among the arguments of a command."},
    {"command|getkeysandflags", bzs_catalog_run_getkeysandflags, -4, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL,
     "server", "7.0.0", "Finds the keys of a command and what happens to each."},
    {"command|help", run_help, 2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "5.0.0",
     "Explains the subcommands."},
    {"command|info", run_info, -2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "2.8.13",
     "Describes commands."},
    {"command|list", run_list, -2, BZS_LOADING | BZS_STALE, 0, 0, 0, NULL, "server", "7.0.0",
     "Lists the names of commands."},
    {.name = NULL},
};

const struct bzs_command bzs_commands_catalog[] = {
    {"command", reply_all, -1, BZS_LOADING | BZS_STALE, 0, 0, 0, command_commands, "server", "2.8.13",
     "Describes all commands."},
    {.name = NULL},
};
