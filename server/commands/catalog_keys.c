/**
 * @file
 * @brief COMMAND GETKEYS and GETKEYSANDFLAGS: which arguments of a command are keys.
 */
#include "catalog_keys.h"

#include "catalog.h"

/** A command given as arguments. */
struct given {
    const struct bzs_command *command;
    const struct bzs_slice *argv;
    size_t argc;
};

/** SET without GET only writes; BITFIELD may only read: what else the flags would say is what both might do.
 */
static struct bzs_slice actual_flags(const struct given *given, struct bzs_slice flags) {
    static const struct bzs_slice overwrites = {"OW update", 9};
    static const struct bzs_slice updates = {"RW access update", 16};
    static const struct bzs_slice reads = {"RO access", 9};
    if (!bzs_catalog_has_word(flags, "variable_flags"))
        return flags;
    bool is_set = bzs_arg_is(given->argv[0], "set");
    for (size_t i = is_set ? 3 : 2; i < given->argc; i++) {
        if (is_set && bzs_arg_is(given->argv[i], "get"))
            return updates;
        if (!is_set && (bzs_arg_is(given->argv[i], "set") || bzs_arg_is(given->argv[i], "incrby")))
            return updates;
    }
    return is_set ? overwrites : reads;
}

/** Finds the first and the last key, in arguments; false if there are none. */
static bool find_range(const struct given *given, const struct bzs_key_specification *keys, size_t *first_out,
                       size_t *last_out) {
    size_t first = (size_t)keys->first;
    int64_t count;
    if (keys->is_unknown || first >= given->argc)
        return false;
    if (keys->is_counted) {
        if (!bzs_parse_integer(given->argv[first], &count) || count < 1 ||
            (uint64_t)count > given->argc - first - 1)
            return false;
        *first_out = first + 1;
        *last_out = first + (size_t)count;
        return true;
    }
    *first_out = first;
    *last_out = keys->last < 0 ? given->argc - (size_t)-keys->last : first + (size_t)keys->last;
    if (*last_out >= given->argc)
        *last_out = given->argc - 1;
    return *last_out >= first;
}

/** Writes the keys, with flags if wanted; how many there are. */
static size_t write_keys(const struct given *given, bool with_flags, struct bzs_reply *reply) {
    struct bzs_key_specification all[BZS_KEY_SPECIFICATIONS_MAX];
    size_t specifications = bzs_catalog_keys(given->command, all);
    size_t count = 0;
    for (size_t i = 0; i < specifications; i++) {
        size_t first, last;
        if (bzs_catalog_has_word(all[i].flags, "not_key") || !find_range(given, &all[i], &first, &last))
            continue;
        struct bzs_slice flags = actual_flags(given, all[i].flags);
        for (size_t key = first; key <= last; key += all[i].step > 0 ? (size_t)all[i].step : 1) {
            if (with_flags)
                bzs_reply_array(reply, 2);
            bzs_reply_bulk(reply, given->argv[key].data, given->argv[key].size);
            if (with_flags)
                bzs_catalog_write_words(flags, reply);
            count++;
        }
    }
    return count;
}

/** Finds the command that is given, or the subcommand; NULL if there is none. */
static const struct bzs_command *find_given(const struct given *given) {
    const struct bzs_command *command = bzs_command_find(given->argv[0]);
    return command != NULL && command->subcommands != NULL ? bzs_command_find_child(command, given->argv[1])
                                                           : command;
}

static bool has_keys(const struct bzs_command *command) {
    struct bzs_key_specification keys[BZS_KEY_SPECIFICATIONS_MAX];
    size_t count = bzs_catalog_keys(command, keys);
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found |= !bzs_catalog_has_word(keys[i].flags, "not_key");
    return found;
}

static void reply_keys(struct bzs_call *call, bool with_flags) {
    struct given given = {NULL, call->argv + 2, call->argc - 2};
    given.command = find_given(&given);
    if (given.command == NULL) {
        bzs_reply_error(call->reply, "ERR Invalid command specified");
        return;
    }
    if (!has_keys(given.command)) {
        bzs_reply_error(call->reply, "ERR The command has no key arguments");
        return;
    }
    if (!bzs_command_fits_arity(given.command, given.argc)) {
        bzs_reply_error(call->reply, "ERR Invalid number of arguments specified for command");
        return;
    }
    struct bzs_reply keys;
    bzs_reply_init(&keys);
    keys.protocol = call->reply->protocol;
    size_t count = write_keys(&given, with_flags, &keys);
    bzs_reply_array(call->reply, count);
    bzs_reply_take(call->reply, &keys);
}

void bzs_catalog_run_getkeys(struct bzs_call *call) {
    reply_keys(call, false);
}

void bzs_catalog_run_getkeysandflags(struct bzs_call *call) {
    reply_keys(call, true);
}
