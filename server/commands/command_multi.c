/**
 * @file
 * @brief MULTI, EXEC, DISCARD, WATCH and UNWATCH; see multi.h.
 */
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "multi.h"

static void run_multi(struct bzs_call *call) {
    if (bzs_multi_is_open(call->client->multi)) {
        bzs_reply_error(call->reply, "ERR MULTI calls can not be nested");
    } else if (bzs_multi_of(call->client) == NULL) {
        bzs_reply_status(call, BLITZDB_NO_MEMORY);
    } else {
        call->client->multi->open = true;
        bzs_reply_simple(call->reply, "OK");
    }
}

/** Takes the transaction out of the client, whose commands run again from now on. */
static struct bzs_multi *take_out(struct bzs_client *client) {
    struct bzs_multi *multi = client->multi;
    client->multi = NULL;
    return multi;
}

static void run_discard(struct bzs_call *call) {
    if (!bzs_multi_is_open(call->client->multi)) {
        bzs_reply_error(call->reply, "ERR DISCARD without MULTI");
        return;
    }
    bzs_multi_destroy(take_out(call->client));
    bzs_reply_simple(call->reply, "OK");
}

static void run_watch(struct bzs_call *call) {
    if (bzs_multi_is_open(call->client->multi)) {
        bzs_reply_error(call->reply, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    if (call->client->loop->loading) { /* there are no keys yet that could change */
        bzs_reply_error(call->reply, "LOADING BlitzDB is loading the dataset in memory");
        return;
    }
    for (size_t i = 1; i < call->argc; i++)
        if (!bzs_multi_watch(call->client, call->db, call->argv[i])) {
            bzs_reply_status(call, BLITZDB_NO_MEMORY);
            return;
        }
    bzs_reply_simple(call->reply, "OK");
}

/** In a transaction nothing is watched any more. */
static void run_unwatch(struct bzs_call *call) {
    if (!bzs_multi_is_open(call->client->multi))
        bzs_multi_destroy(take_out(call->client));
    bzs_reply_simple(call->reply, "OK");
}

/* ---- What a transaction is about ---- */

/** The keys of a queue, or everything. */
struct scope {
    blitzdb_key *keys; /**< room for all that are named */
    size_t count;
    bool whole;
};

/** The keyspace behind a SELECT; one that will be refused changes nothing. */
static unsigned select_keyspace(const struct bzs_queued *queued, unsigned keyspace) {
    int64_t number;
    bool is_valid = queued->argc == 2 && bzs_parse_integer(queued->argv[1], &number) && number >= 0 &&
                    number < BLITZDB_KEYSPACES;
    return is_valid ? (unsigned)number : keyspace;
}

static bool is_about_data(const struct bzs_queued *queued) {
    return (queued->command->flags & (BZS_WRITE | BZS_READONLY)) != 0;
}

/** Whether a command is about more than the keys that the table says it names. */
static bool is_about_all(const struct bzs_queued *queued) {
    return is_about_data(queued) &&
           (queued->command->first_key == 0 || (queued->command->flags & BZS_MORE_KEYS) != 0);
}

static size_t count_keys(const struct bzs_multi *multi) {
    size_t count = 0;
    for (size_t i = 0; i < multi->command_count; i++)
        if (is_about_data(multi->commands[i]))
            count += multi->commands[i]->argc;
    return count;
}

static void add_keys(struct scope *scope, const struct bzs_queued *queued, unsigned keyspace) {
    const struct bzs_command *command = queued->command;
    size_t last = bzs_command_last_key(command, queued->argc);
    for (size_t i = (size_t)command->first_key; i <= last && i < queued->argc; i += (size_t)command->key_step)
        scope->keys[scope->count++] = (blitzdb_key){queued->argv[i].data, queued->argv[i].size, keyspace};
}

/** Finds out what a queue is about; false: memory ran out. The caller frees the keys. */
static bool find_scope(const struct bzs_multi *multi, unsigned keyspace, struct scope *scope) {
    *scope = (struct scope){NULL, 0, false};
    for (size_t i = 0; i < multi->command_count; i++)
        scope->whole |= is_about_all(multi->commands[i]);
    size_t count = scope->whole ? 0 : count_keys(multi);
    if (count == 0)
        return true;
    scope->keys = calloc(count, sizeof(*scope->keys));
    if (scope->keys == NULL)
        return false;
    for (size_t i = 0; i < multi->command_count; i++)
        if (is_about_data(multi->commands[i]))
            add_keys(scope, multi->commands[i], keyspace);
        else if (strcmp(multi->commands[i]->command->name, "select") == 0) /* it may have been renamed */
            keyspace = select_keyspace(multi->commands[i], keyspace);
    return true;
}

/* ---- Running it ---- */

/** Begins the section, if one is needed; OK and NULL: it is not. */
static blitzdb_status begin_section(struct bzs_call *call, const struct bzs_multi *multi,
                                    blitzdb_section **section_out) {
    struct scope scope;
    unsigned keyspace = atomic_load_explicit(&call->client->keyspace, memory_order_relaxed);
    if (!find_scope(multi, keyspace, &scope))
        return BLITZDB_NO_MEMORY;
    blitzdb_section_options options = BLITZDB_SECTION_OPTIONS_INIT;
    options.keys = scope.keys;
    options.key_count = scope.count;
    options.watches = multi->watches;
    options.watch_count = multi->watch_count;
    options.whole = scope.whole;
    options.kind = (multi->flags & BZS_DENYOOM) != 0 ? BLITZDB_SECTION_GROWS
                   : (multi->flags & BZS_WRITE) != 0 ? BLITZDB_SECTION_WRITES
                                                     : BLITZDB_SECTION_READS;
    blitzdb_status status = BLITZDB_OK;
    if (scope.whole || scope.count > 0 || multi->watch_count > 0)
        status = blitzdb_section_begin(call->db, &options, section_out);
    free(scope.keys);
    return status;
}

/** Runs one command of the queue, in the section if there is one. */
static void run_queued(struct bzs_call *exec, const struct bzs_queued *queued, blitzdb_section *section) {
    struct bzs_client *client = exec->client;
    struct bzs_call call = *exec;
    unsigned keyspace = atomic_load_explicit(&client->keyspace, memory_order_relaxed);
    call.command = queued->command;
    call.argc = queued->argc;
    call.argv = queued->argv;
    call.db = client->db;
    if (section != NULL && blitzdb_section_handle(section, keyspace, &call.db) != BLITZDB_OK)
        call.db = client->db;
    bzs_command_execute(&call);
}

/** Says why a transaction did not begin. */
static void reply_refused(struct bzs_call *call, blitzdb_status status) {
    static const char prefix[] = "EXECABORT Transaction discarded because of: ";
    uint64_t start = bzs_reply_stream_end(call->reply);
    struct bzs_reply reason;
    if (status == BLITZDB_CONDITION_FAILED) {
        bzs_reply_null_array(call->reply);
        return;
    }
    bzs_reply_init(&reason);
    struct bzs_call told = *call;
    told.reply = &reason;
    bzs_reply_status(&told, status);
    if (bzs_reply_pending(&reason) > 3) /* what stands between "-" and the end of the line */
        bzs_reply_error(call->reply, "%s%.*s", prefix, (int)(bzs_reply_pending(&reason) - 3),
                        reason.data + 1);
    call->reply->failed |= bzs_reply_stream_end(call->reply) == start;
    bzs_reply_deinit(&reason);
}

/** Runs the queue and answers with the answers of its commands, or with why there are none. */
static void execute(struct bzs_call *call, struct bzs_multi *multi) {
    blitzdb_section *section = NULL;
    uint64_t reply_start = bzs_reply_stream_end(call->reply);
    blitzdb_status status = begin_section(call, multi, &section);
    if (status != BLITZDB_OK) {
        reply_refused(call, status);
        return;
    }
    call->client->in_exec = true;
    bzs_reply_array(call->reply, multi->command_count);
    for (size_t i = 0; i < multi->command_count; i++)
        run_queued(call, multi->commands[i], section);
    bzs_counter_add(&call->client->loop->counters.commands, multi->command_count);
    call->client->in_exec = false;
    if (section != NULL)
        status = blitzdb_section_end(section, BLITZDB_DURABILITY_DEFAULT);
    if (status != BLITZDB_OK) { /* the log has failed on the way */
        bzs_reply_truncate(call->reply, reply_start);
        bzs_reply_status(call, status);
    }
}

static void run_exec(struct bzs_call *call) {
    if (!bzs_multi_is_open(call->client->multi)) {
        bzs_reply_error(call->reply, "ERR EXEC without MULTI");
        return;
    }
    struct bzs_multi *multi = take_out(call->client);
    if (multi->spoiled)
        bzs_reply_error(call->reply, "EXECABORT Transaction discarded because of previous errors.");
    else
        execute(call, multi);
    bzs_multi_destroy(multi);
}

/** What all of them are in Redis. */
#define COMMON (BZS_NOSCRIPT | BZS_LOADING | BZS_STALE | BZS_ALLOW_BUSY)

const struct bzs_command bzs_commands_multi[] = {
    {"multi", run_multi, 1, COMMON | BZS_FAST | BZS_NOT_QUEUED, 0, 0, 0, NULL, "transactions", "1.2.0",
     "Begins a transaction: the commands that follow are queued."},
    {"exec", run_exec, 1, BZS_NOSCRIPT | BZS_LOADING | BZS_STALE | BZS_SKIP_SLOWLOG | BZS_NOT_QUEUED, 0, 0, 0,
     NULL, "transactions", "1.2.0",
     "Runs the queued commands as one step, unless a watched key has changed."},
    {"discard", run_discard, 1, COMMON | BZS_FAST | BZS_NOT_QUEUED, 0, 0, 0, NULL, "transactions", "2.0.0",
     "Forgets the queued commands and the watched keys."},
    {"watch", run_watch, -2, COMMON | BZS_FAST | BZS_NOT_QUEUED, 1, -1, 1, NULL, "transactions", "2.2.0",
     "Watches keys: the next EXEC does nothing if one of them has changed."},
    {"unwatch", run_unwatch, 1, COMMON | BZS_FAST, 0, 0, 0, NULL, "transactions", "2.2.0",
     "Forgets the watched keys."},
    {.name = NULL},
};
