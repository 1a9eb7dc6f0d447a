#include "command.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "accounting.h"
#include "client.h"
#include "intruder.h"
#include "loop.h"
#include "multi.h"
#include "server.h"
#include "session.h"
#include "write_stop.h"

/* The look-up: filled once, read-only from then on. A quarter full at most, so that probes stay short. */
enum { SLOT_COUNT = 1024, SLOT_BITS = 10, COMMANDS_MAX = SLOT_COUNT / 4, NAME_SIZE_MAX = 32, WORD_SIZE = 8 };
/* Of a name that rename-command gave. */
enum { RENAMED_SIZE_MAX = 128 };

/** A command and what its name is compared by. */
struct slot {
    const struct bzs_command *command; /**< NULL: the slot is empty */
    const char *name;                  /**< its own, or the one that rename-command gave it */
    uint64_t word;                     /**< see word_of() */
    size_t size;                       /**< of the name */
    bool is_exact;                     /**< word and size tell it from any other text */
};

static struct {
    pthread_once_t once;
    struct slot slots[SLOT_COUNT];
    const struct bzs_command *list[COMMANDS_MAX];
    const char *names[COMMANDS_MAX]; /**< what each one listens to */
    size_t count;
    size_t row_count;
} catalog = {.once = PTHREAD_ONCE_INIT};

static const struct bzs_command *const families[] = {
    bzs_commands_string,     bzs_commands_range,   bzs_commands_number,    bzs_commands_key,
    bzs_commands_scan,       bzs_commands_expire,  bzs_commands_keyspace,  bzs_commands_login,
    bzs_commands_connection, bzs_commands_client,  bzs_commands_pubsub,    bzs_commands_wait,
    bzs_commands_catalog,    bzs_commands_server,  bzs_commands_config,    bzs_commands_info,
    bzs_commands_slowlog,    bzs_commands_latency, bzs_commands_scripting, bzs_commands_cluster,
    bzs_commands_acl,        bzs_commands_debug,   bzs_commands_multi,     bzs_commands_bitmap,
    bzs_commands_bitfield,   bzs_commands_lcs,     bzs_commands_dump,      bzs_commands_sort,
    bzs_commands_object,     bzs_commands_memory,
};

/**
 * Eight bytes of a name, all of it if it is no longer: first and last four, or up to three one by one.
 * Setting bit 5 turns capital letters into small ones, and no other byte into a letter.
 */
static uint64_t word_of(const char *name, size_t size) {
    const uint64_t small_letters = 0x2020202020202020;
    uint32_t first = 0;
    uint32_t last = 0;
    if (size >= sizeof(first)) {
        memcpy(&first, name, sizeof(first));
        memcpy(&last, name + size - sizeof(last), sizeof(last));
    } else if (size > 0) {
        first = (uint32_t)(unsigned char)name[0] | (uint32_t)(unsigned char)name[size / 2] << 8 |
                (uint32_t)(unsigned char)name[size - 1] << 16;
    }
    return ((uint64_t)last << 32 | first) | small_letters;
}

/** Fibonacci hashing. Names are ours, so nobody can choose them to collide. */
static size_t slot_of(uint64_t word, size_t size) {
    return (size_t)((word + size) * 0x9e3779b97f4a7c15 >> (64 - SLOT_BITS));
}

static bool is_of_letters(const char *name) {
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

struct bzs_command bzs_command_rows[BZS_COMMAND_ROWS_MAX];

/** Flags that follow from the others and from the name. */
static unsigned hidden_flags(const struct bzs_command *command) {
    static const char *const constant[] = {"set", "setex",
                                           "psetex"}; /* not "fast" for Redis, as they replace */
    static const char *const secret[] = {"auth", "hello", "config|set", "acl|setuser", "migrate"};
    bool is_quick = (command->flags & (BZS_FAST | BZS_PUBSUB)) == BZS_FAST && command->last_key >= 0;
    bool is_secret = false;
    for (size_t i = 0; i < sizeof(constant) / sizeof(constant[0]); i++)
        is_quick |= strcmp(command->name, constant[i]) == 0;
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        is_secret |= strcmp(command->name, secret[i]) == 0;
    return (is_quick && !is_secret ? BZS_QUICK : 0) | (is_secret ? BZS_PRIVATE : 0);
}

/** Copies a row, or the empty one that ends a table, into the catalog. */
static struct bzs_command *add_row(const struct bzs_command *command) {
    assert(catalog.row_count < BZS_COMMAND_ROWS_MAX);
    struct bzs_command *row = &bzs_command_rows[catalog.row_count++];
    *row = *command;
    row->flags |= row->name != NULL ? hidden_flags(row) : 0;
    return row;
}

/** Copies a command and its subcommands; every row has a place, and so a number, of its own. */
static const struct bzs_command *add_rows(const struct bzs_command *command) {
    struct bzs_command *row = add_row(command);
    const struct bzs_command *child = row->subcommands;
    if (child == NULL)
        return row;
    row->subcommands = row + 1;
    do {
        add_row(child);
    } while (child++->name != NULL);
    return row;
}

static void add_slot(const struct bzs_command *command, const char *name) {
    size_t size = strlen(name);
    uint64_t word = word_of(name, size);
    size_t slot = slot_of(word, size);
    while (catalog.slots[slot].command != NULL)
        slot = (slot + 1) % SLOT_COUNT;
    bool is_exact = size <= WORD_SIZE && is_of_letters(name);
    catalog.slots[slot] = (struct slot){command, name, word, size, is_exact};
}

static void fill_slots(void) {
    memset(catalog.slots, 0, sizeof(catalog.slots));
    for (size_t i = 0; i < catalog.count; i++)
        add_slot(catalog.list[i], catalog.names[i]);
}

static void add_command(const struct bzs_command *family_row) {
    assert(catalog.count < COMMANDS_MAX);
    const struct bzs_command *command = add_rows(family_row);
    catalog.list[catalog.count] = command;
    catalog.names[catalog.count++] = command->name;
}

static void fill_catalog(void) {
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        for (const struct bzs_command *command = families[i]; command->name != NULL; command++)
            add_command(command);
    fill_slots();
}

const struct bzs_command *bzs_command_find(struct bzs_slice name) {
    pthread_once(&catalog.once, fill_catalog);
    if (name.size > RENAMED_SIZE_MAX)
        return NULL;
    uint64_t word = word_of(name.data, name.size);
    const struct slot *slot = &catalog.slots[slot_of(word, name.size)];
    while (slot->command != NULL) {
        if (slot->word == word && slot->size == name.size && (slot->is_exact || bzs_arg_is(name, slot->name)))
            return slot->command;
        slot = slot + 1 < catalog.slots + SLOT_COUNT ? slot + 1 : catalog.slots;
    }
    return NULL;
}

/** Takes one command out of the list. */
static void forget(size_t index) {
    size_t behind = --catalog.count - index;
    memmove(&catalog.list[index], &catalog.list[index + 1], behind * sizeof(catalog.list[0]));
    memmove(&catalog.names[index], &catalog.names[index + 1], behind * sizeof(catalog.names[0]));
}

const char *bzs_command_rename(const char *from, const char *to) {
    const struct bzs_command *command = bzs_command_find((struct bzs_slice){from, strlen(from)});
    size_t index = 0;
    if (command == NULL)
        return "there is no such command";
    if (bzs_command_find((struct bzs_slice){to, strlen(to)}) != NULL)
        return "there is a command of the new name";
    if (strlen(to) > RENAMED_SIZE_MAX)
        return "the new name is too long";
    while (catalog.list[index] != command)
        index++;
    if (to[0] == '\0')
        forget(index);
    else
        catalog.names[index] = to;
    fill_slots();
    return NULL;
}

size_t bzs_command_count(void) {
    pthread_once(&catalog.once, fill_catalog);
    return catalog.count;
}

const struct bzs_command *bzs_command_at(size_t index) {
    return index < bzs_command_count() ? catalog.list[index] : NULL;
}

const struct bzs_command *bzs_command_find_child(const struct bzs_command *parent, struct bzs_slice name) {
    for (const struct bzs_command *child = parent->subcommands; child->name != NULL; child++)
        if (bzs_arg_is(name, child->name + strlen(parent->name) + 1))
            return child;
    return NULL;
}

const struct bzs_command *bzs_command_find_full(struct bzs_slice full_name) {
    const char *bar = full_name.size > 0 ? memchr(full_name.data, '|', full_name.size) : NULL;
    if (bar == NULL)
        return bzs_command_find(full_name);
    size_t parent_size = (size_t)(bar - full_name.data);
    const struct bzs_command *parent = bzs_command_find((struct bzs_slice){full_name.data, parent_size});
    bool has_children = parent != NULL && parent->subcommands != NULL;
    struct bzs_slice child = {bar + 1, full_name.size - parent_size - 1};
    return has_children ? bzs_command_find_child(parent, child) : NULL;
}

/** A browser that was tricked into talking to this port sends one of these; Redis closes at once, too. */
static bool is_http(struct bzs_slice name) {
    return bzs_arg_is(name, "post") || bzs_arg_is(name, "host:");
}

static int at_most(size_t size, size_t limit) {
    return (int)(size < limit ? size : limit);
}

static void reply_unknown_command(struct bzs_call *call) {
    enum { SHOWN_MAX = 128 };
    char shown[SHOWN_MAX + 8] = "";
    size_t used = 0;
    for (size_t i = 1; i < call->argc && used < SHOWN_MAX; i++) {
        struct bzs_slice argument = call->argv[i];
        snprintf(shown + used, sizeof(shown) - used, "'%.*s' ", at_most(argument.size, SHOWN_MAX - used),
                 argument.data);
        used += strlen(shown + used);
    }
    bzs_reply_error(call->reply, "ERR unknown command '%.*s', with args beginning with: %s",
                    at_most(call->argv[0].size, SHOWN_MAX), call->argv[0].data, shown);
}

static void reply_unknown_subcommand(struct bzs_call *call, const struct bzs_command *parent) {
    char name[NAME_SIZE_MAX + 1];
    size_t size = strlen(parent->name);
    for (size_t i = 0; i <= size; i++) {
        name[i] = parent->name[i] >= 'a' && parent->name[i] <= 'z' ? (char)(parent->name[i] - 'a' + 'A')
                                                                   : parent->name[i];
    }
    bzs_reply_error(call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.", bzs_shown_size(call->argv[1]),
                    call->argv[1].data, name);
}

/** Finds what to run; NULL if there is no such thing, which has been answered then. */
static const struct bzs_command *look_up(struct bzs_call *call) {
    const struct bzs_command *command = bzs_command_find(call->argv[0]);
    if (command == NULL) {
        if (is_http(call->argv[0]))
            bzs_intruder_refuse(call->client, "HTTP");
        else
            reply_unknown_command(call);
        return NULL;
    }
    if (command->subcommands == NULL || call->argc == 1)
        return command;
    const struct bzs_command *child = bzs_command_find_child(command, call->argv[1]);
    if (child == NULL)
        reply_unknown_subcommand(call, command);
    return child;
}

/** False if the password was taken away since the client came: then it is in. */
static bool needs_login(const struct bzs_call *call) {
    if (!call->server->config->has_password)
        bzs_client_set_authenticated(call->client, true);
    return !call->client->authenticated;
}

/** Checks what has to be right before a command may run; false if the error has been answered. */
static bool may_run(struct bzs_call *call) {
    call->command = look_up(call);
    if (call->command == NULL)
        return false;
    if (!bzs_command_fits_arity(call->command, call->argc)) {
        bzs_multi_refuse_arity(call);
        return false;
    }
    if (!call->client->authenticated && (call->command->flags & BZS_NOAUTH) == 0 && needs_login(call)) {
        bzs_reply_error(call->reply, "NOAUTH Authentication required.");
        return false;
    }
    if (bzs_write_stop_refuses(call))
        return false;
    if (call->client->loop->loading && (call->command->flags & BZS_LOADING) == 0) {
        bzs_reply_error(call->reply, "LOADING BlitzDB is loading the dataset in memory");
        return false;
    }
    return !bzs_session_is_special(call) || bzs_session_admits(call);
}

/** Runs the handler and accounts for it; see accounting.h for what is timed how. */
static inline void execute(struct bzs_call *call, uint64_t errors, uint64_t output) {
    struct bzs_client *client = call->client;
    struct bzs_group *group = &client->loop->account->group;
    bool is_quick = bzs_group_takes(group, call);
    if (!is_quick)
        bzs_account_close(client);
    atomic_store_explicit(&client->command, call->command, memory_order_relaxed);
    bool writes = (call->command->flags & BZS_WRITE) != 0;
    client->wrote |= writes;
    client->must_hold |= writes && client->holds_replies;
    if (bzs_session_is_special(call))
        bzs_session_handle(call);
    else
        call->command->handler(call);
    if (call->reply->errors != errors)
        bzs_account_failed(call, output);
    bzs_group_add(group, call);
    if (!is_quick || bzs_reply_stream_end(call->reply) - output >= BZS_LARGE_SIZE)
        bzs_account_close(client);
}

void bzs_command_execute(struct bzs_call *call) {
    bzs_account_close(call->client);
    execute(call, call->reply->errors, bzs_reply_stream_end(call->reply));
    bzs_account_close(call->client);
}

void bzs_command_run(struct bzs_call *call) {
    uint64_t errors = call->reply->errors;
    uint64_t output = bzs_reply_stream_end(call->reply);
    bool may = may_run(call);
    if (may && !bzs_multi_takes(call)) {
        execute(call, errors, output);
    } else if (call->reply->errors != errors) {
        bzs_multi_spoil(call->client);
        bzs_account_rejected(call, output);
    }
    if (bzs_session_is_special(call))
        bzs_session_conclude(call, output);
}
