#include <limits.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "loop.h"

void bzs_reply_status(struct bzs_call *call, blitzdb_status status) {
    switch (status) {
    case BLITZDB_NOT_A_NUMBER:
        bzs_reply_error(call->reply, "ERR value is not an integer or out of range");
        break;
    case BLITZDB_OUT_OF_RANGE:
        bzs_reply_error(call->reply, "ERR increment or decrement would overflow");
        break;
    case BLITZDB_TOO_LARGE:
        bzs_reply_error(call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        break;
    case BLITZDB_MEMORY_LIMIT:
        bzs_reply_error(call->reply, "OOM command not allowed when used memory > 'maxmemory'.");
        break;
    case BLITZDB_NO_MEMORY:
        bzs_reply_error(call->reply, "OOM the system has no memory left for this command");
        break;
    case BLITZDB_LOG_FAILED:
        bzs_reply_error(call->reply, "MISCONF Errors writing to the AOF file: writes are refused until a "
                                     "snapshot succeeds: the server tries each minute, BGSAVE tries now; see "
                                     "its messages");
        break;
    case BLITZDB_IO:
    case BLITZDB_NO_SPACE:
        bzs_reply_error(call->reply, "MISCONF Errors writing to the AOF file: %s",
                        blitzdb_status_text(status));
        break;
    default:
        bzs_reply_error(call->reply, "ERR %s", blitzdb_status_text(status));
        break;
    }
}

bool bzs_arg_is(struct bzs_slice argument, const char *word) {
    for (size_t i = 0; i < argument.size; i++)
        if (word[i] == '\0' || bzs_lower(argument.data[i]) != bzs_lower(word[i]))
            return false;
    return word[argument.size] == '\0';
}

bool bzs_arg_integer(struct bzs_call *call, size_t index, int64_t *number_out) {
    bool parsed = bzs_parse_integer(call->argv[index], number_out);
    if (!parsed)
        bzs_reply_error(call->reply, "ERR value is not an integer or out of range");
    return parsed;
}

bool bzs_arg_keyspace(struct bzs_call *call, size_t index, unsigned *keyspace_out) {
    int64_t number = 0;
    if (!bzs_arg_integer(call, index, &number))
        return false;
    if (number < INT_MIN || number > INT_MAX) {
        bzs_reply_error(call->reply, "ERR value is out of range, value must between %d and %d", INT_MIN,
                        INT_MAX);
        return false;
    }
    if (number < 0 || number >= BLITZDB_KEYSPACES) {
        bzs_reply_error(call->reply, "ERR DB index is out of range");
        return false;
    }
    *keyspace_out = (unsigned)number;
    return true;
}

void bzs_reply_syntax_error(struct bzs_call *call) {
    bzs_reply_error(call->reply, "ERR syntax error");
}

void bzs_reply_arity_error(struct bzs_call *call) {
    bzs_reply_error(call->reply, "ERR wrong number of arguments for '%s' command", call->command->name);
}

void bzs_reply_subcommand_error(struct bzs_call *call) {
    char name[64];
    size_t size = strcspn(call->command->name, "|");
    for (size_t i = 0; i < size; i++)
        name[i] = (char)(call->command->name[i] - 'a' + 'A');
    struct bzs_slice word = call->argv[1];
    bzs_reply_error(call->reply,
                    "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try %.*s HELP.",
                    bzs_shown_size(word), word.data, (int)size, name);
}

void bzs_reply_help(struct bzs_call *call, const char *const lines[]) {
    char usage[128];
    size_t count = 0;
    size_t name_size = strcspn(call->command->name, "|");
    while (lines[count] != NULL)
        count++;
    bzs_reply_array(call->reply, count + 3);
    for (size_t i = 0; i < name_size; i++)
        usage[i] = (char)(call->command->name[i] - 'a' + 'A');
    strcpy(usage + name_size, " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    bzs_reply_simple(call->reply, usage);
    for (size_t i = 0; i < count; i++)
        bzs_reply_simple(call->reply, lines[i]);
    bzs_reply_simple(call->reply, "HELP");
    bzs_reply_simple(call->reply, "    Print this help.");
}

int64_t bzs_call_now_ms(const struct bzs_call *call) {
    return call->client->loop->now_ms;
}

void bzs_call_hit(const struct bzs_call *call) {
    bzs_counter_add(&call->client->loop->counters.hits, 1);
}

void bzs_call_miss(const struct bzs_call *call) {
    bzs_counter_add(&call->client->loop->counters.misses, 1);
}

bool bzs_glob_matches(struct bzs_slice pattern, struct bzs_slice text) {
    return blitzdb_glob_match(pattern.data, pattern.size, text.data, text.size, BLITZDB_GLOB_IGNORE_CASE) ==
           BLITZDB_OK;
}
